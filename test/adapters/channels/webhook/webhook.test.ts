// A program that speaks to an agent over signed posts: what comes in, and its answers by poll and in the
// response. Cases 7, 10, 27, 30 of the gateway's list.

import { createHmac } from "node:crypto";
import { afterEach, expect, test } from "vitest";
import type { Handled } from "../../../../adapters/channels/adapter.ts";
import { rawRequest } from "../../../support/channels/raw-request.ts";
import {
  type Account,
  answer,
  endAccounts,
  eventOf,
  get,
  jsonOf,
  message,
  NOW_MS,
  never,
  OLD_SECRET,
  open,
  post,
  refusalOf,
  SECRET,
} from "../../../support/channels/webhook-account.ts";

afterEach(endAccounts);

test("a signed message is an event whose repeats are known by its delivery and by its own id", async () => {
  const account = open();
  const event = eventOf(await post(account, { ...message, thread: "t", user_name: "Ann" }));
  const redelivered = eventOf(await post(account, { ...message, thread: "t" }, { id: "msg_2" }));

  expect(event).toMatchObject({
    kind: "message",
    message: "m1",
    text: "Where is it?",
    place: { conversation: "order 7", thread: "t", user: "ann", isDirect: true },
    sender: { id: "ann", name: "Ann", isBot: false, isVerified: true },
    atMs: NOW_MS,
  });
  expect(event.dedupe[0]).toBe("d:msg_1");
  expect(redelivered.dedupe[1]).toBe(event.dedupe[1]);
});

test("10: both secrets are taken while one is being changed, a stranger's is 401 and nothing is told", async () => {
  const account = open({ secret: `${SECRET} ${OLD_SECRET}` });
  const stranger = `whsec_${Buffer.alloc(32, 9).toString("base64")}`;

  expect(eventOf(await post(account, message, { secret: OLD_SECRET })).kind).toBe("message");
  const refusal = refusalOf(await post(account, message, { secret: stranger }));
  expect(refusal.status).toBe(401);
  expect(refusal.body).not.toContain("whsec_");
  expect((await account.environment.mailbox.read("7:order 7", 0, 10)).entries).toHaveLength(1);
});

const utf8 = (text: string) => new TextEncoder().encode(text);

test.each([
  ["no JSON", utf8("{"), /JSON/],
  ["null", utf8("null"), /object/],
  ["a list", utf8("[]"), /object/],
  ["deep nesting", utf8(`{"text":${"[".repeat(200_000)}${"]".repeat(200_000)}}`), /nests|JSON/],
  [
    "__proto__",
    utf8('{"conversation":"c","user":"u","text":"x","__proto__":{"a":1}}'),
    /__proto__/,
  ],
  ["a name twice", utf8('{"conversation":"c","user":"u","user":"v","text":"x"}'), /user/],
  ["no UTF-8", Buffer.from([0x7b, 0xff, 0x7d]), /UTF-8/],
  ["an unknown field", utf8('{"conversation":"c","user":"u","text":"x","extra":1}'), /extra/],
  ["no user", utf8('{"conversation":"c","text":"x"}'), /user/],
  ["nothing said", utf8('{"conversation":"c","user":"u"}'), /no text/],
  ["an id too long", utf8(JSON.stringify({ ...message, id: "x".repeat(201) })), /200.*\/id/],
  ["text and action", utf8(JSON.stringify({ ...message, action: "a:1" })), /action/],
  [
    "a foreign callback",
    utf8(JSON.stringify({ ...message, callback_url: "https://x.io/" })),
    /callback_hosts/,
  ],
  [
    "a file of a foreign host",
    utf8(
      JSON.stringify({
        ...message,
        files: [{ name: "a", media_type: "a/b", url: "http://169.254.169.254/x" }],
      }),
    ),
    /file_hosts/,
  ],
  [
    "a file that is no base64",
    utf8(JSON.stringify({ ...message, files: [{ name: "a", media_type: "a/b", data: "*" }] })),
    /base64/,
  ],
])("27: signed, but wrong, is 400 and says what: %s", async (_what, bytes, said) => {
  const refusal = refusalOf(await post(open(), null, { bytes }));

  expect(refusal.status).toBe(400);
  expect(jsonOf(refusal)["detail"]).toMatch(said);
  expect(Object.hasOwn(Object.prototype, "a")).toBe(false);
});

test("without any id nothing could be known again, so it is refused; an Idempotency-Key will do", async () => {
  const account = open({ legacy_header: "X-Sig", legacy_secret: "s".repeat(16) });
  const body = JSON.stringify({ ...message, id: undefined });
  const mac = createHmac("sha256", "s".repeat(16)).update(body).digest("hex");
  const route = account.instance.routes[0];
  const send = async (headers: Readonly<Record<string, string>>) =>
    (await route?.handle(
      rawRequest({ body, headers: { "x-sig": `sha256=${mac}`, ...headers } }),
    )) as Handled;

  expect(jsonOf(refusalOf(await send({})))["detail"]).toMatch(/Idempotency-Key/);
  expect(eventOf(await send({ "idempotency-key": "k9" })).dedupe).toEqual(["d:k9"]);
});

test("files come by URL from the hosts that are named, or within the body to a limit", async () => {
  const account = open({ file_hosts: ["files.example.com"] });
  const data = Buffer.from("hello").toString("base64");
  const files = [
    { name: "a.txt", media_type: "text/plain", data },
    { name: "b.pdf", media_type: "application/pdf", url: "https://files.example.com/b.pdf" },
  ];
  const event = eventOf(await post(account, { ...message, text: "", files }));
  const refs = (event.kind === "message" && event.files) || [];
  const large = {
    name: "l",
    media_type: "a/b",
    data: Buffer.alloc(256 * 1024 + 1).toString("base64"),
  };

  expect(refs).toMatchObject([{ bytes: 5 }, { bytes: null, mediaType: "application/pdf" }]);
  const [inline] = refs;
  if (inline === undefined) throw new Error("no file");
  expect(await account.instance.fetchFile?.(inline, 10, never)).toEqual(Buffer.from("hello"));
  await expect(account.instance.fetchFile?.(inline, 4, never)).rejects.toThrow(/limit is 4/);
  expect(refusalOf(await post(account, { ...message, files: [large] })).status).toBe(400);
});

test("a pressed button is an action", async () => {
  const event = eventOf(
    await post(open(), { conversation: "c", user: "u", id: "a1", action: "ap:1:yes" }),
  );

  expect(event).toMatchObject({ kind: "action", action: "ap:1:yes", sender: { id: "u" } });
});

test("poll: the status URL gives each part once, in order, after the number that is asked for", async () => {
  const account = open();
  const handled = await post(account, message);
  const taken = jsonOf("ack" in handled ? handled.ack : undefined);
  const event = eventOf(handled);

  await answer(account, event, { text: "On its way.", answers: "m1" }, "k1");
  await answer(account, event, { text: "On its way.", answers: "m1" }, "k1");
  await answer(
    account,
    event,
    { text: "It is there.", buttons: [{ action: "a", label: "Thanks" }] },
    "k2",
  );
  const first = jsonOf(await get(account, taken.status_path));
  const second = jsonOf(await get(account, first.status_path));

  expect(taken).toMatchObject({ id: "m1", status: "accepted" });
  expect(taken["status_url"]).toBe(
    `https://bots.example.com/gateway/webhook/ch_test${taken.status_path}`,
  );
  expect(first.messages).toMatchObject([
    { id: "k1.0", text: "On its way.", answers: "m1", part: 1, parts: 1 },
    { id: "k2.0", text: "It is there.", buttons: [{ action: "a", label: "Thanks" }] },
  ]);
  expect(second.messages).toEqual([]);
});

test("poll: the URL opens its own conversation alone, for a day, and nothing before or after what there is", async () => {
  const account = open();
  const handled = await post(account, message);
  const { status_path } = jsonOf("ack" in handled ? handled.ack : undefined);
  const changed = (from: RegExp, to: string) => get(account, status_path.replace(from, to));

  const statuses = [
    (await changed(/conversation=[^&]*/, "conversation=order+8")).status,
    (await changed(/conversation=order/, "thread=x&conversation=order")).status,
    (await changed(/token=[^&]{4}/, "token=AAAA")).status,
    (await changed(/token=[^&]*/, "")).status,
    (await changed(/after=\d*/, "after=-1")).status,
    (await changed(/after=\d*/, "after=9999999999999")).status,
    (await changed(/after=\d*/, "after=1e3")).status,
    (await changed(/after=/, "wait=26&after=")).status,
    (await get(account, status_path)).status,
  ];
  account.environment.setNow(NOW_MS + 24 * 3_600_000 + 1_000);

  expect(statuses).toEqual([401, 401, 401, 401, 400, 400, 400, 400, 200]);
  expect((await get(account, status_path)).status).toBe(401);
});

test("poll: a wait ends with the answer, or with the patience of who waits", async () => {
  const account = open();
  const handled = await post(account, message);
  const { status_path } = jsonOf("ack" in handled ? handled.ack : undefined);
  const gone = new AbortController();

  const waiting = get(account, `${status_path}&wait=25`);
  const leaving = get(account, `${status_path}&wait=25`, gone.signal);
  gone.abort();
  const left = jsonOf(await leaving);
  await answer(account, eventOf(handled), { text: "Here." }, "k1");

  expect(left.messages).toEqual([]);
  expect(jsonOf(await waiting).messages).toMatchObject([{ text: "Here." }]);
});

test("sync: the response is the answer to this message; asked again it is the same answer", async () => {
  const account = open({ reply: "sync" });
  const before = eventOf(await post(account, { ...message, id: "m0" }, { id: "msg_0" }));
  const handled = await post(account, message);
  const waiting = "later" in handled ? handled.later?.(never) : undefined;

  await answer(account, before, { text: "To what came before.", answers: "m0" }, "k0");
  await answer(account, eventOf(handled), { text: "To this.", answers: "m1" }, "k1");
  const response = await waiting;
  const again = await post(account, message);
  const repeated = "later" in again ? await again.later?.(never) : undefined;

  expect(response?.status).toBe(200);
  expect(jsonOf(response).messages).toMatchObject([{ text: "To this." }]);
  expect(jsonOf(repeated).messages).toEqual(jsonOf(response).messages);
});

test("sync: an answer that takes longer is 202, and fetched from the status URL", async () => {
  const account = open({ reply: "sync" });
  const handled = await post(account, message);
  const patience = new AbortController();
  const waiting = "later" in handled ? handled.later?.(patience.signal) : undefined;
  patience.abort();
  const late = await waiting;
  await answer(account, eventOf(handled), { text: "Late." }, "k1");

  expect(late?.status).toBe(202);
  expect(jsonOf(await get(account, jsonOf(late).status_path)).messages).toMatchObject([
    { text: "Late." },
  ]);
});

test("a file of an answer is read where the answer was", async () => {
  const account = open({}, { files: { f1: Buffer.from("chart") } });
  const handled = await post(account, message);
  const { status_path } = jsonOf("ack" in handled ? handled.ack : undefined);
  const files = [{ name: "c.svg", mediaType: "image/svg+xml", bytes: 5, id: "f1" }];
  await answer(account, eventOf(handled), { text: "See", files }, "k1");
  const page = jsonOf(await get(account, status_path));
  const path = status_path.replace("/messages", "/file");
  const seq = String(page.messages[0]?.["seq"]);

  const file = await get(account, `${path.replace(/after=\d+/, `after=${seq}`)}&index=0`);
  const missing = await get(account, `${path.replace(/after=\d+/, `after=${seq}`)}&index=1`);

  expect(page.messages[0]?.["files"]).toEqual([
    { name: "c.svg", media_type: "image/svg+xml", bytes: 5 },
  ]);
  expect(jsonOf(file)).toEqual({ name: "c.svg", media_type: "image/svg+xml", data: "Y2hhcnQ=" });
  expect(missing.status).toBe(404);
});

test("30: an account has POST at its own path, and GET where answers are fetched", () => {
  const routes = (account: Account) =>
    account.instance.routes.map(({ method, path }) => `${method} ${path}`);

  expect(routes(open())).toEqual(["POST ", "GET /messages", "GET /file"]);
  expect(routes(open({ reply: "callback", callback_url: "https://a.example/" }))).toEqual([
    "POST ",
  ]);
});

test("a long answer is several parts, which lose nothing but white space", () => {
  const account = open();
  const text = "wörd 🎉\n".repeat(10_000);
  const parts = account.instance.render({ text });

  const letters = (said: string) => said.replaceAll(/\s/g, "");
  expect(letters(parts.map(({ plain }) => plain).join(""))).toBe(letters(text));
  expect(parts.every(({ plain }) => plain.length <= 50_000)).toBe(true);
  expect(account.instance.render({ text: "" })).toHaveLength(1);
});
