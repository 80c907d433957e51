// What each answer of WhatsApp means for a message, against a Graph API that is played: refusals, limits, the
// window of 24 hours, answers that are lost. Cases 47-49, 51 and 54 of the channels' list.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { channelLimits } from "../../../../actors/channels/limits.ts";
import type { Outgoing, Part, SendResult } from "../../../../actors/channels/outgoing.ts";
import { retryAfterMs } from "../../../../adapters/channels/platform-answer.ts";
import { whatsapp } from "../../../../adapters/channels/whatsapp/adapter.ts";
import { classOfCode } from "../../../../adapters/channels/whatsapp/errors.ts";
import { errorBody, graphErrors } from "../../../support/channels/whatsapp-checks.ts";
import { type Desk, PHONE, startDesk } from "../../../support/channels/whatsapp-desk.ts";
import { NOBODY } from "../../../support/channels/whatsapp-server.ts";

const DAY_MS = 24 * 3_600_000;

let desk: Desk;

beforeAll(async () => {
  desk = await startDesk();
});
afterAll(() => desk.server.stop());
afterEach(() => desk.tidy());

test("case 47: a time to wait is believed within bounds, and without one it is 4^n seconds", async () => {
  const { address } = await desk.heard();
  const [part] = desk.account.instance.render({ text: "Hi" });
  const waits = async (headers: Record<string, string>, attempt = 1) => {
    desk.answerWith(graphErrors.throughput, headers);
    const result = await desk.send(part, address, attempt);
    return !result.ok && result.class === "rate" ? result.retryAfterMs : null;
  };

  expect(await waits({}, 1)).toBe(4_000);
  expect(await waits({}, 3)).toBe(64_000);
  expect(await waits({}, 1_000)).toBe(channelLimits.retryAfterMaxMs);
  expect(await waits({ "retry-after": "30" })).toBe(30_000);
  expect(await waits({ "retry-after": "1000000000" })).toBe(channelLimits.retryAfterMaxMs);
  for (const nothing of ["0", "-1", "soon", " "]) {
    expect(await waits({ "retry-after": nothing })).toBe(4_000);
  }
  const now = Date.UTC(2026, 0, 1);
  expect(retryAfterMs("Thu, 01 Jan 2026 00:00:30 GMT", now)).toBe(30_000);
  expect(retryAfterMs("Wed, 31 Dec 2025 00:00:30 GMT", now)).toBeUndefined();
});

test("case 48: what fails at their side is tried again, and a lost answer is said to be unknown", async () => {
  const { address } = await desk.heard();
  const [part] = desk.account.instance.render({ text: "Hi" });
  const cut = new AbortController();

  desk.answerWith(graphErrors.unknown);
  const failed = await desk.send(part, address);
  desk.server.instead = null;
  const again = await desk.send(part, address, 2);
  desk.server.instead = () => {
    cut.abort();
    return "hang";
  };
  const lost = await desk.account.instance.send(part as Part, address, {
    key: "k",
    attempt: 1,
    signal: cut.signal,
  });
  desk.open({ api_url: "http://127.0.0.1:2" });
  const unreached = await desk.send(part, address);

  expect(failed).toMatchObject({ ok: false, class: "retry" });
  expect(again.ok).toBe(true);
  expect(desk.server.taken).toHaveLength(1);
  expect(lost).toMatchObject({ ok: false, class: "unknown" });
  expect(unreached).toMatchObject({ ok: false, class: "retry" });
});

test("case 49: only an answer that names a message is a receipt", async () => {
  const { address } = await desk.heard();
  const [part] = desk.account.instance.render({ text: "Hi" });
  const answers: [number, string, string][] = [
    [200, "", "unknown"],
    [200, "<html>OK</html>", "unknown"],
    [200, '{"messages":[]}', "unknown"],
    [200, '{"messages":[{"id":""}]}', "unknown"],
    [200, errorBody(graphErrors.pair), "rate"],
    [200, '{"error":"no"}', "unknown"],
    [302, "", "unknown"],
    [400, "<html>Bad</html>", "format"],
    [401, "", "auth"],
    [404, "", "auth"],
    [429, "", "rate"],
    [502, "<html>Bad Gateway</html>", "retry"],
    [504, "", "unknown"],
    [400, '{"error":{"code":999999,"message":"new","is_transient":true}}', "retry"],
    [400, '{"error":{"code":100,"error_subcode":33,"message":"does not exist"}}', "auth"],
  ];

  for (const [status, body, expected] of answers) {
    desk.server.instead = () => ({ status, body });
    expect([status, body, await desk.send(part, address)]).toMatchObject([
      status,
      body,
      { ok: false, class: expected },
    ]);
  }
});

test("each code of Meta's means the same whatever its status", () => {
  const classes = (codes: number[]) => new Set(codes.map((code) => classOfCode(code)));

  expect(classes([131047])).toEqual(new Set(["window"]));
  expect(classes([4, 80007, 130429, 131048, 131056])).toEqual(new Set(["rate"]));
  expect(classes([0, 10, 190, 200, 299, 131005, 131031, 368])).toEqual(new Set(["auth"]));
  expect(classes([131026, 131021, 131030])).toEqual(new Set(["gone"]));
  expect(classes([100, 131008, 131009, 131051, 132000, 132001, 132015])).toEqual(
    new Set(["format"]),
  );
  expect(classes([1, 2, 131000, 131016])).toEqual(new Set(["retry"]));
  expect(classes([999_999])).toEqual(new Set([undefined]));
});

test("case 51: after 24 hours only a template is sent, whoever notices, and it may be sent", async () => {
  desk.open({
    template: { name: "answer_ready", language: "en_US", parameters: ["Dear  {name}\n!"] },
  });
  const { address } = await desk.heard({ phone: PHONE, name: "Ada\tLovelace" });
  const [part] = desk.account.instance.render({ text: "Hi" });
  const unaware = { ...address, windowUntilMs: null };

  await desk.server.clock.advance(DAY_MS);
  expect((await desk.send(part, address)).ok).toBe(true);
  await desk.server.clock.advance(1_000);
  expect(await desk.send(part, address)).toMatchObject({ ok: false, class: "window" });
  expect(await desk.send(part, unaware)).toMatchObject({ ok: false, class: "window" });

  desk.server.windowRefusal = "later";
  // Known without asking, where WhatsApp would take it and lose it.
  expect(await desk.send(part, address)).toMatchObject({ ok: false, class: "window" });
  const late = await desk.send(part, unaware);
  await desk.server.clock.advance(1_000);
  const last = desk.account.handled.at(-1);
  expect(late.ok).toBe(true);
  expect(last !== undefined && "events" in last && last.events[0]).toMatchObject({
    kind: "status",
    state: "failed",
    failure: "window",
    key: "key-1",
  });

  const template = desk.account.instance.template?.(address);
  expect((await desk.send(template, address)).ok).toBe(true);
  expect(desk.server.taken.at(-1)?.message["template"]).toEqual({
    name: "answer_ready",
    language: { code: "en_US" },
    components: [{ type: "body", parameters: [{ type: "text", text: "Dear Ada Lovelace !" }] }],
  });
});

test("case 51: one person is written to 45 times at once and then once in 6 seconds", async () => {
  const { address } = await desk.heard();
  const [part] = desk.account.instance.render({ text: "Hi" });

  const results: SendResult[] = [];
  for (let at = 0; at < 46; at += 1) results.push(await desk.send(part, address, 2));
  await desk.server.clock.advance(6_000);
  const later = await desk.send(part, address);

  expect(results.filter(({ ok }) => ok)).toHaveLength(45);
  expect(results.at(-1)).toMatchObject({ ok: false, class: "rate", retryAfterMs: 16_000 });
  expect(later.ok).toBe(true);
  const { conversationRate } = whatsapp.capabilities;
  expect(conversationRate).toEqual({ calls: 1, perMs: 6_000, burst: 45 });
});

test("case 54: what is refused for its form has the same parts without marks", async () => {
  const { address } = await desk.heard();
  const outgoing: Outgoing = { text: "**Bold** and plain" };
  desk.answerWith({ status: 400, code: 131009, message: "(#131009) Parameter value is not valid" });
  const refused = await desk.say(outgoing, address);
  desk.server.instead = null;

  const plain = desk.account.instance.renderPlain(outgoing);
  await desk.send(plain[0], address);

  expect(refused).toMatchObject([{ ok: false, class: "format" }]);
  expect(plain).toHaveLength(1);
  expect(desk.server.taken[0]?.message["text"]).toMatchObject({ body: "Bold and plain" });
});

test("a number that is nobody's and an address that is none are gone", async () => {
  const { address } = await desk.heard({ phone: NOBODY });
  const [part] = desk.account.instance.render({ text: "Hi" });

  expect(await desk.send(part, address)).toMatchObject({ ok: false, class: "gone" });
  expect(await desk.send(part, {})).toMatchObject({ ok: false, class: "gone" });
  expect(await desk.send(part, { from: "1" })).toMatchObject({ ok: false, class: "gone" });
});
