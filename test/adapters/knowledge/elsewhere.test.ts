// Collections with files are searched on threads of their own, and found to be the same there.

import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { searchesElsewhere, searchTaskName } from "../../../adapters/knowledge/elsewhere.ts";
import { indexFolder } from "../../../adapters/knowledge/index-folder.ts";
import type { Place } from "../../../adapters/knowledge/rows.ts";
import { createComputePool } from "../../../runtime/threads/compute.ts";
import type { ComputePool } from "../../../runtime/threads/compute-port.ts";
import { find } from "../../support/find.ts";
import {
  documentsOf,
  type KnowledgeRows,
  startKnowledgeRows,
} from "../../support/knowledge-rows.ts";

const url = new URL("../../../adapters/search-tasks.js", import.meta.url).href;
const batch = { threads: 1, itemsMax: 1, waitMs: 0, waitingMax: 10, batchMs: 30_000 };
const place = { tenant: "t1", collection: "cl_elsewhere" };

let rows: KnowledgeRows;
let pool: ComputePool;
beforeAll(async () => {
  rows = await startKnowledgeRows();
  pool = createComputePool({
    tasks: {
      [searchTaskName]: { url, name: "searchCollections", batch: { ...batch, idleMs: 10_000 } },
    },
    ...{ threads: 1, queueMax: 10, heapMib: 256 },
  });
});
afterAll(async () => {
  await pool.close();
  await rows.close();
});

test("a search elsewhere finds what one here finds, changes too, and says when files are damaged", async () => {
  const damaged: Place[] = [];
  const elsewhere = searchesElsewhere({
    compute: pool,
    data: rows.path,
    damaged: (of) => damaged.push(of),
  });
  const here = rows.retriever();
  const there = rows.retriever({ files: null, elsewhere });
  const same = async (query: string): Promise<number> => {
    const asked = { ...place, query, topK: 10, mode: "lexical" as const };
    const found = await find(there, asked);
    expect(found).toEqual(await find(here, asked));
    return found.length;
  };
  await rows.put(place, documentsOf(12, 20, 1));
  // Small: searched here, and no thread exists.
  expect(await same("q1z q2z")).toBeGreaterThan(0);
  expect(pool.figures().threads).toBe(0);

  await rows.merger.merge(place, { isForced: true });

  expect(await same("q1z q2z")).toBeGreaterThan(0);
  expect(pool.figures().threads).toBe(1);
  await rows.put(place, documentsOf(2, 10, 7));
  for (const query of ["q0z", "q3z q9z", "q5z"]) await same(query);
  expect(damaged).toEqual([]);

  await rows.merger.merge(place, { isForced: true });
  const folder = indexFolder(rows.path, place);
  for (const name of readdirSync(folder)) writeFileSync(join(folder, name), "garbage");
  // The next segment is opened beside the one at hand: the damage is told when it was looked at.
  await expect
    .poll(async () => [await same("q3z q9z"), damaged.length].join(), { timeout: 10_000 })
    .toMatch(/,1$/);
  expect(damaged).toEqual([place]);
}, 60_000);
