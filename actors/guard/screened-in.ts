// What a run asks of a completion goes through the same guardrails as what comes by the door.

import type { RunContext } from "../../runtime/actor.ts";
import { fromErrorData } from "../../runtime/errors.ts";
import type { Ports } from "../ports.ts";
import { versionId } from "../records/agent-version.ts";
import type { CompletionMessage } from "../records/conversation.ts";
import { targetPlace } from "../targets.ts";
import type { Screened } from "./screen.ts";
import {
  chainOf,
  guardrailsTable,
  guardrailVersionsTable,
  isForAll,
  OPERATOR,
  rulesIn,
  type StoredChain,
  TENANT,
  type TenantGuardrails,
} from "./stored.ts";

/**
 * The message as it is accepted: redacted, and with what its run is to know. A step under `key`.
 * @throws GUARDRAIL_BLOCKED.
 */
export async function screenedIn(
  context: RunContext<Ports>,
  key: string,
  message: CompletionMessage,
): Promise<CompletionMessage> {
  const screened = await context.step<Screened<CompletionMessage>>(
    key,
    async () => {
      const chains = await chainsOf(context, message);
      if (chains.length === 0) return { message, findings: [] };
      const { screen } = await import("./screen.ts");
      const left = await screen(message, { tenant: context.tenant, chains });
      if ("refusal" in left) return left;
      const { findings } = left;
      const guards = chains.filter(({ ref }) => isForAll(ref.id)).map(({ ref }) => ref);
      const guard = {
        ...(guards.length > 0 && { guards }),
        ...(findings.length > 0 && { screened: findings }),
      };
      return { message: { ...left.message, guard }, findings };
    },
    { repeat: "safe", local: true },
  );
  if ("refusal" in screened) throw fromErrorData(screened.refusal);
  return screened.message;
}

async function chainsOf(
  context: RunContext<Ports>,
  { agent, version }: CompletionMessage,
): Promise<readonly StoredChain[]> {
  const { current, versions } = targetPlace(agent);
  const [ofOperator, ofTenant, row] = await Promise.all([
    context.row(guardrailVersionsTable, OPERATOR) as Promise<TenantGuardrails | undefined>,
    context.row(guardrailsTable, TENANT) as Promise<TenantGuardrails | undefined>,
    version === undefined
      ? context.row(current, agent)
      : context.row(versions, versionId(agent, version)),
  ]);
  const own = row as { readonly version: number } | undefined;
  const all: readonly StoredChain[] = [
    chainOf(OPERATOR, ofOperator),
    chainOf(TENANT, ofTenant),
    { ref: { id: agent, version: own?.version ?? 0 }, rules: rulesIn(row) },
  ];
  return all.filter(({ rules }) => rules.length > 0);
}
