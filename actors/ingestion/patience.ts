// A step that is tried again says so: in its job, in the job's events, and once a cause in the log.

import type { Attempt, RunContext, StepOptions } from "../../runtime/actor.ts";
import type { Address } from "../../runtime/address.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { limits } from "../limits.ts";
import { untilRaised } from "../money/until-raised.ts";
import type { Ports } from "../ports.ts";
import type { JobWaiting } from "../records/ingestion-job.ts";

/** A provider that is down, or a full disk, is tried again for some minutes before the job stops. */
const PATIENT = { times: 8, minMs: 1_000, maxMs: 60_000 } as const;
export const safe = { repeat: "safe", retry: PATIENT } as const satisfies StepOptions<unknown>;

/** Steps of this thread that wait, by cause. */
const waiting = new Map<string, number>();

/**
 * As `context.step`, of a job that is told while the step waits to be tried again, or for a budget that pauses,
 * and when it goes on.
 */
export async function patiently<T>(
  context: RunContext<Ports>,
  job: Address,
  key: string,
  of: Patient<T>,
): Promise<T> {
  const told = (number: number, message: object): Promise<void> =>
    context.send(`budget-told:${key}:${number}:${"code" in message}`, job, message);
  return await untilRaised(context, key, (name) => tried(context, job, name, of), {
    waits: ({ code, message }, number) =>
      told(number, {
        ...{ type: "waiting", code, message },
        ...{ attempts: number, attempts_max: limits.budgetTries },
      }),
    goesOn: (number) => told(number, { type: "going-on" }),
  });
}

/** What is done. */
interface Patient<T> {
  perform(attempt: Attempt): Promise<T>;
  readonly timeoutMs?: number;
  /** The run removes what the job leaves, whatever the job's status is by now. */
  readonly isClearing?: boolean;
}

async function tried<T>(
  context: RunContext<Ports>,
  job: Address,
  key: string,
  of: Patient<T>,
): Promise<T> {
  const { timeoutMs, isClearing = false } = of;
  const wait = new Wait(context, job, key, isClearing);
  const perform = async (attempt: Attempt): Promise<T> => {
    try {
      return await of.perform(attempt);
    } catch (error) {
      wait.begin(error, attempt.number);
      throw error;
    }
  };
  try {
    const options = { ...safe, ...(timeoutMs === undefined ? {} : { timeoutMs }) };
    const result = await context.step(key, perform, options);
    await wait.goOn();
    return result;
  } finally {
    wait.end();
  }
}

class Wait {
  readonly #context: RunContext<Ports>;
  readonly #job: Address;
  readonly #key: string;
  readonly #clearing: Pick<JobWaiting, "clearing">;
  readonly #causes = new Set<string>();
  #tries = 0;
  #number = 0;

  constructor(context: RunContext<Ports>, job: Address, key: string, isClearing: boolean) {
    this.#context = context;
    this.#job = job;
    this.#key = key;
    this.#clearing = isClearing ? { clearing: context.id } : {};
  }

  /** Says nothing of what is not tried again. The job is told as well as can be: its disk may be full. */
  begin(error: unknown, number: number): void {
    const { signal, ports } = this.#context;
    this.#tries += 1;
    if (!(error instanceof RuntimeError) || !error.retryable) return;
    if (signal.aborted || this.#tries > PATIENT.times) return;
    this.#number = number;
    const { code, message } = error;
    const why = { code, message, attempts: this.#tries, attempts_max: PATIENT.times + 1 };
    if (this.#isNew(`${code} ${String(error.details?.["provider"] ?? "")}`)) {
      const fields = { ...why, tenant: this.#context.tenant, job: this.#job, step: this.#key };
      ports.log?.write("warn", "An ingestion job waits and tries again.", fields);
    }
    const key = `waiting:${this.#key}:${number}`;
    this.#context.emit(key, { type: "waiting", ...why });
    const told = { type: "waiting", ...why, ...this.#clearing };
    this.#context.send(key, this.#job, told).catch(() => undefined);
  }

  async goOn(): Promise<void> {
    if (this.#number === 0) return;
    const key = `going-on:${this.#key}:${this.#number}`;
    this.#context.emit(key, { type: "going-on" });
    await this.#context.send(key, this.#job, { type: "going-on" });
  }

  end(): void {
    for (const cause of this.#causes) {
      const others = (waiting.get(cause) ?? 1) - 1;
      if (others === 0) waiting.delete(cause);
      else waiting.set(cause, others);
    }
  }

  /** Whether nobody in this thread waits for it yet. */
  #isNew(cause: string): boolean {
    if (this.#causes.has(cause)) return false;
    this.#causes.add(cause);
    const others = waiting.get(cause) ?? 0;
    waiting.set(cause, others + 1);
    return others === 0;
  }
}
