// A call of a tool as a run: started once, shown while it goes on, waited for, cancelled when its caller
// says so. What it waits for a person to decide is asked of the person at the client where that can be.

import {
  type CallToolResult,
  CLIENT_CAPABILITIES_META_KEY,
  type ClientCapabilities,
  type InputRequiredResult,
  inputRequired,
  inputResponse,
  ProtocolError,
  ProtocolErrorCode,
  type ServerContext,
} from "@modelcontextprotocol/server";
import type { Approval } from "../../actors/records/approval.ts";
import type { Static } from "../../actors/schema.ts";
import { traceOfRequest } from "../../actors/trace/trace-context.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { rootRunOf } from "../../runtime/frame.ts";
import { inputOf } from "../http/platform/runs.ts";
import type { Answering } from "../http/services/answering.ts";
import { hasApproved } from "../http/services/approvals.ts";
import type { ChatAsk } from "../http/services/chat.ts";
import type { OnceKey } from "../http/services/once.ts";
import type { Services } from "../http/services/services.ts";
import { loadValidator, validate } from "../http/validate.ts";
import { decide, decisionOf, type FormAnswer, formOf, mayDecide } from "./approvals.ts";
import type { McpCall } from "./call.ts";
import { showProgress } from "./progress.ts";
import { answerResult, errorResult, heldResult } from "./results.ts";
import { askInput, looseInput, ownsConversationKey, promptedInput, resultInput } from "./shapes.ts";
import type { Target } from "./tools.ts";

/** How long a person at a client of an older revision may take for one answer, ms. */
const QUESTION_MS = 600_000;
const REASON = "its caller has cancelled the call";

/** A tool that is answered by a run. */
export type RunTarget = Exclude<Target, { readonly kind: "search" }>;

/** A request for it. */
export interface ToolRequest {
  readonly call: McpCall;
  readonly context: ServerContext;
  readonly args: Readonly<Record<string, unknown>>;
  /** Under which it is one run, however often it is sent. */
  readonly once: OnceKey | null;
  /** Aborts when the call is cancelled: the run with it. */
  readonly cancelled: AbortSignal;
}

type Envelope = Readonly<Record<string, ClientCapabilities | undefined>>;
type Result = CallToolResult | InputRequiredResult;

/** Answers a call. What goes wrong with the run is in the result. @throws ProtocolError. */
export async function ask(
  services: Services,
  target: RunTarget,
  request: ToolRequest,
): Promise<Result> {
  const { call, context, cancelled } = request;
  const left = AbortSignal.any([call.context.request.signal, cancelled, context.mcpReq.signal]);
  // Whoever leaves before the run has a name is let go of when it has one: who left could not cancel it.
  const watch = new AbortController();
  let run = "";
  const leave = (): void => {
    if (run !== "") watch.abort(left.reason);
  };
  const cancel = (): void => {
    if (run !== "") stop(services, call, run);
  };
  // A run that was only looked for belongs to who has started it.
  const owns = target.kind !== "result";
  left.addEventListener("abort", leave);
  if (owns) cancelled.addEventListener("abort", cancel);
  try {
    const watching = { ...request, signal: watch.signal };
    const answering = await begin(services, target, watching);
    run = answering.accepted.run;
    if (owns && cancelled.aborted) cancel();
    if (left.aborted) leave();
    return await waitOn(services, watching, answering);
  } catch (error) {
    if (error instanceof ProtocolError) throw error;
    return errorResult(error, run === "" ? "this request" : run);
  } finally {
    // A client of an older revision may cut the connection first and then say that it meant the run.
    const isCut = !call.isModern && call.context.request.signal.aborted;
    if (!isCut) cancelled.removeEventListener("abort", cancel);
    left.removeEventListener("abort", leave);
    watch.abort();
  }
}

type Watching = ToolRequest & { readonly signal: AbortSignal };

/** Starts the run, or finds the one that is gone on with, its questions answered. */
async function begin(services: Services, target: RunTarget, request: Watching): Promise<Answering> {
  const { call, context, args, once, signal } = request;
  await loadValidator();
  if (target.kind === "result") {
    validate(resultInput, args);
    const { run_id: id } = args as Static<typeof resultInput>;
    await demandReached(services, call, id);
    await answerQuestions(services, request, rootRunOf(id));
    return await attached(services, call, rootRunOf(id), signal);
  }
  const state: unknown = context.mcpReq.requestState();
  if (typeof state === "string") {
    const run = await runOfState(services, call, target.id, state);
    await answerQuestions(services, request, run);
    return await attached(services, call, run, signal);
  }
  const { request: asked } = call.context;
  const trace = traceOfRequest(asked.header("traceparent"), asked.id);
  return await services.chat.start({
    caller: call.caller,
    once,
    signal,
    ...askedOf(target, args),
    agent: target.id,
    limit: call.limit,
    // Text is written as it comes only for who is shown it.
    stream: progressTokenOf(context) !== undefined,
    endOnly: true,
    trace,
  });
}

/** @throws NOT_FOUND for a run that is not reached, as for one that is not there. */
async function demandReached({ system }: Services, call: McpCall, id: string): Promise<void> {
  const { demandRun } = await import("../http/scope/owners.ts");
  await demandRun({ system, tenant: call.caller.tenant }, call.caller, rootRunOf(id));
}

/** What is said to whom. @throws INVALID with a pointer. */
function askedOf(
  target: Exclude<RunTarget, { readonly kind: "result" }>,
  args: Readonly<Record<string, unknown>>,
): Pick<ChatAsk, "text" | "data" | "variables" | "conversation"> {
  if (target.kind === "workflow") return workflowInput(target, args);
  const isPrompted = target.kind === "agent" && target.row.agent.prompt_id != null;
  validate(isPrompted ? promptedInput : askInput, args);
  const { message, conversation_key, variables } = args as Static<typeof promptedInput>;
  return {
    text: message,
    conversation: conversation_key ?? null,
    ...(variables === undefined ? {} : { variables }),
  };
}

function workflowInput(
  { record }: Extract<RunTarget, { readonly kind: "workflow" }>,
  args: Readonly<Record<string, unknown>>,
): Pick<ChatAsk, "text" | "data" | "conversation"> {
  if (record.input_schema === undefined) {
    validate(looseInput, args);
    const { message, input, conversation_key } = args as Static<typeof looseInput>;
    if ((message === undefined) === (input === undefined)) {
      throw new RuntimeError("INVALID", "Give either message or input.", { pointer: "/message" });
    }
    const conversation = conversation_key ?? null;
    return { ...inputOf(input ?? message ?? "", "workflow"), conversation };
  }
  if (ownsConversationKey(record)) return { ...inputOf(args, "workflow"), conversation: null };
  const { conversation_key, ...input } = args;
  if (conversation_key !== undefined && typeof conversation_key !== "string") {
    const pointer = "/conversation_key";
    throw new RuntimeError("INVALID", "conversation_key is a text.", { pointer });
  }
  // Held to the workflow's own schema where its run begins.
  return { ...inputOf(input, "workflow"), conversation: conversation_key ?? null };
}

/** Waits, and asks the client's person what is to be decided as often as there is something. */
async function waitOn(services: Services, request: Watching, first: Answering): Promise<Result> {
  const { call, context, signal } = request;
  const { run } = first.accepted;
  const over = new AbortController();
  const shown = progressOf(services, request, { run, over: over.signal });
  try {
    for (let answering = first; ; ) {
      const waited = await services.chat.wait(call.caller, answering);
      if (waited.status === "completed") return answerResult(waited.reply, run);
      const held = heldResult(answering.accepted, waited);
      // Where several have to agree, who has approved waits for the others and is not asked again.
      const own = waited.held.approvals.filter(
        (one) => one.root_run_id === run && !hasApproved(one, call.caller.keyId),
      );
      if (own.length === 0 || !canAsk(call, context)) return held;
      if (call.isModern) return questions(run, own);
      const answer = await put(context, own[0] as Approval);
      const input = answer === null ? null : decisionOf(answer);
      if (input === null) return held;
      await decide(services.approvals, call, { id: own[0]?.id ?? "", run, input });
      answering = await attached(services, call, run, signal);
    }
  } finally {
    over.abort();
    await shown;
  }
}

/** Whether the person at the client can be asked, and what it says would count. */
function canAsk(call: McpCall, context: ServerContext): boolean {
  if (!mayDecide(call)) return false;
  if (!call.isModern) return call.session?.elicits ?? false;
  // The SDK has checked the envelope; its type does not know the names.
  const envelope = context.mcpReq.envelope as Envelope | undefined;
  const able = envelope?.[CLIENT_CAPABILITIES_META_KEY]?.elicitation;
  return able !== undefined && (able.form !== undefined || able.url === undefined);
}

/** The result that asks: the client sends the call again, with the answers and the run's id. */
function questions(run: string, approvals: readonly Approval[]): InputRequiredResult {
  const asked = approvals.map((one) => [one.id, inputRequired.elicit(formOf(one))] as const);
  return inputRequired({ inputRequests: Object.fromEntries(asked), requestState: run });
}

/** Asks the client of an older revision and waits for its person; null when nobody has answered. */
async function put(context: ServerContext, approval: Approval): Promise<FormAnswer | null> {
  try {
    return await context.mcpReq.send(
      { method: "elicitation/create", params: { ...formOf(approval) } },
      { timeout: QUESTION_MS, signal: context.mcpReq.signal },
    );
  } catch {
    // It could not be asked, or not in time: the approval is still there to be decided elsewhere.
    return null;
  }
}

/** Decides what the client's answers say. */
async function answerQuestions(
  { approvals }: Services,
  { call, context }: ToolRequest,
  run: string,
): Promise<void> {
  const { inputResponses = {} } = context.mcpReq;
  for (const id of Object.keys(inputResponses)) {
    const view = inputResponse(inputResponses, id);
    if (view.kind !== "elicit") continue;
    const input = decisionOf(view);
    if (input !== null) await decide(approvals, call, { id, run, input });
  }
}

/** The run that a state names, which must be one of this tool's. @throws ProtocolError. */
async function runOfState(
  services: Services,
  call: McpCall,
  target: string,
  state: string,
): Promise<string> {
  const found = await services.chat.find(call.caller.tenant, state).catch((error: unknown) => {
    if (error instanceof RuntimeError && error.code === "NOT_FOUND") return null;
    throw error;
  });
  if (found !== null && found.row.id === state && found.agent === target) {
    await demandReached(services, call, state);
    return state;
  }
  const data = { reason: "invalid_request_state" };
  throw new ProtocolError(ProtocolErrorCode.InvalidParams, "Invalid requestState", data);
}

/** A run that was started before, as it is waited for. @throws NOT_FOUND. */
async function attached(
  { chat }: Services,
  { caller }: McpCall,
  run: string,
  signal: AbortSignal,
): Promise<Answering> {
  const { accepted } = await chat.find(caller.tenant, run);
  const left = new AbortController();
  const watched = AbortSignal.any([signal, left.signal]);
  const frames = await chat.attach(caller.tenant, run, { signal: watched, endOnly: true });
  return { accepted, frames, letGo: () => left.abort() };
}

function progressTokenOf(context: ServerContext): string | number | undefined {
  return context.mcpReq._meta?.progressToken;
}

/** Notifications of how far the run is, until it is over; none without a token. */
async function progressOf(
  { chat, nowMs }: Services,
  { call, context, signal }: Watching,
  of: { readonly run: string; readonly over: AbortSignal },
): Promise<void> {
  const progressToken = progressTokenOf(context);
  if (progressToken === undefined) return;
  let progress = 0;
  const say = async (message: string): Promise<void> => {
    await call.flow.ready();
    if (of.over.aborted) return;
    progress += 1;
    const params = { progressToken, progress, message };
    await context.mcpReq.notify({ method: "notifications/progress", params });
  };
  const options = { signal: AbortSignal.any([signal, of.over]) };
  try {
    await showProgress(await chat.attach(call.caller.tenant, of.run, options), say, nowMs);
  } catch {
    // Who cannot be shown how a run goes on still has its answer.
  }
}

function stop({ system }: Services, { caller }: McpCall, run: string): void {
  system.cancel(caller.tenant, run, REASON).catch((error: unknown) => {
    // It has ended, or the process does: its own record says how.
    if (!(error instanceof RuntimeError)) throw error;
  });
}
