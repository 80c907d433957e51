// Approvals in a channel: what waits for a decision is shown with two buttons, a press or a reply decides,
// and the message says in the end what was decided, wherever that was. Who may decide stands in the channel.

import { defineRun, type RunEnded, type Turn } from "../../runtime/actor.ts";
import { addressParts } from "../../runtime/address.ts";
import { type ErrorData, RuntimeError, toErrorData } from "../../runtime/errors.ts";
import type { Ports } from "../ports.ts";
import type { Approval } from "../records/approval.ts";
import type { ChannelInput } from "./channel.ts";
import { channelLimits } from "./limits.ts";
import type { Outgoing, Receipt } from "./outgoing.ts";
import type { ChannelDecision } from "./port.ts";
import { type Saying, say } from "./session-ask.ts";
import type { Asked, SessionState, ShownApproval } from "./session-state.ts";
import { wordsIn } from "./words.ts";

/** Kind of the run that decides. */
export const decideKind = "channel-decide";

/** What it is given. */
interface Decision {
  readonly to: Saying;
  readonly decision: ChannelDecision;
}

/** What it gives: why it was not decided; null: it was. */
interface Refusal {
  readonly to: Saying;
  readonly error: ErrorData | null;
}

/** Kind `channel-decide`. */
export const decideRun = defineRun<Decision, Refusal, Pick<Ports, "channels">>({
  kind: decideKind,
  run: async ({ to, decision }, context) => {
    try {
      await context.step("decide", () => context.ports.channels.decide(decision), {
        repeat: "safe",
      });
      return { to, error: null };
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error;
      return { to, error: toErrorData(error) };
    }
  },
});

/** Told by the approvals of a conversation to the session that has opened it. */
export interface ApprovalTold {
  readonly type: "approval";
  readonly approval: Approval;
}

const ACTION = /^ap:(ap_[0-9a-z]{26}):([yn])$/;

/** What a button's action means; null: none of ours. */
export function decisionOf(
  action: string,
): { readonly approval: string; readonly decision: "approve" | "reject" } | null {
  const [, approval, letter] = ACTION.exec(action) ?? [];
  if (approval === undefined) return null;
  return { approval, decision: letter === "y" ? "approve" : "reject" };
}

/** An approval has come up, or is over. */
export function approvalTold(
  state: SessionState,
  { approval }: ApprovalTold,
  channel: ChannelInput | undefined,
  turn: Turn,
): SessionState {
  const shown = state.approvals.find(({ id }) => id === approval.id);
  if (approval.status === "pending") {
    return shown === undefined ? show(state, approval, channel, turn) : state;
  }
  if (shown === undefined) return state;
  const by = byOf(approval);
  const over = wordsIn(channel?.language).approvalOver(approval.tool, approval.status, by);
  if (shown.receipt === null) return replaced(state, { ...shown, over });
  conclude(shown, shown.receipt, over, channel, turn);
  return { ...state, approvals: state.approvals.filter((one) => one !== shown) };
}

/** The message that shows an approval has arrived. */
export function approvalShown(
  state: SessionState,
  approval: string,
  receipt: Receipt | undefined,
  channel: ChannelInput | undefined,
  turn: Turn,
): SessionState {
  const shown = state.approvals.find(({ id }) => id === approval);
  if (shown === undefined || receipt === undefined) return state;
  if (shown.over === undefined) return replaced(state, { ...shown, receipt });
  conclude(shown, receipt, shown.over, channel, turn);
  return { ...state, approvals: state.approvals.filter((one) => one !== shown) };
}

function conclude(
  { channel: by, address, place, withinMs }: ShownApproval,
  replaces: Receipt,
  text: string,
  channel: ChannelInput | undefined,
  turn: Turn,
): void {
  say(turn, channel, { channel: by, address, place, withinMs }, { outgoing: { text, replaces } });
}

function replaced(state: SessionState, shown: ShownApproval): SessionState {
  const approvals = state.approvals.map((one) => (one.id === shown.id ? shown : one));
  return { ...state, approvals };
}

/** Shown where the question came from that the run answers. */
function show(
  state: SessionState,
  { id, tool, reason, root_run_id: run }: Approval,
  channel: ChannelInput | undefined,
  turn: Turn,
): SessionState {
  const asked: Asked | undefined =
    state.asked.find((one) => one.run === run) ?? state.asked.find((one) => one.run === null);
  const to: Saying | null =
    asked ??
    (state.address && { channel: state.channel, address: state.address, place: state.place });
  if (to === null || state.approvals.length >= channelLimits.approvals) return state;
  const words = wordsIn(channel?.language);
  const isDecidedHere = (channel?.approvers ?? []).length > 0;
  const outgoing: Outgoing = {
    text: words.asksApproval(tool, reason, isDecidedHere ? id : null),
    ...(isDecidedHere && {
      buttons: [
        { action: `ap:${id}:y`, label: words.approve, style: "primary" },
        { action: `ap:${id}:n`, label: words.reject, style: "danger" },
      ],
    }),
    ...(asked && { answers: asked.message }),
  };
  say(turn, channel, to, { outgoing, about: { type: "approval", approval: id } });
  const { channel: by, address, place, withinMs } = to;
  const requester = asked?.sender ?? "";
  const shown: ShownApproval = {
    id,
    tool,
    requester,
    channel: by,
    address,
    place,
    receipt: null,
    ...(withinMs !== undefined && { withinMs }),
  };
  return { ...state, approvals: [...state.approvals, shown] };
}

/** A reply in words or by number to the one approval that waits: as buttons are written out where there are none. */
export function writtenDecision(
  state: SessionState,
  { text, sender }: { readonly text: string; readonly sender: string },
  channel: ChannelInput,
): "approve" | "reject" | null {
  const open = state.approvals.filter(({ over }) => over === undefined);
  const [shown] = open;
  // Of who may not decide it is a message like any other.
  if (shown === undefined || open.length > 1 || !mayDecide(shown, sender, channel)) return null;
  const words = wordsIn(channel.language);
  const said = text.trim().toLowerCase();
  if (said === "1" || said === words.approve.toLowerCase()) return "approve";
  return said === "2" || said === words.reject.toLowerCase() ? "reject" : null;
}

function mayDecide(
  { requester }: ShownApproval,
  sender: string,
  channel: ChannelInput | undefined,
): boolean {
  const approvers = channel?.approvers ?? [];
  return approvers.includes(sender) || (approvers.includes("requester") && requester === sender);
}

/** Who wants what. */
export interface Wish {
  /** Null: the one that waits. */
  readonly approval: string | null;
  readonly decision: "approve" | "reject";
  readonly sender: string;
  readonly note: string | null;
  /** Where a refusal is said. */
  readonly to: Saying;
}

/** Decides what somebody wants decided, if they may; else says why not. */
export function decide(
  state: SessionState,
  { approval, decision, sender, note, to }: Wish,
  channel: ChannelInput | undefined,
  turn: Turn,
): void {
  const words = wordsIn(channel?.language);
  const open = state.approvals.filter(({ over }) => over === undefined);
  const [shown, another] = open.filter(({ id }) => approval === null || id === approval);
  if (shown === undefined || another !== undefined || !mayDecide(shown, sender, channel)) {
    const isOne = shown !== undefined && another === undefined;
    const why = isOne ? words.mayNotDecide : shown ? words.sayWhich : words.nothingToDecide;
    say(turn, channel, to, { outgoing: { text: why } });
    return;
  }
  const { tenant } = addressParts(turn.self);
  const input: Decision = {
    to,
    decision: {
      ...{ tenant, channel: to.channel, approval: shown.id, decision, sender, note },
      key: turn.newId("dc"),
    },
  };
  turn.startRun({ kind: decideKind, input, timeoutMs: channelLimits.askMs });
}

/** What could not be decided is said; what was decided, its approvals tell. */
export function decideEnded(
  { outcome }: RunEnded,
  channel: ChannelInput | undefined,
  turn: Turn,
): void {
  if (outcome.status !== "completed") return;
  const { to, error } = outcome.result as Refusal;
  if (error === null) return;
  const words = wordsIn(channel?.language);
  const isOver = error.code === "CONFLICT" || error.code === "NOT_FOUND";
  say(turn, channel, to, {
    outgoing: { text: isOver ? words.nothingToDecide : words.failed(error.message) },
  });
}

/** Who decided, as people are told: nobody for times and runs that ended. */
function byOf({ decided_by: by, status }: Approval): string {
  const isNobody = by === null || status === "expired" || status === "cancelled";
  // Who decides in a channel is named by it: `ch_1:U123`.
  return isNobody ? "" : by.replace(/^ch_[A-Za-z0-9]+:/, "");
}
