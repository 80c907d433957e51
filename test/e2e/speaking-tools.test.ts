// Tools of the real process that keep, set and say things: the memory of who speaks, schedules of a conversation,
// messages over channels and mails. What they say goes out once, whatever dies.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { listed, made, slackChannel, until } from "../support/channels/channel-desk.ts";
import { mailSettings } from "../support/channels/mail-account.ts";
import { type MailTransfer, startMailTransfer } from "../support/channels/mail-transfer.ts";
import { type SlackServer, startSlack } from "../support/channels/slack-server.ts";
import {
  type WhatsAppOf,
  whatsappChannel,
  whatsappFor,
} from "../support/channels/whatsapp-product.ts";
import { type Product, startProduct } from "../support/product.ts";
import { toolTalk } from "../support/tool-talk.ts";
import type { Json } from "../support/wire-client.ts";

const PHONE = "16505551234";
let product: Product;
let meta: WhatsAppOf;
let slack: SlackServer;
let transfer: MailTransfer;
let rooms = "";
let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "troupe-desk-"));
  await writeFile(join(folder, "bill.csv"), "id;total\n7;19.90\n");
  slack = await startSlack();
  transfer = await startMailTransfer();
  product = await startProduct({
    env: { TROUPE_WORKERS: "2" },
    config: `gateway:
  hosts: [127.0.0.1]
tools:
  folders:
    - { name: desk, path: "${folder}", tenants: ["*"], access: read }
`,
  });
  meta = await whatsappFor(product);
  const quiet = await made(product, "/v2/agents", { name: "Quiet", model_name: "gpt-4o-mini" });
  rooms = await made(product, "/v2/channels", slackChannel(slack, quiet));
});
afterEach(() => product.provider.reset());
afterAll(async () => {
  await product?.end();
  await meta?.server.stop();
  await slack?.stop();
  await transfer?.stop();
  await rm(folder, { recursive: true });
});

const { calling, eventsOf } = toolTalk(() => product);
/** What its calls gave, in the order in which they were made. */
async function results(run: string): Promise<readonly Json[]> {
  const events = await eventsOf(run);
  const calls = events.filter(({ type }) => type === "tool_call");
  return calls
    .map(({ id }) => events.find((event) => event.type === "tool_result" && event.id === id))
    .map((event) => event?.result);
}
const agentWith = (tools: object[], more: object = {}): Promise<string> =>
  made(product, "/v2/agents", { name: "Desk", model_name: "gpt-4o-mini", tools, ...more });
const say = async (agent: string, input: string, more: object = {}): Promise<Json> =>
  (await product.call("POST", `/v2/agents/${agent}/runs`, { input, ...more })).body;
const refused = async (tools: object[]): Promise<Json> => {
  const answer = await product.call("POST", "/v2/agents", {
    ...{ name: "Desk", model_name: "gpt-4o-mini", tools },
  });
  expect(answer.status).toBe(400);
  return answer.body;
};

/** An agent that people speak with on WhatsApp. */
async function onWhatsApp(tools: object[]): Promise<string> {
  const agent = await agentWith(tools);
  const channel = await made(product, "/v2/channels", whatsappChannel(meta.server, agent));
  meta.open(channel);
  return channel;
}
const textsTaken = (): readonly string[] =>
  meta.server.taken.map(({ message }) => String((message["text"] as Json)?.body ?? ""));

test("the tool memory keeps and finds what belongs to who speaks, and needs an agent with memory", async () => {
  const tools = [{ tool: "memory" }];
  const agent = await agentWith(tools, { memory: { type: "vector_db" } });
  calling([
    { name: "memory", arguments: { action: "remember", text: "The user's cat is Mia." } },
    { name: "memory", arguments: { action: "remember" } },
  ]);
  const told = await say(agent, "Keep it.", { user_key: "anna" });
  expect(await results(told.id)).toMatchObject([
    { status: "created" },
    { error: { code: "INVALID", pointer: "/text" } },
  ]);
  expect(product.provider.calls("Keep it.")[0]?.tools.map(({ name }) => name)).toEqual(["memory"]);
  product.provider.reset();
  calling([{ name: "memory", arguments: { action: "recall", query: "What is the cat called?" } }]);
  const [own] = await results((await say(agent, "My cat?", { user_key: "anna" })).id);
  const [others] = await results((await say(agent, "My cat?", { user_key: "ben" })).id);
  expect(own.memories).toMatchObject([{ text: "The user's cat is Mia." }]);
  expect(others).toEqual({ memories: [] });

  product.provider.reset();
  calling([{ name: "memory", arguments: { action: "forget", id: own.memories[0].id } }]);
  await say(agent, "Forget hers.", { user_key: "ben" });
  const kept = await product.call("GET", `/v2/memories?agent_key=${agent}`);
  expect(kept.body.data).toHaveLength(1);
  const reading = [{ tool: "memory", permissions: ["read"] }];
  const reader = await agentWith(reading, { memory: { type: "vector_db" } });
  const [denied] = await results((await say(reader, "Forget it.", { user_key: "anna" })).id);
  expect(denied).toMatchObject({ error: { code: "FORBIDDEN" } });
  product.provider.reset();
  expect(await refused(tools)).toMatchObject({ pointer: "/tools/0/tool" });
});

test("a message goes to the person who speaks and to those that are named, once over a crash", async () => {
  const config = { channel: rooms, recipients: { "the shop": "CROOM1" } };
  await onWhatsApp([{ tool: "channel_message", config, requires_confirmation: false }]);
  calling([
    { name: "channel_message", arguments: { text: "Beside it." } },
    { name: "channel_message", arguments: { to: "the shop", text: "One more order." } },
    { name: "channel_message", arguments: { to: "CROOM2", text: "Elsewhere." } },
  ]);
  product.provider.when((call) => call.prompt.includes("Result of "), {
    hang: "at-once",
    times: 1,
  });
  meta.server.say({ phone: PHONE }, { type: "text", text: { body: "Order, please." } });
  await product.provider.until((call) => call.prompt.includes("Result of "));
  // What a platform cannot be asked about is not said twice: it dies when that has arrived.
  await until(textsTaken, (texts) => texts.includes("Beside it."));
  await product.kill();
  await product.start();

  const answered = (): boolean => textsTaken().includes("Done.");
  await until(answered, (is) => is);
  const posted = await until(
    () => slack.workspace.saidByBot("CROOM1"),
    ({ length }) => length > 0,
  );
  expect(posted.map(({ text }) => text)).toEqual(["One more order."]);
  expect(textsTaken()).toEqual(["Beside it.", "Done."]);
  expect(product.provider.calls("Order, please.").at(-1)?.prompt).toContain("must be equal to one");
  const sent = await until(
    () => listed(product, rooms, "deliveries?status=sent"),
    ({ length }) => length > 0,
  );
  expect(sent).toMatchObject([{ about: "notice", session: null }]);
});

test("a conversation in no channel has nobody to write to, and what nobody says is confirmed", async () => {
  const own = await agentWith([{ tool: "channel_message" }]);
  await say(own, "By REST, write to me.");
  expect(product.provider.calls("By REST, write")[0]?.tools).toEqual([]);
  const config = { channel: rooms, recipients: { shop: "CROOM1" } };
  const agent = await agentWith([{ tool: "channel_message", config }]);
  calling([{ name: "channel_message", arguments: { to: "shop", text: "May I?" } }]);
  const asked = await say(agent, "Ask the shop.");
  const { body } = await product.call("GET", "/v2/approvals?status=pending");
  expect(asked.status).not.toBe("completed");
  expect(body.data).toMatchObject([{ tool: "channel_message", arguments: { text: "May I?" } }]);
});

test("mails go to those whom the tool may write to, with their files, each person a mail of their own", async () => {
  const { password, ...settings } = mailSettings(
    { imap: transfer.port, smtp: transfer.port },
    { sent_copies: false },
  );
  const quiet = await made(product, "/v2/agents", { name: "Quiet", model_name: "gpt-4o-mini" });
  const channel = await made(product, "/v2/channels", {
    ...{ name: "Mail", kind: "email", agent: quiet, settings, secrets: { password } },
  });
  const recipients = ["boss@example.test", "*.shop.test"];
  const mail = { tool: "email", config: { channel, recipients, paths: ["desk"] } };
  const agent = await agentWith([{ ...mail, requires_confirmation: false }]);
  const letter = { subject: "The bill", text: "It is **attached**." };
  const attachments = [{ path: "bill.csv" }, { name: "a/b.txt", content: "as text" }];
  const send = (to: string[], more: object = {}) => ({
    name: "email",
    arguments: { to, ...letter, ...more },
  });
  calling([
    send(["boss@example.test", "Eva@a.Shop.test"], { attachments }),
    send(["eva@shop.test"]),
    send(["boss@example.test.evil.test"]),
    send(["boss@example.test"], { subject: "One\r\nBcc: eve@evil.test" }),
    send(["boss@example.test"], { attachments: [{ path: "../etc/passwd" }] }),
    send(["boss@example.test"], { attachments: [{ picture: "none.png" }] }),
  ]);
  const told = await results((await say(agent, "Mail it.")).id);
  expect(told[0]).toMatchObject({ queued: true, to: ["boss@example.test", "eva@a.shop.test"] });
  expect(told.slice(1).map(({ error }) => error.code)).toEqual([
    ...["FORBIDDEN", "FORBIDDEN", "INVALID", "INVALID", "NOT_FOUND"],
  ]);

  const taken = await until(
    () => transfer.taken,
    ({ length }) => length >= 2,
  );
  expect(taken.map(({ to }) => to)).toEqual([["boss@example.test"], ["eva@a.shop.test"]]);
  const raw = String(taken[0]?.raw);
  expect(raw).toMatch(/^Subject: The bill\r$/m);
  expect(raw).toContain(Buffer.from("id;total\n7;19.90\n").toString("base64"));
  expect(raw).toContain("filename=a_b.txt");
  expect(raw).not.toContain("shop.test");
  const wrong = { ...mail.config, recipients: ["nobody at all"] };
  expect(await refused([{ ...mail, config: wrong }])).toMatchObject({
    pointer: "/tools/0/config/recipients/0",
  });
  expect(await refused([{ ...mail, config: { ...mail.config, channel: rooms } }])).toMatchObject({
    pointer: "/tools/0/config/channel",
  });
  expect((await product.call("DELETE", `/v2/channels/${channel}`)).status).toBe(409);
});

test("what is scheduled is answered in its conversation and channel, listed, cancelled, and bounded", async () => {
  const before = textsTaken().length;
  await onWhatsApp([{ tool: "schedule", config: { most: 2 }, serial: true }]);
  const create = (more: object) => ({ name: "schedule", arguments: { action: "create", ...more } });
  product.provider.when((call) => call.lastUser === "Water the plants", {
    text: "Water them now!",
  });
  calling(
    [
      create({ text: "Water the plants", in_seconds: 2 }),
      create({ text: "Every morning", cron: "0 9 * * *", time_zone: "Europe/Berlin" }),
      create({ text: "Too many", every_seconds: 86_400 }),
      create({ text: "Too often", cron: "* * * * *" }),
      create({ text: "Gone", at: "2020-01-01T00:00:00Z" }),
    ],
    "It is set.",
  );
  meta.server.say({ phone: PHONE }, { type: "text", text: { body: "Remind me." } });
  await until(
    () => textsTaken().slice(before),
    ({ length }) => length >= 2,
  );
  expect(textsTaken().slice(before)).toEqual(["It is set.", "Water them now!"]);

  const told = product.provider.calls("Remind me.").at(-1)?.prompt ?? "";
  expect(told).toContain("the most it may have is 2");
  const { body } = await product.call("GET", "/v2/triggers?sort=created_at");
  const rows = body.data as readonly Json[];
  expect(rows.map(({ name, type }) => [name, type])).toEqual([
    ["Water the plants", "schedule"],
    ["Every morning", "schedule"],
  ]);
  const [{ conversation }] = rows as [Json];
  const history = await product.history(conversation);
  expect(history.map(([, text]) => text)).toEqual([
    ...["Remind me.", "It is set.", "Water the plants", "Water them now!"],
  ]);
  product.provider.reset();

  const cancel = { name: "schedule", arguments: { action: "cancel", id: rows[1]?.id } };
  const listing = { name: "schedule", arguments: { action: "list" } };
  calling([listing, cancel, { ...cancel, arguments: { action: "cancel", id: "tr_other" } }]);
  meta.server.say({ phone: PHONE }, { type: "text", text: { body: "Cancel it." } });
  await until(
    () => textsTaken().slice(before),
    ({ length }) => length >= 3,
  );
  const left = (await product.call("GET", "/v2/triggers")).body.data as readonly Json[];
  expect(left.map(({ name }) => name)).toEqual(["Water the plants"]);
});
