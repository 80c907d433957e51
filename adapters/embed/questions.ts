// Vectors of questions. Somebody waits for each, and words can answer too, so that an embedder which
// does not answer soon is done without: after it failed once nobody waits for it any more, and one question
// at a time is put to it aside, until it gives a vector again. After it was late the same holds for whose
// question it was: one tenant's questions wait behind many of its own, and another's do not. What is
// embedded to be kept has the embedder's own, longer times.

import type { CallPayer } from "../../actors/money/provider-call.ts";
import type { Embedder } from "../../actors/ports.ts";
import type { EmbedderPin } from "../../actors/records/embedder-pin.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { type Log, silentLog } from "../../runtime/log.ts";
import type { MissedVectors, MissedWhere } from "../telemetry/missed-vectors.ts";

/** Limits of asking. */
export const questionLimits = {
  /** Where the configuration says nothing: who could do without a vector waits so long for it. */
  waitMs: 2_500,
  /** Who could not waits so long. */
  neededMs: 20_000,
  /** A question that nobody waits for any more goes on for so long, its wait included. */
  asideMs: 30_000,
  /** An embedder that failed is asked again after this. */
  restMs: 3_000,
  /** One line of the log for an embedder in so long. */
  sayMs: 60_000,
  /** Embedders, and tenants for which one was late, that are remembered. */
  lines: 1_000,
} as const;

/** How one question is asked. */
export interface QuestionOptions {
  readonly tenant: string;
  readonly signal?: AbortSignal;
  /** Whose budgets it counts for beside the tenant's. */
  readonly payer?: CallPayer | undefined;
  /** Nothing can be said without its vector. */
  readonly isNeeded?: boolean;
}

/** A question's vector, and who made it. */
export interface QuestionVector {
  readonly vector: Float32Array;
  readonly embedder: Embedder;
}

/** Vectors of questions, on one thread. */
export interface Questions {
  /**
   * @throws as finding and using the embedder does, at once while it is known to fail;
   * PROVIDER_UNAVAILABLE when it is late, CANCELLED.
   */
  of(pin: EmbedderPin, text: string, options: QuestionOptions): Promise<QuestionVector>;
  /** Something was answered without: it is counted and, now and then, said. */
  missed(pin: EmbedderPin, error: RuntimeError, where: MissedWhere): void;
}

/** What they are made from. */
export interface QuestionParts {
  /** As `Embedders.pinned`. */
  find(pin: EmbedderPin): Promise<Embedder>;
  /** Default `questionLimits.waitMs`. */
  readonly waitMs?: number;
  readonly log?: Log;
  readonly figures?: MissedVectors;
  /** A clock that nobody sets. Default: the process's. */
  nowMs?(): number;
}

/** What is known of one embedder, or of it as one tenant finds it. */
interface Line {
  /** It fails, since then until it gives a vector. */
  fault: RuntimeError | undefined;
  askAgainMs: number;
  /** A question that nobody waits for is under way. */
  isAside: boolean;
  saidMs: number;
  missed: number;
}

/** Whose question. */
type Whose = Pick<QuestionOptions, "tenant" | "payer">;

/** One question under way. */
interface Attempt {
  readonly asked: Promise<QuestionVector>;
  readonly stop: AbortController;
  /** It is stopped because nobody wants it, which says nothing of the embedder. */
  isLeft: boolean;
}

/** Whether an embedder that threw this cannot be asked now, whatever it is asked, by whomever. */
function isDown(error: unknown): error is RuntimeError {
  return error instanceof RuntimeError && error.retryable && error.code !== "POOL_FULL";
}

/** Makes them. */
export function createQuestions(parts: QuestionParts): Questions {
  const {
    waitMs = questionLimits.waitMs,
    log = silentLog,
    nowMs = () => performance.now(),
  } = parts;
  const lines = new Map<string, Line>();
  /** @param tenant for which it was late; "": of the embedder itself. */
  const lineOf = ({ id, dimension }: EmbedderPin, tenant = ""): Line => {
    const key = `${id}\0${dimension}\0${tenant}`;
    const line = lines.get(key) ?? newLine();
    // Taken out and put in again: the map's order is the order of use.
    lines.delete(key);
    lines.set(key, line);
    const oldest = lines.size > questionLimits.lines ? lines.keys().next().value : undefined;
    if (oldest !== undefined) lines.delete(oldest);
    return line;
  };
  const failed = (line: Line, error: RuntimeError): void => {
    line.fault = error;
    line.askAgainMs = nowMs() + questionLimits.restMs;
  };
  const begin = (pin: EmbedderPin, text: string, whose: Whose): Attempt => {
    const { tenant } = whose;
    const attempt = attemptOf(parts, pin, text, whose);
    attempt.asked.then(
      () => {
        lineOf(pin).fault = undefined;
        lineOf(pin, tenant).fault = undefined;
      },
      (error: unknown) => {
        if (!attempt.isLeft && isDown(error)) failed(lineOf(pin), error);
      },
    );
    return attempt;
  };

  return {
    async of(pin, text, { tenant, payer, signal, isNeeded = false }) {
      const whose = { tenant, payer };
      const [shared, own] = [lineOf(pin), lineOf(pin, tenant)];
      const line = shared.fault === undefined ? own : shared;
      const { fault } = line;
      if (signal?.aborted) throw cancelled();
      if (fault !== undefined && !isNeeded) {
        if (!line.isAside && nowMs() >= line.askAgainMs) {
          goOn(line, begin(pin, text, whose), questionLimits.asideMs);
        }
        throw fault;
      }
      const attempt = begin(pin, text, whose);
      const most = isNeeded ? questionLimits.neededMs : waitMs;
      const first = await firstOf(attempt.asked, most, signal);
      if (typeof first === "object") return first;
      if (first === "cancelled") {
        leave(attempt);
        throw cancelled();
      }
      const late = lateOf(pin, most);
      failed(own, late);
      // A model that is only being loaded is there for the next question.
      if (!goOn(own, attempt, Math.max(0, questionLimits.asideMs - most))) leave(attempt);
      throw late;
    },
    missed(pin, error, where) {
      parts.figures?.add(where);
      const line = lineOf(pin);
      line.missed += 1;
      if (nowMs() - line.saidMs < questionLimits.sayMs) return;
      const { missed } = line;
      line.saidMs = nowMs();
      line.missed = 0;
      const { code, message } = error;
      const fields = { embedder: pin.id, code, error: message, searches: missed };
      log.write("warn", "An embedder gives no vectors: its searches go by words alone.", fields);
    },
  };
}

const newLine = (): Line => ({
  ...{ fault: undefined, askAgainMs: 0, isAside: false },
  ...{ saidMs: Number.NEGATIVE_INFINITY, missed: 0 },
});

function attemptOf({ find }: QuestionParts, pin: EmbedderPin, text: string, whose: Whose): Attempt {
  const stop = new AbortController();
  const ask = async (): Promise<QuestionVector> => {
    const embedder = await find(pin);
    const using = { ...whose, purpose: "query", signal: stop.signal } as const;
    const [vector = new Float32Array(pin.dimension)] = await embedder.embed([text], using);
    return { vector, embedder };
  };
  return { asked: ask(), stop, isLeft: false };
}

/** Goes on with a question that nobody waits for; whether it may. */
function goOn(line: Line, { asked, stop }: Attempt, ms: number): boolean {
  if (line.isAside) return false;
  line.isAside = true;
  const timer = setTimeout(() => stop.abort(), ms);
  // The end of the process does not wait for it either.
  timer.unref();
  const stopped = new Promise<void>((resolve) => {
    stop.signal.addEventListener("abort", () => resolve(), { once: true });
  });
  const over = (): void => {
    clearTimeout(timer);
    line.isAside = false;
  };
  // What it waits for may not listen to being stopped.
  Promise.race([asked, stopped]).then(over, over);
  return true;
}

function leave(attempt: Attempt): void {
  attempt.isLeft = true;
  attempt.stop.abort();
}

/** @throws what `asked` throws. */
async function firstOf<T>(
  asked: Promise<T>,
  ms: number,
  signal: AbortSignal | undefined,
): Promise<T | "late" | "cancelled"> {
  let end: (how: "late" | "cancelled") => void = () => undefined;
  const ended = new Promise<"late" | "cancelled">((resolve) => {
    end = resolve;
  });
  const timer = setTimeout(() => end("late"), ms);
  const onAbort = (): void => end("cancelled");
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([asked, ended]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}

function lateOf({ id }: EmbedderPin, ms: number): RuntimeError {
  const text = `The embedder ${id} gave no vector of the question within ${ms} ms.`;
  return new RuntimeError("PROVIDER_UNAVAILABLE", text, { embedder: id });
}

function cancelled(): RuntimeError {
  return new RuntimeError("CANCELLED", "The question was cancelled.");
}
