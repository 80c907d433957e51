// GET /admin/prices: the catalogue, for whoever runs a tenant and wants to know what it pays.

import type { PricedOperation, Prices } from "../../../actors/money/catalogue.ts";
import { unitsOf } from "../../../actors/records/price.ts";
import { Type } from "../../../actors/schema.ts";
import { named } from "../openapi/named.ts";
import { answers, orNull } from "../openapi/responses.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import { common } from "./common.ts";

const closed = { additionalProperties: false } as const;
const text = Type.String();
const amount = Type.Number({ minimum: 0 });

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
            input: amount,
            cached_input: amount,
            output: amount,
          },
          closed,
        ),
        { description: "What a million tokens cost. Of two that fit a model, the longer counts." },
      ),
      default_model: orNull(
        Type.Object({ input: amount, cached_input: amount, output: amount }, closed),
      ),
    },
    closed,
  ),
);

/** What one of each is. */
const names: Readonly<Record<PricedOperation, readonly [operation: string, per: string]>> = {
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
export function pricesRoute(prices: Prices): Route {
  return defineRoute({
    summary: "Read the prices",
    description:
      "What operations cost, in units of the account, and what models cost that the operator has given prices of. Those of agents that name no model are in `default_model`, null while they are not known.",
    responses: answers(200, pricesSchema, "The catalogue."),
    ...common,
    method: "GET",
    pattern: "/admin/prices",
    permission: "usage.read",
    query: [],
    handler: () => json(200, shape(prices)),
  });
}

function shape({ unit, operations, models, modelPrice }: Prices): unknown {
  const own = modelPrice("");
  return {
    unit,
    operations: Object.entries(operations).map(([name, micros]) => {
      const [operation, per] = names[name as PricedOperation];
      return { operation, per, price: unitsOf(micros) };
    }),
    models: Object.entries(models)
      .map(([model, price]) => ({ model, ...columnsOf(price) }))
      .sort((left, right) => (left.model < right.model ? -1 : 1)),
    default_model: own === null ? null : columnsOf(own),
  };
}

function columnsOf(price: NonNullable<ReturnType<Prices["modelPrice"]>>): object {
  const { inputMicros, outputMicros, cachedInputMicros = inputMicros } = price;
  return {
    input: unitsOf(inputMicros),
    cached_input: unitsOf(cachedInputMicros),
    output: unitsOf(outputMicros),
  };
}
