// What an account at Slack is set up with, and what of it goes together.

import { type Static, Type } from "../../../actors/schema.ts";
import { RuntimeError } from "../../../runtime/errors.ts";

const slackId = (description: string) =>
  Type.Optional(Type.String({ pattern: "^[A-Z0-9]{1,40}$", maxLength: 40, description }));
const secret = (description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: 20_000, description }));
const words = (description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: 500, description }));

/** Settings and secrets of an account. */
export const slackSettings = Type.Object(
  {
    bot_token: Type.String({
      minLength: 1,
      maxLength: 20_000,
      description: "Bot User OAuth Token (xoxb-...), of the app's OAuth & Permissions page.",
    }),
    signing_secret: secret(
      "The app's signing secret (Basic Information); several with commas while it is replaced. Needed unless app_token is given.",
    ),
    app_token: secret(
      "App-level token (xapp-...) with connections:write: events come by Socket Mode, without a public address.",
    ),
    refresh_token: secret(
      "With token rotation: the refresh token that came with bot_token. What follows it is kept by the server.",
    ),
    client_id: Type.Optional(
      Type.String({ minLength: 1, maxLength: 200, description: "Needed with refresh_token." }),
    ),
    client_secret: secret("Needed with refresh_token."),
    bot_user_id: slackId(
      "The bot's user id (U...). Needed only where events do not name whom they are for.",
    ),
    ack_text: words('Said at once to who gives a slash command. Default "On it."'),
    nack_text: words(
      'Said instead when the command could not be stored. Default "That could not be taken in just now. Please try again in a minute."',
    ),
    typing_text: words('The sign that an answer is written. Default "is thinking..."'),
    api_url: Type.Optional(
      Type.String({
        pattern: "^https?://[^\\s?#]+$",
        maxLength: 500,
        description: "Default https://slack.com/api.",
      }),
    ),
  },
  { additionalProperties: false },
);

/** Of an account. */
export type SlackSettings = Static<typeof slackSettings>;

/** Those of them that are secret. */
export const slackSecrets = [
  "bot_token",
  "signing_secret",
  "app_token",
  "refresh_token",
  "client_secret",
] as const;

/** Where the Web API is. */
export const SLACK_API_URL = "https://slack.com/api";

/** Where an account's Web API is, without a final slash. */
export function apiUrlOf(settings: SlackSettings): string {
  return (settings.api_url ?? SLACK_API_URL).replace(/\/+$/, "");
}

/** Every signing secret: the one in use, and those that are being replaced. */
export function signingSecretsOf(settings: SlackSettings): string[] {
  return (settings.signing_secret ?? "").split(/[\s,]+/).filter((one) => one !== "");
}

/** @throws RuntimeError INVALID with the pointer of what is missing or of the wrong kind. */
export function checkSettings(settings: SlackSettings): void {
  if (settings.bot_token.trim() === "") throw wrong("bot_token", "is empty");
  if (settings.bot_token.startsWith("xapp-")) {
    throw wrong("bot_token", "is an app-level token; the bot's begins with xoxb- or xoxe.");
  }
  const hasSecret = signingSecretsOf(settings).length > 0;
  if (settings.signing_secret !== undefined && !hasSecret)
    throw wrong("signing_secret", "is empty");
  if (!hasSecret && settings.app_token === undefined) {
    const why = "is missing: without it nobody could tell Slack's requests from others'";
    throw wrong("signing_secret", `${why} (or give app_token, for Socket Mode)`);
  }
  if (settings.app_token !== undefined && !settings.app_token.startsWith("xapp-")) {
    throw wrong("app_token", "is no app-level token: it begins with xapp-");
  }
  if (settings.refresh_token === undefined) return;
  for (const name of ["client_id", "client_secret"] as const) {
    if (settings[name] === undefined) throw wrong(name, "is needed with refresh_token");
  }
}

function wrong(name: string, what: string): RuntimeError {
  return new RuntimeError("INVALID", `The setting ${name} of Slack ${what}.`, {
    pointer: `/${name}`,
  });
}
