// Slack's other half: what it sends to an app, signed, and again when it is not answered well in time
// (docs.slack.dev/apis/events-api, "Error handling and retries"). Times run on a scaled clock.

import { createHmac } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { ChannelRequest } from "../../../adapters/channels/adapter.ts";
import { BOT } from "./slack-workspace.ts";

/** Official example (docs.slack.dev, "Verifying requests from Slack"). */
export const OFFICIAL = {
  secret: "8f742231b10e8888abcd99yyyzzz85a5",
  time: "1531420618",
  body: "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
  signature: "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
};

/** Signing secret of the fake's app. */
export const SECRET = "fake-signing-secret-0123456789ab";

/** Headers of a signed request. */
export function signedHeaders(
  body: string | Uint8Array,
  { secret = SECRET, timeS = Math.floor(Date.now() / 1_000), type = "application/json" } = {},
): Record<string, string> {
  const hmac = createHmac("sha256", secret).update(`v0:${timeS}:`).update(body);
  return {
    "content-type": type,
    "x-slack-request-timestamp": String(timeS),
    "x-slack-signature": `v0=${hmac.digest("hex")}`,
  };
}

/** A request as routes take it. */
export function requestOf(
  body: string | Uint8Array,
  headers: Record<string, string>,
): ChannelRequest {
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  const query = new URLSearchParams();
  return { method: "POST", path: "", headers, query, body: bytes, publicUrl: "" };
}

/** A signed one. */
export function signedRequest(
  body: string | Uint8Array | object,
  options: Parameters<typeof signedHeaders>[1] = {},
): ChannelRequest {
  const raw = typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body);
  return requestOf(raw, signedHeaders(raw, options));
}

/** A signed form. */
export function signedForm(form: Readonly<Record<string, string>>): ChannelRequest {
  const body = new URLSearchParams(form).toString();
  return signedRequest(body, { type: "application/x-www-form-urlencoded" });
}

let count = 0;

/** An `event_callback` around an event. */
export function envelopeOf(event: object, more: object = {}) {
  count += 1;
  return {
    ...{ token: "verification", team_id: BOT.team, api_app_id: BOT.app, type: "event_callback" },
    ...{ event, event_id: `Ev${count}X`, event_time: 1_700_000_000 },
    authorizations: [{ enterprise_id: null, team_id: BOT.team, user_id: BOT.user, is_bot: true }],
    ...more,
  };
}

/** A message that somebody has written in a room. */
export function messageOf(more: object = {}) {
  const ts = "1700000000.000100";
  return {
    ...{ type: "message", channel: "CROOM1", channel_type: "channel", user: "UANNA1" },
    ...{ text: "hello", ts, event_ts: ts, client_msg_id: "c1" },
    ...more,
  };
}

/** One attempt at a delivery. */
export interface Attempt {
  readonly num: number;
  /** Status, or why there is none. */
  readonly result: number | "http_timeout" | "connection_failed";
}

/** Times of the platform, ms: it waits so long for an answer, and so long before each retry. */
const TIMEOUT_MS = 3_000;
const RETRIES_MS = [0, 60_000, 300_000];

/** Delivers like Slack does, until it is answered with 2xx or has tried four times. @param scale of the clock: 100 is 100 times as fast. */
export async function deliverEvent(
  url: string,
  envelope: object,
  {
    scale = 1,
    secret = SECRET,
    num = 0,
    timeoutMs = TIMEOUT_MS / scale,
  }: { scale?: number; secret?: string; num?: number; timeoutMs?: number } = {},
): Promise<Attempt[]> {
  const body = JSON.stringify(envelope);
  const attempts: Attempt[] = [];
  for (; num <= RETRIES_MS.length; num += 1) {
    if (num > 0) await pause((RETRIES_MS[num - 1] ?? 0) / scale);
    const last = attempts.at(-1)?.result;
    const reason = typeof last === "number" || last === undefined ? "http_error" : last;
    const headers = {
      ...signedHeaders(body, { secret }),
      ...(num > 0 && { "x-slack-retry-num": String(num), "x-slack-retry-reason": reason }),
    };
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      const response = await fetch(url, { method: "POST", body, headers, signal });
      await response.arrayBuffer();
      attempts.push({ num, result: response.status });
      if (response.ok || response.headers.get("x-slack-no-retry") === "1") break;
    } catch {
      attempts.push({ num, result: signal.aborted ? "http_timeout" : "connection_failed" });
    }
  }
  return attempts;
}
