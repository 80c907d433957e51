// /v2/conversations: list, one, its messages, cancel, delete.

import { Type } from "../../../actors/schema.ts";
import { messageView } from "../answers.ts";
import { answers, nothing, pageOf } from "../openapi/responses.ts";
import { fileHeaders, json, noContent, streamed } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import { pageQuery, pageRequest } from "../services/paging.ts";
import type { Services } from "../services/services.ts";
import { searchConversations } from "./history.ts";
import {
  cancelResponses,
  conversationSchema,
  conversationState,
  foundConversation,
  messageSchema,
} from "./run-schemas.ts";
import { pageReply } from "./shapes.ts";

const common = { service: "conversations", errors: "problem" } as const;
const path = "/v2/conversations";
const one = { ...common, pattern: `${path}/{cv}` };
const messagesPath = `${path}/{cv}/messages`;

/** An image as it is shown. */
const imageTypes = Object.fromEntries(
  ["png", "jpeg", "gif", "webp"].map((type) => [
    `image/${type}`,
    Type.String({ contentMediaType: `image/${type}` }),
  ]),
);

/** Body of a cancel. */
export const cancelBody = Type.Object(
  { reason: Type.Optional(Type.String({ maxLength: 200 })) },
  { additionalProperties: false },
);
/** Why something was cancelled when nobody said why. */
export const CANCEL_REASON = "cancelled by the caller";

/** Routes of conversations. */
export function conversationRoutes(services: Services): readonly Route[] {
  return [...readRoutes(services), ...changeRoutes(services)];
}

function readRoutes({ conversations, memories }: Services): readonly Route[] {
  return [
    defineRoute({
      summary: "List conversations, or search them",
      description:
        "Of one agent newest first, of all one agent after the other; of all users or of one (`user_key`; empty: of nobody). With `q` and `agent_key` those with the messages that are nearest to the words, best first, in one page.",
      responses: answers(
        200,
        pageOf(Type.Union([conversationSchema, foundConversation])),
        "A page of conversations.",
      ),
      ...common,
      method: "GET",
      pattern: path,
      query: [...pageQuery, "agent_key", "user_key", "q"],
      handler: async ({ principal, query }) => {
        if (query.get("q")) return await searchConversations(memories, principal.tenant, query);
        const agent = query.get("agent_key");
        const page = pageRequest(query, path);
        const named = query.get("user_key");
        const { tenant, allowedResources: allowed, boundTo } = principal;
        const user = boundTo ?? (named === null ? undefined : named || null);
        const rows = await conversations.list(tenant, agent, page, { user, allowed });
        return pageReply(path, rows, (row) => ({ id: row.conversation_key, ...row }));
      },
    }),
    defineRoute({
      summary: "Read a conversation",
      description: "With the run that is under way in it, and those that wait for it to end.",
      responses: answers(200, conversationState, "The conversation."),
      ...one,
      method: "GET",
      handler: async ({ principal, params }) => {
        const id = params["cv"] ?? "";
        const { row, running, waiting } = await conversations.describe(principal.tenant, id);
        return json(200, { id, ...row, running_run_id: running, waiting_run_ids: waiting });
      },
    }),
    defineRoute({
      summary: "List the messages of a conversation",
      description:
        "In the order in which they were said. An answer has what it rests on, and what its tokens were.",
      responses: answers(200, pageOf(messageSchema), "A page of messages."),
      ...common,
      method: "GET",
      pattern: messagesPath,
      query: pageQuery,
      handler: async ({ principal, params, query }) => {
        const page = pageRequest(query, messagesPath);
        const rows = await conversations.messages(principal.tenant, params["cv"] ?? "", page);
        return pageReply(messagesPath, rows, messageView);
      },
    }),
    defineRoute({
      summary: "Read an image of a conversation",
      description: "Its bytes as they were sent; `images` of a message have its id.",
      responses: { 200: { description: "The image.", content: imageTypes } },
      ...common,
      method: "GET",
      pattern: `${path}/{cv}/images/{im}`,
      handler: async ({ principal, params }) => {
        const { cv = "", im = "" } = params;
        const { media_type, bytes } = await conversations.picture(principal.tenant, cv, im);
        const name = `${im.slice(0, 12)}.${media_type.split("/")[1]}`;
        return streamed(fileHeaders(media_type, name), [bytes]);
      },
    }),
  ];
}

function changeRoutes({ conversations }: Services): readonly Route[] {
  return [
    defineRoute({
      summary: "Delete a conversation and its messages",
      description:
        "For good. Runs in it are cancelled; what was said in it leaves the history and its approvals. Again it is a 404.",
      responses: nothing,
      ...one,
      method: "DELETE",
      handler: async ({ principal, params }) => {
        await conversations.remove(principal.tenant, params["cv"] ?? "");
        return noContent();
      },
    }),
    defineRoute({
      summary: "Cancel what a conversation is doing",
      description:
        "The run under way and those that wait behind it. What has been written stays as an answer that was cut. Without one under way nothing happens.",
      responses: cancelResponses,
      ...common,
      method: "POST",
      pattern: "/v2/conversations/{cv}/cancel",
      isControl: true,
      body: cancelBody,
      optionalBody: true,
      handler: async ({ principal, params, body }) => {
        const reason = body.reason ?? CANCEL_REASON;
        await conversations.cancel(principal.tenant, params["cv"] ?? "", reason);
        return json(202, { id: params["cv"], status: "cancelling" });
      },
    }),
  ];
}
