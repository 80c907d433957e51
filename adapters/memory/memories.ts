// Memories over `bulk`, on any thread: the port that runs use, and what the front door lists, shows,
// changes and deletes.

import type { MemoryScope } from "../../actors/memory/memories.ts";
import { type Nearness, nearestTo, recalledOf, scoreOf } from "../../actors/memory/rank.ts";
import type { MemoryStore } from "../../actors/memory/store.ts";
import type { Embedders } from "../../actors/ports.ts";
import { type MemoryEntry, memoryLimits } from "../../actors/records/memory.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Bulk } from "../../runtime/store/bulk.ts";
import { keys, type MemoryPlace } from "../../runtime/store/keys.ts";
import { createQuestions, type Questions } from "../embed/questions.ts";
import { addHistory, historyPlace, removeFrom, searchHistory } from "./history.ts";
import { pageOf, placesOf } from "./list.ts";
import { markGone } from "./marks.ts";
import {
  type HistoryRow,
  headOf,
  type MemoryRow,
  placeOf,
  type ShelfHead,
  shownOf,
} from "./rows.ts";
import { changeShelf, emptyShelf, readEntry, readHead, rowsWith } from "./shelf.ts";
import { createShelfIndexes } from "./shelf-index.ts";
import { createMemoryVectors } from "./vectors.ts";
import { checkedText, hashOf, removeMemory, writeMemory } from "./write.ts";

/** What the memories stand on. */
export interface MemoryOptions {
  readonly bulk: Bulk;
  readonly embedders: Embedders;
  /** Vectors of questions. Default: of these embedders. */
  readonly questions?: Questions;
  /** Milliseconds since the epoch. Default: the system's clock. */
  readonly nowMs?: () => number;
  /** Messages of one history. */
  readonly historyEntriesMax?: number;
}

const notNear: Nearness = { vector: 0, words: 0 };

/** The memories of a thread. */
export function createMemories(options: MemoryOptions): MemoryStore {
  const { bulk, embedders, nowMs = Date.now, historyEntriesMax } = options;
  const { questions = createQuestions({ find: embedders.pinned }) } = options;
  const vectors = createMemoryVectors(embedders, questions);
  const indexes = createShelfIndexes<MemoryRow>(bulk);
  const using = { bulk, indexes, vectors, nowMs };
  const most = historyEntriesMax === undefined ? {} : { entriesMax: historyEntriesMax };
  const history = {
    ...{ bulk, vectors, nowMs, ...most },
    indexes: createShelfIndexes<HistoryRow>(bulk),
  };
  return {
    recall: async (scope, query) => {
      const place = placeIn(scope);
      const head = await readHead(bulk, place);
      if (head === undefined) {
        indexes.forget(place);
        return [];
      }
      const index = await indexes.at(place, head);
      const asked = query.query.slice(0, memoryLimits.queryChars);
      const vector = await vectors.ofQuery(scope.tenant, head.embedder, asked, query.signal);
      const near = nearestTo(index.chunks, asked, vector);
      const at = { nowMs: nowMs(), halfLifeDays: query.halfLifeDays };
      const found: { readonly row: MemoryRow; readonly near: Nearness; readonly score: number }[] =
        [];
      for (const [slot, row] of index.entries) {
        const nearness = near.get(slot) ?? notNear;
        const score = scoreOf(row, nearness, at);
        if (score > 0 && score >= query.threshold) found.push({ row, near: nearness, score });
      }
      found.sort(
        (left, right) => right.score - left.score || right.row.updatedMs - left.row.updatedMs,
      );
      return found.slice(0, query.topK).map(({ row, near: one }) => recalledOf(row, one, at));
    },
    write: (scope, write, bounds, operation) =>
      writeMemory(using, placeIn(scope), write, bounds, operation),
    remove: (scope, id) => removeMemory(bulk, placeIn(scope), id, nowMs()),
    recalled: (scope, ids) => noteRecalled(bulk, placeIn(scope), ids, nowMs()),
    addHistory: (scope, messages, sinceMs) =>
      addHistory(history, historyPlace(scope), messages, sinceMs),
    searchHistory: (scope, query) => searchHistory(history, historyPlace(scope), query),
    forgetConversation: async (scope, conversation) => {
      const { tenant, agent, user } = scope;
      await markGone(bulk, tenant, { conversation }, nowMs());
      await removeFrom(bulk, historyPlace(scope), conversation, nowMs());
      // Learned by the agent for all its users, too.
      for (const owner of new Set([user, null])) {
        const prefix = keys.memoryHeadsOf(tenant, "m", agent, owner);
        for await (const { value } of rowsWith(bulk, prefix)) {
          const { collection } = headOf(value);
          const place = placeIn({ tenant, agent, user: owner, collection });
          await removeFrom(bulk, place, conversation, nowMs());
        }
      }
    },
    ...forDoor(using),
  };
}

type ForDoor = Pick<MemoryStore, "get" | "list" | "change" | "removeEntry" | "removeAll">;

function forDoor(using: Parameters<typeof writeMemory>[0]): ForDoor {
  const { bulk, vectors, nowMs } = using;
  return {
    get: async (tenant, id) => {
      const { head, row } = await find(bulk, tenant, id);
      return shownOf(head, row);
    },
    list: (tenant, filter, page) => pageOf(bulk, tenant, filter, page),
    change: async (tenant, id, change, { ifMatch, bounds }) => {
      const { place, head } = await find(bulk, tenant, id);
      const text =
        change.text === undefined ? undefined : checkedText(change.text, bounds.entryChars);
      const embedded =
        text === undefined ? undefined : await vectors.ofTexts(tenant, head.embedder, [text]);
      const asked = { id: null, nowMs: nowMs() };
      return await changeShelf<MemoryRow, MemoryEntry>(bulk, place, asked, async (view) => {
        const known = view.head && (await readEntry<MemoryRow>(bulk, place, view.head, id));
        if (known === undefined || view.head === undefined) throw unknown(id);
        checkMatch(ifMatch, known.version);
        const row: MemoryRow = {
          ...known,
          ...change,
          ...(text === undefined ? {} : { text, hash: hashOf(text) }),
          ...(embedded === undefined ? {} : { vector: embedded.vectors[0] ?? known.vector }),
          version: known.version + 1,
          updatedMs: nowMs(),
        };
        return { change: { put: [row] }, result: shownOf(view.head, row) };
      });
    },
    removeEntry: async (tenant, id, ifMatch) => {
      const { place } = await find(bulk, tenant, id);
      const asked = { id: null, nowMs: nowMs() };
      await changeShelf<MemoryRow, null>(bulk, place, asked, async ({ head }) => {
        const known = head && (await readEntry<MemoryRow>(bulk, place, head, id));
        if (known === undefined) throw unknown(id);
        checkMatch(ifMatch, known.version);
        return { change: { remove: [id] }, result: null };
      });
    },
    removeAll: async (tenant, of) => {
      let count = 0;
      // First of all, so that nothing that is under way comes back.
      await markGone(bulk, tenant, of, nowMs());
      for (const shelf of ["m", "h"] as const) {
        for await (const place of placesOf(bulk, tenant, shelf, of)) {
          const removed = await emptyShelf(bulk, place);
          if (shelf === "m") count += removed;
        }
      }
      return count;
    },
  };
}

function placeIn({ tenant, agent, user, collection }: MemoryScope): MemoryPlace {
  return { tenant, shelf: "m", agent, user, collection };
}

const MEMORY_ID = /^me_[A-Za-z0-9]{1,61}$/;

async function find(
  bulk: Bulk,
  tenant: string,
  id: string,
): Promise<{ readonly place: MemoryPlace; readonly head: ShelfHead; readonly row: MemoryRow }> {
  const bytes = MEMORY_ID.test(id) ? await bulk.get(keys.memoryById(tenant, id)) : undefined;
  if (bytes === undefined) throw unknown(id);
  const { agent, user, collection } = placeOf(bytes);
  const place: MemoryPlace = { tenant, shelf: "m", agent, user, collection };
  const head = await readHead(bulk, place);
  const row = head && (await readEntry<MemoryRow>(bulk, place, head, id));
  if (head === undefined || row === undefined) throw unknown(id);
  return { place, head, row };
}

async function noteRecalled(
  bulk: Bulk,
  place: MemoryPlace,
  ids: readonly string[],
  nowMs: number,
): Promise<void> {
  if (ids.length === 0) return;
  await changeShelf<MemoryRow, null>(bulk, place, { id: null, nowMs }, async ({ head }) => {
    if (head === undefined) return { change: {}, result: null };
    const rows = await Promise.all(ids.map((id) => readEntry<MemoryRow>(bulk, place, head, id)));
    const put = rows.flatMap((row) => (row === undefined ? [] : [{ ...row, recalledMs: nowMs }]));
    return { change: { put }, result: null };
  });
}

function checkMatch(ifMatch: number | null, version: number): void {
  if (ifMatch === null || ifMatch === version) return;
  const message = `If-Match names version ${ifMatch}, the current one is ${version}.`;
  throw new RuntimeError("REVISION_MISMATCH", message);
}

function unknown(id: string): RuntimeError {
  return new RuntimeError("NOT_FOUND", `Memory ${id.slice(0, 64)} does not exist.`);
}
