// Document 001's chat: the whole answer in the envelope, or chat.completion.chunk events.

import { onBusy, onDisconnect } from "../../../actors/records/agent.ts";
import { type AgentRow, agentTables, versionId } from "../../../actors/records/agent-version.ts";
import type { ChatReply } from "../../../actors/records/conversation.ts";
import { userKey } from "../../../actors/records/memory.ts";
import { costOf } from "../../../actors/records/price.ts";
import { type Static, Type } from "../../../actors/schema.ts";
import { traceOfRequest } from "../../../actors/trace/trace-context.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { answererOf, sourcesOf, spendOf } from "../answers.ts";
import { chunkEvents } from "../chunk-schemas.ts";
import { chunkStream } from "../chunk-stream.ts";
import { type ChunkStyle, type StreamError, usageOf } from "../chunks.ts";
import { maxSpendField, maxSpendOf } from "../max-spend.ts";
import { envelope, errorBody } from "../reply.ts";
import { defineRoute, type Route, type RouteContext } from "../route.ts";
import type { HttpResponse } from "../server.ts";
import type { Answering, Attached, Found } from "../services/answering.ts";
import { callerOf } from "../services/caller.ts";
import { type ChatAsk, MESSAGE_CHARS_MAX, runOfFrameId } from "../services/chat.ts";
import { onceKeyOf } from "../services/once.ts";
import type { Services } from "../services/services.ts";
import { waitingView } from "../services/waiting.ts";
import { chatSchema, enveloped, waitingSchema } from "./schemas.ts";

/** What a client sends. */
export const chatBody = Type.Object(
  {
    agent_key: Type.String({ minLength: 1, maxLength: 64 }),
    message: Type.String({ minLength: 1, maxLength: MESSAGE_CHARS_MAX }),
    conversation_key: Type.Optional(
      Type.Union([Type.String({ minLength: 1, maxLength: 64 }), Type.Null()]),
    ),
    /** Who speaks; decides whose memory is used. */
    user_key: Type.Optional(Type.Union([userKey, Type.Null()])),
    stream: Type.Optional(Type.Boolean()),
    on_busy: Type.Optional(onBusy),
    on_disconnect: Type.Optional(onDisconnect),
    max_spend: Type.Optional(maxSpendField),
  },
  { additionalProperties: false },
);

type Context = RouteContext<Static<typeof chatBody>>;

const answered = enveloped(chatSchema, "The answer, or with `stream: true` its chunks.")[200];
const chatResponses: NonNullable<Route["responses"]> = {
  200: {
    description: "",
    ...answered,
    content: { ...answered?.content, "text/event-stream": chunkEvents },
  },
  ...enveloped(waitingSchema, "The run is held up, `waits` says by what, and goes on by itself.", {
    status: 202,
    headers: ["Location"],
  }),
};

/** The chat route. */
export function chatRoutes(services: Services): readonly Route[] {
  return [
    defineRoute({
      summary: "Send a message",
      description:
        "Costs 0.001 units by default, when it is answered. Without `conversation_key` it begins a conversation. With `stream: true` the answer comes as chunks; a connection that is cut loses nothing: the same request with `Last-Event-ID` goes on behind that event and starts no run. `on_busy` says what becomes of a message while another is answered.",
      responses: chatResponses,
      reads: ["Idempotency-Key", "Last-Event-ID"],
      method: "POST",
      pattern: "/v1/proxy/core-agent-chat",
      service: "core-agent-chat",
      errors: "envelope",
      hasOwnGate: true,
      body: chatBody,
      handler: async (context) => {
        const after = context.request.header("last-event-id");
        if (after !== undefined && after !== "") return await resume(services, context, after);
        const ask = askOf(context);
        const answering = await services.chat.start(ask);
        if (!ask.stream) return await whole(services, context, answering);
        return chunkStream(answering, styleOf(services, context, answering));
      },
    }),
  ];
}

function askOf(context: Context): ChatAsk {
  const { body, request } = context;
  const trace = traceOfRequest(request.header("traceparent"), request.id);
  return {
    caller: callerOf(context),
    once: onceKeyOf(request, context.bodyBytes),
    signal: request.signal,
    agent: body.agent_key,
    text: body.message,
    conversation: body.conversation_key ?? null,
    stream: body.stream ?? false,
    ...(body.user_key == null ? {} : { user: body.user_key }),
    ...(body.on_busy === undefined ? {} : { onBusy: body.on_busy }),
    ...(body.on_disconnect === undefined ? {} : { onDisconnect: body.on_disconnect }),
    trace,
    limit: maxSpendOf(body.max_spend),
  };
}

async function whole(
  { chat }: Services,
  context: Context,
  answering: Answering,
): Promise<HttpResponse> {
  const waited = await chat.wait(callerOf(context), answering);
  if (waited.status !== "completed") {
    const { accepted } = answering;
    const view = waitingView(accepted, waited);
    const data = { agent_key: context.body.agent_key, ...view };
    const headers = { Location: `/v2/runs/${accepted.run}` };
    return envelope(context, data, { status: 202, headers });
  }
  const { reply, balanceMicros } = waited;
  const cost = costOf(reply.charge, balanceMicros);
  return envelope(context, chatData(reply), { cost });
}

/** The answer in the order of the document; what it does not name comes after. */
export function chatData(reply: ChatReply): Readonly<Record<string, unknown>> {
  const { response, agent_key, conversation_key, routing_info, output, ...rest } = reply;
  return {
    response,
    agent_key,
    conversation_key,
    routing_info,
    frontend_trigger: rest.frontend_trigger,
    data_collection: rest.data_collection,
    ...sourcesOf(reply),
    run_id: rest.run_id,
    message_id: rest.message_id,
    model: rest.model,
    ...answererOf(reply),
    finish_reason: rest.finish_reason,
    usage: { ...usageOf(reply), ...spendOf(reply) },
    ...(rest.escalated_to === undefined ? {} : { escalated_to: rest.escalated_to }),
    ...(output === undefined ? {} : { output }),
  };
}

/** The same request with the id of the last event seen: watches that run on, starts none. */
async function resume(services: Services, context: Context, after: string): Promise<HttpResponse> {
  const { body, request, principal } = context;
  const run = runOfFrameId(after);
  const found = await services.chat.find(principal.tenant, run);
  const { conversation_key } = found.accepted;
  const isOther =
    found.agent !== body.agent_key ||
    (body.conversation_key ?? conversation_key) !== conversation_key;
  if (isOther) {
    throw new RuntimeError("NOT_FOUND", `Run ${run} is not of this agent and conversation.`);
  }
  const model = await modelOf(services, principal.tenant, found);
  const options = { after, signal: request.signal };
  const frames = await services.chat.attach(principal.tenant, run, options);
  const answering = { accepted: { ...found.accepted, model }, frames };
  return chunkStream(answering, { ...styleOf(services, context, answering), after });
}

async function modelOf(services: Services, tenant: string, run: Found): Promise<string> {
  const id = versionId(run.agent, run.accepted.agent_version);
  const row = await services.system.tables.get(tenant, agentTables.agentVersions, id);
  return (row?.value as AgentRow | undefined)?.agent.model_name ?? "";
}

function styleOf(services: Services, context: Context, { accepted }: Attached): ChunkStyle {
  const place = {
    style: "envelope",
    requestId: context.request.id,
    service: context.route.service,
  } as const;
  return {
    accepted,
    model: accepted.model === "" ? "default" : accepted.model,
    created: Math.floor(services.nowMs() / 1000),
    roleDelta: { role: "assistant" },
    usage: "with-finish",
    first: () => ({ run_id: accepted.run, conversation_key: accepted.conversation_key }),
    last: (reply, balanceMicros) => ({
      frontend_trigger: reply.frontend_trigger,
      data_collection: reply.data_collection,
      ...sourcesOf(reply),
      ...answererOf(reply),
      ...(balanceMicros === undefined ? {} : { cost: costOf(reply.charge, balanceMicros) }),
    }),
    error: (error) => errorBody(error, place) as StreamError,
  };
}
