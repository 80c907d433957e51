// Where deliveries set triggers off: /hooks/{id}. No key is asked for, a signature over the bytes as they came is.

import { triggerLimits } from "../../../actors/records/trigger.ts";
import { Type } from "../../../actors/schema.ts";
import { headersOf } from "../heads.ts";
import { answers, orNull } from "../openapi/responses.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import type { Services } from "../services/services.ts";

const unproved = {
  description:
    "It is not proved that it comes from where the trigger expects it, or there is none.",
  content: { "application/problem+json": Type.Unknown() },
};

/** The route. */
export function hookRoute({ hooks }: Pick<Services, "hooks">): Route {
  return defineRoute({
    ...{ method: "POST", pattern: "/hooks/{id}", service: "hooks", errors: "problem" },
    isPublic: true,
    // What proves who sends it is the signature, which no page of another origin has.
    sideEffects: false,
    summary: "Deliver to a trigger of type webhook",
    description: `For programs, which sign the body as Standard Webhooks says (\`webhook-id\`, \`webhook-timestamp\`, \`webhook-signature\`) or, where the trigger has a \`signature_header\`, with \`sha256=\` and the body's HMAC in hex. JSON or text of at most ${triggerLimits.hookBytes} bytes, given to who works as data. Answered when it is on disk. What comes again (the same id; without one the same body) is known for ${triggerLimits.seenDays} days and begins nothing. Deliveries to an unknown trigger and those with a wrong signature have the same answer.`,
    body: "raw",
    accepts: { "*/*": Type.Unknown() },
    responses: {
      ...answers(
        202,
        Type.Object({ occurrence: orNull(Type.String()) }, { additionalProperties: false }),
        "It is in the ledger; null: it was before.",
      ),
      401: unproved,
    },
    handler: async ({ request, params, address }) => {
      const coming = request.body(triggerLimits.hookBytes);
      const body = coming instanceof Uint8Array ? coming : await coming;
      const given = { trigger: params["id"] ?? "", headers: headersOf(request), body, address };
      return json(202, { occurrence: await (await hooks()).deliver(given) });
    },
  });
}
