// The history of a user's conversations with an agent, as far as it can be searched: its newest
// messages, in the order of their time, by words and vectors.

import type { HistoryMessage, HistoryScope } from "../../actors/memory/memories.ts";
import { nearestTo } from "../../actors/memory/rank.ts";
import { type FoundMessage, memoryLimits } from "../../actors/records/memory.ts";
import type { Bulk } from "../../runtime/store/bulk.ts";
import { keyNumber, keys, type MemoryPlace, prefixRange } from "../../runtime/store/keys.ts";
import { isSamePin } from "../knowledge/pin.ts";
import { isGone } from "./marks.ts";
import { entryOf, type HistoryRow, type ShelfHead } from "./rows.ts";
import { changeShelf, readEntry, readHead, rowsWith } from "./shelf.ts";
import type { ShelfIndexes } from "./shelf-index.ts";
import type { MemoryVectors } from "./vectors.ts";

/** What is less relevant is not found. */
const RELEVANCE_MIN = 0.2;

/** What a history works with. */
export interface HistoryOptions {
  readonly bulk: Bulk;
  readonly vectors: MemoryVectors;
  readonly indexes: ShelfIndexes<HistoryRow>;
  /** Messages of one history. Default `memoryLimits.historyEntries`. */
  readonly entriesMax?: number;
  nowMs(): number;
}

/** Where a history lies. */
export function historyPlace({ tenant, agent, user }: HistoryScope): MemoryPlace {
  return { tenant, shelf: "h", agent, user, collection: "history" };
}

/** See `Memories.addHistory`. A message that is there stays as it is: it never changes. */
export async function addHistory(
  { bulk, vectors, entriesMax = memoryLimits.historyEntries, nowMs }: HistoryOptions,
  place: MemoryPlace,
  messages: readonly HistoryMessage[],
  sinceMs: number,
): Promise<void> {
  const told = messages.filter(({ text }) => text.trim() !== "");
  if (told.length === 0) return;
  const pin = (await readHead(bulk, place))?.embedder ?? null;
  const texts = told.map(({ text }) => text.slice(0, memoryLimits.historyChars));
  const embedded = await vectors.ofTexts(place.tenant, pin, texts);
  const rows = told.map((message, at): Omit<HistoryRow, "life"> => {
    const { conversation, sequence, role, atMs } = message;
    return {
      id: `${keyNumber(atMs)}.${conversation}.${sequence}`,
      ...{ conversation, sequence, role, atMs },
      text: texts[at] ?? "",
      vector: embedded.vectors[at] ?? new Float32Array(0),
    };
  });
  const conversations = [...new Set(told.map(({ conversation }) => conversation))];
  const isForgotten = async (): Promise<boolean> => {
    const looks = conversations.map((conversation) =>
      isGone(bulk, place, { sinceMs, conversation }),
    );
    return (await Promise.all(looks)).includes(true);
  };
  const asked = { id: null, nowMs: nowMs() };
  const added = await changeShelf<HistoryRow, readonly string[]>(
    bulk,
    place,
    asked,
    async ({ head }) => {
      if (await isForgotten()) return { change: {}, result: [] };
      const known = await Promise.all(
        rows.map(({ id }) => (head === undefined ? undefined : readEntry(bulk, place, head, id))),
      );
      const [pinned, used] = [head?.embedder ?? null, embedded.embedder];
      const isOther = pinned !== null && (used === null || !isSamePin(pinned, used));
      const put = rows
        .filter((_, at) => known[at] === undefined)
        .map((row) => (isOther ? { ...row, vector: new Float32Array(0) } : row));
      if (put.length === 0) return { change: {}, result: [] };
      const over = (head?.count ?? 0) + put.length - entriesMax;
      const remove = head === undefined || over <= 0 ? [] : await oldest(bulk, place, head, over);
      const embedder = embedded.embedder === null ? {} : { embedder: embedded.embedder };
      const change = { put, added: put.length, remove, ...embedder };
      return { change, result: put.map(({ id }) => id) };
    },
  );
  // Deleted between the look and the write, while there was nothing else to delete.
  if (added.length === 0 || !(await isForgotten())) return;
  for (const conversation of conversations) await removeFrom(bulk, place, conversation, nowMs());
}

/** Ids of the oldest messages: their keys begin with their time. */
async function oldest(
  bulk: Bulk,
  place: MemoryPlace,
  head: ShelfHead,
  count: number,
): Promise<readonly string[]> {
  const rows = await bulk.range(prefixRange(keys.memoriesIn(place), count));
  return rows
    .map(({ value }) => entryOf(value))
    .filter(({ life }) => life === head.life)
    .map(({ id }) => id);
}

/** See `Memories.searchHistory`. */
export async function searchHistory(
  { bulk, vectors, indexes }: HistoryOptions,
  place: MemoryPlace,
  { query, topK }: { readonly query: string; readonly topK: number },
): Promise<readonly FoundMessage[]> {
  const head = await readHead(bulk, place);
  if (head === undefined) {
    indexes.forget(place);
    return [];
  }
  const index = await indexes.at(place, head);
  const asked = query.slice(0, memoryLimits.queryChars);
  const vector = await vectors.ofQuery(place.tenant, head.embedder, asked);
  const found: (FoundMessage & { readonly atMs: number })[] = [];
  for (const [slot, near] of nearestTo(index.chunks, asked, vector)) {
    const row = index.entries.get(slot);
    const score = Math.max(near.vector, near.words);
    if (row === undefined || score < RELEVANCE_MIN) continue;
    const { conversation, sequence, role, text, atMs } = row;
    found.push({
      conversation_key: conversation,
      ...{ sequence, role, text, atMs },
      created_at: new Date(atMs).toISOString(),
      score: rounded(score),
      scores: { vector: rounded(near.vector), words: rounded(near.words) },
    });
  }
  found.sort((left, right) => right.score - left.score || right.atMs - left.atMs);
  return found.slice(0, topK).map(({ atMs: _, ...shown }) => shown);
}

/** Entries of a shelf looked through in one change, and removed by it. */
const REMOVED_AT_ONCE = 200;

/** Removes what comes from a conversation. Every entry of the shelf is looked at: its limit bounds that. */
export async function removeFrom(
  bulk: Bulk,
  place: MemoryPlace,
  conversation: string,
  nowMs: number,
): Promise<void> {
  for (let isMore = true; isMore; ) {
    isMore = await changeShelf(bulk, place, { id: null, nowMs }, async ({ head }) => {
      const remove: string[] = [];
      if (head !== undefined) {
        for await (const { value } of rowsWith(bulk, keys.memoriesIn(place))) {
          const row = entryOf(value);
          if (row.life === head.life && row.conversation === conversation) remove.push(row.id);
          if (remove.length === REMOVED_AT_ONCE) break;
        }
      }
      return { change: { remove }, result: remove.length === REMOVED_AT_ONCE };
    });
  }
}

const rounded = (value: number): number => Math.round(value * 10_000) / 10_000;
