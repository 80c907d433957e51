// Makes the next index files of a collection from its rows: in a compute thread, which reads `bulk`
// itself. It changes no row: its caller makes the files count. Files of a merge that came to nothing
// are removed by the next one.

import { mkdir } from "node:fs/promises";
import { searchText } from "../../actors/knowledge/retrieve.ts";
import type { PostingsBuild, SegmentFiles, VectorBuild } from "../../actors/knowledge/segment.ts";
import { lexicalVector } from "../../actors/text/vector.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { newId } from "../../runtime/id.ts";
import { keys } from "../../runtime/store/keys.ts";
import type { SealerSource } from "../../runtime/store/sealer.ts";
import type { Reader } from "../../runtime/store/store.ts";
import { builtinEmbedder } from "../embed/builtin.ts";
import { type Difference, differenceOf, everything, loadDocument } from "./changes.ts";
import { removeIndexFolder } from "./index-folder.ts";
import { isMergeDue, mergeLimits } from "./merge-due.ts";
import {
  type CollectionHead,
  type EmbedderName,
  headOf,
  type Place,
  type SegmentRow,
  type SlotRange,
  segmentOf,
} from "./rows.ts";
import { Slices } from "./slices.ts";

/** Name of the compute pool's task. */
export const mergeTaskName = "knowledge.merge";

/** What to merge. `isForced`: also when little has changed, because the files are of no use. */
export interface MergeInput extends Place {
  /** The data folder. */
  readonly data: string;
  /** How what is a tenant's is sealed; absent: it is not. */
  readonly sealer?: SealerSource | undefined;
  /** Where the collection's files lie. */
  readonly folder: string;
  readonly isForced: boolean;
}

/** The files made, to be put in place of those of segment `before`; null when there was nothing to do. */
export type Merged = { readonly row: SegmentRow; readonly before: string | null } | null;

/** What the task works with. */
export interface MergeTools {
  readonly reader: Reader;
  readonly files: SegmentFiles;
  nowMs(): number;
}

interface Builds {
  readonly vectors: VectorBuild;
  readonly postings: PostingsBuild;
  readonly difference: Difference;
}

type Tools = MergeTools & { readonly slices: Slices };

/** The vector of a short question about a text, made when it is asked for. */
type Asker = (text: string) => () => Float32Array;

/** People ask in so many words; a text of longer ones is cut. */
const QUESTION_WORDS = 6;
const QUESTION_LETTERS = 200;

/** @throws CANCELLED when the collection is removed meanwhile, STORE_FULL and what writing files throws. */
export async function mergeTask(input: MergeInput, tools: MergeTools): Promise<Merged> {
  const { tenant, collection, isForced } = input;
  const working = { ...tools, slices: new Slices() };
  const head = headOf(await tools.reader.get(keys.collectionHead(tenant, collection)));
  const stored = await tools.reader.get(keys.segment(tenant, collection));
  const before = stored === undefined ? null : segmentOf(stored);
  const { embedder } = head;
  if (head.isRemoved || embedder === null) return null;
  if (!isForced && !isMergeDue(head, before)) return null;
  await makeFolder(input, tools.reader);
  const builds =
    (await extend(input, working, head, before)) ?? (await begin(input, working, embedder));
  await fill(input, working, head, builds);
  const id = newId("sg", tools.nowMs());
  const vectors = await builds.vectors.save(`${id}.vectors`);
  const postings = await builds.postings.save(`${id}.postings`);
  const { generation, nextSlot } = head;
  return {
    row: { id, generation, nextSlot, embedder, vectors, postings },
    before: before?.id ?? null,
  };
}

/**
 * Whoever removes the collection marks it before its folder goes: where no mark is seen once the folder
 * is there, the folder goes with the removal, else this is what came too late for it.
 */
async function makeFolder(place: MergeInput, reader: Reader): Promise<void> {
  await mkdir(place.folder, { recursive: true, mode: 0o700 });
  try {
    await checkThere(reader, place);
  } catch (error) {
    await removeIndexFolder(place.folder);
    throw error;
  }
}

/** From the files there are; undefined when they are of no use or have too much in them that is gone. */
async function extend(
  { tenant, collection, folder }: MergeInput,
  { reader, files, slices }: Tools,
  head: CollectionHead,
  before: SegmentRow | null,
): Promise<Builds | undefined> {
  if (before === null) return undefined;
  const span = { since: before.generation, until: head.generation };
  const difference = await differenceOf(reader, { tenant, collection }, span, slices);
  if (difference === undefined) return undefined;
  const { chunks, alive } = before.postings;
  const gone = difference.removed.reduce((sum, [, count]) => sum + count, chunks - alive);
  if (gone > chunks * mergeLimits.goneShareMax) return undefined;
  try {
    const vectors = await files.vectors.build(folder, before.embedder, before.vectors);
    return { vectors, postings: await files.postings.build(folder, before.postings), difference };
  } catch (error) {
    if (error instanceof RuntimeError && error.code === "DATA_DAMAGED") return undefined;
    throw error;
  }
}

async function begin(
  { tenant, collection, folder }: MergeInput,
  { reader, files, slices }: Tools,
  embedder: EmbedderName,
): Promise<Builds> {
  const difference = await everything(reader, { tenant, collection }, slices);
  const vectors = await files.vectors.build(folder, embedder, null);
  return { vectors, postings: await files.postings.build(folder, null), difference };
}

async function fill(
  place: MergeInput,
  { reader, slices }: Tools,
  head: CollectionHead,
  { vectors, postings, difference }: Builds,
): Promise<void> {
  for (const [first, count] of difference.removed) {
    for (let slot = first; slot < first + count; slot += 1) {
      vectors.remove(slot);
      postings.remove(slot);
    }
  }
  const ask = askerOf(head.embedder);
  // What came after the head that was read is of the next merge.
  const added = [...difference.added]
    .filter(([, [first]]) => first < head.nextSlot)
    .sort(([, [a]], [, [b]]) => a - b);
  for (const [id, range] of added) {
    await checkThere(reader, place);
    await put(place, { reader, slices, ask }, { vectors, postings }, id, range);
  }
}

async function put(
  place: Place,
  { reader, slices, ask }: Omit<Tools, "files" | "nowMs"> & { readonly ask: Asker | undefined },
  { vectors, postings }: Pick<Builds, "vectors" | "postings">,
  id: string,
  range: SlotRange,
): Promise<void> {
  const loaded = await loadDocument(reader, place, id, range, slices);
  if (loaded === undefined) return;
  for (const [number, chunk] of loaded.chunks.entries()) {
    const slot = range[0] + number;
    if (chunk.vector.length > 0) vectors.add(slot, chunk.vector, ask?.(chunk.text));
    postings.add(slot, searchText({ ...chunk, documentTitle: loaded.document.title }));
    await slices.breathe();
  }
}

/** Short questions about texts; undefined where they cannot be embedded at once. */
function askerOf(embedder: EmbedderName | null): Asker | undefined {
  if (embedder?.id !== builtinEmbedder.id) return undefined;
  return (text) => () => {
    const words = text.slice(0, QUESTION_LETTERS).split(/\s+/).filter(Boolean);
    return lexicalVector(words.slice(0, QUESTION_WORDS).join(" "), builtinEmbedder.dimension);
  };
}

/** A task is not ended from outside while native code may run in it: it looks itself. */
async function checkThere(reader: Reader, { tenant, collection }: Place): Promise<void> {
  const head = headOf(await reader.get(keys.collectionHead(tenant, collection)));
  if (head.isRemoved) throw new RuntimeError("CANCELLED", "The collection was removed.");
}
