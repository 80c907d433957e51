// One request on the native server. A native response may be touched only while it lives, every
// write to it is corked, and whatever a handler throws becomes an answer or a cut, never an abort
// of the process. listen.ts alone imports the library; here stands what is used of it.

import { RuntimeError } from "../../runtime/errors.ts";
import {
  BodyBuffer,
  type BodySource,
  fallbackReply,
  type Head,
  Presence,
  Request,
} from "./exchange.ts";
import {
  HeaderList,
  hasBrokenHeader,
  headTooLarge,
  isUnclearFraming,
  joinedHeaders,
  plainAddress,
  statusLine,
  unclearFraming,
} from "./heads.ts";
import type { HttpResponse, ServerLimits } from "./server.ts";
import { SinkQueue } from "./sink-queue.ts";
import { type Given, SLICE_BYTES, SlicedBody } from "./sliced-body.ts";
import type { Slotted } from "./slots.ts";
import type { Unsent } from "./unsent.ts";

const text = new TextDecoder();

/** What is used of the native response. Each throws when the response is over. */
export interface NativeResponse {
  onAborted(handler: () => void): unknown;
  onData(handler: (chunk: ArrayBuffer, isLast: boolean) => void): unknown;
  onWritable(handler: (offset: number) => boolean): unknown;
  cork(write: () => void): unknown;
  writeStatus(status: string): unknown;
  writeHeader(name: string, value: string): unknown;
  write(piece: Uint8Array): boolean;
  end(body?: string | Uint8Array, closeConnection?: boolean): unknown;
  endWithoutBody(bytes?: number, closeConnection?: boolean): unknown;
  /** [whether the socket took it all, whether the response is over]. */
  tryEnd(piece: Uint8Array, bytes: number): [boolean, boolean];
  getWriteOffset(): number;
  getRemoteAddressAsText(): ArrayBuffer;
  pause(): void;
  resume(): void;
  close(): unknown;
}

/** What is used of the native request; it lives only during the call that brings it. */
export interface NativeRequest {
  forEach(take: (name: string, value: string) => void): void;
  getCaseSensitiveMethod(): string;
  getUrl(): string;
  getQuery(): string | undefined;
}

/** Who answers a request; null means that the connection was taken. */
export type Answer = (request: Request) => HttpResponse | null | Promise<HttpResponse | null>;

/** The server an exchange belongs to. */
export interface ExchangeOwner {
  readonly isStopping: boolean;
  /** What its readers have not taken. */
  readonly unsent: Unsent;
  /** The response is over. */
  ended(exchange: NativeExchange): void;
}

/** One request and its response. After `#isOver` the native response is never touched again. */
export class NativeExchange implements Slotted, Head, BodySource {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers = new HeaderList();
  slot = -1;
  readonly #response: NativeResponse;
  readonly #limits: ServerLimits;
  readonly #server: ExchangeOwner;
  readonly #presence = new Presence();
  readonly #body: BodyBuffer;
  readonly #request: Request;
  #sink: SinkQueue | SlicedBody | null = null;
  #isOver = false;
  #takenFrom = "";
  readonly #awaitsBody: boolean;
  readonly #isUnclear: boolean;
  #waiting: Answer | null = null;
  readonly isTooLarge: boolean;

  constructor(
    response: NativeResponse,
    request: NativeRequest,
    limits: ServerLimits,
    server: ExchangeOwner,
  ) {
    this.#response = response;
    this.#limits = limits;
    this.#server = server;
    response.onAborted(() => this.#gone());
    const { headers } = this;
    request.forEach((name, value) => {
      headers.add(name, value);
    });
    const coding = headers.get("transfer-encoding");
    const length = headers.get("content-length");
    const declared = coding !== undefined ? -1 : Number(length ?? 0);
    this.#isUnclear = isUnclearFraming(coding, length);
    this.method = request.getCaseSensitiveMethod();
    this.path = request.getUrl();
    this.query = request.getQuery() ?? "";
    this.#body = new BodyBuffer(this, limits, declared);
    this.#request = new Request(this, this.#presence, this.#body, limits.bodyBytesMax);
    this.isTooLarge = headers.chars + this.path.length + this.query.length > limits.headerBytesMax;
    this.#awaitsBody = declared !== 0;
    if (this.#awaitsBody) this.#receive();
  }

  /** Asks `answer` and sends what it gives; null means that `take` has taken the connection. */
  run(answer: Answer): void {
    // The first bytes of a body come right after its head: with them there, nothing has to wait for
    // them. Who announces a body and sends nothing is cut by the native server's idle limit.
    if (this.#awaitsBody) this.#waiting = answer;
    else this.#begin(answer);
  }

  // Called from the native side, which nothing thrown may reach.
  #begin(answer: Answer): void {
    this.#waiting = null;
    try {
      const reply = this.#decide(answer);
      if (reply instanceof Promise) this.#sendLater(reply).catch(() => this.cut());
      else this.#send(reply);
    } catch {
      this.cut();
    }
  }

  /** Address of the client. */
  peer(): string {
    if (this.#isOver) return this.#takenFrom;
    return plainAddress(text.decode(this.#response.getRemoteAddressAsText()));
  }

  pause(): void {
    if (!this.#isOver) this.#response.pause();
  }

  // The native server's resume() on a connection that was not paused can lose the rest of its body:
  // what the socket holds is never read. After a pause it is safe, and pausing twice is too.
  resume(): void {
    if (this.#isOver) return;
    this.#response.pause();
    this.#response.resume();
  }

  /** Gives the native response to `use`, after which it is no response any more. */
  take(use: () => void): void {
    if (this.#isOver) return;
    this.#takenFrom = this.peer();
    this.#response.cork(use);
    this.#over();
  }

  /** Ends the connection at once. */
  cut(): void {
    if (!this.#isOver) this.#response.close();
  }

  #decide(answer: Answer): ReturnType<Answer> {
    try {
      if (this.isTooLarge) throw headTooLarge(this.#limits);
      // Once the packet has been read: the native server closes a connection on which another request
      // comes before the answer, so that what is behind such a head is not taken for a request.
      if (this.#isUnclear) {
        return new Promise((_, reject) => setImmediate(() => reject(unclearFraming())));
      }
      return answer(this.#request);
    } catch (error) {
      return fallbackReply(error, this.#request.id);
    }
  }

  async #sendLater(coming: Promise<HttpResponse | null>): Promise<void> {
    let reply: HttpResponse | null;
    try {
      reply = await coming;
    } catch (error) {
      reply = fallbackReply(error, this.#request.id);
    }
    this.#send(reply);
  }

  #send(given: HttpResponse | null): void {
    if (given === null || this.#isOver) return;
    let reply = given;
    if (hasBrokenHeader(given.headers)) {
      const broken = new Error("A response header holds a line break.");
      reply = fallbackReply(broken, this.#request.id);
    }
    if (this.#body.isDone && "body" in reply) {
      this.#whole(reply);
      return;
    }
    this.#finish(reply).catch((error: unknown) => {
      // Only a stream that failed on its way comes here: its head is out, so it is cut.
      if (!(error instanceof RuntimeError && error.code === "CANCELLED")) this.cut();
    });
  }

  async #finish(reply: HttpResponse): Promise<void> {
    if (!this.#body.isDone) await this.#body.drop();
    if (this.#isOver) return;
    if ("stream" in reply) await this.#stream(reply);
    else this.#whole(reply);
  }

  #whole(reply: Extract<HttpResponse, { body: unknown }>): void {
    const { body } = reply;
    const isLast = this.#isLast();
    const isBare = reply.status === 204 || reply.status === 304;
    if (body.length <= SLICE_BYTES || this.#request.method === "HEAD" || isBare) {
      this.#response.cork(() => {
        this.#head(reply, isLast);
        const bytes = typeof body === "string" ? Buffer.byteLength(body) : body.byteLength;
        if (isBare) this.#endBare(isLast);
        else if (this.#request.method === "HEAD") this.#response.endWithoutBody(bytes, isLast);
        else this.#response.end(body, isLast);
      });
      this.#over();
      return;
    }
    this.#large(reply, typeof body === "string" ? Buffer.from(body) : body);
  }

  // A body of known length that the socket takes piece by piece, without a copy on the native side.
  #large(reply: HttpResponse, body: Uint8Array): void {
    const response = this.#response;
    let isHeadOut = false;
    const give = (slice: Uint8Array, offset: number): Given => {
      let [isTaken, isDone] = [true, false];
      response.cork(() => {
        if (!isHeadOut) this.#head(reply, false);
        isHeadOut = true;
        [isTaken, isDone] = response.tryEnd(slice, body.byteLength);
      });
      if (isDone) return { offset: body.byteLength, isFull: false };
      return { offset: this.#isOver ? offset : response.getWriteOffset(), isFull: !isTaken };
    };
    const sliced = new SlicedBody({
      body,
      socket: { give, address: () => this.peer(), cut: () => this.cut() },
      unsent: this.#server.unsent,
      slowReaderMs: this.#limits.slowReaderMs,
      onEnd: () => this.#over(),
    });
    this.#sink = sliced;
    response.onWritable(() => {
      if (!this.#isOver) sliced.onWritable();
      return true;
    });
    sliced.start();
  }

  async #stream(reply: Extract<HttpResponse, { stream: unknown }>): Promise<void> {
    const response = this.#response;
    const isLast = this.#isLast();
    if (this.#request.method === "HEAD") {
      response.cork(() => {
        this.#head(reply, isLast);
        this.#endBare(isLast);
      });
      return this.#over();
    }
    const sink = new SinkQueue(
      {
        write: (piece) => {
          let isTaken = true;
          response.cork(() => {
            isTaken = response.write(piece);
          });
          return isTaken;
        },
        address: () => this.peer(),
        cut: () => this.cut(),
      },
      { limits: this.#limits, presence: this.#presence, unsent: this.#server.unsent },
    );
    this.#sink = sink;
    response.onWritable(() => {
      if (!this.#isOver) sink.onWritable();
      return true;
    });
    response.cork(() => this.#head(reply, isLast));
    await reply.stream(sink);
    while (!this.#isOver && !sink.isEmpty) await sink.drained;
    if (this.#isOver) return;
    response.cork(() => response.end(undefined, isLast));
    this.#over();
  }

  #head(reply: HttpResponse, isLast: boolean): void {
    const response = this.#response;
    response.writeStatus(statusLine(reply.status));
    // One call for all headers: a native call costs more than joining their text.
    const last = isLast ? "\r\nConnection: close" : "";
    response.writeHeader("X-Request-Id", this.#request.id + joinedHeaders(reply) + last);
  }

  /** Without a length: where an argument says undefined the native side makes a number of it, 2^63. */
  #endBare(isLast: boolean): void {
    if (isLast) this.#response.endWithoutBody(0, true);
    else this.#response.endWithoutBody();
  }

  /** Whether the connection closes after this answer: rests of a body, or a server that is going. */
  #isLast(): boolean {
    return this.#server.isStopping || !this.#body.isDone || this.isTooLarge || this.#isUnclear;
  }

  #receive(): void {
    this.#response.onData((chunk, isLast) => {
      if (this.#isOver) return;
      // The buffer is only lent: it is copied, into node's pool when it is small, because a buffer
      // of its own for each request costs more in garbage collection than the rest of the door.
      const lent = new Uint8Array(chunk);
      const bytes = this.#body.isDropping ? lent : Buffer.from(lent);
      this.#body.push(bytes, isLast);
      if (this.#waiting !== null) this.#begin(this.#waiting);
    });
  }

  #gone(): void {
    this.#over();
    this.#body.fail(new RuntimeError("CANCELLED", "The client went away."));
    this.#presence.leave();
    this.#sink?.onGone();
  }

  #over(): void {
    this.#isOver = true;
    this.#server.ended(this);
  }
}
