// /v2/agents and their sub-agents: plain resources over the same service as document 001's.

import {
  patchAgent,
  patchSubAgent,
  replaceAgent,
  replaceSubAgent,
} from "../../../actors/agent-change.ts";
import { agentInput } from "../../../actors/records/agent.ts";
import { onlyOf } from "../../../actors/records/resource-scope.ts";
import { subAgentInput } from "../../../actors/records/sub-agent.ts";
import { Type } from "../../../actors/schema.ts";
import { answers, nothing, pageOf } from "../openapi/responses.ts";
import { json, noContent } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import type { HttpResponse } from "../server.ts";
import { agentListing } from "../services/agent-listing.ts";
import { callerOf } from "../services/caller.ts";
import { listQuery, listRequest } from "../services/listing.ts";
import { onceKeyOf } from "../services/once.ts";
import { pageQuery, pageRequest, pageOf as rowsPage } from "../services/paging.ts";
import type { Services } from "../services/services.ts";
import { agentSchema, subAgentSchema } from "./agent-schemas.ts";
import { agentResource, etag, ifMatchOf, pageReply, subAgentResource } from "./shapes.ts";

const agentPatch = Type.Partial(agentInput, { additionalProperties: false, minProperties: 1 });
const subAgentPatch = Type.Partial(subAgentInput, {
  additionalProperties: false,
  minProperties: 1,
});
const errors = "problem";
const path = "/v2/agents";
const list = { pattern: path, service: "agents", errors } as const;
const one = { pattern: "/v2/agents/{id}", service: "agents", errors } as const;
const subList = { pattern: "/v2/agents/{id}/sub-agents", service: "agents", errors } as const;
const subOne = { pattern: "/v2/agents/{id}/sub-agents/{sa}", service: "agents", errors } as const;

/** Routes of agents and sub-agents. */
export function agentRoutes(services: Services): readonly Route[] {
  return [
    ...agentCollection(services),
    ...agentChanges(services),
    ...subAgentCollection(services),
    ...subAgentChanges(services),
  ];
}

function agentCollection({ agents, bodies }: Services): readonly Route[] {
  return [
    defineRoute({
      summary: "List agents",
      description:
        "By `name`, `model_name` and `prompt_id`, by words in name and description (`q`), and in an order (`sort`). A cursor is of its own filters and order.",
      responses: answers(200, pageOf(agentSchema), "A page of agents."),
      ...list,
      method: "GET",
      query: listQuery(agentListing),
      handler: ({ principal: { tenant, allowedResources }, query }) => {
        const only = onlyOf(allowedResources, "agents");
        const make = async (): Promise<HttpResponse> => {
          const request = { ...listRequest(query, path, agentListing), only };
          return pageReply(request.list, await agents.list(tenant, request), agentResource);
        };
        if (only !== undefined) return make();
        return bodies.page({ tenant, table: agentListing.table }, query.toString(), make);
      },
    }),
    defineRoute({
      summary: "Create an agent",
      description:
        "Costs 1 unit by default. What it names (a prompt, tools, collections, nodes of its graph) has to exist; what is wrong is a 400 with its pointer. With an `Idempotency-Key` a repeated request creates and costs nothing.",
      responses: answers(201, agentSchema, "The agent.", ["ETag", "Location"]),
      reads: ["Idempotency-Key"],
      ...list,
      method: "POST",
      body: agentInput,
      handler: async (context) => {
        const key = onceKeyOf(context.request, context.bodyBytes);
        const { value } = await agents.create(callerOf(context), context.body, key);
        const location = { Location: `/v2/agents/${value.agent.agent_key}` };
        return json(201, agentResource(value), { ...etag(value.version), ...location });
      },
    }),
    defineRoute({
      summary: "Read an agent",
      description: "As it is now, unset fields null; its `ETag` is for `If-Match` of a change.",
      responses: answers(200, agentSchema, "The agent.", ["ETag"]),
      ...one,
      method: "GET",
      handler: ({ principal: { tenant }, params }) => {
        const id = params["id"] ?? "";
        return bodies.record({ tenant, table: agentListing.table }, id, async () => {
          const row = await agents.get(tenant, id);
          return json(200, agentResource(row), etag(row.version));
        });
      },
    }),
  ];
}

function agentChanges({ agents }: Services): readonly Route[] {
  return [
    defineRoute({
      summary: "Replace an agent",
      description:
        "Costs 0.5 units by default. What is not sent has its default again; sub-agents stay. A new version: messages from the next one on are answered by it, runs under way finish on theirs.",
      responses: answers(200, agentSchema, "The agent.", ["ETag"]),
      reads: ["If-Match"],
      ...one,
      method: "PUT",
      body: agentInput,
      handler: async (context) => {
        const input = context.body;
        const { value } = await agents.update(
          callerOf(context),
          context.params["id"] ?? "",
          { set: input, next: (row, at) => replaceAgent(row, input, at) },
          ifMatchOf(context.request),
        );
        return json(200, agentResource(value), etag(value.version));
      },
    }),
    defineRoute({
      summary: "Change some fields of an agent",
      description:
        "Costs 0.5 units by default. Fields that are not sent stay, null unsets one. A new version: messages from the next one on are answered by it, runs under way finish on theirs.",
      responses: answers(200, agentSchema, "The agent.", ["ETag"]),
      reads: ["If-Match"],
      ...one,
      method: "PATCH",
      body: agentPatch,
      handler: async (context) => {
        const patch = context.body;
        const { value } = await agents.update(
          callerOf(context),
          context.params["id"] ?? "",
          { set: patch, next: (row, at) => patchAgent(row, patch, at) },
          ifMatchOf(context.request),
        );
        return json(200, agentResource(value), etag(value.version));
      },
    }),
    defineRoute({
      summary: "Delete an agent and its sub-agents",
      description:
        "Refused with 409 while other records name it. Runs that were started finish, its conversations stay, its memories are removed in the background. Costs nothing.",
      responses: nothing,
      reads: ["If-Match"],
      ...one,
      method: "DELETE",
      handler: async (context) => {
        const id = context.params["id"] ?? "";
        await agents.remove(callerOf(context), id, ifMatchOf(context.request));
        return noContent();
      },
    }),
  ];
}

function subAgentCollection({ agents }: Services): readonly Route[] {
  return [
    defineRoute({
      summary: "List the sub-agents of an agent",
      description: "In the order in which they were added, in pages.",
      responses: answers(200, pageOf(subAgentSchema), "A page of sub-agents, the oldest first."),
      ...subList,
      method: "GET",
      query: pageQuery,
      handler: async ({ principal, params, query }) => {
        const { limit, after = "" } = pageRequest(query, subList.pattern);
        const rows = await agents.subAgents(principal.tenant, params["id"] ?? "");
        const id = ({ subAgent }: (typeof rows)[number]) => subAgent.sub_agent_key;
        const rest = rows.filter((row) => id(row) > after);
        return pageReply(
          subList.pattern,
          rowsPage(rest, limit, { id, item: (row) => row }),
          subAgentResource,
        );
      },
    }),
    defineRoute({
      summary: "Add a sub-agent to an agent",
      description:
        "Costs 0.5 units by default and makes a new version of the agent, which routes messages to it by its keywords, examples and description. With an `Idempotency-Key` a repeated request adds and costs nothing.",
      responses: answers(201, subAgentSchema, "The sub-agent.", ["ETag", "Location"]),
      reads: ["Idempotency-Key"],
      ...subList,
      method: "POST",
      body: subAgentInput,
      handler: async (context) => {
        const agent = context.params["id"] ?? "";
        const key = onceKeyOf(context.request, context.bodyBytes);
        const { value } = await agents.createSubAgent(callerOf(context), agent, context.body, key);
        const location = `/v2/agents/${agent}/sub-agents/${value.subAgent.sub_agent_key}`;
        return json(201, subAgentResource(value), { ...etag(value.version), Location: location });
      },
    }),
    defineRoute({
      summary: "Read a sub-agent",
      description: "As it is now, unset fields null; its `ETag` is for `If-Match` of a change.",
      responses: answers(200, subAgentSchema, "The sub-agent.", ["ETag"]),
      ...subOne,
      method: "GET",
      handler: async ({ principal, params }) => {
        const { agent, subAgent } = idsOf(params);
        const row = await agents.subAgent(principal.tenant, agent, subAgent);
        return json(200, subAgentResource(row), etag(row.version));
      },
    }),
  ];
}

function subAgentChanges({ agents }: Services): readonly Route[] {
  return [
    defineRoute({
      summary: "Replace a sub-agent",
      description:
        "Costs 0.5 units by default. What is not sent has its default again. A new version of it and of its agent.",
      responses: answers(200, subAgentSchema, "The sub-agent.", ["ETag"]),
      reads: ["If-Match"],
      ...subOne,
      method: "PUT",
      body: subAgentInput,
      handler: async (context) => {
        const input = context.body;
        const { value } = await agents.updateSubAgent(
          callerOf(context),
          idsOf(context.params),
          { set: input, next: (row, at) => replaceSubAgent(row, input, at) },
          ifMatchOf(context.request),
        );
        return json(200, subAgentResource(value), etag(value.version));
      },
    }),
    defineRoute({
      summary: "Change some fields of a sub-agent",
      description:
        "Costs 0.5 units by default. Fields that are not sent stay, null unsets one. A new version of it and of its agent.",
      responses: answers(200, subAgentSchema, "The sub-agent.", ["ETag"]),
      reads: ["If-Match"],
      ...subOne,
      method: "PATCH",
      body: subAgentPatch,
      handler: async (context) => {
        const patch = context.body;
        const { value } = await agents.updateSubAgent(
          callerOf(context),
          idsOf(context.params),
          { set: patch, next: (row, at) => patchSubAgent(row, patch, at) },
          ifMatchOf(context.request),
        );
        return json(200, subAgentResource(value), etag(value.version));
      },
    }),
    defineRoute({
      summary: "Delete a sub-agent",
      description:
        "Its agent routes no more messages to it; runs under way finish. Refused with 409 while a graph or another record names it. Costs nothing.",
      responses: nothing,
      reads: ["If-Match"],
      ...subOne,
      method: "DELETE",
      handler: async (context) => {
        const ids = idsOf(context.params);
        await agents.removeSubAgent(callerOf(context), ids, ifMatchOf(context.request));
        return noContent();
      },
    }),
  ];
}

function idsOf(params: Readonly<Record<string, string>>): { agent: string; subAgent: string } {
  return { agent: params["id"] ?? "", subAgent: params["sa"] ?? "" };
}
