// What comes over HTTP: one address may be given to Slack for events, commands and interactions alike.
// Verified over the bytes before anything is read of them.

import { RuntimeError } from "../../../runtime/errors.ts";
import type { Log } from "../../../runtime/log.ts";
import { parseJson } from "../../http/body.ts";
import type { ChannelRequest, ChannelResponse, ChannelRoute, Handled } from "../adapter.ts";
import { refusal } from "../answer.ts";
import { type Fields, fieldsOf, textIn } from "../sent-json.ts";
import { readEvent } from "./events.ts";
import { readCommand, readInteraction } from "./forms.ts";
import { slackLimits } from "./limits.ts";
import type { Replies } from "./replies.ts";
import type { SlackSelf } from "./self.ts";
import { isFromSlack } from "./verify.ts";

/** What requests are read with. */
export interface RequestParts {
  readonly secrets: readonly string[];
  readonly self: SlackSelf;
  readonly texts: CommandTexts;
  readonly nowMs: () => number;
  readonly log: Log;
  readonly account: string;
  readonly replies: Replies;
}

/** What is said at once to who gives a command. */
export interface CommandTexts {
  readonly ack: string;
  readonly nack: string;
}

const OK: ChannelResponse = { status: 200 };
const CHALLENGE_MAX = 1_000;

/** The routes of an account: any of them takes anything. */
export function slackRoutes(parts: RequestParts): ChannelRoute[] {
  const handle = (request: ChannelRequest) => handleRequest(request, parts);
  return ["", "/commands", "/interactive"].map((path) => ({
    ...{ method: "POST" as const, path, handle },
    bodyMax: slackLimits.requestBytes,
  }));
}

/** Verifies and reads one request. Never throws for what was sent. */
export async function handleRequest(
  request: ChannelRequest,
  parts: RequestParts,
): Promise<Handled> {
  const isForm = /^application\/x-www-form-urlencoded\b/i.test(
    request.headers["content-type"] ?? "",
  );
  if (!isFromSlack(request, parts.secrets, parts.nowMs())) {
    // Slack looks at a command's certificate with a request that is not signed, and means nothing by it.
    if (isForm && isCertificateCheck(request.body)) return { events: [], ack: OK };
    return refusal(
      401,
      "The request is not signed with this account's signing secret, or not lately.",
    );
  }
  try {
    return isForm
      ? await handleForm(formOf(request.body), parts)
      : handleEvents(jsonOf(request.body), parts);
  } catch (error) {
    if (error instanceof RuntimeError) return refusal(400, error.message);
    throw error;
  }
}

function handleEvents(envelope: Fields, parts: RequestParts): Handled {
  const type = textIn(envelope, "type");
  if (type === "url_verification") {
    const challenge = textIn(envelope, "challenge", CHALLENGE_MAX);
    if (challenge === null) return refusal(400, "The url_verification has no challenge.");
    return { events: [], ack: { status: 200, body: challenge, headers: noSniff } };
  }
  if (type === "app_rate_limited") noteRateLimit(envelope, parts);
  if (type !== "event_callback") return { events: [], ack: OK };
  return { ...readEvent(envelope, parts.self), ack: OK };
}

/** What was asked to be said back is shown to nobody as a page. */
const noSniff = { "x-content-type-options": "nosniff" };

/** Says that Slack leaves events out. */
export function noteRateLimit(
  envelope: Fields,
  { log, account }: Pick<RequestParts, "log" | "account">,
) {
  const minute = (envelope["minute_rate_limited"] ?? null) as unknown;
  const text = "Slack left out events of an account: a workspace sends at most 30,000 an hour";
  log.write("warn", text, { account, minute: typeof minute === "number" ? minute : null });
}

async function handleForm(form: Fields, parts: RequestParts): Promise<Handled> {
  if (form["payload"] !== undefined) {
    // Whoever pressed sees by a sign at the button that an answer was not 200: nothing in a body is shown.
    const payload = jsonOf(Buffer.from(String(form["payload"])));
    const events = readInteraction(payload, parts.nowMs());
    return { events: await parts.replies.keep(events, payload), ack: OK };
  }
  if (form["ssl_check"] === "1") return { events: [], ack: OK };
  const command = readCommand(form, parts.nowMs());
  if (command === null)
    return refusal(400, "The form is neither a slash command nor an interaction.");
  const { ack, nack } = parts.texts;
  const events = await parts.replies.keep([command], form);
  return { events, ack: ephemeral(ack), nack: ephemeral(nack) };
}

/** Words for who has given a command, and for nobody else. */
export function ephemeral(text: string): ChannelResponse {
  const body = JSON.stringify(shownToOne(text));
  return { status: 200, contentType: "application/json; charset=utf-8", body };
}

/** An answer to a command that is shown to the one who gave it. */
export const shownToOne = (text: string) => ({ response_type: "ephemeral", text });

function jsonOf(body: Uint8Array): Fields {
  const value = fieldsOf(parseJson(body));
  if (value === null) throw new RuntimeError("INVALID", "The body is JSON, but no object.");
  return value;
}

/** @throws RuntimeError INVALID for a name that stands twice: which of them was meant nobody knows. */
function formOf(body: Uint8Array): Fields {
  const form: Record<string, string> = Object.create(null);
  for (const [name, value] of new URLSearchParams(Buffer.from(body).toString("utf8"))) {
    if (form[name] !== undefined) {
      throw new RuntimeError("INVALID", `The form has "${name.slice(0, 80)}" twice.`);
    }
    form[name] = value;
  }
  return form;
}

function isCertificateCheck(body: Uint8Array): boolean {
  return (
    body.length < 1_000 && /(?:^|&)ssl_check=1(?:&|$)/.test(Buffer.from(body).toString("latin1"))
  );
}
