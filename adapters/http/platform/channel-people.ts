// Who speaks on a channel under which id, where an operator or an application knows it.

import { Type } from "../../../actors/schema.ts";
import { type Link, link } from "../../channels/people.ts";
import { channelTables } from "../../channels/tables.ts";
import { named } from "../openapi/named.ts";
import { answers, nothing, pageOf } from "../openapi/responses.ts";
import { json, noContent } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import { pageQuery, pageRequest, pageOf as rowsPage } from "../services/paging.ts";
import type { Services } from "../services/services.ts";
import { pageReply } from "./shapes.ts";

const closed = { additionalProperties: false } as const;
const common = { service: "channels", errors: "problem" } as const;
const person = Type.String({
  pattern: "^[^\\u0000-\\u001f]{1,200}$",
  description: "As your application names its users.",
});
const by = Type.Optional(
  Type.Literal("sender", { description: "Said by the sender, with /link; absent: here." }),
);
const linkInput = named("ChannelPersonInput", Type.Object({ person }, closed));
const linkSchema = named(
  "ChannelPerson",
  Type.Object({ sender: Type.String({ description: "The platform's id." }), person, by }, closed),
);

/** Routes of links. */
export function channelPeopleRoutes({
  gateway,
  resources,
  system: { tables },
}: Pick<Services, "gateway" | "resources" | "system">): readonly Route[] {
  const { channels } = resources.kinds;
  const put = async (tenant: string, channel: string, of: Parameters<typeof link>[2]) => {
    await channels.get(tenant, channel);
    await link(tables, { tenant, channel }, of);
    gateway.now()?.accounts.find(channel)?.people.forget();
  };
  return [
    defineRoute({
      ...common,
      method: "GET",
      pattern: "/v2/channels/{id}/people",
      summary: "List the people of a channel",
      description: "Senders that are linked to a person.",
      permission: "conversations.read",
      query: pageQuery,
      responses: answers(200, pageOf(linkSchema), "A page of links."),
      handler: async ({ principal: { tenant }, params, query }) => {
        const channel = params["id"] ?? "";
        await channels.get(tenant, channel);
        const path = `/v2/channels/${channel}/people`;
        const { limit, after } = pageRequest(query, path);
        const prefix = `${channel}.`;
        const from = after === undefined ? {} : { after };
        const page = { prefix, limit: limit + 1, ...from };
        const rows = await tables.list(tenant, channelTables.people, page);
        const of = {
          id: (row: (typeof rows)[number]) => row.id,
          item: ({ value }: (typeof rows)[number]) => value as Link,
        };
        return pageReply(path, rowsPage(rows, limit, of), (one) => one);
      },
    }),
    defineRoute({
      ...common,
      method: "PUT",
      pattern: "/v2/channels/{id}/people/{sender}",
      summary: "Say who a sender is",
      description:
        "One person on several channels: what an agent remembers of them is shared, and where `session_scope` is user they have one session on all of these channels.",
      permission: "runs.control",
      stores: true,
      body: linkInput,
      responses: answers(200, linkSchema, "The link."),
      handler: async ({ principal: { tenant }, params, body }) => {
        const sender = params["sender"] ?? "";
        await put(tenant, params["id"] ?? "", { sender, person: body.person });
        return json(200, { sender, person: body.person });
      },
    }),
    defineRoute({
      ...common,
      method: "DELETE",
      pattern: "/v2/channels/{id}/people/{sender}",
      summary: "Forget who a sender is",
      permission: "runs.control",
      responses: nothing,
      handler: async ({ principal: { tenant }, params }) => {
        await put(tenant, params["id"] ?? "", { sender: params["sender"] ?? "", person: null });
        return noContent();
      },
    }),
  ];
}
