// Discord's interactions: whose they are, and what is made of them. Cases 17 and 38 of the list of adversarial
// cases, and what every adapter promises.

import { verifyKey } from "discord-interactions";
import fc from "fast-check";
import { expect, test } from "vitest";
import { discord } from "../../../../adapters/channels/discord/adapter.ts";
import { handled, openDiscord } from "../../../support/channels/discord-account.ts";
import {
  BOT,
  commandOf,
  interactionOf,
  PUBLIC_KEY,
  signed,
  TOKEN,
} from "../../../support/channels/discord-server.ts";
import { conforms, jsonAnswer } from "../conformance.ts";

const nowMs = 1_760_000_000_000;
const command = commandOf("ask", "What is new?");
const stop = commandOf("stop");

conforms({
  adapter: discord,
  settings: { bot_token: TOKEN, public_key: PUBLIC_KEY },
  required: ["bot_token", "public_key"],
  nowMs,
  deliveries: () => [signed(command, nowMs), signed(stop, nowMs, "/interactions")],
  address: { channel: "500" },
  textOf: ({ body }) => String(body["content"]),
  answers: {
    ok: () => jsonAnswer(200, { id: "1", channel_id: "500" }),
    rate: () => jsonAnswer(429, { message: "Slow down.", retry_after: 0.5, global: false }),
    auth: () => jsonAnswer(401, { code: 0, message: "401: Unauthorized" }),
    gone: () => jsonAnswer(404, { code: 10_003, message: "Unknown Channel" }),
    format: () => jsonAnswer(400, { code: 50_035, message: "Invalid Form Body" }),
    retry: () => jsonAnswer(503, "<html>"),
    unknown: () => jsonAnswer(502, "<html>"),
  },
});

const at = () => nowMs;
const { account } = openDiscord({ apiUrl: "http://127.0.0.1:9/api/v10" }, {}, at);
const ackOf = async (body: object) => {
  const { said } = await handled(account, signed(body, nowMs));
  return "refused" in said ? null : JSON.parse(said.ack.body ?? "null");
};

test("a PING is answered, one that anybody else has signed is refused (17)", async () => {
  const ping = { type: 1, id: "1", application_id: BOT.application };
  const right = signed(ping, nowMs);
  const wrongs = [
    { ...right, headers: {} },
    { ...right, headers: { ...right.headers, "x-signature-ed25519": "0".repeat(128) } },
    { ...right, headers: { ...right.headers, "x-signature-ed25519": "00" } },
    { ...right, headers: { ...right.headers, "x-signature-timestamp": "1e9" } },
    { ...right, headers: { ...right.headers, "x-signature-timestamp": "1760000001" } },
    signed(ping, nowMs - 301_000),
    signed(ping, nowMs + 301_000),
  ];

  expect(await ackOf(ping)).toEqual({ type: 1 });
  for (const wrong of wrongs) expect((await handled(account, wrong)).status).toBe(401);
  const notJson = signed("\ufeff{", nowMs);
  expect((await handled(account, notJson)).status).toBe(400);
});

test("whatever is signed we judge as Discord's own package does", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ minLength: 1, maxLength: 300 }),
      fc.nat(),
      fc.boolean(),
      async (bytes, place, isChanged) => {
        const request = signed(Buffer.from(bytes).toString("latin1"), nowMs);
        const body = Uint8Array.from(request.body);
        if (isChanged) body[place % body.length] = (body[place % body.length] ?? 0) ^ 1;
        const { "x-signature-ed25519": signature, "x-signature-timestamp": time } = request.headers;
        const theirs = await verifyKey(body, signature ?? "", time ?? "", PUBLIC_KEY);
        const ours = (await handled(account, { ...request, body })).status !== 401;
        expect(ours).toBe(theirs);
      },
    ),
    { numRuns: 60 },
  );
});

test("with two keys, either is taken", async () => {
  const both = `${"ab".repeat(32)}, ${PUBLIC_KEY.toUpperCase()}`;
  const { account: two } = openDiscord({ apiUrl: "http://127.0.0.1:9" }, { public_key: both }, at);
  const other = { public_key: "ab".repeat(32) };
  const { account: none } = openDiscord({ apiUrl: "http://127.0.0.1:9" }, other, at);

  expect((await handled(two, signed(command, nowMs))).status).toBe(200);
  expect((await handled(none, signed(command, nowMs))).status).toBe(401);
});

test("a command is waited for, and who gave it is told when it could not be stored (38)", async () => {
  const { events, said } = await handled(account, signed(command, nowMs));
  const nack = "refused" in said ? "" : (said.nack?.body ?? "");

  expect(await ackOf(command)).toEqual({ type: 5 });
  expect(JSON.parse(nack)).toMatchObject({
    type: 4,
    data: { flags: 64, content: expect.stringContaining("try again") },
  });
  expect(events).toMatchObject([
    {
      ...{ kind: "message", text: "What is new?", isMention: true, message: command["id"] },
      dedupe: [`discord:interaction/${command["id"]}`],
      place: { conversation: "500", user: "700", isDirect: false },
      sender: { id: "700", name: "Anna", isVerified: true },
      address: { channel: "500", interaction: { isSealed: true, isAwaited: true } },
    },
  ]);
  // Whoever has the token may answer: it is not stored as it is.
  expect(JSON.stringify(events)).not.toContain(String(command["token"]));
});

test("commands of the server's own are those, below another or by themselves; files and menus come along", async () => {
  const read = async (data: object) => {
    const { events } = await handled(account, signed(interactionOf({ type: 2, data }), nowMs));
    return events[0];
  };
  const text = { name: "text", type: 3, value: "sales" };
  const url = "https://cdn.discordapp.com/attachments/1/2/a.pdf";
  const attachments = { "9": { id: "9", url, filename: "a.pdf", size: 3 } };

  expect(await read({ name: "agent", type: 1, options: [text] })).toMatchObject({
    ...{ kind: "command", name: "agent", text: "sales" },
  });
  const below = { name: "stop", type: 1, options: [] };
  expect(await read({ name: "troupe", type: 1, options: [below] })).toMatchObject({
    ...{ kind: "command", name: "stop", text: "" },
  });
  const file = { name: "file", type: 11, value: "9" };
  expect(
    await read({ name: "ask", type: 1, options: [text, file], resolved: { attachments } }),
  ).toMatchObject({ kind: "message", text: "sales", files: [{ id: "9", at: { url } }] });
  const messages = { "77": { id: "77", content: "What they said" } };
  expect(
    await read({ name: "Explain", type: 3, target_id: "77", resolved: { messages } }),
  ).toMatchObject({ kind: "message", text: "What they said" });
});

test("a press of our button is an action, of another's nothing; what nobody answers is said", async () => {
  const press = (custom_id: string) =>
    interactionOf({
      ...{ type: 3, data: { custom_id, component_type: 2 }, message: { id: "88" } },
      ...{ member: undefined, guild_id: undefined, context: 1, user: { id: "701" } },
    });
  const ours = await handled(account, signed(press("troupe:ap_1.approve"), nowMs));
  const others = await handled(account, signed(press("elses"), nowMs));

  expect(ours.events).toMatchObject([
    {
      ...{ kind: "action", action: "ap_1.approve", message: "88", sender: { id: "701" } },
      ...{ place: { isDirect: true }, address: { interaction: { isAwaited: false } } },
    },
  ]);
  expect(others.events).toEqual([]);
  expect(await ackOf(press("troupe:x"))).toEqual({ type: 6 });
  expect(await ackOf(interactionOf({ type: 4, data: {} }))).toMatchObject({ type: 8 });
  expect(await ackOf(interactionOf({ type: 5, data: {} }))).toMatchObject({ data: { flags: 64 } });
});

test("without a public key there is no account, but for the Gateway", () => {
  const open = (settings: object) => openDiscord({ apiUrl: "http://127.0.0.1:9" }, settings);

  expect(open({ public_key: undefined, gateway: true }).account.routes).toEqual([]);
  for (const wrong of ["", "12", "x".repeat(64)]) {
    const invalid = expect.objectContaining({ code: "INVALID" });
    expect(() => open({ public_key: wrong, gateway: true })).toThrow(invalid);
  }
  const broken = expect.objectContaining({ code: "INVALID" });
  expect(() => open({ bot_token: "a\r\nb" })).toThrow(broken);
});
