// `/metrics`, as Prometheus reads it. On a loopback address anyone who reaches the port may read
// it; elsewhere it needs the admin key, because figures tell how a company uses its agents.

import { Type } from "../../actors/schema.ts";
import { defineRoute, type Route } from "./route.ts";

interface Metrics {
  /** Content type of the text. */
  readonly type: string;
  readonly isPublic: boolean;
  text(): Promise<string>;
}

/** The routes: the same figures at two paths. */
export function metricsRoutes(metrics: Metrics): readonly Route[] {
  return [metricsRoute(metrics, "/metrics"), metricsRoute(metrics, "/agents/v1/metrics")];
}

function metricsRoute(options: Metrics, pattern: string): Route {
  return defineRoute({
    summary: "Read metrics as Prometheus does",
    description:
      "Figures since the start in Prometheus' text format. On a loopback address no key is asked for, else the operator's.",
    responses: {
      200: { description: "The metrics.", content: { "text/plain": Type.String() } },
    },
    method: "GET",
    pattern,
    service: "metrics",
    permission: "server.observe",
    errors: "problem",
    isPublic: options.isPublic,
    handler: async () => ({
      status: 200,
      headers: { "Content-Type": options.type, "Cache-Control": "no-store" },
      body: await options.text(),
    }),
  });
}
