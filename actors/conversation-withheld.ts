// A message that a guardrail blocked after it was accepted, because a model or a person was asked about it:
// its text goes in the turn that ends its run, out of the conversation, its title and what is kept of a
// response. What is blocked at once is never accepted.

import type { ReadRequest, RecordRow, RunEnded, Turn } from "../runtime/actor.ts";
import { addressParts } from "../runtime/address.ts";
import type { ConversationState, Entry } from "./conversation-state.ts";
import { isForAll } from "./guard/stored.ts";
import { limits } from "./limits.ts";
import { type MessageRecord, messageKey } from "./records/conversation.ts";
import type { Finding } from "./records/guardrail.ts";
import { pictureRow, picturesTable } from "./records/picture.ts";
import { dropResponse } from "./records/response.ts";

/** Whether a run ended because what its user said was blocked; what was steered in has a run of its own. */
export function isInputBlocked({ outcome }: RunEnded, target: string | null): boolean {
  if (outcome.status !== "failed" || outcome.error.code !== "GUARDRAIL_BLOCKED") return false;
  const { guardrail, isSteered } = (outcome.error.details ?? {}) as {
    readonly guardrail?: Pick<Finding, "of" | "on">;
    readonly isSteered?: boolean;
  };
  if (guardrail?.on !== "input" || isSteered === true) return false;
  // A member's rule blocks what it was asked, which is nothing that a user has said.
  return isForAll(guardrail.of) || guardrail.of === target;
}

/** The records of what the run was to answer. */
export function withheldReads(
  ended: RunEnded,
  state: ConversationState,
): Readonly<Record<string, ReadRequest>> {
  const sequences = isInputBlocked(ended, state.agent) ? entryOf(state, ended.run)?.sequences : [];
  const [first] = sequences ?? [];
  if (first === undefined) return {};
  const to = messageKey((sequences?.at(-1) ?? first) + 1);
  const limit = 2 * limits.conversationWaiting + 2;
  return { said: { type: "records", from: messageKey(first), to, limit } };
}

/** Takes the text out. */
export function withhold(state: ConversationState, ended: RunEnded, turn: Turn): ConversationState {
  const rows = turn.loaded["said"] as readonly RecordRow[] | undefined;
  const entry = entryOf(state, ended.run);
  if (rows === undefined || entry === undefined || state.deleted) return state;
  const all = new Set(entry.sequences);
  for (const { key, value } of rows) {
    const { data: _, images: __, ...record } = value as MessageRecord;
    if (!all.has(record.sequence)) continue;
    dropPictures(value, turn);
    turn.put(key, { ...record, content: "" });
  }
  dropResponse(turn, ended.run);
  // Its title is the beginning of its first message.
  return all.has(1) ? { ...state, title: "" } : state;
}

/** The bytes of a message's pictures go with it. */
export function dropPictures(record: RecordRow["value"], turn: Turn): void {
  const { images = [] } = (record ?? {}) as Partial<MessageRecord>;
  const { root } = addressParts(turn.self);
  for (const { id } of images) turn.putRow(picturesTable, pictureRow(root, id), undefined);
}

function entryOf(state: ConversationState, run: string): Entry | undefined {
  const { current, waiting, adopting, forks = [] } = state;
  return [...(current === null ? [] : [current]), ...waiting, ...adopting, ...forks].find(
    (entry) => entry.run === run,
  );
}
