// One turn as it is being drawn up. The handler's wishes are only noted; nothing of them happens
// unless the handler returns, and then all of it is written in one transaction by actor-host.ts.

import type { Data, Loaded, RunSpec, Turn } from "./actor.ts";
import type { Address } from "./address.ts";
import type { Cell, MailItem } from "./cell.ts";
import { type ErrorData, RuntimeError } from "./errors.ts";
import { newId, type RandomBytes } from "./id.ts";
import { encode } from "./store/codec.ts";
import { keys } from "./store/keys.ts";
import type { StoreOp } from "./store/store.ts";

/** Limits of what one turn may write. */
export interface TurnLimits {
  readonly turnRows: number;
  readonly turnBytes: number;
}

/** Something the turn wants done beside its rows, in the order asked. */
export type Wish =
  | {
      readonly type: "send";
      readonly to: Address;
      readonly message: Data;
      readonly deadlineMs: number;
    }
  | { readonly type: "tell"; readonly to: Address; readonly message: Data }
  | { readonly type: "start"; readonly id: string; readonly spec: RunSpec }
  | { readonly type: "release"; readonly id: string; readonly input: Data }
  | { readonly type: "cancel"; readonly id: string; readonly reason: string }
  | { readonly type: "steer"; readonly id: string; readonly value: Data }
  | { readonly type: "remind"; readonly atMs: number; readonly key: string };

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

/** The `Turn` given to a handler, and what it noted. */
export class TurnDraft implements Turn {
  readonly self: Address;
  readonly nowMs: number;
  readonly from: Address | null;
  readonly deadlineMs: number;
  readonly loaded: Loaded;
  readonly ops: StoreOp[] = [];
  readonly wishes: Wish[] = [];
  readonly floors: Floor[] = [];
  /** Counters changed, by name, with their keys. */
  readonly counters = new Map<string, string>();
  answer: Answer | null = null;
  readonly #cell: Cell;
  readonly #random: RandomBytes;
  readonly #limits: TurnLimits;
  #bytes = 0;

  constructor(options: {
    readonly cell: Cell;
    readonly item: MailItem;
    readonly loaded: Loaded;
    readonly nowMs: number;
    readonly random: RandomBytes;
    readonly limits: TurnLimits;
  }) {
    this.#cell = options.cell;
    this.#random = options.random;
    this.#limits = options.limits;
    this.self = options.cell.address;
    this.nowMs = options.nowMs;
    this.from = options.item.from;
    this.deadlineMs = options.item.deadlineMs;
    this.loaded = options.loaded;
  }

  newId(prefix: string): string {
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
    const key = keys.counter(this.#cell.tenant, counter);
    this.counters.set(counter, key);
    if (floor) this.floors.push({ key, otherwise: floor.otherwise });
    this.#write(floor ? { op: "add", key, delta, min: floor.min } : { op: "add", key, delta });
  }

  send(to: Address, message: Data, options?: { readonly deadlineMs?: number }): void {
    this.wishes.push({ type: "send", to, message, deadlineMs: options?.deadlineMs ?? 0 });
  }

  tell(to: Address, message: Data): void {
    this.wishes.push({ type: "tell", to, message });
  }

  startRun(spec: RunSpec): string {
    const id = spec.id ?? this.newId("rn");
    this.wishes.push({ type: "start", id, spec });
    return id;
  }

  releaseRun(id: string, input?: Data): void {
    this.wishes.push({ type: "release", id, input });
  }

  cancelRun(id: string, reason: string): void {
    this.wishes.push({ type: "cancel", id, reason });
  }

  steerRun(id: string, value: Data): void {
    this.wishes.push({ type: "steer", id, value });
  }

  remind(name: string, atMs: number, message: Data): void {
    const at = Math.max(0, Math.ceil(atMs));
    const key = keys.reminderDue(this.#cell.shard, at, this.self, name);
    this.#write({ op: "put", key: keys.reminder(this.self, name), value: encode({ at, message }) });
    this.#write({ op: "put", key, value: encode({ address: this.self, name, at }) });
    this.wishes.push({ type: "remind", atMs: at, key });
  }

  forget(name: string): void {
    // The due row stays and is found stale when its time comes: no read is needed here.
    this.#write({ op: "remove", key: keys.reminder(this.self, name) });
  }

  reply(value: Data, options?: { readonly follow?: string }): void {
    this.answer = { type: "reply", value, follow: options?.follow ?? null };
  }

  refuse(error: ErrorData): void {
    this.answer = { type: "error", error };
  }

  #write(op: StoreOp): void {
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
