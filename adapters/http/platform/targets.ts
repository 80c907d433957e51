// What /v2/targets and /v2/engines have besides their records: whether a target is there.

import { Type } from "../../../actors/schema.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { TargetHealth } from "../../targets/health.ts";
import { named } from "../openapi/named.ts";
import { answers, orNull, time } from "../openapi/responses.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import type { Services } from "../services/services.ts";

const healthSchema = named(
  "TargetHealth",
  Type.Object(
    {
      status: Type.String({
        enum: ["ok", "lost", "failed", "unknown"],
        description:
          "`lost`: it cannot be reached, and calls wait for it; `failed`: it is there and does not do what it should; `unknown`: nobody has looked yet.",
      }),
      message: orNull(Type.String()),
      checked_at: orNull(time),
      took_ms: orNull(Type.Integer({ minimum: 0 })),
    },
    { additionalProperties: false },
  ),
);

const unknown = { status: "unknown", message: null, checked_at: null, took_ms: null };

/** Routes of them. */
export function targetRoutes({ resources, targets }: Services): readonly Route[] {
  const { kinds } = resources;
  /** Where an engine works. */
  const ofEngine = async (tenant: string, id: string) => {
    const { name, target } = (await kinds.engines.get(tenant, id)).record;
    if (target !== undefined) return { tenant, id: target };
    const message = `Engine ${name} has no target of its own that you could look at.`;
    throw new RuntimeError("CONFLICT", message);
  };
  const ofTarget = async (tenant: string, id: string) => {
    await kinds.targets.get(tenant, id);
    return { tenant, id };
  };
  const routesOf = (path: "targets" | "engines", of: typeof ofTarget): readonly Route[] => {
    const what = path === "targets" ? "a target" : "the target of an engine";
    const common = { service: path, errors: "problem", pattern: `/v2/${path}/{id}/check` } as const;
    const responses = answers(200, healthSchema, "How it is.");
    return [
      defineRoute({
        ...common,
        method: "GET",
        summary: `Read how ${what} was`,
        description: "As it was found when it was last looked at.",
        responses,
        handler: async ({ principal: { tenant }, params }) => {
          const place = await of(tenant, params["id"] ?? "");
          const last = await (await targets()).health.last(place);
          return json(200, last ?? unknown);
        },
      }),
      defineRoute({
        ...common,
        method: "POST",
        summary: `Look whether ${what} is there`,
        description:
          "Now: its folder on this machine, a connection and a command over ssh, a request over HTTP. Runs that wait for it go on when it is.",
        permission: "runs.start",
        responses,
        handler: async ({ principal: { tenant }, params }) => {
          const place = await of(tenant, params["id"] ?? "");
          const health: TargetHealth = await (await targets()).health.check(place);
          return json(200, health);
        },
      }),
    ];
  };
  return [...routesOf("targets", ofTarget), ...routesOf("engines", ofEngine)];
}
