// What is remembered of a keyed message from outside, so that it is recognised when it comes again:
// a row with its answer, its place in the hour of its expiry, and its share of the tenant's room.

import type { Data } from "../actor.ts";
import { encode } from "../store/codec.ts";
import { keys } from "../store/keys.ts";
import type { MessageKey } from "../system.ts";
import type { Committer, Participant } from "./committer.ts";
import { EXPIRY } from "./seen-sweeper.ts";
import type { TurnDraft } from "./turn.ts";

/** A remembered message. */
export interface SeenRow {
  readonly bodyHash: string;
  readonly reply: Data;
  readonly run: string | null;
}

const HOUR_MS = 3_600_000;

/** One more key to be remembered: refused with the turn when its tenant has its fill. */
export function takeRoom(draft: TurnDraft, tenant: string, seenKeysMax: number): void {
  const key = keys.seenRoom(tenant);
  const message = `${seenKeysMax} idempotency keys are remembered already, the limit.`;
  draft.floors.push({ key, otherwise: { code: "SEEN_FULL", message } });
  draft.ops.push({ op: "add", key, delta: -1, min: -seenKeysMax });
}

/** Remembers the message of a turn with the turn's answer. */
export function remember(
  committer: Committer,
  owner: Participant,
  seen: { readonly tenant: string; readonly key: MessageKey; readonly draft: TurnDraft },
): void {
  const { tenant, key, draft } = seen;
  const reply = draft.answer?.type === "reply" ? draft.answer : null;
  const row: SeenRow = {
    bodyHash: key.bodyHash,
    reply: reply?.value ?? null,
    run: reply?.follow ?? null,
  };
  const seenKey = keys.seen(tenant, key.source, key.key);
  const hour = Math.floor(draft.nowMs / HOUR_MS) + key.hours + 1;
  const expiry = keys.seenExpiry(hour, tenant, key.source, key.key);
  committer.write(owner, { op: "insert", key: seenKey, value: encode(row) });
  committer.write(owner, { op: "put", key: expiry, value: EXPIRY });
}
