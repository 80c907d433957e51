// Memories in order of their keys, a page at a time, and the places that a deletion goes through.

import type { MemoryFilter, MemoryPage } from "../../actors/memory/store.ts";
import type { MemoryEntry } from "../../actors/records/memory.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { keys, type MemoryPlace, prefixRange } from "../../runtime/store/keys.ts";
import type { Reader } from "../../runtime/store/store.ts";
import { entryOf, headOf, type MemoryRow, placeOf, shownOf } from "./rows.ts";
import { readHead, rowsOf, rowsWith } from "./shelf.ts";

/** Memories that one page goes through at most: it may then have fewer entries than it might. */
const SHELVES_MAX = 200;

/** Where a page goes on: the row it stands at in the list of memories, and the last entry shown. */
interface Position {
  readonly at: string;
  readonly id: string;
}

/** @throws INVALID for a cursor that is none of this list. */
export async function pageOf(
  reader: Reader,
  tenant: string,
  filter: MemoryFilter,
  { limit, after: cursor }: MemoryPage,
): Promise<{ readonly items: readonly MemoryEntry[]; readonly next: string | null }> {
  const prefix = prefixOf(tenant, "m", filter);
  const position = cursor === undefined ? null : positionOf(cursor, prefix);
  const range = { ...prefixRange(prefix, 0), ...(position && { from: position.at }) };
  const items: MemoryEntry[] = [];
  let shelves = 0;
  for await (const { key, value } of rowsOf(reader, range)) {
    if (shelves === SHELVES_MAX) return { items, next: cursorOf({ at: key, id: "" }) };
    shelves += 1;
    const { agent, user, collection } = key.startsWith("b/a/") ? headOf(value) : placeOf(value);
    if (filter.collection !== undefined && filter.collection !== collection) continue;
    const place: MemoryPlace = { tenant, shelf: "m", agent, user, collection };
    const head = await readHead(reader, place);
    if (head === undefined) continue;
    const all = prefixRange(keys.memoriesIn(place), 0);
    const isLater = position !== null && position.id !== "" && key === position.at;
    const from = isLater ? `${keys.memory(place, position.id)}!` : all.from;
    for await (const row of rowsOf(reader, { from, to: all.to })) {
      const entry = entryOf<MemoryRow>(row.value);
      if (entry.life !== head.life) continue;
      const last = items.at(-1);
      if (items.length === limit && last !== undefined) {
        // What comes next may be in another memory: then that one is begun from its first entry.
        const isSame = last.agent_key === agent && last.user_key === user;
        const id = isSame && last.collection === collection ? last.id : "";
        return { items, next: cursorOf({ at: key, id }) };
      }
      items.push(shownOf(head, entry));
    }
  }
  return { items, next: null };
}

function prefixOf(tenant: string, shelf: "m" | "h", { agent, user }: MemoryFilter): string {
  if (agent === undefined && user !== undefined) return keys.memoriesOfUser(tenant, shelf, user);
  return keys.memoryHeadsOf(tenant, shelf, agent, user);
}

function cursorOf(position: Position): string {
  return Buffer.from(`${position.at}\n${position.id}`).toString("base64url");
}

function positionOf(cursor: string, prefix: string): Position {
  const [at = "", id = ""] = Buffer.from(cursor, "base64url").toString("utf8").split("\n");
  // It names keys: only those of this list, whoever made it up.
  if (at.startsWith(prefix) && /^[A-Za-z0-9_]{0,64}$/.test(id)) return { at, id };
  throw new RuntimeError("INVALID", "cursor must be the next_cursor of an earlier page.");
}

/** Memories, or histories, that a deletion is about. */
export async function* placesOf(
  reader: Reader,
  tenant: string,
  shelf: "m" | "h",
  of: MemoryFilter,
): AsyncGenerator<MemoryPlace> {
  for await (const { key, value } of rowsWith(reader, prefixOf(tenant, shelf, of))) {
    const { agent, user, collection } = key.startsWith("b/a/") ? headOf(value) : placeOf(value);
    yield { tenant, shelf, agent, user, collection };
  }
}
