// A model provider for tests: speaks the OpenAI and Anthropic protocols on a real socket, answers
// deterministically, misbehaves by rule, and counts what it was asked. `fake-provider-main.ts` runs
// it as a process of its own; the bench uses the faster one of `fake-provider-fast.ts`.

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { answerOf, type Behaviour, parse } from "./fake-provider-behaviour.ts";
import { type ProviderCall, readCall, refusalOf, type Wire } from "./fake-provider-call.ts";
import {
  embeddingsAnswer,
  embeddingsRefusal,
  inputsOf,
  modelsBody,
} from "./fake-provider-extras.ts";
import {
  type Answer,
  answerBody,
  answerFrames,
  errorBody,
  errorFrame,
} from "./fake-provider-wire.ts";

/** Which calls a rule is for: a marker in the last user message, a pattern, or a predicate. */
export type Predicate = string | RegExp | ((call: ProviderCall) => boolean);

/** A call and what became of it. */
export interface LoggedCall extends ProviderCall {
  /** HTTP status answered; 0 while none was. */
  status: number;
  /** How it ended: `answered`, `cut` by a rule, or `closed` by the client before the end. */
  outcome: "open" | "answered" | "cut" | "closed";
  /** Tokens (frames between head and tail) written. */
  tokens: number;
}

/** A running provider. */
export interface FakeProvider {
  readonly port: number;
  /** e.g. "http://127.0.0.1:4711/v1": the base URL for OpenAI clients. */
  readonly openaiUrl: string;
  /** e.g. "http://127.0.0.1:4711": the base URL for Anthropic clients. */
  readonly anthropicUrl: string;
  /** Adds a rule. Rules are tried in the order they were added; the first that fits decides. */
  when(predicate: Predicate, behaviour: Behaviour): void;
  /** Changes what is done when no rule fits. */
  otherwise(behaviour: Behaviour): void;
  /** Calls whose last user message holds the marker; all without one. */
  calls(marker?: string): readonly LoggedCall[];
  count(marker?: string): number;
  /** Resolves as soon as a logged call fits; checked at every change of any call. */
  until(fits: (call: LoggedCall) => boolean): Promise<LoggedCall>;
  /** Sockets that clients have opened since the start. */
  connections(): number;
  /** Connections that are open now. */
  openConnections(): number;
  /** Forgets rules and log. */
  reset(): void;
  close(): Promise<void>;
}

const LOG_MAX = 200_000;
const BODY_BYTES_MAX = 64 * 1024 * 1024;

interface Rule {
  readonly fits: (call: ProviderCall) => boolean;
  readonly behaviour: Behaviour;
  left: number;
}

interface State {
  rules: Rule[];
  log: LoggedCall[];
  fallback: Behaviour;
  readonly waiting: Set<{ fits(call: LoggedCall): boolean; done(call: LoggedCall): void }>;
  connections: number;
  open: number;
  number: number;
}

/** Starts a provider on 127.0.0.1. `port` 0 (default) takes a free one. */
export async function createFakeProvider(options: { port?: number } = {}): Promise<FakeProvider> {
  const state: State = {
    rules: [],
    log: [],
    fallback: {},
    waiting: new Set(),
    connections: 0,
    open: 0,
    number: 0,
  };
  const server = createServer((request, response) => {
    void serve(state, request, response).catch(() => response.destroy());
  });
  server.keepAliveTimeout = 60_000;
  server.on("connection", (socket) => {
    state.connections += 1;
    state.open += 1;
    socket.on("close", () => {
      state.open -= 1;
    });
    socket.setNoDelay(true);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  const calls = (marker?: string) =>
    marker === undefined ? state.log : state.log.filter((call) => call.lastUser.includes(marker));
  return {
    port,
    openaiUrl: `http://127.0.0.1:${port}/v1`,
    anthropicUrl: `http://127.0.0.1:${port}`,
    when(predicate, behaviour) {
      const left = behaviour.times ?? Number.POSITIVE_INFINITY;
      state.rules.push({ fits: toTest(predicate), behaviour, left });
    },
    otherwise: (behaviour) => {
      state.fallback = behaviour;
    },
    calls,
    count: (marker) => calls(marker).length,
    until: (fits) =>
      new Promise((resolve) => {
        const found = state.log.find(fits);
        if (found) return resolve(found);
        const waiter = {
          fits,
          done(call: LoggedCall) {
            state.waiting.delete(waiter);
            resolve(call);
          },
        };
        state.waiting.add(waiter);
      }),
    connections: () => state.connections,
    openConnections: () => state.open,
    reset() {
      state.rules = [];
      state.log = [];
      state.fallback = {};
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function toTest(predicate: Predicate): (call: ProviderCall) => boolean {
  if (typeof predicate === "function") return predicate;
  if (typeof predicate === "string") return (call) => call.lastUser.includes(predicate);
  return (call) => predicate.test(call.lastUser);
}

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

function changed(state: State, call: LoggedCall): void {
  for (const waiter of state.waiting) if (waiter.fits(call)) waiter.done(call);
}

async function readBody(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > BODY_BYTES_MAX) throw new Error("body too large");
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

function send(response: ServerResponse, status: number, body: string, headers = {}): void {
  response.writeHead(status, {
    "content-type": "application/json",
    "x-request-id": "req_fake",
    "request-id": "req_fake",
    ...headers,
  });
  response.end(body);
}

async function serve(
  state: State,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = (request.url ?? "").split("?")[0] ?? "";
  const headers = request.headers as Record<string, string>;
  const isAnthropic = path.endsWith("/messages") || headers["anthropic-version"] !== undefined;
  const wire: Wire = isAnthropic ? "anthropic" : "openai";
  const text = await readBody(request);
  if (path === "/_calls") return send(response, 200, JSON.stringify({ calls: state.log }));
  if (request.method === "GET" && path.endsWith("/models")) {
    return send(response, 200, modelsBody(wire));
  }
  const body = parse(text);
  const refusal = refusalOf(wire, headers, body);
  if (refusal) return send(response, refusal.status, errorBody(wire, refusal));
  if (path.endsWith("/embeddings")) {
    const asked = readCall(wire, path, headers, body);
    return serveEmbeddings(state, { ...asked, lastUser: inputsOf(body).join("\n") }, response);
  }
  if (!path.endsWith("/chat/completions") && !path.endsWith("/messages")) {
    return send(response, 404, errorBody(wire, { status: 404, message: `No route ${path}` }));
  }
  await serveCall(state, readCall(wire, path, headers, body), response);
}

/** Rules see the texts as the last user message. */
async function serveEmbeddings(
  state: State,
  asked: ProviderCall,
  response: ServerResponse,
): Promise<void> {
  const call: LoggedCall = { ...asked, status: 0, outcome: "open", tokens: 0 };
  if (state.log.length < LOG_MAX) state.log.push(call);
  response.on("close", () => {
    if (call.outcome === "open") call.outcome = "closed";
    changed(state, call);
  });
  const behaviour = pick(state, call);
  changed(state, call);
  if (behaviour.firstByteMs) await wait(behaviour.firstByteMs);
  if (behaviour.hang === "at-once" || call.outcome !== "open") return;
  const refusal = behaviour.error ?? (await embeddingsRefusal(call.body));
  call.outcome = "answered";
  call.status = refusal?.status ?? 200;
  if (refusal) return refuse(call.wire, refusal, response);
  const answer = embeddingsAnswer(call.body);
  const body = JSON.stringify(behaviour.embeddings?.(answer) ?? answer);
  const sent = behaviour.garbageAfter === undefined ? body : body.slice(0, body.length >> 1);
  send(response, 200, sent, behaviour.headers);
}

async function serveCall(
  state: State,
  asked: ProviderCall,
  response: ServerResponse,
): Promise<void> {
  const call: LoggedCall = { ...asked, status: 0, outcome: "open", tokens: 0 };
  if (state.log.length < LOG_MAX) state.log.push(call);
  state.number += 1;
  const number = state.number;
  response.on("close", () => {
    if (call.outcome === "open") call.outcome = "closed";
    changed(state, call);
  });
  const behaviour = pick(state, call);
  changed(state, call);
  if (behaviour.firstByteMs) await wait(behaviour.firstByteMs);
  if (behaviour.hang === "at-once" || call.outcome !== "open") return;
  if (behaviour.error) {
    call.status = behaviour.error.status;
    call.outcome = "answered";
    return refuse(call.wire, behaviour.error, response);
  }
  call.status = 200;
  const answer = answerOf(call, behaviour, number);
  if (call.stream) return streamAnswer({ state, call, behaviour, answer, number, response });
  const body = answerBody(call, answer, number);
  if (behaviour.cutAfter !== undefined) {
    call.outcome = "cut";
    response.writeHead(200, { "content-type": "application/json", "content-length": body.length });
    response.write(body.slice(0, body.length >> 1), () => response.destroy());
    return;
  }
  call.outcome = "answered";
  const isBroken = behaviour.garbageAfter !== undefined;
  send(response, 200, isBroken ? body.slice(0, -9) : body, behaviour.headers);
}

function pick(state: State, call: ProviderCall): Behaviour {
  const rule = state.rules.find(({ fits, left }) => left > 0 && fits(call));
  if (!rule) return state.fallback;
  rule.left -= 1;
  return rule.behaviour;
}

function refuse(
  wire: Wire,
  error: NonNullable<Behaviour["error"]>,
  response: ServerResponse,
): void {
  const message = error.message ?? `Scripted failure ${error.status}.`;
  const headers = {
    ...(error.retryAfterS !== undefined && { "retry-after": String(error.retryAfterS) }),
    ...(error.retryAfterMs !== undefined && { "retry-after-ms": String(error.retryAfterMs) }),
  };
  send(response, error.status, error.rawBody ?? errorBody(wire, { ...error, message }), headers);
}

interface Streaming {
  readonly state: State;
  readonly call: LoggedCall;
  readonly behaviour: Behaviour;
  readonly answer: Answer;
  readonly number: number;
  readonly response: ServerResponse;
}

async function streamAnswer(streaming: Streaming): Promise<void> {
  const { state, call, behaviour, answer, number, response } = streaming;
  const { head, tokens, tail } = answerFrames(call, answer, number);
  const isGone = () => call.outcome !== "open";
  const write = (text: string) => writeSliced(response, text, behaviour.sliceBytes);
  response.writeHead(200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
    ...behaviour.headers,
  });
  response.flushHeaders();
  if (behaviour.hang === "after-head") return;
  if (behaviour.firstTokenMs) await wait(behaviour.firstTokenMs);
  await write(head.join(""));
  for (const [index, token] of tokens.entries()) {
    if (isGone()) return;
    if (index > 0 && behaviour.tokenMs) await wait(behaviour.tokenMs);
    if (await misbehave(streaming, index, write)) return;
    await write(token);
    call.tokens = index + 1;
    changed(state, call);
  }
  if (isGone() || (await misbehave(streaming, tokens.length, write))) return;
  await write(tail.join(""));
  call.outcome = "answered";
  response.end();
}

async function misbehave(
  { call, behaviour, response }: Streaming,
  index: number,
  write: (text: string) => Promise<void>,
): Promise<boolean> {
  if (behaviour.hang === index) return true;
  const name = call.wire === "anthropic" ? "event: content_block_delta\n" : "";
  if (behaviour.garbageAfter === index) await write(`${name}data: {"choices":[{"del\n\n`);
  if (behaviour.errorAfter === index) {
    const status = call.wire === "anthropic" ? 529 : 500;
    await write(errorFrame(call.wire, { status, message: "Scripted failure in the stream." }));
    call.outcome = "cut";
    response.end();
    return true;
  }
  if (behaviour.endAfter !== index && behaviour.cutAfter !== index) return false;
  call.outcome = "cut";
  if (behaviour.endAfter === index) response.end();
  else response.destroy();
  return true;
}

async function writeSliced(response: ServerResponse, text: string, bytes?: number): Promise<void> {
  if (text === "" || response.destroyed) return;
  if (bytes === undefined) {
    response.write(text);
    return;
  }
  const whole = Buffer.from(text);
  for (let at = 0; at < whole.length; at += bytes) {
    // Awaited, so that each slice is a write (and mostly a segment) of its own.
    await new Promise<void>((resolve) => {
      response.write(whole.subarray(at, at + bytes), () => setImmediate(resolve));
    });
  }
}
