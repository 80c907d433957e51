// Document 001's sub-agent endpoints: list, create, update, delete.

import { patchSubAgent } from "../../../actors/agent-change.ts";
import { subAgentInput } from "../../../actors/records/sub-agent.ts";
import { Type } from "../../../actors/schema.ts";
import { subAgentDetails } from "../details.ts";
import { envelope } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import { callerOf } from "../services/caller.ts";
import { onceKeyOf } from "../services/once.ts";
import type { Services } from "../services/services.ts";
import {
  counted,
  deletedSubAgent,
  enveloped,
  subAgentDetailsSchema,
  subAgentSummarySchema,
} from "./schemas.ts";
import { freeCost, paidCost, subAgentSummary } from "./shapes.ts";

const subAgentPatch = Type.Partial(subAgentInput, {
  additionalProperties: false,
  minProperties: 1,
});

/** Routes of sub-agents. */
export function subAgentRoutes(services: Services): readonly Route[] {
  return [...createAndRead(services), ...changes(services)];
}

function createAndRead({ agents }: Services): readonly Route[] {
  return [
    defineRoute({
      summary: "List the sub-agents of an agent",
      description: "All of them with every field: the list has one page. Costs nothing.",
      responses: enveloped(Type.Array(subAgentDetailsSchema), "The sub-agents.", counted),
      method: "GET",
      pattern: "/v1/proxy/core-agent-subagents/{agent_key}",
      service: "core-agent-subagents",
      errors: "envelope",
      handler: async (context) => {
        const { tenant } = context.principal;
        const rows = await agents.subAgents(tenant, context.params["agent_key"] ?? "");
        const pagination = {
          limit: rows.length,
          total: rows.length,
          has_more: false,
          next_cursor: null,
        };
        const cost = await freeCost(context);
        return envelope(context, rows.map(subAgentDetails), { top: { pagination }, cost });
      },
    }),
    defineRoute({
      summary: "Add a sub-agent",
      description:
        "Costs 0.5 units by default. The supervisor routes by its keywords, examples and description, from the next message on. With an `Idempotency-Key` a repeated request adds and costs nothing.",
      responses: enveloped(
        subAgentSummarySchema,
        "The sub-agent, without fields that are not set.",
      ),
      reads: ["Idempotency-Key"],
      method: "POST",
      pattern: "/v1/proxy/core-agent-subagent-create/{agent_key}",
      service: "core-agent-subagent-create",
      errors: "envelope",
      body: subAgentInput,
      handler: async (context) => {
        const paid = await agents.createSubAgent(
          callerOf(context),
          context.params["agent_key"] ?? "",
          context.body,
          onceKeyOf(context.request, context.bodyBytes),
        );
        return envelope(context, subAgentSummary(paid.value), { cost: paidCost(paid) });
      },
    }),
  ];
}

function changes({ agents }: Services): readonly Route[] {
  const updates = (["PUT", "PATCH"] as const).map((method) =>
    defineRoute({
      summary: "Change a sub-agent",
      description:
        "Costs 0.5 units by default. Fields that are not sent stay; null unsets one. PUT and PATCH do the same. The change is a new version of its agent.",
      responses: enveloped(
        subAgentSummarySchema,
        "The sub-agent, without fields that are not set.",
      ),
      method,
      pattern: "/v1/proxy/core-agent-subagent-update/{agent_key}/{sub_agent_key}",
      service: "core-agent-subagent-update",
      errors: "envelope",
      body: subAgentPatch,
      handler: async (context) => {
        const patch = context.body;
        const paid = await agents.updateSubAgent(
          callerOf(context),
          idsOf(context.params),
          { set: patch, next: (row, at) => patchSubAgent(row, patch, at) },
          null,
        );
        return envelope(context, subAgentSummary(paid.value), { cost: paidCost(paid) });
      },
    }),
  );
  const remove = defineRoute({
    summary: "Delete a sub-agent",
    description:
      "Its agent routes no more messages to it; what it has under way finishes. Costs nothing. Again it is a 404.",
    responses: enveloped(deletedSubAgent, "What was deleted."),
    method: "DELETE",
    pattern: "/v1/proxy/core-agent-subagent-delete/{agent_key}/{sub_agent_key}",
    service: "core-agent-subagent-delete",
    errors: "envelope",
    handler: async (context) => {
      const ids = idsOf(context.params);
      await agents.removeSubAgent(callerOf(context), ids, null);
      const data = { agent_key: ids.agent, sub_agent_key: ids.subAgent, deleted: true };
      return envelope(context, data, { cost: await freeCost(context) });
    },
  });
  return [...updates, remove];
}

function idsOf(params: Readonly<Record<string, string>>): { agent: string; subAgent: string } {
  return { agent: params["agent_key"] ?? "", subAgent: params["sub_agent_key"] ?? "" };
}
