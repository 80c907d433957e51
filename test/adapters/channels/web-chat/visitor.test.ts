// Who may ask a web chat: tickets, users of the embedding site, pages. Cases 10, 11, 18, 70, 73 of the
// gateway's list.

import { SignJWT } from "jose";
import { expect, test } from "vitest";
import { webChatRules } from "../../../../adapters/channels/web-chat/settings.ts";
import {
  eventOf,
  never,
  ORIGIN,
  openChat,
  postJson,
  SECRET,
  ticketOf,
  USER_SECRET,
} from "../../../support/channels/web-chat-account.ts";

const NOW_MS = 1_800_000_000_000;
const NOW_S = NOW_MS / 1_000;

test("an anonymous visitor gets a ticket, is the same one with it later, and another without it", async () => {
  const account = openChat({ title: "Help", greeting: "Hello" });
  const first = await postJson(account, "/session", {});
  account.environment.setNow(NOW_MS + 20 * 24 * 3_600_000);
  const back = await postJson(account, "/session", { token: first["token"] });
  const other = await postJson(account, "/session", {});

  expect(first).toMatchObject({ status: 200, expires_in: 3_600, title: "Help", greeting: "Hello" });
  expect(back["visitor"]).toBe(first["visitor"]);
  expect(back["token"]).not.toBe(first["token"]);
  expect(other["visitor"]).not.toBe(first["visitor"]);
  expect(first.response.headers).toMatchObject({
    "Access-Control-Allow-Origin": ORIGIN,
    Vary: "Origin",
  });
});

test("70: a ticket is refused when it is over, of another origin, another account or changed", async () => {
  const account = openChat({ allowed_origins: [ORIGIN, "https://other.example.com"] });
  const foreign = openChat({ secret: "x".repeat(32) });
  const token = await ticketOf(account);
  const status = async (body: object, origin = ORIGIN) =>
    (await postJson(account, "/events", { after: 0, ...body }, { origin })).status;

  expect(await status({ token })).toBe(200);
  expect(await status({ token }, "https://other.example.com")).toBe(401);
  expect(await status({ token: await ticketOf(foreign) })).toBe(401);
  expect(await status({ token: `${token.slice(0, -1)}${token.endsWith("A") ? "B" : "A"}` })).toBe(
    401,
  );
  expect(await status({ token: "x" })).toBe(401);
  expect(await status({})).toBe(400);
  account.environment.setNow(NOW_MS + 3_600_000);
  expect(await status({ token })).toBe(401);
});

test("70: a page of another origin, or none, is refused before anything is read", async () => {
  const account = openChat();
  const origins = [
    "https://evil.example",
    `${ORIGIN}.evil.example`,
    `${ORIGIN}:8443`,
    "http://shop.example.com",
    "null",
    null,
  ];

  for (const origin of origins) {
    const refused = await postJson(account, "/session", "{", { origin });
    expect(refused.status).toBe(403);
    expect(refused.response.headers).not.toHaveProperty("Access-Control-Allow-Origin");
  }
  expect(
    (
      await postJson(
        openChat({ allowed_origins: ["*"] }),
        "/session",
        {},
        { origin: "https://any.example" },
      )
    ).status,
  ).toBe(200);
});

async function userToken(
  claims: object,
  { secret = USER_SECRET, alg = "HS256", exp = NOW_S + 600 } = {},
) {
  return new SignJWT({ ...claims, exp }).setProtectedHeader({ alg }).sign(Buffer.from(secret));
}

test("a user whom the site vouches for is known by the site's id, as long as the token says", async () => {
  const account = openChat({ user_token_secret: `${"n".repeat(32)} ${USER_SECRET}` });
  const user_token = await userToken({ sub: "ann@example.com", name: "Ann" });
  const session = await postJson(account, "/session", { user_token });
  const event = await eventOf(account, { token: session["token"], id: "m1", text: "Hi" });
  const again = await postJson(account, "/session", { token: session["token"] });

  expect(session).toMatchObject({ status: 200, visitor: "u_ann@example.com", expires_in: 600 });
  expect(event.sender).toMatchObject({ id: "u_ann@example.com", name: "Ann", isVerified: true });
  // The ticket alone does not make another: the site may have signed its user out.
  expect(again["visitor"]).toMatch(/^v_/);
});

test("18, 70: user tokens that are not signed by the site, are over or meant for another are refused", async () => {
  const account = openChat({
    user_token_secret: USER_SECRET,
    user_token_audience: "chat",
    user_token_issuer: "shop",
    anonymous: false,
  });
  const good = { sub: "ann", aud: "chat", iss: "shop" };
  const none = `${Buffer.from('{"alg":"none"}').toString("base64url")}.${Buffer.from(JSON.stringify({ ...good, exp: NOW_S + 60 })).toString("base64url")}.`;
  const status = async (user_token: string | undefined) =>
    (await postJson(account, "/session", user_token === undefined ? {} : { user_token })).status;

  expect(await status(await userToken(good))).toBe(200);
  expect(await status(await userToken(good, { alg: "HS512" }))).toBe(200);
  const refused = [
    await userToken(good, { secret: "x".repeat(32) }),
    await userToken(good, { exp: NOW_S - 61 }),
    await userToken({ ...good, aud: "other" }),
    await userToken({ ...good, iss: "other" }),
    await userToken({ aud: "chat", iss: "shop" }),
    await userToken({ ...good, sub: "x".repeat(201) }),
    none,
    "not.a.token",
    undefined,
  ];
  for (const token of refused) expect(await status(token)).toBe(401);
});

test("70: an address does not make visitors without end", async () => {
  const account = openChat();
  const statuses = [];
  for (let n = 0; n < 61; n += 1) {
    statuses.push(
      (await postJson(account, "/session", {}, { clientAddress: "198.51.100.7" })).status,
    );
  }

  expect(statuses.filter((status) => status === 200)).toHaveLength(60);
  expect(statuses.at(-1)).toBe(429);
});

test("10: tickets made with a secret that is being replaced are taken until it is gone", async () => {
  const old = openChat();
  const token = await ticketOf(old);
  const both = openChat({ secret: `${"n".repeat(32)} ${SECRET}` });
  const replaced = openChat({ secret: "n".repeat(32) });

  expect((await postJson(both, "/events", { token, after: 0 })).status).toBe(200);
  expect((await postJson(replaced, "/events", { token, after: 0 })).status).toBe(401);
});

test("73: no secret is in what is answered, stored or logged", async () => {
  const account = openChat({ user_token_secret: USER_SECRET });
  const user_token = await userToken({ sub: "ann" });
  const said = [
    await postJson(account, "/session", { user_token }),
    await postJson(account, "/session", { user_token: `${user_token}x` }),
    await eventOf(account, {
      token: await ticketOf(account, { user_token }),
      id: "m1",
      text: "Hi",
    }),
    account.environment.logged,
    await account.environment.mailbox.read("u_ann/main", 0, 10),
    await account.instance.probe(never),
  ];

  for (const secret of [SECRET, USER_SECRET, user_token])
    expect(JSON.stringify(said)).not.toContain(secret);
});

test.each([
  [{ secret: "" }, "/secret"],
  [{ secret: "short" }, "/secret"],
  [{ anonymous: false }, "/user_token_secret"],
  [{ user_token_secret: "short" }, "/user_token_secret"],
  [{ allowed_origins: ["https://shop.example.com/"] }, "/allowed_origins/0"],
  [{ allowed_origins: [ORIGIN, "shop.example.com"] }, "/allowed_origins/1"],
])("11: an account that could not be safe does not open: %j", (settings, pointer) => {
  const all = { allowed_origins: [ORIGIN], secret: SECRET, ...settings };

  expect(() => webChatRules(all)).toThrow(
    expect.objectContaining({ code: "INVALID", details: { pointer } }),
  );
});
