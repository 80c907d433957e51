// POST /v1/chat/completions: stateless as its protocol is; with `metadata.conversation_key` the last
// user message goes to that conversation instead.

import type { ChatReply } from "../../../actors/records/conversation.ts";
import { traceOfRequest } from "../../../actors/trace/trace-context.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { answererOf, sourcesOf } from "../answers.ts";
import { chunkEvents } from "../chunk-schemas.ts";
import { chunkStream } from "../chunk-stream.ts";
import { type ChunkStyle, type StreamError, usageOf } from "../chunks.ts";
import { maxSpendOfHeader } from "../max-spend.ts";
import { answers } from "../openapi/responses.ts";
import { errorBody, errorReply, json } from "../reply.ts";
import { defineRoute, type Route, type RouteContext } from "../route.ts";
import type { HttpResponse } from "../server.ts";
import { checkFormat } from "../services/agent-checks.ts";
import type { Answering, Ask, Attached } from "../services/answering.ts";
import { callerOf } from "../services/caller.ts";
import { runOfFrameId } from "../services/chat.ts";
import type { HeldUp } from "../services/held-up.ts";
import { heldUpError } from "../services/held-up-error.ts";
import { onceKeyOf } from "../services/once.ts";
import type { Services } from "../services/services.ts";
import { lastUserText, messagesOf } from "./messages.ts";
import { targetOf } from "./model.ts";
import {
  type CompletionBody,
  checkRequest,
  completionBody,
  overridesOf,
  userOf,
} from "./request.ts";
import { completionSchema } from "./schemas.ts";
import { shownCalls, toolPointers } from "./tools.ts";

type Context = RouteContext<CompletionBody>;

const whole = answers(200, completionSchema, "The answer, or with `stream: true` its chunks.")[200];
const completionResponses: NonNullable<Route["responses"]> = {
  200: {
    description: "",
    ...whole,
    content: { ...whole?.content, "text/event-stream": chunkEvents },
  },
};

/** The route. */
export function completionRoute(services: Services): Route {
  return defineRoute({
    summary: "Ask an agent or a team as a model",
    description:
      "OpenAI's protocol: its SDKs work with this server as base URL. `model` is `agent:<agent_key>` or `team:<id>`; fields of the protocol that are not listed are taken and left alone. `tools` are run by the caller: a call ends the answer with `finish_reason` `tool_calls`, and the caller asks again with the whole history and the results. Nothing is stored but the run, unless `metadata.conversation_key` names a conversation: then only the last message of the user counts. A run that is held up is a 400 and goes on by itself: `approval_required` while a person has to decide, else `run_waiting`.",
    responses: completionResponses,
    method: "POST",
    pattern: "/v1/chat/completions",
    reads: ["Idempotency-Key", "Last-Event-ID", "X-Max-Spend"],
    service: "chat-completions",
    errors: "openai",
    hasOwnGate: true,
    body: completionBody,
    handler: async (context) => {
      const created = Math.floor(services.nowMs() / 1000);
      const agent = targetOf(context.body.model);
      const after = context.request.header("last-event-id");
      if (after !== undefined && after !== "" && context.body.stream) {
        const answering = await resumed(services, context, { agent, after });
        return chunkStream(answering, { ...styleOf(context, answering, created), after });
      }
      const answering = await started(services, context, agent);
      if (context.body.stream) {
        return chunkStream(answering, styleOf(context, answering, created));
      }
      const waited = await services.chat.wait(callerOf(context), answering);
      if (waited.status !== "completed") return heldUpReply(context, answering, waited.held);
      return json(200, completionOf(context.body.model, waited.reply, created));
    },
  });
}

async function started(services: Services, context: Context, agent: string): Promise<Answering> {
  const { body, request } = context;
  checkRequest(body);
  await checkFormat(body.response_format, "/response_format");
  const trace = traceOfRequest(request.header("traceparent"), request.id);
  const ask: Ask & { agent: string; stream: boolean } = {
    caller: callerOf(context),
    once: onceKeyOf(request, context.bodyBytes),
    signal: request.signal,
    agent,
    stream: body.stream ?? false,
    trace,
    limit: maxSpendOfHeader(request),
  };
  const messages = messagesOf(body.messages);
  const overrides = overridesOf(body);
  const conversation = body.metadata?.conversation_key;
  if (conversation === undefined) {
    const sent = { messages, overrides, pointers: toolPointers };
    return await services.chat.complete({ ...ask, ...userOf(body, true), ...sent });
  }
  if (overrides.tools !== undefined) {
    const why =
      "A conversation keeps texts alone: tools go with the whole history of a completion.";
    throw new RuntimeError("INVALID", why, { pointer: "/tools" });
  }
  const text = lastUserText(messages);
  return await services.chat.start({ ...ask, ...userOf(body, false), text, conversation });
}

/** Watches the run on that the event id names; it must be one of this model. */
async function resumed(
  { chat }: Services,
  context: Context,
  from: { readonly agent: string; readonly after: string },
): Promise<Attached> {
  const { tenant } = context.principal;
  const run = runOfFrameId(from.after);
  const found = await chat.find(tenant, run);
  if (found.agent !== from.agent) {
    throw new RuntimeError("NOT_FOUND", `Run ${run} is not of this model.`);
  }
  const options = { after: from.after, signal: context.request.signal };
  return { accepted: found.accepted, frames: await chat.attach(tenant, run, options) };
}

/** These protocols have no answer that is still to come: an error that says what it waits for, and where. */
export function heldUpReply(
  { request, route }: Pick<RouteContext, "request" | "route">,
  { accepted }: Pick<Attached, "accepted">,
  held: HeldUp,
): HttpResponse {
  const { run } = accepted;
  const place = { style: "openai", requestId: request.id, service: route.service } as const;
  // The status alone keeps most clients from sending it again; OpenAI's own asks this header.
  const headers = { Location: `/v2/runs/${run}`, "X-Should-Retry": "false" };
  return errorReply(heldUpError(run, held), place, headers);
}

function completionOf(model: string, reply: ChatReply, created: number): unknown {
  return {
    id: `chatcmpl-${reply.run_id}`,
    object: "chat.completion",
    created,
    model,
    choices: [
      {
        index: 0,
        message: messageOf(reply),
        logprobs: null,
        finish_reason: reply.finish_reason,
      },
    ],
    usage: usageOf(reply),
    run_id: reply.run_id,
    conversation_key: reply.conversation_key,
    routing_info: reply.routing_info,
    ...sourcesOf(reply),
    ...answererOf(reply),
    ...unperformed(reply),
  };
}

/** Its content is null where there are calls alone, as clients of the protocol expect. */
function messageOf({ response, tool_calls: calls }: ChatReply): object {
  const content = response === "" && calls !== undefined ? null : response;
  const message = { role: "assistant", content, refusal: null };
  return calls === undefined ? message : { ...message, tool_calls: shownCalls(calls) };
}

function unperformed({ unperformed_calls }: ChatReply): object {
  return unperformed_calls === undefined ? {} : { unperformed_calls };
}

function styleOf(context: Context, { accepted }: Attached, created: number): ChunkStyle {
  const { body, request, route } = context;
  const place = { style: "openai", requestId: request.id, service: route.service } as const;
  return {
    accepted,
    created,
    model: body.model,
    roleDelta: { role: "assistant", content: "" },
    usage: body.stream_options?.include_usage ? "own-chunk" : "none",
    first: () => ({ run_id: accepted.run, conversation_key: accepted.conversation_key }),
    last: (reply) => ({ ...sourcesOf(reply), ...answererOf(reply), ...unperformed(reply) }),
    error: (error) => errorBody(error, place) as StreamError,
  };
}
