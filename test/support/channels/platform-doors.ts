// Platforms at the server's own door: what a person does there, signed as the platform signs it, and what they
// are shown. The same for each, so that one test asks all.

import {
  commandOf,
  interactionOf,
  PUBLIC_KEY,
  signed,
  startDiscord,
  TOKEN,
} from "./discord-server.ts";
import { startTeams } from "./teams-server.ts";
import { SETTINGS as TELEGRAM } from "./telegram-account.ts";
import { startTelegramServer } from "./telegram-server.ts";
import { ACCOUNT, newSid, signedForm, startTwilioServer } from "./twilio-server.ts";

/** Where platforms are told that the server is; what Twilio signs has it. */
export const PUBLIC_URL = "https://troupe.example.com";
const NUMBER = "+15558675310";
const PERSON = "+15551234567";
const CHAT = 111;

/** A request of a platform. */
export interface PlatformCall {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** The platform is told what was answered. */
  answered?(body: string): void;
}

/** A message that a person sees, as the platform was given it. */
export interface ShownMessage {
  readonly text: string;
  readonly buttons: readonly string[];
  /** Presses one of them. */
  press(button: number): Promise<PlatformCall>;
}

/** A platform, running. */
export interface PlatformDoor {
  readonly kind: string;
  /** Settings and secrets of a channel there. */
  readonly channel: object;
  /** Anna, who says all of it. */
  readonly person: string;
  /** Headers that prove who calls, and another's. */
  readonly forged: Readonly<Record<string, string>>;
  /** How "It is **done**." is written there. */
  readonly done: string;
  say(text: string, channel: string): Promise<PlatformCall>;
  /** Oldest first. */
  shown(): readonly ShownMessage[];
  stop(): Promise<void>;
}

/** All of them. */
export function startDoors(): Promise<readonly PlatformDoor[]> {
  return Promise.all([telegramDoor(), smsDoor(), discordDoor(), teamsDoor()]);
}

async function telegramDoor(): Promise<PlatformDoor> {
  const { bot_username, bot_token, secret_token } = TELEGRAM;
  const fake = await startTelegramServer({
    ...{ token: bot_token, secretToken: secret_token, username: bot_username },
    startMs: Date.now(),
  });
  const header = "x-telegram-bot-api-secret-token";
  const from = { id: CHAT, is_bot: false, first_name: "Anna" };
  const chat = { id: CHAT, type: "private" };
  let count = 0;
  const update = (fields: object): PlatformCall => {
    count += 1;
    const body = Buffer.from(JSON.stringify({ update_id: count, ...fields }));
    return { body, headers: { "content-type": "application/json", [header]: secret_token } };
  };
  return {
    kind: "telegram",
    channel: {
      settings: { bot_username, api_url: fake.url },
      secrets: { bot_token, secret_token },
    },
    person: String(CHAT),
    forged: { [header]: "another-token" },
    done: "It is <b>done</b>.",
    say: async (text) => {
      const date = Math.floor(Date.now() / 1_000);
      return update({ message: { message_id: 1_000 + count, date, chat, from, text } });
    },
    shown: () =>
      [...fake.sent].map(([name, fields]) => {
        const markup = fields["reply_markup"] as
          | { inline_keyboard?: { text: string; callback_data: string }[][] }
          | undefined;
        const keys = (markup?.inline_keyboard ?? []).flat();
        const message = { message_id: Number(name.split("/")[1]), date: 1, chat };
        return {
          text: String(fields["text"]),
          buttons: keys.map(({ text }) => text),
          press: async (at) =>
            update({
              callback_query: { id: `q${count}`, from, message, data: keys[at]?.callback_data },
            }),
        };
      }),
    stop: () => fake.stop(),
  };
}

async function smsDoor(): Promise<PlatformDoor> {
  const fake = await startTwilioServer(Date.now);
  return {
    kind: "sms",
    channel: {
      settings: { account_sid: ACCOUNT.sid, number: NUMBER, api_url: fake.url },
      secrets: { auth_token: ACCOUNT.token },
    },
    person: PERSON,
    forged: { "x-twilio-signature": Buffer.alloc(20).toString("base64") },
    done: "It is done.",
    say: async (text, channel) =>
      signedForm(`${PUBLIC_URL}/gateway/sms/${channel}`, {
        ...{ MessageSid: newSid(), From: PERSON, To: NUMBER, Body: text, NumMedia: "0" },
      }),
    shown: () =>
      fake.messages.toReversed().map(({ body }) => ({
        ...{ text: body, buttons: [] },
        press: () => Promise.reject(new Error("There are no buttons.")),
      })),
    stop: () => fake.stop(),
  };
}

async function discordDoor(): Promise<PlatformDoor> {
  const fake = await startDiscord();
  const call = (interaction: Record<string, unknown>): PlatformCall => ({
    ...signed(interaction),
    answered: (body) => fake.acknowledge(interaction, JSON.parse(body)),
  });
  type Row = { components: { label: string; custom_id: string }[] };
  return {
    kind: "discord",
    channel: {
      settings: { public_key: PUBLIC_KEY, api_url: fake.apiUrl },
      secrets: { bot_token: TOKEN },
    },
    person: "700",
    forged: { "x-signature-ed25519": "0".repeat(128) },
    done: "It is **done**.",
    say: async (text) => call(commandOf("ask", text)),
    shown: () =>
      (fake.messages.get("500") ?? []).map(({ id, content, components }) => {
        const keys = ((components ?? []) as Row[]).flatMap((row) => row.components);
        return {
          text: String(content),
          buttons: keys.map(({ label }) => label),
          press: async (at) => {
            const data = { custom_id: keys[at]?.custom_id, component_type: 2 };
            return call(interactionOf({ type: 3, data, message: { id } }));
          },
        };
      }),
    stop: () => fake.stop(),
  };
}

async function teamsDoor(): Promise<PlatformDoor> {
  const fake = await startTeams();
  const { app_password, ...settings } = fake.settings;
  type Card = { content: { body: { actions: { title: string; data: object }[] }[] } };
  return {
    kind: "teams",
    channel: { settings, secrets: { app_password } },
    person: "29:anna",
    forged: { authorization: "Bearer e30.e30.e30" },
    done: "It is **done**.",
    say: (text) => fake.signed(fake.activity({ text })),
    shown: () =>
      [...fake.activities].map(([id, { text, attachments }]) => {
        const [card] = (attachments ?? []) as Card[];
        const keys = card?.content.body.flatMap(({ actions }) => actions) ?? [];
        return {
          text: String(text),
          buttons: keys.map(({ title }) => title),
          press: (at) =>
            fake.signed(fake.activity({ text: "", value: keys[at]?.data, replyToId: id })),
        };
      }),
    stop: () => fake.stop(),
  };
}
