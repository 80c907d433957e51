// What an account of a Telegram bot is set up with.

import { type Static, Type } from "../../../actors/schema.ts";

/** Settings and secrets of an account. */
export const telegramSettings = Type.Object(
  {
    bot_username: Type.String({
      pattern: "^[A-Za-z][A-Za-z0-9_]{3,31}$",
      description: "The bot's name without @: by it the bot is spoken to in groups.",
    }),
    bot_token: Type.String({
      pattern: "^[0-9]{1,20}:[A-Za-z0-9_-]{10,200}$",
      maxLength: 300,
      description: "Token that BotFather gave.",
    }),
    secret_token: Type.String({
      pattern: "^[A-Za-z0-9_-]{16,256}(,[A-Za-z0-9_-]{16,256}){0,3}$",
      maxLength: 1_100,
      description:
        "The secret_token that setWebhook was called with, chosen freely; several with commas while it is replaced.",
    }),
    link_previews: Type.Optional(
      Type.Boolean({ description: "Whether links are shown with a preview. Default false." }),
    ),
    api_url: Type.Optional(
      Type.String({
        pattern: "^https?://[^\\s?#]+$",
        maxLength: 500,
        description: "A Bot API server. Default https://api.telegram.org.",
      }),
    ),
  },
  { additionalProperties: false },
);

/** Of an account. */
export type TelegramSettings = Static<typeof telegramSettings>;

/** Those of them that are secret. */
export const telegramSecrets = ["bot_token", "secret_token"] as const;

/** Where the Bot API is. */
export const BOT_API_URL = "https://api.telegram.org";
