// Whom a client of A2A speaks to: an agent, a team or a workflow of its own tenant, as its card shows it.

import { onlyOf } from "../../actors/records/resource-scope.ts";
import { targetPlace } from "../../actors/targets.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Principal } from "../http/route.ts";
import type { Services } from "../http/services/services.ts";

/** What has a card. */
export interface Target {
  readonly id: string;
  readonly kind: "agent" | "team" | "workflow";
  readonly name: string;
  readonly description: string;
  readonly version: number;
  /** What it can do beside answering: an agent's active sub-agents. */
  readonly abilities: readonly Ability[];
}

/** One of an agent's sub-agents. */
export interface Ability {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly examples: readonly string[];
}

/** Fits the ids of all kinds. */
const ID = /^(ag|tm|wf)_[A-Za-z0-9]{1,61}$/;
/** Sub-agents that an extended card lists. */
const ABILITIES_MAX = 100;

type Parts = Pick<Services, "agents" | "resources">;

/** @throws NOT_FOUND, also for another tenant's. */
export async function targetOf(
  { agents, resources }: Parts,
  tenant: string,
  id: string,
  withAbilities = false,
): Promise<Target> {
  const { kind } = targetPlace(id);
  if (!ID.test(id) || kind === "tool") {
    throw new RuntimeError("NOT_FOUND", `There is no agent ${id.slice(0, 64)}.`);
  }
  if (kind !== "agent") {
    const { record, version } =
      kind === "team"
        ? await resources.kinds.teams.get(tenant, id)
        : await resources.kinds.workflows.get(tenant, id);
    const { name, description } = record;
    return { id, kind, name, description: description ?? "", version, abilities: [] };
  }
  const row = await agents.get(tenant, id);
  const { name, description } = row.agent;
  const abilities = withAbilities ? await abilitiesOf(agents, tenant, id) : [];
  return { id, kind, name, description: description ?? "", version: row.version, abilities };
}

/**
 * The one that is meant when none is named: the tenant's only agent.
 * @throws NOT_FOUND when there is none, or more than one.
 */
export async function onlyTarget(
  parts: Parts,
  { tenant, allowedResources }: Pick<Principal, "tenant" | "allowedResources">,
): Promise<Target> {
  const only = onlyOf(allowedResources, "agents");
  const request = { question: null, page: { limit: 2 }, only };
  const { items } = await parts.agents.list(tenant, request);
  const [first] = items;
  if (first !== undefined && items.length === 1) {
    return await targetOf(parts, tenant, first.agent.agent_key);
  }
  const many = items.length === 0 ? "no agent" : "more than one agent";
  throw new RuntimeError(
    "NOT_FOUND",
    `This key's tenant has ${many}: name one as ?agent=, or read its card at /a2a/{id}/.well-known/agent-card.json.`,
  );
}

async function abilitiesOf(
  agents: Parts["agents"],
  tenant: string,
  id: string,
): Promise<readonly Ability[]> {
  const rows = await agents.subAgents(tenant, id);
  const all = rows.flatMap(({ subAgent }): readonly Ability[] => {
    const { sub_agent_key, name, trigger, is_active } = subAgent;
    if (is_active === false) return [];
    const { description = name, keywords = [], examples = [] } = trigger ?? {};
    return [{ id: sub_agent_key, name, description, tags: keywords, examples }];
  });
  return all.slice(0, ABILITIES_MAX);
}
