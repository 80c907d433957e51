// A look at an account from outside: whether Slack takes our tokens, and what the app may do.

import type { ChannelEnvironment, Finding } from "../adapter.ts";
import { textIn } from "../sent-json.ts";
import type { SlackApi } from "./api.ts";
import type { ApiFailure } from "./classify.ts";
import { idIn } from "./fields.ts";
import type { SlackSelf } from "./self.ts";
import { type SlackSettings, signingSecretsOf } from "./settings.ts";
import { openSocketAddress } from "./socket-mode.ts";

/** Scopes and what fails without them: an account is not well without those that are needed. */
const scopes = [
  { scope: "chat:write", isNeeded: true, without: "Nothing can be answered" },
  { scope: "app_mentions:read", isNeeded: true, without: "Rooms cannot name the bot" },
  { scope: "im:history", isNeeded: true, without: "Direct messages are not heard" },
  {
    scope: "channels:history",
    isNeeded: false,
    without: "Public rooms are heard by mention alone",
  },
  { scope: "groups:history", isNeeded: false, without: "Private rooms are heard by mention alone" },
  { scope: "files:read", isNeeded: false, without: "Files that people send cannot be read" },
  { scope: "files:write", isNeeded: false, without: "Files cannot be sent" },
];

/** What a look needs. */
export interface ProbeParts {
  readonly api: SlackApi;
  readonly settings: SlackSettings;
  readonly environment: ChannelEnvironment;
  readonly self: SlackSelf;
}

/** Looks at the bot's token, the app's token, scopes and secrets. */
export async function probe(parts: ProbeParts, signal: AbortSignal): Promise<Finding[]> {
  const { settings } = parts;
  const findings = await probeToken(parts, signal);
  if (settings.app_token !== undefined) {
    findings.push(await probeSocketMode(parts, settings.app_token, signal));
  }
  if (signingSecretsOf(settings).length > 0) {
    findings.push({
      ok: true,
      text: "The signing secret is set; whether it is the right one shows with Slack's first request.",
      help: "Under Event Subscriptions press Retry at the Request URL: Slack says at once when it is refused (401).",
    });
  }
  return findings;
}

async function probeToken(parts: ProbeParts, signal: AbortSignal): Promise<Finding[]> {
  const { api, self } = parts;
  const result = await api.call("auth.test", {}, signal);
  if (!result.ok) return [hasEnded(result, parts) ?? refused(result)];
  const { body, headers } = result;
  self.learn(idIn(body, "user_id"), idIn(body, "bot_id"));
  const [bot, team] = [textIn(body, "user") ?? "?", textIn(body, "team") ?? "?"];
  const found: Finding[] = [{ ok: true, text: `Slack knows the bot as @${bot} of ${team}.` }];
  if (idIn(body, "bot_id") === null) {
    const text = "The token is a person's, not a bot's: messages would be that person's own.";
    found.push({ ok: false, text, help: "Take the Bot User OAuth Token (xoxb-...) of the app." });
  }
  const granted = headers["x-oauth-scopes"]?.split(",").map((one) => one.trim());
  if (granted === undefined) return found;
  const missing = scopes.filter(({ scope }) => !granted.includes(scope));
  const help = "Add it under OAuth & Permissions and install the app again.";
  for (const { scope, isNeeded, without } of missing) {
    found.push({ ok: !isNeeded, text: `${without}: the scope ${scope} is missing.`, help });
  }
  if (missing.length === 0) found.push({ ok: true, text: "The app has the scopes that are used." });
  return found;
}

async function probeSocketMode(
  { api, environment }: ProbeParts,
  token: string,
  signal: AbortSignal,
): Promise<Finding> {
  if (environment.connect === undefined) {
    const help = "Take app_token out and give Slack a Request URL.";
    return { ok: false, text: "Socket Mode needs WebSockets, which are closed here.", help };
  }
  const opened = await openSocketAddress(api, token, signal);
  if (opened.ok) return { ok: true, text: "Slack opens a connection for Socket Mode." };
  const help = "Make an app-level token with connections:write, and switch Socket Mode on.";
  return { ok: false, text: `Socket Mode: ${opened.failure.reason}.`, help };
}

/** A token of a row of them may have ended while nobody spoke: the next call of the account renews it. */
function hasEnded({ code }: ApiFailure, { settings, environment }: ProbeParts): Finding | null {
  if (code !== "token_expired" || !settings.refresh_token || !environment.looksOnly) return null;
  const text =
    "The bot's token has ended. The server renews it by refresh_token, which a look does not try: it works once.";
  return {
    ok: true,
    text,
    help: "Say something to the bot; where it stays silent, install the app again.",
  };
}

function refused(failure: ApiFailure): Finding {
  if (failure.class === "auth") {
    const help = "Take the token anew from the app's OAuth & Permissions page.";
    return { ok: false, text: `The bot's token is refused (${failure.reason}).`, help };
  }
  const help = "Look at the network, at api_url and at slack-status.com.";
  return { ok: false, text: `Slack could not be asked (${failure.reason}).`, help };
}
