// The rows that mailboxes are kept in: of each conversation a head (what its numbers are at), its entries
// in order, and where each key is. One change of a conversation at a time, each one commit.

import { createHash } from "node:crypto";
import type { ChannelData } from "../../actors/channels/inbound.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { TableRow, Tables, TableWrite } from "../../runtime/system.ts";
import { type MailboxEntry, type MailboxPage, mailboxLimits } from "./mailbox.ts";

/** Tables of it. */
export const mailboxTables = {
  heads: "channel-mail-heads",
  entries: "channel-mail",
  keys: "channel-mail-keys",
  /** Conversations by the day of their last entry. */
  days: "channel-mail-days",
} as const;

/** A conversation's rows. */
export interface BoxPlace {
  readonly tenant: string;
  readonly box: string;
}

/** What is added. */
export interface FreshEntry {
  readonly key: string;
  readonly body: ChannelData;
  /** Takes the place of the key's entry. */
  readonly replaces: boolean;
}

/** Of a conversation. Times in ms since the epoch. */
interface Head {
  readonly last: number;
  readonly entries: number;
  readonly bytes: number;
  /** Newest entry that went because there were too many. */
  readonly cut: number;
  readonly day: number;
}

interface Stored {
  readonly first: number;
  readonly key: string;
  readonly atMs: number;
  readonly bytes: number;
  readonly body: ChannelData;
}

const DAY_MS = 24 * 3_600_000;
/** Tries of a write that another process was ahead of. */
const TRIES = 5;
/** Entries that one addition removes at most: more than it adds, so that a box comes down to its bounds. */
const REMOVED_AT_ONCE = 50;
/** Forgotten conversations are looked for so often, and so many of them are looked at. */
const SWEEP_MS = 60_000;
const SWEPT_AT_ONCE = 10;
const ROWS_AT_ONCE = 200;
const SEQ_DIGITS = 13;

/** Id of a conversation's rows: names are of any length and script. */
export function boxId(channel: string, conversation: string): string {
  return `${channel}.${hashOf(conversation)}`;
}

/** The rows of all mailboxes. */
export class MailboxRows {
  readonly #tables: Tables;
  readonly #nowMs: () => number;
  /** The last change of each conversation that is being changed. */
  readonly #changes = new Map<string, Promise<unknown>>();
  readonly #sweptMs = new Map<string, number>();

  constructor({ tables, nowMs }: { readonly tables: Tables; readonly nowMs: () => number }) {
    this.#tables = tables;
    this.#nowMs = nowMs;
  }

  /** @returns number of the entry. */
  async add(place: BoxPlace, entry: FreshEntry): Promise<number> {
    const bytes = Buffer.byteLength(JSON.stringify(entry.body));
    if (bytes > mailboxLimits.entryBytes) {
      const message = `A message has ${bytes} bytes; a mailbox takes at most ${mailboxLimits.entryBytes}.`;
      throw new RuntimeError("INVALID", message, { limit: mailboxLimits.entryBytes });
    }
    const seq = await this.#inTurn(place, () => this.#tryAdd(place, entry, bytes));
    await this.#sweep(place.tenant);
    return seq;
  }

  async read(place: BoxPlace, after: number, limit: number): Promise<MailboxPage> {
    const head = await this.#head(place);
    if (head === undefined) return { entries: [], last: 0, isCut: false };
    const page = { prefix: `${place.box}.`, after: rowId(place.box, after) };
    const rows = await this.#tables.list(place.tenant, mailboxTables.entries, { ...page, limit });
    return { entries: rows.map(entryOf), last: head.value.last, isCut: after < head.value.cut };
  }

  async last(place: BoxPlace): Promise<number> {
    return (await this.#head(place))?.value.last ?? 0;
  }

  async #inTurn<T>(place: BoxPlace, change: () => Promise<T>): Promise<T> {
    const name = `${place.tenant}/${place.box}`;
    const before = this.#changes.get(name);
    const mine = (async () => {
      // How the one before ended is its caller's.
      await before?.catch(() => undefined);
      return await change();
    })();
    this.#changes.set(name, mine);
    try {
      return await mine;
    } finally {
      if (this.#changes.get(name) === mine) this.#changes.delete(name);
    }
  }

  async #tryAdd(place: BoxPlace, entry: FreshEntry, bytes: number): Promise<number> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#addOnce(place, entry, bytes);
      } catch (error) {
        const isBehind = error instanceof RuntimeError && error.code === "REVISION_MISMATCH";
        if (!isBehind || attempt >= TRIES) throw error;
      }
    }
  }

  async #addOnce(place: BoxPlace, entry: FreshEntry, bytes: number): Promise<number> {
    const { tenant, box } = place;
    const keyId = `${box}.${hashOf(entry.key)}`;
    const known = await this.#tables.get(tenant, mailboxTables.keys, keyId);
    const before = (known?.value as { readonly seq: number } | undefined)?.seq;
    if (before !== undefined && !entry.replaces) return before;
    const head = await this.#head(place);
    const nowMs = this.#nowMs();
    // Begins at the clock: one that was forgotten and begins again is never behind its readers.
    const seq = head === undefined ? Math.floor(nowMs / 1_000) : head.value.last + 1;
    const day = Math.floor(nowMs / DAY_MS);
    const old = before === undefined ? undefined : await this.#entry(place, before);
    const stored: Stored = {
      first: old?.first ?? seq,
      key: entry.key,
      atMs: old?.atMs ?? nowMs,
      bytes,
      body: entry.body,
    };
    const full = {
      entries: (head?.value.entries ?? 0) + 1 - (old === undefined ? 0 : 1),
      bytes: (head?.value.bytes ?? 0) + bytes - (old?.bytes ?? 0),
      cut: head?.value.cut ?? 0,
    };
    const { kept, writes } = await this.#cut(place, full, before);
    await this.#tables.write(tenant, [
      {
        type: "put-if",
        table: mailboxTables.heads,
        id: box,
        value: { last: seq, day, ...kept } satisfies Head,
        revision: head?.revision ?? null,
      },
      { type: "put", table: mailboxTables.entries, id: rowId(box, seq), value: stored },
      { type: "put", table: mailboxTables.keys, id: keyId, value: { seq } },
      ...(before === undefined ? [] : [removal("entries", rowId(box, before))]),
      ...writes,
      ...this.#dayWrites(box, head?.value.day, day),
    ]);
    return seq;
  }

  /** What goes so that the rest is within its bounds. */
  async #cut(
    { tenant, box }: BoxPlace,
    full: Pick<Head, "entries" | "bytes" | "cut">,
    replaced: number | undefined,
  ): Promise<{ readonly kept: typeof full; readonly writes: readonly TableWrite[] }> {
    let { entries, bytes, cut } = full;
    const isOver = () => entries > mailboxLimits.entries || bytes > mailboxLimits.bytes;
    if (!isOver()) return { kept: full, writes: [] };
    const page = { prefix: `${box}.`, limit: REMOVED_AT_ONCE };
    const writes: TableWrite[] = [];
    for (const row of await this.#tables.list(tenant, mailboxTables.entries, page)) {
      if (!isOver()) break;
      const { seq, key } = entryOf(row);
      if (seq === replaced) continue;
      writes.push(removal("entries", row.id), removal("keys", `${box}.${hashOf(key)}`));
      entries -= 1;
      bytes -= (row.value as Stored).bytes;
      cut = seq;
    }
    return { kept: { entries, bytes, cut }, writes };
  }

  #dayWrites(box: string, before: number | undefined, day: number): readonly TableWrite[] {
    if (before === day) return [];
    const put = { type: "put", table: mailboxTables.days, id: dayId(day, box), value: {} } as const;
    return before === undefined ? [put] : [put, removal("days", dayId(before, box))];
  }

  /** Removes conversations of which nothing was heard for long; some at a time, whenever others go on. */
  async #sweep(tenant: string): Promise<void> {
    const nowMs = this.#nowMs();
    if (nowMs - (this.#sweptMs.get(tenant) ?? 0) < SWEEP_MS) return;
    this.#sweptMs.set(tenant, nowMs);
    const oldest = dayId(Math.floor(nowMs / DAY_MS) - mailboxLimits.days, "");
    const rows = await this.#tables.list(tenant, mailboxTables.days, { limit: SWEPT_AT_ONCE });
    for (const { id } of rows) {
      if (id >= oldest) return;
      const place = { tenant, box: id.slice(id.indexOf(".") + 1) };
      await this.#inTurn(place, () => this.#forget(place, id));
    }
  }

  async #forget(place: BoxPlace, id: string): Promise<void> {
    const { tenant, box } = place;
    const page = { prefix: `${box}.`, limit: ROWS_AT_ONCE };
    const entries = await this.#tables.list(tenant, mailboxTables.entries, page);
    const writes = entries.flatMap((row) => [
      removal("entries", row.id),
      removal("keys", `${box}.${hashOf(entryOf(row).key)}`),
    ]);
    const head = await this.#head(place);
    const isOld = head !== undefined && dayId(head.value.day, box) === id;
    // Somebody has written meanwhile: only the note of its old day goes.
    if (head !== undefined && !isOld) {
      await this.#tables.write(tenant, [removal("days", id)]);
      return;
    }
    const isWhole = entries.length < ROWS_AT_ONCE;
    const ends = [removal("heads", box), removal("days", id)];
    await this.#tables.write(tenant, isWhole ? [...writes, ...ends] : writes);
  }

  async #head({
    tenant,
    box,
  }: BoxPlace): Promise<{ readonly value: Head; readonly revision: string } | undefined> {
    const row = await this.#tables.get(tenant, mailboxTables.heads, box);
    return row === undefined ? undefined : { value: row.value as Head, revision: row.revision };
  }

  async #entry({ tenant, box }: BoxPlace, seq: number): Promise<Stored | undefined> {
    const row = await this.#tables.get(tenant, mailboxTables.entries, rowId(box, seq));
    return row?.value as Stored | undefined;
  }
}

function removal(table: keyof typeof mailboxTables, id: string): TableWrite {
  return { type: "remove", table: mailboxTables[table], id };
}

function rowId(box: string, seq: number): string {
  return `${box}.${String(seq).padStart(SEQ_DIGITS, "0")}`;
}

function dayId(day: number, box: string): string {
  return `${dayOf(day)}.${box}`;
}

/** A day, as ids of rows begin with it. */
export function dayOf(day: number): string {
  return String(day).padStart(6, "0");
}

function entryOf({ id, value }: TableRow): MailboxEntry {
  const { first, key, atMs, body } = value as Stored;
  return { seq: Number(id.slice(id.lastIndexOf(".") + 1)), first, key, atMs, body };
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}
