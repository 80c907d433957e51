// Graphs as they run: conditions, parallel branches, reducers, errors, and versions.

import { afterEach, expect, test } from "vitest";
import { RuntimeError } from "../../../runtime/errors.ts";
import {
  type AgentsHost,
  newAgent,
  newConversation,
  startAgents,
  type Viewing,
} from "../../support/agents-host.ts";
import { createGate, createScriptedLlm, type ScriptedLlm } from "../../support/scripted-llm.ts";

let host: AgentsHost | undefined;
afterEach(async () => {
  await host?.stop();
  host = undefined;
});

const subAgents = ["A", "B", "C"].map((name) => ({
  sub_agent_key: `sa_${name.toLowerCase()}`,
  name,
}));
const node = (id: string, more: object = {}) => ({
  id,
  type: "sub_agent",
  ref: `sa_${id}`,
  ...more,
});
const end = { id: "end", type: "end" };
const nameOf = (system: string | undefined): string =>
  /You are ([ABC])\./.exec(system ?? "")?.[1] ?? "supervisor";

async function run(
  llm: ScriptedLlm,
  graph: { nodes: object[]; edges: object[]; state?: Record<string, unknown> },
  text = "hello",
): Promise<Viewing> {
  host = await startAgents({ llm });
  await host.setBalance(10_000);
  const agent = newAgent();
  const { nodes, edges, state } = graph;
  await host.putAgent(
    { agent_key: agent, graph_definition: { nodes, edges }, state_schema: state ?? null },
    subAgents,
  );
  return host.chat(newConversation(), text, { agent });
}

const echo = (): ScriptedLlm =>
  createScriptedLlm(
    ({ request }) => `${nameOf(request.messages[0]?.content)}(${request.messages.at(-1)?.content})`,
  );

test("nodes run in turn on the state; only the last one streams", async () => {
  const viewing = await run(echo(), {
    nodes: [node("a", { save: "draft" }), node("b", { input: '"polish " + draft' }), end],
    edges: [
      { from: "a", to: "b" },
      { from: "b", to: "end" },
    ],
    state: { properties: { draft: { type: "string" } } },
  });

  const reply = await viewing.reply();

  expect(reply.response).toBe("B(polish A(hello))");
  expect(viewing.text()).toBe("B(polish A(hello))");
  expect(reply.routing_info).toMatchObject({
    method: "graph",
    action_name: "B",
    sub_agent_key: "sa_b",
  });
  const events = viewing.frames.flatMap((frame) => (frame.type === "event" ? [frame.event] : []));
  expect(events).toMatchObject([
    { type: "node", node: "a", state: "started" },
    { type: "node", node: "a", state: "completed" },
    { type: "routing" },
    { type: "node", node: "b", state: "started" },
    { type: "node", node: "b", state: "completed" },
  ]);
});

test("a condition takes the first edge that holds", async () => {
  const viewing = await run(
    echo(),
    {
      nodes: [{ id: "which", type: "condition" }, node("a"), node("b"), end],
      edges: [
        { from: "which", to: "a", when: 'message.contains("refund")' },
        { from: "which", to: "b" },
        { from: "a", to: "end" },
        { from: "b", to: "end" },
      ],
    },
    "a refund please",
  );

  expect((await viewing.reply()).routing_info.action_name).toBe("A");
});

test("no edge that holds ends the run naming the node, and costs nothing", async () => {
  const viewing = await run(echo(), {
    nodes: [node("a"), end],
    edges: [{ from: "a", to: "end", when: 'message == "other"' }],
  });

  const { outcome } = await viewing.end();

  expect(outcome).toMatchObject({
    status: "failed",
    error: { code: "NO_EDGE", message: 'No edge of node "a" holds.' },
  });
  expect(host?.balance()).toBe(10_000);
});

const parallel = {
  nodes: [
    { id: "fork", type: "parallel" },
    node("a", { save: "notes" }),
    node("b", { save: "notes" }),
    { id: "meet", type: "join" },
    node("c", { input: 'notes[0] + " and " + notes[1]' }),
    end,
  ],
  edges: [
    { from: "fork", to: "a" },
    { from: "fork", to: "b" },
    { from: "a", to: "meet" },
    { from: "b", to: "meet" },
    { from: "meet", to: "c" },
    { from: "c", to: "end" },
  ],
  state: { properties: { notes: { type: "array", reducer: "append" } } },
};

test("branches run at once and their writes join in the order of the edges, whoever was faster", async () => {
  const gate = createGate();
  const llm = createScriptedLlm(async ({ request, signal }) => {
    const name = nameOf(request.messages[0]?.content);
    if (name === "A") await gate.wait(signal);
    if (name === "B") gate.open();
    return name === "C" ? `C(${request.messages.at(-1)?.content})` : name;
  });

  const viewing = await run(llm, parallel);

  expect((await viewing.reply()).response).toBe("C(A and B)");
});

test("the first branch that fails cancels the others, down to the provider", async () => {
  const gate = createGate();
  let cut: unknown;
  const llm = createScriptedLlm(async ({ request, signal }) => {
    if (nameOf(request.messages[0]?.content) === "A") {
      await gate.wait(signal).catch((reason) => {
        cut = reason;
        throw reason;
      });
    }
    await gate.reached;
    throw new RuntimeError("PROVIDER_FAILED", "B is broken.");
  });

  const viewing = await run(llm, parallel);
  const { outcome } = await viewing.end();

  expect(outcome).toMatchObject({ status: "failed", error: { code: "PROVIDER_FAILED" } });
  expect(cut).toMatchObject({ code: "CANCELLED" });
});

test("a loop ends by its condition, and by its limit when that never holds", async () => {
  const loop = (when: string) => ({
    nodes: [node("a", { save: "count" }), end],
    edges: [
      { from: "a", to: "a", when },
      { from: "a", to: "end" },
    ],
    state: { properties: { count: { reducer: "sum" } } },
  });
  const one = createScriptedLlm(() => "1");

  const ended = await run(one, loop("count < 3"));
  await ended.reply();
  const endless = await run(
    createScriptedLlm(() => "0"),
    loop("count < 3"),
  );

  expect(one.requests).toHaveLength(3);
  expect((await endless.end()).outcome).toMatchObject({
    status: "exhausted",
    error: { code: "STEPS_EXHAUSTED" },
  });
});

test("a run finishes on the graph it was started with", async () => {
  const gate = createGate();
  const llm = createScriptedLlm(async ({ request, signal, call }) => {
    if (call === 1) await gate.wait(signal);
    return nameOf(request.messages[0]?.content);
  });
  host = await startAgents({ llm });
  await host.setBalance(10_000);
  const agent = newAgent();
  const cv = newConversation();
  const straight = (...ids: string[]) => ({
    nodes: [...ids.map((id) => node(id)), end],
    edges: ids.map((id, at) => ({ from: id, to: ids[at + 1] ?? "end" })),
  });
  await host.putAgent(
    { agent_key: agent, version: 1, graph_definition: straight("a", "b") },
    subAgents,
  );

  const running = host.chat(cv, "one", { agent });
  await gate.reached;
  await host.putAgent(
    { agent_key: agent, version: 2, graph_definition: straight("a", "c") },
    subAgents,
  );
  gate.open();
  const old = await running.reply();
  const fresh = await host.chat(cv, "two", { agent }).reply();

  expect([old.response, fresh.response]).toEqual(["B", "C"]);
});
