// What an account at Discord is set up with, and what of it goes together.

import { type Static, Type } from "../../../actors/schema.ts";
import { RuntimeError } from "../../../runtime/errors.ts";

const words = (description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: 500, description }));

/** Settings and secrets of an account. */
export const discordSettings = Type.Object(
  {
    bot_token: Type.String({
      minLength: 1,
      maxLength: 500,
      description: "The bot's token, of the application's page Bot.",
    }),
    public_key: Type.Optional(
      Type.String({
        maxLength: 1_000,
        description:
          "The application's public key (General Information), 64 hexadecimal digits; several with commas. Needed unless gateway is true.",
      }),
    ),
    gateway: Type.Optional(
      Type.Boolean({
        description:
          "Whether a connection to Discord's Gateway is kept, by which plain messages and mentions come. Default false: slash commands and buttons alone.",
      }),
    ),
    message_content: Type.Optional(
      Type.Boolean({
        description:
          "Whether the Message Content Intent, switched on at the page Bot, is asked for: with it messages of rooms are readable that do not name the bot. Default false.",
      }),
    ),
    nack_text: words(
      'Shown to who gives a command that could not be stored. Default "That could not be taken in just now. Please try again in a minute."',
    ),
    api_url: Type.Optional(
      Type.String({
        pattern: "^https?://[^\\s?#]+$",
        maxLength: 500,
        description: "Default https://discord.com/api/v10.",
      }),
    ),
  },
  { additionalProperties: false },
);

/** Of an account. */
export type DiscordSettings = Static<typeof discordSettings>;

/** Those of them that are secret. */
export const discordSecrets = ["bot_token"] as const;

/** Where the API is. */
export const DISCORD_API_URL = "https://discord.com/api/v10";

/** Where an account's API is, without a final slash. */
export function apiUrlOf(settings: DiscordSettings): string {
  return (settings.api_url ?? DISCORD_API_URL).replace(/\/+$/, "");
}

/** Every public key in lower case: an application that takes another's place has its own. */
export function publicKeysOf(settings: DiscordSettings): string[] {
  return (settings.public_key ?? "")
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((one) => one !== "");
}

/** @throws RuntimeError INVALID with the pointer of what is missing or of the wrong kind. */
export function checkSettings(settings: DiscordSettings): void {
  // A header of it is written as it stands: nothing in it may end the line.
  if (!/^[\x21-\x7e]+$/.test(settings.bot_token)) {
    throw wrong("bot_token", "is empty, or has characters that no token has");
  }
  const keys = publicKeysOf(settings);
  if (!keys.every((key) => /^[0-9a-f]{64}$/.test(key))) {
    throw wrong("public_key", "is no key: it has 64 hexadecimal digits");
  }
  if (keys.length > 0) return;
  if (settings.gateway !== true || settings.public_key !== undefined) {
    const why = "is missing: without it nobody could tell Discord's requests from others'";
    throw wrong("public_key", `${why} (or set gateway, and leave it out)`);
  }
}

function wrong(name: string, what: string): RuntimeError {
  return new RuntimeError("INVALID", `The setting ${name} of Discord ${what}.`, {
    pointer: `/${name}`,
  });
}
