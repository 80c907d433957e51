// How the requests of an AI SDK chat are answered: POST /ui-chat with a message, a decision or a tool's
// result, GET /ui-chat/{id}/stream with what is under way.

import { plainPointers } from "../../../actors/client-tools.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { targetOf } from "../../a2a/target.ts";
import { maxSpendOf } from "../max-spend.ts";
import { json, noContent } from "../reply.ts";
import type { RouteContext } from "../route.ts";
import type { HttpResponse } from "../server.ts";
import type { Answering } from "../services/answering.ts";
import { MESSAGE_CHARS_MAX } from "../services/chat.ts";
import type { Services } from "../services/services.ts";
import { answerAgain, changedHistory, complete, say, type ThreadAsk } from "./ask.ts";
import type { ChatBody } from "./chat-body.ts";
import { ChunkWriter } from "./chunk-writer.ts";
import { decideAll } from "./decide.ts";
import { runStream } from "./run-stream.ts";
import type { Reading } from "./shown.ts";
import type { ThreadOf } from "./thread.ts";
import {
  decisionsIn,
  keptMessage,
  messageIdOf,
  needsWhole,
  promptOf,
  textOf,
} from "./ui-messages.ts";
import { attached, keptMessages, knownConversation, runUnderWay } from "./under-way.ts";

type Context = RouteContext<ChatBody>;

const HEADERS = { "x-vercel-ai-ui-message-stream": "v1" } as const;
const NOTHING: ReadonlySet<string> = new Set();

/** Answers POST /v2/agents/{key}/ui-chat. */
export async function answerChat(services: Services, context: Context): Promise<HttpResponse> {
  const { principal, params, body } = context;
  const { tenant, boundTo } = principal;
  const { id: target } = await targetOf(services, tenant, params["key"] ?? "");
  const last = body.messages.at(-1);
  const decisions = decisionsIn(body);
  // A message of the assistant that the client goes on with keeps its id, or it would be there twice.
  const messageId = last?.role === "assistant" ? last.id : undefined;
  if (decisions.length > 0) {
    const continued = await decideAll(services, context, { target, decisions });
    return chunkStream(services, { tenant, ...continued }, messageId);
  }
  const answering = await asked(services, context, {
    ...{ tenant, target, boundTo },
    id: body.id,
  });
  return chunkStream(services, { tenant, answering, decided: NOTHING }, messageId);
}

/** Answers GET /v2/agents/{key}/ui-chat/{id}/stream. */
export async function resumeChat(
  services: Services,
  { principal, params, request }: RouteContext<undefined>,
): Promise<HttpResponse> {
  const { tenant, boundTo } = principal;
  const { id: target } = await targetOf(services, tenant, params["key"] ?? "");
  const run = await runUnderWay(services, {
    ...{ tenant, target, boundTo },
    id: params["id"] ?? "",
  });
  if (run === undefined) return noContent(HEADERS);
  const answering = await attached(services, { tenant, run, request });
  return chunkStream(services, { tenant, answering, decided: NOTHING }, undefined);
}

/** Answers GET /v2/agents/{key}/ui-chat/{id}/messages. */
export async function showChat(
  services: Services,
  { principal, params }: RouteContext<undefined>,
): Promise<HttpResponse> {
  const { tenant, boundTo } = principal;
  const { id: target } = await targetOf(services, tenant, params["key"] ?? "");
  const kept = await keptMessages(services, {
    ...{ tenant, target, boundTo },
    id: params["id"] ?? "",
  });
  return json(200, { messages: kept.map(keptMessage) });
}

async function asked(services: Services, context: Context, thread: ThreadOf): Promise<Answering> {
  const { body } = context;
  const isAgain = body.trigger === "regenerate-message";
  const lastUser = body.messages.findLast(({ role }) => role === "user");
  const text = lastUser === undefined ? "" : textOf(lastUser);
  const ask: ThreadAsk = {
    thread,
    once: isAgain ? null : { key: onceIn(body), body: text },
    ...(body.user_key == null ? {} : { user: body.user_key }),
    limit: maxSpendOf(body.max_spend),
  };
  if (needsWhole(body)) return await completed(services, context, ask);
  if (body.messages.at(-1)?.role !== "user") {
    const message = "The last message is the user's, or holds a decision or a tool's result.";
    const pointer = `/messages/${body.messages.length - 1}/role`;
    throw new RuntimeError("INVALID", message, { pointer });
  }
  if (text === "" || text.length > MESSAGE_CHARS_MAX) {
    const message = `The message of the user has 1 to ${MESSAGE_CHARS_MAX} characters of text.`;
    const pointer = `/messages/${body.messages.length - 1}/parts`;
    throw new RuntimeError("INVALID", message, { pointer });
  }
  if (isAgain) {
    const again = await answerAgain(services, context, { ...ask, text });
    if (again !== undefined) return again;
  } else if (body.messageId != null && (await knownConversation(services, thread)) !== undefined) {
    // A message that was sent before has been edited.
    throw changedHistory();
  }
  return await say(services, context, { ...ask, text });
}

/** The messages as they are, with the client's tools. */
async function completed(services: Services, context: Context, ask: ThreadAsk): Promise<Answering> {
  const { body } = context;
  const placed = promptOf(body);
  const tools = (body.tools ?? []).map(({ name, description = "", inputSchema: parameters }) => ({
    ...{ name, description, parameters },
  }));
  const messages = placed.map(({ message }) => message);
  const pointers = {
    ...plainPointers,
    message: (at: number) => placed[at]?.pointer ?? "/messages",
  };
  const once = ask.once && { key: JSON.stringify(body.messages), body: tools };
  const overrides = tools.length > 0 ? { tools } : {};
  return await complete(services, context, { ...ask, once, messages, pointers, overrides });
}

/** A message of the user is taken once by its id. */
function onceIn({ messages }: ChatBody): string {
  const user = messages.findLast(({ role }) => role === "user");
  return `message ${user?.id ?? ""}`;
}

function chunkStream(
  services: Services,
  reading: Reading,
  messageId: string | undefined,
): HttpResponse {
  const { run, conversation_key: conversation } = reading.answering.accepted;
  const style = { run, conversation, messageId: messageId ?? messageIdOf(run) };
  const parts = { headers: HEADERS, last: "[DONE]" };
  return runStream(services, reading, new ChunkWriter(style), parts);
}
