// Document 001's conversation endpoints: list by agent, details with the whole history, delete.

import { Type } from "../../../actors/schema.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { messageView } from "../answers.ts";
import { envelope } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import { cursorOf, pageQuery, pageRequest } from "../services/paging.ts";
import type { Services } from "../services/services.ts";
import {
  conversationDetails,
  conversationEntry,
  deletedConversation,
  enveloped,
  paged,
} from "./schemas.ts";
import { freeCost } from "./shapes.ts";

const list = "/v1/proxy/core-agent-conversations";

/** Routes of conversations. */
export function conversationRoutes({ agents, conversations }: Services): readonly Route[] {
  return [
    defineRoute({
      summary: "List the conversations of an agent",
      description:
        "In pages, without their messages. Keys reach conversations only when the service is named in their `allowed_services`. Costs nothing.",
      responses: enveloped(Type.Array(conversationEntry), "A page of conversations.", paged),
      query: [...pageQuery, "agent_key"],
      ignoresOtherQuery: true,
      parameters: { agent_key: { description: "Whose conversations (`ag_...`).", required: true } },
      method: "GET",
      pattern: list,
      service: "core-agent-conversations",
      errors: "envelope",
      handler: async (context) => {
        const { tenant, boundTo } = context.principal;
        const agent = context.query.get("agent_key");
        if (agent === null || agent === "") {
          throw new RuntimeError("INVALID", "agent_key is required: pass it as ?agent_key=...", {
            parameter: "agent_key",
          });
        }
        await agents.get(tenant, agent);
        const { limit, ...request } = pageRequest(context.query, list);
        const page = await conversations.list(
          tenant,
          agent,
          { limit, ...request },
          { user: boundTo ?? undefined },
        );
        const next_cursor = cursorOf(list, page);
        const pagination = { limit, has_more: next_cursor !== null, next_cursor };
        const cost = await freeCost(context);
        return envelope(context, page.items, { top: { pagination }, cost });
      },
    }),
    defineRoute({
      summary: "Read a conversation with its messages",
      description:
        "The newest messages, oldest first: `messages_truncated` says that older ones were left out, which `/v2/conversations/{cv}/messages` has in pages. Costs nothing.",
      responses: enveloped(conversationDetails, "The conversation."),
      method: "GET",
      pattern: "/v1/proxy/core-agent-conversation-details/{conversation_key}",
      service: "core-agent-conversation-details",
      errors: "envelope",
      handler: async (context) => {
        const { tenant } = context.principal;
        const id = context.params["conversation_key"] ?? "";
        const { row, running } = await conversations.describe(tenant, id);
        const { messages, isCut } = await conversations.history(tenant, id);
        const data = {
          ...row,
          running_run_id: running,
          messages: messages.map(messageView),
          messages_truncated: isCut,
        };
        return envelope(context, data, { cost: await freeCost(context) });
      },
    }),
    defineRoute({
      summary: "Delete a conversation",
      description:
        "With its messages, for good; a run that is answering in it is cancelled. Costs nothing. Again it is a 404.",
      responses: enveloped(deletedConversation, "What was deleted."),
      method: "DELETE",
      pattern: "/v1/proxy/core-agent-conversation-delete/{conversation_key}",
      service: "core-agent-conversation-delete",
      errors: "envelope",
      handler: async (context) => {
        const id = context.params["conversation_key"] ?? "";
        await conversations.remove(context.principal.tenant, id);
        const data = { conversation_key: id, deleted: true };
        return envelope(context, data, { cost: await freeCost(context) });
      },
    }),
  ];
}
