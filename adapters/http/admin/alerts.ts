// /admin/alerts: of what an administrator is told by webhook when money runs out or is used up.

import {
  ALERTS_MAX,
  type Alert,
  alertInput,
  alertPatch,
  alertTables,
} from "../../../actors/records/alert.ts";
import { unitsOf } from "../../../actors/records/price.ts";
import { Type } from "../../../actors/schema.ts";
import type { TableRow } from "../../../runtime/system.ts";
import { auditSourceOf } from "../act.ts";
import type { KeyStore } from "../keys.ts";
import { named } from "../openapi/named.ts";
import { answers, orNull, pageOf, time } from "../openapi/responses.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route, type RouteContext } from "../route.ts";
import { once, onceKeyOf } from "../services/once.ts";
import { pageQuery, pageRequest, pageOf as rowsOf } from "../services/paging.ts";
import type { Services } from "../services/services.ts";
import { common, shown, tenantOf } from "./common.ts";

const path = "/admin/alerts";
const one = "/admin/alerts/{al}";
const text = Type.String();
const closed = { additionalProperties: false } as const;

const alertSchema = named(
  "Alert",
  Type.Object(
    {
      ...{ id: text, type: text, name: orNull(text), url: text },
      below: Type.Optional(Type.Number()),
      measure: Type.Optional(text),
      period: Type.Optional(text),
      above: Type.Optional(Type.Number()),
      scope: Type.Optional(text),
      subject: Type.Optional(orNull(text)),
      budget: Type.Optional(text),
      percentages: Type.Optional(Type.Array(Type.Integer())),
      created_at: time,
    },
    closed,
  ),
);

/** The routes. */
export function alertRoutes(services: Services, keys: KeyStore): readonly Route[] {
  const { tables } = services.system;
  const tenantFor = (context: RouteContext) => tenantOf(keys, context, context.query.get("tenant"));
  return [
    createRoute(services, tenantFor),
    changeRoute(services, tenantFor),
    defineRoute({
      summary: "List alerts",
      description: `Of one tenant, in the order of their creation; at most ${ALERTS_MAX}.`,
      responses: answers(200, pageOf(alertSchema), "A page of alerts."),
      query: [...pageQuery, "tenant"],
      ...common,
      method: "GET",
      pattern: path,
      permission: "usage.read",
      handler: async (context) => {
        const { limit, ...page } = pageRequest(context.query, path);
        const tenant = await tenantFor(context);
        const rows = await tables.list(tenant, alertTables.alerts, { ...page, limit: limit + 1 });
        const item = (row: TableRow) => view(row.value as Alert);
        return shown(path, rowsOf(rows, limit, { id: (row) => row.id, item }));
      },
    }),
    defineRoute({
      summary: "Read an alert",
      description: "As it was set up.",
      responses: answers(200, alertSchema, "The alert."),
      query: ["tenant"],
      ...common,
      method: "GET",
      pattern: one,
      permission: "usage.read",
      handler: async (context) => {
        const { findAlert } = await import("../services/alerts.ts");
        const tenant = await tenantFor(context);
        return json(200, view(await findAlert(tables, tenant, context.params["al"] ?? "")));
      },
    }),
    defineRoute({
      summary: "Delete an alert",
      description: "Nothing is told any more, but what is on its way.",
      responses: answers(200, alertSchema, "The alert as it was."),
      query: ["tenant"],
      ...common,
      method: "DELETE",
      pattern: one,
      permission: "budgets.manage",
      handler: async (context) => {
        const { removeAlert } = await import("../services/alerts.ts");
        const by = auditSourceOf(context);
        const id = context.params["al"] ?? "";
        return json(200, view(await removeAlert(tables, await tenantFor(context), id, { by })));
      },
    }),
  ];
}

function createRoute(
  services: Services,
  tenantFor: (context: RouteContext) => Promise<string>,
): Route {
  const { system, nowMs, webhookSecrets } = services;
  return defineRoute({
    summary: "Create an alert",
    description:
      "`balance`: the balance falls below `below`; told again when it has been a tenth above that. `usage`: the `measure` (spend, charged, calls, tokens) of a `period` (day, month; UTC) of the tenant, an agent, a key, a model or a service (`scope` and `subject`) is `above` or more; told once a period. `budget`: a `budget` is used by a percentage (`percentages`, default 50, 80 and 100); told once each in its period. Told within seconds of the end of a call, as a webhook with the type `alert.balance`, `alert.usage` or `alert.budget`, signed and repeated as those of runs, and in the audit as `alert.fired`.",
    responses: answers(201, alertSchema, "The alert."),
    query: ["tenant"],
    reads: ["Idempotency-Key"],
    ...common,
    method: "POST",
    pattern: path,
    permission: "budgets.manage",
    body: alertInput,
    handler: async (context) => {
      const { createAlert } = await import("../services/alerts.ts");
      const tenant = await tenantFor(context);
      // Signed with a secret that its owner can look at before anything is told.
      await webhookSecrets.get(tenant);
      const change = { by: auditSourceOf(context), nowMs: nowMs() };
      const place = { tables: system.tables, tenant, service: path };
      const key = onceKeyOf(context.request, context.bodyBytes);
      const { result } = await once<Alert>(place, key, change.nowMs, (remember) =>
        createAlert(system.tables, tenant, context.body, { ...change, remember }),
      );
      return json(201, view(result));
    },
  });
}

function changeRoute(
  { system, nowMs }: Services,
  tenantFor: (context: RouteContext) => Promise<string>,
): Route {
  return defineRoute({
    summary: "Change an alert",
    description:
      "`name`, `url`, and the amount of its type: `below`, `above` or `percentages`. What it is about stays. With another amount it begins anew: what it has told of before is told again when it is reached.",
    responses: answers(200, alertSchema, "The alert after it."),
    query: ["tenant"],
    reads: ["Idempotency-Key"],
    ...common,
    method: "PATCH",
    pattern: one,
    permission: "budgets.manage",
    body: alertPatch,
    handler: async (context) => {
      const { changeAlert } = await import("../services/alerts.ts");
      const tenant = await tenantFor(context);
      const id = context.params["al"] ?? "";
      const change = { by: auditSourceOf(context), nowMs: nowMs() };
      const place = { tables: system.tables, tenant, service: one };
      const key = onceKeyOf(context.request, context.bodyBytes);
      const { result } = await once<Alert>(place, key, change.nowMs, (remember) =>
        changeAlert(system.tables, tenant, { ...context.body, id }, { ...change, remember }),
      );
      return json(200, view(result));
    },
  });
}

function view(alert: Alert): object {
  const { id, type, name, url, created_at } = alert;
  const head = { id, type, name, url };
  if (alert.type === "balance") return { ...head, below: unitsOf(alert.belowMicros), created_at };
  if (alert.type === "budget") {
    const { budget, percentages } = alert;
    return { ...head, budget, percentages, created_at };
  }
  const { measure, period, above, scope, subject } = alert;
  const isMoney = measure === "spend" || measure === "charged";
  const shownAbove = isMoney ? unitsOf(above) : above;
  return { ...head, measure, period, above: shownAbove, scope, subject, created_at };
}
