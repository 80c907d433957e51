// What the Bot Connector delivers: whose it is (case 18), and what is made of it. And what every adapter promises.

import { SignJWT } from "jose";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { ChannelRequest } from "../../../../adapters/channels/adapter.ts";
import { teams } from "../../../../adapters/channels/teams/adapter.ts";
import { loopbackEnvironment } from "../../../support/channels/loopback-environment.ts";
import {
  APP,
  BOT_ID,
  ISSUER,
  makeKey,
  startTeams,
  type TeamsServer,
} from "../../../support/channels/teams-server.ts";
import { conforms, jsonAnswer } from "../conformance.ts";

const fake: TeamsServer = await startTeams();
const delivered: ChannelRequest[] = [];
afterAll(async () => await fake.stop());

let nowMs = Date.now();
beforeAll(async () => {
  delivered.push(await fake.signed(fake.activity()));
});
beforeEach(() => {
  nowMs = Date.now();
});

/** The platform's keys and tokens are there; how it answers a send each test says. */
const reachable: typeof teams = {
  ...teams,
  create: (settings, environment) =>
    teams.create(settings, {
      ...environment,
      call: async (request) => {
        const { origin, pathname } = new URL(request.url);
        if (pathname === "/metadata") return jsonAnswer(200, { jwks_uri: `${origin}/keys` });
        if (pathname === "/keys") return jsonAnswer(200, { keys: fake.keys.map(({ jwk }) => jwk) });
        if (!pathname.endsWith("/token")) return await environment.call(request);
        return jsonAnswer(200, { access_token: "given", expires_in: 3_600 });
      },
    }),
};

conforms({
  adapter: reachable,
  settings: fake.settings,
  required: ["app_id", "app_password"],
  deliveries: () => delivered,
  provesBody: false,
  address: { serviceUrl: fake.serviceUrl, conversation: "a:personal", bot: BOT_ID },
  textOf: ({ body }) => String(body["text"]),
  answers: {
    ok: () => jsonAnswer(201, { id: "1" }),
    rate: () => jsonAnswer(429, { error: { code: "Throttled" } }, { "retry-after": "2" }),
    auth: () => jsonAnswer(401, { error: { code: "Unauthorized" } }),
    gone: () => jsonAnswer(403, { error: { code: "BotNotInConversationRoster" } }),
    format: () => jsonAnswer(413, { error: { code: "MessageSizeTooBig" } }),
    retry: () => jsonAnswer(412, { error: { code: "PreconditionFailed" } }),
    unknown: () => jsonAnswer(502, "<html>"),
  },
});

/** What an account makes of requests. */
function open(settings: object = {}) {
  const environment = loopbackEnvironment(() => nowMs);
  const account = teams.create({ ...fake.settings, ...settings } as never, environment);
  const [route] = account.routes;
  if (route === undefined) throw new Error("There is no route.");
  const handled = async (request: ChannelRequest) => {
    const said = await route.handle(request);
    if ("refused" in said) return { status: said.refused.status, events: [] };
    return { status: said.ack.status, events: said.events };
  };
  const heard = async (more: object) =>
    (await handled(await fake.signed(fake.activity({ ...more })))).events[0];
  return { account, environment, handled, heard };
}

const keyFetches = () => fake.calls.filter(({ path }) => path === "/keys").length;

test("a token that holds is believed, within five minutes of our clocks", async () => {
  const { handled } = open();
  const activity = fake.activity();
  const past = Math.floor(nowMs / 1_000) - 3_600;

  expect((await handled(await fake.signed(activity))).status).toBe(202);
  const late = { nbf: past, exp: Math.floor(nowMs / 1_000) - 240 };
  expect((await handled(await fake.signed(activity, undefined, late))).status).toBe(202);
  const early = { nbf: Math.floor(nowMs / 1_000) + 240 };
  expect((await handled(await fake.signed(activity, undefined, early))).status).toBe(202);
});

test("a token that is another's, over, unsigned or about something else is refused (18)", async () => {
  const { handled } = open();
  const activity = fake.activity();
  const now = Math.floor(nowMs / 1_000);
  const right = await fake.signed(activity);
  const claims = [
    { aud: "another-app" },
    { iss: "https://sts.windows.net/" },
    { exp: now - 360 },
    { nbf: now + 360 },
    { exp: undefined },
    { serviceurl: "https://smba.trafficmanager.net/emea/" },
    { serviceurl: undefined },
  ];
  const requests = await Promise.all(
    claims.map(async (one) => await fake.signed(activity, undefined, one)),
  );
  const payload = { iss: ISSUER, aud: APP.id, exp: now + 600, serviceurl: fake.serviceUrl };
  const none = `${encoded({ alg: "none", kid: "key-1" })}.${encoded(payload)}.`;
  const [key] = fake.keys;
  const secret = new TextEncoder().encode(JSON.stringify(key?.jwk));
  const hs256 = await new SignJWT(payload)
    .setProtectedHeader({ alg: "HS256", kid: "key-1" })
    .sign(secret);
  for (const authorization of [
    `Bearer ${none}`,
    `Bearer ${hs256}`,
    "Bearer a.b.c",
    "",
    "Basic x",
  ]) {
    requests.push({ ...right, headers: { authorization } });
  }
  // Another's key that goes by the same name.
  requests.push(await fake.signed(activity, { ...makeKey("key-1") }));

  for (const request of requests) expect((await handled(request)).status).toBe(401);
  expect((await handled(right)).status).toBe(202);
});

test("an unknown key is looked for once, a new one is found then, and nobody makes us ask on (18)", async () => {
  const { handled } = open();
  expect((await handled(await fake.signed(fake.activity()))).status).toBe(202);
  const before = keyFetches();
  nowMs += 60_001;
  const next = makeKey("key-2");
  fake.keys.push(next);

  expect((await handled(await fake.signed(fake.activity(), next))).status).toBe(202);
  for (let i = 0; i < 5; i += 1) {
    const stranger = makeKey(`stranger-${i}`);
    expect((await handled(await fake.signed(fake.activity(), stranger))).status).toBe(401);
  }
  expect(keyFetches() - before).toBe(1);
  fake.keys.pop();
});

test("a key signs for the channels it is endorsed for alone, and this account hears Teams alone", async () => {
  const key = makeKey("key-chat", ["webchat"]);
  fake.keys.push(key);
  const { handled } = open();
  const chat = { channelId: "webchat" };

  expect((await handled(await fake.signed(fake.activity(), key))).status).toBe(401);
  expect((await handled(await fake.signed(fake.activity(chat), key))).status).toBe(403);
  fake.keys.pop();
});

test("while no keys can be had it comes again later; those that are known hold on", async () => {
  const { handled } = open();
  fake.fault("GET /metadata", { status: 500 });
  expect((await handled(await fake.signed(fake.activity()))).status).toBe(503);
  nowMs += 60_001;
  expect((await handled(await fake.signed(fake.activity()))).status).toBe(202);
  fake.fault("GET /metadata", { status: 500 });
  nowMs += 25 * 3_600_000;
  const later = await fake.signed(fake.activity(), undefined, {}, nowMs);
  expect((await handled(later)).status).toBe(202);
  const elsewhere = { jwks_uri: "https://keys.example.com/keys" };
  fake.fault("GET /metadata", { status: 200, body: elsewhere });
  expect((await open().handled(await fake.signed(fake.activity()))).status).toBe(503);
});

test("a service that is not Microsoft's gets no answer from us, nor a directory that is not ours", async () => {
  const evil = fake.activity({ serviceUrl: "https://smba.trafficmanager.net.evil.example/" });
  const { handled } = open();
  const { handled: ours } = open({ tenants: ["tenant-2"] });

  expect((await handled(await fake.signed(evil))).status).toBe(403);
  expect(await ours(await fake.signed(fake.activity()))).toEqual({ status: 202, events: [] });
});

test("messages are heard with who, where and what, in threads and in conversations of two", async () => {
  const { heard } = open();
  const entities = [
    { type: "mention", mentioned: { id: BOT_ID }, text: "<at>Troupe</at>" },
    { type: "mention", mentioned: { id: "29:ben" }, text: "<at>Ben</at>" },
  ];
  const thread = { id: "19:room@thread.tacv2;messageid=99", conversationType: "channel" };
  const text = "<at>Troupe</at>&nbsp; what of <at>Ben</at> &amp; 1 &lt; 2?";

  expect(await heard({})).toMatchObject({
    ...{ kind: "message", text: "Hello", isMention: false },
    place: { conversation: "a:personal", user: "29:anna", isDirect: true },
    sender: { id: "29:anna", aliases: ["aad-anna"], name: "Anna", isBot: false },
    address: { serviceUrl: fake.serviceUrl, conversation: "a:personal", bot: BOT_ID },
  });
  expect(await heard({ conversation: thread, text, entities })).toMatchObject({
    ...{ text: "what of @Ben & 1 < 2?", isMention: true },
    place: { conversation: "19:room@thread.tacv2", thread: "99", isDirect: false },
    address: { conversation: thread.id },
  });
  expect(await heard({ type: "messageUpdate", id: "m1", text: "changed" })).toMatchObject({
    ...{ kind: "edit", message: "m1", text: "changed" },
  });
  expect(await heard({ type: "messageDelete", id: "m1" })).toMatchObject({ kind: "delete" });
  expect(await heard({ type: "conversationUpdate" })).toBeUndefined();
  expect(await heard({ from: { id: BOT_ID } })).toMatchObject({ sender: { isSelf: true } });
});

test("files are heard of that lie where they may, others are left out", async () => {
  const { heard } = open({ file_hosts: ["files.example.com"] });
  const contentType = "application/vnd.microsoft.teams.file.download.info";
  const at = (downloadUrl: string) => ({ contentType, name: "a.pdf", content: { downloadUrl } });
  const good = "https://contoso-my.sharepoint.com/personal/a/download?tempauth=1";
  const attachments = [
    ...[at(good), at("https://evil.example/a"), at("https://files.example.com/b")],
    ...[{ contentType: "text/html", content: "<p>Hello</p>" }, null],
    { contentType: "image/png", contentUrl: "https://evil.example/i.png" },
    { contentType: "image/png", contentUrl: `${fake.serviceUrl}v3/attachments/1/views/original` },
  ];

  const message = await heard({ attachments });

  expect(message).toMatchObject({
    files: [
      { name: "a.pdf", at: { url: good } },
      { at: { url: "https://files.example.com/b" } },
      { mediaType: "image/png" },
    ],
  });
});

test("presses come as submits and as invokes, and are answered as Teams wants it", async () => {
  const { heard, handled } = open();
  const value = { troupe: "ap_1.approve" };
  const invoke = {
    type: "invoke",
    name: "adaptiveCard/action",
    value: { action: { data: value } },
  };

  const submitted = await heard({ text: undefined, value, replyToId: "sent-1" });
  expect(submitted).toMatchObject({ kind: "action", action: "ap_1.approve", message: "sent-1" });
  const { status, events } = await handled(await fake.signed(fake.activity(invoke)));
  expect(status).toBe(200);
  expect(events).toMatchObject([{ kind: "action", action: "ap_1.approve" }]);
  expect(await heard({ type: "invoke", name: "task/fetch", value: {} })).toBeUndefined();
});

test("what comes again under another id is known, short words said twice are not", async () => {
  const { heard } = open();
  const press = { value: { troupe: "ap_1.approve" }, replyToId: "sent-1" };
  const long = { text: "A sentence of which nobody types the very same twice." };
  const shares = async (more: object, afterMs: number) => {
    const first = await heard(more);
    nowMs += afterMs;
    const again = await heard(more);
    return (first?.dedupe ?? []).some((key) => again?.dedupe.includes(key));
  };

  expect(await shares(press, 31_000)).toBe(true);
  expect(await shares(long, 45_000)).toBe(true);
  expect(await shares(long, 121_000)).toBe(false);
  expect(await shares({ text: "yes" }, 1_000)).toBe(false);
  expect(await shares({ ...press, id: "same" }, 500_000)).toBe(true);
});

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
