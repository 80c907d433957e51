// Calls of tools as they are counted: before a round of them, in the purse of the run, once whatever crashes.
// Those that there is room for are made; then the run ends, if there was not room for all.

import type { RunContext } from "../../runtime/actor.ts";
import type { RuntimeError } from "../../runtime/errors.ts";
import { type CountCallsMessage, type CountedCalls, purseAddress } from "../money/messages.ts";
import { limitsOf } from "./of-context.ts";
import { stateReached } from "./scope.ts";

/** Room for all calls, or for some of them and the error that then ends the run. */
export interface CallRoom {
  readonly granted: number;
  readonly error: RuntimeError | null;
}

/** Counts calls of tools that are about to be made. @param key unique in the run. */
export async function countCalls(
  context: RunContext<unknown>,
  key: string,
  wanted: number,
): Promise<CallRoom> {
  const scopes = limitsOf(context);
  const accounts = scopes.flatMap(({ run, limits: { max_tool_calls: most } }) =>
    most === undefined ? [] : [{ run, most }],
  );
  if (accounts.length === 0 || wanted === 0) return { granted: wanted, error: null };
  const message: CountCallsMessage = { type: "count-calls", wanted, accounts };
  const counted = await context.ask(`limit-calls:${key}`, purseAddress(context.self), message);
  const { granted, full } = counted as CountedCalls;
  if (full === null) return { granted, error: null };
  const state = { limit: "max_tool_calls", ...full, used: full.most } as const;
  return { granted, error: stateReached(state, scopes) };
}
