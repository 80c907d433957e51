// A few bytes shared by a worker and main: a beat that shows the worker's event loop turns, how long it
// takes to come round, what it handles at this moment, and how busy each shard keeps it. Main reads them without a message; when
// the thread gives no sign or has died it can say nothing any more.

import { SHARDS } from "../address.ts";

/** Longest name kept; a longer one is cut and then names nobody. */
const UNIT_BYTES_MAX = 640;
const BEAT = 0;
const LENGTH = 1;
const HEAD_BYTES = 24;
const DOOR_AT = 8;
const PASS_AT = 16;
const LOADS_AT = HEAD_BYTES + UNIT_BYTES_MAX;

/** What a thread handled when it died. */
export interface Handled {
  /** Key of an inbox row or a due reminder, or an address: of a run, or of a request's receiver. */
  readonly unit: string;
  /** Number of the door's request; 0 when it was none. */
  readonly door: number;
}

/** Both threads' view of one slot. */
export class Slot {
  readonly memory: SharedArrayBuffer;
  /** Work done for each shard since the thread started, in ms of its time; grows. */
  readonly loads: Float64Array;
  readonly #head: Int32Array;
  readonly #door: Float64Array;
  readonly #pass: Float64Array;
  readonly #unit: Buffer;
  #last = "";

  /** A new slot, or another thread's view of `memory`. */
  constructor(memory?: SharedArrayBuffer) {
    this.memory = memory ?? new SharedArrayBuffer(LOADS_AT + SHARDS * 8);
    this.#head = new Int32Array(this.memory, 0, 2);
    this.#door = new Float64Array(this.memory, DOOR_AT, 1);
    this.#pass = new Float64Array(this.memory, PASS_AT, 1);
    this.#unit = Buffer.from(this.memory, HEAD_BYTES, UNIT_BYTES_MAX);
    this.loads = new Float64Array(this.memory, LOADS_AT, SHARDS);
  }

  /** Worker: the event loop turns. */
  beat(): void {
    Atomics.add(this.#head, BEAT, 1);
  }

  /** Main: changes as long as the worker's event loop turns. */
  beats(): number {
    return Atomics.load(this.#head, BEAT);
  }

  /** Worker: how long a pass of its event loop takes at present, ms. */
  set passMs(ms: number) {
    this.#pass[0] = ms;
  }

  /** Main: what the worker said last. */
  get passMs(): number {
    return this.#pass[0] ?? 0;
  }

  /** Worker: this is being handled now; "" for nothing. Names are ASCII. */
  handle(unit: string, door: number): void {
    if (unit === "") {
      this.#head[LENGTH] = 0;
      return;
    }
    // Requests in a row are often for the same actor: the same name is not written twice.
    if (unit !== this.#last) {
      this.#head[LENGTH] = 0;
      this.#unit.write(unit, 0, "latin1");
      this.#last = unit;
    }
    this.#door[0] = door;
    this.#head[LENGTH] = Math.min(unit.length, UNIT_BYTES_MAX);
  }

  /** Main: what was being handled, null for nothing. */
  handled(): Handled | null {
    const length = Atomics.load(this.#head, LENGTH);
    if (length === 0) return null;
    return { unit: this.#unit.toString("latin1", 0, length), door: this.#door[0] ?? 0 };
  }
}
