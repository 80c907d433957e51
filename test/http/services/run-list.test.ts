// Which runs are listed: those that answer a message, unless a kind is asked for, page by page however
// many others stand between them.

import { expect, test } from "vitest";
import { createHiddenPlaces } from "../../../adapters/http/services/paging.ts";
import { kindOf, listRuns } from "../../../adapters/http/services/run-list.ts";
import type { RunRow, System } from "../../../runtime/system.ts";

const hidden = createHiddenPlaces({
  seal: (_, text) => `vault:1:00000000:${Buffer.from(text).toString("hex")}:x`,
  open: (_, text) => Buffer.from(text.split(":")[3] ?? "", "hex").toString(),
});

/** Newest first. */
function systemOf(kinds: readonly string[]): Pick<System, "runs"> {
  const rows = kinds.map((kind, at) => ({ id: `rn_${99_999 - at}`, kind }) as RunRow);
  return {
    runs: async (_, { after, limit, kinds }) => {
      const from = after === undefined ? 0 : rows.findIndex(({ id }) => id === after) + 1;
      const looked = rows.slice(from, from + limit);
      const next = looked.length < limit ? null : (looked.at(-1)?.id ?? null);
      return { rows: looked.filter(({ kind }) => kinds?.includes(kind)), next };
    },
  };
}

async function allOf(kinds: readonly string[], limit: number, kind?: string) {
  const system = systemOf(kinds);
  const found: string[] = [];
  let pages = 0;
  for (let after: string | null = ""; after !== null; pages += 1) {
    const page = { limit, ...(after === "" ? {} : { after }) };
    const { items, next } = await listRuns({ system, hidden }, "tn_1", page, { kind });
    found.push(...items.map((row) => row.kind));
    after = next;
  }
  return { found, pages };
}

test("runs of ingestion and merges are not listed among those that answer", async () => {
  const kinds = ["ingest", "supervisor", "collection-merge", "workflow", "ingest-clear"];

  const { found } = await allOf(kinds, 1);

  expect(found).toEqual(["supervisor", "workflow"]);
});

test("a kind that is asked for is listed alone", async () => {
  const kinds = ["ingest", "supervisor", "ingest", "workflow", "ingest"];

  const { found, pages } = await allOf(kinds, 2, "ingest");

  expect(found).toEqual(["ingest", "ingest", "ingest"]);
  expect(pages).toBe(2);
  expect(() => kindOf(new URLSearchParams("kind=a/b"))).toThrow("kind must be");
});

test("answers behind thousands of other runs are found, on pages that may be short", async () => {
  const kinds = [...Array.from({ length: 5_000 }, () => "ingest"), "supervisor"];

  const { found, pages } = await allOf(kinds, 10);

  expect(found).toEqual(["supervisor"]);
  expect(pages).toBeLessThan(5);
});
