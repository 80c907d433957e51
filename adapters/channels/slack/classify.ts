// What an answer of the Web API means: a 200 is no success yet, an error may be one, and what came from a
// proxy on the way says nothing (docs.slack.dev/apis/web-api/using-the-slack-web-api).

import type { SendFailure } from "../../../actors/channels/outgoing.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { PlatformAnswer } from "../adapter.ts";
import { type Fields, fieldsOf, listIn, memberOf, textIn } from "../sent-json.ts";
import { objectIn } from "./fields.ts";

/** What a call gave. */
export type ApiResult =
  | {
      readonly ok: true;
      readonly body: Fields;
      readonly headers: Readonly<Record<string, string>>;
    }
  | ApiFailure;

/** Why it gave nothing. */
export interface ApiFailure {
  readonly ok: false;
  readonly class: SendFailure;
  /** Slack's word for it (`channel_not_found`), "" where it said none. */
  readonly code: string;
  readonly reason: string;
  readonly retryAfterMs?: number;
}

const REASON_MAX = 300;
/** Nobody waits longer than that for what a header says; the lane's own limit is shorter. */
const RETRY_AFTER_MAX_S = 1_000_000;

const classes: Readonly<Partial<Record<SendFailure, readonly string[]>>> = {
  auth: [
    ...["not_authed", "invalid_auth", "account_inactive", "token_revoked", "token_expired"],
    ...[
      "no_permission",
      "missing_scope",
      "org_login_required",
      "ekm_access_denied",
      "access_denied",
    ],
    ...["not_allowed_token_type", "team_access_not_granted", "two_factor_setup_required"],
    ...[
      "enterprise_is_restricted",
      "invalid_refresh_token",
      "bad_client_secret",
      "invalid_client_id",
    ],
    ...["user_removed_from_team", "team_not_found", "app_not_installed", "invalid_app_id"],
  ],
  gone: [
    ...["channel_not_found", "not_in_channel", "is_archived", "is_inactive", "user_not_found"],
    ...["user_disabled", "users_not_found", "thread_not_found", "messages_tab_disabled"],
    ...["cannot_dm_bot", "restricted_action", "restricted_action_read_only_channel"],
    ...["restricted_action_thread_only_channel", "restricted_action_non_threadable_channel"],
    ...["restricted_action_thread_locked", "access_to_channel_denied", "cannot_reply_to_message"],
    ...["message_not_found", "cant_update_message", "edit_window_closed", "as_user_not_supported"],
    ...["slack_connect_file_upload_sharing_blocked", "slack_connect_canvas_sharing_blocked"],
  ],
  rate: ["ratelimited", "rate_limited", "message_limit_exceeded"],
  retry: ["service_unavailable", "request_timeout", "team_added_to_org", "accesslimited"],
  // "It's possible some aspect of the operation succeeded before the error was raised."
  unknown: ["internal_error", "fatal_error"],
};

const classOf = new Map(
  Object.entries(classes).flatMap(([name, codes]) =>
    codes.map((code) => [code, name as SendFailure] as const),
  ),
);

/** Reads an answer. @param method of the Web API, for the reason. */
export function apiResult(method: string, answer: PlatformAnswer, nowMs: number): ApiResult {
  if (!answer.reached) {
    const sent = answer.mayHaveArrived;
    return failure(method, sent ? "unknown" : "retry", { code: "", what: answer.reason });
  }
  const { status, headers } = answer;
  const body = bodyOf(answer.body);
  const wait = retryAfterMs(headers["retry-after"], nowMs);
  const code = codeIn(body);
  if (status === 429) return failure(method, "rate", { code: code || "429", what: "", wait });
  if (status < 200 || status > 299) {
    return failure(method, classOfStatus(status), { code, what: `status ${status}` });
  }
  if (body === null) {
    // Somebody on the way may have answered this: what was asked for may be done all the same.
    const what = answer.body.length === 0 ? "an empty answer" : "an answer that is no JSON";
    return failure(method, "unknown", { code: "", what });
  }
  if (memberOf(body, "ok") === true) return { ok: true, body, headers };
  const found = classOf.get(code) ?? "format";
  return failure(method, found, { code, what: detailsOf(body), wait });
}

/** A failure in the words of a send. */
export function sendFailure({ class: failed, reason, retryAfterMs }: ApiFailure) {
  const wait = retryAfterMs === undefined ? {} : { retryAfterMs };
  return { ok: false as const, class: failed, reason, ...wait };
}

/** A failure where an error is wanted. */
export function asError(failed: ApiFailure): RuntimeError {
  const code =
    failed.class === "auth"
      ? "UNAUTHENTICATED"
      : failed.class === "gone"
        ? "NOT_FOUND"
        : failed.class === "rate"
          ? "PROVIDER_LIMITED"
          : "PROVIDER_UNAVAILABLE";
  return new RuntimeError(code, failed.reason, { code: failed.code });
}

/** Whole seconds, or a date; undefined for what is neither, is over, or is no wait. */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  const seconds = /^\d{1,20}$/.test(header.trim())
    ? Number(header)
    : (Date.parse(header) - nowMs) / 1_000;
  if (!(seconds > 0)) return undefined;
  return Math.ceil(Math.min(seconds, RETRY_AFTER_MAX_S) * 1_000);
}

function classOfStatus(status: number): SendFailure {
  if (status === 401 || status === 403) return "auth";
  if (status === 408 || status === 503) return "retry";
  // Whoever gave up on the way had passed it on.
  if (status >= 500) return "unknown";
  return status >= 300 && status < 400 ? "retry" : "format";
}

function bodyOf(bytes: Uint8Array): Fields | null {
  try {
    return fieldsOf(JSON.parse(Buffer.from(bytes).toString("utf8")));
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Slack's word for an error; what is no word may hold anything, and is not said again. */
function codeIn(body: Fields | null): string {
  const code = textIn(body, "error", 100) ?? "";
  return /^[a-z0-9_]+$/.test(code) ? code : "";
}

function detailsOf(body: Fields): string {
  const needed = textIn(body, "needed", 200);
  const [message] = listIn(objectIn(body, "response_metadata"), "messages");
  if (needed !== null) return `the app needs the scope ${needed}`;
  return typeof message === "string" ? message : "";
}

function failure(
  method: string,
  failed: SendFailure,
  about: { readonly code: string; readonly what: string; readonly wait?: number | undefined },
): ApiFailure {
  const words = [about.code, about.what].filter((one) => one !== "").join(", ") || "it failed";
  const reason = withoutTokens(`Slack's ${method}: ${words}`).slice(0, REASON_MAX);
  const wait = about.wait === undefined ? {} : { retryAfterMs: about.wait };
  return { ok: false, class: failed, code: about.code, reason, ...wait };
}

/** A text in which tokens of Slack's are not readable, should it ever say one back. */
export function withoutTokens(text: string): string {
  return text.replaceAll(/\b(?:xox[a-z]|xoxe\.xox[a-z]|xapp)-[\w.-]+/g, "***");
}
