// Saying something at Slack: what is posted, what each refusal means (cases 46 to 49), edits (53), buttons
// (66), and that nothing calls people (65).

import { afterAll, beforeAll, expect, test } from "vitest";
import type { Receipt } from "../../../../actors/channels/outgoing.ts";
import {
  firstPart,
  nobodyAt,
  openAccount,
  receiptOf,
  room,
  sendOptions,
} from "../../../support/channels/slack-account.ts";
import {
  type Fault,
  type SlackServer,
  startSlack,
} from "../../../support/channels/slack-server.ts";
import { BOT } from "../../../support/channels/slack-workspace.ts";

let fake: SlackServer;
beforeAll(async () => {
  fake = await startSlack();
});
afterAll(async () => await fake.stop());

const textsIn = (channel: string) => fake.workspace.saidByBot(channel).map(({ text }) => text);

test("an answer is posted where it belongs, found by its key, and changed in place", async () => {
  const { account } = openAccount(fake);
  const root = fake.workspace.say("CROOM1", { user: "UANNA1", text: "hello" });
  const address = { ...room, thread: root.ts };
  const at = sendOptions();

  const sent = receiptOf(await account.send(firstPart(account, "first"), address, at));
  const found = await account.reconcile?.(firstPart(account, "first"), address, at);
  const other = await account.reconcile?.(firstPart(account, "first"), address, sendOptions());
  const edited = await account.edit?.(sent, firstPart(account, "second"), address, sendOptions());

  const [message] = fake.workspace.saidByBot("CROOM1");
  expect(message).toMatchObject({ text: "second", thread_ts: root.ts, edited: { user: BOT.user } });
  expect(sent.id).toBe(`CROOM1:${message?.ts}`);
  expect(found).toEqual({ state: "sent", receipt: { id: sent.id } });
  expect(other).toEqual({ state: "not_sent" });
  expect(edited).toEqual({ ok: true, receipt: { id: sent.id } });
});

test("a lost answer is found in a long room and in a long thread; what Slack does not say is unknown", async () => {
  const { account } = openAccount(fake);
  const key = sendOptions();
  fake.fault("chat.postMessage", { body: "cut", isDone: true });
  const lost = await account.send(firstPart(account, "only once"), room, key);
  for (let i = 0; i < 450; i += 1) fake.workspace.say("CROOM1", { user: "UANNA1", text: `${i}` });

  const found = await account.reconcile?.(firstPart(account, "only once"), room, key);
  const root = fake.workspace.say("CROOM1", { user: "UANNA1", text: "root" });
  const thread = { ...room, thread: root.ts };
  for (let i = 0; i < 450; i += 1) {
    fake.workspace.say("CROOM1", { user: "UANNA1", text: `${i}`, thread_ts: root.ts });
  }
  await account.send(firstPart(account, "below"), thread, key);
  const below = await account.reconcile?.(firstPart(account, "below"), thread, key);
  fake.fault("conversations.history", { status: 429, headers: { "retry-after": "60" } });
  const cut = { ok: true, messages: [], has_more: true };
  const limited = await account.reconcile?.(firstPart(account, "only once"), room, key);

  expect(lost).toMatchObject({ ok: false, class: "unknown" });
  expect(found).toMatchObject({ state: "sent" });
  expect(below).toMatchObject({ state: "sent" });
  expect(limited).toMatchObject({ state: "later", retryAfterMs: 60_000 });
  // There is more, and Slack does not say how to get it.
  fake.fault("conversations.history", { body: JSON.stringify(cut) });
  expect(await account.reconcile?.(firstPart(account, "x"), room, sendOptions())).toEqual({
    state: "unknown",
  });
});

test("one post a second: the room that is written to faster has to wait, other rooms do not (46)", async () => {
  const { account } = openAccount(fake);
  fake.workspace.postsPerSecond = 1;
  const busy = { team: BOT.team, channel: "CBUSY1" };
  fake.workspace.rooms.set("CBUSY1", []);

  const first = await account.send(firstPart(account, "1"), busy, sendOptions());
  const second = await account.send(firstPart(account, "2"), busy, sendOptions());
  const elsewhere = await account.send(
    firstPart(account, "1"),
    { ...busy, channel: "CROOM2" },
    sendOptions(),
  );
  fake.workspace.postsPerSecond = Number.POSITIVE_INFINITY;

  expect(first.ok).toBe(true);
  expect(second).toMatchObject({ ok: false, class: "rate", retryAfterMs: 1_000 });
  expect(elsewhere.ok).toBe(true);
});

test("whatever Slack or a proxy answers is told apart, and never taken for sent (46 to 49)", async () => {
  const { account } = openAccount(fake);
  const json = (body: object, status = 200): Fault => ({ status, body: JSON.stringify(body) });
  const refused = (error: string, more: object = {}) => json({ ok: false, error, ...more });
  const limited = (header?: string): Fault => ({
    status: 429,
    ...(header !== undefined && { headers: { "retry-after": header } }),
  });
  const soon = new Date(Date.now() + 30_000).toUTCString();
  const table: [Fault, string, number?][] = [
    [limited("30"), "rate", 30_000],
    [limited(), "rate"],
    [limited("0"), "rate"],
    [limited("-1"), "rate"],
    [limited("soon"), "rate"],
    [limited("1000000000"), "rate", 1_000_000_000],
    [refused("ratelimited"), "rate"],
    [{ status: 503, body: "<html>busy</html>" }, "retry"],
    [{ status: 500, body: "<html>sorry</html>" }, "unknown"],
    [{ status: 502, body: "" }, "unknown"],
    [{ status: 200, body: "" }, "unknown"],
    [{ status: 200, body: "<!doctype html><title>Sign in" }, "unknown"],
    [{ status: 200, body: "[]" }, "unknown"],
    [json({ ok: true }), "unknown"],
    [{ body: "cut" }, "unknown"],
    [{ status: 403, body: "no" }, "auth"],
    [refused("invalid_auth"), "auth"],
    [refused("missing_scope", { needed: "chat:write" }), "auth"],
    [refused("channel_not_found"), "gone"],
    [refused("is_archived"), "gone"],
    [refused("msg_blocks_too_long"), "format"],
    [refused("something_new"), "format"],
    [refused("fatal_error"), "unknown"],
    [refused("service_unavailable"), "retry"],
  ];

  for (const [fault, expected, retryAfterMs] of table) {
    fake.fault("chat.postMessage", fault);
    const result = await account.send(firstPart(account, "hello"), room, sendOptions());
    expect([JSON.stringify(fault), result]).toEqual([
      JSON.stringify(fault),
      {
        ...{ ok: false, class: expected, reason: expect.any(String) },
        ...(retryAfterMs !== undefined && { retryAfterMs }),
      },
    ]);
  }
  fake.fault("chat.postMessage", limited(soon));
  const dated = await account.send(firstPart(account, "hello"), room, sendOptions());
  expect(dated).toMatchObject({ class: "rate" });
  if (!dated.ok) expect(dated.retryAfterMs).toBeGreaterThan(25_000);
  const closed = openAccount(fake, { api_url: `${await nobodyAt()}/api` }).account;
  expect(await closed.send(firstPart(account, "hello"), room, sendOptions())).toMatchObject({
    class: "retry",
  });
});

test("a message that cannot be changed any more is said anew, once, and changed from then on (53)", async () => {
  const { account } = openAccount(fake);
  const gone = { id: "CROOM2:1600000000.000001" };
  const address = { team: BOT.team, channel: "CROOM2" };
  const before = textsIn("CROOM2").length;

  const anew = await account.edit?.(gone, firstPart(account, "half"), address, sendOptions());
  const again = await account.edit?.(gone, firstPart(account, "whole"), address, sendOptions());

  expect(textsIn("CROOM2").slice(before)).toEqual(["whole"]);
  expect(anew).toEqual(again);
});

test("buttons are blocks within Slack's limits, and go when the message is changed (66)", async () => {
  const { account } = openAccount(fake);
  const buttons = Array.from({ length: 27 }, (_, i) => ({
    ...{ action: `ap_1.choice:${i}`, label: i === 0 ? "\u{1f3ad}".repeat(60) : `Choice ${i}` },
    ...(i === 1 && { style: "danger" as const }),
  }));
  const outgoing = { text: `${"word & more ".repeat(500)}`, buttons };
  const parts = account.render(outgoing);

  const sent: Receipt[] = [];
  for (const part of parts) sent.push(receiptOf(await account.send(part, room, sendOptions())));
  const shown = fake.workspace.saidByBot("CROOM1").at(-1);
  const last = sent.at(-1);
  if (last === undefined) throw new Error("Nothing was sent.");
  const values = JSON.stringify(shown?.blocks).match(/ap_1\.choice:\d+/g);
  await account.edit?.(last, firstPart(account, "Approved."), room, sendOptions());

  expect(values).toHaveLength(27);
  expect(fake.workspace.saidByBot("CROOM1").at(-1)).toMatchObject({
    text: "Approved.",
    blocks: [],
  });
  expect(account.render(outgoing)).toEqual(parts);
});

test("nothing that a model writes calls people or makes a link of Slack's own (65)", async () => {
  const { account } = openAccount(fake);
  const evil = "<!channel> <@UANNA1> <!here|x> <https://evil.example|bank.example> @channel";

  for (const part of [firstPart(account, evil), ...account.renderPlain({ text: evil })]) {
    await account.send(part, room, sendOptions());
    const text = textsIn("CROOM1").at(-1) ?? "";
    expect(text).not.toMatch(/<[!@#]/);
    expect(text).not.toContain("|bank.example>");
  }
  expect(fake.calls.at(-1)?.of).toMatchObject({ unfurl_links: "false", unfurl_media: "false" });
  expect(fake.calls.at(-1)?.of).not.toHaveProperty("link_names");
});
