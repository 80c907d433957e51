// The ten nearest of texts that lie evenly, to questions of a few words: by one thread of ours and by
// the bare library, over the file that a folder of search-door-fill-main has. The library looks at as
// many candidates as it needs to find as large a share as is promised, as far as doubling them goes.
// Arguments: folder, questions, the share. Prints figures: rates per second of CPU, times in us of wall,
// what each finds of what comparing with all finds, candidates of the library.

import { join } from "node:path";
import { lexicalVector } from "../../actors/text/vector.ts";
import { builtinEmbedder } from "../../adapters/embed/builtin.ts";
import { defaultTenant } from "../../adapters/front.ts";
import { indexFolder } from "../../adapters/knowledge/index-folder.ts";
import { type Place, segmentOf } from "../../adapters/knowledge/rows.ts";
import { createSearcher } from "../../adapters/knowledge/searcher.ts";
import { createSegmentFiles } from "../../adapters/segment-files.ts";
import { openBulkReader } from "../../runtime/store/bulk-reader.ts";
import { keys } from "../../runtime/store/keys.ts";
import { CHUNKS_EACH, collectionsOf, createTexts, dataOf } from "./door-collections.ts";
import { endWithTheBench } from "./program-end.ts";

endWithTheBench();
const [folder = "", questionsGiven = "200", shareGiven = "0.98"] = process.argv.slice(2);
const TOP = 10;
const QUESTION_WORDS = 6;
const CANDIDATES_MOST = 16_384;
const { dimension } = builtinEmbedder;
const path = dataOf(folder);
const place: Place = { tenant: defaultTenant, collection: collectionsOf(folder).large };
const reader = openBulkReader(path);
const files = createSegmentFiles();

const stored = await reader.get(keys.segment(place.tenant, place.collection));
if (stored === undefined) throw new Error("The folder was not filled.");
const { vectors } = segmentOf(stored);
const { below, text } = createTexts(13);
const questions = Array.from({ length: Number(questionsGiven) }, () =>
  lexicalVector(text(below(vectors.count / CHUNKS_EACH), QUESTION_WORDS), dimension),
);
const none = new Float32Array(dimension);

const searcher = createSearcher({
  reader,
  segments: {
    files,
    folderOf: (of) => indexFolder(path, of),
    damaged: (_, error) => {
      throw error;
    },
  },
});

const exact = await comparedWithAll();
let candidates = vectors.expansion;
let index = await library(candidates);
while (shareOf(questions.map(byLibrary)) < Number(shareGiven) && candidates < CANDIDATES_MOST) {
  candidates *= 2;
  index = await library(candidates);
}
const figures: Record<string, number> = { candidates };
await measure();
console.log(JSON.stringify(figures));
process.exit(0);

async function comparedWithAll(): Promise<readonly ReadonlySet<number>[]> {
  const view = await files.vectors.view(indexFolder(path, place), vectors, builtinEmbedder);
  const all: Set<number>[] = [];
  for (const question of questions) {
    const hits = await view.compare(question, [[0, Number.MAX_SAFE_INTEGER]], TOP);
    all.push(new Set(hits.map(({ slot }) => slot)));
  }
  view.close();
  return all;
}

async function library(expansion: number) {
  const { Index, MetricKind, ScalarKind } = await import("usearch");
  const shape = { connectivity: 16, expansion_add: 64, expansion_search: expansion, multi: false };
  const kinds = { metric: MetricKind.Cos, quantization: ScalarKind.F16 };
  const made = new Index({ dimensions: dimension, ...kinds, ...shape });
  made.view(join(indexFolder(path, place), vectors.name));
  return made;
}

function byLibrary(question: Float32Array): readonly number[] {
  return Array.from(index.search(question, TOP, 1).keys, Number);
}

async function byUs(question: Float32Array): Promise<readonly number[]> {
  const hits = await searcher.nearest(place, { vector: question, topK: TOP });
  return hits.map(({ documentId, chunkId }) => {
    const number = Number.parseInt(chunkId.slice(documentId.length + 1), 10);
    return Number(documentId.slice(1)) * CHUNKS_EACH + number;
  });
}

/** In turns, of other questions each, so that neither finds the other's pages in the cache. */
async function measure(): Promise<void> {
  const found = { ours: [] as (readonly number[])[], bare: [] as (readonly number[])[] };
  const times = { ours: [] as number[], bare: [] as number[] };
  const cpu = { ours: 0, bare: 0 };
  const count = questions.length;
  const one = async (who: "ours" | "bare", at: number): Promise<void> => {
    const question = questions[at % count] ?? none;
    const [beganMs, began] = [performance.now(), cpuMs()];
    const slots = who === "ours" ? await byUs(question) : byLibrary(question);
    cpu[who] += cpuMs() - began;
    times[who].push((performance.now() - beganMs) * 1_000);
    found[who][at % count] = slots;
  };
  // The first round maps pages and compiles.
  for (let at = 0; at < count * 2; at += 1) {
    if (at === count) {
      Object.assign(cpu, { ours: 0, bare: 0 });
      Object.assign(times, { ours: [], bare: [] });
    }
    await one("ours", at);
    await one("bare", at + (count >> 1));
  }
  for (const who of ["ours", "bare"] as const) {
    figures[`${who}PerSecond`] = (count * 1_000) / cpu[who];
    times[who].sort((a, b) => a - b);
    figures[`${who}P50`] = times[who][count >> 1] ?? Number.NaN;
    figures[`${who}P99`] = times[who][Math.floor(count * 0.99)] ?? Number.NaN;
    figures[`${who}Share`] = shareOf(found[who]);
  }
}

/** What was found of what comparing with all finds. */
function shareOf(found: readonly (readonly number[])[]): number {
  let [wanted, there] = [0, 0];
  for (const [at, slots] of exact.entries()) {
    wanted += slots.size;
    there += (found[at] ?? []).filter((slot) => slots.has(slot)).length;
  }
  return there / wanted;
}

/** CPU time of this process in ms. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
