// How often a tool may be called: an actor for each limited tool of a tenant remembers when it was, so
// that the limit holds over all runs, threads and restarts. A call that is refused costs nothing.

import { defineActor, type RunContext } from "../../runtime/actor.ts";
import { type Address, address } from "../../runtime/address.ts";
import type { Ports } from "../ports.ts";
import type { ToolRate } from "./tool.ts";

/** What it is told. Refused with RATE_LIMITED and `retryAfterMs`. */
export interface TakeCall {
  readonly type: "take";
  readonly calls: number;
  readonly perSeconds: number;
}

/** When the calls within the limit's time were, ms, ascending; at most `rate.calls` of them. */
interface Taken {
  readonly atMs: readonly number[];
}

const KIND = "tool-rate";

/** Kind `tool-rate`. */
export const toolRateActor = defineActor<Taken, TakeCall>({
  kind: KIND,
  version: 1,
  initial: () => ({ atMs: [] }),
  receive(state, { calls, perSeconds }, turn) {
    const windowMs = perSeconds * 1_000;
    const { nowMs } = turn;
    // A clock that was set back leaves none in the future that would count for too long.
    const atMs = state.atMs.filter((at) => at > nowMs - windowMs && at <= nowMs).slice(-calls);
    const oldest = atMs[atMs.length - calls];
    if (oldest !== undefined) {
      const retryAfterMs = Math.max(1, oldest + windowMs - nowMs);
      const seconds = Math.ceil(retryAfterMs / 1_000);
      const message = `This tool may be called ${calls} times in ${perSeconds} s; again in ${seconds} s.`;
      turn.refuse({ code: "RATE_LIMITED", message, details: { retryAfterMs } });
      return { atMs };
    }
    turn.reply(null);
    return { atMs: [...atMs, nowMs] };
  },
});

/** Counts one call, as a step. @throws RATE_LIMITED. */
export async function takeCall(
  context: RunContext<Ports>,
  { name, calls, perSeconds }: ToolRate,
  key: string,
): Promise<void> {
  const message: TakeCall = { type: "take", calls, perSeconds };
  await context.ask(key, rateAddress(context.tenant, name), message);
}

function rateAddress(tenant: string, name: string): Address {
  return address({ kind: KIND, tenant, root: name });
}
