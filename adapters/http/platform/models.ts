// The models that agents may name, with their windows and prices.

import { type TSchema, Type } from "../../../actors/schema.ts";
import type { ListedModel, ModelList } from "../../llm/model-list.ts";
import { named } from "../openapi/named.ts";
import { answers, orNull } from "../openapi/responses.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";

const MICROS = 1_000_000;

/** What the route needs. */
export interface ModelSource {
  list(): Promise<ModelList>;
  /** Model of agents that name none; null for the built-in answerer. */
  readonly byDefault: string | null;
}

const closed = { additionalProperties: false } as const;
const text = Type.String();
const price = Type.Object({ input: Type.Number(), output: Type.Number() }, closed);
const model = named(
  "Model",
  Type.Object(
    {
      id: Type.String({ description: "As an agent's `model_name`: `provider/model`." }),
      provider: text,
      window_tokens: Type.Integer({ minimum: 1 }),
      price: orNull({ ...price, description: "Of a million tokens; null: none is configured." }),
    },
    closed,
  ),
);
const missing = Type.Object({ provider: text, code: text, message: text }, closed);
const modelsSchema: TSchema = Type.Object(
  { data: Type.Array(model), default_model: text, missing: Type.Array(missing) },
  closed,
);

/** The route. */
export function modelsRoute({ list, byDefault }: ModelSource): Route {
  return defineRoute({
    summary: "List the models that agents can use",
    description:
      "What the providers list and the configuration names, by id, with windows and prices. Providers are asked at most every five minutes; one that gave no answer within five seconds is in `missing`, and its models are those of the configuration alone.",
    responses: answers(200, modelsSchema, "All models; the list has no pages."),
    method: "GET",
    pattern: "/v2/models",
    service: "models",
    errors: "problem",
    query: [],
    handler: async () => {
      const { models, missing } = await list();
      return json(200, {
        data: models.map(shape),
        default_model: byDefault ?? "builtin",
        missing: missing.map(({ provider, error: { code, message } }) => ({
          ...{ provider, code, message },
        })),
      });
    },
  });
}

/** Prices are of a million tokens, in units of money. */
function shape({ id, provider, windowTokens, price }: ListedModel): unknown {
  return {
    ...{ id, provider, window_tokens: windowTokens },
    price: price && {
      input: price.inputMicros / MICROS,
      output: price.outputMicros / MICROS,
    },
  };
}
