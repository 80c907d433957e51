// An agent elsewhere as a tool: asked of a server made of the SDK's own classes, and of another Troupe.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { TaskState } from "@a2a-js/sdk";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { type RemoteAgent, startRemoteAgent } from "../../support/remote-agent.ts";
import { createGate } from "../../support/scripted-llm.ts";
import type { Json } from "../../support/wire-client.ts";

const WITHIN = { timeout: 10_000, interval: 10 };
const SECRET = "Bearer secret-of-the-remote";

let host: HttpHost;
let remote: RemoteAgent;

beforeAll(async () => {
  remote = await startRemoteAgent();
  host = await startHttpHost({ webHosts: ["127.0.0.1"] });
});
afterAll(async () => {
  await host.stop();
  await remote.stop();
});
afterEach(() => remote.reset());

/** A desk whose model gives each message of a user to the tool, and says what came of it. */
async function desk(
  url: string,
  headers = { Authorization: SECRET },
  more: object = {},
): Promise<string> {
  const tool = { name: `remote_${Math.random().toString(36).slice(2)}`, type: "remote_agent" };
  const made = await host.call("POST", "/v2/tools", { ...tool, config: { url, headers }, ...more });
  expect(made.status, JSON.stringify(made.body)).toBe(201);
  expect(JSON.stringify(made.body)).not.toContain(SECRET);
  const body = {
    name: "Desk",
    model_name: "m-1",
    tools: [{ tool: made.body.id, name: "partner" }],
  };
  host.llm.script = ({ request }) => {
    const last = request.messages.at(-1);
    if (last?.role === "tool") return String(last.content);
    return { calls: [{ name: "partner", arguments: { task: String(last?.content) } }] };
  };
  return (await host.call("POST", "/v2/agents", body)).body.id;
}

const ask = async (agent: string, more: object = {}): Promise<Json> =>
  (await host.call("POST", `/v2/agents/${agent}/runs`, { input: "Say hello.", ...more })).body;

test("the model gives it a task and gets its answer; its secret goes there and nowhere else", async () => {
  const agent = await desk(remote.url);

  const run = await ask(agent);

  expect(run.response).toContain('"answer":"Heard: Say hello."');
  expect(remote.keys).toEqual(new Set([SECRET]));
  const record = await host.call("GET", `/v2/runs/${run.id}/record`);
  expect(JSON.stringify(record.body)).not.toContain(SECRET);
});

test.each([
  [TaskState.TASK_STATE_FAILED, "PROVIDER_FAILED"],
  [TaskState.TASK_STATE_REJECTED, "is rejected"],
  [
    TaskState.TASK_STATE_INPUT_REQUIRED,
    '"asks":"Heard: Say hello.","state":"input_required","task_id"',
  ],
])("a task that ends in state %i is told to the model as what it is", async (ends, told) => {
  remote.state = ends;

  const run = await ask(await desk(remote.url));

  expect(run.response).toContain(told);
});

test("a run that is cancelled cancels the task there", async () => {
  const held = createGate();
  remote.held = held;
  const { id } = await ask(await desk(remote.url), { mode: "background" });
  await held.reached;
  const status = async () => (await host.call("GET", `/v2/runs/${id}`)).body.status;

  await host.call("POST", `/v2/runs/${id}/cancel`, {});

  await expect.poll(() => remote.cancelled.length, WITHIN).toBe(1);
  await expect.poll(status, WITHIN).toBe("cancelled");
  held.open();
});

test("a call that is out of time cancels the task there too", async () => {
  const held = createGate();
  remote.held = held;
  const agent = await desk(remote.url, undefined, { timeout_ms: 1_000 });

  const run = await ask(agent);

  expect(run.response).toContain("DEADLINE");
  await expect.poll(() => remote.cancelled.length, WITHIN).toBe(1);
  held.open();
});

test("a card that leads elsewhere gets no secret there, and private addresses are not asked", async () => {
  const card = await (await fetch(remote.url)).text();
  const shows = createServer((_, response) => {
    response.setHeader("content-type", "application/json").end(card);
  });
  await new Promise<void>((resolve) => shows.listen(0, "127.0.0.1", resolve));
  // The same host, at another port.
  const agent = await desk(`http://127.0.0.1:${(shows.address() as AddressInfo).port}/card.json`);
  const closed = await startHttpHost();
  const tool = { tool: "remote_agent", config: { url: remote.url } };
  const made = await closed.call("POST", "/v2/agents", {
    name: "D",
    model_name: "m-1",
    tools: [tool],
  });
  closed.llm.script = ({ request }) => {
    const last = request.messages.at(-1);
    if (last?.role === "tool") return String(last.content);
    return { calls: [{ name: "remote_agent", arguments: { task: "hi" } }] };
  };

  const before = remote.cards;
  const elsewhere = await ask(agent);
  const path = `/v2/agents/${made.body.id}/runs`;
  const refused = (await closed.call("POST", path, { input: "hi" })).body;
  await closed.stop();
  shows.closeAllConnections();
  await new Promise((resolve) => shows.close(resolve));

  expect([elsewhere.response, refused.response]).toEqual([
    expect.stringContaining("EGRESS_REFUSED"),
    expect.stringContaining("EGRESS_REFUSED"),
  ]);
  expect([remote.messages, remote.cards - before]).toEqual([[], 0]);
});

test("another Troupe is asked by its card, and its task is a run there", async () => {
  const other = await startHttpHost();
  other.llm.script = () => "Answered elsewhere.";
  const theirs = await other.call("POST", "/v2/agents", { name: "Theirs", model_name: "m-1" });
  const url = `${other.url}/a2a/${theirs.body.id}/.well-known/agent-card.json`;
  const agent = await desk(url, { Authorization: `Bearer ${other.key}` });

  const run = await ask(agent);

  const runs = (await other.call("GET", "/v2/runs")).body.data;
  await other.stop();
  expect(run.response).toContain('"answer":"Answered elsewhere."');
  expect(runs).toMatchObject([{ agent_key: theirs.body.id, status: "completed" }]);
});
