// grammy, a library for bots, against the Bot API that is played: what our tests hold for Telegram is what it
// understands as Telegram.

import { Bot, GrammyError, webhookCallback } from "grammy";
import { afterAll, beforeAll, expect, test } from "vitest";
import { SETTINGS } from "../../../support/channels/telegram-account.ts";
import {
  startTelegramServer,
  type TelegramServer,
} from "../../../support/channels/telegram-server.ts";

let server: TelegramServer;
let bot: Bot;

beforeAll(async () => {
  server = await startTelegramServer({
    token: SETTINGS.bot_token,
    secretToken: SETTINGS.secret_token,
    username: SETTINGS.bot_username,
    startMs: Date.UTC(2026, 10, 23, 12),
  });
  bot = new Bot(SETTINGS.bot_token, { client: { apiRoot: server.url } });
  await bot.init();
});
afterAll(() => server.stop());

test("its messages, edits and errors are those of Telegram", async () => {
  const sent = await bot.api.sendMessage(111, "<b>Hi</b> &amp; bye", { parse_mode: "HTML" });
  const edited = await bot.api.editMessageText(111, sent.message_id, "Hello");
  const refusal = await bot.api
    .sendMessage(111, "<b>Hi", { parse_mode: "HTML" })
    .catch((error: unknown) => error);
  for (let at = 1; at < 20; at += 1) await bot.api.sendMessage(111, `Hi ${at}`);
  const limited = await bot.api.sendMessage(111, "too much").catch((error: unknown) => error);

  expect(bot.botInfo).toMatchObject({ id: 4711, username: SETTINGS.bot_username });
  expect(sent).toMatchObject({ text: "Hi & bye", chat: { id: 111 } });
  expect(edited).toMatchObject({ text: "Hello" });
  expect(refusal).toBeInstanceOf(GrammyError);
  expect((refusal as GrammyError).description).toContain("can't parse entities");
  expect((limited as GrammyError).parameters.retry_after).toBeGreaterThan(0);
});

test("its updates are let in by the secret token and understood", async () => {
  const heard: string[] = [];
  bot.on("message:text", (context) => {
    heard.push(`${context.from.first_name}: ${context.message.text}`);
  });
  const callback = webhookCallback(bot, "std/http", { secretToken: SETTINGS.secret_token });
  const statuses: number[] = [];
  server.deliver = async ({ body, headers }) => {
    const request = new Request("https://example.com/hook", {
      method: "POST",
      headers,
      body: new Uint8Array(body),
    });
    const { status } = await callback(request);
    statuses.push(status);
    return { status, body: "" };
  };

  const from = { id: 111, is_bot: false, first_name: "Ada" };
  server.update({
    message: { message_id: 1, from, chat: { id: 111, type: "private" }, date: 1, text: "hello" },
  });
  await server.clock.advance(0);

  expect(statuses).toEqual([200]);
  expect(heard).toEqual(["Ada: hello"]);
});
