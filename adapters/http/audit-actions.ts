// What each route with side effects is called in the audit, and how its row is written. A route that is not
// here is told by its service and method; one that is no act of an administrator is named with the reason.

import type { Route } from "./route.ts";

/** How an act gets its row. */
export interface RouteAct {
  /** "agent.create". */
  readonly action: string;
  /**
   * `beside`: main writes, and its row is in the batch (adapters/audit/beside.ts).
   * `before`: an actor or the runtime does it: the row is on disk as `begun` before it is asked to.
   */
  readonly row: "beside" | "before";
}

const beside = (action: string): RouteAct => ({ action, row: "beside" });
const before = (action: string): RouteAct => ({ action, row: "before" });

/** The same routes for every kind of resource. */
function resource(
  path: string,
  kind: string,
  patch: Readonly<Record<string, RouteAct>> = {
    [`PATCH ${path}/{id}`]: beside(`${kind}.update`),
  },
): Readonly<Record<string, RouteAct>> {
  const one = `${path}/{id}`;
  return {
    [`POST ${path}`]: beside(`${kind}.create`),
    [`PUT ${one}`]: beside(`${kind}.update`),
    ...patch,
    [`DELETE ${one}`]: beside(`${kind}.delete`),
    [`POST ${one}/versions/{n}/rollback`]: beside(`${kind}.rollback`),
  };
}

const proxy = "/v1/proxy/core-agent";
const subOfProxy = "{agent_key}/{sub_agent_key}";
const agent = "/v2/agents/{id}";
const orchestrated = "/agents/v1/agents";
const knowledge = "/v2/knowledge";
const items = "/v2/datasets/{id}/items";
const push = "/a2a/{agent}/tasks/{task}/pushNotificationConfigs";

/** Acts by "METHOD /pattern". */
export const routeActs: Readonly<Record<string, RouteAct>> = {
  ...resource("/v2/agents", "agent"),
  ...resource("/v2/prompts", "prompt"),
  ...resource("/v2/teams", "team"),
  ...resource("/v2/workflows", "workflow"),
  ...resource("/v2/tools", "tool"),
  ...resource("/v2/datasets", "dataset"),
  ...resource("/v2/channels", "channel"),
  ...resource("/v2/triggers", "trigger"),
  ...resource("/v2/engines", "engine"),
  ...resource("/v2/targets", "target"),
  ...resource("/v2/skills", "skill", {}),
  [`POST ${proxy}-create`]: beside("agent.create"),
  [`DELETE ${proxy}-delete/{agent_key}`]: beside("agent.delete"),
  [`PUT ${proxy}-update/{agent_key}`]: beside("agent.update"),
  [`PATCH ${proxy}-update/{agent_key}`]: beside("agent.update"),
  [`PUT ${proxy}-graph/{agent_key}`]: beside("agent.update"),
  [`POST ${proxy}-subagent-create/{agent_key}`]: beside("sub-agent.create"),
  [`PUT ${proxy}-subagent-update/${subOfProxy}`]: beside("sub-agent.update"),
  [`PATCH ${proxy}-subagent-update/${subOfProxy}`]: beside("sub-agent.update"),
  [`DELETE ${proxy}-subagent-delete/${subOfProxy}`]: beside("sub-agent.delete"),
  [`DELETE ${proxy}-conversation-delete/{conversation_key}`]: before("conversation.delete"),
  [`POST ${agent}/sub-agents`]: beside("sub-agent.create"),
  [`PUT ${agent}/sub-agents/{sa}`]: beside("sub-agent.update"),
  [`PATCH ${agent}/sub-agents/{sa}`]: beside("sub-agent.update"),
  [`DELETE ${agent}/sub-agents/{sa}`]: beside("sub-agent.delete"),
  [`POST ${agent}/versions`]: beside("agent.draft"),
  [`PUT ${agent}/canary`]: beside("agent.canary"),
  [`DELETE ${agent}/canary`]: beside("agent.canary-end"),
  [`POST ${agent}/canary/promote`]: beside("agent.promote"),
  [`POST ${orchestrated}`]: beside("agent.create"),
  [`PUT ${orchestrated}/{id}`]: beside("agent.update"),
  [`DELETE ${orchestrated}/{id}`]: beside("agent.delete"),
  [`POST ${orchestrated}/{id}/start`]: before("agent.start"),
  [`POST ${orchestrated}/{id}/stop`]: before("agent.stop"),
  "POST /admin/backup": before("backup.start"),
  "DELETE /admin/backup": before("backup.cancel"),
  "POST /v2/runs/{rn}/cancel": before("run.cancel"),
  "PUT /v2/guardrails": beside("guardrails.update"),
  "POST /v2/webhooks/secret/rotate": beside("webhook-secret.rotate"),
  "DELETE /v2/conversations/{cv}": before("conversation.delete"),
  "POST /v2/conversations/{cv}/cancel": before("conversation.cancel"),
  [`POST ${knowledge}/collections`]: beside("collection.create"),
  [`PATCH ${knowledge}/collections/{cl}`]: beside("collection.update"),
  [`DELETE ${knowledge}/collections/{cl}`]: beside("collection.delete"),
  [`POST ${knowledge}/collections/{cl}/documents`]: before("document.add"),
  [`PUT ${knowledge}/collections/{cl}/documents/{dc}`]: before("document.replace"),
  [`DELETE ${knowledge}/collections/{cl}/documents/{dc}`]: before("document.delete"),
  [`POST ${knowledge}/collections/{cl}/reembed`]: before("collection.reembed"),
  [`POST ${knowledge}/jobs/{jb}/pause`]: before("job.pause"),
  [`POST ${knowledge}/jobs/{jb}/resume`]: before("job.resume"),
  [`POST ${knowledge}/jobs/{jb}/cancel`]: before("job.cancel"),
  "POST /v2/memories": before("memory.create"),
  "DELETE /v2/memories": before("memory.delete-all"),
  "PUT /v2/memories/{me}": before("memory.update"),
  "PATCH /v2/memories/{me}": before("memory.update"),
  "DELETE /v2/memories/{me}": before("memory.delete"),
  [`POST ${items}`]: beside("dataset-item.create"),
  [`PUT ${items}/{it}`]: beside("dataset-item.update"),
  [`PATCH ${items}/{it}`]: beside("dataset-item.update"),
  [`DELETE ${items}/{it}`]: beside("dataset-item.delete"),
  "POST /v2/evaluations": beside("evaluation.create"),
  "POST /v2/evaluations/{ev}/cancel": before("evaluation.cancel"),
  "DELETE /v2/evaluations/{ev}": before("evaluation.delete"),
  "POST /v2/packs": beside("pack.apply"),
  "POST /v2/packs/{pk}/rollback": beside("pack.rollback"),
  "DELETE /v2/packs/{pk}": beside("pack.delete"),
  "POST /v1/responses/{id}/cancel": before("run.cancel"),
  "DELETE /v1/responses/{id}": before("response.delete"),
  [`POST ${push}`]: beside("push-config.create"),
  [`DELETE ${push}/{config}`]: beside("push-config.delete"),
  "POST /v2/tokens/connect": beside("token.link"),
  "PUT /v2/integrations/{name}": beside("integration.update"),
  "DELETE /v2/integrations/{name}": beside("integration.delete"),
  "POST /admin/vault/rotate": before("vault.rotate"),
  "POST /admin/tenants": beside("tenant.create"),
  "PATCH /admin/tenants/{tn}": beside("tenant.update"),
  "POST /admin/tenants/{tn}/suspend": beside("tenant.suspend"),
  "POST /admin/tenants/{tn}/resume": beside("tenant.resume"),
  "DELETE /admin/tenants/{tn}": beside("tenant.delete"),
  "POST /admin/tenants/{tn}/export": beside("tenant.export"),
  "POST /admin/tenants/{tn}/credit": beside("credit.add"),
  "POST /admin/tenants/{tn}/debit": beside("credit.take"),
  "PUT /admin/tenants/{tn}/prices": beside("prices.update"),
  "POST /admin/alerts": beside("alert.create"),
  "PATCH /admin/alerts/{al}": beside("alert.update"),
  "DELETE /admin/alerts/{al}": beside("alert.delete"),
  "POST /admin/keys": beside("key.create"),
  "PATCH /admin/keys/{ak}": beside("key.update"),
  "POST /admin/keys/{ak}/rotate": beside("key.rotate"),
  "DELETE /admin/keys/{ak}": beside("key.revoke"),
  "POST /admin/dead-letters/{dl}/replay": before("dead-letter.replay"),
  "DELETE /admin/dead-letters/{dl}": before("dead-letter.discard"),
  "POST /admin/runtime/workers": before("workers.resize"),
  "POST /admin/runtime/actors/{address}/release": before("actor.release"),
};

const talks = "What users say: the conversation and the run are the record of it.";
const reads = "Computes an answer and changes nothing.";

const decided = "Its actor writes the row in its turn.";
const consents =
  "A person's browser: who connects or refuses has a row, and who only looks changes nothing.";

const runs = "A gateway says that it runs; a channel that is switched off by it has a row.";
const claim = "/v2/gateways/{gateway}/instances/{instance}";

/** Routes with side effects that leave no row of their own, and why. */
export const unaudited: Readonly<Record<string, string>> = {
  "POST /v2/tokens/connect/{id}": consents,
  "POST /v2/tokens/connect/complete": decided,
  "POST /v2/tokens": decided,
  "PATCH /v2/tokens/{tk}": decided,
  "DELETE /v2/tokens/{tk}": decided,
  "POST /admin/budgets": decided,
  "PATCH /admin/budgets/{bd}": decided,
  "DELETE /admin/budgets/{bd}": decided,
  [`POST ${proxy}-chat`]: talks,
  "POST /v2/agents/{id}/runs": talks,
  "POST /v2/teams/{id}/runs": talks,
  "POST /v2/workflows/{id}/runs": talks,
  "POST /v2/runs/{rn}/fork": talks,
  "POST /v2/runs/{rn}/resume": talks,
  "POST /v2/runs/{rn}/events/{name}": talks,
  "POST /v1/chat/completions": talks,
  "POST /v1/responses": talks,
  "POST /v1/messages": talks,
  "POST /a2a/{agent}/message:send": talks,
  "POST /a2a/{agent}/message:stream": talks,
  "POST /a2a/{agent}/tasks/{task}": talks,
  "POST /mcp": talks,
  "POST /v2/agents/{key}/ag-ui": talks,
  "POST /v2/agents/{key}/ui-chat": talks,
  "POST /v2/agents/{id}/route": reads,
  "POST /v2/targets/{id}/check": reads,
  "POST /v2/engines/{id}/check": reads,
  "POST /v1/embeddings": reads,
  "POST /v2/approvals/{ap}/decide": "The turn that decides writes it, with the decision.",
  [`PUT ${claim}`]: runs,
  [`DELETE ${claim}`]: runs,
  "POST /logout": "Ends a session that its own cookie names; the sign-in has a row.",
};

const VERBS: Readonly<Record<string, string>> = {
  POST: "create",
  PUT: "update",
  PATCH: "update",
  DELETE: "delete",
};

/** Of routes that talk and may set something up meanwhile: what they write is told, they are not. */
export const carriers: readonly string[] = ["POST /a2a/{agent}", `PUT ${claim}`];

/** The act of a route; null for what is none. */
export function actOfRoute(route: Route): RouteAct | null {
  if (!(route.sideEffects ?? route.method !== "GET")) return null;
  const name = `${route.method} ${route.pattern}`;
  if (name in unaudited) return null;
  return routeActs[name] ?? beside(`${route.service}.${VERBS[route.method] ?? "read"}`);
}
