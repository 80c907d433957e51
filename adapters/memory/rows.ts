// Rows of `bulk` that memories are made of, and the one place that knows their shape (keys in
// runtime/store/keys.ts). A memory (one user, one agent, one name) is a shelf: a head, and one row an
// entry. Every change swaps the head, so changes of one memory are in one order over all threads.

import type { EmbedderPin } from "../../actors/records/embedder-pin.ts";
import type { MemoryEntry } from "../../actors/records/memory.ts";
import { decode, encode } from "../../runtime/store/codec.ts";
import type { MemoryPlace } from "../../runtime/store/keys.ts";

/** Limits of the rows. */
export const shelfLimits = {
  /** Changes that a head names, so that an index reads only what is new. */
  changes: 64,
  /** Times that a change is tried again because another one was faster. */
  tries: 50,
  /** An operation is remembered so long, hours: longer than any run that could repeat it. */
  doneHours: 48,
  /** Expired operations removed with a change. */
  expired: 10,
  /** Rows of one commit, and read at once. */
  rows: 500,
  readRows: 32,
} as const;

/** Head of a shelf. An absent one is a shelf that holds nothing. */
export interface ShelfHead {
  /** Names this life of the shelf: rows of another one are remains of what was deleted. */
  readonly life: string;
  readonly generation: number;
  readonly count: number;
  readonly agent: string;
  readonly user: string | null;
  readonly collection: string;
  /** Whose vectors the entries have; null until there is one. */
  readonly embedder: EmbedderPin | null;
  /** Entries that the last generations changed, ascending; each generation has at least one. */
  readonly changed: readonly (readonly [generation: number, id: string])[];
}

/** An entry of any shelf. */
export interface ShelfRow {
  readonly life: string;
  readonly id: string;
  readonly text: string;
  /** Conversation it comes from. */
  readonly conversation: string | null;
  /** Unit length, or no numbers: found by its words alone. */
  readonly vector: Float32Array;
}

/** A remembered fact. Times in ms since the epoch. */
export interface MemoryRow extends ShelfRow {
  readonly kind: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly importance: number;
  readonly message: string | null;
  readonly writtenBy: MemoryEntry["written_by"];
  readonly hash: string;
  readonly version: number;
  readonly createdMs: number;
  readonly updatedMs: number;
  readonly recalledMs: number | null;
}

/** A message of a conversation. */
export interface HistoryRow extends ShelfRow {
  readonly conversation: string;
  readonly sequence: number;
  readonly role: "user" | "assistant";
  readonly atMs: number;
}

/** An operation that was done; `result` is what it gave. */
export interface DoneRow {
  readonly atMs: number;
  readonly result: unknown;
}

/** Where the entry with an id is. */
export type PlaceRow = Omit<MemoryPlace, "tenant">;

/** A head row. */
export const headBytes = (head: ShelfHead): Uint8Array => encode(head);
/** A head row. */
export const headOf = (bytes: Uint8Array): ShelfHead => decode(bytes) as ShelfHead;
/** A row of an operation. */
export const doneBytes = (done: DoneRow): Uint8Array => encode(done);
/** A row of an operation. */
export const doneOf = (bytes: Uint8Array): DoneRow => decode(bytes) as DoneRow;
/** A row that leads from an id to its place. */
export const placeBytes = (place: PlaceRow): Uint8Array => encode(place);
/** A row that leads from an id to its place. */
export const placeOf = (bytes: Uint8Array): PlaceRow => decode(bytes) as PlaceRow;

/** An entry as stored: the vector as the bytes of its floats. */
export function entryBytes({ vector, ...row }: ShelfRow): Uint8Array {
  const floats = new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
  return encode({ ...row, vector: floats });
}

/** A stored entry. */
export function entryOf<Row extends ShelfRow>(bytes: Uint8Array): Row {
  const row = decode(bytes) as Omit<Row, "vector"> & { readonly vector: Uint8Array };
  // Copied: the stored bytes need not lie at a multiple of four.
  return { ...row, vector: new Float32Array(row.vector.slice().buffer) } as Row;
}

/** An entry as it is shown. */
export function shownOf(head: ShelfHead, row: MemoryRow): MemoryEntry {
  const { conversation, message, recalledMs } = row;
  const { id, text, kind, metadata, importance, hash, version } = row;
  return {
    id,
    agent_key: head.agent,
    user_key: head.user,
    collection: head.collection,
    ...{ text, kind, metadata, importance },
    source: conversation === null ? null : { conversation_key: conversation, message_id: message },
    written_by: row.writtenBy,
    content_hash: hash,
    version,
    created_at: new Date(row.createdMs).toISOString(),
    updated_at: new Date(row.updatedMs).toISOString(),
    last_recalled_at: recalledMs === null ? null : new Date(recalledMs).toISOString(),
  };
}
