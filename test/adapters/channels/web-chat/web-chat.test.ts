// The requests of the web chat's widget: whose conversation it is, and that nothing is lost or there
// twice. Cases 27, 30, 70, 71 of the gateway's list.

import fc from "fast-check";
import { expect, test } from "vitest";
import type { ChannelResponse } from "../../../../adapters/channels/adapter.ts";
import { widgetFile } from "../../../../adapters/channels/web-chat/widget-file.ts";
import { memoryTables } from "../../../http/memory-tables.ts";
import { rawRequest } from "../../../support/channels/raw-request.ts";
import {
  answer,
  eventOf,
  handledPost,
  never,
  ORIGIN,
  openChat,
  postJson,
  ticketOf,
} from "../../../support/channels/web-chat-account.ts";

const NOW_MS = 1_800_000_000_000;

interface Shown {
  readonly seq: number;
  readonly first: number;
  readonly id: string;
  readonly from: string;
  readonly text: string;
}
const shownOf = (page: Record<string, unknown>) => page["entries"] as Shown[];

test("a message is an event of its visitor's own conversation, whatever the page calls it", async () => {
  const account = openChat();
  const tokens = [await ticketOf(account), await ticketOf(account)];
  const events = await Promise.all(
    tokens.map((token) =>
      eventOf(account, { token, conversation: "support", id: "m1", text: "Hi" }),
    ),
  );

  expect(events[0]).toMatchObject({ kind: "message", message: "m1", text: "Hi", atMs: NOW_MS });
  expect(events[0]?.place.isDirect).toBe(true);
  expect(events[0]?.place.conversation).toBe(`${events[0]?.sender.id}/support`);
  expect(events[0]?.place.conversation).not.toBe(events[1]?.place.conversation);
  expect(events[0]?.dedupe).not.toEqual(events[1]?.dedupe);
  await answer(account, events[0] as never, { text: "For the first." }, "k");
  const page = await postJson(account, "/events", {
    token: tokens[1],
    conversation: "support",
    after: 0,
  });
  expect(JSON.stringify(page)).not.toContain("For the first.");
});

test("70: what was not acknowledged is sent again under its id, and is one message with one number", async () => {
  const account = openChat();
  const token = await ticketOf(account);
  const body = { token, id: "m1", text: "Hi" };
  const first = await handledPost(account, "/messages", body);
  await postJson(account, "/messages", { token, id: "m2", text: "Next" });
  const again = await handledPost(account, "/messages", { ...body, text: "changed" });
  const page = await postJson(account, "/events", { token, after: 0 });

  if (!("ack" in first) || !("ack" in again)) throw new Error("refused");
  expect(first.ack.status).toBe(202);
  expect(again.ack.body).toBe(first.ack.body);
  expect(again.events[0]?.dedupe).toEqual(first.events[0]?.dedupe);
  expect(first.nack).toMatchObject({
    status: 503,
    headers: { "Retry-After": "2", Vary: "Origin" },
  });
  expect(shownOf(page).map(({ id, text }) => [id, text])).toEqual([
    ["m1", "Hi"],
    ["m2", "Next"],
  ]);
});

test("70: events are asked for after a number that exists", async () => {
  const account = openChat();
  const token = await ticketOf(account);
  await postJson(account, "/messages", { token, id: "m1", text: "Hi" });
  const [entry] = shownOf(await postJson(account, "/events", { token, after: 0 }));
  const status = async (after: unknown) =>
    (await postJson(account, "/events", { token, after })).status;

  expect(await status(entry?.seq)).toBe(200);
  expect(await status((entry?.seq ?? 0) + 1)).toBe(400);
  expect(await status(-1)).toBe(400);
  expect(await status(1.5)).toBe(400);
  expect(await status("0")).toBe(400);
  expect((await postJson(account, "/events", { token, after: 0, wait: 26 })).status).toBe(400);
});

test("a wait ends with the next answer, with a sign that one is written, and with who waits", async () => {
  const account = openChat();
  const token = await ticketOf(account);
  const event = await eventOf(account, { token, id: "m1", text: "Hi" });
  const [own] = shownOf(await postJson(account, "/events", { token, after: 0 }));
  const after = own?.seq;
  const wait = (typing: number, signal = never) =>
    postJson(account, "/events", { token, after, wait: 25, typing }, { signal });

  const writing = wait(0);
  await account.instance.typing?.(event.address, never);
  const sign = await writing;
  const answering = wait(Number(sign["typing"]));
  await answer(account, event, { text: "Hello" }, "k1");
  const answered = await answering;
  const gone = new AbortController();
  const leaving = postJson(
    account,
    "/events",
    { token, after: answered["last"], wait: 25 },
    { signal: gone.signal },
  );
  gone.abort();

  expect(sign).toMatchObject({ entries: [], typing_ms: 15_000 });
  expect(answered).toMatchObject({
    entries: [{ from: "agent", text: "Hello", id: "k1.0" }],
    typing: 0,
  });
  expect((await leaving)["entries"]).toEqual([]);
});

test("an answer that grows is the same message with another number; a button pressed is an action on it", async () => {
  const account = openChat();
  const token = await ticketOf(account);
  const event = await eventOf(account, { token, id: "m1", text: "Hi" });
  await answer(
    account,
    event,
    { text: "Shall I?", buttons: [{ action: "ap:1:yes", label: "Yes" }] },
    "k1",
  );
  const before = await postJson(account, "/events", { token, after: 0 });
  const pressed = await eventOf(account, { token, id: "p1", action: "ap:1:yes", of: "k1.0" });
  const [part] = account.instance.render({ text: "Approved." });
  if (part === undefined) throw new Error("no part");
  await account.instance.edit?.({ id: "k1.0" }, part, event.address, {
    key: "e",
    attempt: 1,
    signal: never,
  });
  const after = await postJson(account, "/events", { token, after: before["last"] });

  expect(pressed).toMatchObject({ kind: "action", action: "ap:1:yes", message: "k1.0" });
  expect(shownOf(before)[1]).toMatchObject({ buttons: [{ action: "ap:1:yes", label: "Yes" }] });
  expect(shownOf(after).at(-1)).toMatchObject({
    id: "k1.0",
    text: "Approved.",
    buttons: [],
    first: shownOf(before)[1]?.first,
  });
});

test("71: what was answered while nobody looked is there after a restart, once, in order", async () => {
  const tables = memoryTables();
  const account = openChat({}, { tables });
  const token = await ticketOf(account);
  const event = await eventOf(account, { token, id: "m1", text: "Hi" });
  await answer(account, event, { text: "One" }, "k1");
  const restarted = openChat({}, { tables });
  await answer(restarted, event, { text: "One" }, "k1");
  await answer(restarted, event, { text: "Two" }, "k2");

  const page = await postJson(restarted, "/events", { token, after: 0 });

  expect(shownOf(page).map(({ text }) => text)).toEqual(["Hi", "One", "Two"]);
});

test("70: more messages than a visitor or an address may send wait as long as they are told", async () => {
  const account = openChat({ messages_per_minute: 2, address_messages_per_minute: 3 });
  const send = (token: string, id: string) =>
    postJson(account, "/messages", { token, id, text: "Hi" }, { clientAddress: "198.51.100.7" });
  const [one, two] = [await ticketOf(account), await ticketOf(account)];
  const statuses = [];
  for (const id of ["a", "b", "c"]) statuses.push((await send(one, id)).status);
  const third = await send(two, "d");
  const fourth = await send(two, "e");
  account.environment.setNow(NOW_MS + 30_000);

  expect(statuses).toEqual([202, 202, 429]);
  expect([third.status, fourth.status]).toEqual([202, 429]);
  expect(fourth.response.headers).toMatchObject({
    "Retry-After": "20",
    "Access-Control-Allow-Origin": ORIGIN,
  });
  expect((await send(one, "c")).status).toBe(202);
});

test("27: whatever is posted is answered, and never thrown", async () => {
  const account = openChat();
  const token = await ticketOf(account);
  const wrong = [
    "",
    "null",
    "[]",
    '{"a":',
    `{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`,
    `{"token":"${token}","id":"a","id":"b","text":"x"}`,
    '{"__proto__":{"a":1}}',
    Buffer.from([0xff]),
  ];
  for (const path of ["/session", "/messages", "/events", "/file"]) {
    for (const body of wrong) expect((await postJson(account, path, body)).status).toBe(400);
  }
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom("/session", "/messages", "/events", "/file"),
      fc.json(),
      async (path, json) => {
        const { status } = await postJson(account, path, json);
        expect([200, 202, 400, 401, 404, 429]).toContain(status);
      },
    ),
    { numRuns: 60 },
  );
  for (const extra of [
    {},
    { text: "" },
    { text: "x", action: "a" },
    { text: "x".repeat(12_001) },
    { text: "x", id: "a/b" },
    { text: "x", conversation: "../v_1/main" },
  ]) {
    expect((await postJson(account, "/messages", { token, id: "m", ...extra })).status).toBe(400);
  }
});

test("30: posts alone, of 64 KB at most; the script is for anybody and is known again by its digest", async () => {
  const { instance } = openChat();
  const [script] = instance.routes;
  const get = async (headers: Record<string, string>) => {
    const handled = await script?.handle(rawRequest({ method: "GET", headers }));
    return handled !== undefined && "ack" in handled
      ? handled.ack
      : ({ status: 0 } as ChannelResponse);
  };
  const { body, tag } = await widgetFile();

  expect(instance.routes.map(({ method, path, bodyMax }) => [method, path, bodyMax])).toEqual([
    ["GET", "/widget.js", 0],
    ["GET", "/files.js", 0],
    ...["/session", "/messages"].map((path) => ["POST", path, 65_536]),
    ["POST", "/upload", 786_432],
    ...["/events", "/file"].map((path) => ["POST", path, 65_536]),
  ]);
  expect(await get({})).toMatchObject({
    status: 200,
    body,
    contentType: "text/javascript; charset=utf-8",
  });
  expect(await get({ "if-none-match": tag })).toMatchObject({ status: 304 });
  expect(Buffer.byteLength(body)).toBeLessThan(15 * 1_024);
  expect(body).not.toMatch(/innerHTML|eval\(|document\.write/);
});

test("a file of an answer is given to its visitor alone", async () => {
  const account = openChat({}, { files: { f1: Buffer.from("chart") } });
  const token = await ticketOf(account);
  const event = await eventOf(account, { token, id: "m1", text: "Hi" });
  const files = [{ name: "c.svg", mediaType: "image/svg+xml", bytes: 5, id: "f1" }];
  await answer(account, event, { text: "See", files }, "k1");
  const entry = shownOf(await postJson(account, "/events", { token, after: 0 })).at(-1);
  const get = (ticket: string, index: number) =>
    postJson(account, "/file", { token: ticket, seq: entry?.seq, index });

  expect(entry).toMatchObject({
    files: [{ name: "c.svg", media_type: "image/svg+xml", bytes: 5 }],
  });
  expect(await get(token, 0)).toMatchObject({ status: 200, name: "c.svg", data: "Y2hhcnQ=" });
  expect((await get(token, 1)).status).toBe(404);
  expect((await get(await ticketOf(account), 0)).status).toBe(404);
});
