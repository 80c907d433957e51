// /v2/webhooks/secret: what a tenant's webhooks are signed with, for its owner.

import type { WebhookSecret, WebhookSecrets } from "../../webhooks/secrets.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";

const common = { service: "webhooks", errors: "problem", role: "owner" } as const;

/** Routes of the signing secret. */
export function webhookRoutes({
  webhookSecrets,
}: {
  webhookSecrets: WebhookSecrets;
}): readonly Route[] {
  return [
    defineRoute({
      summary: "Read what webhooks are signed with",
      ...common,
      method: "GET",
      pattern: "/v2/webhooks/secret",
      handler: async ({ principal }) =>
        json(200, secretView(await webhookSecrets.get(principal.tenant))),
    }),
    defineRoute({
      summary: "Replace what webhooks are signed with",
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
