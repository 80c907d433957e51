// Memory of the real process: a fact that a user tells in one conversation is known in another one
// after kill -9, to that user and to nobody else.

import { afterAll, beforeAll, expect, test } from "vitest";
import WebSocket from "ws";
import { type Product, startProduct } from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

let product: Product;
beforeAll(async () => {
  product = await startProduct({ env: { TROUPE_WORKERS: "2" } });
});
afterAll(() => product.end());

async function newAgent(memory: object, key?: string): Promise<string> {
  const body = { name: "Desk", model_name: "gpt-4o-mini", memory };
  const made = await product.call("POST", "/v2/agents", body, key === undefined ? {} : { key });
  expect(made.status).toBe(201);
  return String(made.body.id);
}

const say = (agent: string, input: string, user_key: string, more: { key?: string } = {}) =>
  product.call("POST", `/v2/agents/${agent}/runs`, { input, user_key }, more);
const kept = async (agent: string): Promise<readonly Json[]> =>
  (await product.call("GET", `/v2/memories?agent_key=${agent}`)).body.data;

test("a fact told by tool is known in another conversation after kill -9, and only to its user", async () => {
  const agent = await newAgent({ type: "vector_db" });
  const text = "The user's dog is called Rex.";
  product.provider.when(
    (call) =>
      call.lastUser.includes("my dog Rex") && call.tools.length > 0 && !/"tool"/.test(call.prompt),
    { tools: [{ name: "remember", arguments: { text } }], times: 1 },
  );
  const told = await say(agent, "This is my dog Rex, remember him.", "anna");
  expect(told.status).toBe(200);
  expect(await kept(agent)).toMatchObject([
    {
      text,
      user_key: "anna",
      written_by: "agent",
      source: { conversation_key: told.body.conversation_key },
    },
  ]);

  await product.kill();
  await product.start();

  const reply = await say(agent, "What is my dog called?", "anna");
  expect(reply.body.memories).toMatchObject([{ text }]);
  expect(product.provider.calls("What is my dog called?").at(-1)?.prompt).toContain(text);
  const tenant = await product.call("POST", "/admin/tenants", { name: "Other" });
  const made = await product.call("POST", "/admin/keys", {
    tenant: tenant.body.id,
    name: "k",
    allowed_services: ["*"],
  });
  const key = made.body.key;
  await product.call("POST", `/admin/tenants/${tenant.body.id}/credit`, { amount: 100 });
  const foreign = await newAgent({ type: "vector_db" }, key);
  const others = [
    await say(agent, "What is my dog called, please?", "bert"),
    await say(foreign, "What is my dog called, please?", "anna", { key }),
    await say(await newAgent({ type: "vector_db" }), "What is my dog called, please?", "anna"),
  ];
  expect(others.map(({ status }) => status)).toEqual([200, 200, 200]);
  const asked = product.provider.calls("What is my dog called, please?");
  expect(asked).toHaveLength(3);
  for (const call of asked) expect(call.prompt).not.toContain("Rex");
});

test("facts found after the turn survive kill -9 in the middle of it, each once", async () => {
  const agent = await newAgent({ type: "vector_db", extract: "after_turn", tools: false });
  const found = [
    { text: "The user is a pilot.", kind: "fact", importance: 0.8, replaces: "" },
    { text: "The user prefers short answers.", kind: "preference", importance: 0.9, replaces: "" },
  ];
  const isExtraction = (call: { readonly prompt: string }) =>
    call.prompt.includes("long-term memory of an assistant");
  product.provider.when(isExtraction, { json: { facts: found }, firstByteMs: 300 });
  const waiting = product.provider.until((call) => isExtraction(call));
  const told = await say(agent, "I am a pilot and like short answers.", "carl");
  expect(told.status).toBe(200);
  await waiting;
  await product.kill();
  await product.start();
  await expect
    .poll(async () => (await kept(agent)).map(({ text }) => text).sort(), { timeout: 15_000 })
    .toEqual(found.map(({ text }) => text));
  const reply = await say(agent, "Which bird is the largest?", "carl");
  // What it is asked has nothing to do with either; how to answer always has.
  expect(reply.body.memories.map(({ text }: Json) => text)).toEqual([
    "The user prefers short answers.",
  ]);
  const history = { query: "pilot", user_key: "carl" };
  const searched = await product.call("POST", `/v2/agents/${agent}/history/search`, history);
  expect(searched.body.data[0].conversation_key).toBe(told.body.conversation_key);
  const usage = await product.call("GET", "/admin/usage");
  const services = usage.body.services.filter(({ service }: Json) => service === "memory");
  expect(services).toHaveLength(1);
});

/** Says something over the WebSocket and waits for the end of the answer; the frames until then. */
async function socketSay(params: object): Promise<readonly Json[]> {
  const socket = new WebSocket(`${product.url.replace("http", "ws")}/ws`);
  const frames: Json[] = [];
  const send = (id: string, method: string, of: object): void =>
    socket.send(JSON.stringify({ type: "req", id, method, params: of }));
  await new Promise<void>((resolve, reject) => {
    socket.on("error", reject);
    socket.on("open", () => send("r1", "hello", { token: product.adminKey }));
    socket.on("message", (bytes) => {
      const frame: Json = JSON.parse(String(bytes));
      frames.push(frame);
      if (frame.id === "r1") send("r2", "chat", params);
      if (frame.event === "end" || frame.ok === false) resolve();
    });
  });
  socket.close();
  return frames;
}

test("over the WebSocket a user is remembered too, by nobody else's name, and a wrong name is refused", async () => {
  const agent_key = await newAgent({ type: "vector_db" });
  const text = "The user's boat is called Swift.";
  await product.call("POST", "/v2/memories", { agent_key, user_key: "dora", text });
  const message = "What is my boat called, by wire?";

  const own = await socketSay({ agent_key, message, user_key: "dora" });
  const foreign = await socketSay({ agent_key, message, user_key: "emil" });
  const nobody = await socketSay({ agent_key, message });
  const wrong = await socketSay({ agent_key, message, user_key: "" });

  const prompts = product.provider.calls(message).map(({ prompt }) => prompt.includes("Swift"));
  expect(prompts).toEqual([true, false, false]);
  expect(JSON.stringify(own)).toContain(text);
  expect(JSON.stringify([foreign, nobody])).not.toContain("Swift");
  expect(wrong.at(-1)?.error).toMatchObject({ code: "INVALID", pointer: "/user_key" });
});

test("kill -9 while agents are removed: one is there with its memories, or neither is", {
  timeout: 90_000,
}, async () => {
  for (let kill = 0; kill < 5; kill += 1) {
    const agents = await Promise.all([1, 2, 3].map(() => newAgent({ type: "vector_db" })));
    for (const agent_key of agents) {
      for (const user_key of ["anna", "bert"]) {
        const entry = { agent_key, user_key, text: "Likes tea." };
        await product.call("POST", "/v2/memories", entry);
      }
    }
    const removals = agents.map((agent) =>
      product.call("DELETE", `/v2/agents/${agent}`).catch(() => undefined),
    );
    await new Promise((resolve) => setTimeout(resolve, kill * 4));
    await product.kill();
    await Promise.all(removals);
    await product.start();
    for (const agent of agents) {
      const isThere = (await product.call("GET", `/v2/agents/${agent}`)).status === 200;
      await expect
        .poll(async () => (await kept(agent)).length, { timeout: 15_000 })
        .toBe(isThere ? 2 : 0);
    }
  }
});
