// The outbox and the sessions of a channel, under /v2/channels/{id}.

import { type DeliveryRow, deliveryStatuses } from "../../../actors/channels/delivery-row.ts";
import { Type } from "../../../actors/schema.ts";
import { named } from "../openapi/named.ts";
import { answers, orNull, pageOf, time } from "../openapi/responses.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import { deliveryStatusOf, sayLimits } from "../services/deliveries.ts";
import { onceKeyOf } from "../services/once.ts";
import { pageQuery, pageRequest } from "../services/paging.ts";
import type { Services } from "../services/services.ts";
import { pageReply } from "./shapes.ts";

const closed = { additionalProperties: false } as const;
const common = { service: "channels", errors: "problem" } as const;
const text = Type.String();

const deliverySchema = named(
  "ChannelDelivery",
  Type.Object(
    {
      id: Type.String({ pattern: "^dv_[0-9a-z]{26}$" }),
      channel: text,
      session: orNull(text),
      status: Type.Union(
        deliveryStatuses.map((status) => Type.Literal(status)),
        {
          description:
            "unknown: it may have arrived, the platform could not say, and it was not said again. needs_template: it waits until the correspondent writes.",
        },
      ),
      seen: orNull(
        Type.String({
          description: "The most that the platform said: sent, delivered, read, failed.",
        }),
      ),
      about: Type.Union([Type.Literal("answer"), Type.Literal("approval"), Type.Literal("notice")]),
      run_id: orNull(text),
      text: Type.String({ description: "Markdown, as it was to be said." }),
      attempts: Type.Integer({ minimum: 0 }),
      replays: Type.Integer({ minimum: 0 }),
      reason: orNull(Type.String({ description: "Why it has not arrived." })),
      receipts: Type.Array(Type.String({ description: "The platform's id of a message." })),
      created_at: time,
      deliver_by: time,
      ended_at: orNull(time),
    },
    closed,
  ),
);

const sessionSchema = named(
  "ChannelSession",
  Type.Object(
    {
      id: Type.String({ pattern: "^cs_[0-9a-z]{26}$" }),
      channel: text,
      key: Type.Object(
        { channel: text, conversation: text, thread: orNull(text), user: orNull(text) },
        closed,
      ),
      conversation_key: orNull(text),
      earlier: Type.Array(Type.String({ description: "Conversations before it, newest first." })),
      agent: orNull(Type.String({ description: "Chosen in the channel; null: the channel's." })),
      last_message_at: time,
    },
    closed,
  ),
);

const sayInput = named(
  "ChannelSay",
  Type.Object(
    {
      text: Type.String({ minLength: 1, maxLength: sayLimits.textChars, description: "Markdown." }),
      files: Type.Optional(
        Type.Array(
          Type.Object(
            {
              name: Type.String({ minLength: 1, maxLength: 200 }),
              media_type: Type.String({ pattern: "^[a-z0-9.+-]{1,60}/[a-zA-Z0-9.+-]{1,100}$" }),
              data: Type.String({ description: "Base64." }),
            },
            closed,
          ),
          { maxItems: sayLimits.files },
        ),
      ),
    },
    closed,
  ),
);

/** Routes of them. */
export function channelOutboxRoutes({
  deliveries,
  resources,
}: Pick<Services, "deliveries" | "resources">): readonly Route[] {
  const { channels } = resources.kinds;
  const list = (id: string): string => `/v2/channels/${id}/deliveries`;
  return [
    defineRoute({
      ...common,
      method: "GET",
      pattern: "/v2/channels/{id}/deliveries",
      summary: "List what a channel sends",
      description:
        "Of one `status` (default failed: the dead letters), newest first. Kept for 30 days, and at most 200 of a conversation.",
      permission: "conversations.read",
      query: [...pageQuery, "status"],
      responses: answers(200, pageOf(deliverySchema), "A page of deliveries."),
      handler: async ({ principal: { tenant }, params, query }) => {
        const channel = params["id"] ?? "";
        await channels.get(tenant, channel);
        const status = deliveryStatusOf(query);
        const path = `${list(channel)}?status=${status}`;
        const page = await deliveries.list({ tenant, channel, status }, pageRequest(query, path));
        return pageReply(path, page, view);
      },
    }),
    defineRoute({
      ...common,
      method: "GET",
      pattern: "/v2/channels/{id}/deliveries/{dv}",
      summary: "Read what a channel sends",
      description: "What became of one answer on its way out.",
      permission: "conversations.read",
      responses: answers(200, deliverySchema, "The delivery."),
      handler: async ({ principal: { tenant }, params }) =>
        json(200, view(await deliveries.get(tenant, params["id"] ?? "", params["dv"] ?? ""))),
    }),
    defineRoute({
      ...common,
      method: "POST",
      pattern: "/v2/channels/{id}/deliveries/{dv}/retry",
      summary: "Send once more",
      description:
        "Of what has not arrived; with `unknown` it may then be there twice. It waits behind what its conversation has on its way; 409 while it is on its way itself, or has arrived.",
      permission: "runs.control",
      responses: answers(202, deliverySchema, "It waits for its turn."),
      handler: async ({ principal: { tenant }, params }) =>
        json(202, view(await deliveries.again(tenant, params["id"] ?? "", params["dv"] ?? ""))),
    }),
    ...sessionRoutes({ deliveries, resources }),
  ];
}

function sessionRoutes({
  deliveries,
  resources,
}: Pick<Services, "deliveries" | "resources">): readonly Route[] {
  const { channels } = resources.kinds;
  return [
    defineRoute({
      ...common,
      method: "POST",
      pattern: "/v2/channels/{id}/sessions/{cs}/messages",
      summary: "Say something in a session",
      description:
        "To whoever speaks there, with files where the platform takes them, behind what is on its way already. The agent does not hear it. Files have 4 MiB together.",
      permission: "runs.start",
      stores: true,
      reads: ["Idempotency-Key"],
      body: sayInput,
      bodyBytesMax: 6 * 1_024 * 1_024,
      responses: answers(202, Type.Object({ delivery: text }, closed), "It is in the outbox."),
      handler: async ({ principal: { tenant }, params, body, bodyBytes, request }) => {
        const channel = params["id"] ?? "";
        const once = onceKeyOf(request, bodyBytes);
        await channels.get(tenant, channel);
        const place = { tenant, channel, session: params["cs"] ?? "" };
        return json(202, await deliveries.say(place, body, once));
      },
    }),
    defineRoute({
      ...common,
      method: "GET",
      pattern: "/v2/channels/{id}/sessions",
      summary: "List the sessions of a channel",
      description: "Who speaks there, and the conversation that it is, with those before it.",
      permission: "conversations.read",
      query: pageQuery,
      responses: answers(200, pageOf(sessionSchema), "A page of sessions."),
      handler: async ({ principal: { tenant }, params, query }) => {
        const channel = params["id"] ?? "";
        await channels.get(tenant, channel);
        const path = `/v2/channels/${channel}/sessions`;
        const page = await deliveries.sessions(tenant, channel, pageRequest(query, path));
        return pageReply(path, page, (row) => row);
      },
    }),
  ];
}

function view(row: DeliveryRow): object {
  const { id, channel, session, status, seen, about, outgoing, attempts, replays, reason } = row;
  const { receipts, createdAtMs, deliverByMs, endedAtMs } = row;
  return {
    ...{ id, channel, session, status, seen, about: about.type },
    run_id: about.type === "answer" ? about.run : null,
    text: outgoing.text,
    ...{ attempts, replays, reason, receipts: receipts.map((one) => one.id) },
    created_at: new Date(createdAtMs).toISOString(),
    deliver_by: new Date(deliverByMs).toISOString(),
    ended_at: endedAtMs === null ? null : new Date(endedAtMs).toISOString(),
  };
}
