// /admin/budgets: how much may be spent, by whom and in which time. An admin keeps those of its tenant, the
// operator those of any.

import { budgetInput, budgetPatch, budgetScopes } from "../../../actors/records/budget.ts";
import { Type } from "../../../actors/schema.ts";
import { auditSourceOf } from "../act.ts";
import type { KeyStore } from "../keys.ts";
import { named } from "../openapi/named.ts";
import { answers, orNull, pageOf, time } from "../openapi/responses.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route, type RouteContext } from "../route.ts";
import type { Asking, BudgetService } from "../services/budgets.ts";
import { onceKeyOf } from "../services/once.ts";
import { pageQuery, pageRequest } from "../services/paging.ts";
import type { Services } from "../services/services.ts";
import { common, shown, tenantOf } from "./common.ts";

const path = "/admin/budgets";
const one = "/admin/budgets/{bd}";
const closed = { additionalProperties: false } as const;
const text = Type.String();
const units = (description: string) => orNull(Type.Number({ description }));

const budgetSchema = named(
  "Budget",
  Type.Object(
    {
      ...{ id: text, name: orNull(text) },
      scope: Type.String({ enum: [...budgetScopes] }),
      subject: orNull(text),
      limit: Type.Number({ description: "In units of the account." }),
      period: Type.String({ enum: ["total", "day", "month"] }),
      on_exhausted: Type.String({ enum: ["stop", "pause"] }),
      counts: Type.String({ enum: ["spend", "charge"] }),
      used: units("Settled in this period; null where each conversation or run has its own."),
      reserved: units("What calls under way may cost at most."),
      left: units("Neither used nor reserved."),
      overrun: units("By how much providers went beyond what was reserved, in `used`."),
      waiting: Type.Integer({ minimum: 0, description: "Calls that wait for others to settle." }),
      resets_at: orNull(time),
      ...{ created_at: time, updated_at: time },
    },
    closed,
  ),
);
const reservationSchema = named(
  "BudgetReservation",
  Type.Object(
    {
      run_id: text,
      call: Type.String({
        description: "Key of the call within its run, and the number of its try.",
      }),
      amount: Type.Number({ description: "What it may cost at most, in units of the account." }),
      at: time,
    },
    closed,
  ),
);

/** The routes. */
export function budgetRoutes(services: Services, keys: KeyStore): readonly Route[] {
  // Loaded with the first of them that is used.
  let made: Promise<BudgetService> | undefined;
  const budgets = (): Promise<BudgetService> => {
    made ??= import("../services/budgets.ts").then(
      (module) => new module.BudgetService({ ...partsOf(services), nowMs: services.nowMs }),
    );
    return made;
  };
  const tenant = (context: RouteContext) => tenantOf(keys, context, context.query.get("tenant"));
  return [...writeRoutes(budgets, tenant), ...readRoutes(budgets, tenant)];
}

type Find = () => Promise<BudgetService>;
type TenantOf = (context: RouteContext) => Promise<string>;

const partsOf = ({ system }: Services) => ({
  ask: system.ask.bind(system),
  tables: system.tables,
});

function asking(context: RouteContext): Asking {
  return { by: auditSourceOf(context), once: onceKeyOf(context.request, context.bodyBytes) };
}

function writeRoutes(budgets: Find, tenant: TenantOf): readonly Route[] {
  return [
    defineRoute({
      summary: "Create a budget",
      description:
        "Before each call of a model what it may cost at most is reserved in every budget that it counts for, or in none, and the call is refused (402 BUDGET_EXHAUSTED) or waits where there is not enough; after it what it did cost is settled. A model without a price is refused then (402 PRICE_UNKNOWN). It counts from now on.",
      responses: answers(201, budgetSchema, "The budget."),
      query: ["tenant"],
      reads: ["Idempotency-Key"],
      ...common,
      method: "POST",
      pattern: path,
      permission: "budgets.manage",
      body: budgetInput,
      handler: async (context) => {
        const of = await tenant(context);
        return json(201, await (await budgets()).create(of, context.body, asking(context)));
      },
    }),
    defineRoute({
      summary: "Change a budget",
      description:
        "Takes effect at once. Runs that wait for it ask again; what is reserved stays reserved, also above a limit that was lowered.",
      responses: answers(200, budgetSchema, "The budget after it."),
      query: ["tenant"],
      reads: ["Idempotency-Key"],
      ...common,
      method: "PATCH",
      pattern: one,
      permission: "budgets.manage",
      body: budgetPatch,
      handler: async (context) => {
        const of = await tenant(context);
        const id = context.params["bd"] ?? "";
        return json(200, await (await budgets()).change(of, id, context.body, asking(context)));
      },
    }),
    defineRoute({
      summary: "Delete a budget",
      description: "Nothing is limited by it any more; runs that wait for it go on.",
      responses: answers(200, budgetSchema, "The budget as it was."),
      query: ["tenant"],
      ...common,
      method: "DELETE",
      pattern: one,
      permission: "budgets.manage",
      handler: async (context) => {
        const of = await tenant(context);
        const by = auditSourceOf(context);
        return json(200, await (await budgets()).remove(of, context.params["bd"] ?? "", by));
      },
    }),
  ];
}

function readRoutes(budgets: Find, tenant: TenantOf): readonly Route[] {
  return [
    defineRoute({
      summary: "List budgets",
      description:
        "In the order in which they were made, with what was used of each in its period.",
      responses: answers(200, pageOf(budgetSchema), "A page of budgets."),
      query: [...pageQuery, "tenant"],
      ...common,
      method: "GET",
      pattern: path,
      permission: "usage.read",
      handler: async (context) => {
        const of = await tenant(context);
        const page = pageRequest(context.query, path);
        return shown(path, await (await budgets()).list(of, page));
      },
    }),
    defineRoute({
      summary: "Read a budget",
      description: "With what was used of it in its period, read from counters.",
      responses: answers(200, budgetSchema, "The budget."),
      query: ["tenant"],
      ...common,
      method: "GET",
      pattern: one,
      permission: "usage.read",
      handler: async (context) => {
        const of = await tenant(context);
        return json(200, await (await budgets()).get(of, context.params["bd"] ?? ""));
      },
    }),
    defineRoute({
      summary: "List what is reserved in a budget",
      description:
        "By run: each call of a model that is under way, or was when its run was cut, until it is settled.",
      responses: answers(200, pageOf(reservationSchema), "A page of reservations."),
      query: [...pageQuery, "tenant"],
      ...common,
      method: "GET",
      pattern: `${one}/reservations`,
      permission: "usage.read",
      handler: async (context) => {
        const of = await tenant(context);
        const page = pageRequest(context.query, `${one}/reservations`);
        const id = context.params["bd"] ?? "";
        return shown(`${one}/reservations`, await (await budgets()).reservations(of, id, page));
      },
    }),
  ];
}
