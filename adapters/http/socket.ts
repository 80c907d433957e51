// `/ws`: many conversations over one socket. A subscription sends events while it has credit and the
// socket takes them; else its frames wait where they come from, which coalesces previews or says
// `gap`. Closing the socket ends subscriptions, never runs.

import { type ErrorCode, RuntimeError, toErrorData, toldError } from "../../runtime/errors.ts";
import type { Frame } from "../../runtime/frame.ts";
import { frameView } from "./answers.ts";
import type { Proven } from "./proof.ts";
import type { Principal } from "./route.ts";
import type { Socket, SocketHandler } from "./server.ts";
import {
  type ChatParams,
  closeCodes,
  errorFrame,
  parseFrame,
  resultFrame,
  SOCKET_PROTOCOL,
  type SocketRequest,
  socketLimits,
} from "./socket-frames.ts";
import { grantsOf, Subscription, type Watched } from "./socket-subscription.ts";
import { loadValidator } from "./validate.ts";

/** What a socket does things with. */
export interface SocketServices {
  /** @throws UNAUTHENTICATED, RATE_LIMITED. */
  authenticateKey(key: string, address: string): Promise<Principal>;
  /** Whether the key is valid still; counts for nothing. @throws UNAUTHENTICATED, TENANT_SUSPENDED. */
  proveKey(key: string): Promise<Principal>;
  /** Called for every request after hello. @throws RATE_LIMITED. */
  admit(principal: Principal): void;
  /** First frame `accepted` or `refused`, then the run's frames to its end. @throws FORBIDDEN ... */
  startChat(
    principal: Principal,
    params: ChatParams,
    options: { readonly idempotencyKey: string | null; readonly signal: AbortSignal },
  ): AsyncIterable<readonly Frame[]>;
  /** Frames of a run after an event id. @throws NOT_FOUND, EVENTS_TRIMMED, FORBIDDEN. */
  follow(
    principal: Principal,
    run: string,
    options: { readonly after?: string; readonly signal: AbortSignal },
  ): AsyncIterable<readonly Frame[]>;
  cancel(principal: Principal, run: string, reason: string): Promise<void>;
  /** Whether somebody might still ask for what is watched. @throws FORBIDDEN, NOT_FOUND. */
  checkWatch(principal: Principal, watched: Watched): Promise<void>;
}

/**
 * Makes the handler of one connection.
 * @param address where it came from.
 * @param proven who was let in by the handshake; null: it must say hello with a key.
 */
export async function createSocketHandler(
  services: SocketServices,
  address: string,
  proven: Proven | null,
  proofMs: number = socketLimits.proofMs,
): Promise<SocketHandler> {
  await loadValidator();
  let connection: Connection | null = null;
  return {
    onOpen: (socket) => {
      connection = new Connection(socket, { services, address, proven, proofMs });
    },
    onMessage: (_socket, text) => connection?.receive(text),
    onDrain: () => connection?.drained(),
    onClose: () => connection?.end(),
  };
}

class Connection {
  readonly #socket: Socket;
  readonly #services: SocketServices;
  readonly #address: string;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #hello: NodeJS.Timeout;
  readonly #proofs: NodeJS.Timeout;
  #proven: Proven | null;
  #drain: { readonly promise: Promise<void>; readonly resolve: () => void } | null = null;
  #made = 0;
  #pending = 0;
  #isOpen = true;

  constructor(
    socket: Socket,
    of: {
      readonly services: SocketServices;
      readonly address: string;
      readonly proven: Proven | null;
      readonly proofMs: number;
    },
  ) {
    this.#socket = socket;
    this.#services = of.services;
    this.#address = of.address;
    this.#proven = of.proven;
    // Whoever only watches is not to see more than who asks.
    this.#proofs = setInterval(() => void this.#lookAgain(), of.proofMs).unref();
    this.#hello = setTimeout(
      () => this.#close(closeCodes.helloTimeout, "No hello came in time."),
      socketLimits.helloMs,
    );
    if (of.proven !== null) clearTimeout(this.#hello);
  }

  receive(text: string): void {
    if (this.#proven === null && text.length > socketLimits.helloChars) {
      this.#close(closeCodes.badFrame, "The first frame is too large.");
      return;
    }
    const parsed = this.#parse(text);
    if (parsed === null) return;
    if (parsed.type === "refused") {
      this.#send(errorFrame(parsed.id, parsed.error));
      return;
    }
    const { request } = parsed;
    if (this.#pending >= socketLimits.requests) {
      this.#close(closeCodes.tooMany, "Too many requests are unanswered.");
      return;
    }
    this.#pending += 1;
    this.#perform(request)
      .catch((error: unknown) => this.#refuse(request, error))
      .finally(() => {
        this.#pending -= 1;
      });
  }

  drained(): void {
    const waiting = this.#drain;
    this.#drain = null;
    waiting?.resolve();
  }

  end(): void {
    this.#isOpen = false;
    clearTimeout(this.#hello);
    clearInterval(this.#proofs);
    for (const subscription of this.#subscriptions.values()) subscription.abort.abort();
    this.#subscriptions.clear();
    this.drained();
  }

  #parse(text: string): ReturnType<typeof parseFrame> | null {
    try {
      return parseFrame(text);
    } catch (error) {
      this.#close(closeCodes.badFrame, toldError(toErrorData(error)).message);
      return null;
    }
  }

  async #perform(request: SocketRequest): Promise<void> {
    if (request.method === "hello") return this.#sayHello(request);
    if (this.#proven === null) throw new RuntimeError("UNAUTHENTICATED", "Say hello first.");
    if (request.method === "ack") return this.#ack(request);
    const principal = await this.#proven.prove();
    this.#services.admit(principal);
    switch (request.method) {
      case "chat":
        return this.#watch(request, principal, (signal) =>
          this.#services.startChat(principal, request.params, {
            idempotencyKey: request.idempotency_key ?? null,
            signal,
          }),
        );
      case "subscribe":
      case "resume": {
        const { run_id, after } = request.params;
        return this.#watch(request, principal, (signal) =>
          this.#services.follow(principal, run_id, {
            signal,
            ...(after === undefined ? {} : { after }),
          }),
        );
      }
      case "unsubscribe":
        this.#find(request.params.sub).abort.abort();
        this.#subscriptions.delete(request.params.sub);
        this.#send(resultFrame(request.id, {}));
        return;
      case "cancel": {
        const { run_id, reason } = request.params;
        await this.#services.cancel(principal, run_id, reason ?? "Cancelled by its client.");
        this.#send(resultFrame(request.id, { run_id }));
      }
    }
  }

  async #sayHello(request: Extract<SocketRequest, { method: "hello" }>): Promise<void> {
    const {
      token,
      min_protocol = SOCKET_PROTOCOL,
      max_protocol = SOCKET_PROTOCOL,
    } = request.params;
    if (min_protocol > SOCKET_PROTOCOL || max_protocol < SOCKET_PROTOCOL) {
      throw new RuntimeError("INVALID", `This server speaks protocol ${SOCKET_PROTOCOL}.`);
    }
    if (token !== undefined) {
      const prove = () => this.#services.authenticateKey(token, this.#address);
      const again = () => this.#services.proveKey(token);
      this.#proven = { principal: await prove(), prove, again };
    }
    if (this.#proven === null) {
      throw new RuntimeError("UNAUTHENTICATED", "hello needs a token: an API key.");
    }
    clearTimeout(this.#hello);
    const { subscriptions, requests, credit } = socketLimits;
    const limits = { subscriptions, requests, credit };
    this.#send(resultFrame(request.id, { protocol: SOCKET_PROTOCOL, limits }));
  }

  async #lookAgain(): Promise<void> {
    try {
      const principal = await this.#proven?.again();
      if (principal !== undefined) await this.#checkWatches(principal);
    } catch (error) {
      const { code, message } = toErrorData(error);
      if (isLost(code)) this.#close(closing[code] ?? closeCodes.unauthenticated, message);
    }
  }

  /** Of a key that may do other things than before, what it may no longer watch ends. */
  async #checkWatches(principal: Principal): Promise<void> {
    const grants = grantsOf(principal);
    for (const subscription of this.#subscriptions.values()) {
      const { watched } = subscription;
      if (watched === null || subscription.grants === grants) continue;
      try {
        await this.#services.checkWatch(principal, watched);
        subscription.grants = grants;
      } catch (error) {
        const { code } = toErrorData(error);
        if (code !== "FORBIDDEN" && code !== "NOT_FOUND") throw error;
        this.#fail(subscription, error);
        subscription.abort.abort();
      }
    }
  }

  #ack(request: Extract<SocketRequest, { method: "ack" }>): void {
    // A subscription may have ended while its last ack was on the way: that is no error.
    this.#subscriptions.get(request.params.sub)?.add(request.params.credit);
    this.#send(resultFrame(request.id, {}));
  }

  #find(id: string): Subscription {
    const subscription = this.#subscriptions.get(id);
    if (subscription !== undefined) return subscription;
    throw new RuntimeError("NOT_FOUND", "There is no such subscription on this socket.");
  }

  // The answer to the request comes with the first frames: a refusal of the run is a refusal of it.
  // What follows goes on by itself, so that a stream does not count as an unanswered request.
  async #watch(
    request: Extract<SocketRequest, { method: "chat" | "subscribe" | "resume" }>,
    principal: Principal,
    open: (signal: AbortSignal) => AsyncIterable<readonly Frame[]>,
  ): Promise<void> {
    if (this.#subscriptions.size >= socketLimits.subscriptions) {
      const most = socketLimits.subscriptions;
      throw new RuntimeError("RATE_LIMITED", `A socket has at most ${most} subscriptions.`);
    }
    this.#made += 1;
    const subscription = new Subscription(
      `s${this.#made}`,
      grantsOf(principal),
      request.params.credit,
    );
    this.#subscriptions.set(subscription.id, subscription);
    const frames = open(subscription.abort.signal)[Symbol.asyncIterator]();
    try {
      const first = await frames.next();
      const batch = first.done === true ? [] : first.value;
      const [head] = batch;
      if (head?.type === "refused")
        throw new RuntimeError(head.error.code, head.error.message, head.error.details);
      const accepted = head?.type === "accepted" ? { run_id: head.run, accepted: head.reply } : {};
      const run = request.method === "chat" ? accepted.run_id : request.params.run_id;
      const how = request.method === "chat" ? "chat" : "follow";
      if (run != null) subscription.watched = { how, run };
      this.#send(resultFrame(request.id, { sub: subscription.id, ...accepted }));
      const rest = head?.type === "accepted" ? batch.slice(1) : batch;
      this.#follow(subscription, frames, rest, first.done === true).catch((error: unknown) =>
        this.#fail(subscription, error),
      );
    } catch (error) {
      this.#subscriptions.delete(subscription.id);
      subscription.abort.abort();
      throw error;
    }
  }

  async #follow(
    subscription: Subscription,
    frames: AsyncIterator<readonly Frame[]>,
    first: readonly Frame[],
    isDone: boolean,
  ): Promise<void> {
    let batch = first;
    let isLast = isDone;
    for (;;) {
      for (const frame of batch) {
        const sequence = await subscription.take();
        if (sequence === null) return void (await frames.return?.());
        await this.#event(subscription.id, sequence, frame);
      }
      if (isLast) break;
      const next = await frames.next();
      isLast = next.done === true;
      batch = next.done === true ? [] : next.value;
    }
    this.#subscriptions.delete(subscription.id);
  }

  #fail(subscription: Subscription, error: unknown): void {
    this.#subscriptions.delete(subscription.id);
    if (subscription.abort.signal.aborted) return;
    const { code, message } = toldError(toErrorData(error));
    const data = { code, message };
    this.#send(
      JSON.stringify({ type: "event", sub: subscription.id, seq: 0, event: "error", data }),
    );
  }

  async #event(sub: string, seq: number, frame: Frame): Promise<void> {
    const { type: event, ...data } = frameView(frame);
    if (this.#send(JSON.stringify({ type: "event", sub, seq, event, data })) === "ok") return;
    await this.#whenDrained();
  }

  #whenDrained(): Promise<void> {
    if (!this.#isOpen) return Promise.resolve();
    if (this.#drain === null) {
      let resolve = (): void => {};
      const promise = new Promise<void>((done) => {
        resolve = done;
      });
      this.#drain = { promise, resolve };
    }
    return this.#drain.promise;
  }

  #send(text: string): "ok" | "full" | "gone" {
    return this.#isOpen ? this.#socket.send(text) : "gone";
  }

  #refuse(request: SocketRequest, error: unknown): void {
    const data = toErrorData(error);
    this.#send(errorFrame(request.id, data));
    const code = closing[data.code];
    const ends = this.#proven === null || data.code === "SHUTTING_DOWN" || isLost(data.code);
    if (code !== undefined && ends) this.#close(code, data.message);
  }

  #close(code: number, reason: string): void {
    // A close frame carries at most 123 bytes of reason.
    if (this.#isOpen) this.#socket.close(code, reason.slice(0, 100));
  }
}

/** Whoever spoke may do so no longer. */
const isLost = (code: ErrorCode): boolean =>
  code === "UNAUTHENTICATED" || code === "TENANT_SUSPENDED";

const closing: Partial<Record<ErrorCode, number>> = {
  UNAUTHENTICATED: closeCodes.unauthenticated,
  FORBIDDEN: closeCodes.forbidden,
  TENANT_SUSPENDED: closeCodes.forbidden,
  RATE_LIMITED: closeCodes.tooMany,
  SHUTTING_DOWN: closeCodes.stopping,
};
