// /v2/guardrails: the chain that holds for all of a tenant, for its admins.

import { guardrails } from "../../../actors/records/guardrail.ts";
import { type Static, Type } from "../../../actors/schema.ts";
import { named } from "../openapi/named.ts";
import { answers, count, time } from "../openapi/responses.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import type { GuardrailService } from "../services/guardrails.ts";

const common = { service: "guardrails", errors: "problem", pattern: "/v2/guardrails" } as const;
const body = Type.Object({ guardrails }, { additionalProperties: false });
const chain = named(
  "TenantGuardrails",
  Type.Object({ version: count, guardrails, updated_at: time }, { additionalProperties: false }),
);

/** Routes of the tenant's chain. */
export function guardrailRoutes({
  guardrails: service,
}: {
  guardrails(): Promise<GuardrailService>;
}): readonly Route[] {
  return [
    defineRoute({
      summary: "Read the guardrails of the tenant",
      description: "Version 0 without rules where none were set.",
      responses: answers(200, chain, "The chain."),
      ...common,
      method: "GET",
      handler: async ({ principal }) => json(200, await (await service()).get(principal.tenant)),
    }),
    defineRoute({
      summary: "Set the guardrails of the tenant",
      description:
        "They hold for all agents, teams and workflows, before the chains of those, which cannot weaken them. Runs that have begun stay on the version they began with.",
      responses: answers(200, chain, "The chain, at its new version."),
      ...common,
      method: "PUT",
      body,
      handler: async ({ principal, body: sent }) => {
        const { guardrails: rules } = sent as Static<typeof body>;
        return json(200, await (await service()).set(principal.tenant, rules));
      },
    }),
  ];
}
