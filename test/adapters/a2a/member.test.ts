// An agent elsewhere as a member of a team and as the agent of a node: asked of a server made of the SDK's
// own classes, and of another Troupe.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { TaskState } from "@a2a-js/sdk";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { LedgerRow } from "../../../actors/records/conversation.ts";
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
beforeEach(() => {
  remote.reset();
  host.llm.script = () => "Said here.";
});

async function make(path: string, body: object, at = host): Promise<string> {
  const made = await at.call("POST", path, body);
  expect(made.status, JSON.stringify(made.body)).toBe(201);
  return made.body.id;
}

/** A graph of these nodes, one after the other. */
function line(...nodes: readonly Json[]): Json {
  const all = [...nodes, { id: "end", type: "end" }];
  const edges = nodes.map(({ id }, at) => ({ from: id, to: all[at + 1]?.["id"] }));
  return { nodes: all, edges };
}

let count = 0;
const partner = (more: object = {}, url = remote.url, authorization = SECRET): Promise<string> => {
  count += 1;
  const config = { url, headers: { Authorization: authorization } };
  return make("/v2/tools", { name: `partner_${count}`, type: "remote_agent", config, ...more });
};
const agent = (name: string): Promise<string> =>
  make("/v2/agents", { name, model_name: "m-1", system_message: `#${name}` });
const team = (members: readonly object[], more: object = {}): Promise<string> =>
  make("/v2/teams", { name: "Desk", mode: "coordinate", members, ...more });

const run = async (of: string, more: object = {}): Promise<Json> => {
  const path = of.startsWith("tm_") ? "teams" : "workflows";
  return (await host.call("POST", `/v2/${path}/${of}/runs`, { input: "Say hello.", ...more })).body;
};

/** All that viewers were shown. */
async function eventsOf(id: string): Promise<readonly Json[]> {
  const events = await (await host.events("GET", `/v2/runs/${id}/events`)).rest();
  return events.map(({ data }) => JSON.parse(data) as Json).map((frame) => frame["event"] ?? frame);
}

test("it takes its turn in a discussion: told the role and what was said, heard as the others are", async () => {
  const tool = await partner();
  const desk = await team([
    { agent: await agent("Ann") },
    { agent: tool, name: "Far", role: "Checks prices." },
  ]);

  const { id, response, usage, routing_info } = await run(desk);

  const [told = ""] = remote.texts;
  expect(told).toContain('You are Far (Checks prices.) in the team "Desk"');
  expect(told).toContain('{"speaker":"Ann","text":"Said here."}');
  expect(told.endsWith("\n\nSay hello.")).toBe(true);
  expect(response).toBe(`Heard: ${told}`);
  expect(routing_info.candidates).toContainEqual({ name: "Far", key: tool, score: 1 });
  const shown = await eventsOf(id);
  const asked = shown.find(({ routing_info: info }) => info?.selected_action === "REMOTE_AGENT");
  expect(asked?.routing_info).toMatchObject({ method: "remote", action_name: `partner_${count}` });
  expect(asked?.routing_info.reason).toMatch(
    /^"Remote" at 127\.0\.0\.1:\d+ is asked by A2A\. Its task there is \S+\.$/,
  );
  // What the models there have used nobody here knows: of the tokens none are its.
  const ann = host.llm.requests.length;
  expect(ann).toBe(1);
  expect(usage.completion_tokens).toBeLessThan(20);
  expect([...remote.keys]).toEqual([SECRET]);
});

test("a leader gives it tasks as it gives them to the others, side by side, and concludes", async () => {
  const desk = await team(
    [{ agent: await agent("Ann") }, { agent: await partner(), name: "Far" }],
    { mode: "supervisor", leader: await agent("Lee") },
  );
  host.llm.script = ({ request }) => {
    const text = JSON.stringify(request.messages);
    if (text.includes("Split the user's last message")) {
      const task = (of: string, member: string) => ({ id: of, member, task: of, after: [] });
      return JSON.stringify({ reason: "r", tasks: [task("near", "Ann"), task("far", "Far")] });
    }
    const said = /Heard: [^"\\]*/.exec(text)?.[0];
    return text.includes("The members have worked") ? `All: ${said}` : "Said here.";
  };

  const { response, routing_info } = await run(desk);

  expect(response).toContain("All: Heard: You are Far in the team");
  expect(routing_info.parts).toContainEqual({
    text: "far",
    action_name: "Far",
    sub_agent_key: null,
  });
});

test("alone it is the whole answer, which is shown once and as it came", async () => {
  remote.say = () => "Only this.";

  const { id, response, model, usage } = await run(await team([{ agent: await partner() }]));

  expect({ response, model }).toEqual({ response: "Only this.", model: "remote_agent" });
  expect(usage).toMatchObject({ prompt_tokens: 0, completion_tokens: 0 });
  const shown = (await eventsOf(id)).filter(({ type }) => type === "text");
  expect(shown.map(({ run: of, text }) => [of, text])).toEqual([
    [`${id}.1a`, "Only this."],
    [id, "Only this."],
  ]);
  expect(
    (await host.system.tables.list(host.tenant, "ledger-fresh", { limit: 100, reverse: true }))
      .map(({ value }) => value as LedgerRow)
      .find(({ run_id }) => run_id === id)?.spend,
  ).toMatchObject({ promptTokens: 0, completionTokens: 0 });
});

test.each([
  [TaskState.TASK_STATE_FAILED, /is failed\. It says: No\./],
  [TaskState.TASK_STATE_REJECTED, /is rejected\. It says: No\./],
  [TaskState.TASK_STATE_INPUT_REQUIRED, /asks for more input \(input_required\).* It says: No\./],
])("a task that ends in state %i is a failed turn that says why", async (ends, why) => {
  remote.state = ends;
  remote.say = () => "No.";
  const desk = await team([{ agent: await partner() }, { agent: await agent("Ann") }]);

  const { id, response } = await run(desk);

  const failed = (await eventsOf(id)).find(
    ({ type, state }) => type === "member" && state === "failed",
  );
  expect(response).toBe("Said here.");
  expect(failed).toMatchObject({ error: { code: "PROVIDER_FAILED" }, next: "skip" });
  expect(failed?.error.message).toMatch(why);
  const isOpen = ends === TaskState.TASK_STATE_INPUT_REQUIRED;
  expect(remote.cancelled.length).toBe(isOpen ? 1 : 0);
});

test("a run that is cancelled cancels the task there", async () => {
  const held = createGate();
  remote.held = held;
  const { id } = await run(await team([{ agent: await partner() }]), { mode: "background" });
  await held.reached;
  await expect.poll(() => remote.methods.length, WITHIN).toBeGreaterThan(1);
  const status = async () => (await host.call("GET", `/v2/runs/${id}`)).body.status;

  await host.call("POST", `/v2/runs/${id}/cancel`, {});

  await expect.poll(status, WITHIN).toBe("cancelled");
  await expect.poll(() => remote.cancelled.length, WITHIN).toBe(1);
  held.open();
});

test("a turn that is out of time is a failed one, and its task is cancelled there", async () => {
  const held = createGate();
  remote.held = held;
  const desk = await team([
    { agent: await partner({ timeout_ms: 800 }) },
    { agent: await agent("Ann") },
  ]);

  const { id, response } = await run(desk);

  const failed = (await eventsOf(id)).find(({ state }) => state === "failed");
  expect([response, failed?.error.code]).toEqual(["Said here.", "DEADLINE"]);
  await expect.poll(() => remote.cancelled.length, WITHIN).toBe(1);
  held.open();
});

test("its text is shown as it comes, and none of the secret that it repeats", async () => {
  const gate = createGate();
  const [first, second] = [SECRET.slice(0, 16), SECRET.slice(16)];
  remote.pieces = (async function* () {
    // Somebody follows it: each piece is an event of its own.
    await expect.poll(() => remote.events, WITHIN).toBeGreaterThan(0);
    yield `One ${first}`;
    yield `${second} ${"and on ".repeat(10)}`;
    await gate.wait(new AbortController().signal);
    yield "two.";
  })();
  const desk = await team([{ agent: await partner() }]);
  const path = `/v2/teams/${desk}/runs`;
  const streamed = await host.events("POST", path, { input: "Say hello.", mode: "stream" });
  let shown = "";
  for (let next = await streamed.next(); next !== undefined; next = await streamed.next()) {
    const frame = JSON.parse(next.data) as Json;
    if (frame["type"] === "text" && String(frame["run"]).endsWith(".1a")) shown += frame["text"];
    if (shown.includes("and on")) break;
  }
  const early = shown;
  gate.open();
  const rest = await streamed.rest();

  const whole = `One *** ${"and on ".repeat(10)}two.`;
  expect(early).toContain("One *** and on");
  expect(whole.startsWith(early)).toBe(true);
  const all = rest.map(({ data }) => data).join("\n");
  expect(all).toContain(whole);
  expect(all + early).not.toContain("secret-of");
  expect(remote.methods).toContain("SubscribeToTask");
});

test("its record's terms hold in a team: no more calls than its rate", async () => {
  const tool = await partner({ rate: { calls: 1, per_seconds: 3_600 } });
  const desk = await team([
    { agent: tool, name: "A" },
    { agent: tool, name: "B" },
  ]);

  const { id } = await run(desk);

  const failed = (await eventsOf(id)).find(({ state }) => state === "failed");
  expect([remote.messages.length, failed?.error.code]).toEqual([1, "RATE_LIMITED"]);
});

test("a substitute may be one", async () => {
  const [tool, gone] = [await partner(), await agent("Gone")];
  const more = { on_member_failure: "substitute", substitute: tool };
  const desk = await team([{ agent: gone }], more);
  await host.call("PATCH", `/v2/agents/${gone}`, { model_name: "m-2" });
  host.llm.script = () => Promise.reject(new Error("There is nobody."));

  expect((await run(desk)).response).toContain("Heard: ");
});

test("a node of a workflow asks it, also for each item of a list, and has its text as its result", async () => {
  const tool = await partner();
  const flow = await make("/v2/workflows", {
    name: "Flow",
    input_schema: { type: "object", properties: { names: { type: "array" } } },
    state_schema: {
      type: "object",
      properties: { all: { type: "array" }, one: { type: "string" } },
    },
    graph_definition: line(
      {
        id: "each",
        type: "map",
        items: "input.names",
        ref: tool,
        input: "'Greet ' + item",
        save: "all",
      },
      {
        id: "one",
        type: "agent",
        ref: tool,
        input: "'Sum up ' + string(size(state.all))",
        save: "one",
      },
    ),
    output: "state.one",
  });

  const done = await run(flow, { input: { names: ["Ann", "Ben"] } });

  expect(done.status, JSON.stringify(done)).toBe("completed");
  expect([...remote.texts].sort()).toEqual(["Greet Ann", "Greet Ben", "Sum up 2"]);
  expect(JSON.stringify(done)).toContain("Heard: Sum up 2");
});

test("what is no agent elsewhere is refused where it stands, also in another tenant", async () => {
  const sum = await make("/v2/tools", { name: "sum_up", type: "calculator" });
  const tool = await partner();
  const refused = async (path: string, body: object, key = host.key) => {
    const { status, body: said } = await host.call("POST", path, body, { key });
    return [status, said.pointer, said.detail];
  };
  const member = (id: string) => ({ name: "D", mode: "coordinate", members: [{ agent: id }] });
  const node = (id: string) => ({
    ...{ name: "F", graph_definition: line({ id: "a", type: "agent", ref: id }) },
  });

  expect(await refused("/v2/teams", member(sum))).toEqual([
    ...[400, "/members/0/agent", expect.stringContaining(`Tool ${sum} is a calculator`)],
  ]);
  expect(await refused("/v2/teams", member("tl_none"))).toEqual([
    ...[400, "/members/0/agent", "Tool tl_none does not exist."],
  ]);
  expect(await refused("/v2/teams", member(tool), host.otherKey)).toEqual([
    ...[400, "/members/0/agent", `Tool ${tool} does not exist.`],
  ]);
  expect(await refused("/v2/workflows", node(sum))).toEqual([
    ...[400, "/graph_definition/nodes/0/ref", expect.stringContaining("is a calculator")],
  ]);
});

test("a tool that a team or a node names is not deleted, and the refusal says whose it is", async () => {
  const tool = await partner();
  const desk = await team([{ agent: tool }]);
  const graph = line({ id: "a", type: "agent", ref: tool });
  const flow = await make("/v2/workflows", { name: "Flow", graph_definition: graph });

  const held = await host.call("DELETE", `/v2/tools/${tool}`);
  await host.call("DELETE", `/v2/teams/${desk}`);
  await host.call("DELETE", `/v2/workflows/${flow}`);
  const free = await host.call("DELETE", `/v2/tools/${tool}`);

  expect(held.status).toBe(409);
  expect(held.body.detail).toContain(`team ${desk} (Desk)`);
  expect(held.body.detail).toContain(`workflow ${flow} (Flow)`);
  expect(free.status).toBe(204);
});

test("a record that has become another tool fails the turn and says so", async () => {
  const tool = await partner();
  const desk = await team([{ agent: tool }]);
  const changed = { name: "sum_up_2", type: "calculator", config: {} };
  expect((await host.call("PUT", `/v2/tools/${tool}`, changed)).status).toBe(200);

  const { detail } = await run(desk);

  expect(detail).toContain(`Tool ${tool} is a calculator, and no remote_agent any more.`);
});

test("the run's record has the tool without its secret", async () => {
  const tool = await partner();
  const { id } = await run(await team([{ agent: tool }]));

  const { body } = await host.call("GET", `/v2/runs/${id}/record`);

  expect(JSON.stringify(body)).toContain(`${tool}.1`);
  expect(JSON.stringify(body)).not.toContain(SECRET);
});

test("a pack has the tool and the team that names it, and its export names it so again", async () => {
  const source = `
pack: far
version: "1"
tools:
  - key: far
    name: far_away
    type: remote_agent
    config: { url: "${remote.url}" }
teams:
  - key: desk
    name: Far desk
    mode: coordinate
    members: [{ agent: { ref: far } }]
`;

  const applied = await host.call("POST", "/v2/packs", { source });
  expect(applied.status, JSON.stringify(applied.body)).toBe(201);
  const [desk] = (await host.call("GET", "/v2/teams?name=Far%20desk")).body.data;
  const { response } = await run(desk.id);
  const ask = { pack: "copy", ids: [desk.id] };
  const exported = await host.call("POST", "/v2/packs/export", ask);

  expect(response).toContain("Heard: ");
  expect(exported.body.source).toMatch(/members:\s+- agent:\s+ref: /);
  expect(exported.body.source).toContain("type: remote_agent");
});

test.each(["JSONRPC", "HTTP+JSON"])(
  "another Troupe's agent is a member, by %s: its task is a run there",
  async (binding) => {
    const other = await startHttpHost();
    other.llm.script = () => "Answered elsewhere.";
    const theirs = await make("/v2/agents", { name: "Theirs", model_name: "m-1" }, other);
    const shown = await other.call("GET", `/a2a/${theirs}/.well-known/agent-card.json`, undefined, {
      headers: { "A2A-Version": "1.0" },
    });
    // Its card as it is, of the two bindings with the one alone.
    const supportedInterfaces = shown.body.supportedInterfaces.filter(
      ({ protocolBinding }: Json) => protocolBinding === binding,
    );
    const card = createServer((_, response) => {
      const body = JSON.stringify({ ...shown.body, supportedInterfaces });
      response.setHeader("content-type", "application/json").end(body);
    });
    await new Promise<void>((resolve) => card.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(card.address() as AddressInfo).port}/card.json`;
    const config = { url, headers: { "X-API-Key": other.key }, allowed_hosts: ["127.0.0.1"] };
    const tool = await partner({ config });

    const { response } = await run(await team([{ agent: tool }]));

    const runs = (await other.call("GET", "/v2/runs")).body.data;
    await other.stop();
    card.closeAllConnections();
    card.close();
    expect(response).toBe("Answered elsewhere.");
    expect(runs).toMatchObject([{ agent_key: theirs, status: "completed" }]);
  },
);
