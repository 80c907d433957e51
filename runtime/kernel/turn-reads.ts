// The rows a behaviour names for a message, read before its handler is called, so that the handler
// itself never waits.

import type { Data, Loaded, ReadRequest } from "../actor.ts";
import { decode } from "../store/codec.ts";
import { keys } from "../store/keys.ts";
import type { Cell, MailItem } from "./cell.ts";
import type { Committer } from "./committer.ts";
import { whenRead } from "./engine.ts";

/** Name under which a keyed message's earlier answer is loaded. */
export const SEEN = "seen key";

/** Requests by name; a plain string is a key of the store. */
export type Reads = Readonly<Record<string, ReadRequest | string>>;

/** What must be loaded for a message, or null for nothing. */
export function readsOf(cell: Cell, item: MailItem): Reads | null {
  const named = cell.definition.reads?.(item.message, cell.state);
  const key = item.door?.key;
  if (!key) return named ?? null;
  return { ...named, [SEEN]: keys.seen(cell.tenant, key.source, key.key) };
}

/** Loads all of it: at once where the store answers at once. */
export function load(committer: Committer, cell: Cell, reads: Reads): Loaded | Promise<Loaded> {
  const found: Record<string, Data> = {};
  const later: Promise<void>[] = [];
  for (const [name, request] of Object.entries(reads)) {
    const done = whenRead(read(committer, cell, request), (value) => {
      found[name] = value;
    });
    if (done instanceof Promise) later.push(done);
  }
  return later.length === 0 ? found : Promise.all(later).then(() => found);
}

function read(
  committer: Committer,
  cell: Cell,
  request: ReadRequest | string,
): Data | Promise<Data> {
  if (typeof request === "string") return whenRead(committer.get(request), decoded);
  if (request.type === "row") {
    const key = keys.table(cell.tenant, request.table, request.id);
    return whenRead(committer.get(key), decoded);
  }
  if (request.type === "counter") {
    return committer.counter(keys.counter(cell.tenant, request.name));
  }
  const prefix = keys.recordOf(cell.address);
  const range = {
    from: prefix + (request.from ?? ""),
    to: prefix + (request.to ?? "~"),
    limit: request.limit,
    ...(request.reverse ? { reverse: true } : {}),
  };
  return whenRead(committer.range(range), (rows) =>
    rows.map((row) => ({ key: row.key.slice(prefix.length), value: decode(row.value) })),
  );
}

function decoded(bytes: Uint8Array | undefined): Data {
  return bytes === undefined ? undefined : decode(bytes);
}
