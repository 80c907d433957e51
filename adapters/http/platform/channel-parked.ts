// What came on a channel and could not be understood, under /v2/channels/{id}/parked.

import { channelLimits } from "../../../actors/channels/limits.ts";
import { Type } from "../../../actors/schema.ts";
import type { ParkedRow } from "../../channels/parked.ts";
import { channelTables } from "../../channels/tables.ts";
import { named } from "../openapi/named.ts";
import { answers, pageOf, time } from "../openapi/responses.ts";
import { defineRoute, type Route } from "../route.ts";
import { pageQuery, pageRequest, pageOf as rowsPage } from "../services/paging.ts";
import type { Services } from "../services/services.ts";
import { pageReply } from "./shapes.ts";

const closed = { additionalProperties: false } as const;

const parkedSchema = named(
  "ParkedEvent",
  Type.Object(
    {
      at: time,
      reason: Type.String({ description: "Why it was set aside." }),
      raw: Type.String({ description: "What came, without the channel's secrets; cut when long." }),
    },
    closed,
  ),
);

/** The route. */
export function channelParkedRoutes({
  resources,
  system: { tables },
}: Pick<Services, "resources" | "system">): readonly Route[] {
  return [
    defineRoute({
      ...{ service: "channels", errors: "problem", method: "GET" },
      pattern: "/v2/channels/{id}/parked",
      summary: "List what a channel could not understand",
      description: `Events that were acknowledged and set aside, as the platform would send them again for days; newest first, the newest ${channelLimits.parked}.`,
      permission: "conversations.read",
      query: pageQuery,
      responses: answers(200, pageOf(parkedSchema), "A page of events."),
      handler: async ({ principal: { tenant }, params, query }) => {
        const channel = params["id"] ?? "";
        await resources.kinds.channels.get(tenant, channel);
        const path = `/v2/channels/${channel}/parked`;
        const { limit, after } = pageRequest(query, path);
        const rows = await tables.list(tenant, channelTables.parked, {
          ...{ prefix: `${channel}.`, limit: limit + 1, reverse: true },
          ...(after !== undefined && { after }),
        });
        const of = {
          id: (row: (typeof rows)[number]) => row.id,
          item: ({ value }: (typeof rows)[number]) => value as ParkedRow,
        };
        return pageReply(path, rowsPage(rows, limit, of), ({ at, reason, raw }) => ({
          ...{ at, reason, raw },
        }));
      },
    }),
  ];
}
