// What of a request names records, for keys that are limited to some (`allowed_resources`): a row for each
// route, or for all below a path. A route that has none is closed to such keys, so that one that is added
// is closed until somebody has said here what it addresses.

import type { ResourceKindName } from "../../../actors/records/resource-scope.ts";
import type { Route } from "../route.ts";

/**
 * What a value names: a record of a kind, what can be asked (`target`: an agent, a team or a workflow), or
 * something that belongs to such: what belongs to a record that is not reached is not reached either.
 */
export type Named =
  | ResourceKindName
  | "target"
  | "model"
  | "conversation"
  | "run"
  | "approval"
  | "response"
  | "items"
  | "job"
  | "evaluation";

/** What a request to a route names, by where it stands. */
export interface RouteReach {
  readonly path?: Readonly<Record<string, Named>>;
  readonly query?: Readonly<Record<string, Named>>;
  /** Of a JSON body, by the names of its members. */
  readonly body?: Readonly<Record<string, Named>>;
  /** Members of the query or body without which it would be about everything. */
  readonly needs?: readonly string[];
  /** It makes a record of this kind: for keys that reach all of it. */
  readonly creates?: ResourceKindName;
  /** Ids anywhere in the body are of records that a stored record comes to name. */
  readonly mentions?: true;
}

const FREE: RouteReach = {};
const proxy = "/v1/proxy/core-agent";
const collections = "/v2/knowledge/collections";
const ofAgent: RouteReach = { path: { agent_key: "agents" } };
const changesAgent: RouteReach = { ...ofAgent, mentions: true };
const ofConversation: RouteReach = { path: { conversation_key: "conversation" } };

/** By "METHOD /pattern". Lists without a row of their own are narrowed by their handlers. */
const routes: Readonly<Record<string, RouteReach>> = {
  // What is no record of the tenant.
  "GET /v2/models": FREE,
  "POST /v1/embeddings": FREE,
  // Lists: their handlers leave out what is not reached.
  "GET /v1/models": FREE,
  [`GET ${proxy}s`]: FREE,
  "GET /v2/agents": FREE,
  "GET /v2/runs": FREE,
  "GET /v2/traces": { query: { agent: "target" } },
  "GET /v2/traces/{id}": FREE,
  "GET /v2/conversations": { query: { agent_key: "target" } },
  "GET /v2/approvals": { query: { agent_key: "target", run_id: "run" } },
  "GET /v2/evaluations": FREE,
  [`GET ${collections}`]: FREE,
  "GET /v2/knowledge/jobs": FREE,
  "GET /admin/keys": FREE,
  // Keys that reach no further: key-grants.ts and tenantOfKey look.
  "POST /admin/keys": FREE,
  "PATCH /admin/keys/{ak}": FREE,
  "DELETE /admin/keys/{ak}": FREE,
  "POST /admin/keys/{ak}/rotate": FREE,
  // Tools, prompts and resources of the protocol are looked at one by one (adapters/mcp).
  "POST /mcp": FREE,
  // Agents, by document 001 and by the platform.
  [`POST ${proxy}-create`]: { creates: "agents", mentions: true },
  [`GET ${proxy}-details/{agent_key}`]: ofAgent,
  [`DELETE ${proxy}-delete/{agent_key}`]: ofAgent,
  [`PUT ${proxy}-update/{agent_key}`]: changesAgent,
  [`PATCH ${proxy}-update/{agent_key}`]: changesAgent,
  [`PUT ${proxy}-graph/{agent_key}`]: changesAgent,
  [`GET ${proxy}-subagents/{agent_key}`]: ofAgent,
  [`POST ${proxy}-subagent-create/{agent_key}`]: changesAgent,
  [`PUT ${proxy}-subagent-update/{agent_key}/{sub_agent_key}`]: changesAgent,
  [`PATCH ${proxy}-subagent-update/{agent_key}/{sub_agent_key}`]: changesAgent,
  [`DELETE ${proxy}-subagent-delete/{agent_key}/{sub_agent_key}`]: ofAgent,
  "GET /agents/v1/agents": FREE,
  "POST /agents/v1/agents": { creates: "agents", mentions: true },
  "POST /v2/agents": { creates: "agents", mentions: true },
  "POST /v2/agents/{id}/runs": { path: { id: "agents" } },
  "POST /v2/agents/{id}/route": { path: { id: "agents" } },
  "POST /v2/agents/{id}/history/search": { path: { id: "agents" } },
  // Asking.
  [`POST ${proxy}-chat`]: { body: { agent_key: "target" } },
  "POST /v1/chat/completions": { body: { model: "model" } },
  "POST /v1/messages": { body: { model: "model" } },
  "POST /v1/messages/count_tokens": { body: { model: "model" } },
  "POST /v1/responses": {
    body: { model: "model", previous_response_id: "response", input: "items" },
  },
  "GET /v1/models/{id}": { path: { id: "model" } },
  "GET /.well-known/agent-card.json": { query: { agent: "target" } },
  "POST /v2/teams/{id}/runs": { path: { id: "teams" } },
  "POST /v2/workflows/{id}/runs": { path: { id: "workflows" } },
  // What was asked.
  [`GET ${proxy}-conversations`]: { query: { agent_key: "target" }, needs: ["agent_key"] },
  [`GET ${proxy}-conversation-details/{conversation_key}`]: ofConversation,
  [`DELETE ${proxy}-conversation-delete/{conversation_key}`]: ofConversation,
  // Memories are of agents.
  "GET /v2/memories": { query: { agent_key: "agents" }, needs: ["agent_key"] },
  "GET /v2/memories/export": { query: { agent_key: "agents" }, needs: ["agent_key"] },
  "DELETE /v2/memories": { query: { agent_key: "agents" }, needs: ["agent_key"] },
  "POST /v2/memories": { body: { agent_key: "agents" } },
  "POST /v2/evaluations": { mentions: true },
  [`POST ${collections}`]: { creates: "collections" },
  "POST /v2/prompts/{id}/preview": { path: { id: "prompts" } },
};

const record = (kind: ResourceKindName): RouteReach => ({ path: { id: kind }, mentions: true });

/** Of all routes at and below a path, the longest path first. */
const below: readonly (readonly [string, RouteReach])[] = [
  ["/v2/datasets/{id}/items", { path: { id: "datasets" } }],
  [`${collections}/{cl}`, { path: { cl: "collections" } }],
  ["/v2/knowledge/jobs/{jb}", { path: { jb: "job" } }],
  ["/v2/conversations/{cv}", { path: { cv: "conversation" } }],
  ["/v2/evaluations/{ev}", { path: { ev: "evaluation" } }],
  ["/v2/approvals/{ap}", { path: { ap: "approval" } }],
  // Its handlers look: memories are read by another way than rows.
  ["/v2/memories/{me}", FREE],
  ["/v1/responses/{id}", { path: { id: "response" } }],
  // Threads of these protocols are of the agent that the path names.
  ["/v2/agents/{key}", { path: { key: "target" } }],
  ["/v2/runs/{rn}", { path: { rn: "run" } }],
  ["/a2a/{agent}", { path: { agent: "target" } }],
  ["/v2/agents/{id}", record("agents")],
  ["/agents/v1/agents/{id}", record("agents")],
];

/** Of every kind of resources alike. */
const kinds = ["teams", "workflows", "prompts", "tools", "skills", "datasets"] as const;

const known = new WeakMap<Route, RouteReach | null>();

/** What of a request to a route names records; null: it is closed to keys that are limited. */
export function reachOf(route: Route): RouteReach | null {
  const found = known.get(route);
  if (found !== undefined) return found;
  const made = lookUp(route);
  known.set(route, made);
  return made;
}

function lookUp({ method, pattern }: Route): RouteReach | null {
  const own = routes[`${method} ${pattern}`];
  if (own !== undefined) return own;
  const above = below.find(([path]) => pattern === path || pattern.startsWith(`${path}/`));
  if (above !== undefined) return above[1];
  for (const kind of kinds) {
    const path = `/v2/${kind}`;
    if (pattern === path) return method === "GET" ? FREE : { creates: kind, mentions: true };
    if (pattern.startsWith(`${path}/{id}`)) return record(kind);
  }
  return null;
}
