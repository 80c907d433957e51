// /v2/webhooks/secret: what a tenant's webhooks are signed with, for its owner.

import { Type } from "../../../actors/schema.ts";
import type { WebhookSecret, WebhookSecrets } from "../../webhooks/secrets.ts";
import { named } from "../openapi/named.ts";
import { answers, orNull, time } from "../openapi/responses.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";

const common = { service: "webhooks", errors: "problem" } as const;

const secretSchema = named(
  "WebhookSecret",
  Type.Object(
    { secret: Type.String(), created_at: time, previous_until: orNull(time) },
    { additionalProperties: false },
  ),
);
const responses = answers(200, secretSchema, "The secret; owners alone see it.");

/** Routes of the signing secret. */
export function webhookRoutes({
  webhookSecrets,
}: {
  webhookSecrets: WebhookSecrets;
}): readonly Route[] {
  return [
    defineRoute({
      summary: "Read what webhooks are signed with",
      description:
        "Made when it is first read or needed. Signatures are those of Standard Webhooks, whose libraries take the secret as it is.",
      responses,
      ...common,
      method: "GET",
      pattern: "/v2/webhooks/secret",
      handler: async ({ principal }) =>
        json(200, secretView(await webhookSecrets.get(principal.tenant))),
    }),
    defineRoute({
      summary: "Replace what webhooks are signed with",
      description:
        "For a day messages have a signature of each, so that receivers can change over. Done again the one before is forgotten at once.",
      responses,
      ...common,
      method: "POST",
      pattern: "/v2/webhooks/secret/rotate",
      handler: async ({ principal }) =>
        json(200, secretView(await webhookSecrets.rotate(principal.tenant))),
    }),
  ];
}

function secretView({ secret, createdAtMs, previous }: WebhookSecret): object {
  return {
    secret,
    created_at: new Date(createdAtMs).toISOString(),
    previous_until: previous === undefined ? null : new Date(previous.untilMs).toISOString(),
  };
}
