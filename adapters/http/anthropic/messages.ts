// POST /v1/messages and /v1/messages/count_tokens: stateless as Anthropic's protocol is. How they are answered
// is loaded with the first of them.

import { answers } from "../openapi/responses.ts";
import { defineRoute, type Route } from "../route.ts";
import type { Services } from "../services/services.ts";
import { countBody, messagesBody } from "./request.ts";
import { countSchema, messageEvents, messageSchema } from "./schemas.ts";

/** Room for the images that a message may have. */
const BODY_BYTES_MAX = 8 * 1024 * 1024;

const common = { service: "messages", errors: "anthropic" } as const;

const whole = answers(200, messageSchema, "The message, or with `stream: true` its events.")[200];
const messageResponses: NonNullable<Route["responses"]> = {
  200: {
    description: "",
    ...whole,
    content: { ...whole?.content, "text/event-stream": messageEvents },
  },
};

/** The routes. */
export function anthropicRoutes(services: Services): readonly Route[] {
  return [
    defineRoute({
      summary: "Ask an agent or a team as a model of Anthropic's protocol",
      description:
        "Its SDKs work with this server as base URL. `model` is `agent:<agent_key>` or `team:<id>`; fields of the protocol that are not listed are taken and left alone, but those that would change the answer are refused: tools that the server runs, `mcp_servers`, `container`, and `top_k` where the model's provider has none. Nothing is stored but the run, which the message's id names behind `msg_`. `input_tokens` of `message_start` is an estimate, that of `message_delta` what was used. A run that is held up is a 400 and goes on by itself: `approval_required` while a person has to decide, else `run_waiting`.",
      responses: messageResponses,
      ...common,
      method: "POST",
      pattern: "/v1/messages",
      reads: ["Idempotency-Key", "X-Max-Spend"],
      hasOwnGate: true,
      body: messagesBody,
      bodyBytesMax: BODY_BYTES_MAX,
      handler: async (context) => (await import("./answer.ts")).answerMessage(services, context),
    }),
    defineRoute({
      summary: "Estimate the tokens of a message before it is sent",
      description:
        "Of what is sent. What the agent adds is not among them: its instructions, its tools and what it finds in collections; `usage` of an answer has them all.",
      responses: answers(200, countSchema, "The estimate."),
      ...common,
      method: "POST",
      pattern: "/v1/messages/count_tokens",
      sideEffects: false,
      body: countBody,
      bodyBytesMax: BODY_BYTES_MAX,
      handler: async (context) => (await import("./answer.ts")).countTokens(services, context),
    }),
  ];
}
