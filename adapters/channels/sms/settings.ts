// What an account of SMS at Twilio is set up with.

import { type Static, Type } from "../../../actors/schema.ts";

/** Settings and secrets of an account. */
export const smsSettings = Type.Object(
  {
    account_sid: Type.String({
      pattern: "^AC[0-9a-fA-F]{32}$",
      description: "Of the account at Twilio.",
    }),
    auth_token: Type.String({
      pattern: "^[A-Za-z0-9]{5,64}(,[A-Za-z0-9]{5,64}){0,3}$",
      maxLength: 300,
      description:
        "The account's token; while it is replaced the new one, a comma and the old one.",
    }),
    number: Type.String({
      pattern: "^(whatsapp:)?\\+?[0-9]{3,20}$",
      description: "The number that is answered from, as +15558675310.",
    }),
    status_callback_url: Type.Optional(
      Type.String({
        pattern: "^https?://[^\\s?#]+/status$",
        maxLength: 500,
        description:
          "The channel's public address with /status: Twilio tells there what became of messages.",
      }),
    ),
    api_url: Type.Optional(
      Type.String({
        pattern: "^https?://[^\\s?#]+$",
        maxLength: 500,
        description: "Default https://api.twilio.com.",
      }),
    ),
  },
  { additionalProperties: false },
);

/** Of an account. */
export type SmsSettings = Static<typeof smsSettings>;

/** Those of them that are secret. */
export const smsSecrets = ["auth_token"] as const;

/** Where Twilio's API is. */
export const TWILIO_URL = "https://api.twilio.com";

/** Of Twilio's messages, by name and unit. */
export const smsLimits = {
  /** Characters of a message, which goes in as many segments as it takes. */
  text: 1_600,
  /** Files that a message may come with. */
  files: 10,
  /** Bytes of a webhook. */
  webhookBytes: 64 * 1_024,
  /** Among so many of the newest messages a lost one is looked for; where nobody says since when, so long ago at most, ms. */
  listed: 50,
  lostMs: 3_600_000,
  /** How far Twilio's clock and ours may be apart, ms. */
  clockMs: 5 * 60_000,
} as const;
