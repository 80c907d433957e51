// Routes for user interfaces that speak a protocol of their own: the AI SDK's UI message stream, and AG-UI.
// How they are answered is loaded with the first request.

import { defineRoute, type Route } from "../route.ts";
import type { Services } from "../services/services.ts";
import { CHAT_BODY_BYTES_MAX, chatBody } from "./chat-body.ts";
import { RUN_INPUT_BYTES_MAX, runInput } from "./run-input.ts";
import { agUiResponses, chatResponses, heldResponses, resumeResponses } from "./schemas.ts";

const common = { service: "ui", errors: "problem" } as const;
const chat = "/v2/agents/{key}/ui-chat";
const key = { description: "Of an agent (`ag_`), a team (`tm_`) or a workflow (`wf_`)." };

/** All routes of the surface. */
export function uiRoutes(services: Services): readonly Route[] {
  return [agUiRoute(services), chatRoute(services), resumeRoute(services), heldRoute(services)];
}

function agUiRoute(services: Services): Route {
  return defineRoute({
    summary: "Run an agent by AG-UI",
    description:
      "What `HttpAgent` of @ag-ui/client and the interfaces built on it send and read. `threadId` names a thread, whose messages are kept here: the last one of the user is what is said, once for a `runId`. Without messages the thread is shown, and what is under way in it. Where `tools`, `context`, `state`, media or system messages are sent, the messages as sent are answered and nothing is kept but the run. A call that waits for a person ends the stream with an interrupt, whose id is the approval's; `resume` needs a key with the service `approvals`, decides it, and the same run goes on from there. Closing the connection cancels, unless the agent's `on_disconnect` is `continue`.",
    responses: agUiResponses,
    ...common,
    method: "POST",
    pattern: "/v2/agents/{key}/ag-ui",
    parameters: { key },
    reads: ["Idempotency-Key"],
    hasOwnGate: true,
    body: runInput,
    bodyBytesMax: RUN_INPUT_BYTES_MAX,
    handler: async (context) => (await import("./ag-ui.ts")).answerAgUi(services, context),
  });
}

function chatRoute(services: Services): Route {
  return defineRoute({
    summary: "Chat with an agent by the AI SDK's UI message stream",
    description:
      "What `useChat` sends and reads: `api` of its `DefaultChatTransport` is this path. `id` names a thread, whose messages are kept here: the last one of the user is what is said, and it is taken once by its id. `regenerate-message` answers it again; a message that was edited is a 409. Where `tools` of the client, their results, files or system messages are sent, the messages as sent are answered and nothing is kept but the run. A call that waits for a person is a `tool-approval-request` with which the stream ends; the client's answer to it needs a key with the service `approvals`, decides it, and the stream goes on from there.",
    responses: chatResponses,
    ...common,
    method: "POST",
    pattern: chat,
    parameters: { key },
    reads: ["Idempotency-Key"],
    hasOwnGate: true,
    body: chatBody,
    bodyBytesMax: CHAT_BODY_BYTES_MAX,
    handler: async (context) => (await import("./ui-chat.ts")).answerChat(services, context),
  });
}

function resumeRoute(services: Services): Route {
  return defineRoute({
    summary: "Resume the stream of an AI SDK chat",
    description:
      "The answer that is under way in the chat, from its start, also after a restart of the server; `useChat` asks for it with `resume: true`.",
    responses: resumeResponses,
    ...common,
    method: "GET",
    pattern: `${chat}/{id}/stream`,
    parameters: { key, id: { description: "As the client names its chat." } },
    handler: async (context) => (await import("./ui-chat.ts")).resumeChat(services, context),
  });
}

function heldRoute(services: Services): Route {
  return defineRoute({
    summary: "Read the messages of an AI SDK chat",
    description:
      "The newest 1,000 messages of the thread, oldest first: what `useChat` takes as `messages` where its page is loaded anew. Empty for a chat in which nothing was said. An answer that is under way is not among them: `/stream` has it.",
    responses: heldResponses,
    ...common,
    method: "GET",
    pattern: `${chat}/{id}/messages`,
    parameters: { key, id: { description: "As the client names its chat." } },
    handler: async (context) => (await import("./ui-chat.ts")).showChat(services, context),
  });
}
