// The fake model provider of the bench: OpenAI's chat completions on uWebSockets.js, never what a
// bench is limited by. It answers each framework's routing call in that framework's own way and
// stamps tokens with the time, so that a client can tell how long a token was under way.

import * as uws from "uWebSockets.js";
import { answerOf, type ProviderAnswer } from "./provider-answer.ts";

/** How the provider answers until it is told otherwise. */
export interface ProviderPace {
  /** Milliseconds before the first token, of every call. */
  readonly firstTokenMs: number;
  /** Milliseconds between tokens. */
  readonly tokenMs: number;
  /** Tokens of an answer. */
  readonly tokens: number;
  /** Tokens of a routing decision. */
  readonly routeTokens: number;
}

/** What the provider has seen since its last reset. */
export interface ProviderCounts {
  calls: number;
  streams: number;
  /** Calls that chose a route, whatever way a framework asks for it. */
  routes: number;
  aborted: number;
  requestBytes: number;
  /** Body of the last calls, at most `BODIES_KEPT`, when they are asked to be kept. */
  bodies: string[];
}

/** Bodies kept for counting a turn's prompt. */
const BODIES_KEPT = 16;
/** Turns whose held time is remembered. */
const MARKS_KEPT = 50_000;
const TICK_MS = 1;

type Response = Parameters<Parameters<ReturnType<typeof uws.App>["post"]>[1]>[0];

interface Call {
  readonly response: Response;
  readonly arrivedUs: number;
  readonly answer: ProviderAnswer;
  readonly mark: string;
  readonly isStream: boolean;
  /** What earlier calls of the same turn were held. */
  readonly priorUs: number;
  /** Next piece; 0 is the first. */
  at: number;
  dueUs: number;
}

const nowUs = (): number => Number(process.hrtime.bigint() / 1_000n);

/** Starts the provider on 127.0.0.1; resolves to its port. */
export function startProvider(port: number): number {
  let pace: ProviderPace = { firstTokenMs: 0, tokenMs: 0, tokens: 9, routeTokens: 3 };
  let keepsBodies = false;
  const counts: ProviderCounts = emptyCounts();
  const heldUs = new Map<string, number>();
  const waiting = new Set<Call>();

  const finish = (call: Call): number => {
    const held = nowUs() - call.arrivedUs + call.priorUs;
    if (call.mark !== "") {
      heldUs.set(call.mark, held);
      if (heldUs.size > MARKS_KEPT) heldUs.delete(heldUs.keys().next().value ?? "");
    }
    return held;
  };
  const sendWhole = (call: Call): void => {
    const body = call.answer.json(finish(call), nowUs(), pace.tokens);
    call.response.cork(() => {
      call.response.writeHeader("content-type", "application/json").end(body);
    });
  };
  const sendAll = (call: Call): void => {
    const held = finish(call);
    call.response.cork(() => {
      call.response.writeHeader("content-type", "text/event-stream");
      call.response.end(call.answer.frames(held, nowUs(), pace.tokens));
    });
  };
  const step = (call: Call): void => {
    if (!call.isStream) {
      waiting.delete(call);
      sendWhole(call);
      return;
    }
    const last = call.answer.isRoute ? pace.routeTokens : pace.tokens;
    const isLast = call.at >= last - 1;
    const held = isLast || call.at === 0 ? finish(call) : 0;
    const frame = call.answer.frame(call.at, isLast, held, nowUs());
    call.response.cork(() => {
      if (call.at === 0) call.response.writeHeader("content-type", "text/event-stream");
      if (isLast) call.response.end(frame);
      else call.response.write(frame);
    });
    if (isLast) waiting.delete(call);
    call.at += 1;
    call.dueUs += pace.tokenMs * 1_000;
  };
  // One timer for all calls: a timer for each token would cost more than the token.
  setInterval(() => {
    const now = nowUs();
    for (const call of waiting) if (call.dueUs <= now) step(call);
  }, TICK_MS);

  const take = (
    response: Response,
    body: string,
    state: { isGone: boolean; call?: Call },
  ): void => {
    counts.calls += 1;
    counts.requestBytes += body.length;
    if (keepsBodies && counts.bodies.length < BODIES_KEPT) counts.bodies.push(body);
    const answer = answerOf(body);
    if (answer.isRoute) counts.routes += 1;
    const isStream = /"stream":\s*true/.test(body);
    if (isStream) counts.streams += 1;
    // The last one: earlier messages of the conversation have marks too.
    const mark = /^#q(\d+)/.exec(body.slice(body.lastIndexOf("#q")))?.[1] ?? "";
    const arrivedUs = nowUs();
    const call: Call = {
      ...{ response, arrivedUs, answer, mark, isStream, at: 0, dueUs: 0 },
      priorUs: heldUs.get(mark) ?? 0,
    };
    state.call = call;
    const tokens = answer.isRoute ? pace.routeTokens : pace.tokens;
    const waitMs = pace.firstTokenMs + (isStream ? 0 : pace.tokenMs * tokens);
    if (waitMs === 0 && pace.tokenMs === 0) {
      if (isStream) sendAll(call);
      else sendWhole(call);
      return;
    }
    call.dueUs = arrivedUs + waitMs * 1_000;
    waiting.add(call);
  };

  const app = uws.App();
  app.post("/v1/chat/completions", (response) => {
    const state: { isGone: boolean; call?: Call } = { isGone: false };
    let body = "";
    response.onAborted(() => {
      counts.aborted += 1;
      state.isGone = true;
      if (state.call) waiting.delete(state.call);
    });
    response.onData((part, isLast) => {
      body += Buffer.from(part).toString("latin1");
      if (isLast && !state.isGone) take(response, body, state);
    });
  });
  app.post("/_pace", (response) => {
    readJson(response, (value) => {
      const { keepsBodies: keeps, ...rest } = value as Partial<ProviderPace> & {
        keepsBodies?: boolean;
      };
      pace = { ...pace, ...rest };
      keepsBodies = keeps ?? false;
      Object.assign(counts, emptyCounts());
      heldUs.clear();
    });
  });
  app.get("/_counts", (response) => {
    response.end(JSON.stringify(counts));
  });
  let listening = 0;
  app.listen("127.0.0.1", port, (token) => {
    if (token) listening = uws.us_socket_local_port(token);
  });
  if (listening === 0) throw new Error(`Port ${port} is taken.`);
  return listening;
}

function emptyCounts(): ProviderCounts {
  return { calls: 0, streams: 0, routes: 0, aborted: 0, requestBytes: 0, bodies: [] };
}

function readJson(response: Response, take: (value: unknown) => void): void {
  let body = "";
  response.onAborted(() => {});
  response.onData((part, isLast) => {
    body += Buffer.from(part).toString("utf8");
    if (!isLast) return;
    take(JSON.parse(body));
    response.end("{}");
  });
}
