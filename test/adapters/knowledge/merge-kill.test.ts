// kill -9 of a process that publishes and merges: what was acknowledged is there, every chunk once,
// and the files that count are whole and find what comparison with every row finds.

import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { indexFolder } from "../../../adapters/knowledge/index-folder.ts";
import { documentOf, headOf, preparedOf, segmentOf } from "../../../adapters/knowledge/rows.ts";

import { rowsWith, Slices } from "../../../adapters/knowledge/slices.ts";
import { keys } from "../../../runtime/store/keys.ts";
import { seeded } from "../../../runtime/testkit/schedule.ts";
import { find } from "../../support/find.ts";
import { type KnowledgeRows, startKnowledgeRows } from "../../support/knowledge-rows.ts";

const KILLS = 20;
/** A life is cut after at most so many lines, and a moment. */
const LINES_MAX = 16;
const MOMENT_MS = 40;
/** Searches are compared after every so many kills. */
const JUDGED_EVERY = 4;
/** Lives that must have been cut in a merge. */
const IN_MERGE_LEAST = 5;
const CHUNKS = 8;
const TOP = 50;
const place = { tenant: "t1", collection: "cl_killed" };
const child = fileURLToPath(new URL("../../support/merge-child.js", import.meta.url));
const random = seeded(11);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "troupe-merge-kill-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Lines it printed until it was killed. */
async function live(life: number): Promise<readonly string[]> {
  const running = spawn(process.execPath, [child, folder, String(life)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise((resolve) => running.once("close", resolve));
  let printed = "";
  const lines = 1 + Math.floor(random() * LINES_MAX);
  const isDue = new Promise<void>((resolve, reject) => {
    running.stdout.setEncoding("utf8").on("data", (text: string) => {
      printed += text;
      if (printed.split("\n").length > lines) resolve();
    });
    running.once("close", () => reject(new Error(`A life ended by itself: ${printed}`)));
  });
  await isDue;
  await sleep(random() * MOMENT_MS);
  running.kill("SIGKILL");
  await ended;
  // What was cut off in the middle of a line was not acknowledged.
  return printed.split("\n").slice(0, -1);
}

/** Checks rows against what was acknowledged; the newest seed of each document. */
async function judgeRows(rows: KnowledgeRows, acknowledged: ReadonlyMap<string, number>) {
  const { tenant, collection } = place;
  const head = headOf(await rows.bulk.get(keys.collectionHead(tenant, collection)));
  const slots = new Set<number>();
  const found = new Map<string, number>();
  const words: string[] = [];
  const slices = new Slices();
  for await (const { value } of rowsWith(rows.bulk, keys.documentsOf(tenant, collection), slices)) {
    const document = documentOf(value);
    const seed = Number(document.metadata["seed"]);
    found.set(document.id, seed);
    for (let at = 0; at < document.chunks; at += 1) slots.add(document.firstSlot + at);
    const prefix = keys.chunksOf(tenant, collection, document.id, document.writeId);
    let chunks = 0;
    for await (const row of rowsWith(rows.bulk, prefix, slices)) {
      chunks += 1;
      expect(preparedOf(row.value).text.endsWith(` w${seed}w`)).toBe(true);
    }
    expect(chunks, document.id).toBe(CHUNKS);
    words.push(`w${seed}w`);
  }
  for (const [id, seed] of acknowledged) {
    // One that was published and not yet told may be newer.
    expect(found.get(id), `${id} is lost`).toBeGreaterThanOrEqual(seed);
  }
  expect(slots.size).toBe(found.size * CHUNKS);
  expect(head).toMatchObject({ documents: found.size, chunks: slots.size });
  return { found, words };
}

/** Compares the files' answers with those of every row. */
async function judgeSearch(rows: KnowledgeRows, words: readonly string[]): Promise<void> {
  const damaged: unknown[] = [];
  const exact = rows.retriever({ files: null });
  const files = rows.retriever({ damaged: (of) => damaged.push(of) });
  const ids = async (by: typeof exact, query: string, mode: "lexical" | "vector") => {
    const found = await find(by, { ...place, query, topK: TOP, mode });
    const list = found.map(({ chunkId }) => chunkId);
    expect(new Set(list).size, query).toBe(list.length);
    return list;
  };
  let wanted = 0;
  let got = 0;
  for (let at = 0; at < 8; at += 1) {
    const word = words[Math.floor(random() * words.length)] ?? "";
    expect((await ids(files, word, "lexical")).sort()).toEqual(
      (await ids(exact, word, "lexical")).sort(),
    );
    const query = "x".repeat(Math.floor(random() * 64));
    const near = new Set(await ids(files, query, "vector"));
    const all = await ids(exact, query, "vector");
    expect(near.size).toBe(all.length);
    wanted += all.length;
    got += all.filter((id) => near.has(id)).length;
  }
  expect(got).toBeGreaterThanOrEqual(wanted * 0.98);
  expect(damaged, "files that count were not whole").toEqual([]);
}

test("kill -9 while files are made and rows are written, 20 times: nothing is lost or there twice, and files find what rows find", async () => {
  const acknowledged = new Map<string, number>();
  let inMerge = 0;
  let segments = 0;
  let last = "";
  for (let life = 0; life < KILLS; life += 1) {
    const lines = await live(life);
    for (const line of lines) {
      const [what, id, seed] = line.split(" ");
      if (what === "put" && id !== undefined) acknowledged.set(id, Number(seed));
    }
    const merges = lines.filter((line) => line.startsWith("merge"));
    if (merges.at(-1) === "merge") inMerge += 1;

    const rows = await startKnowledgeRows(folder);
    const { words } = await judgeRows(rows, acknowledged);
    if (words.length > 0 && life % JUDGED_EVERY === JUDGED_EVERY - 1)
      await judgeSearch(rows, words);
    const stored = await rows.bulk.get(keys.segment(place.tenant, place.collection));
    const segment = stored && segmentOf(stored);
    if (segment !== undefined && segment.id !== last) segments += 1;
    last = segment?.id ?? last;
    await rows.close();
  }

  expect(acknowledged.size).toBeGreaterThan(KILLS);
  expect(inMerge).toBeGreaterThanOrEqual(IN_MERGE_LEAST);
  expect(segments).toBeGreaterThan(1);
  const rows = await startKnowledgeRows(folder);
  // What the dead left goes with the next merge.
  await rows.merger.merge(place, { isForced: true });
  expect(readdirSync(indexFolder(folder, place))).toHaveLength(2);
  await rows.close();
}, 120_000);
