// Writes documents of collections, from any thread. A document's text and chunks are written first,
// in small commits that nobody sees; `publish` makes them visible in one last commit, which swaps
// the collection's head, so that a search sees all of a document or what was there before. What a
// crash leaves behind has a write row and is swept later.

import { setTimeout as pause } from "node:timers/promises";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Bulk } from "../../runtime/store/bulk.ts";
import { keys, prefixRange } from "../../runtime/store/keys.ts";
import type { Level, StoreOp } from "../../runtime/store/store.ts";
import { commitLimits, inPieces } from "./commit-all.ts";
import { roomOf, segmentAt } from "./merge-due.ts";
import {
  type Change,
  type ChangePlan,
  type Publication,
  type Published,
  publishOps,
} from "./publish.ts";
import { isRace, REMOVE_ROWS, removeRange, removeWrite } from "./remove-rows.ts";
import {
  type CollectionHead,
  chunkBytes,
  type EmbedderName,
  headOf,
  type Place,
  type PreparedChunk,
  rowBytes,
  textBytes,
  type Write,
  writeOf,
} from "./rows.ts";

/** Writes of collections. `collection` is checked by nobody here: whether it exists is the caller's. */
export interface KnowledgeWriter {
  /**
   * Chunks `from` and following of a write; the same call again changes nothing.
   * @param embedder whose vectors they are.
   * @throws INVALID for a vector that is not of its dimension, not finite or without length.
   */
  writeChunks(
    place: Place,
    write: Write,
    chunks: readonly PreparedChunk[],
    from: number,
    embedder: EmbedderName,
  ): Promise<void>;
  /** The text that the chunks' spans point into; the same call again changes nothing. */
  writeText(place: Place, write: Write, text: string): Promise<void>;
  /** Texts and chunks of several writes in few commits, as the two above. */
  writeAll(
    place: Place,
    parts: readonly WritePart[],
    embedder: EmbedderName,
    level: Level,
  ): Promise<void>;
  /**
   * Makes 1..500 written documents visible at once, each id once; they replace what the ids had.
   * Visible to a search of any thread that begins after.
   * @throws CONFLICT when another embedder's vectors are there or a write was discarded meanwhile,
   *   NOT_FOUND when the collection was removed.
   */
  publish(
    place: Place,
    documents: readonly Publication[],
    embedder: EmbedderName,
  ): Promise<Published>;
  /**
   * As `publish`, of the first of these documents that there is room for beside the index files:
   * none while a merge is due and has not been made.
   */
  publishSome(
    place: Place,
    documents: readonly Publication[],
    embedder: EmbedderName,
  ): Promise<readonly Publication[]>;
  /** Resolves with the ids that were there. At most 500. */
  removeDocuments(place: Place, ids: readonly string[]): Promise<readonly string[]>;
  /** Forgets a write that will not be published; a published one stays. */
  discard(place: Place, write: Write): Promise<void>;
  /** Removes writes that have waited longer than `olderThanMs`, at most 200. */
  sweep(place: Place, olderThanMs: number): Promise<number>;
  /** Removes everything, in slices; a mark of the collection's name stays. Again after a crash. */
  removeCollection(place: Place): Promise<void>;
}

/** A part of one write. */
export interface WritePart extends Write {
  readonly text?: string;
  /** Where the pages of the text start, in UTF-8 bytes. */
  readonly pages?: readonly number[] | undefined;
  readonly chunks?: readonly PreparedChunk[];
  /** Number of the first of `chunks`. Default 0. */
  readonly from?: number;
}

/** Limits of writing. */
export const writeLimits = {
  /** Documents made visible or removed by one commit. */
  documentsMax: 500,
  /** A head that others changed meanwhile is tried again this often. */
  attemptsMax: 64,
  /** Writes of one sweep. */
  sliceRows: REMOVE_ROWS,
} as const;

/** Rows of one commit; each may bring a condition of its own. */
const ROWS_MAX = commitLimits.rows / 2;
/** How long a head is held at most, in ms: more than a re-embedding asks for. */
const HELD_MS_MAX = 60_000;
/** How often a head that is held is looked at, in ms. */
const HELD_LOOK_MS = 10;
const WRITE_ID = /^[A-Za-z0-9_.-]{1,64}$/;
/** How far a vector's squared length may be from 1. */
const LENGTH_TOLERANCE = 0.01;

/** What the writer works with. */
export interface WriterOptions {
  readonly bulk: Bulk;
  /** Milliseconds since the epoch. */
  nowMs(): number;
  /** Told after every change that became visible. */
  changed?(place: Place): Promise<void>;
}

/** A writer over one thread's connection. */
export function createKnowledgeWriter(options: WriterOptions): KnowledgeWriter {
  const { bulk, nowMs } = options;
  const oneAtATime = createLines();
  const change = async (
    place: Place,
    of: (head: CollectionHead) => Change | Promise<Change>,
  ): Promise<Published> => {
    const plan = async (head: CollectionHead) => publishOps(bulk, place, await of(head));
    const { published, replaced } = await attempt(bulk, place, plan, nowMs);
    if (published.documents.length > 0) await options.changed?.(place);
    for (const write of replaced) await removeWrite(bulk, place, write);
    return published;
  };
  return {
    writeChunks: (place, write, chunks, from, embedder) =>
      commitParts(options, place, [{ ...write, chunks, from }], embedder),
    writeText: (place, write, text) => commitParts(options, place, [{ ...write, text }], null),
    writeAll: (place, parts, embedder, level) =>
      commitParts(options, place, parts, embedder, level),
    publish: (place, documents, embedder) =>
      oneAtATime(place, () => {
        checkCount(documents);
        return change(place, (head) => ({ head, documents, embedder, nowMs: nowMs() }));
      }),
    publishSome: (place, documents, embedder) =>
      oneAtATime(place, async () => {
        checkCount(documents);
        let some = documents;
        await change(place, async (head) => {
          some = fitting(documents, roomOf(head, await segmentAt(bulk, place)));
          return { head, documents: some, embedder, nowMs: nowMs() };
        });
        return some;
      }),
    removeDocuments: (place, ids) =>
      oneAtATime(place, async () => {
        checkCount(ids);
        const { documents } = await change(place, (head) => ({
          ...{ head, documents: [], removed: ids },
          nowMs: nowMs(),
        }));
        return documents.map(({ id }) => id);
      }),
    async discard(place, write) {
      checkWrite(write);
      await removeWrite(bulk, place, write);
    },
    async sweep(place, olderThanMs) {
      const prefix = keys.writesOf(place.tenant, place.collection);
      const rows = await bulk.range(prefixRange(prefix, writeLimits.sliceRows));
      const old = rows
        .map(({ value }) => writeOf(value))
        .filter(({ since }) => since < nowMs() - olderThanMs);
      for (const { id, writeId } of old) {
        await removeWrite(bulk, place, { documentId: id, writeId });
      }
      return old.length;
    },
    removeCollection: (place) => oneAtATime(place, () => removeAll(bulk, place, nowMs)),
  };
}

/** Work of one collection in this thread, one after the other: threads alone compete for a head. */
function createLines(): <T>(place: Place, work: () => Promise<T>) => Promise<T> {
  const lines = new Map<string, Promise<unknown>>();
  return async ({ tenant, collection }, work) => {
    const name = `${tenant}/${collection}`;
    const before = lines.get(name) ?? Promise.resolve();
    const mine = before.then(work, work);
    lines.set(name, mine);
    try {
      return await mine;
    } finally {
      if (lines.get(name) === mine) lines.delete(name);
    }
  };
}

function checkWrite({ documentId, writeId }: Write): void {
  if (documentId !== "" && WRITE_ID.test(writeId)) return;
  throw new RuntimeError("INVALID", "A write has a document id and 1 to 64 plain characters.");
}

function checkCount(listed: readonly unknown[]): void {
  const { documentsMax } = writeLimits;
  if (listed.length >= 1 && listed.length <= documentsMax) return;
  throw new RuntimeError("INVALID", `One change is of 1 to ${documentsMax} documents.`);
}

/** USearch takes NaN for the nearest of all and zeros for anything: neither may be stored. */
function checkVector(vector: Float32Array, { id, dimension }: EmbedderName): void {
  if (vector.length === 0) return;
  let squares = 0;
  for (const value of vector) squares += value * value;
  const isUnit = Math.abs(squares - 1) <= LENGTH_TOLERANCE;
  if (vector.length === dimension && isUnit) return;
  throw new RuntimeError(
    "INVALID",
    `A vector of ${id} has ${dimension} finite numbers and length 1; this one has ${vector.length} and ${Math.sqrt(squares)}.`,
  );
}

/** The first documents there is room for; one that is longer than any room comes alone. */
function fitting(
  documents: readonly Publication[],
  { chunks: room, isMergeDue }: ReturnType<typeof roomOf>,
): readonly Publication[] {
  let chunks = 0;
  const over = documents.findIndex((document) => {
    chunks += document.chunks;
    return chunks > room;
  });
  if (over === 0 && !isMergeDue) return documents.slice(0, 1);
  return over === -1 ? documents : documents.slice(0, over);
}

/** Nobody holds it for longer at once: it seems so after the machine's clock was set back. */
function isHeld({ heldUntil = 0 }: CollectionHead, nowMs: number): boolean {
  return heldUntil > nowMs && heldUntil <= nowMs + HELD_MS_MAX;
}

/** Commits a plan made for the stored head; made anew when another thread was faster. */
async function attempt(
  bulk: Bulk,
  { tenant, collection }: Place,
  plan: (head: CollectionHead) => Promise<ChangePlan>,
  nowMs: () => number,
): Promise<ChangePlan> {
  const key = keys.collectionHead(tenant, collection);
  for (let attempts = 1; ; attempts += 1) {
    let expected = await bulk.get(key);
    // It is let go by time: who holds it may have died.
    while (isHeld(headOf(expected), nowMs())) {
      await pause(HELD_LOOK_MS);
      expected = await bulk.get(key);
    }
    const planned = await plan(headOf(expected));
    const ops: StoreOp[] = [...planned.ops];
    if (planned.next !== null) {
      const value = rowBytes(planned.next);
      ops.push(
        expected === undefined
          ? { op: "insert", key, value }
          : { op: "swap", key, expected, value },
      );
    }
    try {
      if (ops.length > 0) await bulk.commit(ops, "flushed");
      return planned;
    } catch (error) {
      if (!isRace(error) || attempts >= writeLimits.attemptsMax) throw error;
    }
  }
}

/** Puts rows of writes, each commit on the condition that its writes are not being discarded. */
async function commitParts(
  options: WriterOptions,
  place: Place,
  parts: readonly WritePart[],
  embedder: EmbedderName | null,
  level: Level = "committed",
): Promise<void> {
  for (const part of parts) {
    checkWrite(part);
    for (const { vector } of part.chunks ?? []) if (embedder) checkVector(vector, embedder);
  }
  let before: readonly Row[] | undefined;
  for (const piece of inPieces(rowsOf(place, parts), ROWS_MAX)) {
    if (before !== undefined) await commitGuarded(options, place, before, "committed");
    before = piece;
  }
  if (before !== undefined) await commitGuarded(options, place, before, level);
}

/** A row of a write. */
type Row = StoreOp & { readonly write: Write };

function* rowsOf({ tenant, collection }: Place, parts: readonly WritePart[]): Generator<Row> {
  for (const { documentId, writeId, text, pages, chunks = [], from = 0 } of parts) {
    const write = { documentId, writeId };
    if (text !== undefined) {
      const key = keys.documentText(tenant, collection, documentId, writeId);
      yield { op: "put", key, value: textBytes(text, pages), write };
    }
    for (const [at, chunk] of chunks.entries()) {
      const key = keys.chunk(tenant, collection, documentId, writeId, from + at);
      yield { op: "put", key, value: chunkBytes(chunk), write };
    }
  }
}

async function commitGuarded(
  { bulk, nowMs }: WriterOptions,
  place: Place,
  rows: readonly Row[],
  level: Level,
): Promise<void> {
  const writes = new Map(rows.map(({ write }) => [`${write.documentId}/${write.writeId}`, write]));
  const ops = rows.map(({ write: _, ...op }): StoreOp => op);
  for (let attempts = 1; ; attempts += 1) {
    const guards: StoreOp[] = [];
    for (const write of writes.values()) guards.push(await guardOf(bulk, place, write, nowMs()));
    try {
      await bulk.commit([...guards, ...ops], level);
      return;
    } catch (error) {
      if (!isRace(error) || attempts >= writeLimits.attemptsMax) throw error;
    }
  }
}

async function guardOf(bulk: Bulk, place: Place, write: Write, since: number): Promise<StoreOp> {
  const { documentId, writeId } = write;
  const key = keys.write(place.tenant, place.collection, documentId, writeId);
  const expected = await bulk.get(key);
  const value = rowBytes({ id: documentId, writeId, since });
  if (expected === undefined) return { op: "insert", key, value };
  if (writeOf(expected).since !== 0) return { op: "swap", key, expected, value: expected };
  throw new RuntimeError("CONFLICT", `The write ${writeId} of ${documentId} is being discarded.`);
}

async function removeAll(bulk: Bulk, place: Place, nowMs: () => number): Promise<void> {
  const { tenant, collection } = place;
  // Marked first: from then on nothing is published, whoever is about to.
  await attempt(
    bulk,
    place,
    async (head) => ({
      next: head.isRemoved
        ? null
        : { ...head, generation: head.generation + 1, documents: 0, chunks: 0, isRemoved: true },
      ops: [{ op: "remove", key: keys.segment(tenant, collection) }],
      published: { generation: head.generation, chunks: 0, documents: [] },
      replaced: [],
    }),
    nowMs,
  );
  // Writes before what they wrote, in one commit with them: of one that comes meanwhile either all goes,
  // or its write stays, by which it is discarded.
  for (const prefix of [
    keys.documentsOf(tenant, collection),
    keys.slotsOf(tenant, collection),
    keys.writesOf(tenant, collection),
    keys.documentTextsOf(tenant, collection),
    keys.chunksIn(tenant, collection),
    keys.changesOf(tenant, collection),
  ]) {
    await removeRange(bulk, prefix);
  }
}
