// Whether it is WhatsApp that speaks: the handshake, signatures, bodies that are none. Cases 12-14 and 27 of the
// channels' list; the vector is GitHub's, whose construction Meta uses.

import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Handled } from "../../../../adapters/channels/adapter.ts";
import { isFromMeta } from "../../../../adapters/channels/whatsapp/verify.ts";
import {
  openWhatsApp,
  SETTINGS,
  type TestAccount,
} from "../../../support/channels/whatsapp-account.ts";
import {
  changeOf,
  notificationOf,
  signedHeaders,
  startWhatsAppServer,
  type WhatsAppServer,
} from "../../../support/channels/whatsapp-server.ts";

const OPTIONS = {
  appSecret: SETTINGS.app_secret,
  accessToken: SETTINGS.access_token,
  phoneNumberId: SETTINGS.phone_number_id,
  startMs: Date.UTC(2026, 10, 23, 12),
};

let server: WhatsAppServer;
let account: TestAccount;

beforeAll(async () => {
  server = await startWhatsAppServer(OPTIONS);
});
afterAll(() => server.stop());
beforeEach(() => {
  account = openWhatsApp(server);
});

const message = (body: string) => ({
  from: "16505551234",
  id: "wamid.A",
  timestamp: "1763899200",
  type: "text",
  text: { body },
});
const statusOf = (handled: Handled) =>
  "refused" in handled ? handled.refused.status : handled.ack.status;

test("case 12: the handshake answers the challenge as plain text, and another token with 403", async () => {
  const challenge = "<script>alert(1)</script>";
  const query = (token: string) =>
    new URLSearchParams({
      "hub.mode": "subscribe",
      "hub.verify_token": token,
      "hub.challenge": challenge,
    });

  const right = await account.handle("GET", { query: query(SETTINGS.verify_token) });
  const wrong = await account.handle("GET", { query: query(`${SETTINGS.verify_token}x`) });

  expect(right).toEqual({
    events: [],
    ack: {
      status: 200,
      contentType: "text/plain; charset=utf-8",
      headers: { "x-content-type-options": "nosniff" },
      body: challenge,
    },
  });
  expect(statusOf(wrong)).toBe(403);
});

test("case 13: parameters that come twice, as a list or not at all are refused", async () => {
  const right = `hub.mode=subscribe&hub.verify_token=${SETTINGS.verify_token}&hub.challenge=1`;
  const queries = [
    `${right}&hub.verify_token=${SETTINGS.verify_token}`,
    `${right}&hub.mode[]=subscribe`,
    `hub.mode[]=subscribe&hub.verify_token=${SETTINGS.verify_token}&hub.challenge=1`,
    `hub.mode=unsubscribe&hub.verify_token=${SETTINGS.verify_token}&hub.challenge=1`,
    `hub.mode=subscribe&hub.verify_token=${SETTINGS.verify_token}`,
    "",
  ];

  const statuses = await Promise.all(
    queries.map(async (query) =>
      statusOf(await account.handle("GET", { query: new URLSearchParams(query) })),
    ),
  );

  expect(statuses).toEqual([403, 403, 403, 403, 403, 403]);
});

test("a signature is right for its bytes and secret alone", () => {
  const secret = "It's a Secret to Everybody";
  const hex = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
  const body = Buffer.from("Hello, World!");

  expect(isFromMeta(body, `sha256=${hex}`, [secret])).toBe(true);
  expect(isFromMeta(body, `sha256=${hex}`, ["the new one", secret])).toBe(true);
  const wrong = [
    `sha256=${hex.replace(/7$/, "6")}`,
    `sha256=${hex.toUpperCase()}`,
    hex,
    `sha256=${hex.slice(1)}`,
    `sha256=${hex}, sha256=${hex}`,
    "",
    undefined,
  ];
  expect(wrong.map((header) => isFromMeta(body, header, [secret]))).toEqual(wrong.map(() => false));
  expect(isFromMeta(Buffer.from("Hello, World?"), `sha256=${hex}`, [secret])).toBe(false);
});

test("case 14: bodies with escapes and emoji are verified as they came; a body written anew is refused", async () => {
  const raw = notificationOf([
    changeOf(OPTIONS, { messages: [message("Grüße 🎉")], contacts: [] }),
  ]).toString("utf8");
  const escaped = raw
    .replace("ü", "\\u00fc")
    .replace("ß", "\\u00df")
    .replace("🎉", "\\ud83c\\udf89");
  const body = Buffer.from(escaped);
  const headers = signedHeaders(body, SETTINGS.app_secret);

  const taken = await account.handle("POST", { body, headers });
  const altered = await account.handle("POST", { body: Buffer.from(raw), headers });

  expect("events" in taken && taken.events[0]).toMatchObject({ kind: "message", text: "Grüße 🎉" });
  expect(statusOf(altered)).toBe(401);
});

test("of several app secrets each is taken, until it is removed", async () => {
  const body = notificationOf([]);
  const old = signedHeaders(body, "the0old0secret");
  const rotating = openWhatsApp(server, { app_secret: `${SETTINGS.app_secret}, the0old0secret` });

  expect(statusOf(await rotating.handle("POST", { body, headers: old }))).toBe(200);
  expect(statusOf(await account.handle("POST", { body, headers: old }))).toBe(401);
});

test("an account without its secrets is refused, and the setting is named", () => {
  for (const name of ["app_secret", "verify_token", "access_token"] as const) {
    expect(() => openWhatsApp(server, { [name]: " " })).toThrow(name);
  }
  expect(() => openWhatsApp(server, { app_secret: " , " })).toThrow("app_secret");
});

test("case 27: what is signed and no webhook is answered with 400 and changes nothing", async () => {
  const bodies = [
    "{",
    "null",
    "[]",
    '"text"',
    "{}",
    '{"entry":{}}',
    '{"entry":[],"__proto__":{"polluted":true}}',
    '{"entry":[],"entry":[]}',
    `{"entry":${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}}`,
    "\ufeff{}",
  ].map((body) => Buffer.from(body));

  const statuses = await Promise.all(
    [...bodies, Buffer.from([0x22, 0xff, 0x22])].map(async (body) =>
      statusOf(
        await account.handle("POST", { body, headers: signedHeaders(body, SETTINGS.app_secret) }),
      ),
    ),
  );

  expect(statuses).toEqual(statuses.map(() => 400));
  expect({}).not.toHaveProperty("polluted");
});
