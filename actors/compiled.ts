// An agent at one version, ready to answer: its row, its sub-agents, its router. Versions never
// change, so each worker keeps the compiled form under (tenant, id, version) and nothing is ever
// invalidated; changing an agent is choosing another number.

import type { RunContext } from "../runtime/actor.ts";
import { RuntimeError } from "../runtime/errors.ts";
import { loadExpressions } from "./expression.ts";
import type { Graph } from "./flow/graph.ts";
import { limits } from "./limits.ts";
import type { Ports } from "./ports.ts";
import type { Agent } from "./records/agent.ts";
import {
  type AgentRow,
  agentTables,
  type SubAgentRow,
  versionId,
} from "./records/agent-version.ts";
import type { SubAgent } from "./records/sub-agent.ts";
import { asideOf } from "./routing/aside.ts";
import { compileAside } from "./routing/compile.ts";
import type { CompiledRouter } from "./routing/router.ts";

/** A pinned agent, ready for use. */
export interface CompiledAgent {
  readonly agent: Agent;
  readonly version: number;
  readonly subAgents: ReadonlyMap<string, SubAgent>;
  readonly router: CompiledRouter;
  /** Set when the agent has a graph: then the graph answers, not the router. */
  readonly graph: Graph | null;
}

const cache = new Map<string, CompiledAgent>();

/**
 * The compiled form of an agent's version, from this worker's cache or from the tenant's rows.
 * @throws NOT_FOUND when that version is not stored.
 */
export async function loadAgent(
  context: RunContext<Ports>,
  pinned: { readonly agent: string; readonly version: number },
): Promise<CompiledAgent> {
  const id = versionId(pinned.agent, pinned.version);
  const cacheKey = `${context.tenant}/${id}`;
  const known = cache.get(cacheKey);
  if (known !== undefined) {
    // Taken out and put in again: the map's order is the order of use.
    cache.delete(cacheKey);
    cache.set(cacheKey, known);
    return known;
  }
  const compiled = await read(context, id);
  cache.set(cacheKey, compiled);
  if (cache.size > limits.compiledAgents) {
    const oldest = cache.keys().next().value;
    if (oldest !== undefined) cache.delete(oldest);
  }
  return compiled;
}

async function read(context: RunContext<Ports>, id: string): Promise<CompiledAgent> {
  const row = (await context.row(agentTables.agentVersions, id)) as AgentRow | undefined;
  if (row === undefined) throw new RuntimeError("NOT_FOUND", `Agent version ${id} does not exist.`);
  const subAgents = await Promise.all(
    row.subAgents.map(async ({ key, version }) => {
      const subId = versionId(key, version);
      const sub = (await context.row(agentTables.subAgentVersions, subId)) as
        | SubAgentRow
        | undefined;
      if (sub !== undefined) return sub.subAgent;
      throw new RuntimeError("NOT_FOUND", `Sub-agent version ${subId} does not exist.`);
    }),
  );
  const { agent } = row;
  return {
    agent,
    version: row.version,
    subAgents: new Map(subAgents.map((subAgent) => [subAgent.sub_agent_key, subAgent])),
    router: await compileAside(agent, subAgents, asideOf(context.ports.compute, context.tenant)),
    graph: await graphOf(agent),
  };
}

async function graphOf(agent: Agent): Promise<Graph | null> {
  const { graph_definition: definition, state_schema, entry_node } = agent;
  if (definition === null || definition === undefined) return null;
  const { compileGraph } = await import("./flow/compile.ts");
  await loadExpressions();
  return compileGraph(definition, state_schema, entry_node);
}
