// What Telegram tells us, as events. Cases 19, 27, 41 and 45 of the channels' list.

import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Inbound } from "../../../../actors/channels/inbound.ts";
import type { Handled } from "../../../../adapters/channels/adapter.ts";
import {
  openTelegram,
  SETTINGS,
  type TelegramAccount,
} from "../../../support/channels/telegram-account.ts";
import {
  startTelegramServer,
  type TelegramServer,
} from "../../../support/channels/telegram-server.ts";

const ADA = { id: 111, is_bot: false, first_name: "Ada", last_name: "Lovelace" };
const PRIVATE = { id: 111, type: "private", first_name: "Ada" };
const GROUP = { id: -100200, type: "supergroup", title: "Room" };
const HEADERS = { "x-telegram-bot-api-secret-token": SETTINGS.secret_token };

let server: TelegramServer;
let account: TelegramAccount;

beforeAll(async () => {
  server = await startTelegramServer({
    token: SETTINGS.bot_token,
    secretToken: SETTINGS.secret_token,
    username: SETTINGS.bot_username,
    startMs: Date.UTC(2026, 10, 23, 12),
  });
});
afterAll(() => server.stop());
beforeEach(() => {
  account = openTelegram(server);
});

const said = (fields: Record<string, unknown>) => ({
  message: { message_id: 7, from: ADA, chat: PRIVATE, date: 1_763_899_200, ...fields },
});

async function handle(fields: object, headers: Record<string, string> = HEADERS): Promise<Handled> {
  return await account.handle(Buffer.from(JSON.stringify({ update_id: 1, ...fields })), headers);
}

async function eventOf(fields: object): Promise<Inbound | undefined> {
  const handled = await handle(fields);
  if ("refused" in handled) throw new Error(`refused with ${handled.refused.status}`);
  return handled.events[0];
}

const statusOf = (handled: Handled) =>
  "refused" in handled ? handled.refused.status : handled.ack.status;

test("case 19: only the secret token is let in, each of several until it is removed", async () => {
  const statuses = async (...tokens: (string | undefined)[]) =>
    Promise.all(
      tokens.map(async (token) =>
        statusOf(
          await handle(
            said({ text: "hi" }),
            token === undefined ? {} : { "x-telegram-bot-api-secret-token": token },
          ),
        ),
      ),
    );
  const right = SETTINGS.secret_token;

  expect(await statuses(right)).toEqual([200]);
  expect(
    await statuses(undefined, "", `${right}x`, right.toUpperCase(), `${right}, ${right}`),
  ).toEqual([401, 401, 401, 401, 401]);
  account = openTelegram(server, { secret_token: `the-newer-secret-01,${right}` });
  expect(await statuses(right, "the-newer-secret-01")).toEqual([200, 200]);
  expect(() => openTelegram(server, { secret_token: "" })).toThrow("secret_token");
});

test("case 27: what is no update is answered with 400", async () => {
  for (const body of [
    "{",
    "null",
    "[]",
    "{}",
    '{"update_id":"1"}',
    '{"update_id":1,"update_id":2}',
  ]) {
    expect(statusOf(await account.handle(Buffer.from(body), HEADERS))).toBe(400);
  }
});

test("a message is known by its update and by its chat and number", async () => {
  expect(await eventOf(said({ text: "hello" }))).toEqual({
    kind: "message",
    message: "111/7",
    text: "hello",
    dedupe: ["u:1", "m:111/7"],
    place: { conversation: "111", user: "111", isDirect: true },
    address: { chat: 111, topic: null },
    sender: {
      id: "111",
      name: "Ada Lovelace",
      isBot: false,
      isSelf: false,
      isAutomatic: false,
      isVerified: true,
    },
    atMs: 1_763_899_200_000,
  });
});

test("in groups the bot is meant by its name, an answer to it, or a command with its name", async () => {
  const inGroup = (text: string, type: string, more: object = {}) =>
    eventOf(
      said({
        chat: GROUP,
        text,
        entities: [{ type, offset: 0, length: text.split(" ")[0]?.length, ...more }],
      }),
    );
  const reply = { reply_to_message: { message_id: 3, from: { id: 4711 } } };

  expect(await inGroup("@Troupe_Test_Bot hi", "mention")).toMatchObject({ isMention: true });
  expect(await inGroup("Bot hi", "text_mention", { user: { id: 4711 } })).toMatchObject({
    isMention: true,
  });
  expect(await eventOf(said({ chat: GROUP, text: "yes", ...reply }))).toMatchObject({
    isMention: true,
    answers: "-100200/3",
  });
  expect(await inGroup("@another_bot hi", "mention")).not.toHaveProperty("isMention");
  expect(await inGroup("/new@troupe_test_bot now", "bot_command")).toMatchObject({
    kind: "command",
    name: "new",
    text: "now",
  });
  expect(await inGroup("/new@another_bot now", "bot_command")).toBeUndefined();
  expect(await eventOf(said({ chat: GROUP, text: "@troupe_test_bot" }))).not.toHaveProperty(
    "isMention",
  );
});

test("the opening of a chat asks for help; a topic of a group is a thread, a reply is none", async () => {
  const start = (text: string) =>
    eventOf(said({ text, entities: [{ type: "bot_command", offset: 0, length: 6 }] }));
  const topic = { chat: GROUP, text: "hi", message_thread_id: 5 };

  expect(await start("/start")).toMatchObject({ kind: "command", name: "help" });
  expect(await start("/start offer")).toMatchObject({
    kind: "command",
    name: "start",
    text: "offer",
  });
  expect(await eventOf(said({ ...topic, is_topic_message: true }))).toMatchObject({
    place: { conversation: "-100200", thread: "5", isDirect: false },
    address: { chat: -100200, topic: 5 },
  });
  expect((await eventOf(said(topic)))?.place).not.toHaveProperty("thread");
});

test("case 41: an edit names what it changes, and each edit is another", async () => {
  const edit = (date: number) =>
    eventOf({
      edited_message: { ...said({ text: "better" }).message, edit_date: date },
    });

  expect(await edit(1_763_899_201)).toMatchObject({
    kind: "edit",
    message: "111/7",
    text: "better",
  });
  expect((await edit(1_763_899_201))?.dedupe[1]).not.toBe((await edit(1_763_899_202))?.dedupe[1]);
});

test("case 45: a group that becomes a supergroup is the same conversation, told from either side", async () => {
  const old = await eventOf(
    said({ chat: { id: -200, type: "group" }, migrate_to_chat_id: -100200 }),
  );
  const now = await eventOf(said({ chat: GROUP, migrate_from_chat_id: -200 }));

  for (const event of [old, now]) {
    expect(event).toMatchObject({
      kind: "identity",
      of: "conversation",
      from: "-200",
      to: "-100200",
    });
  }
  expect(old?.dedupe[1]).toBe(now?.dedupe[1]);
});

test("a press of a button is an action, and is answered together with the update", async () => {
  const query = { id: "4382", from: ADA, message: { message_id: 9, chat: PRIVATE, date: 1 } };

  const ours = await handle({ callback_query: { ...query, data: "approve:ap_1" } });
  const foreign = await handle({ callback_query: { ...query, data: "with spaces" } });

  expect(ours).toMatchObject({
    events: [{ kind: "action", action: "approve:ap_1", message: "111/9", sender: { id: "111" } }],
    ack: { status: 200, body: '{"method":"answerCallbackQuery","callback_query_id":"4382"}' },
  });
  expect(foreign).toMatchObject({ events: [], ack: { status: 200 } });
  server.update({ callback_query: { ...query, data: "approve:ap_1" } });
  await server.clock.advance(0);
  expect(server.calls.at(-1)).toMatchObject({ method: "answerCallbackQuery" });
});

test("files, places and people are told, and what nobody said is no event", async () => {
  const photo = [
    { file_id: "small", file_unique_id: "s", file_size: 1 },
    { file_id: "large", file_unique_id: "l", file_size: 9 },
  ];
  const document = {
    file_id: "doc",
    file_unique_id: "d",
    file_name: "../../a b.pdf",
    mime_type: "application/pdf",
  };

  expect(await eventOf(said({ photo, caption: "look" }))).toMatchObject({
    text: "look",
    files: [{ mediaType: "image/jpeg", bytes: 9, at: { file: "large" } }],
  });
  expect(await eventOf(said({ document }))).toMatchObject({
    text: "",
    files: [{ name: "a b.pdf", bytes: null }],
  });
  expect(await eventOf(said({ location: { latitude: 1, longitude: 2 } }))).toMatchObject({
    text: "[Location: 1, 2]",
  });
  const link = { type: "text_link", offset: 4, length: 4, url: "https://a.example" };
  expect(await eventOf(said({ text: "see here, ok", entities: [link] }))).toMatchObject({
    text: "see here (https://a.example), ok",
  });
  expect(await eventOf(said({ new_chat_members: [ADA] }))).toBeUndefined();
  expect(await eventOf({ my_chat_member: { chat: PRIVATE } })).toBeUndefined();
  expect(await eventOf({ message_reaction: {} })).toBeUndefined();
  expect(
    await eventOf(said({ from: { ...ADA, id: 4711, is_bot: true }, text: "me" })),
  ).toMatchObject({
    sender: { isSelf: true, isBot: true },
  });
});

test("updates that are not taken come again, and broken ones do not stay in the way", async () => {
  const deliver = server.deliver;
  let refusals = 2;
  const statuses: number[] = [];
  server.deliver = async (delivery) => {
    const taken = (await deliver?.(delivery)) ?? { status: 0, body: "" };
    refusals -= 1;
    statuses.push(refusals >= 0 ? 503 : taken.status);
    return { ...taken, status: statuses.at(-1) ?? 0 };
  };

  server.update({ message: { chat: PRIVATE } });
  await server.clock.advance(3_600_000);

  expect(statuses).toEqual([503, 503, 200]);
  expect(account.handled.at(-1)).toMatchObject({
    events: [],
    parked: [{ reason: expect.any(String) }],
  });
});

test("nothing that Telegram could send makes the adapter throw", async () => {
  const json = fc.oneof(fc.jsonValue({ maxDepth: 3 }), fc.constantFrom(111, "text", -100200));
  const names = fc.constantFrom(
    ...["message_id", "from", "chat", "date", "text", "entities", "photo", "document", "edit_date"],
    ...["reply_to_message", "message_thread_id", "migrate_to_chat_id", "sender_chat", "caption"],
  );
  const message = fc.dictionary(names, json, { maxKeys: 10, noNullPrototype: true });
  const kind = fc.constantFrom("message", "edited_message", "channel_post", "callback_query");

  await fc.assert(
    fc.asyncProperty(kind, fc.oneof(message, json), async (name, value) => {
      const filled =
        typeof value === "object" && value !== null && !Array.isArray(value)
          ? { ...said({ text: "x", edit_date: 1 }).message, ...value }
          : value;
      const handled = await handle({ [name]: filled });
      if ("refused" in handled) {
        expect(handled.refused.status).toBe(400);
        return;
      }
      for (const { dedupe } of handled.events) {
        expect(dedupe.every((key) => key.length >= 1 && key.length <= 300)).toBe(true);
      }
    }),
    { numRuns: 300 },
  );
});
