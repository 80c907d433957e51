// A fact on its way into a memory: it renews the entry that says the same, takes the place of the one
// it replaces, or becomes an entry of its own, for which the least valuable one may have to go.

import { createHash } from "node:crypto";
import type { MemoryOperation, MemoryWrite, MemoryWritten } from "../../actors/memory/memories.ts";
import { keepValue, saysTheSame } from "../../actors/memory/rank.ts";
import type { MemoryBounds } from "../../actors/records/memory.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { newId } from "../../runtime/id.ts";
import type { Bulk } from "../../runtime/store/bulk.ts";
import type { MemoryPlace } from "../../runtime/store/keys.ts";
import { isSamePin } from "../knowledge/pin.ts";
import { isGone } from "./marks.ts";
import type { MemoryRow } from "./rows.ts";
import { changeShelf, type Decision, readEntry, readHead, type ShelfView } from "./shelf.ts";
import type { ShelfIndex, ShelfIndexes } from "./shelf-index.ts";
import type { Embedded, MemoryVectors } from "./vectors.ts";

/** What writing works with. */
export interface MemoryWriting {
  readonly bulk: Bulk;
  readonly indexes: ShelfIndexes<MemoryRow>;
  readonly vectors: MemoryVectors;
  nowMs(): number;
}

/** Entries that one write makes room of. */
const DROPPED_MAX = 50;

/** SHA-256 of a text, hex. */
export function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** The text as it is kept. @throws INVALID when it is empty or too long. */
export function checkedText(text: string, charsMax: number): string {
  const trimmed = text.trim();
  if (trimmed === "" || trimmed.length > charsMax) {
    const message = `A memory has 1 to ${charsMax} characters; this one has ${trimmed.length}.`;
    throw new RuntimeError("INVALID", message, { pointer: "/text" });
  }
  return trimmed;
}

const forgotten: MemoryWritten = { status: "forgotten", id: null };

/** See `Memories.write`. */
export async function writeMemory(
  using: MemoryWriting,
  place: MemoryPlace,
  write: MemoryWrite,
  bounds: MemoryBounds,
  operation: MemoryOperation,
): Promise<MemoryWritten> {
  const { bulk, vectors, nowMs } = using;
  const text = checkedText(write.text, bounds.entryChars);
  const pin = (await readHead(bulk, place))?.embedder ?? null;
  const embedded = await vectors.ofTexts(place.tenant, pin, [text]);
  const conversation = write.source?.conversation_key ?? null;
  const since = { sinceMs: operation.sinceMs, conversation };
  const isForgotten = (): Promise<boolean> => isGone(bulk, place, since);
  const given = { ...write, text };
  const decide = async (view: ShelfView): Promise<Decision<MemoryRow, MemoryWritten>> => {
    if (await isForgotten()) return { change: {}, result: forgotten };
    return await decided(using, place, view, { write: given, bounds, embedded });
  };
  const asked = { id: operation.id, nowMs: nowMs() };
  const written = await changeShelf<MemoryRow, MemoryWritten>(bulk, place, asked, decide);
  // Deleted between the look and the write, while there was nothing else to delete.
  if (written.id === null || !(await isForgotten())) return written;
  await removeMemory(bulk, place, written.id, nowMs());
  return forgotten;
}

/** Removes an entry; whether it was there. */
export async function removeMemory(
  bulk: Bulk,
  place: MemoryPlace,
  id: string,
  nowMs: number,
): Promise<boolean> {
  return await changeShelf<MemoryRow, boolean>(
    bulk,
    place,
    { id: null, nowMs },
    async ({ head }) => {
      const known = head && (await readEntry(bulk, place, head, id));
      return known === undefined
        ? { change: {}, result: false }
        : { change: { remove: [id] }, result: true };
    },
  );
}

interface Wanted {
  readonly write: MemoryWrite;
  readonly bounds: MemoryBounds;
  readonly embedded: Embedded;
}

async function decided(
  using: MemoryWriting,
  place: MemoryPlace,
  { head }: ShelfView,
  wanted: Wanted,
): Promise<Decision<MemoryRow, MemoryWritten>> {
  const nowMs = using.nowMs();
  const index = head === undefined ? null : await using.indexes.at(place, head);
  const vector = fitting(wanted.embedded, head?.embedder ?? null);
  const { write } = wanted;
  const known = index === null ? undefined : knownAs(index, write, vector);
  const pin = wanted.embedded.embedder;
  const embedder = pin === null ? {} : { embedder: pin };
  if (known !== undefined) {
    const row = changedRow(known, write, vector, nowMs);
    const status = row.hash === known.hash ? "unchanged" : "updated";
    return { change: { put: [row], ...embedder }, result: { status, id: known.id } };
  }
  const dropped = index === null ? [] : roomFor(index, wanted.bounds, nowMs);
  const row = newRow(write, vector, nowMs);
  return {
    change: {
      put: [row],
      added: 1,
      remove: dropped,
      ...embedder,
    },
    result: {
      status: "created",
      id: row.id,
      ...(dropped.length === 0 ? {} : { dropped }),
    },
  };
}

/** A shelf that was begun meanwhile with another embedder takes no vectors of this one. */
function fitting({ vectors, embedder }: Embedded, pin: Embedded["embedder"]): Float32Array {
  const isOther = pin !== null && (embedder === null || !isSamePin(pin, embedder));
  return isOther ? new Float32Array(0) : (vectors[0] ?? new Float32Array(0));
}

/** The entry to replace, or the one that says the same. */
function knownAs(
  index: ShelfIndex<MemoryRow>,
  { text, replaces }: MemoryWrite,
  vector: Float32Array,
): MemoryRow | undefined {
  const slot = replaces === undefined ? undefined : index.slotOf(replaces);
  if (slot !== undefined) return index.entries.get(slot);
  const hash = hashOf(text);
  let same: MemoryRow | undefined;
  for (const row of index.entries.values()) {
    if (row.hash === hash) return row;
    if (same === undefined && saysTheSame({ text, vector }, row)) same = row;
  }
  return same;
}

/** Entries that go, more than one when the bounds have become narrower. @throws MEMORY_FULL. */
function roomFor(
  index: ShelfIndex<MemoryRow>,
  bounds: MemoryBounds,
  nowMs: number,
): readonly string[] {
  const over = index.entries.size + 1 - bounds.entries;
  if (over <= 0) return [];
  if (bounds.whenFull === "refuse") {
    const message = `This memory holds ${bounds.entries} entries, which is its limit (memory.limits.entries).`;
    throw new RuntimeError("MEMORY_FULL", message, { limit: bounds.entries });
  }
  const valued = [...index.entries.values()].map((row) => ({
    id: row.id,
    value: keepValue(row, nowMs, bounds.halfLifeDays),
  }));
  valued.sort((left, right) => left.value - right.value || (left.id < right.id ? -1 : 1));
  return valued.slice(0, Math.min(over, DROPPED_MAX)).map(({ id }) => id);
}

function newRow(write: MemoryWrite, vector: Float32Array, nowMs: number): Omit<MemoryRow, "life"> {
  const { text, kind = "fact", metadata = {}, importance = 0.5, source, writtenBy } = write;
  return {
    id: newId("me", nowMs),
    ...{ text, kind, metadata, importance, vector, writtenBy },
    conversation: source?.conversation_key ?? null,
    message: source?.message_id ?? null,
    hash: hashOf(text),
    version: 1,
    createdMs: nowMs,
    updatedMs: nowMs,
    recalledMs: null,
  };
}

/** The newest wording counts, and where it comes from; what was important stays so. */
function changedRow(
  known: MemoryRow,
  write: MemoryWrite,
  vector: Float32Array,
  nowMs: number,
): MemoryRow {
  const hash = hashOf(write.text);
  const isSame = hash === known.hash;
  const { kind = known.kind, metadata = known.metadata, importance = known.importance } = write;
  return {
    ...known,
    kind,
    metadata,
    importance: Math.max(importance, known.importance),
    updatedMs: nowMs,
    ...(isSame
      ? {}
      : {
          text: write.text,
          vector,
          hash,
          version: known.version + 1,
          conversation: write.source?.conversation_key ?? null,
          message: write.source?.message_id ?? null,
          writtenBy: write.writtenBy,
        }),
  };
}
