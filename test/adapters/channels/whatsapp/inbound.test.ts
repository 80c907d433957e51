// What WhatsApp tells us, as events: messages of every kind, people and their ids, states of what we sent.
// Cases 41 and 43-45 of the channels' list.

import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Inbound } from "../../../../actors/channels/inbound.ts";
import { sessionId, sessionKey } from "../../../../actors/channels/session-key.ts";
import type { Handled } from "../../../../adapters/channels/adapter.ts";
import {
  openWhatsApp,
  SETTINGS,
  type TestAccount,
} from "../../../support/channels/whatsapp-account.ts";
import {
  changeOf,
  contactOf,
  notificationOf,
  signedHeaders,
  startWhatsAppServer,
  type WhatsAppServer,
} from "../../../support/channels/whatsapp-server.ts";

const PHONE = "16505551234";
const USER = "US.13491208655302741918";
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
  server.deliveries.length = 0;
  account = openWhatsApp(server);
});

async function tell(...values: Record<string, unknown>[]): Promise<Handled> {
  const body = notificationOf(values.map((value) => changeOf(OPTIONS, value)));
  return account.handle("POST", { body, headers: signedHeaders(body, OPTIONS.appSecret) });
}

async function eventsOf(...values: Record<string, unknown>[]): Promise<readonly Inbound[]> {
  const handled = await tell(...values);
  if ("refused" in handled) throw new Error(`refused with ${handled.refused.status}`);
  return handled.events;
}

const message = (fields: Record<string, unknown>) => ({
  from: PHONE,
  id: "wamid.A",
  timestamp: "1763899200",
  ...fields,
});
const text = (body: string) => ({ type: "text", text: { body } });

test("case 43: of a batch with a broken item the others are taken and the broken one is set aside", async () => {
  const handled = await tell({
    contacts: [contactOf({ phone: PHONE, name: "Ada" })],
    messages: [
      message(text("first")),
      message({ id: "wamid.B", timestamp: "yesterday", ...text("second") }),
      message({ id: "wamid.C", ...text("third") }),
      null,
    ],
  });

  expect(handled).toMatchObject({
    ack: { status: 200 },
    events: [
      { message: "wamid.A", text: "first", sender: { id: PHONE, name: "Ada", isVerified: true } },
      { message: "wamid.C", text: "third" },
    ],
    parked: [
      { reason: "Its timestamp is no number of seconds.", raw: expect.stringContaining("wamid.B") },
      { reason: "The message is no object.", raw: "null" },
    ],
  });
});

test("case 44: the same message id at two numbers of ours is two sessions", async () => {
  account = openWhatsApp(server, { more_phone_number_ids: ["555"] });
  const value = { messages: [message(text("hello"))] };
  const body = notificationOf([
    changeOf(OPTIONS, value),
    changeOf({ phoneNumberId: "555" }, value),
    changeOf({ phoneNumberId: "666" }, value),
  ]);

  const headers = signedHeaders(body, SETTINGS.app_secret);

  await account.handle("POST", { body, headers });
  const handled = await account.handle("POST", { body, headers });

  if ("refused" in handled) throw new Error("refused");
  const sessions = handled.events.map(({ place }) =>
    sessionId(sessionKey("ch_test", place, "conversation")),
  );
  expect(new Set(sessions).size).toBe(2);
  expect(new Set(handled.events.map(({ dedupe }) => dedupe[0])).size).toBe(2);
  expect(handled.events.map(({ address }) => address["from"])).toEqual(["106540352242922", "555"]);
  expect(account.logged.filter((line) => line.includes("666"))).toHaveLength(1);
});

test("case 45: a person's number and user id are said to be one conversation, and so are their changes", async () => {
  const identities = async (value: Record<string, unknown>) =>
    (await eventsOf(value)).flatMap((event) =>
      event.kind === "identity" ? [`${event.from} -> ${event.to}`] : [],
    );

  const both = await eventsOf({
    contacts: [contactOf({ phone: PHONE, userId: USER })],
    messages: [message({ from_user_id: USER, ...text("hi") })],
  });
  const nameless = await eventsOf({
    messages: [{ from_user_id: USER, id: "wamid.D", timestamp: "1763899200", ...text("hi") }],
  });
  const newNumber = await identities({
    messages: [
      message({
        type: "system",
        system: {
          type: "user_changed_number",
          wa_id: "16505550000",
          previous_user_id: USER,
          user_id: "US.NEW1",
        },
      }),
    ],
  });
  const newId = await identities({
    messages: [
      {
        from_user_id: "US.NEW1",
        id: "wamid.E",
        timestamp: "1763899200",
        type: "system",
        system: { type: "user_changed_user_id", previous_user_id: USER, user_id: "US.NEW1" },
      },
    ],
  });
  const update = await identities({
    user_id_update: [{ user_id: { previous: USER, current: "US.NEW1" }, timestamp: "1763899200" }],
  });

  expect(both.map(({ kind }) => kind)).toEqual(["identity", "message"]);
  expect(both[0]).toMatchObject({ of: "conversation", from: PHONE, to: USER });
  expect(both[1]).toMatchObject({
    place: { conversation: USER, isDirect: true },
    sender: { id: USER, aliases: [PHONE] },
  });
  expect(nameless[0]).toMatchObject({ place: { conversation: USER }, sender: { id: USER } });
  expect(newNumber).toEqual([
    `${PHONE} -> ${USER}`,
    `${USER} -> US.NEW1`,
    `${USER} -> 16505550000`,
  ]);
  expect(newId).toEqual([`${USER} -> US.NEW1`]);
  expect(update).toEqual([`${USER} -> US.NEW1`]);
});

test("case 41: edits, deletions and states are told as they come, each known again by itself", async () => {
  const status = (state: string, more: Record<string, unknown> = {}) => ({
    id: "wamid.OUT",
    status: state,
    timestamp: "1763899200",
    recipient_id: PHONE,
    biz_opaque_callback_data: "key-1",
    ...more,
  });

  const events = await eventsOf({
    messages: [
      message({ id: "wamid.R", type: "revoke", revoke: { original_message_id: "wamid.X" } }),
      message({
        id: "wamid.S",
        type: "edit",
        edit: {
          original_message_id: "wamid.Y",
          message: { type: "text", text: { body: "better" } },
        },
      }),
    ],
    statuses: [
      status("read"),
      status("delivered"),
      status("played"),
      status("deleted"),
      status("failed", {
        errors: [
          { code: 131047, title: "Re-engagement message", error_data: { details: "Too late." } },
        ],
      }),
    ],
  });

  expect(events).toMatchObject([
    { kind: "delete", message: "wamid.X" },
    { kind: "edit", message: "wamid.Y", text: "better" },
    {
      kind: "status",
      state: "read",
      receipt: "wamid.OUT",
      key: "key-1",
      place: { conversation: PHONE },
    },
    { kind: "status", state: "delivered" },
    { kind: "status", state: "failed", reason: "Too late. (131047)", failure: "window" },
  ]);
  expect(new Set(events.map(({ dedupe }) => dedupe[0])).size).toBe(5);
});

test("each kind of message says what it is", async () => {
  const media = (type: string, more: Record<string, unknown> = {}) =>
    message({ id: `wamid.${type}`, type, [type]: { id: "777", mime_type: "image/jpeg", ...more } });
  const events = await eventsOf({
    messages: [
      media("image", { caption: "look" }),
      media("document", { mime_type: "application/pdf", filename: "../../etc/pa\nsswd.pdf" }),
      media("audio", { mime_type: "audio/ogg; codecs=opus", voice: true }),
      message({
        id: "w1",
        type: "location",
        location: { latitude: 1.5, longitude: -2, name: "HQ" },
      }),
      message({
        id: "w2",
        type: "contacts",
        contacts: [{ name: { formatted_name: "Ada" }, phones: [{ phone: "+49 1" }] }],
      }),
      message({
        id: "w3",
        type: "unsupported",
        errors: [{ code: 131051, title: "Message type unknown" }],
      }),
      message({ id: "w4", ...text("and this?"), context: { from: "1", id: "wamid.Q" } }),
      message({
        id: "w5",
        ...text("Price?"),
        referral: { headline: "Sale", source_url: "https://fb.me/1" },
      }),
      message({ id: "w6", type: "reaction", reaction: { message_id: "wamid.Q", emoji: "👍" } }),
      message({ id: "w7", type: "request_welcome" }),
      message({ id: "w8", ...text("fwd"), context: { forwarded: true } }),
      message({ id: "w9", type: "button", button: { text: "Yes", payload: "Yes" } }),
      message({
        id: "w10",
        type: "interactive",
        interactive: { type: "nfm_reply", nfm_reply: { response_json: '{"a":1}' } },
      }),
      message({
        id: "w11",
        type: "order",
        order: {
          product_items: [
            { product_retailer_id: "sku", quantity: 2, item_price: 5, currency: "EUR" },
          ],
        },
      }),
    ],
  });

  expect(events).toMatchObject([
    { text: "look", files: [{ mediaType: "image/jpeg", bytes: null, at: { media: "777" } }] },
    { text: "", files: [{ name: "passwd.pdf", mediaType: "application/pdf" }] },
    { text: "", files: [{ name: "audio-777.ogg", mediaType: "audio/ogg" }] },
    { text: "[Location: HQ, 1.5, -2]" },
    { text: "[Contact: Ada, +49 1]" },
    { text: "[A message of a kind that WhatsApp does not pass on: Message type unknown]" },
    { text: "and this?", answers: "wamid.Q" },
    { text: "Price?\n\n[Came from an advertisement: Sale, https://fb.me/1]" },
    { text: "fwd\n\n[Forwarded]" },
    { kind: "message", text: "Yes" },
    { text: '[Form filled in: {"a":1}]' },
    { text: "[Ordered: 2 of sku, 5 EUR each]" },
  ]);
});

test("presses of buttons of ours are actions; ids that no button of ours can have are words", async () => {
  const reply = (id: string, kind: string) => ({
    type: "interactive",
    interactive: { type: kind, [kind]: { id, title: "Approve" } },
    context: { id: "wamid.OUT" },
  });

  const events = await eventsOf({
    messages: [
      message({ id: "w1", ...reply("approve:ap_1", "button_reply") }),
      message({ id: "w2", ...reply("reject:ap_1", "list_reply") }),
      message({ id: "w3", type: "button", button: { text: "Approve", payload: "approve:ap_1" } }),
      message({ id: "w4", ...reply("not ours!", "button_reply") }),
    ],
  });

  expect(events).toMatchObject([
    { kind: "action", action: "approve:ap_1", message: "wamid.OUT" },
    { kind: "action", action: "reject:ap_1" },
    { kind: "action", action: "approve:ap_1" },
    { kind: "message", text: "Approve" },
  ]);
});

test("messages of a group are of the group, by whoever said them", async () => {
  const [event] = await eventsOf({
    messages: [message({ group_id: "GROUP1", ...text("all") })],
  });

  expect(event).toMatchObject({
    place: { conversation: "GROUP1", user: PHONE, isDirect: false },
    address: { group: "GROUP1" },
  });
});

test("what is not taken is delivered again and known again by the same keys", async () => {
  const deliver = server.deliver;
  let refusals = 3;
  server.deliver = async (webhook) => {
    await deliver?.(webhook);
    refusals -= 1;
    return refusals >= 0 ? 503 : 200;
  };

  server.say({ phone: PHONE }, text("hello"));
  await server.clock.advance(3_600_000);

  expect(server.deliveries.map(({ status }) => status)).toEqual([503, 503, 503, 200]);
  const keys = account.handled.map((handled) =>
    "events" in handled ? handled.events.map(({ dedupe }) => dedupe) : [],
  );
  expect(new Set(keys.map((one) => JSON.stringify(one))).size).toBe(1);
});

test("nothing that is signed makes the adapter throw, and every event keeps to its limits", async () => {
  const json = fc.oneof(
    {
      weight: 3,
      arbitrary: fc.constantFrom(
        "text",
        "image",
        "system",
        "edit",
        "interactive",
        PHONE,
        USER,
        "1763899200",
      ),
    },
    fc.jsonValue({ maxDepth: 3 }),
  );
  const fields = fc.constantFrom(
    ...["from", "id", "timestamp", "type", "text", "image", "system", "edit", "revoke", "context"],
    ...[
      "interactive",
      "button",
      "contacts",
      "referral",
      "errors",
      "group_id",
      "status",
      "recipient_id",
    ],
  );
  const item = fc.dictionary(fields, json, { maxKeys: 12, noNullPrototype: true });
  const value = fc.record({
    messages: fc.oneof(fc.array(fc.oneof(item, json), { maxLength: 4 }), json),
    statuses: fc.oneof(fc.array(fc.oneof(item, json), { maxLength: 4 }), json),
    contacts: fc.oneof(fc.array(item, { maxLength: 2 }), json),
    user_id_update: fc.oneof(fc.array(item, { maxLength: 2 }), json),
  });

  await fc.assert(
    fc.asyncProperty(value, async (given) => {
      const handled = await tell(given as Record<string, unknown>);
      if ("refused" in handled) {
        expect(handled.refused.status).toBe(400);
        return;
      }
      for (const { dedupe, place } of handled.events) {
        expect(dedupe.every((key) => key.length >= 1 && key.length <= 300)).toBe(true);
        expect(place.conversation).not.toBe("");
      }
      for (const { raw } of handled.parked ?? []) {
        expect(Buffer.byteLength(raw)).toBeLessThanOrEqual(16_384);
      }
    }),
    { numRuns: 300 },
  );
});
