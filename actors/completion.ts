// A stateless completion: the messages as sent, answered by a run, then forgotten. One actor a
// completion, `completion:<tenant>/<id>`, with an id of the door's making; kept apart from the
// conversation because it holds nothing over time.

import { defineActor, type ReadRequest, type RunEnded, type Turn } from "../runtime/actor.ts";
import { addressParts } from "../runtime/address.ts";
import { clientFault } from "./answer/client-tools.ts";
import { runMsOf } from "./constraints/run-time.ts";
import { isInputBlocked } from "./conversation-withheld.ts";
import type { Go } from "./lines/line.ts";
import {
  enterLine,
  isLined,
  type Lined,
  leaveLines,
  linesOf,
  passedLine,
  takeLines,
} from "./lines/waiting.ts";
import { type Charged, chargeReads } from "./money/charges.ts";
import { limitRun } from "./money/lines.ts";
import { versionId } from "./records/agent-version.ts";
import type {
  CompletionControl,
  CompletionEnded,
  CompletionReport,
} from "./records/completion-report.ts";
import type { ChatAccepted, ChatReply, CompletionMessage } from "./records/conversation.ts";
import {
  dropResponse,
  type ForgetResponse,
  forgetResponse,
  keepResponse,
} from "./records/response.ts";
import { giveRoom, limitsRead, takePlace } from "./records/tenant-limits.ts";
import { replyOf, settle, takeCharge } from "./reply.ts";
import { accepting, targetNamed, targetPlace } from "./targets.ts";
import { sentKey, type TurnInput, type TurnResult } from "./turn-input.ts";

/** The one run of a completion; null before and after. Version 1. */
export interface CompletionState {
  readonly run:
    | (Lined & {
        readonly id: string;
        /** Among what its tenant has under way. */
        readonly isCounted?: true;
        readonly agent: string;
        readonly priceMicros: number;
        readonly service: string;
        readonly keyId?: string;
        readonly maxSpendMicros?: number;
        readonly charged?: Charged;
        readonly report?: CompletionReport;
        readonly atMs?: number;
      })
    | null;
}

/** Kind `completion`. */
export const completionActor = defineActor<
  CompletionState,
  CompletionMessage | CompletionControl | ForgetResponse | RunEnded | Go
>({
  kind: "completion",
  version: 1,
  initial: () => ({ run: null }),
  reads(message): Readonly<Record<string, ReadRequest>> {
    if (message.type !== "complete") return {};
    const { agent, version } = message;
    const { current, versions } = targetPlace(agent);
    const target: ReadRequest =
      version === undefined
        ? { type: "row", table: current, id: agent }
        : { type: "row", table: versions, id: versionId(agent, version) };
    return { target, limits: limitsRead, ...chargeReads(message.charges) };
  },
  receive(state, message, turn) {
    switch (message.type) {
      case "complete":
        return accept(state, message, turn);
      case "forget-response":
        forgetResponse(turn, message);
        return state;
      case "cancel":
        if (state.run !== null) turn.cancelRun(state.run.id, message.reason);
        return state;
      case "forget":
        turn.remove(sentKey);
        return state;
      case "go":
        return goOn(state, message, turn);
      case "run-ended":
        return end(state, message, turn);
    }
  },
});

function accept(state: CompletionState, message: CompletionMessage, turn: Turn): CompletionState {
  const { root } = addressParts(turn.self);
  const target = accepting(message.agent, turn.loaded["target"], root);
  if (target === undefined) {
    const named = targetNamed(message.agent);
    turn.refuse({ code: "NOT_FOUND", message: `${named} does not exist.` });
    return state;
  }
  if (state.run !== null) {
    turn.refuse({ code: "CONFLICT", message: "This completion is under way already." });
    return state;
  }
  if (!message.messages.some((one) => one.role === "user")) {
    turn.refuse({
      code: "INVALID",
      message: "messages holds no user message to answer.",
      details: { pointer: "/messages" },
    });
    return state;
  }
  if (target.runKind !== "supervisor") {
    const fault = clientFault(message, targetNamed(message.agent));
    if (fault !== null) {
      turn.refuse(fault);
      return state;
    }
  }
  const charged = takeCharge(turn, message.priceMicros, message.charges);
  const version = message.version ?? target.version;
  const input = inputOf(message, version);
  const lined = linesOf(target, undefined);
  const run = turn.startRun({
    kind: target.runKind,
    input,
    timeoutMs: runMsOf(target, message.timeoutMs),
    ...(isLined(lined) && { held: true }),
  });
  takeLines(turn, lined);
  const entered = enterLine(turn, { run, ...lined });
  limitRun(turn, run, message.maxSpendMicros);
  const isCounted = takePlace(
    turn,
    "concurrent_runs",
    turn.loaded["limits"],
    message.tenantDefaults,
  );
  const { response: note, ...sent } = message;
  turn.put(sentKey, sent);
  if (note !== undefined) keepResponse(turn, { run, note, expires: true });
  const accepted: ChatAccepted = {
    run,
    conversation_key: null,
    message_id: turn.newId("ms"),
    agent_version: version,
    model: target.model,
    ...(entered && { queued: true }),
  };
  turn.reply(accepted, { follow: run });
  const { agent, priceMicros, service, keyId, maxSpendMicros, report } = message;
  const kept = { id: run, agent, priceMicros, service };
  return {
    run: {
      ...kept,
      ...(entered && { lines: entered.lines ?? [], passed: 0 }),
      ...(isCounted && { isCounted }),
      ...(keyId !== undefined && { keyId }),
      ...(maxSpendMicros !== undefined && { maxSpendMicros }),
      ...(Object.keys(charged).length > 0 && { charged }),
      ...(report && { report, atMs: turn.nowMs }),
    },
  };
}

function inputOf(message: CompletionMessage, version: number): TurnInput {
  return {
    owner: "completion",
    agent: message.agent,
    version,
    sequences: [],
    stream: message.stream,
    ...(message.user === undefined ? {} : { user: message.user }),
    ...(message.keyId === undefined ? {} : { keyId: message.keyId }),
    ...(message.maxSpendMicros !== undefined && { maxSpendMicros: message.maxSpendMicros }),
    ...(message.variables && { variables: message.variables }),
    ...(message.prompts && { prompts: message.prompts }),
    ...message.guard,
  };
}

/** It has waited in a line: it begins. */
function goOn(state: CompletionState, message: Go, turn: Turn): CompletionState {
  const { run } = state;
  const next = run === null ? undefined : passedLine(turn, { ...run, run: run.id }, message);
  if (run === null || next === undefined) return state;
  const passed = next?.passed ?? run.lines?.length ?? 0;
  if (next === null) turn.releaseRun(run.id);
  return { run: { ...run, passed } };
}

function end(state: CompletionState, ended: RunEnded, turn: Turn): CompletionState {
  const { run } = state;
  if (run?.id !== ended.run) return state;
  if (isInputBlocked(ended, run.agent)) dropResponse(turn, run.id);
  if (run.isCounted) giveRoom(turn, "concurrent_runs");
  limitRun(turn, run.id, run.maxSpendMicros, true);
  leaveLines(turn, { ...run, run: run.id });
  const charge = settle(turn, { ...run, run: run.id, calls: 1 }, ended.outcome);
  const { outcome } = ended;
  const reply: ChatReply | null =
    outcome.status !== "completed"
      ? null
      : replyOf(outcome.result as TurnResult, {
          agent_key: run.agent,
          conversation_key: null,
          message_id: turn.newId("ms"),
          run_id: run.id,
          charge,
        });
  if (reply !== null) turn.reply(reply);
  if (run.report === undefined) turn.remove(sentKey);
  else {
    const { to, ...of } = run.report;
    const error = outcome.status === "completed" ? null : outcome.error;
    const tookMs = turn.nowMs - (run.atMs ?? turn.nowMs);
    const told = { run: run.id, tookMs, micros: charge.micros, reply, error };
    turn.send(to, { type: "completion-ended", ...of, ended: told } satisfies CompletionEnded);
  }
  return { run: null };
}
