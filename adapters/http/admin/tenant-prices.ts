// What operations cost one tenant, as the operator sets it for it: read and set, from now or from a later
// time on.

import type { PricedOperation } from "../../../actors/money/catalogue.ts";
import { microsOf } from "../../../actors/records/price.ts";
import {
  changeAt,
  operationsAt,
  type TenantPrices,
} from "../../../actors/records/tenant-prices.ts";
import { type Static, Type } from "../../../actors/schema.ts";
import { auditSourceOf } from "../act.ts";
import type { KeyStore } from "../keys.ts";
import { answers, orNull } from "../openapi/responses.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import type { Services } from "../services/services.ts";
import { setTenantPrices, tenantPricesOf } from "../services/tenant-prices.ts";
import { common, known } from "./common.ts";
import { operationNames, operationsShown } from "./prices.ts";

const closed = { additionalProperties: false } as const;
const text = Type.String();
/** Most of one operation, in units. */
const PRICE_MAX = 1_000_000;
const price = Type.Optional(Type.Number({ minimum: 0, maximum: PRICE_MAX }));

const named = Object.entries(operationNames) as readonly [
  PricedOperation,
  readonly [string, string],
][];

const body = Type.Object(
  {
    operations: Type.Object(Object.fromEntries(named.map(([, [name]]) => [name, price])), {
      ...closed,
      description:
        "In units of the account, as `GET /admin/prices` names them; 0: free. What is not named costs what the configuration says.",
    }),
    from: Type.Optional(
      Type.String({
        format: "date-time",
        description: "When they begin to hold; now or later. Default: now.",
      }),
    ),
  },
  closed,
);

const shown = Type.Object(
  { operation: text, per: text, price: Type.Number({ minimum: 0 }) },
  closed,
);
const schema = Type.Object(
  {
    tenant: text,
    unit: text,
    operations: Type.Array(shown, { description: "What they cost it now." }),
    from: orNull(Type.String({ description: "Since when; null: it has no prices of its own." })),
    changes: Type.Array(Type.Object({ from: text, operations: Type.Array(shown) }, closed), {
      description: "Its own prices that held, hold and will hold, each until the next one.",
    }),
  },
  closed,
);

/** The routes. */
export function tenantPriceRoutes(services: Services, keys: KeyStore): readonly Route[] {
  const { system, prices, nowMs } = services;
  const shape = (tenant: string, row: TenantPrices): object => ({
    ...{ tenant, unit: prices.unit },
    operations: operationsShown(operationsAt(row, prices.operations, nowMs())),
    from: changeAt(row, nowMs())?.from ?? null,
    changes: row.changes.map(({ from, operations }) => {
      return { from, operations: operationsShown(operations) };
    }),
  });
  const place = {
    ...common,
    permission: "tenants.manage",
    pattern: "/admin/tenants/{tn}/prices",
    query: [],
  } as const;
  return [
    defineRoute({
      summary: "Read the prices of a tenant",
      description: "What operations cost it, and what the operator has set for it.",
      responses: answers(200, schema, "Its prices."),
      ...place,
      method: "GET",
      handler: async ({ params }) => {
        const tenant = await known(keys, params["tn"] ?? "");
        return json(200, shape(tenant, await tenantPricesOf(system.tables, tenant)));
      },
    }),
    defineRoute({
      summary: "Set the prices of a tenant",
      description:
        "From then on operations cost it this; without any, what the configuration says. What was set to hold later is taken back, and the last 100 changes are kept. What is accepted before costs what it did.",
      responses: answers(200, schema, "Its prices."),
      ...place,
      method: "PUT",
      body,
      handler: async (context) => {
        const { params, body: asked } = context;
        const tenant = await known(keys, params["tn"] ?? "");
        const at = nowMs();
        const change = {
          from: new Date(asked.from ?? at).toISOString(),
          operations: microsOfAll(asked.operations),
        };
        const by = auditSourceOf(context);
        const row = await setTenantPrices(system.tables, tenant, { change, by, nowMs: at });
        return json(200, shape(tenant, row));
      },
    }),
  ];
}

function microsOfAll(
  asked: Static<typeof body>["operations"],
): Partial<Record<PricedOperation, number>> {
  const given = asked as Readonly<Record<string, number | undefined>>;
  return Object.fromEntries(
    named.flatMap(([operation, [name]]) => {
      const units = given[name];
      return units === undefined ? [] : [[operation, microsOf(units)]];
    }),
  );
}
