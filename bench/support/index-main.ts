// The index of one large collection measured in one process: what is added each second by a merge
// and by the bare library, and how fast a thread searches, by itself and by the bare library.
// Arguments: chunks, dimension, queries. Prints figures: rates per second of CPU, times in us of wall,
// memory in MiB.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Embedder, Retriever } from "../../actors/ports.ts";
import { mergeTask } from "../../adapters/knowledge/merge-task.ts";
import { indexFolder } from "../../adapters/knowledge/merger.ts";
import { createRetriever } from "../../adapters/knowledge/retriever.ts";
import { segmentBytes } from "../../adapters/knowledge/rows.ts";
import { createKnowledgeWriter } from "../../adapters/knowledge/writer.ts";
import { createSegmentFiles } from "../../adapters/segment-files.ts";
import { createBulk } from "../../runtime/store/bulk.ts";
import { openBulkReader } from "../../runtime/store/bulk-reader.ts";
import { keys } from "../../runtime/store/keys.ts";
import { openStore } from "../../runtime/store/lmdb.ts";
import { startStorage } from "../../runtime/store/storage.ts";
import { seeded } from "../../runtime/testkit/schedule.ts";
import { clusteredVectors, nearest } from "../../test/support/vectors.ts";

const [chunksGiven = "100000", dimensionGiven = "384", queriesGiven = "1000"] =
  process.argv.slice(2);
const chunkCount = Number(chunksGiven);
const dimension = Number(dimensionGiven);
const queryCount = Number(queriesGiven);
const EACH = 100;
const TOP = 10;
const top = { top_k: TOP, score_threshold: 0.2 } as const;
const RECALL_QUERIES = 50;
const VOCABULARY = 20_000;
const MIB = 1_048_576;

const path = mkdtempSync(join(tmpdir(), "bench-index-"));
const place = { tenant: "tn_1", collection: "cl_1" };
const random = seeded(5);
const all = clusteredVectors(chunkCount + queryCount, dimension);
const [queries, vectors] = [all.slice(0, queryCount), all.slice(queryCount)];
const word = (): string => `q${Math.floor(random() ** 3 * VOCABULARY)}z`;
const words = (count: number): string => Array.from({ length: count }, word).join(" ");
const embedder: Embedder = {
  ...{ id: "bench-1", dimension, tokensMax: 512, tokenizer: { kind: "approximate" } },
  embed: async ([text = "0"]) => [queries[Number.parseInt(text, 10)] ?? new Float32Array(0)],
};

const storage = await startStorage({
  path,
  onDeath: (_, error) => {
    throw error;
  },
});
const store = openStore({ path, environment: "bulk", port: storage.connect("bulk") });
const bulk = createBulk(store, async () => undefined);
const figures: Record<string, number> = {};

await write();
await merge();
await rawAdds();
const retriever = await open();
await measureSearch(retriever);
await rawSearch();
await store.close();
await storage.close();
rmSync(path, { recursive: true, force: true });
console.log(JSON.stringify(figures));
process.exit(0);

async function write(): Promise<void> {
  const writer = createKnowledgeWriter({ bulk, nowMs: Date.now });
  const beganMs = cpuMs();
  for (let from = 0; from < chunkCount; from += EACH) {
    const write = { documentId: `d${from}`, writeId: `w${from}` };
    const chunks = vectors.slice(from, from + EACH).map((vector, at) => ({
      ...{ text: words(60), headings: [], span: [at, at + 1] as const, vector },
    }));
    await writer.writeText(place, write, "text");
    await writer.writeChunks(place, write, chunks, 0, embedder);
    const metadata = { percent: (from / EACH) % 100 };
    const row = { title: "", metadata, bytes: 4, contentHash: "h", chunks: chunks.length };
    await writer.publish(place, [{ ...write, ...row }], embedder);
  }
  figures["writes"] = perSecond(chunkCount, beganMs);
}

async function merge(): Promise<void> {
  const folder = indexFolder(path, place);
  const input = { ...place, data: path, folder, isForced: true };
  const tools = { reader: openBulkReader(path), files: createSegmentFiles(), nowMs: Date.now };
  const beganMs = cpuMs();
  const merged = await mergeTask(input, tools);
  figures["merges"] = perSecond(chunkCount, beganMs);
  if (merged === null) throw new Error("There was nothing to merge.");
  const key = keys.segment(place.tenant, place.collection);
  await bulk.commit([{ op: "put", key, value: segmentBytes(merged.row) }]);
  figures["vectorMib"] = merged.row.vectors.bytes / MIB;
  figures["postingsMib"] = merged.row.postings.bytes / MIB;
}

async function emptyIndex() {
  const { Index, MetricKind, ScalarKind } = await import("usearch");
  const shape = { connectivity: 16, expansion_add: 64, expansion_search: 32, multi: false };
  const kinds = { metric: MetricKind.Cos, quantization: ScalarKind.F16 };
  return new Index({ dimensions: dimension, ...kinds, ...shape });
}

async function rawAdds(): Promise<void> {
  const index = await emptyIndex();
  const beganMs = cpuMs();
  for (const [at, vector] of vectors.entries()) {
    index.add(new BigUint64Array([BigInt(at)]), vector, 1);
  }
  figures["rawAdds"] = perSecond(chunkCount, beganMs);
  index.save(join(path, "raw.usearch"));
}

/** The first search opens the files; how long it holds the event loop is seen from beside. */
async function open(): Promise<Retriever> {
  const retriever = createRetriever({
    ...{ reader: bulk, settingsOf: () => ({}), embedder },
    segments: {
      files: createSegmentFiles(),
      folderOf: (of) => indexFolder(path, of),
      damaged: (_, error) => {
        throw error;
      },
    },
  });
  const before = process.memoryUsage().rss;
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const beganMs = performance.now();
  await retriever.search({ ...place, query: "0 q1z", settings: top });
  figures["openMs"] = performance.now() - beganMs;
  delay.disable();
  figures["openHeldMs"] = delay.max / 1e6;
  figures["openMib"] = (process.memoryUsage().rss - before) / MIB;
  return retriever;
}

async function measureSearch(retriever: Retriever): Promise<void> {
  for (const mode of ["vector", "lexical", "hybrid"] as const) {
    const times: number[] = [];
    const beganCpuMs = cpuMs();
    for (let at = 0; at < queryCount; at += 1) {
      const query = `${at} ${words(6)}`;
      const beganMs = performance.now();
      await retriever.search({ ...place, query, settings: top, mode });
      times.push((performance.now() - beganMs) * 1_000);
    }
    note(mode, times, beganCpuMs);
  }
  for (const percent of [1, 10, 50]) await measureFiltered(retriever, percent);
  let found = 0;
  for (let at = 0; at < RECALL_QUERIES; at += 1) {
    const { passages } = await retriever.search({
      ...{ ...place, query: `${at}`, settings: top, mode: "vector" },
    });
    const ids = new Set(passages.map(({ chunkId }) => chunkId));
    const exact = nearest(vectors, queries[at] ?? new Float32Array(0), TOP);
    found += exact.filter((place) => ids.has(idOf(place))).length;
  }
  figures["recall"] = found / (RECALL_QUERIES * TOP);
}

/** Searches that want so many documents of a hundred; the first one looks at all of them. */
async function measureFiltered(retriever: Retriever, percent: number): Promise<void> {
  const filter = { percent: { lt: percent } };
  const search = (at: number) =>
    retriever.search({ ...place, query: `${at} ${words(6)}`, settings: top, filter });
  const openedMs = performance.now();
  await search(0);
  figures[`filter${percent}FirstMs`] = performance.now() - openedMs;
  const times: number[] = [];
  const beganCpuMs = cpuMs();
  for (let at = 0; at < queryCount; at += 1) {
    const beganMs = performance.now();
    await search(at);
    times.push((performance.now() - beganMs) * 1_000);
  }
  note(`filter${percent}`, times, beganCpuMs);
}

function idOf(at: number): string {
  return `d${at - (at % EACH)}.${at % EACH}`;
}

async function rawSearch(): Promise<void> {
  const index = await emptyIndex();
  index.view(join(path, "raw.usearch"));
  for (const [name, limit] of [
    ["raw10", TOP],
    ["raw100", 100],
  ] as const) {
    const beganCpuMs = cpuMs();
    const times = queries.map((query) => {
      const beganMs = performance.now();
      index.search(query, limit, 1);
      return (performance.now() - beganMs) * 1_000;
    });
    note(name, times, beganCpuMs);
  }
}

function note(name: string, times: number[], beganCpuMs: number): void {
  figures[`${name}PerSecond`] = perSecond(times.length, beganCpuMs);
  times.sort((a, b) => a - b);
  figures[`${name}P50`] = times[Math.floor(times.length * 0.5)] ?? Number.NaN;
  figures[`${name}P99`] = times[Math.floor(times.length * 0.99)] ?? Number.NaN;
}

/** CPU time of this process in ms: a machine with other work to do changes it little. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

function perSecond(count: number, beganCpuMs: number): number {
  return (count * 1_000) / (cpuMs() - beganCpuMs);
}
