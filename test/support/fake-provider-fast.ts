// The fake provider for measuring: same wires, a fixed answer rendered once, on uWebSockets.js, so
// that it is never what a bench is limited by. It validates nothing and keeps counters, no log.

import * as uws from "uWebSockets.js";
import { type ProviderCall, readCall, type Wire } from "./fake-provider-call.ts";
import { embeddingsAnswer, modelsBody } from "./fake-provider-extras.ts";
import { answerBody, answerFrames, type Frames } from "./fake-provider-wire.ts";

/** How the fast provider answers every call. */
export interface FastOptions {
  readonly port: number;
  /** Tokens of each answer. */
  readonly tokens: number;
  /** Milliseconds between tokens; 0 sends the whole answer at once. */
  readonly tokenMs: number;
  /** Milliseconds before the first token. */
  readonly firstTokenMs: number;
}

/** A running fast provider. */
export interface FastProvider {
  readonly port: number;
  /** Calls answered or under way, and those whose client went away first. */
  counters(): { readonly calls: number; readonly streams: number; readonly aborted: number };
  close(): void;
}

const words = ["Export", " your", " data", " from", " Settings", " in", " one", " step", "."];
const TICK_MS = 1;

type Response = Parameters<Parameters<ReturnType<typeof uws.App>["post"]>[1]>[0];

interface Paced {
  readonly response: Response;
  readonly frames: readonly string[];
  at: number;
  dueMs: number;
  isGone: boolean;
}

/** Starts it on 127.0.0.1. */
export function createFastProvider(options: FastOptions): FastProvider {
  const answers = {
    openai: rendered("openai", options),
    anthropic: rendered("anthropic", options),
  };
  const paced = new Set<Paced>();
  const counts = { calls: 0, streams: 0, aborted: 0 };
  const ticker = setInterval(() => tick(paced, options.tokenMs), TICK_MS);
  const app = uws.App();
  const post = (wire: Wire) => (response: Response) => {
    const state: Paced = { response, frames: [], at: 0, dueMs: 0, isGone: false };
    let body = "";
    response.onAborted(() => {
      counts.aborted += 1;
      state.isGone = true;
      paced.delete(state);
    });
    response.onData((part, isLast) => {
      body += Buffer.from(part).toString("latin1");
      if (!isLast || state.isGone) return;
      counts.calls += 1;
      const { json, frames, framesWithUsage } = answers[wire];
      if (!/"stream":\s*true/.test(body))
        return delayed(options, state, () => sendJson(response, json));
      counts.streams += 1;
      const chosen = /"include_usage":\s*true/.test(body) ? framesWithUsage : frames;
      startStream(response);
      if (options.tokenMs === 0 && options.firstTokenMs === 0)
        return void response.end(chosen.join(""));
      paced.add(Object.assign(state, { frames: chosen, dueMs: Date.now() + options.firstTokenMs }));
    });
  };
  app.post("/v1/chat/completions", post("openai"));
  app.post("/v1/messages", post("anthropic"));
  app.get("/v1/models", (response) => sendJson(response, modelsBody("openai")));
  app.post("/v1/embeddings", (response) => {
    let body = "";
    response.onAborted(() => {});
    response.onData((part, isLast) => {
      body += Buffer.from(part).toString("utf8");
      if (isLast) sendJson(response, JSON.stringify(embeddingsAnswer(JSON.parse(body))));
    });
  });
  app.get("/_counters", (response) => sendJson(response, JSON.stringify(counts)));
  let listening: ReturnType<typeof uws.us_socket_local_port> | undefined;
  app.listen("127.0.0.1", options.port, (token) => {
    if (token) listening = uws.us_socket_local_port(token);
  });
  if (listening === undefined) throw new Error(`Port ${options.port} is taken.`);
  return {
    port: listening,
    counters: () => ({ ...counts }),
    close() {
      clearInterval(ticker);
      app.close();
    },
  };
}

function delayed(options: FastOptions, state: { isGone: boolean }, call: () => void): void {
  const ms = options.firstTokenMs + options.tokenMs * options.tokens;
  if (ms === 0) call();
  else setTimeout(() => !state.isGone && call(), ms);
}

function sendJson(response: Response, body: string): void {
  response.cork(() => {
    response.writeHeader("content-type", "application/json").end(body);
  });
}

function startStream(response: Response): void {
  response.writeHeader("content-type", "text/event-stream; charset=utf-8");
}

// One timer for all streams: a timer for each token would cost more than the token.
function tick(paced: Set<Paced>, tokenMs: number): void {
  const now = Date.now();
  for (const stream of paced) {
    while (stream.dueMs <= now && stream.at < stream.frames.length) {
      const frame = stream.frames[stream.at] ?? "";
      stream.at += 1;
      stream.dueMs += tokenMs;
      const isLast = stream.at === stream.frames.length;
      stream.response.cork(() => {
        if (isLast) stream.response.end(frame);
        else stream.response.write(frame);
      });
      if (isLast) paced.delete(stream);
    }
  }
}

function rendered(wire: Wire, options: FastOptions) {
  const pieces = Array.from({ length: options.tokens }, (_, at) => words[at % words.length] ?? "");
  const call: ProviderCall = readCall(wire, "", {}, { model: "fake-fast" });
  const usage = { promptTokens: 80, completionTokens: options.tokens };
  const answer = { pieces, tools: [], finish: "stop", usage } as const;
  const joined = ({ head, tokens, tail }: Frames): readonly string[] => {
    // Head and tail travel with the first and the last token, as one write each.
    const all = tokens.length > 0 ? [...tokens] : [""];
    all[0] = head.join("") + all[0];
    all[all.length - 1] += tail.join("");
    return all;
  };
  return {
    json: answerBody(call, answer, 1),
    frames: joined(answerFrames(call, answer, 1)),
    framesWithUsage: joined(answerFrames({ ...call, wantsUsage: true }, answer, 1)),
  };
}
