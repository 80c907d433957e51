// POST /mcp. What answers is loaded with the first request.

import { Type } from "../../actors/schema.ts";
import { eventStreamOf } from "../http/openapi/event-streams.ts";
import { named } from "../http/openapi/named.ts";
import { defineRoute, type Route } from "../http/route.ts";
import type { Services } from "../http/services/services.ts";
import type { Endpoint } from "./endpoint.ts";

/** Largest body: a message of the most characters, each escaped. */
const BODY_BYTES_MAX = 4 * 1024 * 1024;
/** Messages of one request of the revision 2025-03-26, which alone has batches. */
const BATCH_MAX = 20;

const message = named(
  "McpMessage",
  Type.Object(
    {},
    { additionalProperties: true, description: "A message of JSON-RPC 2.0, as MCP has them." },
  ),
);

/** The route. `version` is this server's, as clients are told it. */
export function mcpRoute(services: Services, version: () => Promise<string>): Route {
  let endpoint: Promise<Endpoint> | undefined;
  const load = async (): Promise<Endpoint> => {
    const { createEndpoint } = await import("./endpoint.ts");
    return createEndpoint(services, await version());
  };
  return defineRoute({
    summary: "Model Context Protocol",
    description:
      "Streamable HTTP of MCP, revision 2026-07-28 and those before it. Agents, teams, workflows and searches of collections are tools, as far as the key's services `runs` and `knowledge` allow; a call is a run and charged as a chat. Stored prompts are prompts, skills are resources. Approvals are asked of the client's person where the client can and the key has the service `approvals`.",
    responses: {
      200: {
        description: "The result, or events of which the last is the result.",
        content: {
          "application/json": Type.Union([message, Type.Array(message)]),
          "text/event-stream": eventStreamOf("Messages of JSON-RPC.", [
            ["message", message],
            [null, message],
          ]),
        },
      },
      202: { description: "A notification, or the answer to a question, was taken." },
    },
    reads: ["Idempotency-Key", "X-Max-Spend"],
    method: "POST",
    pattern: "/mcp",
    service: "mcp",
    errors: "json-rpc",
    hasOwnGate: true,
    bodyBytesMax: BODY_BYTES_MAX,
    body: Type.Union([
      Type.Object({}, { additionalProperties: true }),
      Type.Array(Type.Object({}, { additionalProperties: true }), {
        minItems: 1,
        maxItems: BATCH_MAX,
      }),
    ]),
    handler: async (context) => {
      endpoint ??= load();
      return (await endpoint)(context);
    },
  });
}
