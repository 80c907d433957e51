// The queue before one slow reader of a streamed response, the same on both servers: bounded in
// bytes and in time without progress; past either the reader is cut.

import type { Presence } from "./exchange.ts";
import type { ResponseSink, ServerLimits } from "./server.ts";
import { SLICE_BYTES } from "./sliced-body.ts";
import type { Reader, Unsent } from "./unsent.ts";

/** A socket as the sink sees it: `write` returns false when the socket is full. */
export interface Transport extends Reader {
  write(piece: Uint8Array): boolean;
}

/** What a queue stands on. */
export interface SinkOptions {
  readonly limits: ServerLimits;
  readonly presence: Presence;
  readonly unsent: Unsent;
}

/** The queue before one reader: bounded in bytes and in time without progress. */
export class SinkQueue implements ResponseSink, Reader {
  readonly #transport: Transport;
  readonly #limits: ServerLimits;
  readonly #presence: Presence;
  readonly #unsent: Unsent;
  readonly #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #isFull = false;
  #timer: NodeJS.Timeout | null = null;
  #drained: { readonly promise: Promise<void>; readonly resolve: () => void } | null = null;

  constructor(transport: Transport, { limits, presence, unsent }: SinkOptions) {
    this.#transport = transport;
    this.#limits = limits;
    this.#presence = presence;
    this.#unsent = unsent;
  }

  address(): string {
    return this.#transport.address();
  }

  get signal(): AbortSignal {
    return this.#presence.signal;
  }

  get drained(): Promise<void> {
    if (!this.#isFull || this.#presence.isGone) return Promise.resolve();
    if (this.#drained === null) {
      let resolve = (): void => {};
      const promise = new Promise<void>((done) => {
        resolve = done;
      });
      this.#drained = { promise, resolve };
    }
    return this.#drained.promise;
  }

  /** Whether everything has been given to the socket. */
  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  write(piece: string | Uint8Array): boolean {
    if (this.#presence.isGone) return true;
    const bytes = typeof piece === "string" ? Buffer.from(piece) : piece;
    if (bytes.byteLength === 0) return !this.#isFull;
    // One piece may be larger than the limit: it is in memory already. Pieces behind it may not.
    const isOver =
      this.#waitingBytes > 0 &&
      this.#waitingBytes + bytes.byteLength > this.#limits.sendBufferBytesMax;
    if (isOver) {
      this.cut();
      return true;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.byteLength;
    if (!this.#isFull) this.#pump();
    this.#unsent.set(this, this.#waitingBytes);
    return !this.#isFull;
  }

  /** The socket can take more. */
  onWritable(): void {
    if (!this.#isFull || this.#presence.isGone) return;
    this.#isFull = false;
    this.#pump();
    this.#unsent.set(this, this.#waitingBytes);
    if (!this.#isFull) this.#release();
  }

  /** The client is gone: whoever waits goes on and finds the signal aborted. */
  onGone(): void {
    this.#waiting.length = 0;
    this.#waitingBytes = 0;
    this.#isFull = false;
    this.#unsent.set(this, 0);
    this.#release();
  }

  #pump(): void {
    while (!this.#isFull) {
      const piece = this.#waiting[0];
      if (piece === undefined) break;
      const isWhole = piece.byteLength <= SLICE_BYTES;
      if (isWhole) this.#waiting.shift();
      else this.#waiting[0] = piece.subarray(SLICE_BYTES);
      const part = isWhole ? piece : piece.subarray(0, SLICE_BYTES);
      this.#waitingBytes -= part.byteLength;
      this.#isFull = !this.#transport.write(part);
    }
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = this.#isFull ? setTimeout(() => this.cut(), this.#limits.slowReaderMs) : null;
  }

  /** Ends the connection at once, with what waits. */
  cut(): void {
    this.#transport.cut();
    this.#presence.leave();
    this.onGone();
  }

  #release(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const waiting = this.#drained;
    this.#drained = null;
    waiting?.resolve();
  }
}
