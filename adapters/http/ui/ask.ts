// What a client of a UI protocol says in a thread: the next message of a conversation that is kept here, or,
// where the client brings what only it knows (tools of its own and their results, files, system messages),
// an answer to the messages as it has sent them.

import { createHash } from "node:crypto";
import { traceOfRequest } from "../../../actors/trace/trace-context.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { SpendLimit } from "../max-spend.ts";
import type { RouteContext } from "../route.ts";
import type { Answering } from "../services/answering.ts";
import { callerOf } from "../services/caller.ts";
import type { ChatAsk, CompletionAsk } from "../services/chat.ts";
import { onceKeyOf } from "../services/once.ts";
import type { Services } from "../services/services.ts";
import { noteRun, openThread, reopenThread, type ThreadOf } from "./thread.ts";
import { knownConversation } from "./under-way.ts";

/** What every way of asking in a thread has in common. */
export interface ThreadAsk {
  readonly thread: ThreadOf;
  readonly user?: string;
  /** Under which it is taken once, beside the request's Idempotency-Key; null: each time anew. */
  readonly once: { readonly key: string; readonly body: unknown } | null;
  readonly onDisconnectElse?: "cancel";
  /** Of a run that it begins; one that is answered again has the limit that it had. */
  readonly limit: SpendLimit;
}

type Context = Pick<RouteContext, "principal" | "route" | "request" | "bodyBytes">;
type Own = Pick<CompletionAsk, "messages" | "overrides" | "pointers">;

/**
 * Says it in the thread's conversation.
 * @throws CONFLICT while what was said before waits for a decision.
 */
export async function say(
  services: Services,
  context: Context,
  ask: ThreadAsk & { readonly text: string },
): Promise<Answering> {
  const { system, conversations, chat } = services;
  const { tenant, target } = ask.thread;
  const conversation = await conversationIn(services, ask.thread);
  const isKnown = await conversations.belongs(tenant, target, conversation);
  if (isKnown) await refuseWaiting(services, tenant, conversation);
  const begin = (id: string, isOpen: boolean): Promise<Answering> =>
    chat.start({
      ...commonOf(context, ask),
      text: ask.text,
      conversation: isOpen ? id : null,
      opens: id,
    } satisfies ChatAsk);
  try {
    return await begin(conversation, isKnown);
  } catch (error) {
    const isGone = error instanceof RuntimeError && error.code === "NOT_FOUND" && !isKnown;
    if (!isGone) throw error;
    // Who deletes a conversation may go on in its thread: it begins anew.
    const nowMs = services.nowMs();
    const fresh = await reopenThread(system.tables, ask.thread, { gone: conversation, nowMs });
    if (fresh.conversation === conversation) throw error;
    return await begin(fresh.conversation, false);
  }
}

/** Answers the messages that were sent; nothing of them is kept but the run. */
export async function complete(
  services: Services,
  context: Context,
  ask: ThreadAsk & Own,
): Promise<Answering> {
  const { messages, overrides, pointers } = ask;
  const own: Own = { messages, overrides, ...(pointers && { pointers }) };
  const answering = await services.chat.complete({ ...commonOf(context, ask), ...own });
  const nowMs = services.nowMs();
  await noteRun(services.system.tables, ask.thread, { run: answering.accepted.run, nowMs });
  return answering;
}

/**
 * Answers the last message once more; the new answer takes the place of the last one.
 * @returns undefined when nothing was said in the thread yet.
 * @throws CONFLICT when the thread's last message is another one than `text`, CONVERSATION_BUSY.
 */
export async function answerAgain(
  services: Services,
  context: Context,
  ask: ThreadAsk & { readonly text: string },
): Promise<Answering | undefined> {
  const { conversations, chat } = services;
  const { tenant } = ask.thread;
  const conversation = await knownConversation(services, ask.thread);
  if (conversation === undefined) return undefined;
  const last = await conversations.last(tenant, conversation);
  const said = last.find(({ role }) => role === "user");
  if (said === undefined) return undefined;
  if (said.content !== ask.text) throw changedHistory();
  const { row } = await chat.find(tenant, last[0]?.run_id ?? said.run_id);
  const again = { of: row, way: "resume", entries: 0 } as const;
  return await chat.start({ ...commonOf(context, ask), ...again });
}

/** A client has changed what was said: that is kept here, and cannot be changed. */
export function changedHistory(): RuntimeError {
  const text =
    "What was said is kept here and cannot be changed: begin another thread with the changed message.";
  return new RuntimeError("CONFLICT", text);
}

/** A key of a conversation of the target is a thread too. */
async function conversationIn(services: Services, of: ThreadOf): Promise<string> {
  const { system, conversations, nowMs } = services;
  if (await conversations.belongs(of.tenant, of.target, of.id)) return of.id;
  return (await openThread(system.tables, of, nowMs())).conversation;
}

async function refuseWaiting(
  { conversations, approvals }: Services,
  tenant: string,
  conversation: string,
): Promise<void> {
  const { running } = await conversations.describe(tenant, conversation);
  if (running === null) return;
  const filter = { status: "pending", agent: null, tool: null, run: running } as const;
  const { items } = await approvals.list(tenant, { limit: 1 }, filter);
  const [pending] = items;
  if (pending === undefined) return;
  throw new RuntimeError(
    "CONFLICT",
    `The answer before this one waits for a decision about ${pending.tool}: decide ${pending.id} first.`,
    { current: { approval_id: pending.id, run_id: running } },
  );
}

function commonOf(context: Context, ask: ThreadAsk) {
  const { thread, user, once, onDisconnectElse, limit } = ask;
  const { request } = context;
  const caller = callerOf(context);
  const trace = traceOfRequest(request.header("traceparent"), request.id);
  const given = onceKeyOf(request, context.bodyBytes);
  const own = once && {
    key: hashOf([thread.target, caller.keyId ?? "", thread.id, once.key].join("\n")),
    bodyHash: hashOf(JSON.stringify(once.body)),
  };
  return {
    ...{ caller, agent: thread.target, once: given ?? own, signal: request.signal, stream: true },
    limit,
    trace,
    ...(user === undefined ? {} : { user }),
    ...(onDisconnectElse === undefined ? {} : { onDisconnectElse }),
  };
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
