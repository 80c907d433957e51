// Messages that failed for good: set aside with their error in the batch that takes them off the
// inbox, kept up to a limit for each tenant, and put back into the inbox when an operator says so.
// The worker that owns the receiver does all of it, so that one transaction can hold both ends.

import { type Address, addressParts, shardOfAddress } from "../address.ts";
import { unknownLetter } from "../door/letter-list.ts";
import {
  type ErrorData,
  isInside,
  isStorageTrouble,
  RuntimeError,
  toErrorData,
} from "../errors.ts";
import { newId } from "../id.ts";
import type { DoorItem, LetterPast, MessageKey, SetAside } from "../message.ts";
import { decode, encode } from "../store/codec.ts";
import { keys, prefixRange } from "../store/keys.ts";
import type { DeadLetter } from "../system.ts";
import type { MailItem } from "./cell.ts";
import type { Participant } from "./commit-batch.ts";
import type { Committer } from "./committer.ts";
import { type Also, type Engine, type LettersPort, whenRead } from "./engine.ts";
import { lateKeyOf, rememberReplayed } from "./seen-keys.ts";
import { writeUntilStored } from "./until-stored.ts";

/** Times of being set aside that a letter tells of. */
const HISTORY_MAX = 10;
/** Lines of a stack that a letter keeps. */
const STACK_LINES_MAX = 10;
/** A tenant's letters are counted after each so many of them that this kernel wrote, as a share of the limit. */
const COUNT_EVERY = 0.1;
const PAGE_ROWS = 200;

/** An operator's act on a letter, as the door sends it. */
export type LetterItem = DoorItem & {
  readonly type: "operate";
  readonly operation: { readonly letter: string };
};

/**
 * A letter as it is stored. `isSystem`: it goes back into the system lane. `key`: of a message that only came
 * too late, which its client may have sent again since.
 */
type StoredLetter = DeadLetter & { readonly isSystem?: boolean; readonly key?: MessageKey };

/** The dead letters of one kernel. */
export class DeadLetters implements LettersPort {
  readonly #engine: Engine;
  /** Letters of a tenant that were written since its letters were counted last. */
  readonly #uncounted = new Map<string, number>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /**
   * Sets a message aside for good: kept with its error, visible, replayable. `also` writes what must
   * commit with it (an error for whoever waits).
   */
  setAside(to: Address, item: MailItem, cause: unknown, also?: Also): void {
    const { options, metrics, actorKinds } = this.#engine;
    const nowMs = options.clock.now();
    const letter = letterOf(to, item, cause, { nowMs, id: newId("dl", nowMs, options.random) });
    this.#write(letter, item, also);
    // Anyone may write to a kind that is not there: its name must not become one of the figures.
    metrics.kind(actorKinds.has(letter.kind) ? letter.kind : "unknown").deadLetters += 1;
    this.#bound(letter.tenant, shardOfAddress(to));
  }

  /** Puts a letter back or removes it; answered when that is on disk. */
  operate(item: LetterItem): void {
    const { to, operation } = item;
    const key = keys.deadLetter(addressParts(to).tenant, operation.letter);
    try {
      const done = whenRead(this.#engine.committer.get(key), (bytes) =>
        this.#act(item, key, bytes),
      );
      if (done instanceof Promise) done.catch((error: unknown) => this.#refuse(item, error));
    } catch (error) {
      this.#refuse(item, error);
    }
  }

  #write(letter: StoredLetter, item: MailItem, also?: Also): void {
    const { committer } = this.#engine;
    const key = keys.deadLetter(letter.tenant, letter.id);
    const write: Also = (owner, refused) => {
      committer.write(owner, { op: "put", key, value: encode(letter) });
      takeMessage(committer, owner, item);
      also?.(owner, refused);
    };
    writeUntilStored(this.#engine, shardOfAddress(letter.to), write, item.row?.batch);
  }

  #act(item: LetterItem, key: string, bytes: Uint8Array | undefined): void {
    const { admission, committer, options, limits, metrics, actors, epochOf } = this.#engine;
    const shard = shardOfAddress(item.to);
    if (epochOf(shard) === undefined) {
      admission.moved(item);
      return;
    }
    const letter = bytes === undefined ? null : (decode(bytes) as StoredLetter);
    if (letter === null || letter.to !== item.to) throw unknownLetter(item.operation.letter);
    const isReplay = item.operation.type === "replay";
    if (isReplay && letter.replays >= limits.letterReplaysMax) {
      const message = `The letter ${letter.id} has been replayed ${letter.replays} times, the limit.`;
      throw new RuntimeError("CONFLICT", message, { letterReplaysMax: limits.letterReplaysMax });
    }
    const late = isReplay ? letter.key : undefined;
    const seen = late && keys.seen(letter.tenant, late.source, late.key);
    let isTold = false;
    const owner: Participant = {
      shard,
      onRefused: (error) => {
        if (isTold) return;
        if (seen !== undefined && error.details?.["key"] === seen)
          this.#refuse(item, sentAgain(letter));
        else if (isStorageTrouble(error.code)) this.#refuse(item, error);
        else this.operate(item);
      },
    };
    committer.write(owner, { op: "remove", key });
    if (isReplay) {
      const { to, from, message, trace, isSystem: system } = letter;
      const past = pastOf(letter);
      if (late) rememberReplayed(committer, owner, letter.tenant, late, options.clock.now());
      actors.post(owner, { to, from, message, deadlineMs: 0, system, trace, past, late: true });
    }
    committer.after("flushed", () => {
      isTold = true;
      metrics.count(isReplay ? "deadLettersReplayed" : "deadLettersDiscarded");
      options.toDoor({ type: "reply", id: item.id, value: letter.id });
    });
  }

  #refuse(item: LetterItem, error: unknown): void {
    this.#engine.options.toDoor({ type: "error", id: item.id, error: toErrorData(error) });
  }

  /** Counts a tenant's letters now and then, and drops the oldest that are over the limit. */
  #bound(tenant: string, shard: number): void {
    const { limits, metrics } = this.#engine;
    const written = (this.#uncounted.get(tenant) ?? Number.POSITIVE_INFINITY) + 1;
    this.#uncounted.set(tenant, written);
    if (written < limits.deadLettersMax * COUNT_EVERY) return;
    this.#uncounted.set(tenant, 0);
    this.#dropOldest(tenant, shard).catch(() => {
      this.#uncounted.delete(tenant);
      metrics.count("deadLetterCountFailures");
    });
  }

  async #dropOldest(tenant: string, shard: number): Promise<void> {
    const { committer, limits, metrics } = this.#engine;
    const range = prefixRange(keys.deadLettersOf(tenant), PAGE_ROWS);
    let kept = 0;
    // From the newest: what comes after `deadLettersMax` of them is over.
    for (let to = range.to; ; ) {
      const rows = await committer.range({ ...range, to, reverse: true });
      for (const { key } of rows) {
        kept += 1;
        if (kept <= limits.deadLettersMax) continue;
        // Should the batch be refused, the next count drops it again.
        committer.write({ shard }, { op: "remove", key });
        metrics.count("deadLettersDropped");
      }
      const last = rows.at(-1);
      if (last === undefined || rows.length < PAGE_ROWS) return;
      to = last.key;
    }
  }
}

/** Removes what brought a message: its inbox row, or the reminder that fired. */
export function takeMessage(
  committer: Committer,
  owner: Participant,
  item: Pick<MailItem, "row" | "due">,
): void {
  if (item.row && !committer.takeBack(item.row.batch, item.row.key)) {
    committer.write(owner, { op: "remove", key: item.row.key });
  }
  if (item.due === undefined) return;
  committer.write(owner, { op: "remove", key: item.due.key });
  committer.write(owner, { op: "remove", key: item.due.named });
}

function letterOf(
  to: Address,
  item: MailItem,
  cause: unknown,
  made: { readonly nowMs: number; readonly id: string },
): StoredLetter {
  const { message, from, past, ask, trace } = item;
  const stack = stackOf(cause);
  const { kind, tenant } = addressParts(to);
  return {
    id: made.id,
    at: made.nowMs,
    tenant,
    kind,
    to,
    from,
    message,
    failures: item.failures + (past?.failures ?? 0),
    error: toErrorData(cause),
    replays: past?.replays ?? 0,
    history: past?.history ?? [],
    ...(stack === null ? {} : { stack }),
    ...(trace === undefined ? {} : { trace }),
    ...(ask === undefined ? {} : { ask: { run: ask.run, step: ask.key } }),
    ...(item.lane === "system" ? { isSystem: true } : {}),
    ...lateKeyOf(item, toErrorData(cause)),
  };
}

function sentAgain({ id }: StoredLetter): RuntimeError {
  const message = `The message of the letter ${id} was sent again by its client since, and handled.`;
  return new RuntimeError("CONFLICT", message);
}

function pastOf({ replays, failures, history, at, error }: DeadLetter): LetterPast {
  const before = history.reduce((sum, one) => sum + one.failures, 0);
  const last: SetAside = { at, failures: failures - before, error };
  return { replays: replays + 1, failures, history: [...history, last].slice(-HISTORY_MAX) };
}

/** Where a programmer's error was thrown: functions and lines, without folders or the message. */
function stackOf(cause: unknown): readonly string[] | null {
  let stack: string;
  try {
    if (!(cause instanceof Error) || cause instanceof RuntimeError) return null;
    stack = String(cause.stack ?? "");
  } catch {
    return null; // Looking at what was thrown throws.
  }
  return stack
    .split("\n")
    .filter((line) => /^\s+at /.test(line))
    .slice(0, STACK_LINES_MAX)
    .map((line) => line.trim().replace(/(?:[a-z]+:\/\/)?[^\s()]*\//g, ""));
}

/**
 * What whoever waits for a message is told when it is given up. A programmer's error may say anything,
 * of others' data too: its text is in the letter alone.
 */
export function toldOf(item: MailItem, cause: unknown): ErrorData {
  const error = toErrorData(cause);
  if (error.code === "DEADLINE") return error;
  const text = `The message failed ${item.failures} times and was set aside`;
  const why = isInside(error) ? "." : `: ${error.message}`;
  return { code: "DEAD_LETTER", message: `${text}${why}` };
}
