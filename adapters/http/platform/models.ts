// The models that agents may name, with their windows and prices.

import type { ListedModel, ModelList } from "../../llm/model-list.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";

const MICROS = 1_000_000;

/** What the route needs. */
export interface ModelSource {
  list(): Promise<ModelList>;
  /** Model of agents that name none; null for the built-in answerer. */
  readonly byDefault: string | null;
}

/** The route. */
export function modelsRoute({ list, byDefault }: ModelSource): Route {
  return defineRoute({
    summary: "List the models that agents can use",
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
