// What a thread holds: its messages, the run that is under way in it, and a connection to one.

import type { MessageRecord } from "../../../actors/records/conversation.ts";
import { accepting, targetPlace } from "../../../actors/targets.ts";
import type { HttpRequest } from "../server.ts";
import type { Answering } from "../services/answering.ts";
import type { Services } from "../services/services.ts";
import { findThread, type ThreadOf } from "./thread.ts";

/** The thread's conversation if something was said in it; a key of one of the target is a thread too. */
export async function knownConversation(
  { system, conversations }: Services,
  of: ThreadOf,
): Promise<string | undefined> {
  const isTheirs = async (id: string): Promise<boolean> =>
    (await conversations.belongs(of.tenant, of.target, id)) &&
    (of.boundTo == null ||
      (await conversations.describe(of.tenant, id)).row.user_key === of.boundTo);
  if (await isTheirs(of.id)) return of.id;
  const thread = await findThread(system.tables, of);
  if (thread === undefined) return undefined;
  return (await isTheirs(thread.conversation)) ? thread.conversation : undefined;
}

/** The newest messages of a thread that are shown. */
const KEPT_MESSAGES_MAX = 1_000;

/** The newest messages that are kept of a thread, oldest first. */
export async function keptMessages(
  services: Services,
  of: ThreadOf,
): Promise<readonly MessageRecord[]> {
  const conversation = await knownConversation(services, of);
  if (conversation === undefined) return [];
  const { conversations } = services;
  return (await conversations.last(of.tenant, conversation, KEPT_MESSAGES_MAX)).toReversed();
}

/** The run that answers in a thread now. */
export async function runUnderWay(services: Services, of: ThreadOf): Promise<string | undefined> {
  const { system, conversations } = services;
  const conversation = await knownConversation(services, of);
  if (conversation !== undefined) {
    const { running } = await conversations.describe(of.tenant, conversation);
    if (running !== null) return running;
  }
  const run = (await findThread(system.tables, of))?.run ?? null;
  if (run === null) return undefined;
  const row = await system.run(of.tenant, run);
  return row?.endedAt === null ? run : undefined;
}

/** How a run is followed. */
export interface Following {
  readonly tenant: string;
  readonly run: string;
  readonly request: Pick<HttpRequest, "signal">;
  /** Whether it is cancelled when its last viewer goes. Default false. */
  readonly cancelOnLeave?: boolean;
}

/** Follows a run from its start on. */
export async function attached(
  { chat }: Services,
  { tenant, run, request, cancelOnLeave = false }: Following,
): Promise<Answering> {
  const over = new AbortController();
  const signal = AbortSignal.any([request.signal, over.signal]);
  const options = { signal, cancelOnLeave, over: over.signal };
  const frames = await chat.attach(tenant, run, options);
  const { accepted } = await chat.find(tenant, run);
  return { accepted, frames, letGo: () => over.abort() };
}

/** Whether closing a connection cancels, where a protocol says so and the target nothing else. */
export async function isCancelledByClosing(
  { system }: Services,
  { tenant, target }: Pick<ThreadOf, "tenant" | "target">,
): Promise<boolean> {
  const row = await system.tables.get(tenant, targetPlace(target).current, target);
  return (accepting(target, row?.value, "")?.onDisconnect ?? "cancel") === "cancel";
}
