// Agents that an engine answers for, in the real process: a coding agent on a command line, agents elsewhere by each
// protocol (this server is the other one too), and a plugin.

import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type Product, startProduct } from "../support/product.ts";
import { type RemoteAgent, startRemoteAgent } from "../support/remote-agent.ts";
import { createGate } from "../support/scripted-llm.ts";
import type { Json, Streamed } from "../support/wire-client.ts";

const program = fileURLToPath(new URL("../support/fake-claude.js", import.meta.url));
const SOON = { timeout: 10_000, interval: 20 };
const SECRET = "sk-agent-0123456789";

let product: Product;
let target: string;
let remote: RemoteAgent;

beforeAll(async () => {
  remote = await startRemoteAgent();
  product = await startProduct({
    env: { TROUPE_WORKERS: "2" },
    config: "tools:\n  hosts: [127.0.0.1]\n",
  });
  const folder = join(product.folder, "work");
  await mkdir(folder);
  target = await make("/v2/targets", { name: "Here", type: "local", config: { folder } });
});
afterEach(() => {
  product.provider.reset();
  remote.reset();
});
afterAll(async () => {
  await product.end();
  await remote.stop();
});

const make = async (path: string, body: object): Promise<string> => {
  const made = await product.call("POST", path, body);
  expect(made.body).toMatchObject({ id: expect.any(String) });
  return String(made.body.id);
};
const newEngine = (config: object = {}, more: object = {}): Promise<string> =>
  make("/v2/engines", {
    ...{ name: "Coder", type: "code_agent", target, secrets: { AGENT_KEY: SECRET } },
    config: { command: process.execPath, args: [program], ...config },
    ...more,
  });
const newAgent = (engine: string): Promise<string> =>
  make("/v2/agents", { name: "Coder", engine, system_message: "Be brief." });
const say = (agent: string, input: string, more: object = {}) =>
  product.call("POST", `/v2/agents/${agent}/runs`, { input, ...more });

test("an engine answers for an agent, and the conversation goes on by its session", async () => {
  const agent = await newAgent(await newEngine());

  const first = await say(agent, "One");
  const conversation = first.body.conversation_key;
  const second = await say(agent, "heard", { conversation_key: conversation });

  expect(first.body).toMatchObject({
    ...{ status: "completed", response: "One", model: "claude-sonnet-4-5" },
    routing_info: { selected_action: "ENGINE", method: "engine" },
    usage: { prompt_tokens: 115, completion_tokens: 7, spend: 0.01 },
    cost: { tokens: 0.001 },
  });
  expect(JSON.parse(second.body.response)).toEqual(["One", "heard"]);
  const figures = await (await fetch(`${product.url}/metrics`)).text();
  expect(figures).toContain('troupe_engine_work_total{engine="code_agent",outcome="done"} 2\n');
});

test("its text is shown as it comes, with what its tools did between", async () => {
  const agent = await newAgent(await newEngine());

  const body = { input: "tools done", mode: "stream" };
  const stream = await product.events("POST", `/v2/agents/${agent}/runs`, body);
  const events = await stream.rest();

  const shown = events.map(({ event, data }) =>
    event === "event" ? (JSON.parse(data) as Json).event.type : event,
  );
  expect(shown.filter((one) => one !== "text")).toEqual([
    ...["accepted", "routing", "tool_call", "tool_result", "tool_call", "tool_result"],
    ...["text-end", "end"],
  ]);
  expect(shown.filter((one) => one === "text").length).toBeGreaterThan(1);
});

const newManaged = async (config: object, more: object = {}): Promise<string> => {
  const api_key = product.adminKey;
  const place = { name: "There", type: "managed_agent", config, secrets: { api_key } };
  const there = await make("/v2/targets", place);
  const engine = { name: "Far", type: "managed_agent", target: there, config: more };
  return newAgent(await make("/v2/engines", engine));
};

test("an agent elsewhere answers by OpenAI's protocol, told what was said before", async () => {
  const config = { url: product.provider.openaiUrl, model: "gpt-4o-mini" };
  const agent = await newManaged(config);

  const first = await say(agent, "One");
  const conversation_key = first.body.conversation_key;
  const second = await say(agent, "Two", { conversation_key });

  expect(first.body).toMatchObject({ status: "completed", model: "gpt-4o-mini" });
  expect(first.body.usage.prompt_tokens).toBeGreaterThan(0);
  const asked = product.provider.calls().map(({ body }: Json) => body.messages);
  expect(asked.at(-1)).toEqual([
    { role: "system", content: "Be brief." },
    { role: "user", content: "One" },
    { role: "assistant", content: first.body.response },
    { role: "user", content: "Two" },
  ]);
  expect(second.body.status).toBe("completed");
});

test("an agent elsewhere answers by A2A, and goes on in its context", async () => {
  const agent = await newManaged({ url: remote.url, protocol: "a2a" });

  const first = await say(agent, "One");
  await say(agent, "Two", { conversation_key: first.body.conversation_key });

  expect(first.body.response).toBe("Heard: Be brief.\n\nOne");
  const [before, after] = remote.messages;
  expect(after?.contextId).toBe(before?.contextId || expect.stringMatching(/./));
});

test("another server like this answers: its run is followed, its conversation goes on", async () => {
  const inner = await make("/v2/agents", { name: "Inner", model_name: "gpt-4o-mini" });
  const agent = await newManaged({ url: product.url, protocol: "troupe", model: inner });

  const first = await say(agent, "One");
  const second = await say(agent, "Two", { conversation_key: first.body.conversation_key });

  expect(first.body).toMatchObject({ status: "completed" });
  expect(first.body.response).not.toBe("");
  expect(second.body.status).toBe("completed");
  const last = product.provider.calls().at(-1);
  // What was said before is in the conversation there.
  const messages = last?.body["messages"] as readonly Json[];
  expect(messages.filter(({ role }) => role === "user")).toHaveLength(2);
});

test("a plugin answers, and a run that is cancelled ends its work", async () => {
  const program = fileURLToPath(new URL("../support/bad-plugin.js", import.meta.url));
  const config = { command: [process.execPath, program] };
  const agent = await newAgent(
    await make("/v2/engines", { name: "Plug", type: "plugin", target, config }),
  );

  const done = await say(agent, "go");
  const waiting = await say(agent, "hang", { mode: "background" });
  const path = `/v2/runs/${waiting.body.run_id}`;
  await expect
    .poll(async () => (await product.call("GET", path)).body.status, SOON)
    .toBe("running");
  await product.call("POST", `${path}/cancel`);

  expect(done.body).toMatchObject({ response: "All is well.", usage: { spend: 0.02 } });
  await expect
    .poll(async () => (await product.call("GET", path)).body.status, SOON)
    .toBe("cancelled");
});

test("a run that is cancelled cancels the task of an agent elsewhere", async () => {
  const agent = await newManaged({ url: remote.url, protocol: "a2a" });
  const held = createGate();
  remote.held = held;
  const waiting = await say(agent, "One", { mode: "background" });
  await held.reached;

  await product.call("POST", `/v2/runs/${waiting.body.run_id}/cancel`);

  await expect.poll(() => remote.cancelled, SOON).toEqual(remote.tasks);
  held.open();
});

test("an agent elsewhere that is not there, or says so, is waited for", async () => {
  const closed = createServer().listen(0, "127.0.0.1");
  await once(closed, "listening");
  const { port } = closed.address() as AddressInfo;
  closed.close();
  const agent = await newManaged({ url: `http://127.0.0.1:${port}`, model: "m-1" });
  const waiting = await say(agent, "One", { mode: "background" });
  const at = async (): Promise<Json> =>
    (await product.call("GET", `/v2/runs/${waiting.body.run_id}`)).body;
  await expect.poll(async () => (await at()).waits_for, SOON).toBe("target");

  let asked = 0;
  const choice = { delta: { content: "Back." }, finish_reason: "stop" };
  const server = createServer((request, response) => {
    request.resume();
    if (request.method === "POST") asked += 1;
    if (request.method === "POST" && asked === 1) response.writeHead(503).end();
    else response.end(JSON.stringify({ choices: [{ ...choice, message: choice.delta }] }));
  }).listen(port, "127.0.0.1");
  await expect.poll(async () => (await at()).status, SOON).toBe("completed");
  server.close();

  expect([asked, (await at()).result.response]).toEqual([2, "Back."]);
});

test("a server that dies leaves work that nobody knows of: it is done again, or said to be unknown", async () => {
  const safe = await newAgent(await newEngine({ repeat: "safe", workspace: "conversation" }));
  const never = await newAgent(await newEngine({ workspace: "conversation" }));
  const ids: string[] = [];
  for (const agent of [safe, never]) {
    const { body } = await say(agent, "wait", { mode: "background" });
    ids.push(body.run_id);
  }
  const statusOf = async (id: string) => (await product.call("GET", `/v2/runs/${id}`)).body;
  const isAtWork = async (id: string): Promise<void> => {
    const stream = await product.events("GET", `/v2/runs/${id}/events`);
    // Text comes in as many pieces as it likes.
    for (let text = ""; !text.includes("I wait"); text += await nextOf(stream, "text"));
    stream.cut();
  };
  for (const id of ids) await isAtWork(id);

  await product.kill();
  await product.start();

  const [again = "", unknown = ""] = ids;
  await isAtWork(again);
  await expect.poll(async () => (await statusOf(unknown)).status, SOON).toBe("failed");
  expect((await statusOf(unknown)).error.code).toBe("STEP_UNKNOWN");
  await product.call("POST", `/v2/runs/${again}/cancel`);
});

/** Text of the next event of a kind. */
async function nextOf(stream: Streamed, kind: string): Promise<string> {
  for (;;) {
    const event = await stream.next();
    if (event === undefined) throw new Error(`There was no ${kind}.`);
    if (event.event === kind) return (JSON.parse(event.data) as Json).text;
  }
}
