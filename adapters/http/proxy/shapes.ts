// How document 001 shows records: key order, fields left out on creation, and the envelope's cost.

import type { AgentRow, SubAgentRow } from "../../../actors/records/agent-version.ts";
import { type Cost, costOf, noCharge } from "../../../actors/records/price.ts";
import { agentDetails, subAgentDetails } from "../details.ts";
import type { RouteContext } from "../route.ts";
import type { Paid } from "../services/agent-store.ts";
import { balanceOf } from "../services/money.ts";

type Fields = Record<string, unknown>;

/** An agent without the fields that are not set, as creation answers. */
export function agentSummary(row: AgentRow): Fields {
  return withoutNulls(agentDetails(row));
}

/** A sub-agent without the fields that are not set, as creation answers. */
export function subAgentSummary(row: SubAgentRow): Fields {
  return withoutNulls(subAgentDetails(row));
}

/** Cost of a paid operation. */
export function paidCost(paid: Paid<unknown>): Cost {
  return costOf(paid.charge, paid.balanceMicros);
}

/** Cost of a free operation: nothing, and what is left. */
export async function freeCost(context: Pick<RouteContext, "principal" | "system">): Promise<Cost> {
  return costOf(noCharge, await balanceOf(context.system, context.principal.tenant));
}

function withoutNulls(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}
