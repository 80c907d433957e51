// What a run does that is no model call, and that a budget has no room for: where the budget pauses, it waits
// until that is raised or its period turns, and is done again; where it stops, it fails.

import type { RunContext } from "../../runtime/actor.ts";
import { addressParts } from "../../runtime/address.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { rootRunOf } from "../../runtime/frame.ts";
import { newId } from "../../runtime/id.ts";
import { limits } from "../limits.ts";
import { type Budget, budgetTables, periodEndMs } from "../records/budget.ts";
import { microsOf } from "../records/price.ts";
import { lineOf, type Payer } from "./lines.ts";
import { purseAddress, type TreasuryMessage, treasuryAddress, type Waiting } from "./messages.ts";
import type { CallPayer } from "./provider-call.ts";
import { waitKey } from "./wait-key.ts";

/** What of a run is needed here, whatever its ports are. */
type Context = Pick<
  RunContext,
  "id" | "tenant" | "self" | "step" | "row" | "now" | "send" | "sendAtEnd" | "decision" | "signal"
>;

/** On whose behalf a run asks a provider. */
export function callPayerOf({ id, self }: Pick<Context, "id" | "self">, payer: Payer): CallPayer {
  const { keyId, agent } = payer;
  return { keyId, agent, run: rootRunOf(id), root: addressParts(self).root };
}

/** Who is told that it waits. */
export interface RaiseTold {
  waits(error: RuntimeError, number: number): Promise<void>;
  goesOn(number: number): Promise<void>;
}

/**
 * Does a step, again after each wait for a budget that pauses. @param work is given the key of the step.
 * @throws what `work` throws; BUDGET_EXHAUSTED of a budget that stops, or was not raised in time.
 */
export async function untilRaised<T>(
  context: Context,
  key: string,
  work: (key: string) => Promise<T>,
  told?: RaiseTold,
): Promise<T> {
  for (let number = 1; ; number += 1) {
    try {
      return await work(number === 1 ? key : `${key}~${number}`);
    } catch (error) {
      if (context.signal.aborted || number >= limits.budgetTries || !isUsedUp(error)) throw error;
      const waiting = await waitOf(context, `${key}:${number}`, error);
      if (waiting === "stop") throw error;
      if (waiting === "again") continue;
      await told?.waits(error, number);
      await raised(context, `${key}:${number}`, waiting, error);
      await told?.goesOn(number);
    }
  }
}

type UsedUp = RuntimeError & { readonly details: { readonly limit: LimitSaid } };

/** Of the error of a call that found no room. Amounts in units. */
interface LimitSaid {
  readonly budget: string;
  readonly subject: string | null;
  readonly limit: number;
  readonly needed: number;
}

function isUsedUp(error: unknown): error is UsedUp {
  return error instanceof RuntimeError && error.code === "BUDGET_EXHAUSTED" && isSaid(error);
}

const isSaid = ({ details }: RuntimeError): boolean => details?.["limit"] !== undefined;

interface Paused {
  readonly waiting: Omit<Waiting, "key">;
  readonly turnsAtMs: number | null;
}

/** What there is to wait for; `again`: it is another limit by now, or none. */
async function waitOf(
  context: Context,
  at: string,
  { details: { limit } }: UsedUp,
): Promise<Paused | "stop" | "again"> {
  const { budget: id, subject, needed } = limit;
  const isOwn = !id.startsWith("bd_");
  if (isOwn) return "stop";
  const nowMs = await context.now(`budget-raise-at:${at}`);
  return await context.step(
    `budget-raise:${at}`,
    async () => {
      const budget = (await context.row(budgetTables.budgets, id)) as Budget | undefined;
      if (budget === undefined || budget.limitMicros !== microsOf(limit.limit)) return "again";
      if (budget.on_exhausted === "stop") return "stop";
      const { of, version } = lineOf(budget, subject, nowMs);
      const purse = purseAddress(context.self);
      const whose = { budget: id, of, version, purse, run: context.id } as const;
      const place = newId("bw", nowMs);
      const waiting = { ...whose, kind: "pause", place, needMicros: microsOf(needed) } as const;
      return { waiting, turnsAtMs: periodEndMs(budget.period, nowMs) };
    },
    { repeat: "safe" },
  );
}

async function raised(
  context: Context,
  at: string,
  { waiting: of, turnsAtMs }: Paused,
  error: RuntimeError,
): Promise<void> {
  const to = treasuryAddress(context.tenant);
  const key = waitKey(at, 0);
  const waiting: Waiting = { ...of, key };
  const over: TreasuryMessage = { type: "over", waiting };
  context.sendAtEnd(`budget-raise-over:${at}`, to, over, { unless: key });
  const message: TreasuryMessage = { type: "wait", waiting, turnsAtMs };
  await context.send(`budget-raise-wait:${at}`, to, message);
  try {
    await context.decision(key, { timeoutMs: limits.budgetPauseMs, pausing: true });
  } catch (late) {
    const isLate = late instanceof RuntimeError && late.code === "DEADLINE";
    throw isLate && !context.signal.aborted ? error : late;
  }
}
