// Starting and watching answers: one user message to a conversation, one stateless completion, and
// attaching to a run that is under way. What the surfaces differ in is only how they write frames.

import { checkClientParts, type Pointers } from "../../../actors/client-tools.ts";
import type { AgainMessage } from "../../../actors/conversation-again.ts";
import type { FlowFork } from "../../../actors/flow/fork.ts";
import type { Prices } from "../../../actors/money/catalogue.ts";
import type { Compute } from "../../../actors/ports.ts";
import type { PinnedPrompts } from "../../../actors/prompts/prompt.ts";
import type {
  ChatAccepted,
  ChatMessage,
  CompletionMessage,
} from "../../../actors/records/conversation.ts";
import { reaches } from "../../../actors/records/resource-scope.ts";
import type { ResponseNote } from "../../../actors/records/response.ts";
import { type Accepting, accepting, targetNamed, targetPlace } from "../../../actors/targets.ts";
import type { TurnInput } from "../../../actors/turn-input.ts";
import { type Address, address, addressParts } from "../../../runtime/address.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { type Frame, parseFrameId, rootRunOf } from "../../../runtime/frame.ts";
import { newId } from "../../../runtime/id.ts";
import type { RunRow, System } from "../../../runtime/system.ts";
import type { WebhookSecrets } from "../../webhooks/secrets.ts";
import type { WorkGate } from "../gate/work-gate.ts";
import type { Caller } from "./agent-store.ts";
import {
  type Answering,
  type Ask,
  type Found,
  follow,
  foundRun,
  inGate,
  peeked,
  sendOptions,
  speakerOf,
  watched,
} from "./answering.ts";
import type { ApprovalService } from "./approvals.ts";
import { withCharges } from "./charges.ts";
import { givenOf } from "./chat-given.ts";
import { type ConversationService, conversationAddress, notTheirs } from "./conversations.ts";
import { withOwnRounds } from "./own-rounds.ts";
import type { Pictured } from "./pictured.ts";
import { mayHavePrompts, settlePrompts } from "./run-prompts.ts";
import type { GuardParts, screenMessage } from "./screening.ts";
import { createSubscribers, type Subscription } from "./subscribers.ts";
import { operationsOf } from "./tenant-prices.ts";
import { type Waited, waitFor } from "./waiting.ts";

/** Longest message of a user, in characters. */
export const MESSAGE_CHARS_MAX = 200_000;

/** One user message to an agent, a team or a workflow. */
export interface ChatAsk extends Ask, Pictured {
  /** Id of what is to answer. */
  readonly agent: string;
  readonly text: string;
  /** Typed input of a workflow, whose JSON is the text. */
  readonly data?: Readonly<Record<string, unknown>>;
  /** Values of variables of the agent's prompt. */
  readonly variables?: Readonly<Record<string, unknown>>;
  /** Null opens a new conversation. */
  readonly conversation: string | null;
  /** Id that a new conversation gets. Default: made here. */
  readonly opens?: string;
  /** Who speaks, as the application names its users. */
  readonly user?: string;
  readonly stream: boolean;
  /** No frames but what a caller needs who waits for the end. Default: of what is not streamed. */
  readonly endOnly?: boolean;
  readonly onBusy?: ChatMessage["on_busy"];
  /** Address that is told of the run's end. */
  readonly webhook?: string;
  readonly tells?: ChatMessage["tells"];
  /** Nobody waits for it: of an agent with an origin so many work at once. */
  readonly atOnce?: number;
  /** How long its run may work. Default `limits.runMs`. */
  readonly timeoutMs?: number;
  readonly onDisconnect?: "continue" | "cancel";
  /** The same where what is asked says nothing itself. Default "continue". */
  readonly onDisconnectElse?: "continue" | "cancel";
  /** Kept beside the message. */
  readonly response?: ResponseNote;
}

/** A stateless completion. */
export interface CompletionAsk extends Ask {
  readonly agent: string;
  readonly user?: string;
  readonly messages: CompletionMessage["messages"];
  readonly overrides: CompletionMessage["overrides"];
  /** Where tools and messages stand in the request. Default `/tools/n`, `/messages/n`. */
  readonly pointers?: Pointers;
  readonly stream: boolean;
  /** Whether it is cancelled with its last viewer, where what is asked says nothing. Default: it never is. */
  readonly onDisconnectElse?: "continue" | "cancel";
  /** Kept beside the run. */
  readonly response?: ResponseNote;
}

/** A run once more, from an entry of its log on (actors/conversation-again.ts). */
export interface AgainAsk extends Ask {
  /** Row of the run. */
  readonly of: RunRow;
  readonly way: "resume" | "fork";
  readonly entries: number;
  /** Of a workflow: where it begins to work, and on which state. */
  readonly fork?: FlowFork;
  readonly stream: boolean;
}

/** Starts, waits for and watches answers. */
export interface ChatService {
  /** Resolves when the accept is on disk. @throws what it was refused with. */
  start(ask: ChatAsk | AgainAsk): Promise<Answering>;
  complete(ask: CompletionAsk): Promise<Answering>;
  /** Starts and does not wait. */
  background(ask: ChatAsk | CompletionAsk | AgainAsk): Promise<ChatAccepted>;
  /** Reads an answer to its end, or until people have to decide. @throws the error the run ended with. */
  wait(caller: Caller, answering: Answering): Promise<Waited>;
  /** A run of the tenant. @throws NOT_FOUND. */
  find(tenant: string, run: string): Promise<Found>;
  /**
   * Frames of a run from a frame id on (exclusive); `run` may be a child's. With `cancelOnLeave` it is
   * cancelled when its last viewer goes, unless `over` has aborted before: then it is left to itself.
   * @throws EVENTS_TRIMMED and what else is known before the first frames are awaited.
   */
  attach(
    tenant: string,
    run: string,
    options: AttachOptions,
  ): Promise<AsyncIterable<readonly Frame[]>>;
}

/** How a run is attached to. */
export interface AttachOptions {
  readonly after?: string;
  readonly signal: AbortSignal;
  readonly endOnly?: boolean;
  readonly cancelOnLeave?: boolean;
  readonly over?: AbortSignal;
}

const TARGET_ID = /^(ag|tm|wf)_[A-Za-z0-9]{1,61}$/;

interface Parts extends GuardParts {
  readonly system: System;
  readonly approvals: Pick<ApprovalService, "list">;
  readonly conversations: ConversationService;
  readonly gate: WorkGate;
  readonly compute: Compute;
  readonly webhookSecrets: WebhookSecrets;
  readonly prices: Prices;
  nowMs(): number;
}

/** The service over a system. */
export function createChatService(parts: Parts): ChatService {
  const { system, gate } = parts;
  const subscribers = createSubscribers((tenant, run) =>
    system.cancel(tenant, run, "its caller went away").catch(ignoreEnded),
  );
  const begin = (ask: AnyAsk): Promise<Answering> =>
    inGate(gate, ask, async () => {
      const { to, message, cancelOnLeave } = await prepare(parts, ask);
      const endOnly = ("endOnly" in ask ? ask.endOnly : undefined) ?? !ask.stream;
      const options = { ...sendOptions(ask), signal: ask.signal, endOnly };
      const frames = system.stream(to, message, options);
      const watch = { tenant: ask.caller.tenant, cancelOnLeave, subscribers };
      return await follow(frames, watch);
    });
  return {
    start: begin,
    complete: begin,
    background: async (ask) => {
      const accept = async (): Promise<ChatAccepted> => {
        const { to, message } = await prepare(parts, ask);
        return (await system.ask(to, message, sendOptions(ask))) as ChatAccepted;
      };
      return await gate.chats.pass(ask.caller.tenant, ask.caller.keyId ?? "", ask, accept);
    },
    wait: async (caller, answering) => await waitFor(parts, caller, answering),
    find: async (tenant, run) => {
      return foundRun(run, await system.run(tenant, rootRunOf(run)));
    },
    attach: async (tenant, run, { cancelOnLeave = false, over, ...options }) => {
      const join = (): Subscription => {
        const joined = subscribers.join(tenant, rootRunOf(run), cancelOnLeave);
        over?.addEventListener("abort", () => joined.leave(true), { once: true });
        return joined;
      };
      return await peeked(watched(system.follow(tenant, run, options), join));
    },
  };
}

/** The run a frame id names. @throws INVALID when it is none. */
export function runOfFrameId(id: string): string {
  const cursor = parseFrameId(id);
  if (cursor !== null) return rootRunOf(cursor.run);
  throw new RuntimeError("INVALID", "Last-Event-ID must be the id of an event of a run.");
}

/** The id of a new conversation, or the given one if it is this agent's. @throws NOT_FOUND. */
async function conversationOf(parts: Parts, ask: ChatAsk): Promise<string> {
  const { conversations } = parts;
  const { tenant } = ask.caller;
  const id = ask.conversation;
  if (id === null) return ask.opens ?? newId("cv", parts.nowMs());
  if (await conversations.belongs(tenant, ask.agent, id)) return id;
  // Nothing in this agent's list: the actor knows whether it is another agent's, or nobody's.
  const { row } = await conversations.describe(tenant, id);
  if (row.agent_key === ask.agent) return id;
  throw notTheirs(ask, row);
}

/** What is asked, as it is now. @throws NOT_FOUND. */
async function targetOf(system: System, caller: Caller, id: string): Promise<Accepting> {
  const { tenant, allowedResources: allowed } = caller;
  const isThere = TARGET_ID.test(id) && reaches(allowed, id);
  const found = isThere ? await system.tables.get(tenant, targetPlace(id).current, id) : undefined;
  const target = accepting(id, found?.value, "");
  if (target !== undefined) return target;
  throw new RuntimeError("NOT_FOUND", `${targetNamed(id.slice(0, 64))} does not exist.`);
}

type AnyAsk = ChatAsk | CompletionAsk | AgainAsk;

interface Prepared {
  readonly to: Address;
  readonly message: ChatMessage | CompletionMessage | AgainMessage;
  readonly cancelOnLeave: boolean;
}

async function prepare(parts: Parts, ask: AnyAsk): Promise<Prepared> {
  const { to, message, cancelOnLeave } = await prepared(parts, ask);
  const agent = message.type === "again" ? message.input.agent : message.agent;
  const place = { tables: parts.system.tables, nowMs: parts.nowMs };
  return { to, message: await withCharges(place, message, { to, agent }), cancelOnLeave };
}

async function prepared(parts: Parts, ask: AnyAsk): Promise<Prepared> {
  if ("of" in ask) return await prepareAgain(parts, ask);
  return "messages" in ask ? await prepareCompletion(parts, ask) : await prepareChat(parts, ask);
}

async function prepareCompletion(parts: Parts, ask: CompletionAsk): Promise<Prepared> {
  const { tenant } = ask.caller;
  checkClientParts(ask, ask.pointers);
  const { agent } = ask;
  const messages = await withOwnRounds(parts.system, { tenant, agent }, ask.messages);
  const target = await targetOf(parts.system, ask.caller, ask.agent);
  const conversation = newId("cm", parts.nowMs());
  await checkNames(parts, ask, conversation);
  const to = address({ kind: "completion", tenant, root: conversation });
  const prompts = await promptsFor(parts, ask, { target, conversation });
  const otherwise = ask.onDisconnectElse;
  const onDisconnect = otherwise === undefined ? "continue" : (target.onDisconnect ?? otherwise);
  const sent = await completionMessage(parts, { ...ask, messages }, prompts);
  const message = await screened({ ...parts, ...ask, root: conversation }, target, sent);
  return { to, message, cancelOnLeave: onDisconnect === "cancel" };
}

/** Loaded by the first message. @throws GUARDRAIL_BLOCKED. */
const screened: typeof screenMessage = async (...of) =>
  await (await import("./screening.ts")).screenMessage(...of);

/** @throws CONFLICT for a run without a conversation: what it was to answer is gone. */
async function prepareAgain(parts: Parts, ask: AgainAsk): Promise<Prepared> {
  const { of, way, entries, stream, caller, fork } = ask;
  if (addressParts(of.parent).kind !== "conversation") {
    throw new RuntimeError("CONFLICT", `Run ${of.id} answers no message of a conversation.`);
  }
  const { keyId, service } = caller;
  const message: AgainMessage = {
    type: "again",
    way,
    from: { run: of.id, entries },
    kind: of.kind,
    input: { ...(of.input as TurnInput), ...(fork && { fork }) },
    stream,
    priceMicros: (await operationsOf(parts, caller.tenant)).chat,
    service,
    ...(keyId === null ? {} : { keyId }),
  };
  return { to: of.parent, message, cancelOnLeave: false };
}

/** Of tools for an agent; what is a team or has a graph refuses them all. */
async function checkNames(
  { system }: Parts,
  { agent, caller, overrides, pointers }: CompletionAsk,
  conversation: string,
): Promise<void> {
  const { tools = [] } = overrides;
  if (tools.length === 0) return;
  const { tables } = system;
  const row = await tables.get(caller.tenant, targetPlace(agent).current, agent);
  // A canary answers some of them.
  const target = accepting(agent, row?.value, conversation);
  if (target?.runKind !== "supervisor") return;
  const place = { tables, tenant: caller.tenant };
  // Loaded by the first caller that has tools.
  const { checkToolNames } = await import("./tool-names.ts");
  await checkToolNames(place, { agent, version: target.version }, tools, pointers);
}

async function prepareChat(parts: Parts, ask: ChatAsk): Promise<Prepared> {
  const { tenant, keyId, service } = ask.caller;
  const target = await targetOf(parts.system, ask.caller, ask.agent);
  // Signed with a secret that its owner can look at before the run has ended.
  if (ask.webhook !== undefined) await parts.webhookSecrets.get(tenant);
  const conversation = await conversationOf(parts, ask);
  const to = conversationAddress(tenant, conversation);
  const prompts = await promptsFor(parts, ask, { target, conversation });
  const sent: ChatMessage = {
    type: "chat",
    agent: ask.agent,
    text: ask.text,
    ...givenOf(ask),
    ...(prompts && { prompts }),
    stream: ask.stream,
    priceMicros: (await operationsOf(parts, tenant)).chat,
    service,
    ...speakerOf(ask),
    ...(keyId === null ? {} : { keyId }),
    ...ask.limit,
  };
  const left = await screened({ ...parts, ...ask, root: conversation }, target, sent);
  const images = await ask.keep?.(conversation);
  const message: ChatMessage = { ...left, ...(images && { images }) };
  const onDisconnect =
    ask.onDisconnect ?? target.onDisconnect ?? ask.onDisconnectElse ?? "continue";
  return { to, message, cancelOnLeave: onDisconnect === "cancel" };
}

/** What is settled of the prompts of whom is asked. @throws as settlePrompts. */
async function promptsFor(
  { system }: Parts,
  { agent: id, caller, variables }: Pick<ChatAsk, "agent" | "caller" | "variables">,
  { target, conversation }: { readonly target: Accepting; readonly conversation: string },
): Promise<PinnedPrompts | null> {
  if (variables === undefined && !mayHavePrompts(target)) return null;
  const place = { tables: system.tables, tenant: caller.tenant };
  return await settlePrompts(place, { target: id, conversation }, variables);
}

async function completionMessage(
  parts: Parts,
  ask: CompletionAsk,
  prompts: PinnedPrompts | null,
): Promise<CompletionMessage> {
  const { tenant, keyId, service } = ask.caller;
  return {
    type: "complete",
    agent: ask.agent,
    messages: ask.messages,
    stream: ask.stream,
    overrides: ask.overrides,
    ...(prompts && { prompts }),
    priceMicros: (await operationsOf(parts, tenant)).chat,
    service,
    ...speakerOf(ask),
    ...(ask.response && { response: ask.response }),
    ...(keyId === null ? {} : { keyId }),
    ...ask.limit,
  };
}

function ignoreEnded(error: unknown): void {
  // Whatever it was, the run is not ours to cancel any more; its own record says how it ended.
  if (!(error instanceof RuntimeError)) throw error;
}
