// GET /admin/prices: the catalogue, for whoever runs a tenant and wants to know what it pays.

import { type PricedOperation, type Prices, writePrices } from "../../../actors/money/catalogue.ts";
import { unitsOf } from "../../../actors/records/price.ts";
import { Type } from "../../../actors/schema.ts";
import { named } from "../openapi/named.ts";
import { answers, orNull } from "../openapi/responses.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import type { Services } from "../services/services.ts";
import { operationsOf } from "../services/tenant-prices.ts";
import { common } from "./common.ts";

const closed = { additionalProperties: false } as const;
const text = Type.String();
const amount = Type.Number({ minimum: 0 });
const columns = {
  input: amount,
  cached_input: { ...amount, description: "What its provider had read before." },
  cache_write: { ...amount, description: "What it keeps to be read again, for minutes." },
  cache_write_long: { ...amount, description: "For an hour or longer." },
  output: amount,
};

const pricesSchema = named(
  "Prices",
  Type.Object(
    {
      unit: Type.String({ description: "Name of the unit that accounts are kept in." }),
      operations: Type.Array(Type.Object({ operation: text, per: text, price: amount }, closed), {
        description: "What is not listed is free.",
      }),
      models: Type.Array(
        Type.Object(
          {
            model: Type.String({ description: "A model's name, or its beginning." }),
            ...columns,
          },
          closed,
        ),
        { description: "What a million tokens cost. Of two that fit a model, the longer counts." },
      ),
      calls: Type.Array(
        Type.Object(
          {
            model: Type.String({ description: "A model's name, or its beginning." }),
            input: columns.input,
            search: { ...amount, description: "Of a search of a re-ranker that counts those." },
          },
          closed,
        ),
        { description: "What embedders and re-rankers cost of a million tokens, and of a search." },
      ),
      default_model: orNull(Type.Object(columns, closed)),
    },
    closed,
  ),
);

/** What routes of prices stand on. */
type PriceParts = Pick<Services, "system" | "prices" | "nowMs">;

/** Operations and their prices as they are shown. */
export function operationsShown(
  operations: Partial<Prices["operations"]>,
): readonly { readonly operation: string; readonly per: string; readonly price: number }[] {
  return Object.entries(operations).map(([name, micros]) => {
    const [operation, per] = operationNames[name as PricedOperation];
    return { operation, per, price: unitsOf(micros) };
  });
}

/** What one of each is. */
export const operationNames: Readonly<
  Record<PricedOperation, readonly [operation: string, per: string]>
> = {
  createAgent: ["create_agent", "item"],
  updateAgent: ["update_agent", "item"],
  updateGraph: ["update_graph", "item"],
  createSubAgent: ["create_sub_agent", "item"],
  updateSubAgent: ["update_sub_agent", "item"],
  chat: ["chat", "call"],
  memoryExtract: ["memory_extract", "call"],
  evaluationJudge: ["evaluation_judge", "call"],
};

/** The route. */
export function pricesRoute(services: PriceParts): Route {
  return defineRoute({
    summary: "Read the prices",
    description:
      "What operations cost the tenant, in units of the account, and what models cost that the operator has given prices of. Those of agents that name no model are in `default_model`, null while they are not known.",
    responses: answers(200, pricesSchema, "The catalogue."),
    ...common,
    method: "GET",
    pattern: "/admin/prices",
    permission: "usage.read",
    query: [],
    handler: async ({ principal }) => {
      const operations = await operationsOf(services, principal.tenant);
      return json(200, shape(services.prices, operations));
    },
  });
}

function shape(
  { unit, models, calls, modelPrice }: Prices,
  operations: Prices["operations"],
): unknown {
  const own = modelPrice("");
  return {
    unit,
    operations: operationsShown(operations),
    models: Object.entries(models)
      .map(([model, price]) => ({ model, ...columnsOf(price) }))
      .sort((left, right) => (left.model < right.model ? -1 : 1)),
    calls: Object.entries(calls)
      .map(([model, { inputMicros, searchMicros }]) => {
        return { model, input: unitsOf(inputMicros), search: unitsOf(searchMicros) };
      })
      .sort((left, right) => (left.model < right.model ? -1 : 1)),
    default_model: own === null ? null : columnsOf(own),
  };
}

function columnsOf(price: NonNullable<ReturnType<Prices["modelPrice"]>>): object {
  const { inputMicros, outputMicros, cachedInputMicros = inputMicros } = price;
  const { write, writeLong } = writePrices(price);
  return {
    input: unitsOf(inputMicros),
    cached_input: unitsOf(cachedInputMicros),
    cache_write: unitsOf(write),
    cache_write_long: unitsOf(writeLong),
    output: unitsOf(outputMicros),
  };
}
