// What deletions leave behind for a while: who works with what was read before must not bring it back.
// A mark holds a time and no text, and goes when nothing that is older than it can still be running.

import type { Bulk } from "../../runtime/store/bulk.ts";
import { keys, type MemoryPlace } from "../../runtime/store/keys.ts";
import type { Reader, StoreOp } from "../../runtime/store/store.ts";
import { type DoneRow, doneBytes, doneOf } from "./rows.ts";

const HOUR_MS = 3_600_000;

/** What was deleted: a conversation; or all of an agent, of a user, or of a user with an agent. */
export type Gone =
  | { readonly conversation: string }
  | { readonly agent?: string; readonly user?: string | null };

/** Remembers an operation for a while. */
export function doneOps(place: MemoryPlace, id: string, done: DoneRow): readonly StoreOp[] {
  const key = keys.memoryDone(place, id);
  const expiry = keys.memoryDoneExpiry(Math.floor(done.atMs / HOUR_MS), key);
  return [
    { op: "put", key, value: doneBytes(done) },
    { op: "put", key: expiry, value: doneBytes({ atMs: done.atMs, result: null }) },
  ];
}

/** Operations and marks of before `hours` ago, at most `limit`. */
export async function expiredOps(
  reader: Reader,
  nowMs: number,
  { hours, limit }: { readonly hours: number; readonly limit: number },
): Promise<readonly StoreOp[]> {
  const oldest = Math.floor(nowMs / HOUR_MS) - hours;
  if (oldest <= 0) return [];
  const rows = await reader.range({ ...keys.memoryDoneExpiredBefore(oldest), limit });
  const ops: StoreOp[] = [];
  for (const { key } of rows) {
    ops.push({ op: "remove", key });
    const done = keys.memoryDoneOf(key);
    const bytes = await reader.get(done);
    // What was marked again has a later time, and an expiry of its own.
    const isOver = bytes !== undefined && doneOf(bytes).atMs < oldest * HOUR_MS;
    if (isOver) ops.push({ op: "remove", key: done });
  }
  return ops;
}

/** Leaves a mark. */
export async function markGone(
  bulk: Bulk,
  tenant: string,
  what: Gone,
  nowMs: number,
): Promise<void> {
  const { place, name } = markOf(tenant, what);
  await bulk.commit(doneOps(place, name, { atMs: nowMs, result: null }), "flushed");
}

/** Whether what is to be written, of work that began at `sinceMs`, was deleted since. */
export async function isGone(
  reader: Reader,
  { tenant, agent, user }: MemoryPlace,
  of: { readonly sinceMs: number; readonly conversation: string | null },
): Promise<boolean> {
  const at = async (what: Gone): Promise<number> => {
    const { place, name } = markOf(tenant, what);
    const bytes = await reader.get(keys.memoryDone(place, name));
    return bytes === undefined ? 0 : doneOf(bytes).atMs;
  };
  // A conversation is deleted once and for all; a user may come again.
  if (of.conversation !== null && (await at({ conversation: of.conversation })) > 0) return true;
  const times = await Promise.all([at({ agent }), at({ user }), at({ agent, user })]);
  return times.some((time) => time >= of.sinceMs);
}

/** Marks lie where no memory is: a memory's collection has a name. */
function markOf(tenant: string, what: Gone): { place: MemoryPlace; name: string } {
  const { agent, user, conversation } = { agent: "", user: null, conversation: null, ...what };
  const place: MemoryPlace = { tenant, shelf: "m", agent, user, collection: "" };
  if (conversation !== null) return { place, name: `conversation.${conversation}` };
  return { place, name: "user" in what && what.user !== undefined ? "user" : "agent" };
}
