// How the model providers stand: breakers, keys and what came of calls, on all threads. The operator's.

import type { ProviderFigures } from "../../llm/provider-figures.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import { common } from "./common.ts";

/** The route. */
export function providersRoute(look: () => Promise<readonly ProviderFigures[]>): Route {
  return defineRoute({
    summary: "Read how providers and their keys are doing",
    ...common,
    method: "GET",
    pattern: "/admin/providers",
    role: "admin",
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
