// Calls between an engine and main over a line: each has an id, is answered once and can be given up.
// Engines call, main serves. What is under way is bounded where it is asked: main answers what it has taken.

import { type ErrorData, fromErrorData, RuntimeError, toErrorData } from "../runtime/errors.ts";
import type { HostLine } from "../runtime/threads/host.ts";

/** Calls of one engine that are under way at once; one more is refused (MAILBOX_FULL). */
export const LINE_CALLS_MAX = 10_000;

/** From an engine, which numbers its calls. */
type Ask =
  | { readonly type: "call"; readonly id: number; readonly method: string; readonly input: unknown }
  /** Nobody waits for it any more. */
  | { readonly type: "leave"; readonly id: number }
  /** Not answered. */
  | { readonly type: "tell"; readonly method: string; readonly input: unknown };

/** From main. */
type Tell =
  | { readonly type: "done"; readonly id: number; readonly output: unknown }
  | { readonly type: "failed"; readonly id: number; readonly error: ErrorData };

/** An engine's end. */
export interface LineCalls {
  /** @throws what the other side threw, MAILBOX_FULL, or why `signal` was aborted. */
  call(method: string, input: unknown, signal?: AbortSignal): Promise<unknown>;
  /** Says something that is not answered, and may be lost. */
  tell(method: string, input: unknown): void;
}

interface Waiting {
  done(output: unknown): void;
  failed(error: unknown): void;
}

/** Calls over a line. */
export function callsOver(line: HostLine, callsMax = LINE_CALLS_MAX): LineCalls {
  const waiting = new Map<number, Waiting>();
  let last = 0;
  line.receive((message) => {
    const told = message as Tell;
    const call = waiting.get(told.id);
    waiting.delete(told.id);
    if (told.type === "done") call?.done(told.output);
    else call?.failed(fromErrorData(told.error));
  });
  return {
    call: async (method, input, signal) => {
      if (signal?.aborted) throw reasonOf(signal, method);
      if (waiting.size >= callsMax) throw tooMany(callsMax);
      last += 1;
      const id = last;
      let leave: (() => void) | undefined;
      try {
        return await new Promise((done, failed) => {
          waiting.set(id, { done, failed });
          leave = () => {
            if (!waiting.delete(id)) return;
            line.send({ type: "leave", id } satisfies Ask);
            failed(reasonOf(signal, method));
          };
          signal?.addEventListener("abort", leave, { once: true });
          line.send({ type: "call", id, method, input } satisfies Ask);
        });
      } finally {
        if (leave !== undefined) signal?.removeEventListener("abort", leave);
      }
    },
    tell: (method, input) => line.send({ type: "tell", method, input } satisfies Ask),
  };
}

/** What is called of a served end. */
export interface ServedCalls {
  /** What came over the line. */
  take(message: unknown): void;
  /** The engine is gone: what it had asked for is given up. */
  end(): void;
}

/** Does what is called. What is told and fails is dropped: it was best effort. */
export type Serve = (method: string, input: unknown, signal: AbortSignal) => Promise<unknown>;

/** Main's end: answers over `line` what `take` is given. */
export function serveCalls(line: Pick<HostLine, "send">, serve: Serve): ServedCalls {
  const calls = new Map<number, AbortController>();
  let isGone = false;
  const answer = async (id: number, method: string, input: unknown): Promise<void> => {
    const stop = new AbortController();
    calls.set(id, stop);
    const told = await serve(method, input, stop.signal).then(
      (output): Tell => ({ type: "done", id, output }),
      (error: unknown): Tell => ({ type: "failed", id, error: toErrorData(error) }),
    );
    calls.delete(id);
    if (!isGone) line.send(told);
  };
  return {
    take: (message) => {
      const ask = message as Ask;
      if (ask.type === "leave") calls.get(ask.id)?.abort(givenUp());
      else if (ask.type === "call") void answer(ask.id, ask.method, ask.input);
      else serve(ask.method, ask.input, new AbortController().signal).catch(() => undefined);
    },
    end: () => {
      isGone = true;
      for (const stop of calls.values()) stop.abort(givenUp());
      calls.clear();
    },
  };
}

const givenUp = (): RuntimeError =>
  new RuntimeError("CANCELLED", "Whoever asked does not wait any more.");

function reasonOf(signal: AbortSignal | undefined, method: string): unknown {
  const reason: unknown = signal?.reason;
  if (reason instanceof RuntimeError) return reason;
  return new RuntimeError("CANCELLED", `The call "${method}" was given up.`);
}

function tooMany(callsMax: number): RuntimeError {
  return new RuntimeError(
    "MAILBOX_FULL",
    `${callsMax} calls of one engine to the main thread are under way; one more is refused.`,
    { retryAfterMs: 1_000 },
  );
}
