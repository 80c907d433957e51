// One turn as it is being drawn up. The handler's wishes are only noted; nothing of them happens
// unless the handler returns, and then all of it is written in one transaction by actor-host.ts.

import type { Data, Loaded, RunSpec, Turn } from "../actor.ts";
import type { Address } from "../address.ts";
import { type ErrorData, RuntimeError } from "../errors.ts";
import { newId, type RandomBytes } from "../id.ts";
import { encode } from "../store/codec.ts";
import { keys } from "../store/keys.ts";
import type { StoreOp } from "../store/store.ts";
import type { Cell, MailItem } from "./cell.ts";
import type { Post } from "./post.ts";

/** Limits of what one turn may write. */
export interface TurnLimits {
  readonly turnRows: number;
  readonly turnBytes: number;
  readonly turnSends: number;
}

/** Something the turn wants done beside its rows, in the order asked. */
export type Wish =
  | { readonly type: "send"; readonly post: Post }
  | { readonly type: "tell"; readonly to: Address; readonly message: Data }
  | { readonly type: "start"; readonly id: string; readonly spec: RunSpec }
  | { readonly type: "release"; readonly id: string; readonly input: Data }
  | { readonly type: "cancel"; readonly id: string; readonly reason: string }
  | { readonly type: "steer"; readonly id: string; readonly value: Data }
  | { readonly type: "decide"; readonly id: string; readonly key: string; readonly value: Data }
  | { readonly type: "remind"; readonly atMs: number; readonly key: string }
  | { readonly type: "note"; readonly name: string; readonly value: number };

/** What the asker gets. */
export type Answer =
  | { readonly type: "reply"; readonly value: Data; readonly follow: string | null }
  | { readonly type: "error"; readonly error: ErrorData };

/** A counter changed by the turn, and what the asker gets when its floor does not hold. */
interface Floor {
  readonly key: string;
  readonly otherwise: ErrorData;
}

const KEY = /^[A-Za-z0-9_.-]{1,64}$/;

/** The last moment that a reminder can be set to: the end of what a Date can say. */
const AT_MS_MAX = 8_640_000_000_000_000;

/** Tells of one turn whose places are kept for the next. */
const TELLS_KEPT_MAX = 1_024;
/** What is loaded for a message that names no rows. */
export const NOTHING: Loaded = Object.freeze({});
const NO_CELL: Pick<Cell, "address" | "tenant" | "shard"> = { address: "", tenant: "", shard: 0 };

/**
 * The `Turn` given to a handler, and what it noted. One is used for many turns, opened for each and
 * closed after it: as long as turns write nothing, none of them needs an object of its own.
 */
export class TurnDraft implements Turn {
  nowMs = 0;
  from: Address | null = null;
  deadlineMs = 0;
  loaded: Loaded = NOTHING;
  readonly ops: StoreOp[] = [];
  readonly wishes: Wish[] = [];
  readonly floors: Floor[] = [];
  /** Counters changed, by name, with their keys. */
  readonly counters = new Map<string, string>();
  answer: Answer | null = null;
  /** Tells asked for before any other wish: receivers and messages, `told` of each. */
  readonly tellTo: Address[] = [];
  readonly tellMessage: Data[] = [];
  told = 0;
  /** Whether nothing was noted but tells and an answer. Such a draft is used again. */
  isLight = true;
  readonly #random: RandomBytes;
  readonly #limits: TurnLimits;
  #cell = NO_CELL;
  #isOpen = false;
  #bytes = 0;

  constructor(random: RandomBytes, limits: TurnLimits) {
    this.#random = random;
    this.#limits = limits;
  }

  /** Bytes of the rows it wrote. */
  get bytes(): number {
    return this.#bytes;
  }

  get self(): Address {
    return this.#cell.address;
  }

  /** Begins a turn. The draft must be new or cleared. */
  open(cell: Cell, from: Address | null, deadlineMs: number, loaded: Loaded, nowMs: number): void {
    this.#cell = cell;
    this.#isOpen = true;
    this.nowMs = nowMs;
    this.from = from;
    this.deadlineMs = deadlineMs;
    this.loaded = loaded;
  }

  /** Begins a turn of what was told, with a draft that is used for nothing else. */
  openTold(cell: Cell, from: Address | null, nowMs: number): void {
    this.#cell = cell;
    this.#isOpen = true;
    this.nowMs = nowMs;
    this.from = from;
  }

  /** The handler has returned or thrown: whoever kept the turn can do nothing with it any more. */
  close(): void {
    this.#isOpen = false;
  }

  /** Makes a light draft ready for the next turn. */
  clear(): void {
    this.answer = null;
    if (this.told > 0) this.#clearTold();
  }

  #clearTold(): void {
    if (this.tellTo.length > TELLS_KEPT_MAX) {
      this.tellTo.length = 0;
      this.tellMessage.length = 0;
    } else {
      for (let at = 0; at < this.told; at += 1) this.tellMessage[at] = undefined;
    }
    this.told = 0;
  }

  newId(prefix: string): string {
    this.#check();
    return newId(prefix, this.nowMs, this.#random);
  }

  put(key: string, value: Data): void {
    this.#write({ op: "put", key: keys.record(this.self, checkKey(key)), value: encode(value) });
  }

  remove(key: string): void {
    this.#write({ op: "remove", key: keys.record(this.self, checkKey(key)) });
  }

  putRow(table: string, id: string, value: Data): void {
    const key = keys.table(this.#cell.tenant, table, id);
    this.#write(
      value === undefined ? { op: "remove", key } : { op: "put", key, value: encode(value) },
    );
  }

  add(
    counter: string,
    delta: number,
    floor?: { readonly min: number; readonly otherwise: ErrorData },
  ): void {
    if (!Number.isSafeInteger(delta)) {
      throw new RuntimeError("INVALID", `Counter "${counter}" takes whole numbers, not ${delta}.`);
    }
    this.#check();
    const key = keys.counter(this.#cell.tenant, counter);
    this.counters.set(counter, key);
    if (floor) this.floors.push({ key, otherwise: floor.otherwise });
    this.#write(floor ? { op: "add", key, delta, min: floor.min } : { op: "add", key, delta });
  }

  send(to: Address, message: Data, options?: { readonly deadlineMs?: number }): void {
    const deadlineMs = options?.deadlineMs ?? 0;
    this.#wish({ type: "send", post: { to, from: this.self, message, deadlineMs } });
  }

  tell(to: Address, message: Data): void {
    this.#check();
    if (!this.isLight && this.wishes.length > 0) {
      this.wishes.push({ type: "tell", to, message });
      return;
    }
    this.tellTo[this.told] = to;
    this.tellMessage[this.told] = message;
    this.told += 1;
  }

  startRun(spec: RunSpec): string {
    if (Number.isNaN(spec.timeoutMs)) throw new RuntimeError("INVALID", "timeoutMs is no number.");
    const id = spec.id ?? this.newId("rn");
    this.#wish({ type: "start", id, spec });
    return id;
  }

  releaseRun(id: string, input?: Data): void {
    this.#wish({ type: "release", id, input });
  }

  cancelRun(id: string, reason: string): void {
    this.#wish({ type: "cancel", id, reason });
  }

  steerRun(id: string, value: Data): void {
    this.#wish({ type: "steer", id, value });
  }

  decideRun(id: string, key: string, value: Data): void {
    this.#wish({ type: "decide", id, key, value });
  }

  remind(name: string, atMs: number, message: Data): void {
    if (Number.isNaN(atMs)) throw new RuntimeError("INVALID", `Reminder "${name}" has no time.`);
    const at = Math.min(AT_MS_MAX, Math.max(0, Math.ceil(atMs)));
    const key = keys.reminderDue(this.#cell.shard, at, this.self, name);
    this.#write({ op: "put", key: keys.reminder(this.self, name), value: encode({ at, message }) });
    this.#write({ op: "put", key, value: encode({ address: this.self, name, at }) });
    this.#wish({ type: "remind", atMs: at, key });
  }

  forget(name: string): void {
    // The due row stays and is found stale when its time comes: no read is needed here.
    this.#write({ op: "remove", key: keys.reminder(this.self, name) });
  }

  reply(value: Data, options?: { readonly follow?: string }): void {
    this.#check();
    this.answer = { type: "reply", value, follow: options?.follow ?? null };
  }

  refuse(error: ErrorData): void {
    this.#check();
    this.answer = { type: "error", error };
  }

  note(name: string, value: number): void {
    this.#wish({ type: "note", name, value });
  }

  #check(): void {
    if (!this.#isOpen)
      throw new RuntimeError("INTERNAL", "This turn is over: a turn cannot be kept.");
  }

  #wish(wish: Wish): void {
    this.#check();
    this.isLight = false;
    this.wishes.push(wish);
    const { turnSends } = this.#limits;
    if (this.wishes.length > turnSends) {
      const message = `A turn of ${this.self} sent or started more than ${turnSends} messages and runs.`;
      throw new RuntimeError("TURN_TOO_LARGE", message, { turnSends });
    }
  }

  #write(op: StoreOp): void {
    this.#check();
    this.isLight = false;
    this.ops.push(op);
    this.#bytes += op.key.length + ("value" in op && op.value ? op.value.byteLength : 0);
    if (this.ops.length > this.#limits.turnRows || this.#bytes > this.#limits.turnBytes) {
      const { turnRows, turnBytes } = this.#limits;
      throw new RuntimeError(
        "TURN_TOO_LARGE",
        `A turn of ${this.self} wrote more than ${turnRows} rows or ${turnBytes} bytes.`,
        { turnRows, turnBytes },
      );
    }
  }
}

function checkKey(key: string): string {
  if (!KEY.test(key)) {
    throw new RuntimeError(
      "INVALID",
      `"${key.slice(0, 80)}" is no record key (1..64 of A-Z a-z 0-9 _ . -).`,
    );
  }
  return key;
}

/** Who asked, when the answer is that of the run which the turn starts. */
export function askerOf(
  item: Pick<MailItem, "ask">,
  answer: Answer | null,
  run: string,
): { asker?: NonNullable<MailItem["ask"]> } {
  // Of several runs that a turn starts, the others' ends are no answer.
  const isFollowed = answer?.type === "reply" && answer.follow === run;
  return isFollowed && item.ask ? { asker: item.ask } : {};
}
