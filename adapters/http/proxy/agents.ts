// Document 001's agent endpoints: create, list, details, update, delete, graph.

import { patchAgent } from "../../../actors/agent-change.ts";
import { agentInput } from "../../../actors/records/agent.ts";
import { onlyOf } from "../../../actors/records/resource-scope.ts";
import { Type } from "../../../actors/schema.ts";
import { agentDetails } from "../details.ts";
import { envelope } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import { callerOf } from "../services/caller.ts";
import { onceKeyOf } from "../services/once.ts";
import { cursorOf, pageQuery, pageRequest } from "../services/paging.ts";
import type { Services } from "../services/services.ts";
import {
  agentDetailsSchema,
  agentSummarySchema,
  counted,
  deletedAgent,
  enveloped,
  graphSchema,
} from "./schemas.ts";
import { agentSummary, freeCost, paidCost } from "./shapes.ts";

const list = "/v1/proxy/core-agents";
const agentPatch = Type.Partial(agentInput, { additionalProperties: false, minProperties: 1 });
const graphPatch = Type.Partial(
  Type.Pick(agentInput, ["graph_definition", "state_schema", "entry_node"]),
  { additionalProperties: false, minProperties: 1 },
);

/** Routes of agents. */
export function agentRoutes(services: Services): readonly Route[] {
  return [...createAndRead(services), ...changes(services)];
}

function createAndRead({ agents }: Services): readonly Route[] {
  return [
    defineRoute({
      summary: "Create a supervisor",
      description:
        "Costs 1 unit by default. A supervisor answers and routes messages to the sub-agents that are added to it. With an `Idempotency-Key` a repeated request creates and costs nothing.",
      responses: enveloped(agentSummarySchema, "The agent, without the fields that are not set."),
      reads: ["Idempotency-Key"],
      method: "POST",
      pattern: "/v1/proxy/core-agent-create",
      service: "core-agent-create",
      errors: "envelope",
      body: agentInput,
      handler: async (context) => {
        const key = onceKeyOf(context.request, context.bodyBytes);
        const paid = await agents.create(callerOf(context), context.body, key);
        return envelope(context, agentSummary(paid.value), { cost: paidCost(paid) });
      },
    }),
    defineRoute({
      summary: "List agents",
      description: "In pages: `pagination` has the cursor of the next one. Costs nothing.",
      responses: enveloped(Type.Array(agentSummarySchema), "A page of agents.", counted),
      query: pageQuery,
      ignoresOtherQuery: true,
      method: "GET",
      pattern: list,
      service: "core-agents",
      errors: "envelope",
      handler: async (context) => {
        const request = pageRequest(context.query, list);
        const { tenant, allowedResources } = context.principal;
        const only = onlyOf(allowedResources, "agents");
        const page = await agents.list(tenant, { page: request, question: null, only });
        const pagination = {
          limit: request.limit,
          total: page.total,
          has_more: page.next !== null,
          next_cursor: cursorOf(list, page),
        };
        const cost = await freeCost(context);
        return envelope(context, page.items.map(agentSummary), { top: { pagination }, cost });
      },
    }),
    defineRoute({
      summary: "Read every field of an agent",
      description: "Fields that are not set are null. Costs nothing.",
      responses: enveloped(agentDetailsSchema, "The agent with every field."),
      method: "GET",
      pattern: "/v1/proxy/core-agent-details/{agent_key}",
      service: "core-agent-details",
      errors: "envelope",
      handler: async (context) => {
        const { tenant } = context.principal;
        const row = await agents.get(tenant, context.params["agent_key"] ?? "");
        return envelope(context, agentDetails(row), { cost: await freeCost(context) });
      },
    }),
    defineRoute({
      summary: "Delete an agent and its sub-agents",
      description:
        "Refused with 409 while other records name it. Runs that were started finish, its conversations stay, its memories are removed in the background. Costs nothing. Again it is a 404.",
      responses: enveloped(deletedAgent, "What was deleted."),
      method: "DELETE",
      pattern: "/v1/proxy/core-agent-delete/{agent_key}",
      service: "core-agent-delete",
      errors: "envelope",
      handler: async (context) => {
        const key = context.params["agent_key"] ?? "";
        const row = await agents.remove(callerOf(context), key, null);
        const data = { agent_key: key, deleted: true, sub_agents_deleted: row.subAgents.length };
        return envelope(context, data, { cost: await freeCost(context) });
      },
    }),
  ];
}

function changes({ agents }: Services): readonly Route[] {
  const update = {
    pattern: "/v1/proxy/core-agent-update/{agent_key}",
    service: "core-agent-update",
    errors: "envelope",
    body: agentPatch,
  } as const;
  const graph = {
    pattern: "/v1/proxy/core-agent-graph/{agent_key}",
    service: "core-agent-graph",
    errors: "envelope",
    body: graphPatch,
  } as const;
  const routes = (["PUT", "PATCH"] as const).map((method) =>
    defineRoute({
      summary: "Change some fields of an agent",
      description:
        "Costs 0.5 units by default. Fields that are not sent stay; null unsets one. The change is a new version, and runs under way finish on the old one. PUT and PATCH do the same.",
      responses: enveloped(agentSummarySchema, "The agent, without the fields that are not set."),
      ...update,
      method,
      handler: async (context) => {
        const patch = context.body;
        const paid = await agents.update(
          callerOf(context),
          context.params["agent_key"] ?? "",
          { set: patch, next: (row, at) => patchAgent(row, patch, at) },
          null,
        );
        return envelope(context, agentSummary(paid.value), { cost: paidCost(paid) });
      },
    }),
  );
  const putGraph = defineRoute({
    summary: "Replace the graph of an agent",
    description:
      "Costs 0.5 units by default. Sets `graph_definition`, `state_schema` and `entry_node`, those that are sent. A graph that is wrong is a 400 with the pointer of its node or edge; messages are answered by the graph from the next one on.",
    responses: enveloped(graphSchema, "The graph as it is now."),
    ...graph,
    method: "PUT",
    handler: async (context) => {
      const patch = context.body;
      const paid = await agents.update(
        callerOf(context),
        context.params["agent_key"] ?? "",
        { set: patch, next: (row, at) => patchAgent(row, patch, at) },
        null,
      );
      const { agent_key, graph_definition, state_schema, entry_node, updated_at } =
        paid.value.agent;
      const data = { agent_key, graph_definition, state_schema, entry_node, updated_at };
      return envelope(context, data, { cost: paidCost(paid) });
    },
  });
  return [...routes, putGraph];
}
