// Prepaid balances: read by an administrator of the tenant, changed by the operator of the server.

import { microsOf, unitsOf } from "../../../actors/records/price.ts";
import { Type } from "../../../actors/schema.ts";
import { auditSourceOf } from "../act.ts";
import type { KeyStore } from "../keys.ts";
import { named } from "../openapi/named.ts";
import { answers } from "../openapi/responses.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route, type RouteContext } from "../route.ts";
import { balanceOf } from "../services/money.ts";
import { onceKeyOf } from "../services/once.ts";
import type { Services } from "../services/services.ts";
import { common, known, tenantOf } from "./common.ts";
import { creditSchema } from "./schemas.ts";

/** Most that one change adds or takes, in units of the account. */
const AMOUNT_MAX = 1_000_000_000;
const closed = { additionalProperties: false } as const;
const text = Type.String();
const units = Type.Number({ description: "In units of the account." });

const balanceSchema = named(
  "Balance",
  Type.Object({ tenant: text, balance: units, unit: text }, closed),
);
const debitSchema = named(
  "Debit",
  Type.Object({ tenant: text, debited: units, balance: units }, closed),
);
const body = Type.Object(
  {
    amount: Type.Number({
      ...{ minimum: 1e-6, maximum: AMOUNT_MAX },
      description: "In units of the account, counted in millionths.",
    }),
    note: Type.Optional(Type.String({ maxLength: 200 })),
  },
  closed,
);
const again =
  "With an `Idempotency-Key` a repeated request changes nothing, and is answered with the balance as it is by then.";

/** The routes. */
export function balanceRoutes(services: Services, keys: KeyStore): readonly Route[] {
  const { system, prices } = services;
  const change = async (
    service: "credit" | "debit",
    context: RouteContext<{ readonly amount: number; readonly note?: string }>,
  ) => {
    const { params, body: asked, principal, request, bodyBytes } = context;
    const tenant = await known(keys, params["tn"] ?? "");
    const { changeBalance } = await import("../services/balance.ts");
    const { amount, note = null } = asked;
    const changed = microsOf(amount);
    const wanted = {
      ...{ service, micros: changed, note, keyId: principal.keyId },
      ...{ by: auditSourceOf(context), nowMs: services.nowMs() },
    };
    const micros = await changeBalance(system, tenant, wanted, onceKeyOf(request, bodyBytes));
    return { tenant, amount: unitsOf(changed), balance: unitsOf(micros) };
  };
  return [
    defineRoute({
      summary: "Read the balance",
      description: "What is left of what the operator has credited.",
      responses: answers(200, balanceSchema, "The balance."),
      ...common,
      method: "GET",
      pattern: "/admin/balance",
      permission: "usage.read",
      query: ["tenant"],
      handler: async (context) => {
        const tenant = await tenantOf(keys, context, context.query.get("tenant"));
        const balance = unitsOf(await balanceOf(system, tenant));
        return json(200, { tenant, balance, unit: prices.unit });
      },
    }),
    defineRoute({
      summary: "Add to the balance of a tenant",
      description: `Adds an amount and writes it into the ledger as \`credit\`, with its note. ${again} Operations that cost something are 402 while the balance is used up.`,
      responses: answers(200, creditSchema, "The balance after it."),
      query: [],
      reads: ["Idempotency-Key"],
      ...common,
      method: "POST",
      pattern: "/admin/tenants/{tn}/credit",
      permission: "credit.add",
      body,
      handler: async (context) => {
        const { amount, ...rest } = await change("credit", context);
        return json(200, { ...rest, credited: amount });
      },
    }),
    defineRoute({
      summary: "Take from the balance of a tenant",
      description: `Takes an amount and writes it into the ledger as \`debit\`, with its note. ${again} More than there is cannot be taken: 402.`,
      responses: answers(200, debitSchema, "The balance after it."),
      query: [],
      reads: ["Idempotency-Key"],
      ...common,
      method: "POST",
      pattern: "/admin/tenants/{tn}/debit",
      permission: "credit.add",
      body,
      handler: async (context) => {
        const { amount, ...rest } = await change("debit", context);
        return json(200, { ...rest, debited: amount });
      },
    }),
  ];
}
