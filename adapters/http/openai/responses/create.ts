// A response on its way: its run is asked, watched and kept in the words of the Responses protocol.

import type { ChatAccepted, ChatReply } from "../../../../actors/records/conversation.ts";
import type { ResponseNote } from "../../../../actors/records/response.ts";
import { traceOfRequest } from "../../../../actors/trace/trace-context.ts";
import { RuntimeError } from "../../../../runtime/errors.ts";
import { maxSpendOfHeader } from "../../max-spend.ts";
import { json } from "../../reply.ts";
import type { RouteContext } from "../../route.ts";
import type { HttpResponse } from "../../server.ts";
import { checkFormat } from "../../services/agent-checks.ts";
import type { Answering, Ask } from "../../services/answering.ts";
import { callerOf } from "../../services/caller.ts";
import type { ChatAsk, CompletionAsk } from "../../services/chat.ts";
import { MESSAGE_CHARS_MAX } from "../../services/chat.ts";
import { type OnceKey, onceKeyOf } from "../../services/once.ts";
import type { Services } from "../../services/services.ts";
import { heldUpReply } from "../completions.ts";
import { targetOf } from "../model.ts";
import type { ResponseBody } from "./body.ts";
import { runOfResponse } from "./ids.ts";
import { type Item, itemsOf, messagesOf, type Placed, resolved } from "./input.ts";
import { responseLimits } from "./limits.ts";
import { checkRequest, conversationOf, echoOf, overridesOf } from "./request.ts";
import { chainOf, checkedBytes, itemFinder, responseOfRun } from "./stored.ts";
import { responseStream } from "./stream.ts";
import { toolPointers } from "./tools.ts";
import { responseView } from "./view.ts";

type Context = RouteContext<ResponseBody>;

/** Answers POST /v1/responses. */
export async function createResponse(services: Services, context: Context): Promise<HttpResponse> {
  const { body } = context;
  const once = onceKeyOf(context.request, context.bodyBytes);
  checkRequest(body);
  const { ask, note } = await askOf(services, context, once);
  const isStored = body.store !== false;
  if (body.background === true && body.stream !== true) {
    const accepted = await services.chat.background(ask);
    const kept = await keptNote(services, context, { accepted, note });
    return json(200, responseView(accepted.run, kept, { status: "queued" }));
  }
  const answering = await begin(services, ask);
  const { accepted } = answering;
  const kept = isStored ? await keptNote(services, context, { accepted, note }) : note;
  if (body.stream === true) return responseStream(context, answering, { note: kept, after: null });
  const waited = await services.chat.wait(callerOf(context), answering);
  if (waited.status !== "completed") return heldUpReply(context, answering, waited.held);
  return json(200, completed(accepted.run, kept, waited.reply));
}

async function begin({ chat }: Services, ask: ChatAsk | CompletionAsk): Promise<Answering> {
  return "messages" in ask ? await chat.complete(ask) : await chat.start(ask);
}

function completed(run: string, note: ResponseNote, reply: ChatReply): object {
  return responseView(run, note, { status: "completed", reply });
}

/** What was kept: of a request that came before under its Idempotency-Key, what was kept then. */
async function keptNote(
  { system }: Services,
  { principal, request }: Context,
  { accepted, note }: { readonly accepted: ChatAccepted; readonly note: ResponseNote },
): Promise<ResponseNote> {
  if (request.header("idempotency-key") === undefined) return note;
  return (await responseOfRun(system, principal.tenant, accepted.run))?.note ?? note;
}

interface Asked {
  readonly ask: ChatAsk | CompletionAsk;
  readonly note: ResponseNote;
}

async function askOf(services: Services, context: Context, once: OnceKey | null): Promise<Asked> {
  const { body, request, principal } = context;
  const agent = targetOf(body.model);
  const items = await resolved(itemsOf(body.input), itemFinder(services.system, principal.tenant));
  const own = messagesOf(items, "/input");
  const note = noteFor(body, items, services.nowMs());
  const keptBytes = body.store === false ? 0 : checkedBytes(note);
  const trace = traceOfRequest(request.header("traceparent"), request.id);
  const ask: Ask & { agent: string; stream: boolean; user?: string; response?: ResponseNote } = {
    caller: callerOf(context),
    once,
    signal: request.signal,
    agent,
    stream: body.stream === true,
    trace,
    limit: maxSpendOfHeader(request),
    ...(body.store === false ? {} : { response: note }),
  };
  const conversation = conversationOf(body);
  if (conversation !== null) {
    const text = lastUserText(own);
    const rules = { onBusy: "enqueue", onDisconnect: "continue" } as const;
    return { note, ask: { ...ask, ...rules, text, conversation } };
  }
  const overrides = overridesOf(body);
  await checkFormat(body.text?.format, "/text/format");
  const { previous_response_id: previous } = body;
  const before = previous == null ? [] : await chainOf(services.system, principal.tenant, previous);
  const said = body.instructions ?? "";
  const first = said === "" ? [] : [instructed(said)];
  const placed = [...first, ...fitting([...before, ...own], body, keptBytes)];
  const messages = placed.map(({ message }) => message);
  if (!messages.some(({ role }) => role === "user")) {
    const what = "There is no message of a user, in input or before it.";
    throw new RuntimeError("INVALID", what, { pointer: "/input" });
  }
  const tools = toolPointers(body);
  const pointers = {
    message: (at: number): string => placed[at]?.pointer ?? "/previous_response_id",
    tool: (at: number): string => tools[at] ?? "/tools",
    choice: "/tool_choice",
  };
  const user = body.user ?? "";
  return { note, ask: { ...ask, ...(user === "" ? {} : { user }), messages, overrides, pointers } };
}

function instructed(content: string): Placed {
  return { message: { role: "system", content }, pointer: "/instructions" };
}

function noteFor(body: ResponseBody, items: readonly Item[], nowMs: number): ResponseNote {
  const { previous_response_id: previous } = body;
  return {
    created: Math.floor(nowMs / 1000),
    background: body.background === true,
    previous: previous == null ? null : runOfResponse(previous),
    conversation: conversationOf(body),
    items,
    echo: echoOf(body),
  };
}

/** @throws INVALID when there is none, or it is too long. */
function lastUserText(own: readonly Placed[]): string {
  const last = own.findLast(({ message }) => message.role === "user")?.message;
  const text = last?.content ?? "";
  if (text !== "" && text.length <= MESSAGE_CHARS_MAX) return text;
  const what = `input must hold a message of the user with 1 to ${MESSAGE_CHARS_MAX} characters of text.`;
  throw new RuntimeError("INVALID", what, { pointer: "/input" });
}

/** The messages, of which `truncation: "auto"` leaves out the oldest when they are too much. */
function fitting(all: readonly Placed[], body: ResponseBody, keptBytes: number): readonly Placed[] {
  const roomBytes = responseLimits.requestBytes - keptBytes;
  const sizes = all.map(({ message }) => Buffer.byteLength(JSON.stringify(message)));
  let bytes = sizes.reduce((sum, size) => sum + size, 0);
  let from = 0;
  const isOver = (): boolean => bytes > roomBytes;
  if (isOver() && body.truncation !== "auto") {
    const most = `Input and chain have at most ${roomBytes} bytes as messages here`;
    const text = `${most}, and these have ${bytes}: set truncation to auto, or send less.`;
    throw new RuntimeError("INVALID", text, { pointer: "/input" });
  }
  while (isOver() && from < all.length - 1) {
    bytes -= sizes[from] ?? 0;
    from += 1;
  }
  // No result of a tool stays without its call.
  while (from < all.length - 1 && all[from]?.message.role === "tool") from += 1;
  return all.slice(from);
}
