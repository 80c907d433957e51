// Asks a person before something is done. The run that asks waits as long as it takes, days and
// restarts included, and its time stands still meanwhile. What comes back is final: a call that is not
// approved must not be made.

import type { RunContext } from "../../runtime/actor.ts";
import { addressParts } from "../../runtime/address.ts";
import { RuntimeError, toErrorData } from "../../runtime/errors.ts";
import { rootRunOf } from "../../runtime/frame.ts";
import { newId } from "../../runtime/id.ts";
import { compileExpression, loadExpressions } from "../expression.ts";
import { limits } from "../limits.ts";
import type { Approval, ApprovalDecision, Decided, Quorum } from "../records/approval.ts";
import type { ChatEvent } from "../records/conversation.ts";
import { type ApprovalMessage, approvalsAddress } from "./approval.ts";
import { decisionKey } from "./keys.ts";

type Arguments = Readonly<Record<string, unknown>>;

/** What is to be confirmed. */
export interface ConfirmRequest {
  /** Names the call within its run, at most 120 characters and no "@": asked again, it is the same call. */
  readonly key: string;
  /**
   * Key of the step that makes the call, in the same run. What a run was forked from may have been
   * approved to make it: this one asks anew, unless the other has made it already. Without a step the
   * decision itself is what was asked for, and a fork that begins after it has it.
   */
  readonly step?: string;
  /** Who wants it: an agent, sub-agent, team or workflow by its id. */
  readonly agent: string | null;
  /** Name of the tool, or of the node of a workflow. */
  readonly tool: string;
  readonly arguments: Arguments;
  /** Why it needs a person: one sentence for people. */
  readonly reason: string;
  /** JSON Schema (already checked by compileSchema) that edited arguments must fit. Default: any object. */
  readonly parameters?: Readonly<Record<string, unknown>>;
  /**
   * CEL over `args`: when it gives true, the call is approved by rule, which is recorded, and nobody is
   * asked. One that fails, or gives neither true nor false, approves nothing: a person is asked, and
   * told why the rule did not decide.
   */
  readonly approveWhen?: string;
  /** Who has to agree. Default: anybody who may decide, once. */
  readonly quorum?: Quorum;
  /** How long people have, ms: 1 minute to 30 days. Default 7 days. */
  readonly expiresMs?: number;
  /** What is taken when nobody decides in time. Default "reject", and always where several have to agree. */
  readonly default?: ApprovalDecision;
  /** Whether viewers of the run are told. Default true. */
  readonly show?: boolean;
}

/** What was decided. `arguments` are those to call with: a person may have changed them. */
export type Confirmed =
  | { readonly approved: true; readonly arguments: Arguments }
  /** `reason`: one sentence for the model. */
  | { readonly approved: false; readonly reason: string };

/**
 * Waits until the call is approved or declined. Call it outside of steps.
 * @throws what ends the run: CANCELLED, STEPS_EXHAUSTED. Never because nobody decided.
 */
export async function confirm(context: RunContext, request: ConfirmRequest): Promise<Confirmed> {
  const { tool } = request;
  if (JSON.stringify(request.arguments).length > limits.approvalBytes) {
    const reason = `The arguments have more than ${limits.approvalBytes} characters: nobody can judge them.`;
    return { approved: false, reason };
  }
  const { approval, key } = await asked(context, request);
  const { id } = approval;
  const to = approvalsAddress(context.tenant, approval.root);
  const emit = (name: string, event: ChatEvent): void => {
    if (request.show ?? true) context.emit(`approval-${name}:${key}`, event);
  };
  const emitDecided = ({ decision, by, note }: Decided): void => {
    const said = note === null ? {} : { note };
    emit("decided", { type: "approval_decided", id, tool, decision, by, ...said });
  };
  if (approval.status === "approved") {
    const message: ApprovalMessage = { type: "record", approval };
    await context.send(`approval-record:${key}`, to, message);
    emitDecided({ decision: "approve", by: "rule", note: null, arguments: null });
    return { approved: true, arguments: request.arguments };
  }
  const over: ApprovalMessage = { type: "over", id };
  const message: ApprovalMessage = { type: "request", approval, key };
  context.sendAtEnd(`approval-over:${key}`, to, over, { unless: decisionKey(key) });
  await context.send(`approval-request:${key}`, to, message);
  const { agent_key, reason, expires_at, run_id } = approval;
  const shown = { agent_key, tool, arguments: approval.arguments, reason, expires_at };
  emit("requested", { type: "approval_requested", id, run_id, ...shown });
  const decided = await decidedOn(context, key);
  if (decided === null) {
    // Whatever keeps its actor from deciding: from here on it is too late for it.
    await context.send(`approval-late:${key}`, to, over);
    return { approved: false, reason: "Nobody could decide about this call." };
  }
  emitDecided(decided);
  if (decided.decision === "approve") {
    return { approved: true, arguments: decided.arguments ?? request.arguments };
  }
  return { approved: false, reason: whyNot(decided) };
}

interface Asked {
  readonly approval: Approval;
  /** Of the call, as its steps and its decision are named. */
  readonly key: string;
}

async function asked(context: RunContext, request: ConfirmRequest): Promise<Asked> {
  const { key, step } = request;
  const approval = await drawnUp(context, request, key);
  if (approval.run_id === context.id) return { approval, key };
  const isDone =
    step === undefined
      ? context.isStored(decisionKey(key)) || context.isStored(`approval-record:${key}`)
      : context.isStored(step);
  if (isDone) return { approval, key };
  // One that another run was given, from which this one was forked, was for its own call.
  const own = `${key}~${context.id}`;
  return { approval: await drawnUp(context, request, own), key: own };
}

/** The approval as it is asked for: its id, its times and what its rule says are decided once. */
async function drawnUp(
  context: RunContext,
  request: ConfirmRequest,
  key: string,
): Promise<Approval> {
  const { root } = addressParts(context.self);
  const nowMs = await context.now(`approval-at:${key}`);
  return await context.step(
    `approval-draft:${key}`,
    async (): Promise<Approval> => {
      const { isApproved, problem } = await judgedByRule(request);
      const expiresMs = Math.min(
        limits.approvalMsMax,
        Math.max(limits.approvalMsMin, request.expiresMs ?? limits.approvalMs),
      );
      const at = new Date(nowMs).toISOString();
      return {
        id: newId("ap", nowMs),
        run_id: context.id,
        root_run_id: rootRunOf(context.id),
        root,
        conversation_key: root.startsWith("cv_") ? root : null,
        agent_key: request.agent,
        tool: request.tool,
        arguments: request.arguments,
        parameters: request.parameters ?? null,
        reason: reasonOf(request.reason, problem),
        status: isApproved ? "approved" : "pending",
        requested_at: at,
        expires_at: new Date(nowMs + expiresMs).toISOString(),
        default: (request.quorum?.required ?? 1) > 1 ? "reject" : (request.default ?? "reject"),
        quorum: request.quorum ?? null,
        decisions: [],
        decided_at: isApproved ? at : null,
        decided_by: isApproved ? "rule" : null,
        note: null,
        decided_arguments: null,
        rule: request.approveWhen ?? null,
        rule_error: problem,
      };
    },
    { repeat: "safe", local: true, input: { tool: request.tool, given: request.arguments } },
  );
}

interface Judgement {
  readonly isApproved: boolean;
  /** Why the rule could not be judged; null: it could, or there is none. */
  readonly problem: string | null;
}

/** Only a plain `true` approves. A rule that cannot be judged is no approval: a person is asked. */
async function judgedByRule({ approveWhen, arguments: args }: ConfirmRequest): Promise<Judgement> {
  if (approveWhen === undefined) return { isApproved: false, problem: null };
  await loadExpressions();
  try {
    const said = compileExpression(approveWhen, "/approve_when")({ args });
    if (typeof said === "boolean") return { isApproved: said, problem: null };
    return { isApproved: false, problem: "It gave neither true nor false." };
  } catch (error) {
    const problem = toErrorData(error).message.slice(0, limits.approvalReasonChars / 2);
    return { isApproved: false, problem };
  }
}

/** The reason for people, with what kept a rule from deciding. */
function reasonOf(reason: string, problem: string | null): string {
  if (problem === null) return reason.slice(0, limits.approvalReasonChars);
  const told = ` The rule for automatic approval did not decide: ${problem}`;
  return reason.slice(0, limits.approvalReasonChars - told.length) + told;
}

/** Null when its actor is kept from deciding, long after its time. */
async function decidedOn(context: RunContext, key: string): Promise<Decided | null> {
  try {
    // The actor decides when the time is over; the run itself only when there is none to do it.
    const timeoutMs = limits.approvalMsMax + limits.approvalGraceMs;
    return (await context.decision(decisionKey(key), { timeoutMs, pausing: true })) as Decided;
  } catch (error) {
    if (context.signal.aborted || !(error instanceof RuntimeError)) throw error;
    if (error.code !== "DEADLINE") throw error;
    return null;
  }
}

function whyNot({ by, note }: Decided): string {
  const why = note === null || note === "" ? "" : ` The reason given: ${note}`;
  if (by === "expiry") return "Nobody decided about this call in time, so it was declined.";
  if (by === "limit") return `This call was declined.${why}`;
  return `A person declined this call.${why}`;
}
