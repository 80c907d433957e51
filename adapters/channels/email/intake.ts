// Takes the mails of a folder in over one connection, each with the cursor behind it, and claims each before
// (claims.ts). What is read or unread is the business of people: nothing else of a mail is changed.

import { randomBytes } from "node:crypto";
import type { FetchMessageObject, FetchQueryObject, ImapFlow } from "imapflow";
import { channelLimits } from "../../../actors/channels/limits.ts";
import type { ChannelEnvironment, Sink } from "../adapter.ts";
import { type Claim, canClaim, claim, claimOf, markTaken, type Turn, turnOf } from "./claims.ts";
import { type Cursor, mailKey } from "./cursor.ts";
import { type Read, readEvents, setAside } from "./events.ts";
import { within } from "./imap.ts";
import { emailLimits } from "./limits.ts";
import type { Marks } from "./message-ids.ts";
import type { EmailOptions } from "./settings.ts";

/** What a source works with. */
export interface Watched {
  readonly options: EmailOptions;
  readonly environment: ChannelEnvironment;
  readonly marks: () => Promise<Marks>;
  readonly sink: Sink;
}

/** Of a list that is read again. */
export interface Again {
  /** The cursor that stands meanwhile. */
  readonly stored: Cursor;
  readonly since: Date;
}

/** Of one connection. */
export class Intake {
  readonly client: ImapFlow;
  readonly #watched: Watched;
  /** Null until it is known, and where mails are not claimed. */
  #own: string | null = null;
  #hasBegun = false;
  /** The mail that was about to be claimed, by what is stored. */
  #prepared: string | null = null;
  #holder: string | null = null;
  #waited = { print: "", sinceMs: 0 };

  constructor(watched: Watched, client: ImapFlow) {
    this.#watched = watched;
    this.client = client;
  }

  /** Goes on where the one before has ended. Only the first call counts. */
  async begin({ claiming, holder, uidValidity, lastUid }: Cursor): Promise<void> {
    if (this.#hasBegun) return;
    const { options, environment } = this.#watched;
    if (options.claimMails && canClaim(this.client)) {
      const fresh = () => randomBytes(6).toString("hex");
      this.#own = await environment.kept.update("watcher", async (before) => before ?? fresh());
    }
    this.#prepared = claiming ?? null;
    this.#holder = this.#own === null ? null : (holder ?? null);
    this.#hasBegun = true;
    if (this.#own === null || claiming !== mailKey(uidValidity, lastUid)) return;
    if (this.#numbers() !== uidValidity) return;
    // It was taken in, and perhaps not marked as that any more.
    const found = await this.#get(lastUid, { uid: true, flags: true });
    const seen = found && claimOf(found);
    if (seen && !seen.isTaken && seen.by.join() === this.#own) await this.#mark(lastUid);
  }

  /** The account's health: connected, and whether another server takes the mails here. */
  tell(): void {
    const { sink } = this.#watched;
    if (this.#holder === null) {
      sink.status("connected");
      return;
    }
    const of =
      this.#holder === this.#own
        ? "A copy of this server's data watches this mailbox too"
        : `Another server (${this.#holder}) takes the mails of this mailbox`;
    const todo = "let one of them watch it";
    const meanwhile =
      this.#holder === this.#own
        ? "each mail is answered by one of the two"
        : `this one stands back until a mail lies untouched for ${emailLimits.standBackMs / 1_000} s`;
    sink.status("connected", `${of}; ${meanwhile}: ${todo}.`);
  }

  /** One mail, to the sink with the cursor behind it. @returns how long it is to be left alone, ms; 0: it is done. */
  async take(at: Cursor, again?: Again): Promise<number> {
    const { sink } = this.#watched;
    const after = again?.stored ?? at;
    for (let tried = 0; tried < emailLimits.claimTries; tried += 1) {
      const found = await this.#look(at, again?.since);
      const seen = found === undefined || this.#own === null ? null : claimOf(found);
      if (found === undefined || seen === null) {
        const read = found === undefined ? NOTHING : await this.#read(at, found);
        await sink.commit(read.events, this.#cursor(after), read.parked);
        return 0;
      }
      const turn = this.#turn(at, seen);
      if (turn.type === "wait") return turn.ms;
      if (turn.type === "skip") {
        // In a list that is read again it may be one of ours.
        if (again === undefined) this.#holds(seen.by[0] ?? null);
        await sink.commit([], this.#cursor(after));
        return 0;
      }
      // Read before it is claimed: between a claim and the disk nothing may take long.
      const read = await this.#read(at, found);
      if (turn.type !== "take" && !(await this.#claimed(at, again, seen))) continue;
      this.#holds(null);
      await sink.commit(
        read.events,
        this.#cursor(after, mailKey(at.uidValidity, at.lastUid)),
        read.parked,
      );
      await this.#mark(at.lastUid);
      return 0;
    }
    throw new Error(`a mail was changed ${emailLimits.claimTries} times while it was claimed`);
  }

  #turn({ uidValidity, lastUid }: Cursor, seen: Claim): Turn {
    const nowMs = this.#watched.environment.nowMs();
    const key = mailKey(uidValidity, lastUid);
    const print = `${key} ${seen.by.join()}`;
    if (this.#waited.print !== print) this.#waited = { print, sinceMs: nowMs };
    return turnOf({
      ...{ claim: seen, own: this.#own ?? "", holder: this.#holder },
      isPrepared: this.#prepared === key,
      seenMs: nowMs - this.#waited.sinceMs,
    });
  }

  /** False: it is to be looked at again. */
  async #claimed(at: Cursor, again: Again | undefined, seen: Claim): Promise<boolean> {
    const { sink, options, environment } = this.#watched;
    const key = mailKey(at.uidValidity, at.lastUid);
    const before = again?.stored ?? { ...at, lastUid: at.lastUid - 1 };
    // On the disk before it is claimed: whoever finds the claim after a crash knows that it is ours.
    await sink.commit([], this.#cursor(before, key));
    this.#prepared = key;
    const { timeoutMs } = options;
    const own = this.#own ?? "";
    let claimed = await claim(this.client, at.lastUid, { seen, own, timeoutMs });
    if (claimed === "unsure" && (await this.#isKept(at.lastUid)) === false) claimed = "refused";
    if (claimed === "changed") {
      this.#prepared = null;
      await sink.commit([], this.#cursor(before));
    }
    if (claimed === "refused") {
      this.#own = null;
      const text = "A mailbox keeps no keyword of ours: its mails are taken in without a claim.";
      environment.log.write("warn", text, { account: environment.account });
    }
    return claimed === "ours";
  }

  /** Whether our keyword is on a mail; null: the mail is gone. */
  async #isKept(uid: number): Promise<boolean | null> {
    const found = await this.#get(uid, { uid: true, flags: true });
    if (found === undefined) return null;
    return claimOf(found)?.by.includes(this.#own ?? "") === true;
  }

  #cursor(
    { claiming: _, holder: __, ...cursor }: Cursor,
    claiming?: string,
  ): Record<string, unknown> {
    return {
      ...cursor,
      ...(claiming !== undefined && { claiming }),
      ...(this.#holder !== null && { holder: this.#holder }),
    };
  }

  #holds(holder: string | null): void {
    if (this.#holder === holder) return;
    this.#holder = holder;
    const { account, log } = this.#watched.environment;
    const text =
      holder === null
        ? "The mails of a mailbox are taken in by this server again."
        : "Another server takes the mails of a mailbox.";
    log.write("warn", text, { account, ...(holder !== null && { watcher: holder }) });
    this.tell();
  }

  async #mark(uid: number): Promise<void> {
    await markTaken(this.client, uid, this.#watched.options.timeoutMs);
  }

  #numbers(): string {
    return this.client.mailbox === false ? "" : String(this.client.mailbox.uidValidity);
  }

  async #get(
    uid: number,
    query: FetchQueryObject,
    ms = this.#watched.options.timeoutMs,
  ): Promise<FetchMessageObject | undefined> {
    const asked = this.client.fetchOne(String(uid), query, { uid: true });
    const found = await within(this.client, asked, ms);
    return found === false ? undefined : found;
  }

  /** What stands about a mail. Undefined: somebody has taken it away, or it is older than what is read. */
  async #look(
    { lastUid }: Cursor,
    since: Date | undefined,
  ): Promise<FetchMessageObject | undefined> {
    const about = { uid: true, size: true, internalDate: true, flags: true };
    const found = await this.#get(lastUid, { ...about, envelope: since !== undefined });
    if (found === undefined || since === undefined) return found;
    return isOlder(since, this.#atMs(found), found.envelope?.date) ? undefined : found;
  }

  async #read(
    { mailbox, uidValidity, lastUid: uid }: Cursor,
    found: FetchMessageObject,
  ): Promise<Read> {
    const { options, marks } = this.#watched;
    const { timeoutMs, mailBytesMax } = options;
    const bytes = found.size ?? 0;
    const isTooLarge = bytes > mailBytesMax;
    const source = isTooLarge ? { start: 0, maxLength: channelLimits.parkedBytes } : true;
    // Larger ones have their time: 100 KB a second are slow.
    const raw = (await this.#get(uid, { source }, timeoutMs + bytes / 100))?.source;
    if (raw === undefined) return NOTHING;
    if (isTooLarge) {
      return setAside(`A mail of ${bytes} bytes is larger than ${mailBytesMax}.`, raw);
    }
    const fetched = { raw, mailbox, uidValidity, uid, atMs: this.#atMs(found) };
    return await readEvents(fetched, options, await marks());
  }

  #atMs({ internalDate }: FetchMessageObject): number {
    return timeOf(internalDate) ?? this.#watched.environment.nowMs();
  }
}

const NOTHING: Read = { events: [], parked: [] };

function timeOf(date: Date | string | undefined): number | undefined {
  const ms = date === undefined ? Number.NaN : new Date(date).getTime();
  return Number.isNaN(ms) ? undefined : ms;
}

/** A server that moves mails may give them the time of the move; what their senders wrote counts besides. */
function isOlder(since: Date, atMs: number, written: Date | string | undefined): boolean {
  const dayMs = 24 * 3_600_000;
  return atMs < since.getTime() || (timeOf(written) ?? atMs) < since.getTime() - dayMs;
}
