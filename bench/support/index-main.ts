// The index of one large collection measured in one process: what is added each second by a merge
// and by the bare library, and how fast a thread searches, by itself and by the bare library.
// Arguments: what ("fill" a folder, its "adds" by the bare library, "search" it), folder, chunks,
// dimension, queries. Prints figures: rates per second of CPU, times in us of wall,
// memory in MiB.

import { availableParallelism } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Embedder, Retriever } from "../../actors/ports.ts";
import { indexFolder } from "../../adapters/knowledge/index-folder.ts";
import { mergeTask } from "../../adapters/knowledge/merge-task.ts";
import { createRetriever } from "../../adapters/knowledge/retriever.ts";
import { type SegmentRow, segmentBytes, segmentOf } from "../../adapters/knowledge/rows.ts";
import { createSearcher, type Searcher } from "../../adapters/knowledge/searcher.ts";
import { createKnowledgeWriter } from "../../adapters/knowledge/writer.ts";
import type { SearchWork } from "../../adapters/search-tasks.ts";
import { createSegmentFiles } from "../../adapters/segment-files.ts";
import { openBulkReader } from "../../runtime/store/bulk-reader.ts";
import { keys } from "../../runtime/store/keys.ts";
import { seeded } from "../../runtime/testkit/schedule.ts";
import { createComputePool } from "../../runtime/threads/compute.ts";
import { openData } from "../../test/support/open-data.ts";
import { clusteredVectors, nearest, unit } from "../../test/support/vectors.ts";

const [what, path = "", chunksGiven, dimensionGiven, queriesGiven] = process.argv.slice(2);
const chunkCount = Number(chunksGiven);
const dimension = Number(dimensionGiven);
const queryCount = Number(queriesGiven);
const EACH = 100;
const TOP = 10;
const top = { top_k: TOP, score_threshold: 0.2 } as const;
const RECALL_QUERIES = 50;
const VOCABULARY = 20_000;
const MIB = 1_048_576;

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

const data = await openData(path);
const bulk = data.connectBulk();
const figures: Record<string, number> = {};

if (what === "fill") {
  await write();
  await merge();
} else if (what === "adds") {
  await rawAdds();
} else {
  const stored = await bulk.get(keys.segment(place.tenant, place.collection));
  if (stored === undefined) throw new Error("The folder was not filled.");
  const segment = segmentOf(stored);
  figures["vectorMib"] = segment.vectors.bytes / MIB;
  figures["postingsMib"] = segment.postings.bytes / MIB;
  figures["expansion"] = segment.vectors.expansion;
  const retriever = await open();
  await measureNearest(segment);
  await measureSearch(retriever);
  await measureLane();
}
await data.close();
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
}

/** @param expansion candidates of a search: as many as our file says. */
async function emptyIndex(expansion: number) {
  const { Index, MetricKind, ScalarKind } = await import("usearch");
  const shape = { connectivity: 16, expansion_add: 64, expansion_search: expansion, multi: false };
  const kinds = { metric: MetricKind.Cos, quantization: ScalarKind.F16 };
  return new Index({ dimensions: dimension, ...kinds, ...shape });
}

async function rawAdds(): Promise<void> {
  const index = await emptyIndex(32);
  const beganMs = cpuMs();
  for (const [at, vector] of vectors.entries()) {
    index.add(new BigUint64Array([BigInt(at)]), vector, 1);
  }
  figures["rawAdds"] = perSecond(chunkCount, beganMs);
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
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const beganMs = performance.now();
  await retriever.search({ ...place, query: "0 q1z", settings: top });
  figures["openMs"] = performance.now() - beganMs;
  delay.disable();
  figures["openHeldMs"] = delay.max / 1e6;
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
    const ids = new Set(passages.map(shortId));
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

/** Without the mark of the document's version. */
function shortId({ chunkId }: { readonly chunkId: string }): string {
  return chunkId.slice(0, chunkId.lastIndexOf("-"));
}

function idOf(at: number): string {
  return `d${at - (at % EACH)}.${at % EACH}`;
}

/**
 * Ids and similarities of the ten nearest, by a thread's index and by the bare library over the same
 * file: in turns, of other questions each, so that neither finds the other's pages in the cache.
 */
async function measureNearest(segment: SegmentRow): Promise<void> {
  const index = await emptyIndex(segment.vectors.expansion);
  index.view(join(indexFolder(path, place), segment.vectors.name));
  const searcher = createSearcher({
    reader: openBulkReader(path),
    segments: {
      files: createSegmentFiles(),
      folderOf: (of) => indexFolder(path, of),
      damaged: (_, error) => {
        throw error;
      },
    },
  });
  const ours: number[] = [];
  const bare: number[] = [];
  const cpu = { ours: 0, bare: 0 };
  // The first round maps pages and compiles.
  for (let at = 0; at < queryCount * 2; at += 1) {
    if (at === queryCount) Object.assign(cpu, { ours: 0, bare: 0 });
    const vector = queries[at % queryCount] ?? new Float32Array(dimension);
    const other = queries[(at + (queryCount >> 1)) % queryCount] ?? vector;
    const times = [performance.now()];
    const used = [cpuMs()];
    await searcher.nearest(place, { vector, topK: TOP });
    times.push(performance.now());
    used.push(cpuMs());
    index.search(other, TOP, 1);
    times.push(performance.now());
    used.push(cpuMs());
    const [t0 = 0, t1 = 0, t2 = 0] = times;
    const [c0 = 0, c1 = 0, c2 = 0] = used;
    cpu.ours += c1 - c0;
    cpu.bare += c2 - c1;
    if (at < queryCount) continue;
    ours.push((t1 - t0) * 1_000);
    bare.push((t2 - t1) * 1_000);
  }
  noteTimes("nearest", ours, cpu.ours);
  noteTimes("bare", bare, cpu.bare);
  await measureFar(searcher);
}

/** Questions in any direction, which are like no document. */
async function measureFar(searcher: Pick<Searcher, "nearest">): Promise<void> {
  const normal = (): number =>
    Math.sqrt(-2 * Math.log(random() + 1e-12)) * Math.cos(2 * Math.PI * random());
  const times: number[] = [];
  let found = 0;
  let usedMs = 0;
  for (let at = 0; at < RECALL_QUERIES; at += 1) {
    const vector = unit(Float32Array.from({ length: dimension }, normal));
    const [beganMs, beganCpuMs] = [performance.now(), cpuMs()];
    const hits = await searcher.nearest(place, { vector, topK: TOP });
    times.push((performance.now() - beganMs) * 1_000);
    usedMs += cpuMs() - beganCpuMs;
    const ids = new Set(hits.map(shortId));
    found += nearest(vectors, vector, TOP).filter((one) => ids.has(idOf(one))).length;
  }
  noteTimes("far", times, usedMs);
  figures["farRecall"] = found / (RECALL_QUERIES * TOP);
}

/** Whole searches through the threads that the server gives them, one a core. */
async function measureLane(): Promise<void> {
  const threads = availableParallelism();
  const url = new URL("../../adapters/search-tasks.js", import.meta.url).href;
  const batch = { threads, itemsMax: 1, waitMs: 0, waitingMax: 1_000 };
  const pool = createComputePool({
    tasks: {
      "knowledge.search": {
        ...{ url, name: "searchCollections" },
        batch: { ...batch, batchMs: 60_000, idleMs: 60_000 },
      },
    },
    ...{ threads: 1, queueMax: 10, heapMib: 512 },
  });
  const search = (at: number): Promise<unknown> => {
    const vector = queries[at % queryCount] ?? new Float32Array(dimension);
    const weights = { vector: 1, lexical: 0 };
    const threshold = { best: 0, each: 0 };
    const query = { query: "", vector, topK: TOP, mode: "vector" as const, weights, threshold };
    const work: SearchWork = { data: path, place, query };
    return pool.run("knowledge.search", work, { tenant: place.tenant, timeoutMs: 60_000 });
  };
  await Promise.all(Array.from({ length: threads * 50 }, (_, at) => search(at)));
  const times: number[] = [];
  let next = 0;
  const beganMs = performance.now();
  const one = async (): Promise<void> => {
    for (; next < queryCount * threads; ) {
      next += 1;
      const askedMs = performance.now();
      await search(next);
      times.push((performance.now() - askedMs) * 1_000);
    }
  };
  await Promise.all(Array.from({ length: threads * 2 }, one));
  noteTimes("lane", times, performance.now() - beganMs);
  figures["threads"] = threads;
  await pool.close();
}

function note(name: string, times: number[], beganCpuMs: number): void {
  noteTimes(name, times, cpuMs() - beganCpuMs);
}

function noteTimes(name: string, times: number[], usedMs: number): void {
  figures[`${name}PerSecond`] = (times.length * 1_000) / usedMs;
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
