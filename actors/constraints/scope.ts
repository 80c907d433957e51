// The limits of an agent's run, as the runs below it are told them: what they use counts for each run above
// that has limits, and ends them when that has used up what it may.

import { RuntimeError } from "../../runtime/errors.ts";
import type { LimitLine, LimitState } from "../money/messages.ts";
import type { DomainLists, LimitName, LimitScope } from "../records/constraints.ts";
import { microsOf, unitsOf } from "../records/price.ts";

/** The limits that model calls count for. */
export function limitLines(scopes: readonly LimitScope[]): readonly LimitLine[] {
  return scopes.flatMap(({ run, limits }) => {
    const { max_cost: cost, max_tokens: tokens, max_steps: steps } = limits;
    const lines = [
      ["max_cost", cost === undefined ? undefined : microsOf(cost)],
      ["max_tokens", tokens],
      ["max_steps", steps],
    ] as const;
    return lines.flatMap(([limit, most]) => (most === undefined ? [] : [{ limit, run, most }]));
  });
}

/** What the hosts that a run reaches have to be among, for each scope that says so. */
export function domainsOf(scopes: readonly LimitScope[]): DomainLists {
  return scopes.flatMap(({ limits: { allowed_domains: list } }) =>
    list === undefined ? [] : [list],
  );
}

const units: Readonly<Record<LimitName, string>> = {
  max_runtime: "seconds of work",
  max_tokens: "tokens",
  max_cost: "units spent on models",
  max_steps: "calls of models",
  max_tool_calls: "calls of tools",
};

/** The error that ends a run. `value` and `used` in the limit's own unit. */
export function limitReached(
  limit: LimitName,
  { agent, run }: Pick<LimitScope, "agent" | "run">,
  { value, used }: { readonly value: number; readonly used: number },
): RuntimeError {
  const text = `The limit ${limit} of agent ${agent} ended its run: ${value} ${units[limit]} at most, ${used} used.`;
  return new RuntimeError("LIMIT_REACHED", text, { limit, value, used, agent_key: agent, run });
}

/** The same for how a purse says that a limit stands. */
export function stateReached(
  { limit, run, most, used }: LimitState,
  scopes: readonly LimitScope[],
): RuntimeError {
  const agent = scopes.find((one) => one.run === run)?.agent ?? "";
  const shown = limit === "max_cost" ? unitsOf : (amount: number): number => amount;
  return limitReached(limit, { agent, run }, { value: shown(most), used: shown(used) });
}

/** Whether an error ends this run: a limit of its own, or of a run above it. */
export function endsRun(run: string, error: unknown): boolean {
  if (!(error instanceof RuntimeError) || error.code !== "LIMIT_REACHED") return false;
  const of = error.details?.["run"];
  return typeof of === "string" && (run === of || run.startsWith(`${of}.`));
}
