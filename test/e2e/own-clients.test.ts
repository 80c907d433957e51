// A page's chat and a program's webhook, end to end over the real process: asked, answered by the agent,
// asked again under the same id, and there after a restart. Cases 7, 20, 70, 71 of the gateway's list.

import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeDesk, type Product, startProduct } from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

const ORIGIN = "https://shop.example.com";
const SECRET = `whsec_${Buffer.alloc(32, 3).toString("base64")}`;

let product: Product;
let agent = "";

beforeAll(async () => {
  product = await startProduct();
  agent = await makeDesk(product);
});
afterAll(() => product.end());

async function account(kind: string, settings: object, secrets: object): Promise<string> {
  const record = { name: kind, kind, agent, settings, secrets };
  const { status, body } = await product.call("POST", "/v2/channels", record);
  expect([status, status === 201 ? "" : body.detail]).toEqual([201, ""]);
  expect(JSON.stringify(body)).not.toContain(Object.values(secrets)[0]);
  return `/gateway/${kind}/${body.id}`;
}

async function asPage(path: string, body: object): Promise<Json> {
  const response = await fetch(product.url + path, {
    method: "POST",
    headers: { Origin: ORIGIN },
    body: JSON.stringify(body),
  });
  return {
    status: response.status,
    headers: response.headers,
    ...((await response.json()) as Json),
  };
}

async function heard(
  path: string,
  token: string,
  from = 0,
): Promise<{ texts: string[]; last: number }> {
  const texts: string[] = [];
  let last = from;
  while (!texts.some((text) => text.startsWith("agent"))) {
    const page = await asPage(`${path}/events`, { token, after: last, wait: 20 });
    expect(page.status).toBe(200);
    texts.push(...page.entries.map((entry: Json) => `${entry.from}: ${entry.text}`));
    last = page.last;
  }
  return { texts, last };
}

test("70: a page's message is answered once, however often it is sent, and the page finds it again", async () => {
  const chat = await account("web_chat", { allowed_origins: [ORIGIN] }, { secret: "s".repeat(32) });
  product.provider.when("parcel", { text: "It is **on its way**." });
  const script = await fetch(`${product.url}${chat}/widget.js`);
  const session = await asPage(`${chat}/session`, {});
  const message = { token: session.token, id: "m1", text: "Where is my parcel?" };

  const sent = await Promise.all([1, 2, 3].map(() => asPage(`${chat}/messages`, message)));
  const first = await heard(chat, session.token);
  const again = await asPage(`${chat}/messages`, message);
  const later = await asPage(`${chat}/events`, {
    token: session.token,
    after: first.last,
    wait: 1,
  });

  expect(script.status).toBe(200);
  expect(script.headers.get("cross-origin-resource-policy")).toBe("cross-origin");
  expect(session.headers.get("access-control-allow-origin")).toBe(ORIGIN);
  expect(sent.map(({ status }) => status)).toEqual([202, 202, 202]);
  expect(new Set([...sent, again].map(({ seq }) => seq)).size).toBe(1);
  expect(first.texts).toEqual(["visitor: Where is my parcel?", "agent: It is **on its way**."]);
  expect(later.entries).toEqual([]);
});

test("71: what was said before a crash is there after it, and what comes again is no second turn", async () => {
  const chat = await account("web_chat", { allowed_origins: [ORIGIN] }, { secret: "t".repeat(32) });
  product.provider.when("before", { text: "Noted." });
  const { token } = await asPage(`${chat}/session`, {});
  const message = { token, id: "m1", text: "Said before." };
  await asPage(`${chat}/messages`, message);
  const before = await heard(chat, token);
  await product.kill();
  await product.start();

  const again = await asPage(`${chat}/messages`, message);
  await asPage(`${chat}/messages`, { token, id: "m2", text: "And before that?" });
  const { texts } = await heard(chat, token, before.last);
  const whole = await heard(chat, token);

  expect(again.status).toBe(202);
  expect(texts).toEqual(["visitor: And before that?", "agent: Noted."]);
  expect(whole.texts).toEqual([...before.texts, ...texts]);
});

test("20: a signed post is answered in its response, and the same again with the same answer", async () => {
  const path = await account("webhook", { reply: "sync" }, { secret: SECRET });
  product.provider.when("invoice", { text: "It was sent." });
  const body = JSON.stringify({ conversation: "c1", user: "ann", text: "My invoice?", id: "m1" });
  const post = (secret = SECRET) => {
    const now = new Date();
    const headers = {
      "webhook-id": "msg_1",
      "webhook-timestamp": String(Math.floor(now.getTime() / 1_000)),
      "webhook-signature": new Webhook(secret).sign("msg_1", now, body),
    };
    return fetch(product.url + path, { method: "POST", headers, body });
  };

  const first = await post();
  const answered = (await first.json()) as Json;
  const again = (await (await post()).json()) as Json;
  const page = await fetch(`${product.url}${path}${answered.status_path}`);

  expect(first.status).toBe(200);
  expect(answered.messages.map(({ text }: Json) => text)).toEqual(["It was sent."]);
  expect(again.messages).toEqual(answered.messages);
  expect(((await page.json()) as Json).messages).toEqual([]);
  expect((await post(`whsec_${Buffer.alloc(32, 4).toString("base64")}`)).status).toBe(401);
});
