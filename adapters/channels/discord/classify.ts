// What an answer of the API means (docs.discord.com/developers/topics/opcodes-and-status-codes). Codes say more
// than the status; what has no code came from somebody on the way.

import { channelLimits } from "../../../actors/channels/limits.ts";
import type { SendFailure } from "../../../actors/channels/outgoing.ts";
import type { PlatformAnswer } from "../adapter.ts";
import {
  type Failed,
  jsonIn,
  retryAfterMs,
  unreached,
  withoutSecrets,
} from "../platform-answer.ts";
import { memberOf, textIn } from "../sent-json.ts";

/** What a call gave. */
export type ApiResult =
  | { readonly ok: true; readonly body: unknown }
  | {
      readonly ok: false;
      readonly failed: Failed;
      readonly status: number;
      /** Discord's code, 0 where it said none. */
      readonly code: number;
    };

/** What a call was, for the words of its failure. */
export interface CallAbout {
  /** "posting a message": no address stands in a reason, as tokens are part of some. */
  readonly what: string;
  readonly secrets: readonly string[];
  readonly nowMs: number;
}

const classes: Readonly<Partial<Record<SendFailure, readonly number[]>>> = {
  auth: [40_001, 40_002, 50_014, 50_025, 20_012],
  gone: [
    // Unknown: account, channel, guild, member, message, user, webhook, interaction, thread archived.
    ...[10_001, 10_003, 10_004, 10_007, 10_008, 10_013, 10_015, 10_062, 50_083, 160_005],
    // Missing access, no direct messages to them, permissions, no message of ours, channel of another type.
    ...[50_001, 50_007, 50_013, 50_005, 50_008, 50_024, 50_278, 20_001, 50_027, 40_007, 40_333],
  ],
  rate: [20_016, 20_022, 20_028, 20_029, 30_046, 40_062, 31_001, 31_002],
  format: [40_005, 50_006, 50_035, 50_109, 50_045, 50_046, 50_068],
  retry: [130_000],
};

const classOf = new Map(
  Object.entries(classes).flatMap(([name, codes]) =>
    codes.map((code) => [code, name as SendFailure] as const),
  ),
);

/** Reads an answer. */
export function apiResult(answer: PlatformAnswer, about: CallAbout): ApiResult {
  if (!answer.reached) {
    return { ok: false, status: 0, code: 0, failed: unreached(answer, about.secrets) };
  }
  const { status } = answer;
  const body = jsonIn(answer.body);
  if (status >= 200 && status < 300) return { ok: true, body };
  const said = memberOf(body, "code");
  const code = typeof said === "number" && Number.isSafeInteger(said) ? said : 0;
  const failed = status === 429 ? "rate" : (classOf.get(code) ?? classOfStatus(status, body));
  const words = [
    `status ${status}`,
    code === 0 ? "" : `code ${code}`,
    textIn(body, "message", 200),
  ];
  const reason = `Discord, ${about.what}: ${words.filter(Boolean).join(", ")}`;
  const waitMs = failed === "rate" ? waitOf(answer, body, about.nowMs) : undefined;
  return {
    ...{ ok: false, status, code },
    failed: {
      ...{ ok: false, class: failed, reason: withoutSecrets(reason, about.secrets) },
      ...(waitMs !== undefined && { retryAfterMs: waitMs }),
    },
  };
}

/** Anything that was not understood, though the status was good: it may have been done. */
export function withoutId(what: string): Failed {
  return { ok: false, class: "unknown", reason: `Discord, ${what}: an answer without an id` };
}

/** Seconds of a body, which may have a fraction, and of headers: the longest of them. */
function waitOf(
  { headers }: Extract<PlatformAnswer, { reached: true }>,
  body: unknown,
  nowMs: number,
): number | undefined {
  const inBody = memberOf(body, "retry_after");
  const waits = [
    retryAfterMs(headers["retry-after"], nowMs),
    secondsMs(inBody),
    secondsMs(headers["x-ratelimit-reset-after"]),
  ].filter((one) => one !== undefined);
  return waits.length === 0 ? undefined : Math.max(...waits);
}

/** Decimal seconds in ms, no more than is believed; undefined for what is none, or no wait. */
export function secondsMs(value: unknown): number | undefined {
  const isDecimal = typeof value === "string" && /^\d{1,9}(\.\d{1,9})?$/.test(value);
  const seconds = isDecimal ? Number(value) : value;
  if (typeof seconds !== "number" || !(seconds > 0)) return undefined;
  return Math.min(Math.ceil(seconds * 1_000), channelLimits.retryAfterMaxMs);
}

function classOfStatus(status: number, body: unknown): SendFailure {
  const isDiscords = memberOf(body, "message") !== undefined;
  if (status === 401) return "auth";
  // Of a room or a person where Discord says it; of somebody on the way it says nothing of either.
  if (status === 403) return isDiscords ? "gone" : "auth";
  if (status === 404) return isDiscords ? "gone" : "retry";
  if (status === 408 || status === 503) return "retry";
  if (status >= 500) return "unknown";
  return status < 400 ? "retry" : "format";
}
