// A body of known length on its way to one reader, the same on both servers: the socket is given a slice
// at a time, and readers take turns by address. A socket takes megabytes at once if it is let, which is
// the thread's time: many large answers together are not to be felt by who waits for a small one.

import { FairPass } from "../../runtime/shared/fair-pass.ts";
import type { Reader, Unsent } from "./unsent.ts";

/** Bytes given to a socket at once. */
export const SLICE_BYTES = 64 * 1024;
/** So long slices are given in one go, ms, one at least; then so long none: a fifth of the thread's time. */
const GIVEN_MS = 0.5;
const PAUSE_MS = 2;

/** Whose turn it is to be given a slice, of all servers of this process. */
const turns = new FairPass({
  defer: (call) => setTimeout(call, PAUSE_MS),
  most: 1,
  freeMs: GIVEN_MS,
});

/** A socket as a body sees it. */
export interface SliceSocket extends Reader {
  /** Gives a slice that begins at `offset`, the first one with the head. */
  give(slice: Uint8Array, offset: number): Given;
}

/** What became of a slice. */
export interface Given {
  /** How much of the body the socket has taken by now. */
  readonly offset: number;
  /** Whether the next slice has to wait for `onWritable`. */
  readonly isFull: boolean;
}

/** What a body stands on. */
export interface SlicedBodyOptions {
  readonly body: Uint8Array;
  readonly socket: SliceSocket;
  readonly unsent: Unsent;
  /** A reader that takes nothing for so long is cut. */
  readonly slowReaderMs: number;
  /** The socket has taken all of it. */
  onEnd(): void;
}

/** One body, until its end or until its reader is gone. */
export class SlicedBody implements Reader {
  readonly #options: SlicedBodyOptions;
  #offset = 0;
  #isFull = false;
  #isOver = false;
  #timer: NodeJS.Timeout | null = null;
  readonly #give = (): void => {
    if (!this.#isOver) this.#giveSlice();
  };

  constructor(options: SlicedBodyOptions) {
    this.#options = options;
  }

  /** Gives the first slice in its turn. */
  start(): void {
    this.#next();
  }

  address(): string {
    return this.#options.socket.address();
  }

  /** Ends the connection at once. */
  cut(): void {
    this.onGone();
    this.#options.socket.cut();
  }

  /** The socket can take more. */
  onWritable(): void {
    if (!this.#isFull || this.#isOver) return;
    this.#isFull = false;
    this.#rest();
    this.#next();
  }

  /** The client is gone. */
  onGone(): void {
    this.#isOver = true;
    this.#rest();
    this.#options.unsent.set(this, 0);
  }

  #next(): void {
    turns.next(this.address(), this.#give);
  }

  #giveSlice(): void {
    const { body, socket, unsent, slowReaderMs, onEnd } = this.#options;
    const slice = body.subarray(this.#offset, this.#offset + SLICE_BYTES);
    const { offset, isFull } = socket.give(slice, this.#offset);
    if (this.#isOver) return;
    this.#offset = offset;
    if (offset >= body.byteLength) {
      this.onGone();
      onEnd();
    } else if (isFull) {
      this.#isFull = true;
      this.#timer = setTimeout(() => this.cut(), slowReaderMs);
      unsent.set(this, body.byteLength - offset);
    } else this.#next();
  }

  #rest(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
