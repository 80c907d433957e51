// What is said at Discord: by an interaction's token while it is young (case 52), by the bot else; lost answers
// (36, 48), limits (46, 47), errors (49), long texts (55), files (65), the look from outside.

import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { discordLimits } from "../../../../adapters/channels/discord/limits.ts";
import {
  handled,
  openDiscord,
  partsOf,
  receiptOf,
  sendOptions,
} from "../../../support/channels/discord-account.ts";
import {
  BOT,
  commandOf,
  type DiscordServer,
  interactionOf,
  newId,
  signed,
  startDiscord,
  TOKEN,
} from "../../../support/channels/discord-server.ts";

let fake: DiscordServer;
beforeAll(async () => {
  fake = await startDiscord();
});
afterAll(async () => await fake.stop());
beforeEach(() => {
  fake.messages.set("500", []);
  fake.calls.length = 0;
});

const room = { channel: "500", after: "1" };
const contents = () => (fake.messages.get("500") ?? []).map(({ content }) => content);
const seen = () => fake.calls.map(({ method, path }) => `${method} ${path.split("/")[1]}`);

/** A command that an account has taken: its address, and the account. */
async function asked(clock: () => number = Date.now, interaction = commandOf("ask", "Well?")) {
  const { account, environment } = openDiscord(fake, {}, clock);
  const { events, said } = await handled(account, signed(interaction, clock()));
  const [event] = events;
  if (event === undefined || "refused" in said) throw new Error("It was not taken.");
  fake.acknowledge(interaction, JSON.parse(said.ack.body ?? "{}"));
  const send = (part: ReturnType<typeof partsOf>[0], options = sendOptions()) =>
    account.send(part, event.address, options);
  return { account, environment, interaction, address: event.address, send };
}

test("the first part fills the message that is waited for, others follow it (52)", async () => {
  const { account, send } = await asked();
  const parts = partsOf(account, `${"word ".repeat(500)}end`);

  for (const part of parts) receiptOf(await send(part));
  const second = await send(partsOf(account, "Said later")[0]);

  expect(parts).toHaveLength(2);
  expect(contents()).toHaveLength(3);
  expect(contents()[0]).toMatch(/^word/);
  expect(contents()[2]).toBe("Said later");
  expect(receiptOf(second).data).toMatchObject({ by: "token" });
  expect(fake.calls.every(({ authorization }) => authorization === undefined)).toBe(true);
});

test("an attempt whose answer was lost is found, and said once (36, 48)", async () => {
  const { account, send } = await asked();
  const [part] = partsOf(account, "Once");
  fake.fault("PATCH /webhooks", { status: 200, body: "cut", isDone: true });

  const lost = await send(part);
  const again = await send(part);

  expect(lost).toMatchObject({ ok: false, class: "unknown" });
  expect(again.ok).toBe(true);
  expect(contents()).toEqual(["Once"]);
});

test("after 15 minutes, and when the token is refused, the bot says it in the channel (52)", async () => {
  let nowMs = Date.now();
  const late = await asked(() => nowMs);
  nowMs += 15 * 60_000;
  const answered = await late.send(partsOf(late.account, "Late")[0]);
  const early = await asked(() => nowMs);
  fake.end(early.interaction);
  fake.calls.length = 0;
  const refused = await early.send(partsOf(early.account, "Refused")[0]);
  const { account, address } = await asked(() => nowMs);
  nowMs += discordLimits.awaitedMs;
  for (const code of [10_062, 10_015]) {
    fake.fault("GET /webhooks", { status: 404, body: { code, message: "Unknown" } });
    receiptOf(await account.send(partsOf(account, `c${code}`)[0], address, sendOptions()));
  }

  expect(receiptOf(answered).data).toMatchObject({ by: "bot" });
  expect(receiptOf(refused).data).toMatchObject({ by: "bot" });
  const said = contents().filter((content) => content !== "");
  expect(said).toEqual(["Late", "Refused", "c10062", "c10015"]);
});

test("a token that was sealed elsewhere is none: the bot says it in the channel", async () => {
  const { address } = await asked();
  const other = openDiscord(fake).account;

  const sent = await other.send(partsOf(other, "Elsewhere")[0], address, sendOptions());

  expect(receiptOf(sent).data).toMatchObject({ by: "bot" });
});

test("an answer that is there before Discord has read that one comes waits for it", async () => {
  const { account, address, send } = await asked();
  const [part] = partsOf(account, "Soon");
  const unknown = { code: 10_015, message: "Unknown Webhook" };
  fake.fault("GET /webhooks", { status: 404, body: unknown });

  const early = await send(part);
  const then = await account.send(part, address, sendOptions());

  expect(early).toMatchObject({ ok: false, class: "retry" });
  expect(receiptOf(then).data).toMatchObject({ by: "token" });
  expect(contents()).toEqual(["Soon"]);
});

test("a press's answers are messages of their own: the one with the button stays", async () => {
  const data = { custom_id: "troupe:ap_1.approve", component_type: 2 };
  const press = interactionOf({ type: 3, data, message: { id: "88" } });
  const { account, send } = await asked(Date.now, press);

  receiptOf(await send(partsOf(account, "Approved")[0]));

  expect(seen()).toEqual(["POST webhooks"]);
});

test("a plain message that was lost is said once, as its nonce says what it is", async () => {
  const { account } = openDiscord(fake);
  const [part] = partsOf(account, { text: "Plain @everyone", answers: "42" });
  const options = sendOptions();
  fake.fault("POST /channels", { status: 200, body: "cut", isDone: true });

  const lost = await account.send(part, room, options);
  const found = await account.reconcile?.(part, room, options);
  const again = await account.send(part, room, { ...options, attempt: 2 });

  expect(lost).toMatchObject({ class: "unknown" });
  expect(found).toMatchObject({ state: "sent", receipt: receiptOf(again) });
  expect(contents()).toHaveLength(1);
  expect(fake.calls[0]?.body).toMatchObject({
    ...{ enforce_nonce: true, allowed_mentions: { parse: [] }, flags: 4 },
    message_reference: { message_id: "42", fail_if_not_exists: false },
  });
  expect(fake.calls[0]?.authorization).toBe(`Bot ${TOKEN}`);
});

test("what was never sent is known as that, what nobody can tell is unknown", async () => {
  const { account } = openDiscord(fake);
  const [part] = partsOf(account, "Twice");
  const reconciled = (address: object) => account.reconcile?.(part, { ...address }, sendOptions());
  const author = { id: BOT.id };
  const said = { content: "Twice", attachments: [], author };

  expect(await reconciled(room)).toEqual({ state: "not_sent" });
  fake.messages.get("500")?.push({ ...said, id: newId() });
  expect(await reconciled(room)).toMatchObject({ state: "sent" });
  expect(await reconciled({ channel: "500" })).toEqual({ state: "unknown" });
  expect(await reconciled({ channel: "404" })).toEqual({ state: "unknown" });
  fake.fault("GET /channels", { status: 500 });
  expect(await reconciled(room)).toMatchObject({ state: "later" });
});

test("a limit is kept to without asking again, until it is over (46, 47)", async () => {
  let nowMs = Date.now();
  const { account } = openDiscord(fake, {}, () => nowMs);
  const [part] = partsOf(account, "Slowly");
  const body = { message: "You are being rate limited.", retry_after: 1.5, global: false };
  fake.fault("POST /channels", { status: 429, headers: { "retry-after": "1" }, body });

  const limited = await account.send(part, room, sendOptions());
  const soon = await account.send(part, room, sendOptions());
  const elsewhere = await account.send(part, { channel: "600" }, sendOptions());
  nowMs += 1_500;
  const later = await account.send(part, room, sendOptions());

  expect(limited).toMatchObject({ class: "rate", retryAfterMs: 1_500 });
  expect(soon).toMatchObject({ class: "rate", retryAfterMs: 1_500 });
  expect([elsewhere.ok, later.ok]).toEqual([true, true]);
  expect(seen()).toHaveLength(3);
});

test("a bucket that is empty is waited for, a limit of all stops all", async () => {
  const nowMs = Date.now();
  const { account } = openDiscord(fake, {}, () => nowMs);
  const [part] = partsOf(account, "Bucket");
  const headers = { "x-ratelimit-remaining": "0", "x-ratelimit-reset-after": "0.25" };
  const message = { id: newId(), channel_id: "500" };
  fake.fault("POST /channels", { status: 200, headers, body: message });
  const first = await account.send(part, room, sendOptions());
  const second = await account.send(part, room, sendOptions());
  fake.fault("POST /channels", { status: 429, body: { retry_after: 2, global: true } });
  await account.send(part, { channel: "600" }, sendOptions());
  const all = await account.send(part, { channel: "601" }, sendOptions());

  expect(first.ok).toBe(true);
  expect(second).toMatchObject({ class: "rate", retryAfterMs: 250 });
  expect(all).toMatchObject({ class: "rate", retryAfterMs: 2_000 });
});

test("errors are what they mean, pages of others none of Discord's (49)", async () => {
  const results = [];
  const faults = [
    { status: 403, body: { code: 50_007, message: "Cannot send messages to this user" } },
    { status: 403, body: { code: 40_001, message: "Unauthorized" } },
    { status: 400, body: { code: 30_046, message: "Maximum number of edits" } },
    { status: 403, body: "<html>" },
    { status: 404, body: "<html>" },
    { status: 500, body: "<html>" },
    { status: 200, body: "<html>" },
    { status: 500, body: { code: 130_000, message: "API resource is overloaded" } },
  ];
  for (const fault of faults) {
    const { account } = openDiscord(fake);
    fake.fault("POST /channels", fault);
    const result = await account.send(partsOf(account, "Hello")[0], room, sendOptions());
    results.push(result.ok ? "ok" : result.class);
  }

  const wanted = ["gone", "auth", "rate", "auth", "retry", "unknown", "unknown", "retry"];
  expect(results).toEqual(wanted);
});

test("messages are changed where they stand; one that is gone is said anew, once", async () => {
  const { account, address, send } = await asked();
  const first = receiptOf(await send(partsOf(account, "One")[0]));
  const edit = (text: string) =>
    account.edit?.(first, partsOf(account, text)[0], address, sendOptions());

  expect((await edit("Two"))?.ok).toBe(true);
  expect(contents()).toEqual(["Two"]);
  fake.messages.set("500", []);
  const anew = await edit("Three");
  const after = await edit("Four");
  expect(contents()).toEqual(["Four"]);
  expect(receiptOf(after).id).toBe(receiptOf(anew).id);
});

test("buttons are components, five in a row; files go along, or say why not (55, 65)", async () => {
  const { account, environment } = openDiscord(fake);
  const buttons = Array.from({ length: 27 }, (_, i) => ({ action: `a.${i}`, label: `B${i}` }));
  const file = { name: "report.txt", mediaType: "text/plain", bytes: 3, id: "f1" };
  environment.files.set("f1", Buffer.from("abc"));

  const parts = partsOf(account, { text: "Choose", buttons, files: [file] });
  for (const part of parts) receiptOf(await account.send(part, room, sendOptions()));

  const rows = fake.calls.map(({ body }) => (body["components"] as unknown[]).length);
  expect(rows).toEqual([5, 1, 0]);
  expect(fake.calls[2]?.file).toBe("report.txt");
  expect(JSON.stringify(fake.calls[0]?.body)).toContain('"custom_id":"troupe:a.0"');
});

test("files of people come from Discord's own hosts alone, without the bot's token (65)", async () => {
  const { account, environment } = openDiscord(fake);
  const origin = new URL(fake.apiUrl).origin;
  const file = { id: "9", name: "a.txt", mediaType: "text/plain", bytes: 12 };
  const fetched = (url: string, max = 100) =>
    account.fetchFile?.({ ...file, at: { url } }, max, AbortSignal.timeout(5_000));

  const bytes = await fetched(`${origin}/attachments/1/2/a.txt`);

  expect(Buffer.from(bytes ?? []).toString()).toBe("file of Anna");
  expect(environment.urls.at(-1)?.authorization).toBeUndefined();
  await expect(fetched(`${origin}/attachments/1/2/a.txt`, 5)).rejects.toMatchObject({
    code: "BODY_TOO_LARGE",
  });
  for (const url of [
    "https://cdn.discordapp.com.evil.example/a",
    "http://cdn.discordapp.com/a",
    "x",
  ]) {
    await expect(fetched(url)).rejects.toMatchObject({ code: "URL_REFUSED" });
  }
});

test("the look from outside finds a wrong token and a wrong key, and says neither", async () => {
  const look = async (settings: object) =>
    await openDiscord(fake, settings).account.probe(AbortSignal.timeout(5_000));
  fake.application["interactions_endpoint_url"] = "https://bots.example.com/gateway/discord/ch_1";

  const well = await look({});
  const wrongToken = await look({ bot_token: "MTIz.wrong-secret" });
  const wrongKey = await look({ public_key: "cd".repeat(32) });
  const content = await look({ gateway: true, message_content: true });
  fake.application["flags"] = 0;
  const without = await look({ gateway: true, message_content: true });

  expect(well.every(({ ok }) => ok)).toBe(true);
  expect(wrongToken).toMatchObject([{ ok: false }]);
  expect(JSON.stringify(wrongToken)).not.toContain("wrong-secret");
  expect(wrongKey.filter(({ ok }) => !ok)).toHaveLength(1);
  expect(content.every(({ ok }) => ok)).toBe(true);
  expect(without.filter(({ ok }) => !ok)).toHaveLength(1);
});

test("no reason tells a token, even when Discord says one back", async () => {
  const { account, interaction, send } = await asked();
  const token = String(interaction["token"]);
  fake.fault("GET /webhooks", { status: 400, body: { code: 1, message: `${token} ${TOKEN}` } });

  const result = await send(partsOf(account, "Hello")[0]);

  expect(result.ok).toBe(false);
  expect(JSON.stringify(result)).not.toContain(token);
  expect(JSON.stringify(result)).not.toContain(TOKEN);
});
