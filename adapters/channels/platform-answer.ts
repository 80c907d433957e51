// What the answers of platforms have in common: JSON that may be none, times to wait, and reasons that are
// shown to people, without secrets.

import { channelLimits } from "../../actors/channels/limits.ts";
import type { Reconciled, SendFailure, SendResult } from "../../actors/channels/outgoing.ts";
import type { PlatformAnswer } from "./adapter.ts";

/** A send that did not go well. */
export type Failed = Extract<SendResult, { ok: false }>;

/** What a call without an answer means for what it was to send. */
export function unreached(
  answer: Extract<PlatformAnswer, { reached: false }>,
  secrets: readonly string[],
): Failed {
  const reason = withoutSecrets(answer.reason, secrets);
  return { ok: false, class: answer.mayHaveArrived ? "unknown" : "retry", reason };
}

/** What a send was, for what is made of its failure. */
export interface SendAbout {
  /** Who answered, at the beginning of a sentence. */
  readonly platform: string;
  /** 1, 2, ... */
  readonly attempt: number;
  readonly nowMs: number;
  /** Taken out of what is said. */
  readonly secrets: readonly string[];
}

/** What the platform's own words in an answer say. What is absent follows from the answer's status. */
export interface KnownFailure {
  readonly class?: SendFailure | undefined;
  readonly reason?: string | undefined;
  /** As of Retry-After, where the platform says it elsewhere. */
  readonly retryAfter?: string | undefined;
}

/** What an answer that is no receipt means for what it was to send. */
export function failedSend(
  answer: PlatformAnswer,
  about: SendAbout,
  known: KnownFailure = {},
): Failed {
  if (!answer.reached) return unreached(answer, about.secrets);
  const said = known.reason ?? `${about.platform} answered ${answer.status}.`;
  const reason = withoutSecrets(said, about.secrets);
  const failure = known.class ?? classOfStatus(answer.status);
  if (failure !== "rate") return { ok: false, class: failure, reason };
  const waitMs = retryAfterMs(known.retryAfter ?? answer.headers["retry-after"], about.nowMs);
  return { ok: false, class: failure, reason, retryAfterMs: waitMs ?? backOffMs(about.attempt) };
}

/**
 * What a status means of which nothing else is known: a page of a proxy, nothing at all. What says that all
 * went well and names no message may have sent one, and so may a gateway that lost its patience; an address
 * that is none is a setting that is wrong.
 */
export function classOfStatus(status: number): SendFailure {
  if (status < 400 || status === 504) return "unknown";
  if (status === 401 || status === 403 || status === 404) return "auth";
  if (status === 429) return "rate";
  return status === 408 || status >= 500 ? "retry" : "format";
}

/** What a look for a message that failed says of it: it may be looked for later, unless we may not look at all. */
export function notFoundOut(failed: Omit<Failed, "ok">): Reconciled {
  const { class: of, reason, retryAfterMs: waitMs } = failed;
  if (of !== "retry" && of !== "rate" && of !== "unknown") return { state: "unknown" };
  return { state: "later", reason, ...(waitMs !== undefined && { retryAfterMs: waitMs }) };
}

/** JSON of an answer; null for a page, for nothing and for what is broken. */
export function jsonIn(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString("utf8"));
  } catch {
    return null;
  }
}

/**
 * Retry-After in seconds or as a date; undefined when it says nothing that can be meant (0 and less, words).
 * At most what is believed of it.
 */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined || header.trim() === "") return undefined;
  const ms = /^\s*-?[0-9]+\s*$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - nowMs;
  if (!(ms > 0)) return undefined;
  return Math.min(Math.ceil(ms), channelLimits.retryAfterMaxMs);
}

/** 4, 16, 64, ... seconds. */
export function backOffMs(attempt: number): number {
  const exponent = Math.min(Math.max(1, attempt), 20);
  return Math.min(4 ** exponent * 1_000, channelLimits.retryAfterMaxMs);
}

/** A sentence without secrets, as short as a reason may be. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  let clean = text;
  for (const secret of secrets) if (secret !== "") clean = clean.replaceAll(secret, "***");
  return clean.slice(0, 300);
}
