// What is remembered of a keyed message from outside, so that it is recognised when it comes again:
// a row with its answer, its place in the hour of its expiry, and its share of the tenant's room.

import type { Data } from "../actor.ts";
import type { ErrorData, RuntimeError } from "../errors.ts";
import type { MessageKey } from "../message.ts";
import { encode } from "../store/codec.ts";
import { keys } from "../store/keys.ts";
import type { Cell, MailItem } from "./cell.ts";
import type { Participant } from "./commit-batch.ts";
import type { Committer } from "./committer.ts";
import { EXPIRY } from "./seen-sweeper.ts";
import type { Answer, TurnDraft } from "./turn.ts";

/** A remembered message. */
export interface SeenRow {
  readonly bodyHash: string;
  readonly reply: Data;
  readonly run: string | null;
  /** It was given up: a letter has it, and nobody handles it again unless an operator says so. */
  readonly error?: ErrorData;
}

/** A message to be remembered, and what came of it; null: it is on disk. */
export interface Remembered {
  readonly tenant: string;
  readonly key: MessageKey;
  readonly nowMs: number;
  readonly answer: Answer | null;
}

const HOUR_MS = 3_600_000;

/** One more key to be remembered: refused with the turn when its tenant has its fill. */
export function takeRoom(
  draft: Pick<TurnDraft, "ops" | "floors">,
  tenant: string,
  seenKeysMax: number,
): void {
  const key = keys.seenRoom(tenant);
  const message = `${seenKeysMax} idempotency keys are remembered already, the limit.`;
  draft.floors.push({ key, otherwise: { code: "SEEN_FULL", message } });
  draft.ops.push({ op: "add", key, delta: -1, min: -seenKeysMax });
}

/** Remembers a message with what came of it; its room is taken apart from that. */
export function remember(committer: Committer, owner: Participant, seen: Remembered): void {
  const { tenant, key, nowMs, answer } = seen;
  const reply = answer?.type === "reply" ? answer : null;
  const row: SeenRow = {
    bodyHash: key.bodyHash,
    reply: reply?.value ?? null,
    run: reply?.follow ?? null,
    ...(answer?.type === "error" ? { error: answer.error } : {}),
  };
  const seenKey = keys.seen(tenant, key.source, key.key);
  const hour = Math.floor(nowMs / HOUR_MS) + key.hours + 1;
  const expiry = keys.seenExpiry(hour, tenant, key.source, key.key);
  committer.write(owner, { op: "insert", key: seenKey, value: encode(row) });
  committer.write(owner, { op: "put", key: expiry, value: EXPIRY });
}

/**
 * Remembers a message that is given up, in the batch of its letter: sent again by a client, or by the
 * door because a thread died before its answer was out, it would leave another letter. `refused`: why
 * the batch before was refused; should somebody else have the key, that stands. Room is taken
 * whether there is some or not.
 */
export function rememberLetter(
  committer: Committer,
  owner: Participant,
  seen: Remembered,
  refused: RuntimeError | undefined,
): void {
  const { tenant, key } = seen;
  if (refused?.details?.["key"] === keys.seen(tenant, key.source, key.key)) return;
  remember(committer, owner, seen);
  committer.write(owner, { op: "add", key: keys.seenRoom(tenant), delta: -1 });
}

/** What is to be remembered of a message that is given up; nothing of one that was only late. */
export function letterSeen(
  { tenant }: Cell,
  { door }: MailItem,
  error: ErrorData,
  nowMs: number,
): Remembered | null {
  if (!door?.key || error.code === "DEADLINE") return null;
  return { tenant, key: door.key, nowMs, answer: { type: "error", error } };
}

/** The key of a message that was only late: it is not remembered, so that its client may send it again. */
export function lateKeyOf({ door }: MailItem, { code }: ErrorData): { readonly key?: MessageKey } {
  return door?.key && code === "DEADLINE" ? { key: door.key } : {};
}

/**
 * Remembers a late message in the batch in which an operator replays its letter. Refused with the key
 * when its client has sent it again before; sent again after, it is not handled a second time.
 */
export function rememberReplayed(
  committer: Committer,
  owner: Participant,
  tenant: string,
  key: MessageKey,
  nowMs: number,
): void {
  const error: ErrorData = {
    code: "CONFLICT",
    message: "The message came too late, and was handled since on behalf of an operator.",
  };
  remember(committer, owner, { tenant, key, nowMs, answer: { type: "error", error } });
  committer.write(owner, { op: "add", key: keys.seenRoom(tenant), delta: -1 });
}

/** The next state of a behaviour, which is not asked about a message that may only be one that came before. */
export function received(cell: Cell, { message, door }: MailItem, draft: TurnDraft): Data {
  const refusal = door?.key?.otherwise;
  if (refusal === undefined) return cell.definition.receive(cell.state, message, draft);
  draft.refuse(refusal);
  return cell.state;
}

/** What another body under a key that is remembered is told. */
export function keyReused(): ErrorData {
  return { code: "KEY_REUSED", message: "This Idempotency-Key was used with another body." };
}
