// The Responses protocol's routes. What they do is loaded when the first of them is asked.

import { defineRoute, type Route } from "../../route.ts";
import type { Services } from "../../services/services.ts";
import { responseBody } from "./body.ts";
import { responseLimits } from "./limits.ts";
import { deletedResponses, inputItemsResponses, responseResponses } from "./schemas.ts";

const common = { service: "responses", errors: "openai" } as const;
const one = "/v1/responses/{id}";
const parameters = { id: { description: "`resp_...`." } };

/** All routes of the protocol. */
export function responseRoutes(services: Services): readonly Route[] {
  return [
    createRoute(services),
    readRoute(services),
    inputItemsRoute(services),
    cancelRoute(services),
    deleteRoute(services),
  ];
}

function createRoute(services: Services): Route {
  return defineRoute({
    summary: "Ask an agent or a team for a response",
    description:
      "OpenAI's Responses protocol: its SDKs work with this server as base URL. `model` is `agent:<agent_key>` or `team:<id>`. `previous_response_id` goes on from a stored response, `conversation` (a key of ours) sends the last message of the user to that conversation. `background: true` answers at once; `store: false` keeps nothing but the run. A response that is held up is a 400 unless it is streamed or in the background: `approval_required` while a person has to decide, else `run_waiting`.",
    responses: responseResponses,
    ...common,
    method: "POST",
    pattern: "/v1/responses",
    reads: ["Idempotency-Key", "X-Max-Spend"],
    hasOwnGate: true,
    body: responseBody,
    handler: async (context) => {
      const { createResponse } = await import("./create.ts");
      return await createResponse(services, context);
    },
  });
}

function readRoute(services: Services): Route {
  return defineRoute({
    summary: "Read or follow a response",
    description:
      "With `stream=true` its events, from the first or behind `starting_after`, to its end; also after a restart. The number of an event is always the same. Where text that a client has was written anew, the event `error` with the code `stream_restarted` says so. Kept for 30 days, or as long as runs are if that is less; then it is a 404.",
    responses: responseResponses,
    ...common,
    parameters: {
      ...parameters,
      stream: { description: "`true`: as events." },
      starting_after: { description: "`sequence_number` of the last event that was seen." },
    },
    method: "GET",
    pattern: one,
    query: ["stream", "starting_after"],
    ignoresOtherQuery: true,
    handler: async (context) => {
      const { readResponse } = await import("./reading.ts");
      return await readResponse(services, context);
    },
  });
}

function inputItemsRoute(services: Services): Route {
  return defineRoute({
    summary: "List what a response was asked with",
    description: "The items of its own input, the newest first unless `order` is `asc`.",
    responses: inputItemsResponses,
    ...common,
    parameters: {
      ...parameters,
      limit: {
        description: `1 to ${responseLimits.pageItems}, default ${responseLimits.pageItemsDefault}.`,
      },
      order: { description: "`asc` or `desc`, the default." },
      after: { description: "Id of the last item of the page before." },
    },
    method: "GET",
    pattern: `${one}/input_items`,
    query: ["limit", "order", "after"],
    ignoresOtherQuery: true,
    handler: async (context) => {
      const { listInputItems } = await import("./reading.ts");
      return await listInputItems(services, context);
    },
  });
}

function cancelRoute(services: Services): Route {
  return defineRoute({
    summary: "Cancel a response",
    description:
      "With all that its run has started. One that has ended is answered as it is, also a second time. What was written stays as a message that is `incomplete`.",
    responses: responseResponses,
    ...common,
    parameters,
    method: "POST",
    pattern: `${one}/cancel`,
    isControl: true,
    handler: async (context) => {
      const { cancelResponse } = await import("./reading.ts");
      return await cancelResponse(services, context);
    },
  });
}

function deleteRoute(services: Services): Route {
  return defineRoute({
    summary: "Delete a response",
    description:
      "It cannot be read or gone on from any more. Its run is not cancelled by that, and stays in the list of runs as long as others.",
    responses: deletedResponses,
    ...common,
    parameters,
    method: "DELETE",
    pattern: one,
    handler: async (context) => {
      const { deleteResponse } = await import("./reading.ts");
      return await deleteResponse(services, context);
    },
  });
}
