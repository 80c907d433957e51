// What both servers share for one request: the head as handlers see it, the body as it arrives
// (capped, timed, paused while nobody asks for it), and the fallback answer of a handler that
// threw. Knows no server.

import { RuntimeError, toErrorData } from "../../runtime/errors.ts";
import { newId } from "../../runtime/id.ts";
import { LazyAbort } from "../../runtime/shared/lazy-abort.ts";
import { errorReply } from "./reply.ts";
import type { HttpRequest, HttpResponse, ServerLimits } from "./server.ts";
import { Slots, type Slotted } from "./slots.ts";

/** Bytes of a body kept before a handler asks for it; then the client is paused. */
export const EAGER_BODY_BYTES = 64 * 1024;
/** A refused body is still read this long and this far, so that the client sees the answer and not a reset. */
export const LINGER_MS = 1_000;
export const LINGER_BYTES = 32 * 1024 * 1024;
/** How often bodies on their way are looked at, ms. */
const BODY_SWEEP_MS = 200;

const boot = newId("req", Date.now()).slice(0, 22);
let requests = 0;

/** A request id: unique over restarts, sortable within one, and made without asking for randomness. */
export function newRequestId(): string {
  requests += 1;
  return boot + requests.toString(36).padStart(7, "0");
}

/** The answer to a handler that threw: it never leaves the process without one. */
export function fallbackReply(error: unknown, requestId: string): HttpResponse {
  return errorReply(toErrorData(error), { style: "problem", requestId, service: "gateway" });
}

/** Where the bytes of a body come from. */
export interface BodySource {
  pause(): void;
  resume(): void;
}

/** A body as it arrives. Bytes nobody asked for are held up to `EAGER_BODY_BYTES`, then the client is paused. */
export class BodyBuffer {
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #bytesMax = EAGER_BODY_BYTES;
  #isDone: boolean;
  #isPaused = false;
  #isDropping = false;
  #failure: RuntimeError | null = null;
  #settle: (() => void) | null = null;
  readonly #source: BodySource;
  readonly #limits: ServerLimits;
  readonly #declaredBytes: number;

  /** @param declaredBytes Content-Length, -1 when unknown, 0 when there is no body. */
  constructor(source: BodySource, limits: ServerLimits, declaredBytes: number) {
    this.#source = source;
    this.#limits = limits;
    this.#declaredBytes = declaredBytes;
    this.#isDone = declaredBytes === 0;
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  /** Takes a chunk; it must be the buffer's own (copied, if the server only lends it). */
  push(chunk: Uint8Array, isLast: boolean): void {
    this.#bytes += chunk.byteLength;
    if (isLast) this.#isDone = true;
    if (!this.#isDropping && chunk.byteLength > 0) this.#chunks.push(chunk);
    this.#settle?.();
    const isAwaited = this.#settle !== null || this.#isDropping || this.#isDone;
    if (isAwaited || this.#isPaused || this.#bytes <= this.#bytesMax) return;
    this.#isPaused = true;
    this.#source.pause();
  }

  /** Whether a chunk may be dropped unseen. */
  get isDropping(): boolean {
    return this.#isDropping;
  }

  /** The client is gone. */
  fail(error: RuntimeError): void {
    this.#failure = error;
    this.#chunks = [];
    this.#settle?.();
  }

  /** The whole body, promised when it is still coming. @throws BODY_TOO_LARGE, REQUEST_TIMEOUT, CANCELLED. */
  read(bytesMax: number): Uint8Array | Promise<Uint8Array> {
    this.#bytesMax = bytesMax;
    if (this.#declaredBytes > bytesMax) throw tooLarge(bytesMax);
    if (this.#isDone || this.#failure !== null) return this.#whole(bytesMax);
    const isEnough = (): boolean => this.#bytes > bytesMax;
    return this.#wait(this.#limits.bodyTimeoutMs, isEnough).then(() => this.#whole(bytesMax));
  }

  #whole(bytesMax: number): Uint8Array {
    if (this.#failure !== null) throw this.#failure;
    if (this.#bytes > bytesMax) throw tooLarge(bytesMax);
    if (!this.#isDone) {
      throw new RuntimeError(
        "REQUEST_TIMEOUT",
        `The body did not arrive within ${this.#limits.bodyTimeoutMs} ms.`,
      );
    }
    const [only] = this.#chunks;
    return this.#chunks.length === 1 && only !== undefined ? only : Buffer.concat(this.#chunks);
  }

  /** Reads on without keeping anything, within the linger limits, so that an early answer arrives. */
  async drop(): Promise<void> {
    this.#isDropping = true;
    this.#chunks = [];
    if (this.#isDone || this.#failure !== null) return;
    const from = this.#bytes;
    await this.#wait(LINGER_MS, () => this.#bytes - from > LINGER_BYTES);
  }

  #wait(timeoutMs: number, isEnough: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const wait: Wait = {
        slot: -1,
        untilMs: performance.now() + timeoutMs,
        // Resuming tells the server that a slow upload is still wanted; it has idle limits of its own.
        tick: () => this.#source.resume(),
        end: () => {
          waits.remove(wait);
          this.#settle = null;
          resolve();
        },
      };
      addWait(wait);
      this.#settle = () => {
        if (this.#isDone || this.#failure !== null || isEnough()) wait.end();
      };
      if (this.#isPaused) {
        this.#isPaused = false;
        this.#source.resume();
      }
      this.#settle();
    });
  }
}

interface Wait extends Slotted {
  readonly untilMs: number;
  tick(): void;
  end(): void;
}

// Nearly every body is there within the same turn of the event loop: one shared sweep for the few
// that are not is cheaper than two timers for each.
const waits = new Slots<Wait>();
let sweep: NodeJS.Timeout | null = null;

function addWait(wait: Wait): void {
  waits.add(wait);
  sweep ??= setInterval(sweepBodies, BODY_SWEEP_MS).unref();
}

function sweepBodies(): void {
  if (waits.size === 0 && sweep !== null) {
    clearInterval(sweep);
    sweep = null;
  }
  const nowMs = performance.now();
  for (const wait of waits.all()) {
    if (nowMs >= wait.untilMs) wait.end();
    else wait.tick();
  }
}

function tooLarge(bytesMax: number): RuntimeError {
  return new RuntimeError("BODY_TOO_LARGE", `The body is over the limit of ${bytesMax} bytes.`, {
    bytesMax,
  });
}

/** Whether the client is still there, and may still ask. */
export class Presence extends LazyAbort {
  #asked: LazyAbort | null = null;

  /** Aborts when the client leaves, or is dismissed. */
  get asked(): AbortSignal {
    if (this.#asked === null) {
      this.#asked = new LazyAbort();
      if (this.isAborted) this.#asked.abort(this.reason);
    }
    return this.#asked.signal;
  }

  get isGone(): boolean {
    return this.isAborted;
  }

  leave(): void {
    if (this.isAborted) return;
    this.abort(gone());
    this.#asked?.abort(this.reason);
  }

  /** What was asked for is no longer done for it; it can still be told why. */
  dismiss(reason: RuntimeError): void {
    this.#asked ??= new LazyAbort();
    this.#asked.abort(reason);
  }
}

const gone = (): RuntimeError => new RuntimeError("CANCELLED", "The client went away.");

/** The head of a request as it was copied from the server. */
export interface Head {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: {
    get(name: string): string | undefined;
    entries(): Iterable<readonly [string, string]>;
  };
  /** The id it was given where it came from. Absent: it gets one. */
  readonly id?: string;
  /** Address of the peer, asked for only when needed. */
  peer(): string;
}

/** A request over a copied head. */
export class Request implements HttpRequest {
  readonly id: string;
  readonly #head: Head;
  readonly #presence: Presence;
  readonly #body: BodyBuffer;
  readonly #bodyBytesMax: number;
  #query: URLSearchParams | null = null;

  constructor(head: Head, presence: Presence, body: BodyBuffer, bodyBytesMax: number) {
    this.id = head.id ?? newRequestId();
    this.#head = head;
    this.#presence = presence;
    this.#body = body;
    this.#bodyBytesMax = bodyBytesMax;
  }

  get method(): string {
    return this.#head.method;
  }

  get path(): string {
    return this.#head.path;
  }

  get query(): URLSearchParams {
    this.#query ??= new URLSearchParams(this.#head.query);
    return this.#query;
  }

  get rawQuery(): string {
    return this.#head.query;
  }

  get peer(): string {
    return this.#head.peer();
  }

  get signal(): AbortSignal {
    return this.#presence.asked;
  }

  dismiss(reason: RuntimeError): void {
    this.#presence.dismiss(reason);
  }

  header(name: string): string | undefined {
    return this.#head.headers.get(name);
  }

  headers(): Iterable<readonly [string, string]> {
    return this.#head.headers.entries();
  }

  body(bytesMax: number = this.#bodyBytesMax): Uint8Array | Promise<Uint8Array> {
    return this.#body.read(bytesMax);
  }
}
