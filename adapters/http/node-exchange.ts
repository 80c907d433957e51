// One request on the server of node:http.

import type { IncomingMessage, ServerResponse } from "node:http";
import { RuntimeError } from "../../runtime/errors.ts";
import { BodyBuffer, fallbackReply, type Head, Presence, Request } from "./exchange.ts";
import { dateHeader, forEachHeader, hasBrokenHeader, plainAddress } from "./heads.ts";
import { relayHeaders } from "./restart/relay.ts";
import type { HttpResponse, ServerLimits } from "./server.ts";
import { SinkQueue } from "./sink-queue.ts";
import { SLICE_BYTES, SlicedBody } from "./sliced-body.ts";
import type { Reader, Unsent } from "./unsent.ts";

/** What an exchange stands on. */
export interface NodeExchangeOptions {
  readonly limits: ServerLimits;
  readonly unsent: Unsent;
  /** Whether its head says who the client is, as another process of this user has sent it on. */
  readonly isRelay: boolean;
}

/** One request and its response. */
export class NodeExchange {
  readonly #response: ServerResponse;
  readonly #limits: ServerLimits;
  readonly #unsent: Unsent;
  readonly #presence = new Presence();
  readonly #body: BodyBuffer;
  readonly #request: Request;

  constructor(
    incoming: IncomingMessage,
    response: ServerResponse,
    { limits, unsent, isRelay }: NodeExchangeOptions,
  ) {
    this.#response = response;
    this.#limits = limits;
    this.#unsent = unsent;
    const head = isRelay ? relayedHead(headOf(incoming)) : headOf(incoming);
    const declared =
      head.headers.get("transfer-encoding") !== undefined
        ? -1
        : Number(head.headers.get("content-length") ?? 0);
    const body = new BodyBuffer(
      { pause: () => incoming.pause(), resume: () => incoming.resume() },
      limits,
      declared,
    );
    this.#body = body;
    this.#request = new Request(head, this.#presence, body, limits.bodyBytesMax);
    const leave = (): void => {
      body.fail(new RuntimeError("CANCELLED", "The client went away."));
      this.#presence.leave();
    };
    incoming.on("data", (chunk: Buffer) => body.push(chunk, false));
    incoming.on("end", () => body.push(new Uint8Array(0), true));
    incoming.on("error", leave);
    response.on("error", leave);
    response.on("close", () => {
      if (!response.writableFinished) leave();
    });
  }

  async run(
    answer: (request: Request) => HttpResponse | Promise<HttpResponse>,
    isStopping: () => boolean,
  ): Promise<void> {
    const reply = await this.#decide(answer);
    if (!this.#body.isDone && !this.#presence.isGone) await this.#body.drop();
    if (this.#presence.isGone) return;
    if (isStopping() || !this.#body.isDone) this.#response.setHeader("Connection", "close");
    forEachHeader(reply, (name, value) => this.#response.setHeader(name, value));
    this.#response.setHeader("X-Request-Id", this.#request.id);
    this.#response.setHeader("Date", dateHeader());
    this.#response.statusCode = reply.status;
    if ("stream" in reply) await this.#stream(reply);
    else this.#whole(reply);
  }

  async #decide(
    answer: (request: Request) => HttpResponse | Promise<HttpResponse>,
  ): Promise<HttpResponse> {
    try {
      const reply = await answer(this.#request);
      if (hasBrokenHeader(reply.headers)) {
        throw new Error("A response header holds a line break.");
      }
      return reply;
    } catch (error) {
      return fallbackReply(error, this.#request.id);
    }
  }

  #whole(reply: Extract<HttpResponse, { body: unknown }>): void {
    const response = this.#response;
    if (reply.status !== 204 && reply.status !== 304) {
      response.setHeader("Content-Length", Buffer.byteLength(reply.body));
    }
    const body = typeof reply.body === "string" ? Buffer.from(reply.body) : reply.body;
    if (body.byteLength <= SLICE_BYTES || this.#request.method === "HEAD") this.#end(body);
    else this.#large(body);
  }

  #large(body: Uint8Array): void {
    const response = this.#response;
    const sliced = new SlicedBody({
      body,
      socket: {
        give: (slice, offset) => ({
          isFull: !response.write(slice),
          offset: offset + slice.byteLength,
        }),
        ...this.#reader(),
      },
      unsent: this.#unsent,
      slowReaderMs: this.#limits.slowReaderMs,
      onEnd: () => this.#end(),
    });
    response.on("drain", () => sliced.onWritable());
    response.on("close", () => sliced.onGone());
    sliced.start();
  }

  /** What the socket has not taken by now it has to take in time. */
  #end(rest?: Uint8Array): void {
    const response = this.#response;
    response.end(rest);
    if ((response.socket?.writableLength ?? 0) === 0) return;
    const timer = setTimeout(() => response.destroy(), this.#limits.slowReaderMs);
    response.on("finish", () => clearTimeout(timer));
    response.on("close", () => clearTimeout(timer));
  }

  #reader(): Reader {
    return { address: () => this.#request.peer, cut: () => this.#response.destroy() };
  }

  async #stream(reply: Extract<HttpResponse, { stream: unknown }>): Promise<void> {
    const response = this.#response;
    if (this.#request.method === "HEAD") return void response.end();
    const sink = new SinkQueue(
      { write: (piece) => response.write(piece), ...this.#reader() },
      { limits: this.#limits, presence: this.#presence, unsent: this.#unsent },
    );
    response.on("drain", () => sink.onWritable());
    response.on("close", () => sink.onGone());
    response.flushHeaders();
    await reply.stream(sink);
    while (!this.#presence.isGone && !sink.isEmpty) await sink.drained;
    this.#end();
  }
}

/** The head as it came. */
export function headOf(incoming: IncomingMessage): Head {
  const target = incoming.url ?? "/";
  const mark = target.indexOf("?");
  const headers = new Map<string, string>();
  for (const [name, values] of Object.entries(incoming.headersDistinct)) {
    if (values !== undefined) headers.set(name, values.join(", "));
  }
  const address = incoming.socket.remoteAddress ?? "";
  return {
    method: incoming.method ?? "GET",
    path: mark === -1 ? target : target.slice(0, mark),
    query: mark === -1 ? "" : target.slice(mark + 1),
    headers,
    peer: () => plainAddress(address),
  };
}

/** What its connection would have said of a request that was sent on. */
function relayedHead(head: Head): Head {
  const { peer, id } = relayHeaders;
  const [from = "", called] = [head.headers.get(peer), head.headers.get(id)];
  return { ...head, peer: () => from, ...(called === undefined ? {} : { id: called }) };
}
