// What we tell Telegram, against a Bot API that is played, and what each of its answers means. Cases 36, 46-49,
// 54, 67 and 73 of the channels' list.

import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Outgoing, Part, SendResult } from "../../../../actors/channels/outgoing.ts";
import {
  openTelegram,
  SETTINGS,
  type TelegramAccount,
} from "../../../support/channels/telegram-account.ts";
import { readHtml } from "../../../support/channels/telegram-html.ts";
import {
  type MethodAnswer,
  startTelegramServer,
  type TelegramServer,
} from "../../../support/channels/telegram-server.ts";

const CHAT = { chat: 111, topic: null };

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
beforeEach(async () => {
  server.instead = null;
  server.sent.clear();
  server.calls.length = 0;
  await server.clock.advance(3_600_000);
  account = openTelegram(server);
});

const options = (attempt = 1) => ({ key: "key-1", attempt, signal: AbortSignal.timeout(20_000) });

async function say(outgoing: Outgoing, address = CHAT): Promise<SendResult[]> {
  const results: SendResult[] = [];
  for (const part of account.instance.render(outgoing)) {
    results.push(await account.instance.send(part, address, options()));
  }
  return results;
}

function answered(answer: MethodAnswer | { status: number; body: string }): Promise<SendResult[]> {
  server.instead = () => answer;
  return say({ text: "Hi" });
}

test("a text is HTML with what it answers, and its last piece has the buttons", async () => {
  const buttons = [
    { action: "approve:ap_1", label: "Approve" },
    { action: "reject:ap_1", label: "Reject" },
  ];
  const results = await say({
    text: `a < b & c\n\n${"x".repeat(4_096)}`,
    buttons,
    answers: "111/7",
  });

  expect(results).toEqual([1, 2].map((n) => ({ ok: true, receipt: { id: `111/${n}` } })));
  const [first, last] = [...server.sent.values()];
  expect(first).toMatchObject({
    parse_mode: "HTML",
    reply_parameters: { message_id: 7, allow_sending_without_reply: true },
    link_preview_options: { is_disabled: true },
  });
  expect(first).not.toHaveProperty("reply_markup");
  expect(first?.["shown"]).toContain("a < b & c");
  expect(last?.["reply_markup"]).toEqual({
    inline_keyboard: [
      [
        { text: "Approve", callback_data: "approve:ap_1" },
        { text: "Reject", callback_data: "reject:ap_1" },
      ],
    ],
  });
});

test("whatever is rendered is HTML that Telegram reads and short enough, piece by piece without marks too", () => {
  const word = fc.constantFrom(
    "**b**",
    "_i_",
    "`c`",
    "<b>",
    "&amp;",
    "[l](https://a.example/b?c=d)",
    "\n\n",
    "- x\n",
    "```\nf\n```\n",
    "| a | b |\n|-|-|\n| 1 | 2 |\n",
    "🎉",
    "word ",
  );
  const markdown = fc.array(word, { minLength: 1, maxLength: 900 }).map((words) => words.join(""));

  fc.assert(
    fc.property(markdown, (given) => {
      const marked = account.instance.render({ text: given });
      const plain = account.instance.renderPlain({ text: given });
      expect(plain).toHaveLength(marked.length);
      for (const { body } of marked) {
        const read = readHtml(String(body["text"]));
        expect("shown" in read ? read.shown.length : read.wrong).toBeLessThanOrEqual(4_096);
      }
      for (const { body } of plain) expect(String(body["text"]).length).toBeLessThanOrEqual(4_096);
    }),
    { numRuns: 50 },
  );
});

test("an edit takes the place of a message, and saying the same again is done", async () => {
  const [sent] = await say({ text: "Hi" });
  const receipt = sent?.ok === true ? sent.receipt : { id: "" };
  const [part] = account.instance.render({ text: "Hello" });
  const edit = (id = receipt.id) => account.instance.edit?.({ id }, part as Part, CHAT, options());

  expect(await edit()).toEqual({ ok: true, receipt });
  expect(await edit()).toEqual({ ok: true, receipt });
  expect(server.sent.get(receipt.id)).toMatchObject({ shown: "Hello" });
  expect(await edit("111/99")).toMatchObject({ ok: false, class: "format" });
  expect(await edit("wamid.A")).toMatchObject({ ok: false, class: "format" });
});

test("files go out as what they are, into the topic that was spoken in", async () => {
  const files = ["image/png", "application/pdf"].map((mediaType, at) => ({
    name: `f${at}`,
    mediaType,
    bytes: 3,
    id: `f${at}`,
  }));
  const large = { name: "film", mediaType: "video/mp4", bytes: 60_000_000, id: "f2" };
  account = openTelegram(server, {}, { f0: new Uint8Array([1, 2, 3]), f1: new Uint8Array(3) });

  const topic = { chat: -100200, topic: 5 };
  const results = await say({ text: "", files: [...files, large] }, topic as never);

  expect(results.every(({ ok }) => ok)).toBe(true);
  expect(server.calls.map(({ method }) => method)).toEqual([
    "sendPhoto",
    "sendDocument",
    "sendMessage",
  ]);
  expect(server.calls[0]?.fields).toMatchObject({ chat_id: "-100200", message_thread_id: "5" });
  const photo = server.calls[0]?.fields["photo"] as File;
  expect([...new Uint8Array(await photo.arrayBuffer())]).toEqual([1, 2, 3]);
});

test("cases 46 and 47: Telegram says how long to wait, and is believed within bounds", async () => {
  const results: SendResult[] = [];
  for (let at = 0; at < 21; at += 1) results.push(...(await say({ text: `Hi ${at}` })));

  expect(results.filter(({ ok }) => ok)).toHaveLength(20);
  expect(results.at(-1)).toMatchObject({ ok: false, class: "rate", retryAfterMs: 60_000 });
  const rate = async (seconds: number) => {
    const limited = {
      code: 429,
      description: "Too Many Requests",
      parameters: { retry_after: seconds },
    };
    const [result] = await answered(limited);
    return result?.ok === false ? result.retryAfterMs : null;
  };
  expect([await rate(0), await rate(-1), await rate(1e9)]).toEqual([4_000, 4_000, 6 * 3_600_000]);
});

test("cases 48 and 49: what an answer means is in its JSON, and what is none is not a receipt", async () => {
  const cases: [MethodAnswer | { status: number; body: string }, string][] = [
    [{ code: 401, description: "Unauthorized" }, "auth"],
    [{ code: 404, description: "Not Found" }, "auth"],
    [{ code: 403, description: "Forbidden: bot was blocked by the user" }, "gone"],
    [{ code: 400, description: "Bad Request: chat not found" }, "gone"],
    [
      {
        code: 400,
        description: "Bad Request: not enough rights to send text messages to the chat",
      },
      "gone",
    ],
    [{ code: 400, description: "Bad Request: message is too long" }, "format"],
    [{ code: 409, description: "Conflict: terminated by other getUpdates request" }, "retry"],
    [{ code: 500, description: "Internal Server Error" }, "retry"],
    [{ status: 502, body: "<html>Bad Gateway</html>" }, "retry"],
    [{ status: 504, body: "" }, "unknown"],
    [{ status: 200, body: "" }, "unknown"],
    [{ status: 200, body: "<html>" }, "unknown"],
    [{ status: 200, body: '{"ok":true}' }, "unknown"],
    [{ status: 200, body: '{"ok":false,"error_code":403,"description":"Forbidden"}' }, "gone"],
  ];
  for (const [answer, failure] of cases) {
    expect([answer, await answered(answer)]).toMatchObject([
      answer,
      [{ ok: false, class: failure }],
    ]);
  }
});

test("case 36: an answer that is lost is unknown, and there is nothing to ask", async () => {
  const cut = new AbortController();
  server.instead = () => {
    cut.abort();
    return "hang";
  };
  const [part] = account.instance.render({ text: "Hi" });

  const lost = await account.instance.send(part as Part, CHAT, {
    ...options(),
    signal: cut.signal,
  });

  expect(lost).toMatchObject({ ok: false, class: "unknown" });
  expect(account.instance.reconcile).toBeUndefined();
});

test("case 54: what cannot be parsed is refused for its form, and goes without marks", async () => {
  const outgoing = { text: "a < b" };
  const broken = { body: { kind: "text", text: "<b>a", isHtml: true }, plain: "a" };

  const refused = await account.instance.send(broken, CHAT, options());
  const [plain] = account.instance.renderPlain(outgoing);
  await account.instance.send(plain as Part, CHAT, options());

  expect(refused).toMatchObject({ ok: false, class: "format" });
  expect([...server.sent.values()]).toMatchObject([{ text: "a < b" }]);
  expect([...server.sent.values()][0]).not.toHaveProperty("parse_mode");
});

test("case 45: what a group that has moved refuses is said where it went, once", async () => {
  server.refusing.set(-200, {
    code: 400,
    description: "Bad Request: group chat was upgraded to a supergroup chat",
    parameters: { migrate_to_chat_id: -100200 },
  });

  const results = await say({ text: "Hi" }, { chat: -200, topic: null });

  expect(results).toMatchObject([
    { ok: true, receipt: { id: expect.stringMatching(/^-100200\//) } },
  ]);
  expect(server.sent.size).toBe(1);
});

test("case 67: a file is fetched below the bot's address alone, within its limit", async () => {
  server.files.set("photos/file_1.jpg", Buffer.from("picture"));
  const file = (id: string) => ({
    id: "f",
    name: "a",
    mediaType: "image/jpeg",
    bytes: null,
    at: { file: id },
  });
  const fetched = (id: string, bytesMax: number) =>
    account.instance.fetchFile?.(file(id), bytesMax, AbortSignal.timeout(20_000));

  expect(Buffer.from((await fetched("photos/file_1.jpg", 7)) ?? []).toString()).toBe("picture");
  await expect(fetched("photos/file_1.jpg", 6)).rejects.toMatchObject({ code: "BODY_TOO_LARGE" });
  await expect(fetched("none", 6)).rejects.toMatchObject({ code: "URL_FAILED" });
  for (const path of ["../../getMe", "https://evil.example/x", "//evil.example", "a/../../b"]) {
    server.instead = ({ method }) =>
      method === "getFile" ? { result: { file_path: path } } : null;
    await expect(fetched("x", 7)).rejects.toMatchObject({ code: "URL_REFUSED" });
  }
});

test("typing is told, and a check says what is wrong and what to do", async () => {
  await account.instance.typing?.(CHAT, AbortSignal.timeout(20_000));
  expect(server.calls.at(-1)).toMatchObject({
    method: "sendChatAction",
    fields: { action: "typing" },
  });

  const probe = async (settings = {}) => {
    account = openTelegram(server, settings);
    const findings = await account.instance.probe(AbortSignal.timeout(20_000));
    return findings.filter(({ ok }) => !ok).map(({ text }) => text);
  };
  expect(await probe()).toEqual([]);
  expect(await probe({ bot_username: "another_bot" })).toEqual([
    "The token is of @troupe_test_bot.",
  ]);
  expect(await probe({ bot_token: "4711:AAHanother-token-0123456789" })).toEqual([
    "The bot cannot be asked. Telegram: Unauthorized",
  ]);
  const { webhook } = server;
  server.webhook = { url: "" };
  expect(await probe()).toEqual(["No webhook is set: no message arrives."]);
  server.webhook = { ...webhook, allowed_updates: ["message"] };
  expect(await probe()).toEqual(["Updates are not delivered: callback_query."]);
  server.webhook = webhook;
});

test("case 73: the token stands in no reason, finding or log, though it is in each address", async () => {
  server.instead = ({ method }) => ({ code: 400, description: `${method} ${SETTINGS.bot_token}` });
  const said = [
    await say({ text: "Hi" }),
    await account.instance.probe(AbortSignal.timeout(20_000)),
  ];
  account = openTelegram(server, { api_url: "http://127.0.0.1:2" });
  const unreached = [
    await say({ text: "Hi" }),
    await account.instance.probe(AbortSignal.timeout(20_000)),
  ];

  const text = JSON.stringify([said, unreached, account.environment.logged]);
  expect(text).not.toContain(SETTINGS.bot_token);
  expect(text).not.toContain(SETTINGS.secret_token);
});
