// Slack's requests: whose they are, and what is made of them. Cases 1-11, 21, 27, 28, 33 of the list of
// adversarial cases.

import { createHmac } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { ChannelRequest, Handled } from "../../../../adapters/channels/adapter.ts";
import { slack } from "../../../../adapters/channels/slack/adapter.ts";
import { loopbackEnvironment } from "../../../support/channels/loopback-environment.ts";
import { openDoor } from "../../../support/channels/slack-door.ts";
import {
  deliverEvent,
  envelopeOf,
  messageOf,
  OFFICIAL,
  requestOf,
  SECRET,
  signedForm,
  signedHeaders,
  signedRequest,
} from "../../../support/channels/slack-sender.ts";

const NOW = 1_700_000_000_000;
const nowS = NOW / 1_000;

function opened(settings: object = {}, clock = () => Date.now()) {
  const environment = loopbackEnvironment(clock);
  const account = slack.create(
    { bot_token: "xoxb-1", signing_secret: SECRET, ...settings },
    environment,
  );
  const handle = async (request: ChannelRequest): Promise<Handled> => {
    const [route] = account.routes;
    if (route === undefined) throw new Error("The account has no routes.");
    return await route.handle(request);
  };
  return { account, environment, handle };
}

const statusOf = (handled: Handled) =>
  "refused" in handled ? handled.refused.status : handled.ack.status;
const eventsOf = (handled: Handled) => ("refused" in handled ? [] : handled.events);

const { handle } = opened();
const body = JSON.stringify(envelopeOf(messageOf()));

test("the official example is Slack's (1), and a digit changed in its signature is not (2)", async () => {
  const at = opened({ signing_secret: OFFICIAL.secret }, () => Number(OFFICIAL.time) * 1_000);
  const headers = {
    "content-type": "application/x-www-form-urlencoded",
    "x-slack-request-timestamp": OFFICIAL.time,
    "x-slack-signature": OFFICIAL.signature,
  };
  const flipped = OFFICIAL.signature.replace(/3$/, "4");

  const handled = await at.handle(requestOf(OFFICIAL.body, headers));
  const other = await at.handle(
    requestOf(OFFICIAL.body, { ...headers, "x-slack-signature": flipped }),
  );

  expect(eventsOf(handled)).toMatchObject([{ kind: "command", name: "webhook-collect" }]);
  expect(statusOf(other)).toBe(401);
});

test("whatever signature and time are malformed, the request is refused and nothing is thrown (3, 6)", async () => {
  const good = signedHeaders(body);
  const time = good["x-slack-request-timestamp"] ?? "";
  const signature = good["x-slack-signature"] ?? "";
  const signatures = ["", "v0=", signature.slice(3), signature.slice(0, -1), `${signature}0`];
  const wrong = [
    ...signatures,
    `v0=${signature.slice(3).toUpperCase()}`,
    `v1${signature.slice(2)}`,
  ];
  const times = ["", "1e9", "0x65", ` ${time}`, `${time}, ${time}`, `+${time}`, `${time}.0`, "NaN"];

  for (const value of wrong) {
    const headers = { ...good, "x-slack-signature": value };
    expect(statusOf(await handle(requestOf(body, headers)))).toBe(401);
  }
  for (const value of times) {
    // Signed with the very words, so that the words alone are what is refused.
    const hmac = createHmac("sha256", SECRET).update(`v0:${value}:${body}`).digest("hex");
    const headers = {
      ...good,
      "x-slack-request-timestamp": value,
      "x-slack-signature": `v0=${hmac}`,
    };
    expect(statusOf(await handle(requestOf(body, headers)))).toBe(401);
  }
  expect(statusOf(await handle(requestOf(body, {})))).toBe(401);
  expect(statusOf(await handle(requestOf(body, good)))).toBe(200);
});

test("a request is good for 300 seconds before and after its time, and not a second longer (4, 5)", async () => {
  const at = opened({}, () => NOW);
  const statuses = await Promise.all(
    [-301, -300, 300, 301].map(async (s) =>
      statusOf(await at.handle(signedRequest(body, { timeS: nowS + s }))),
    ),
  );

  expect(statuses).toEqual([401, 200, 200, 401]);
});

test("a request that is replayed has the same keys, by which it is known again (7)", async () => {
  const request = signedRequest(body);

  const [first, second] = [await handle(request), await handle(request)];

  expect(statusOf(second)).toBe(200);
  // The delivery's own, and that of what it tells.
  expect(eventsOf(first)[0]?.dedupe).toEqual([
    expect.stringMatching(/^slack:event\/Ev\d+X$/),
    "slack:TTEAM1/CROOM1/1700000000.000100/message",
  ]);
  expect(eventsOf(first).map(({ dedupe }) => dedupe)).toEqual(
    eventsOf(second).map(({ dedupe }) => dedupe),
  );
});

test("bytes are verified, not text: a BOM or broken UTF-8 is signed well and is no JSON (8); bytes a proxy wrote anew are not Slack's (9)", async () => {
  const withBom = Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(body)]);
  const broken = Buffer.concat([Buffer.from('{"type":"'), Buffer.from([0xff]), Buffer.from('"}')]);
  const umlaut = JSON.stringify(envelopeOf(messageOf({ text: "caf\u00e9" })));
  const escaped = umlaut.replace("\u00e9", "\\u00e9");

  expect(statusOf(await handle(signedRequest(withBom)))).toBe(400);
  expect(statusOf(await handle(signedRequest(broken)))).toBe(400);
  expect(statusOf(await handle(requestOf(umlaut, signedHeaders(escaped))))).toBe(401);
  expect(eventsOf(await handle(signedRequest(escaped)))).toMatchObject([{ text: "caf\u00e9" }]);
});

test("while a secret is replaced both are taken, and the old one no longer after that (10)", async () => {
  const both = opened({ signing_secret: `new-secret, ${SECRET}` });
  const one = opened({ signing_secret: "new-secret" });

  expect(statusOf(await both.handle(signedRequest(body)))).toBe(200);
  expect(statusOf(await both.handle(signedRequest(body, { secret: "new-secret" })))).toBe(200);
  expect(statusOf(await one.handle(signedRequest(body)))).toBe(401);
});

test("an account without a secret is not opened, and the setting is named (11)", () => {
  const environment = loopbackEnvironment();
  const create = (settings: object) => () =>
    slack.create({ bot_token: "xoxb-1", ...settings }, environment);
  const invalid = (pointer: string) =>
    expect.objectContaining({ code: "INVALID", details: { pointer } });

  expect(create({})).toThrow(invalid("/signing_secret"));
  expect(create({ signing_secret: " , " })).toThrow(invalid("/signing_secret"));
  expect(create({ signing_secret: " ", app_token: "xapp-1" })).toThrow(invalid("/signing_secret"));
  expect(create({ app_token: "xoxb-1" })).toThrow(invalid("/app_token"));
  expect(create({ signing_secret: "s", bot_token: "xapp-1" })).toThrow(invalid("/bot_token"));
  expect(create({ signing_secret: "s", refresh_token: "r" })).toThrow(invalid("/client_id"));
});

test("the challenge is answered as it came, and only to Slack (21)", async () => {
  const challenge = { type: "url_verification", challenge: "<script>3eZbrw", token: "t" };

  const handled = await handle(signedRequest(challenge));
  const unsigned = await handle(requestOf(JSON.stringify(challenge), {}));

  expect(handled).toMatchObject({
    events: [],
    ack: { status: 200, body: "<script>3eZbrw", headers: { "x-content-type-options": "nosniff" } },
  });
  expect(handled).not.toHaveProperty("ack.contentType");
  expect(statusOf(unsigned)).toBe(401);
});

test("what is no JSON object, too deep, has a name twice or reaches into prototypes is refused (27)", async () => {
  const bad = [
    ...["{", "null", "[]", "1", '"x"', "", `${"[".repeat(100_000)}${"]".repeat(100_000)}`],
    ...['{"type":"event_callback","type":"x"}', '{"__proto__":{"isAdmin":true}}'],
  ];

  const statuses = await Promise.all(
    bad.map(async (one) => statusOf(await handle(signedRequest(one)))),
  );

  expect(statuses).toEqual(bad.map(() => 400));
  expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
});

test("a form without a payload, or with two, is refused (28)", async () => {
  const type = "application/x-www-form-urlencoded";
  const forms = [
    "",
    "a=b",
    "payload=%7B%7D&payload=%7B%7D",
    "payload=",
    "payload=%5B%5D",
    "payload=x",
  ];

  const statuses = await Promise.all(
    forms.map(async (form) => statusOf(await handle(signedRequest(form, { type })))),
  );

  expect(statuses).toEqual(forms.map(() => 400));
});

test("whatever is signed, the account answers it and throws nothing", async () => {
  const json = fc.json({ maxDepth: 6 });
  const odd = fc.record({
    type: fc.constantFrom("event_callback", "block_actions", "app_rate_limited"),
    event: fc.record({
      type: fc.constantFrom("message", "app_mention"),
      subtype: fc.option(fc.constantFrom("message_changed", "message_deleted", "file_share")),
      ...{ message: fc.jsonValue(), previous_message: fc.jsonValue(), files: fc.jsonValue() },
      ...{ user: fc.jsonValue(), ts: fc.jsonValue(), attachments: fc.jsonValue() },
    }),
    ...{ actions: fc.jsonValue(), container: fc.jsonValue(), message: fc.jsonValue() },
  });
  const payload = odd.map((one) => JSON.stringify(one));

  await fc.assert(
    fc.asyncProperty(fc.oneof(json, payload), async (text) => {
      const handled = await handle(signedRequest(text));
      const form = await handle(signedForm({ payload: text }));
      for (const one of [handled, form]) expect([200, 400]).toContain(statusOf(one));
      for (const event of eventsOf(handled)) expect(event.dedupe.length).toBeGreaterThan(0);
    }),
    { numRuns: 300 },
  );
});

test("a slash command is answered at once, and in words when it could not be stored", async () => {
  const form = {
    ...{ command: "/Status", text: " now ", team_id: "TTEAM1", channel_id: "CROOM1" },
    ...{ channel_name: "general", user_id: "UANNA1", user_name: "anna", trigger_id: "1.2.abc" },
  };

  const handled = await handle(signedForm(form));
  const under = await handle(signedForm({ ...form, command: "/troupe", text: "Agent  sales" }));
  const other = await handle(signedForm({ ...form, command: "/troupe", text: "what is new?" }));
  const direct = await handle(
    signedForm({ ...form, channel_name: "directmessage", channel_id: "DX1" }),
  );

  expect(eventsOf(handled)).toMatchObject([
    {
      ...{ kind: "command", name: "status", text: "now", dedupe: ["slack:command/1.2.abc"] },
      place: { conversation: "CROOM1", user: "UANNA1", isDirect: false },
      sender: { id: "UANNA1", name: "anna", isBot: false, isSelf: false },
    },
  ]);
  expect(eventsOf(under)).toMatchObject([{ name: "agent", text: "sales" }]);
  expect(eventsOf(other)).toMatchObject([{ name: "troupe", text: "what is new?" }]);
  expect(eventsOf(direct)).toMatchObject([{ place: { conversation: "DX1", isDirect: true } }]);
  const said = (response?: { status: number; body?: string }) => [
    response?.status,
    JSON.parse(response?.body ?? "null"),
  ];
  if ("refused" in handled) throw new Error("refused");
  expect(said(handled.ack)).toEqual([200, { response_type: "ephemeral", text: "On it." }]);
  expect(said(handled.nack)).toEqual([
    200,
    { response_type: "ephemeral", text: expect.stringContaining("try again") },
  ]);
});

test("Slack's look at a certificate is answered without a signature, and is no command", async () => {
  const headers = { "content-type": "application/x-www-form-urlencoded" };

  const handled = await handle(requestOf("ssl_check=1&token=x", headers));

  expect(handled).toEqual({ events: [], ack: { status: 200 } });
  expect(statusOf(await handle(requestOf("ssl_check=1&token=x", {})))).toBe(401);
});

test("a press of our button is an action with its message; others' buttons and dialogs are none (66)", async () => {
  const payload = {
    type: "block_actions",
    ...{ team: { id: "TTEAM1" }, user: { id: "UANNA1", username: "anna" } },
    ...{ channel: { id: "CROOM1", name: "general" }, trigger_id: "1.2.x" },
    message: { ts: "1700000000.000200", thread_ts: "1700000000.000100" },
    actions: [
      { type: "button", action_id: "troupe_0", value: "ap_1.approve", action_ts: "1700000001.1" },
      { type: "button", action_id: "other", value: "ap_1.approve", action_ts: "1700000001.1" },
      { type: "static_select", action_id: "troupe_1", value: "ap_1.approve" },
    ],
  };
  const press = async (more: object = {}) =>
    await handle(signedForm({ payload: JSON.stringify({ ...payload, ...more }) }));

  const [first, again] = [await press(), await press()];
  const dialog = await press({ type: "view_submission" });

  expect(eventsOf(first)).toMatchObject([
    {
      ...{ kind: "action", action: "ap_1.approve", message: "CROOM1:1700000000.000200" },
      place: { conversation: "CROOM1", thread: "1700000000.000100", user: "UANNA1" },
      address: { channel: "CROOM1", thread: "1700000000.000100" },
      sender: { id: "UANNA1", isSelf: false },
    },
  ]);
  expect(eventsOf(again)[0]?.dedupe).toEqual(eventsOf(first)[0]?.dedupe);
  expect(first).toMatchObject({ ack: { status: 200 } });
  expect(eventsOf(dialog)).toEqual([]);
  expect(statusOf(dialog)).toBe(200);
});

test("that a workspace sends too much is logged, and answered well", async () => {
  const { handle, environment } = opened();

  const handled = await handle(
    signedRequest({ type: "app_rate_limited", team_id: "T1", minute_rate_limited: 1_518_467_820 }),
  );

  expect(handled).toEqual({ events: [], ack: { status: 200 } });
  expect(environment.lines.join()).toContain("1518467820");
});

test("a delivery that was lost is taken in when it comes again, whatever its retry header says (33)", async () => {
  const { account } = opened();
  const seen: string[] = [];
  let isStoring = false;
  const server = await openDoor(account, async (events) => {
    if (!isStoring) {
      isStoring = true;
      throw new Error("The disk is full.");
    }
    seen.push(...events.flatMap(({ dedupe }) => dedupe));
  });
  const envelope = envelopeOf(messageOf());

  const attempts = await deliverEvent(server.url, envelope);
  const late = await deliverEvent(server.url, envelopeOf(messageOf({ ts: "1700000000.000300" })), {
    num: 1,
  });
  await server.stop();

  expect(attempts).toEqual([
    { num: 0, result: 503 },
    { num: 1, result: 200 },
  ]);
  expect(late).toEqual([{ num: 1, result: 200 }]);
  expect(seen).toContain("slack:TTEAM1/CROOM1/1700000000.000100/message");
  expect(seen).toContain("slack:TTEAM1/CROOM1/1700000000.000300/message");
});
