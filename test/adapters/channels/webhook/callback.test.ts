// Answers of a webhook account as signed posts: what the receiver gets and says, and where calls do not go.
// Cases 47-49, 68, 73 of the gateway's list.

import { afterEach, expect, test } from "vitest";
import {
  answer,
  callbackAccount,
  endAccounts,
  eventOf,
  message,
  never,
  OLD_SECRET,
  open,
  post,
  refusalOf,
  SECRET,
} from "../../../support/channels/webhook-account.ts";

afterEach(endAccounts);

test("callback: the standard's library takes it, and every attempt has the same id", async () => {
  const account = await callbackAccount();
  account.receiver.answers.push({ status: 204, isCut: true });
  const outgoing = { text: "Häppy 🎉", answers: "m1" };

  const [cut] = await answer(account, account.event, outgoing, "out/1.x");
  const [sent] = await answer(account, account.event, outgoing, "out/1.x");

  expect(cut).toMatchObject({ ok: false, class: "unknown" });
  expect(sent).toEqual({ ok: true, receipt: { id: "out%2F1%2Ex%2E0" } });
  const [first, second] = account.receiver.received;
  expect(second?.id).toBe(first?.id);
  expect(second?.body).toMatchObject({
    type: "message",
    conversation: "order 7",
    text: "Häppy 🎉",
    answers: "m1",
    files: [],
  });
});

test.each([
  [{ status: 410 }, { class: "gone" }],
  [{ status: 401 }, { class: "auth" }],
  [{ status: 403 }, { class: "auth" }],
  [{ status: 400 }, { class: "format" }],
  [{ status: 413 }, { class: "format" }],
  [{ status: 404 }, { class: "retry" }],
  [{ status: 302, headers: { location: "http://127.0.0.1:1/" } }, { class: "retry" }],
  [{ status: 500 }, { class: "retry" }],
  [
    { status: 503, headers: { "retry-after": "7" } },
    { class: "rate", retryAfterMs: 7_000 },
  ],
  [
    { status: 429, headers: { "retry-after": "30" } },
    { class: "rate", retryAfterMs: 30_000 },
  ],
  [{ status: 429 }, { class: "rate" }],
  [{ status: 429, headers: { "retry-after": "-1" } }, { class: "rate" }],
  [{ status: 429, headers: { "retry-after": "soon" } }, { class: "rate" }],
])("47-49: what a receiver answers is told apart: %j", async (given, expected) => {
  const account = await callbackAccount();
  account.receiver.answers.push(given);

  const [result] = await answer(account, account.event, { text: "x" }, "k");

  expect(result).toEqual({ ok: false, reason: expect.stringMatching(/answered/), ...expected });
});

test("47: Retry-After as a date is counted from now", async () => {
  const account = await callbackAccount();
  const at = new Date(account.environment.nowMs() + 90_000).toUTCString();
  account.receiver.answers.push({ status: 429, headers: { "retry-after": at } });

  const [result] = await answer(account, account.event, { text: "x" }, "k");

  expect(result).toMatchObject({ class: "rate", retryAfterMs: 90_000 });
});

test("68: a private callback is not reached, nor is one whose name leads there, whatever it led to before", async () => {
  const { receiver } = await callbackAccount();
  let looks = 0;
  // Another private address each time.
  const resolve = async () => {
    looks += 1;
    return [{ address: looks % 2 === 1 ? "127.0.0.1" : "10.0.0.1", family: 4 }];
  };
  const account = open(
    {
      reply: "callback",
      callback_hosts: ["127.0.0.1:1", `*.example.com:${receiver.port}`, "10.0.0.5"],
    },
    { egress: { resolve } },
  );
  const sent = async (callback_url: string) => {
    const event = eventOf(await post(account, { ...message, callback_url }));
    return (await answer(account, event, { text: "x" }, "k"))[0];
  };

  for (const url of [
    `http://in.example.com:${receiver.port}/`,
    "http://10.0.0.5/",
    "http://127.0.0.1:1/",
  ]) {
    expect(await sent(url)).toMatchObject({
      ok: false,
      reason: expect.stringMatching(/EGRESS_REFUSED/),
    });
  }
  expect(receiver.requests()).toBe(0);
});

test("a message may name a callback on a host that is allowed, and on no other port of it", async () => {
  const account = open({ reply: "callback", callback_hosts: ["*.example.com"] });
  const named = async (callback_url: string) => post(account, { ...message, callback_url });

  expect(eventOf(await named("https://a.example.com/x")).address).toMatchObject({
    callbackUrl: "https://a.example.com/x",
  });
  for (const url of [
    "https://a.example.com:8443/",
    "https://example.com/",
    "https://a.example.com.evil.io/",
    "file:///etc/passwd",
    "https://me:pw@a.example.com/",
  ]) {
    expect(refusalOf(await named(url)).status).toBe(400);
  }
  expect(refusalOf(await post(account, message)).status).toBe(400);
});

test("the doctor's ping says whether the receiver takes our signature", async () => {
  const account = await callbackAccount();
  const good = await account.instance.probe(never);
  const wrong = await callbackAccount({ secret: OLD_SECRET }).catch(() => null);
  const other = open(
    { reply: "callback", callback_url: account.receiver.url, secret: OLD_SECRET },
    { egress: { allowedHosts: ["127.0.0.1"] } },
  );

  expect(wrong).toBeNull();
  expect(good).toMatchObject([{ ok: true }]);
  expect(await other.instance.probe(never)).toMatchObject([
    { ok: false, help: expect.stringMatching(/same secret/) },
  ]);
});

test("73: no secret is in what is logged, answered, stored or told of a failure", async () => {
  const account = await callbackAccount();
  account.receiver.answers.push({ status: 500 });
  const results = await answer(account, account.event, { text: "x" }, "k");
  const refusal = await post(account, message, { secret: OLD_SECRET.replace("g", "h") });
  const said = JSON.stringify([
    results,
    refusal,
    account.event,
    account.environment.logged,
    account.receiver.received,
  ]);

  for (const secret of [SECRET, OLD_SECRET]) {
    expect(said).not.toContain(secret);
    expect(said).not.toContain(secret.slice(6));
  }
});
