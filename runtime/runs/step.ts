// One step being performed: what must be on disk before it, its timeout, its retries, and what is
// stored of it. A step that has effects (`reconcile`, `never`) writes its attempt first.

import { ATTEMPTS_A_LIFE, type Attempt, type StepOptions } from "../actor.ts";
import { type ErrorData, errorTable, RuntimeError, toErrorData } from "../errors.ts";
import { LazyAbort } from "../shared/lazy-abort.ts";
import { checkGiven } from "./large.ts";
import type { Run } from "./run.ts";
import { StepAttempt } from "./step-attempt.ts";

/** A step as its run asked for it. */
export interface StepPlan<T> {
  readonly key: string;
  readonly print: string;
  readonly call: (attempt: Attempt) => Promise<T> | T;
  readonly options: StepOptions<T>;
}

const TIMEOUT_MS = 120_000;
const RETRY = { times: 2, minMs: 500, maxMs: 10_000 } as const;

/** Performs a step that is not stored. @throws what its function threw at last, STEP_UNKNOWN, DEADLINE. */
export async function perform<T>(run: Run, plan: StepPlan<T>): Promise<T> {
  const { key, options } = plan;
  const { metrics } = run.tree.engine;
  const repeat = options.repeat ?? (options.local ? "safe" : "never");
  const earlier = run.tries.get(key);
  metrics.count("steps");
  if (earlier && repeat === "never") {
    const message = `Step "${key}" of ${run.id} was begun before a crash and may have happened.`;
    throw failed(
      run,
      plan,
      earlier.attempt,
      new RuntimeError("STEP_UNKNOWN", message, { step: key }),
    );
  }
  if (earlier && repeat === "reconcile" && options.reconcile) {
    const { reconcile } = options;
    const abort = new LazyAbort();
    const attempt = new StepAttempt(run, { step: key, number: earlier.attempt, abort });
    const known = await cutAt(run, plan, abort, () => reconcile.call(options, attempt));
    if (known !== undefined) return stored(run, plan, earlier.attempt, known, false);
  }
  const retry = repeat === "safe" ? (options.retry ?? RETRY) : { ...RETRY, times: 0 };
  for (let tried = 0; ; tried += 1) {
    const number = (run.tree.incarnation - 1) * ATTEMPTS_A_LIFE + tried + 1;
    if (repeat !== "safe") {
      const entry = { type: "try", run: run.id, key, attempt: number } as const;
      run.tries.set(key, entry);
      run.tree.append(entry);
      await run.tree.reached("flushed");
    } else if (!options.local) {
      await run.tree.reached("committed");
    }
    try {
      const { result, streamed } = await once(run, plan, number);
      return stored(run, plan, number, result, streamed);
    } catch (error) {
      if (run.stopped) throw run.stopped;
      const data = toErrorData(error);
      if (tried >= retry.times || !errorTable[data.code].retryable) {
        throw failed(run, plan, number, error);
      }
      metrics.count("stepRetries");
      await backoff(run, backoffMs(data, tried, retry, run.tree.engine.options.random(1)[0] ?? 0));
    }
  }
}

function backoffMs(
  error: ErrorData,
  tried: number,
  retry: { readonly minMs: number; readonly maxMs: number },
  random: number,
): number {
  const asked = error.details?.["retryAfterMs"];
  const wished = Math.min(retry.maxMs, retry.minMs * 2 ** tried);
  const jittered = wished * (0.5 + random / 512);
  return typeof asked === "number" ? Math.min(retry.maxMs, Math.max(asked, jittered)) : jittered;
}

function backoff(run: Run, ms: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const { abort } = run;
    const cut = (): void => reject(abort.reason);
    if (abort.isAborted) cut();
    abort.onAbort(cut);
    run.tree.after(ms, () => {
      abort.off(cut);
      resolve();
    });
  });
}

/** One call of the step's function, cut at its timeout, the run's deadline or its cancel. */
async function once<T>(
  run: Run,
  plan: StepPlan<T>,
  number: number,
): Promise<{ result: T; streamed: boolean }> {
  const abort = new LazyAbort();
  const attempt = new StepAttempt(run, { step: plan.key, number, abort });
  const result = await cutAt(run, plan, abort, () => plan.call(attempt));
  return { result, streamed: attempt.hasWritten };
}

/**
 * What `call` gives, or why it was cut. A function that ignores its signal is left behind: nobody waits
 * for its promise, which may never settle, and what it gives later is not taken.
 */
async function cutAt<T, R>(
  run: Run,
  plan: StepPlan<T>,
  abort: LazyAbort,
  call: () => Promise<R> | R,
): Promise<R> {
  const above = run.abort;
  if (above.isAborted) throw above.reason;
  const given = run.tree.engine.attribution.call(run.address, call);
  // Pure computing is done when it returns.
  if (!(given instanceof Promise)) return await given;
  const timeoutMs = plan.options.timeoutMs ?? TIMEOUT_MS;
  let done = (): void => undefined;
  const cut = new Promise<never>((_, reject) => {
    const end = (reason: unknown): void => {
      abort.abort(reason);
      reject(reason);
    };
    const stop = (): void => end(above.reason);
    const timer = run.tree.after(timeoutMs, () => {
      run.tree.engine.metrics.count("stepTimeouts");
      end(new RuntimeError("DEADLINE", `Step "${plan.key}" took longer than ${timeoutMs} ms.`));
    });
    above.onAbort(stop);
    done = () => {
      timer.cancel();
      above.off(stop);
    };
  });
  let result: R;
  try {
    result = await Promise.race([given, cut]);
  } finally {
    done();
  }
  await run.tree.engine.goingOn.turn(run.tree.tenant);
  return result;
}

/** @throws INVALID for a result that is no plain data. */
function stored<T>(run: Run, plan: StepPlan<T>, number: number, result: T, streamed: boolean): T {
  const { key, print } = plan;
  checkGiven({ run: run.id, what: "result of step", key }, result);
  const text = streamed ? String((result as { text?: unknown } | null)?.text ?? "") : "";
  const attempt = streamed
    ? run.tree.recordedAttempt({ run: run.id, step: key, attempt: number }, text)
    : number;
  const entry = {
    type: "step",
    run: run.id,
    key,
    attempt,
    print,
    result,
    ...(streamed ? { streamed } : {}),
  } as const;
  run.stored.set(key, entry);
  run.tree.append(entry);
  return result;
}

function failed<T>(run: Run, plan: StepPlan<T>, attempt: number, error: unknown): unknown {
  const { key, print } = plan;
  const data = toErrorData(error);
  const entry = { type: "failed", run: run.id, key, attempt, print, error: data } as const;
  run.stored.set(key, entry);
  if (!run.tree.isDropped && !run.outcome) run.tree.append(entry);
  return error;
}
