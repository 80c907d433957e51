// A run as a task: its state, its answer as an artifact, and the messages that it answers.

import { type Artifact, type Message, type Part, Role, type Task, TaskState } from "@a2a-js/sdk";
import type { Approval } from "../../actors/records/approval.ts";
import { reachedConstraint } from "../../actors/records/constraints.ts";
import type { ChatReply, MessageRecord } from "../../actors/records/conversation.ts";
import { addressParts } from "../../runtime/address.ts";
import { type ErrorData, toldOfRun } from "../../runtime/errors.ts";
import type { RunRow } from "../../runtime/system.ts";

/** Id of the artifact that is the answer. */
export const ANSWER = "answer";

/** What a task is made of. */
export interface TaskParts {
  readonly row: RunRow;
  /** What people have to decide about it, newest first. */
  readonly approvals: readonly Approval[];
  /** The account that it waits for; null: none. */
  readonly account?: Parameters<typeof connectRequest>[1] | null;
  /** Null: it is not asked for. */
  readonly history: readonly MessageRecord[] | null;
  readonly withArtifacts: boolean;
}

/** States after which nothing follows. */
export const endStates: ReadonlySet<TaskState> = new Set([
  TaskState.TASK_STATE_COMPLETED,
  TaskState.TASK_STATE_FAILED,
  TaskState.TASK_STATE_CANCELED,
  TaskState.TASK_STATE_REJECTED,
]);

const ends: Readonly<Record<Exclude<RunRow["status"], "held" | "running">, TaskState>> = {
  completed: TaskState.TASK_STATE_COMPLETED,
  failed: TaskState.TASK_STATE_FAILED,
  expired: TaskState.TASK_STATE_FAILED,
  exhausted: TaskState.TASK_STATE_FAILED,
  cancelled: TaskState.TASK_STATE_CANCELED,
};

/** What a run waits for of a person: a decision, an account. */
export type Asking = "decision" | "account" | null;

/** The state of a run. */
export function stateOf(status: RunRow["status"], asking: Asking): TaskState {
  if (status === "held") return TaskState.TASK_STATE_SUBMITTED;
  if (status !== "running") return ends[status];
  if (asking === "decision") return TaskState.TASK_STATE_INPUT_REQUIRED;
  return asking === "account" ? TaskState.TASK_STATE_AUTH_REQUIRED : TaskState.TASK_STATE_WORKING;
}

/** An address of ours for somebody elsewhere; the path alone where this server does not know its own. */
export function addressOf(publicUrl: string | null, path: string): string {
  return publicUrl === null || !path.startsWith("/") ? path : publicUrl.replace(/\/+$/, "") + path;
}

/** The conversation of a run; null for one that is no task. */
export function contextOf(row: RunRow): string | null {
  const { kind, root } = addressParts(row.parent);
  return kind === "conversation" ? root : null;
}

/** How a run ended that did not complete. */
interface Ended {
  readonly error: ErrorData;
  readonly shown: string;
}

/** The task. */
export function taskOf({
  row,
  approvals,
  account = null,
  history,
  withArtifacts,
}: TaskParts): Task {
  const contextId = contextOf(row) ?? "";
  const of = { taskId: row.id, contextId };
  const asking = approvals.length > 0 ? "decision" : account === null ? null : "account";
  const state = stateOf(row.status, asking);
  const { error, shown = "" } = (row.outcome ?? {}) as Partial<Ended>;
  const [approval] = approvals;
  const message =
    state === TaskState.TASK_STATE_INPUT_REQUIRED && approval !== undefined
      ? question(of, approval)
      : state === TaskState.TASK_STATE_AUTH_REQUIRED && account !== null
        ? connectRequest(of, account)
        : error === undefined
          ? undefined
          : failure(of, error);
  const reply = row.status === "completed" ? (row.reply as ChatReply | null) : null;
  // Of an answer that was cut, what there was of it.
  const answer = reply ?? (shown === "" ? null : { response: shown });
  return {
    id: row.id,
    contextId,
    status: { state, message, timestamp: new Date(row.endedAt ?? row.startedAt).toISOString() },
    artifacts: withArtifacts && answer !== null ? [answerOf(answer)] : [],
    history: (history ?? []).map((record) => messageOf(of, record)),
    metadata: undefined,
  };
}

/** The answer: its text and, where a schema was asked for, its data. */
export function answerOf(reply: Pick<ChatReply, "response" | "output">): Artifact {
  const data = reply.output === undefined ? [] : [dataPart(reply.output)];
  return artifactOf([textPart(reply.response), ...data]);
}

/** An artifact that is the answer, or a piece of it. */
export function artifactOf(parts: Part[]): Artifact {
  const none = { description: "", metadata: undefined, extensions: [] };
  return { artifactId: ANSWER, name: ANSWER, parts, ...none };
}

/** A part that is text. */
export function textPart(value: string): Part {
  const content = { $case: "text", value } as const;
  return { content, metadata: undefined, filename: "", mediaType: "text/plain" };
}

function dataPart(value: unknown): Part {
  const content = { $case: "data", value } as const;
  return { content, metadata: undefined, filename: "", mediaType: "application/json" };
}

interface Of {
  readonly taskId: string;
  readonly contextId: string;
}

/** What a person has to decide, in words and as data to answer with. */
export function question(
  of: Of,
  asked: Pick<Approval, "id" | "tool" | "arguments" | "reason" | "expires_at">,
): Message {
  const { id, tool, arguments: args, reason, expires_at } = asked;
  const text = `${reason} Approve or reject ${tool}.`.trim();
  const data = { approval_id: id, tool, arguments: args, reason, expires_at };
  return agentMessage(of, `${id}`, [textPart(text), dataPart(data)]);
}

/** Which account is to be connected, and where, in words and as data. */
export function connectRequest(
  of: Of,
  {
    id,
    integration,
    url,
    code,
    reason,
  }: {
    readonly id: string;
    readonly integration: string;
    readonly url: string;
    readonly code?: string | undefined;
    /** What another agent said, which waits for it; absent: it is this server that does. */
    readonly reason?: string | undefined;
  },
): Message {
  const asked = code === undefined ? "" : ` Its page asks for the code ${code}.`;
  const text = `${reason ?? `An account of ${integration} has to be connected.`} Open ${url} in a browser.${asked}`;
  const data = { integration, url, ...(code !== undefined && { code }) };
  return agentMessage(of, id, [textPart(text), dataPart(data)]);
}

/** Why a task failed, as its tenant is told. */
export function failure(of: Of, error: ErrorData): Message {
  const { code, message } = toldOfRun(error, of.taskId);
  const data = { code, ...reachedConstraint(error) };
  return agentMessage(of, `${of.taskId}-error`, [textPart(message), dataPart(data)]);
}

function agentMessage(of: Of, messageId: string, parts: Part[]): Message {
  const none = { metadata: undefined, extensions: [], referenceTaskIds: [] };
  return { ...of, messageId, role: Role.ROLE_AGENT, parts, ...none };
}

function messageOf(of: Of, { id, role, content, data }: MessageRecord): Message {
  const parts = [data === undefined ? textPart(content) : dataPart(data)];
  const none = { metadata: undefined, extensions: [], referenceTaskIds: [] };
  const by = role === "user" ? Role.ROLE_USER : Role.ROLE_AGENT;
  return { ...of, messageId: id, role: by, parts, ...none };
}
