// Constraints of agents in the real process, with a provider on its real wire: each of them ends a run while it
// is at work, keeps what was written, and is named by the end.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { joinRecord, type RecordItem } from "../../actors/run-record.ts";
import { replayRecord } from "../../adapters/replay/replay.ts";
import type { ProviderCall } from "../support/fake-provider-call.ts";
import { type Product, startProduct } from "../support/product.ts";
import { toolTalk } from "../support/tool-talk.ts";
import type { Json } from "../support/wire-client.ts";

let product: Product;
const talk = toolTalk(() => product);
const sum = { name: "calculator", arguments: { expression: "1 + 1" } };

beforeAll(async () => {
  product = await startProduct({
    env: { TROUPE_WORKERS: "2" },
    config: () => `tools:
  hosts: [127.0.0.1, localhost]
known_models:
  - name: gpt-4o-mini
    input_micros: 1000000000000
    output_micros: 1000000000000
`,
  });
}, 120_000);
afterAll(() => product.end());
beforeEach(() => product.provider.reset());

async function agentWith(constraints: object, more: object = {}): Promise<string> {
  const body = { name: "Kept within", model_name: "gpt-4o-mini", constraints, ...more };
  const { status, body: made } = await product.call("POST", "/v2/agents", body);
  expect(status, JSON.stringify(made)).toBe(201);
  return made.id;
}

const runOf = async (id: string): Promise<Json> =>
  (await product.call("GET", `/v2/runs/${id}`)).body;

/** Where a replay of a run goes another way than the run did; null: nowhere. */
async function divergence(run: string): Promise<unknown> {
  const items: RecordItem[] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const path = `/v2/runs/${run}/record?cursor=${cursor}`;
    const { body }: { body: Json } = await product.call("GET", path);
    items.push(...body.data);
    cursor = body.next_cursor;
  }
  return (await replayRecord(joinRecord(items))).replay.divergence;
}

/** The run that a limit has ended, and what its conversation holds of the answer. */
async function ended(constraint: Json): Promise<{ readonly run: Json; readonly said: Json }> {
  const run = await runOf(constraint.run);
  const path = `/v2/conversations/${run.conversation_key}/messages`;
  const said = (await product.call("GET", path)).body.data.at(-1);
  expect(await divergence(run.id)).toBeNull();
  return { run, said };
}

test("max_runtime cuts a call of a model while it writes, and keeps what it has written", async () => {
  const agent = await agentWith({ max_runtime: 1 });
  product.provider.otherwise({ text: "So far so good and more", tokenMs: 200, hang: 4 });
  const began = Date.now();

  const answer = await talk.say(agent, "Write.");

  expect(Date.now() - began).toBeLessThan(4_000);
  expect([answer.status, answer.body.code]).toEqual([402, "LIMIT_REACHED"]);
  expect(answer.body.constraint).toMatchObject({
    limit: "max_runtime",
    value: 1,
    agent_key: agent,
  });
  const { run, said } = await ended(answer.body.constraint);
  expect([run.status, run.error.code]).toEqual(["expired", "LIMIT_REACHED"]);
  expect(run.error.details).toMatchObject({ limit: "max_runtime", value: 1 });
  expect(said).toMatchObject({
    status: "failed",
    content: "So far so good",
    error: { code: "LIMIT_REACHED" },
  });
  await expect.poll(() => product.provider.calls().at(-1)?.outcome).toBe("closed");
});

test("max_steps ends a run at its last call, with the words of those before", async () => {
  const agent = await agentWith({ max_steps: 2 }, { tools: [{ tool: "calculator" }] });
  product.provider.otherwise({ text: "Once more.", tools: [sum] });

  const answer = await talk.say(agent, "Go on.");

  expect(answer.body.constraint).toMatchObject({ limit: "max_steps", value: 2, used: 2 });
  expect(product.provider.calls()).toHaveLength(2);
  const { run, said } = await ended(answer.body.constraint);
  expect(run.status).toBe("exhausted");
  expect(said.content).toBe("Once more.\n\nOnce more.");
});

test("max_tool_calls makes the calls that there is room for, and ends the run before the next", async () => {
  const agent = await agentWith({ max_tool_calls: 3 }, { tools: [{ tool: "calculator" }] });
  product.provider.otherwise({ text: "Two more.", tools: [sum, sum] });

  const answer = await talk.say(agent, "Go on.");

  expect(answer.body.constraint).toMatchObject({ limit: "max_tool_calls", value: 3, used: 3 });
  const { run, said } = await ended(answer.body.constraint);
  expect(await talk.results(run.id)).toHaveLength(3);
  expect(said.content).toBe("Two more.\n\nTwo more.");
});

test("max_tokens asks for no more than is left, and ends a run whose answer it has cut", async () => {
  const agent = await agentWith({ max_tokens: 600 });
  const usage = { promptTokens: 40, completionTokens: 500 };
  product.provider.otherwise({ text: "It begins well", finish: "length", usage });

  const answer = await talk.say(agent, "Write a book.");

  const [call] = product.provider.calls();
  expect(Number(call?.body["max_tokens"] ?? call?.body["max_completion_tokens"])).toBeLessThan(600);
  expect(answer.body.constraint).toMatchObject({ limit: "max_tokens", value: 600, used: 540 });
  expect((await ended(answer.body.constraint)).said.content).toBe("It begins well");
});

test("max_tokens counts what agents take that are asked for help", async () => {
  const helper = await agentWith({}, { name: "Helper" });
  const { body: tool } = await product.call("POST", "/v2/tools", {
    name: "ask_helper",
    type: "delegate",
    config: { agent: helper },
  });
  const agent = await agentWith({ max_tokens: 5_000 }, { tools: [{ tool: tool.id }] });
  const usage = { promptTokens: 1_000, completionTokens: 1_200 };
  const help = { name: "ask_helper", arguments: { task: "Help." } };
  product.provider.when((call) => call.tools.length > 0, { tools: [help], usage });
  product.provider.otherwise({ text: "Here.", usage });

  const answer = await talk.say(agent, "Go on.");

  // Its own call, the helper's, and none after them.
  expect(product.provider.calls().length).toBe(2);
  expect(answer.body.constraint).toMatchObject({ limit: "max_tokens", value: 5_000, used: 4_400 });
  await ended(answer.body.constraint);
});

test("max_cost holds what models cost", async () => {
  // A unit a token.
  const agent = await agentWith({ max_cost: 2_000 }, { tools: [{ tool: "calculator" }] });
  const usage = { promptTokens: 100, completionTokens: 700 };
  product.provider.otherwise({ text: "More.", tools: [sum], usage });

  const answer = await talk.say(agent, "Go on.");

  expect(answer.body.constraint).toMatchObject({ limit: "max_cost", value: 2_000 });
  expect(answer.body.constraint.used).toBeLessThanOrEqual(2_000);
  expect(answer.body.constraint.used % 800).toBe(0);
});

test("the last event of a stream and the log of the agent name the limit", async () => {
  const agent = await agentWith({ max_steps: 1 }, { tools: [{ tool: "calculator" }] });
  product.provider.otherwise({ text: "One.", tools: [sum] });
  const path = `/v2/agents/${agent}/runs`;
  const stream = await product.events("POST", path, { input: "Go.", mode: "stream" });
  const frames = (await stream.rest()).filter(({ data }) => data.startsWith("{"));

  const logs = await product.call("GET", `/v2/agents/${agent}/logs?q=max_steps`);

  expect(frames.at(-1)?.data).toContain('"limit":"max_steps"');
  expect(JSON.stringify(logs.body.data)).toContain("max_steps");
});

test("each protocol names the limit, whole and in streams, and says once what was written", async () => {
  const agent = await agentWith({ max_steps: 2 }, { tools: [{ tool: "calculator" }] });
  product.provider.otherwise({ text: "Once more.", tools: [sum] });
  const model = `agent:${agent}`;
  const messages = [{ role: "user", content: "Go." }];
  const message = { messageId: "m", role: "ROLE_USER", parts: [{ text: "Go." }] };
  const rpc = (method: string) => ({ jsonrpc: "2.0", id: 1, method, params: { message } });
  const headers = { "A2A-Version": "1.0" };
  const limit = '"constraint":{"limit":"max_steps","value":2,"used":2';
  const written = "Once more.\n\nOnce more.";
  const ways: readonly (readonly [string, object, object?])[] = [
    ["/v1/proxy/core-agent-chat", { agent_key: agent, message: "Go." }],
    ["/v1/chat/completions", { model, messages }],
    ["/v1/responses", { model, input: "Go." }],
    ["/v1/messages", { model, messages, max_tokens: 100 }],
    [`/a2a/${agent}`, rpc("SendMessage"), headers],
  ];
  for (const [path, body, more = {}] of ways) {
    const whole = await product.call("POST", path, body, { headers: more as never });
    expect(JSON.stringify(whole.body), path).toContain(limit);
    const asked = path.startsWith("/a2a")
      ? { ...rpc("SendStreamingMessage"), params: { message: { ...message, messageId: "n" } } }
      : { ...body, stream: true };
    const frames = await (
      await product.events("POST", path, asked, { headers: more as never })
    ).rest();
    expect(frames.at(-1)?.data, path).toContain(limit);
    if (!path.endsWith("responses")) continue;
    const all = frames.map(({ data }) => JSON.parse(data));
    expect(all.flatMap(({ delta }) => delta ?? []).join("")).toBe(written);
    const { response } = all.at(-1);
    expect(response.output[0].content[0].text).toBe(written);
    expect((await runOf(response.run_id)).partial).toBe(written);
  }
  const { body: task } = await product.call("POST", `/a2a/${agent}`, rpc("SendMessage"), {
    headers,
  });
  expect(task.result.task.artifacts[0].parts[0].text).toBe(written);
});

test("a team and a workflow end with the limit of the agent that they have asked", async () => {
  const agent = await agentWith({ max_steps: 1 }, { tools: [{ tool: "calculator" }] });
  product.provider.otherwise({ text: "Once.", tools: [sum] });
  const { body: team } = await product.call("POST", "/v2/teams", {
    ...{ name: "T", mode: "coordinate", on_member_failure: "fail" },
    members: [{ agent, name: "w" }],
  });
  const nodes = [
    { id: "a", type: "agent", ref: agent },
    { id: "end", type: "end" },
  ];
  const graph_definition = { nodes, edges: [{ from: "a", to: "end" }] };
  const flow = await product.call("POST", "/v2/workflows", { name: "F", graph_definition });
  const answers = [
    await product.call("POST", `/v2/teams/${team.id}/runs`, { input: "Go." }),
    await product.call("POST", `/v2/workflows/${flow.body.id}/runs`, { input: {} }),
  ];

  for (const { status, body } of answers) {
    expect([status, body.code]).toEqual([402, "LIMIT_REACHED"]);
    expect(body.constraint).toMatchObject({ limit: "max_steps", agent_key: agent });
    const [root = ""] = body.constraint.run.split(".");
    expect(await runOf(root)).toMatchObject({ status: "exhausted", partial: expect.any(String) });
  }
});

test("max_runtime cuts a tool at work, and does not count the wait for a person, over a restart too", async () => {
  const sockets = new Set<string>();
  const server = createServer(({ socket }) => {
    sockets.add("open");
    socket.on("close", () => sockets.clear());
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((listening) => void server.listen(0, "127.0.0.1", listening));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const tool = { tool: "http_request", permissions: ["network", "read"] };
  const agent = await agentWith(
    { max_runtime: 1 },
    { tools: [{ ...tool, requires_confirmation: true }] },
  );
  const get = { name: "http_request", arguments: { url, method: "GET" } };
  product.provider.otherwise({ text: "I read.", tools: [get] });
  const body = { input: "Read.", mode: "background" };
  const { id } = (await product.call("POST", `/v2/agents/${agent}/runs`, body)).body;
  await expect.poll(async () => (await runOf(id)).status).toBe("waiting");
  await product.kill();
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  await product.start();

  expect((await runOf(id)).status).toBe("waiting");
  const { body: asked } = await product.call("GET", "/v2/approvals?status=pending");
  const decided = { decision: "approve" };
  await product.call("POST", `/v2/approvals/${asked.data[0].id}/decide`, decided);
  await expect.poll(() => sockets.size).toBe(1);
  const end = { timeout: 5_000 };
  await expect.poll(async () => (await runOf(id)).status, end).toBe("expired");
  await expect.poll(() => sockets.size).toBe(0);
  expect(await runOf(id)).toMatchObject({
    partial: "I read.",
    error: { code: "LIMIT_REACHED", details: { limit: "max_runtime", value: 1 } },
  });
});

test("allowed_domains holds tools, those of agents below too, to what it names", async () => {
  const url = product.provider.openaiUrl.replace("localhost", "127.0.0.1");
  const get = { name: "http_request", arguments: { url, method: "GET" } };
  const asks = { tools: [{ tool: "http_request", permissions: ["network", "read"] }] };
  const near = await agentWith({ allowed_domains: ["local"] }, asks);
  const far = await agentWith({ allowed_domains: ["example.com"] }, asks);
  const helper = await agentWith({}, { name: "Reader", ...asks });
  const { body: tool } = await product.call("POST", "/v2/tools", {
    ...{ name: "ask_reader", type: "delegate", config: { agent: helper } },
  });
  const none = await agentWith({ allowed_domains: [] }, { tools: [{ tool: tool.id }] });
  const seen = async (agent: string): Promise<string> => {
    product.provider.reset();
    const read = { name: "ask_reader", arguments: { task: "Read." } };
    const has = (call: ProviderCall, name: string): boolean =>
      call.tools.some((one) => one.name === name) && !call.prompt.includes("Result of ");
    product.provider.when((call) => has(call, "ask_reader"), { tools: [read] });
    product.provider.when((call) => has(call, "http_request"), { tools: [get] });
    product.provider.otherwise({ text: "Done." });
    await talk.say(agent, "Read it.");
    return product.provider
      .calls()
      .map(({ prompt }) => prompt)
      .join("\n");
  };

  expect(await seen(near)).not.toContain("EGRESS_REFUSED");
  expect(await seen(far)).toContain("EGRESS_REFUSED");
  expect(await seen(none)).toContain("EGRESS_REFUSED");
});

test("what a trigger begins waits while its agent works, is seen to wait over a crash, and then works", async () => {
  const agent = await agentWith({ concurrency: 1 });
  product.provider.when("hold", { text: "Held.", firstByteMs: 4_000 });
  product.provider.otherwise({ text: "Done." });
  const { body: trigger } = await product.call("POST", "/v2/triggers", {
    ...{ name: "By hand", target: agent, type: "schedule", cron: "0 0 1 1 *", input: "Now." },
  });
  const occurrence = async (): Promise<Json> =>
    (await product.call("GET", `/v2/triggers/${trigger.id}/occurrences`)).body.data[0];
  const body = { input: "hold", mode: "background" };
  const { body: first } = await product.call("POST", `/v2/agents/${agent}/runs`, body);
  await product.provider.until((call) => call.lastUser.includes("hold"));
  await product.call("POST", `/v2/triggers/${trigger.id}/fire`, {});
  await expect.poll(async () => (await occurrence())?.run_id ?? null).not.toBeNull();

  const waiting = await occurrence();
  expect([waiting.state, (await runOf(waiting.run_id)).status]).toEqual(["waiting", "queued"]);
  await product.kill();
  await product.start();
  expect((await occurrence()).state).toBe("waiting");
  const end = { timeout: 20_000, interval: 100 };
  await expect.poll(async () => (await runOf(first.id)).status, end).toBe("completed");
  await expect.poll(async () => (await occurrence()).state, end).toBe("completed");
});

test("an agent without constraints has none of it", async () => {
  const agent = await agentWith({}, { tools: [{ tool: "calculator" }] });
  talk.calling([sum, sum]);

  expect((await talk.say(agent, "Add.")).body.response).toBe("Done.");
});
