// A few bytes shared by a worker and main: a beat that shows the worker's event loop turns, and the
// address whose message it handles. Main reads them when the thread gives no sign or has died, when
// the thread itself can say nothing any more.

/** Longest address kept; a longer one is cut and then names nobody. */
const ADDRESS_BYTES_MAX = 512;
const BEAT = 0;
const LENGTH = 1;
const HEAD_BYTES = 8;

/** Both threads' view of one slot. */
export class Slot {
  readonly memory: SharedArrayBuffer;
  readonly #head: Int32Array;
  readonly #address: Buffer;
  #last = "";

  /** A new slot, or another thread's view of `memory`. */
  constructor(memory?: SharedArrayBuffer) {
    this.memory = memory ?? new SharedArrayBuffer(HEAD_BYTES + ADDRESS_BYTES_MAX);
    this.#head = new Int32Array(this.memory, 0, 2);
    this.#address = Buffer.from(this.memory, HEAD_BYTES, ADDRESS_BYTES_MAX);
  }

  /** Worker: the event loop turns. */
  beat(): void {
    Atomics.add(this.#head, BEAT, 1);
  }

  /** Main: changes as long as the worker's event loop turns. */
  beats(): number {
    return Atomics.load(this.#head, BEAT);
  }

  /** Worker: a message of `address` is being handled now; "" for none. Addresses are ASCII. */
  handle(address: string): void {
    if (address === "") {
      this.#head[LENGTH] = 0;
      return;
    }
    // Most turns in a row are of few actors: the same address is not written twice.
    if (address !== this.#last) {
      this.#head[LENGTH] = 0;
      this.#address.write(address, 0, "latin1");
      this.#last = address;
    }
    this.#head[LENGTH] = Math.min(address.length, ADDRESS_BYTES_MAX);
  }

  /** Main: whose message was being handled, "" for none. */
  handled(): string {
    const length = Atomics.load(this.#head, LENGTH);
    return this.#address.toString("latin1", 0, length);
  }
}
