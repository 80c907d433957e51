// Gateways that run beside the server: which channels the file of each names. What no file names any more is
// switched off here, and stays with its sessions and deliveries (adapters/channels/claims.ts).

import { Type } from "../../../actors/schema.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { named } from "../openapi/named.ts";
import { answers, nothing } from "../openapi/responses.ts";
import { json, noContent } from "../reply.ts";
import { defineRoute, type Route, type RouteContext } from "../route.ts";
import { callerOf } from "../services/caller.ts";
import type { Services } from "../services/services.ts";

const closed = { additionalProperties: false } as const;
const common = { service: "channels", errors: "problem", permission: "resources.write" } as const;
const name = Type.String({ minLength: 1, maxLength: 200 });
const pattern = "/v2/gateways/{gateway}/instances/{instance}";

const claimInput = named(
  "GatewayClaimInput",
  Type.Object(
    {
      channels: Type.Array(name, {
        maxItems: 400,
        description: "Names of the channels of its file.",
      }),
      alone: Type.Optional(
        Type.Boolean({ description: "No other gateway names channels here. Default false." }),
      ),
    },
    closed,
  ),
);
const claimSchema = named(
  "GatewayClaim",
  Type.Object(
    {
      known: Type.Boolean({
        description: "Whether the server knew that it runs; else its file is to be applied again.",
      }),
      gateways: Type.Array(Type.String({ description: "Names of gateways that run." })),
      paused: Type.Array(Type.String({ description: "Channels that were switched off now." })),
    },
    closed,
  ),
);

/** Routes of them. */
export function gatewayClaimRoutes({
  resources,
  gateway,
  index,
}: Pick<Services, "resources" | "gateway" | "index">): readonly Route[] {
  const { channels } = resources.kinds;
  const active = async (tenant: string) => {
    const ids = await index.ordered(tenant, channels.listing, "created_at");
    const rows = await Promise.all(
      ids
        .filter(({ entry }) => entry.values["is_active"] !== false)
        .map(({ id }) => channels.get(tenant, id).catch(ifGone)),
    );
    return rows.flatMap((row) => (row === null ? [] : [row.record]));
  };
  return [
    defineRoute({
      ...common,
      method: "PUT",
      pattern,
      summary: "Say that a gateway runs",
      description:
        "With the channels of its file, again every 5 s. Channels whose `managed_by` is its name and that no gateway that runs names any more are switched off; with their sessions and deliveries they stay.",
      body: claimInput,
      responses: answers(200, claimSchema, "What the server knows."),
      handler: async (context) => {
        const caller = callerOf(context);
        const { claims } = await gateway.open();
        const switchOff = async (id: string): Promise<void> => {
          await channels.patch(caller, id, { is_active: false }, null).catch(ifGone);
        };
        const { channels: names, alone = false } = context.body;
        const of = { ...placeOf(context), channels: names, isAlone: alone };
        return json(200, await claims.claim(of, { active, switchOff }));
      },
    }),
    defineRoute({
      ...common,
      method: "DELETE",
      pattern,
      summary: "Say that a gateway ends",
      description: "Its channels stay as they are.",
      responses: nothing,
      handler: async (context) => {
        (await gateway.open()).claims.withdraw(placeOf(context));
        return noContent();
      },
    }),
  ];
}

function placeOf({ principal: { tenant }, params }: Pick<RouteContext, "principal" | "params">) {
  const { gateway = "", instance = "" } = params;
  for (const [what, said] of Object.entries({ gateway, instance })) {
    if (said.length <= 200) continue;
    throw new RuntimeError("INVALID", `The name of ${what} has at most 200 characters.`);
  }
  return { tenant, gateway, instance };
}

/** Removed meanwhile, or kept by the server's own file. */
function ifGone(error: unknown): null {
  const isGone = error instanceof RuntimeError && ["NOT_FOUND", "CONFLICT"].includes(error.code);
  if (isGone) return null;
  throw error;
}
