// How many people, and which, have to agree before a call is made: what one decision more makes of an
// approval. Pure: the actor writes what comes out of this.

import { RuntimeError } from "../../runtime/errors.ts";
import type { Approval, ApprovalDecision, Decided, GivenDecision } from "../records/approval.ts";

/** Decisions of one approval that are kept, those that no longer count included. */
export const DECISIONS_MAX = 50;

/** What somebody decides. */
export interface Vote {
  readonly decision: ApprovalDecision;
  /** A key, `jwt...`, or "admin": what has the same name is the same decider. */
  readonly by: string;
  /** Role of that key; null where it is not known. */
  readonly role: string | null;
  readonly note: string | null;
  /** Instead of those that stand; null: those. */
  readonly arguments: Readonly<Record<string, unknown>> | null;
  /** Version of the arguments that was looked at; null: not said. */
  readonly argumentsVersion: number | null;
  /** Who started the run, as `by`; null: not known. */
  readonly requester: string | null;
}

/** The approval with the decision, and what is decided by it; null: more have to agree. */
export interface Counted {
  readonly approval: Approval;
  readonly decided: Decided | null;
}

/**
 * Counts a decision about an approval that is pending.
 * @throws FORBIDDEN for who may not decide, CONFLICT for who has decided already, or decides about
 *   arguments that somebody has changed meanwhile.
 */
export function counted(approval: Approval, vote: Vote, at: string): Counted {
  const { decision, by, role, note } = vote;
  const { quorum = null, decisions: before = [], arguments_version: version = 0 } = approval;
  mayDecide(approval, vote);
  if (before.length >= DECISIONS_MAX) {
    throw conflict(
      approval,
      `${DECISIONS_MAX} decisions are the most of one approval: start anew.`,
    );
  }
  const isChanged = vote.arguments !== null && !isSame(vote.arguments, standing(approval));
  refuseStale(approval, vote, isChanged);
  if (!isChanged && decision === "approve" && before.some((one) => counts(one) && one.by === by)) {
    throw conflict(approval, `${by} has approved ${approval.id} already: it counts once.`);
  }
  const next = isChanged ? version + 1 : version;
  const own: GivenDecision = {
    ...{ by, role, decision, at, note },
    ...{ arguments_version: next, is_void: false },
  };
  const kept = isChanged ? before.map((one) => ({ ...one, is_void: true })) : before;
  const decisions = [...kept, own];
  const changed: Approval = {
    ...approval,
    decisions,
    arguments_version: next,
    proposed_arguments: isChanged ? vote.arguments : (approval.proposed_arguments ?? null),
  };
  const approvals = decisions.filter(counts).length;
  if (decision === "approve" && approvals < (quorum?.required ?? 1)) {
    return { approval: changed, decided: null };
  }
  const args = decision === "approve" ? (changed.proposed_arguments ?? null) : null;
  return { approval: changed, decided: { decision, by, note, arguments: args } };
}

/** Whether it is an approval of what stands. */
export const counts = ({ decision, is_void }: GivenDecision): boolean =>
  decision === "approve" && !is_void;

function mayDecide({ id, quorum = null }: Approval, { by, role, requester }: Vote): void {
  if (quorum === null) return;
  const { roles, keys, not_requester } = quorum;
  if (not_requester && (requester === null || requester === by)) {
    throw new RuntimeError("FORBIDDEN", `Who started the run does not decide about ${id}.`);
  }
  if (roles === null && keys === null) return;
  const isNamed = keys?.includes(by) === true || (role !== null && roles?.includes(role) === true);
  if (isNamed) return;
  const who = [...(roles ?? []).map((one) => `keys of the role ${one}`), ...(keys ?? [])].join(
    ", ",
  );
  throw new RuntimeError("FORBIDDEN", `About ${id} decide ${who}.`);
}

/** What one has looked at must be what stands; who does not say it has seen what was asked for. */
function refuseStale(approval: Approval, vote: Vote, isChanged: boolean): void {
  const { arguments_version: version = 0, decisions = [] } = approval;
  const seen = vote.argumentsVersion ?? 0;
  if (vote.decision === "reject" || seen === version) return;
  if (isChanged && vote.argumentsVersion === null && version === 0) return;
  const by = decisions.findLast((one) => one.arguments_version === version)?.by;
  const message = `${by} has changed the arguments of ${approval.id}: look at them and decide with arguments_version ${version}.`;
  throw conflict(approval, message);
}

function conflict(
  { status, decisions, arguments_version }: Approval,
  message: string,
): RuntimeError {
  const current = { status, decisions: decisions ?? [], arguments_version: arguments_version ?? 0 };
  return new RuntimeError("CONFLICT", message, { current });
}

/** The arguments that are decided about. */
const standing = (approval: Approval): Readonly<Record<string, unknown>> =>
  approval.proposed_arguments ?? approval.arguments;

/** Written otherwise they are others: then it has to be looked at again, which harms nobody. */
const isSame = (one: unknown, other: unknown): boolean =>
  JSON.stringify(one) === JSON.stringify(other);
