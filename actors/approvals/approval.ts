// The approvals of one conversation (or other root of runs): one actor, `approval:<tenant>/<root>`,
// on the shard of the runs that wait. What is decided is decided in its turns, one at a time, so it is
// decided once, and the run has it in the same transaction. Beside the rows that lists read it keeps
// one small record of each, to remove them by when they are old or their conversation is deleted.

import { defineActor, type ReadRequest, type RecordRow, type Turn } from "../../runtime/actor.ts";
import { type Address, address, addressParts } from "../../runtime/address.ts";
import { type ErrorCode, RuntimeError, toErrorData } from "../../runtime/errors.ts";
import type { ApprovalTold } from "../channels/session-decide.ts";
import { sessionAddress } from "../channels/session-key.ts";
import { sessionOfConversationTable } from "../channels/session-state.ts";
import { limits } from "../limits.ts";
import {
  type Approval,
  type ApprovalDecision,
  type ApprovalStatus,
  approvalTables,
  type Decided,
} from "../records/approval.ts";
import { type AuditSource, audit } from "../records/audit.ts";
import { decisionKey } from "./keys.ts";
import { type Counted, counted, counts, type Vote } from "./quorum.ts";

/** What it is told. */
export type ApprovalMessage =
  /** A run waits. `key`: of the call within its run. */
  | { readonly type: "request"; readonly approval: Approval; readonly key: string }
  /** A rule has approved; nobody waits. */
  | { readonly type: "record"; readonly approval: Approval }
  /** Answered with the approval as it is then. @throws NOT_FOUND, CONFLICT with what was decided. */
  | {
      readonly type: "decide";
      readonly id: string;
      readonly decision: ApprovalDecision;
      readonly by: string;
      readonly note: string | null;
      readonly arguments: Readonly<Record<string, unknown>> | null;
      /** Who decides, for the audit. Default: `by` alone. */
      readonly source?: AuditSource;
      /** Absent: not known. */
      readonly role?: string;
      readonly requester?: string | null;
      readonly argumentsVersion?: number;
    }
  | { readonly type: "expire"; readonly id: string }
  /** The run has ended. */
  | { readonly type: "over"; readonly id: string }
  /** The conversation is deleted. */
  | { readonly type: "purge" }
  | { readonly type: "sweep" };

/** State. Version 1. */
export interface ApprovalState {
  readonly pending: number;
  readonly isDeleted: boolean;
  /** Whether a reminder stands that removes what is old. */
  readonly isSwept: boolean;
}

/** An approval's record: its run, and when it was decided; 0 while it is pending. */
interface Kept {
  readonly run: string;
  readonly key: string;
  readonly endedAtMs: number;
  /** Session of a channel that is told. */
  readonly session?: string;
}

/** Decides what is still open. */
interface Ending {
  readonly status: ApprovalStatus;
  readonly decided: Decided;
}

const KIND = "approval";

/** Address of the approvals of the runs under a root. */
export function approvalsAddress(tenant: string, root: string): Address {
  return address({ kind: KIND, tenant, root });
}

/** Kind `approval`. */
export const approvalActor = defineActor<ApprovalState, ApprovalMessage>({
  kind: KIND,
  version: 1,
  initial: () => ({ pending: 0, isDeleted: false, isSwept: false }),
  reads,
  receive(state, message, turn) {
    switch (message.type) {
      case "request":
        return request(state, message, turn);
      case "record":
        if (state.isDeleted) return state;
        put(message.approval, { key: "", endedAtMs: turn.nowMs }, turn);
        auditOf(message.approval, "approve", turn);
        return sweepLater(state, turn);
      case "decide":
        return decide(state, message, turn);
      case "expire":
        return expire(state, turn);
      case "over":
        return over(state, turn);
      case "purge":
        return purge(state, turn);
      case "sweep":
        return sweep(state, turn);
    }
  },
});

function reads(message: ApprovalMessage): Readonly<Record<string, ReadRequest>> {
  switch (message.type) {
    case "decide":
    case "expire":
    case "over": {
      const { id } = message;
      return {
        row: { type: "row", table: approvalTables.approvals, id },
        kept: { type: "records", from: id, to: `${id}.`, limit: 1 },
      };
    }
    case "purge":
    case "sweep":
      return { rows: { type: "records", limit: limits.purgeRecords } };
    case "request": {
      const { root } = message.approval;
      return { opened: { type: "row", table: sessionOfConversationTable, id: root } };
    }
    default:
      return {};
  }
}

function request(
  state: ApprovalState,
  { approval, key }: ApprovalMessage & { readonly type: "request" },
  turn: Turn,
): ApprovalState {
  const refuse = (note: string): ApprovalState => {
    const decided: Decided = { decision: "reject", by: "limit", note, arguments: null };
    turn.decideRun(approval.run_id, decisionKey(key), decided);
    return state;
  };
  if (state.isDeleted) return refuse("The conversation has been deleted.");
  if (state.pending >= limits.approvalsPending) {
    return refuse(`Already ${limits.approvalsPending} calls of it wait for a decision.`);
  }
  const session = (turn.loaded["opened"] as { readonly session: string } | undefined)?.session;
  put(approval, { key, endedAtMs: 0, ...(session !== undefined && { session }) }, turn);
  turn.remind(approval.id, Date.parse(approval.expires_at), { type: "expire", id: approval.id });
  return { ...state, pending: state.pending + 1 };
}

function decide(
  state: ApprovalState,
  message: ApprovalMessage & { readonly type: "decide" },
  turn: Turn,
): ApprovalState {
  const { id, decision, by, note } = message;
  const { role = null, requester = null, argumentsVersion = null } = message;
  const open = openOf(turn);
  if (open === null) {
    const row = turn.loaded["row"] as Approval | undefined;
    if (row === undefined) return refused(state, turn, "NOT_FOUND", `There is no approval ${id}.`);
    const { status, decided_by, decided_at } = row;
    turn.refuse({
      code: "CONFLICT",
      message: `The approval ${id} is ${status} already, by ${decided_by}.`,
      details: { current: { status, decided_by, decided_at, note: row.note } },
    });
    return state;
  }
  const vote: Vote = {
    ...{ decision, by, note, role, requester, argumentsVersion },
    arguments: message.arguments,
  };
  const judged = countedOr(open.approval, vote, turn);
  if (judged === null) return state;
  const { approval, decided } = judged;
  if (decided === null) {
    put(approval, { ...open.kept, endedAtMs: 0 }, turn);
    auditOf(approval, decision, turn, message.source ?? { by });
    turn.reply(approval);
    return state;
  }
  const status = decision === "approve" ? "approved" : "rejected";
  const next = end(state, { ...open, approval }, { status, decided }, turn);
  auditOf(next.approval, decision, turn, message.source);
  turn.reply(next.approval);
  return next.state;
}

/** Null when it was refused. */
function countedOr(approval: Approval, vote: Vote, turn: Turn): Counted | null {
  try {
    return counted(approval, vote, new Date(turn.nowMs).toISOString());
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    turn.refuse(toErrorData(error));
    return null;
  }
}

/** Nobody has decided in time. */
function expire(state: ApprovalState, turn: Turn): ApprovalState {
  const open = openOf(turn);
  if (open === null) return state;
  const { default: decision } = open.approval;
  const decided: Decided = { decision, by: "expiry", note: null, arguments: null };
  const next = end(state, open, { status: "expired", decided }, turn);
  auditOf(next.approval, decision, turn);
  return next.state;
}

/** Its run has ended without it. */
function over(state: ApprovalState, turn: Turn): ApprovalState {
  const open = openOf(turn);
  if (open === null || !turn.from?.endsWith(`/${open.approval.run_id}`)) return state;
  const decided: Decided = { decision: "reject", by: "run", note: null, arguments: null };
  return end(state, open, { status: "cancelled", decided }, turn).state;
}

interface Open {
  readonly approval: Approval;
  readonly kept: Omit<Kept, "run">;
}

/** The approval that the message is about, while it is pending. */
function openOf({ loaded }: Turn): Open | null {
  const approval = loaded["row"] as Approval | undefined;
  const [record] = (loaded["kept"] ?? []) as readonly RecordRow[];
  if (approval?.status !== "pending" || record === undefined) return null;
  return { approval, kept: record.value as Kept };
}

/** The row, and the run has what was decided: in one transaction. */
function end(
  state: ApprovalState,
  { approval, kept }: Open,
  { status, decided }: Ending,
  turn: Turn,
): { readonly state: ApprovalState; readonly approval: Approval } {
  const row: Approval = {
    ...approval,
    status,
    decided_at: new Date(turn.nowMs).toISOString(),
    decided_by: decided.by,
    note: decided.note,
    decided_arguments: decided.arguments,
  };
  put(row, { ...kept, endedAtMs: turn.nowMs }, turn);
  turn.forget(row.id);
  if (status !== "cancelled") turn.decideRun(row.run_id, decisionKey(kept.key), decided);
  const next = { ...state, pending: Math.max(0, state.pending - 1) };
  return { state: sweepLater(next, turn), approval: row };
}

function put(approval: Approval, kept: Omit<Kept, "run">, turn: Turn): void {
  const { id, status, root_run_id: run } = approval;
  turn.putRow(approvalTables.approvals, id, approval);
  turn.putRow(approvalTables.pending, id, status === "pending" ? null : undefined);
  turn.putRow(approvalTables.byRun, `${run}.${id}`, status);
  const record: Kept = { ...kept, run };
  turn.put(id, record);
  if (kept.session === undefined) return;
  const told: ApprovalTold = { type: "approval", approval };
  turn.send(sessionAddress(addressParts(turn.self).tenant, kept.session), told);
}

function remove({ key: id, value }: RecordRow, turn: Turn): void {
  turn.putRow(approvalTables.approvals, id, undefined);
  turn.putRow(approvalTables.pending, id, undefined);
  turn.putRow(approvalTables.byRun, `${(value as Kept).run}.${id}`, undefined);
  turn.remove(id);
}

/** All of them go; those that are pending without a word: the conversation has cancelled its runs. */
function purge(state: ApprovalState, turn: Turn): ApprovalState {
  const rows = turn.loaded["rows"] as readonly RecordRow[];
  for (const row of rows) {
    remove(row, turn);
    if ((row.value as Kept).endedAtMs === 0) turn.forget(row.key);
  }
  if (rows.length === limits.purgeRecords) turn.send(turn.self, { type: "purge" });
  else if (state.isSwept) turn.forget("sweep");
  return { ...state, pending: 0, isDeleted: true };
}

/** Those that were decided long ago go. */
function sweep(state: ApprovalState, turn: Turn): ApprovalState {
  const rows = turn.loaded["rows"] as readonly RecordRow[];
  const isOld = ({ value }: RecordRow): boolean => {
    const { endedAtMs } = value as Kept;
    return endedAtMs !== 0 && endedAtMs <= turn.nowMs - limits.approvalKeptMs;
  };
  const old = rows.filter(isOld);
  for (const row of old) remove(row, turn);
  if (rows.length === old.length && rows.length < limits.purgeRecords) {
    return { ...state, isSwept: false };
  }
  const isMore = old.length === limits.purgeRecords;
  turn.remind("sweep", turn.nowMs + (isMore ? 0 : limits.approvalSweepMs), { type: "sweep" });
  return { ...state, isSwept: true };
}

function sweepLater(state: ApprovalState, turn: Turn): ApprovalState {
  if (state.isSwept || state.isDeleted) return state;
  turn.remind("sweep", turn.nowMs + limits.approvalKeptMs, { type: "sweep" });
  return { ...state, isSwept: true };
}

function auditOf(
  approval: Approval,
  decision: ApprovalDecision,
  turn: Turn,
  source: AuditSource = { by: approval.decided_by ?? "" },
): void {
  const { id, run_id, tool, status, rule = null, quorum = null, decisions = [] } = approval;
  const args = approval.decided_arguments ?? approval.proposed_arguments ?? null;
  const required = quorum?.required ?? 1;
  audit(turn, {
    action: `approval.${decision}`,
    ...source,
    subject: id,
    run_id,
    details: {
      ...{ tool, status, edited: args !== null },
      ...(required > 1 && { required, approvals: decisions.filter(counts).length }),
      ...(source.by === "rule" && { rule }),
    },
  });
}

function refused(
  state: ApprovalState,
  turn: Turn,
  code: ErrorCode,
  message: string,
): ApprovalState {
  turn.refuse({ code, message });
  return state;
}
