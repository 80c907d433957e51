// Channels of the real process, made over its API and spoken to as the platforms do: what people say is
// answered where they said it.

import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  delivered,
  listed,
  made,
  madeAgent,
  pressAtSlack,
  repliesTo,
  sayAtSlack,
  slackChannel,
  startChannelProduct,
  until,
} from "../support/channels/channel-desk.ts";
import { type SlackServer, startSlack } from "../support/channels/slack-server.ts";
import { ORIGIN } from "../support/channels/web-chat-account.ts";
import { SECRET as WEBHOOK_SECRET } from "../support/channels/webhook-account.ts";
import { startReceiver } from "../support/channels/webhook-receiver.ts";
import { whatsappChannel, whatsappFor } from "../support/channels/whatsapp-product.ts";
import type { Product } from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

/** Messages while a channel is changed. */
const MANY = 40;

let product: Product;
let slack: SlackServer;
let agent = "";
let channel = "";
let url = "";

beforeAll(async () => {
  slack = await startSlack();
  product = await startChannelProduct();
  agent = await madeAgent(product);
  channel = await made(product, "/v2/channels", slackChannel(slack, agent));
  url = `${product.url}/gateway/slack/${channel}`;
});
afterAll(async () => {
  await product.end();
  await slack.stop();
});

/** The texts below a message, when there are so many. */
async function answersTo(ts: string, count: number): Promise<readonly string[]> {
  const replies = await until(
    () => repliesTo(slack, ts),
    ({ length }) => length >= count,
  );
  return replies.map(({ text }) => text);
}

test("a mention in Slack is answered in its thread, which is one conversation", async () => {
  const first = sayAtSlack(slack, "Where is my order?");
  const attempts = await delivered(url, first);
  expect(attempts).toEqual([{ num: 0, result: 200 }]);
  expect(await answersTo(first.ts, 1)).toEqual([expect.stringContaining("Where is my order?")]);

  await delivered(url, first);
  await delivered(url, sayAtSlack(slack, "And the invoice?", { thread: first.ts }));
  const texts = await answersTo(first.ts, 2);
  expect(texts).toHaveLength(2);
  expect(texts[1]).toContain("And the invoice?");
  const figures = await (await fetch(`${product.url}/metrics`)).text();
  expect(figures).toMatch(/^troupe_deliveries_total\{platform="slack",outcome="sent"\} [1-9]/m);

  const [session] = await listed(product, channel, "sessions");
  expect(session).toMatchObject({
    key: { channel, conversation: "CROOM1", thread: first.ts },
    agent: null,
  });
  const history = await product.history(session.conversation_key);
  expect(history.map(([role]) => role)).toEqual(["user", "assistant", "user", "assistant"]);
  const sent = await until(
    () => listed(product, channel, "deliveries?status=sent"),
    ({ length }) => length === 2,
  );
  expect(sent.every(({ about, attempts: tried }) => about === "answer" && tried === 0)).toBe(true);
  const { body } = await product.call("GET", `/v2/channels/${channel}/status`);
  expect(body).toMatchObject({
    state: "open",
    urls: expect.arrayContaining([expect.objectContaining({ path: `/gateway/slack/${channel}` })]),
    last_error: null,
    counts: { received: 3, sent: 2, refused: 0 },
  });
});

test("/status, /new and /stop do in a room what they say", async () => {
  const held = sayAtSlack(slack, "hold this");
  product.provider.when("hold this", { hang: "at-once" });
  await delivered(url, held);
  await product.provider.until((call) => call.lastUser.includes("hold this"));
  const type = (text: string) => delivered(url, sayAtSlack(slack, text, { thread: held.ts }));

  await type("/status");
  expect(await answersTo(held.ts, 1)).toEqual([expect.stringContaining("Under way: 1")]);
  await type("/stop");
  expect((await answersTo(held.ts, 2))[1]).toBe("Stopped.");
  await type("Are you there?");
  expect((await answersTo(held.ts, 3))[2]).toContain("Are you there?");
  await type("/new");
  await answersTo(held.ts, 4);
  await type("Once more.");
  expect((await answersTo(held.ts, 5))[4]).toContain("Once more.");

  const sessions = await listed(product, channel, "sessions");
  const session = sessions.find(({ key }) => key.thread === held.ts);
  expect(session.earlier).toHaveLength(1);
  const history = await product.history(session.conversation_key);
  expect(history.map(([, text]) => text)[0]).toBe("Once more.");
  expect(history).toHaveLength(2);
});

test("/stop also stops what was asked before /new", async () => {
  const held = sayAtSlack(slack, "hold that", { room: "CROOM2" });
  product.provider.when("hold that", { hang: "at-once" });
  await delivered(url, held);
  await product.provider.until((call) => call.lastUser.includes("hold that"));
  const type = async (text: string, count: number) => {
    await delivered(url, sayAtSlack(slack, text, { room: "CROOM2", thread: held.ts }));
    const replies = await until(
      () => repliesTo(slack, held.ts, "CROOM2"),
      ({ length }) => length === count,
    );
    return replies.at(-1)?.text;
  };

  expect(await type("/new", 1)).toContain("new conversation");
  expect(await type("/stop", 2)).toBe("Stopped.");

  await product.provider.until(
    (call) => call.lastUser.includes("hold that") && call.outcome === "closed",
  );
  expect(await type("/status", 3)).toContain("Under way: 0");
});

test("what a provider says of a failure is not said to people", async () => {
  const said = sayAtSlack(slack, "odd question", { room: "CROOM2" });
  const message = "too long, see http://10.0.0.1/inside";
  product.provider.when("odd question", { error: { status: 400, message } });
  await delivered(url, said);
  const [reply] = await until(
    () => repliesTo(slack, said.ts, "CROOM2"),
    ({ length }) => length === 1,
  );
  expect(reply?.text).toBe("This could not be answered. openai answered 400.");
});

test("an answer that a limit has ended is said as far as it came, and which limit it was", async () => {
  const constraints = { max_steps: 1 };
  const tools = [{ tool: "calculator" }];
  const { body } = await product.call("POST", "/v2/agents", {
    ...{ name: "Kept within", model_name: "gpt-4o-mini", constraints, tools },
  });
  const desk = await made(product, "/v2/channels", slackChannel(slack, body.id, { name: "Kept" }));
  slack.workspace.rooms.set("CKEPT", []);
  const sum = { name: "calculator", arguments: { expression: "1 + 1" } };
  product.provider.when("long question", { text: "So far.", tools: [sum] });
  const said = sayAtSlack(slack, "long question", { room: "CKEPT" });
  await delivered(`${product.url}/gateway/slack/${desk}`, said);

  const [reply] = await until(
    () => repliesTo(slack, said.ts, "CKEPT"),
    (all) => all.some(({ text }) => text.includes("max_steps")),
  );
  expect(reply?.text).toMatch(
    /^So far\.\n\n\(The answer ends here\. The limit max_steps of agent /,
  );
});

test("a channel that is changed while people speak loses no message and no answer", async () => {
  const desk = await made(
    product,
    "/v2/channels",
    slackChannel(slack, agent, { name: "Changing" }),
  );
  const path = `/v2/channels/${desk}`;
  for (let n = 0; n < MANY; n += 1) slack.workspace.rooms.set(`CCHANGED${n}`, []);
  const said = Array.from({ length: MANY }, (_, n) =>
    sayAtSlack(slack, `changed ${n}`, { room: `CCHANGED${n}` }),
  );
  let isOver = false;
  const changes = (async () => {
    for (let ttl = 1_000; !isOver; ttl += 1)
      await product.call("PATCH", path, { session_ttl: ttl });
  })();
  const attempts = await Promise.all(
    said.map((one) => delivered(`${product.url}/gateway/slack/${desk}`, one)),
  );
  await until(
    () => said.map(({ ts }, n) => repliesTo(slack, ts, `CCHANGED${n}`).length),
    (counts) => counts.every((count) => count === 1),
  ).finally(() => {
    isOver = true;
  });
  await changes;

  expect(attempts).toEqual(said.map(() => [{ num: 0, result: 200 }]));
  for (const status of ["failed", "unknown"])
    expect(await listed(product, desk, `deliveries?status=${status}`)).toEqual([]);
});

test("what waits for a person is decided by a button, or elsewhere: the message says which", async () => {
  const workflow = await made(product, "/v2/workflows", {
    name: "Refund",
    graph_definition: {
      nodes: [
        { id: "ask", type: "approval", reason: "It costs.", arguments: "{}", save: "answer" },
        { id: "end", type: "end" },
      ],
      edges: [{ from: "ask", to: "end" }],
    },
    state_schema: { properties: { answer: {} } },
    output: "answer",
  });
  const desk = await made(
    product,
    "/v2/channels",
    slackChannel(slack, workflow, { name: "Approvals", approvers: ["UBOSS1"] }),
  );
  const at = `${product.url}/gateway/slack/${desk}`;
  const shownFor = async (ts: string) => {
    const [shown] = await until(
      () => repliesTo(slack, ts),
      ({ length }) => length > 0,
    );
    if (shown === undefined) throw new Error("Nothing is shown.");
    return shown;
  };
  const idOf = (shown: object): string => /ap_[0-9a-z]{26}/.exec(JSON.stringify(shown))?.[0] ?? "";

  const first = sayAtSlack(slack, "Refund 7, please.");
  await delivered(at, first);
  // As somebody sees it who presses late: it changes meanwhile.
  const shown = structuredClone(await shownFor(first.ts));
  expect(shown.blocks).toHaveLength(2);
  expect(await pressAtSlack(at, { message: shown, button: 0, user: "UOTHER1" })).toBe(200);
  await until(
    () => repliesTo(slack, first.ts),
    ({ length }) => length === 2,
  );
  expect(await pressAtSlack(at, { message: shown, button: 0, user: "UBOSS1" })).toBe(200);
  expect(await pressAtSlack(at, { message: shown, button: 0, user: "UBOSS1" })).toBe(200);
  const over = await until(
    () => shownFor(first.ts),
    ({ text }) => text.includes("approved"),
  );
  expect(over.text).toContain("UBOSS1");
  expect(over.blocks).toEqual([]);

  const second = sayAtSlack(slack, "Refund 8, please.");
  await delivered(at, second);
  const id = idOf(await shownFor(second.ts));
  const path = `/v2/approvals/${id}/decide`;
  const { status } = await product.call("POST", path, { decision: "reject", note: "No." });
  expect(status).toBe(200);
  await until(
    () => shownFor(second.ts),
    ({ text }) => text.includes("rejected"),
  );
});

test("an answer that grows is one message, and in the end the whole answer", async () => {
  const live = await made(
    product,
    "/v2/channels",
    slackChannel(slack, agent, { name: "Live", live: true }),
  );
  const pieces = Array.from({ length: 60 }, (_, n) => `word${n} `);
  product.provider.when("tell me a story", { pieces, tokenMs: 60 });
  const edits = () => slack.calls.filter(({ method }) => method === "chat.update").length;
  const before = edits();

  const said = sayAtSlack(slack, "tell me a story");
  await delivered(`${product.url}/gateway/slack/${live}`, said);
  const [grown] = await until(
    () => repliesTo(slack, said.ts),
    ({ length }) => length > 0,
  );
  const early = grown?.text ?? "";
  const whole = pieces.join("").trim();
  await until(
    () => repliesTo(slack, said.ts),
    ([one]) => one?.text === whole,
  );
  await until(
    () => listed(product, live, "deliveries?status=sent"),
    ({ length }) => length === 1,
  );

  expect(early).toMatch(/^word0 .* …$/);
  expect(early.length).toBeLessThan(whole.length);
  expect(repliesTo(slack, said.ts).map(({ text }) => text)).toEqual([whole]);
  expect(edits() - before).toBeGreaterThan(1);
});

test("a message by WhatsApp is answered there once, and read receipts come back to its delivery", async () => {
  const meta = await whatsappFor(product);
  try {
    const desk = await made(product, "/v2/channels", whatsappChannel(meta.server, agent));
    meta.open(desk);
    meta.server.say({ phone: "16505551234" }, { type: "text", text: { body: "Hi there" } });
    const [taken] = await until(
      () => meta.server.taken,
      ({ length }) => length > 0,
    );

    expect(taken?.to).toBe("16505551234");
    expect(JSON.stringify(taken?.message)).toContain("Hi there");
    const [delivery] = await until(
      () => listed(product, desk, "deliveries?status=sent"),
      ([one]) => one?.seen === "read",
    );
    expect(delivery).toMatchObject({ receipts: [taken?.id], about: "answer" });
    expect(meta.server.taken).toHaveLength(1);
  } finally {
    await meta.server.stop();
  }
});

const signed = (body: object, id: string): RequestInit => {
  const raw = JSON.stringify(body);
  const at = new Date();
  const headers = {
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(at.getTime() / 1_000)),
    "webhook-signature": new Webhook(WEBHOOK_SECRET).sign(id, at, raw),
    "content-type": "application/json",
  };
  return { method: "POST", headers, body: raw };
};

test("a webhook's answer is posted back, or fetched from where the 202 says", async () => {
  const receiver = await startReceiver(WEBHOOK_SECRET);
  try {
    const secrets = { secret: WEBHOOK_SECRET };
    const settings = { reply: "callback", callback_url: receiver.url };
    const common = { kind: "webhook", agent, secrets };
    const back = await made(product, "/v2/channels", { ...common, name: "Back", settings });
    const poll = await made(product, "/v2/channels", { ...common, name: "Poll" });
    const message = { conversation: "order 7", user: "ann", text: "Where is it?", id: "m1" };

    const at = (id: string) => `${product.url}/gateway/webhook/${id}`;
    for (const _ of [1, 2]) expect((await fetch(at(back), signed(message, "w1"))).status).toBe(202);
    const [received] = await until(
      () => receiver.received,
      ({ length }) => length > 0,
    );
    expect(received?.text).toContain("Where is it?");

    const accepted = await fetch(at(poll), signed(message, "w2"));
    const { status_path: path } = (await accepted.json()) as Json;
    const answer = await fetch(`${at(poll)}${path}&wait=20`);
    const { messages } = (await answer.json()) as Json;
    expect(messages).toMatchObject([{ text: expect.stringContaining("Where is it?") }]);
    expect(receiver.received).toHaveLength(1);
  } finally {
    await receiver.close();
  }
});

test("a visitor of a page is answered in its chat", async () => {
  const chat = await made(product, "/v2/channels", {
    ...{ name: "Page", kind: "web_chat", agent, settings: { allowed_origins: [ORIGIN] } },
    secrets: { secret: "s".repeat(32) },
  });
  const post = async (path: string, body: object): Promise<Json> => {
    const headers = { origin: ORIGIN, "content-type": "text/plain" };
    const to = `${product.url}/gateway/web_chat/${chat}${path}`;
    const answer = await fetch(to, { method: "POST", headers, body: JSON.stringify(body) });
    return { status: answer.status, ...((await answer.json()) as Json) };
  };
  const { token } = await post("/session", {});
  const sent = await post("/messages", { token, id: "a1", text: "Do you ship to Mars?" });
  const again = await post("/messages", { token, id: "a1", text: "Do you ship to Mars?" });
  expect([sent.status, again.status, again.seq]).toEqual([202, 202, sent.seq]);

  const answers = await until(
    async () => (await post("/events", { token, after: sent.seq, wait: 2 })).entries as Json[],
    ({ length }) => length > 0,
  );
  expect(answers).toHaveLength(1);
  expect(JSON.stringify(answers)).toContain("Do you ship to Mars?");
});
