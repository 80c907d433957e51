// How the model providers stand: breakers, keys and what came of calls, on all threads. The operator's.

import type { ProviderFigures } from "../../llm/provider-figures.ts";
import { answers } from "../openapi/responses.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import { common } from "./common.ts";
import { providersSchema } from "./schemas.ts";

/** The route. */
export function providersRoute(look: () => Promise<readonly ProviderFigures[]>): Route {
  return defineRoute({
    summary: "Read how providers and their keys are doing",
    description:
      "In the order of the configuration: each provider's breaker, what came of calls since the start, and its keys, told apart by a fingerprint. Asks no provider.",
    responses: answers(200, providersSchema, "The providers."),
    ...common,
    method: "GET",
    pattern: "/admin/providers",
    permission: "server.observe",
    query: [],
    handler: async () => json(200, { data: (await look()).map(shape) }),
  });
}

function shape({ name, kind, baseUrl, breaker, calls, keys }: ProviderFigures): unknown {
  return {
    name,
    kind,
    base_url: baseUrl,
    breaker: {
      state: breaker.state,
      failures_in_a_row: breaker.failures,
      openings: breaker.openings,
      retry_after_ms: breaker.retryAfterMs,
    },
    calls,
    keys: keys.map(({ fingerprint, endsWith, state, restMs, rests, models }) => ({
      ...{ fingerprint, ends_with: endsWith, state },
      ...{ retry_after_ms: restMs, times_aside: rests, models_aside: models },
    })),
  };
}
