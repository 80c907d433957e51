// Values of a prompt's variables that come with a run, through the real door.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { RuntimeError } from "../../../runtime/errors.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { createGate } from "../../support/scripted-llm.ts";
import type { Json } from "../../support/wire-client.ts";

let host: HttpHost;
let agent = "";
beforeAll(async () => {
  host = await startHttpHost();
  await host.setBalance(10_000);
  const prompt = await make("/v2/prompts", {
    name: "Desk",
    template: "You serve {{who}} in {{place}}, {{n}} times.",
    variables: [
      { name: "who", type: "string", required: true },
      { name: "place", type: "string" },
      { name: "n", type: "integer", default: 1 },
    ],
  });
  agent = await make("/v2/agents", {
    ...{ name: "Desk", model_name: "m-1", prompt_id: prompt, prompt_variables: { place: "Rome" } },
  });
});
afterAll(() => host.stop());
afterEach(() => {
  host.llm.script = () => "ok";
});

async function make(path: string, body: object): Promise<string> {
  const made = await host.call("POST", path, body);
  expect([made.body.detail, made.status]).toEqual([undefined, 201]);
  return String(made.body.id);
}
const start = (body: object, of = `agents/${agent}`) =>
  host.call("POST", `/v2/${of}/runs`, { input: "Tell me about it", ...body });
const runOf = async (id: string): Promise<Json> => (await host.call("GET", `/v2/runs/${id}`)).body;
const systems = (from = 0): readonly string[] =>
  host.llm.requests.slice(from).map(({ messages }) => String(messages[0]?.content));
const ended = (id: string) =>
  expect.poll(async () => (await runOf(id)).status, { timeout: 10_000 }).toBe("completed");

test("values fill the prompt of one run, before the agent's constants, and are in its record", async () => {
  const variables = { who: "Ann", place: "Oslo" };

  const run = await start({ variables });
  const next = await start({ variables: { who: "Bob" } });

  expect(systems().at(-2)).toContain("You serve Ann in Oslo, 1 times.");
  expect(systems().at(-1)).toContain("You serve Bob in Rome, 1 times.");
  expect((await runOf(run.body.id)).variables).toEqual(variables);
  expect((await runOf(next.body.id)).variables).toEqual({ who: "Bob" });
  const record = await host.call("GET", `/v2/runs/${run.body.id}/record`);
  expect(record.body.data[0].run.input.variables).toEqual(variables);
});

test("what does not fit is refused at its place, before anything is stored or paid", async () => {
  const plain = await make("/v2/agents", { name: "Plain", model_name: "m-1" });
  const team = await make("/v2/teams", {
    ...{ name: "Team", mode: "coordinate", members: [{ agent: plain }] },
  });
  const graph_definition = { nodes: [{ id: "end", type: "end" }], edges: [] };
  const flow = await make("/v2/workflows", { name: "Flow", graph_definition });
  const balance = await host.balance();
  const calls = host.llm.requests.length;
  const many = Object.fromEntries(Array.from({ length: 65 }, (_, at) => [`v${at}`, at]));
  const wrong = [
    [{ who: "Ann", other: 1 }, "UNKNOWN_FIELD", "/variables/other"],
    [{ who: 7 }, "INVALID", "/variables/who"],
    [{ who: "Ann", n: 1.5 }, "INVALID", "/variables/n"],
    [{ place: "Oslo" }, "INVALID", "/variables/who"],
    [{}, "INVALID", "/variables/who"],
    [{ who: "x".repeat(16_000) }, "INVALID", "/variables"],
    [many, "INVALID", "/variables"],
    ["Ann", "INVALID", "/variables"],
  ] as const;

  for (const [variables, code, pointer] of wrong) {
    const { status, body } = await start({ variables, mode: "background" });
    expect([status, body.code, body.pointer]).toEqual([400, code, pointer]);
  }
  for (const of of [`agents/${plain}`, `teams/${team}`, `workflows/${flow}`]) {
    const { status, body } = await start({ variables: { who: "Ann" } }, of);
    expect([of, status, body.pointer]).toEqual([of, 400, "/variables"]);
  }

  expect(host.llm.requests.length).toBe(calls);
  expect(await host.balance()).toBe(balance);
  expect((await start({ variables: { who: "x".repeat(15_000) } })).body.status).toBe("completed");
});

test("values of a version in canary are checked against its own prompt", async () => {
  const prompt = (name: string) =>
    make("/v2/prompts", {
      ...{ name: `P ${name}`, template: `{{${name}}}`, variables: [{ name, type: "string" }] },
    });
  const [old, next] = [await prompt("old"), await prompt("new")];
  const id = await make("/v2/agents", { name: "Two", model_name: "m-1", prompt_id: old });
  const draft = await host.call("POST", `/v2/agents/${id}/versions`, { prompt_id: next });
  const version = draft.body.version;
  await host.call("PUT", `/v2/agents/${id}/canary`, { version, share: 1 });

  const fits = await start({ variables: { new: "yes" } }, `agents/${id}`);
  const before = await start({ variables: { old: "no" } }, `agents/${id}`);

  expect([draft.status, fits.body.status]).toEqual([201, "completed"]);
  expect(before.body.pointer).toBe("/variables/old");
});

test("a run that waits keeps its own values, and of merged messages the last one's count", async () => {
  const gate = createGate();
  host.llm.script = async () => {
    await gate.opened;
    return "ok";
  };
  const from = host.llm.requests.length;
  const background = async (body: object): Promise<Json> =>
    (await start({ mode: "background", ...body })).body;
  const first = await background({ variables: { who: "Ann" } });
  const { conversation_key } = first;
  const waits = { conversation_key, on_busy: "merge" };
  await expect.poll(() => host.llm.requests.length, { timeout: 10_000 }).toBeGreaterThan(from);

  const second = await background({ ...waits, variables: { who: "Bob", place: "Oslo" } });
  const third = await background({ ...waits, variables: { who: "Eve" } });
  gate.open();
  for (const { run_id } of [first, second]) await ended(run_id);

  expect(third.run_id).toBe(second.run_id);
  expect(systems(from).at(-1)).toContain("You serve Eve in Oslo");
  expect((await runOf(second.run_id)).variables).toEqual({ who: "Eve", place: "Oslo" });
});

test("a fork and a resumed run keep the values", async () => {
  const variables = { who: "Ann" };
  const run = (await start({ variables })).body.id;
  const from = host.llm.requests.length;
  const forked = await host.call("POST", `/v2/runs/${run}/fork`, { step: "prompt" });
  host.llm.script = () => {
    throw new RuntimeError("PROVIDER_FAILED", "The provider refused.");
  };
  const failed = (await start({ variables, mode: "background" })).body.run_id;
  await expect.poll(async () => (await runOf(failed)).status, { timeout: 10_000 }).toBe("failed");
  host.llm.script = () => "ok";
  const resumed = await host.call("POST", `/v2/runs/${failed}/resume`, {});

  expect(systems(from)[0]).toContain("You serve Ann in Rome");
  for (const { body } of [forked, resumed]) {
    expect(body.status).toBe("completed");
    expect((await runOf(body.id)).variables).toEqual(variables);
  }
});

test("a run takes the versions of its prompts that were current when it was accepted, partials too", async () => {
  const part = await make("/v2/prompts", { name: "Part", template: "part one" });
  const whole = await make("/v2/prompts", { name: "Whole", template: "whole one, {{> Part}}." });
  const id = await make("/v2/agents", { name: "Late", model_name: "m-1", prompt_id: whole });
  const gate = createGate();
  host.llm.script = async () => {
    await gate.opened;
    return "ok";
  };
  const from = host.llm.requests.length;
  const background = async (body: object): Promise<Json> =>
    (await start({ mode: "background", ...body }, `agents/${id}`)).body;
  const first = await background({});
  await expect.poll(() => host.llm.requests.length, { timeout: 10_000 }).toBe(from + 1);

  const { conversation_key } = first;
  const waits = await background({ conversation_key, on_busy: "enqueue" });
  await host.call("PATCH", `/v2/prompts/${part}`, { template: "part two" });
  await host.call("PATCH", `/v2/prompts/${whole}`, { template: "whole two, {{> Part}}." });
  gate.open();
  await ended(waits.run_id);
  const next = await start({}, `agents/${id}`);
  const forked = await host.call("POST", `/v2/runs/${waits.run_id}/fork`, { step: "prompt" });

  expect([next.body.status, forked.body.status]).toEqual(["completed", "completed"]);
  const said = systems(from).map((text) => text.slice(0, "whole one, part one.".length));
  const [one, two] = ["whole one, part one.", "whole two, part two."];
  expect(said).toEqual([one, one, two, one]);
});

test("a variable that is needed and not given is refused before the accept, whichever way a run begins", async () => {
  const team = await make("/v2/teams", {
    ...{ name: "Team", mode: "coordinate", members: [{ agent }] },
  });
  const above = await make("/v2/teams", {
    ...{ name: "Above", mode: "coordinate", members: [{ agent: team }] },
  });
  const graph_definition = {
    nodes: [
      { id: "ask", type: "agent", ref: agent },
      { id: "end", type: "end" },
    ],
    edges: [{ from: "ask", to: "end" }],
  };
  const flow = await make("/v2/workflows", { name: "Flow", graph_definition, entry_node: "ask" });
  const calls = host.llm.requests.length;
  const balance = await host.balance();
  const message = { agent_key: agent, message: "Tell me about it" };
  const messages = [{ role: "user", content: "Tell me about it" }];

  const platform = [
    await start({}),
    await start({ mode: "background" }),
    await start({}, `teams/${team}`),
    await start({}, `teams/${above}`),
    await start({}, `workflows/${flow}`),
  ];
  const proxy = await host.call("POST", "/v1/proxy/core-agent-chat", message);
  const openai = await host.call("POST", "/v1/chat/completions", {
    ...{ model: `agent:${agent}`, messages },
  });

  for (const { status, body } of platform) {
    expect([status, body.code, body.pointer]).toEqual([400, "INVALID", "/variables/who"]);
    expect(body.detail).toContain("The prompt needs the variable who (string).");
  }
  expect(platform.at(-1)?.body.detail).toContain(`Of agent ${agent} (Desk)`);
  expect([proxy.status, proxy.body.error.pointer]).toEqual([400, "/variables/who"]);
  expect([openai.status, openai.body.error.message]).toEqual([
    400,
    expect.stringContaining("The prompt needs the variable who (string)."),
  ]);
  expect(host.llm.requests.length).toBe(calls);
  expect(await host.balance()).toBe(balance);
});

test("values of a team's or a workflow's run fill the prompts of those that take part, the leader's too", async () => {
  const tone = await make("/v2/prompts", {
    ...{ name: "Tone", template: "In a {{tone}} tone." },
    variables: [{ name: "tone", type: "string", required: true }],
  });
  const leader = await make("/v2/agents", { name: "Head", model_name: "m-1", prompt_id: tone });
  const team = await make("/v2/teams", {
    ...{ name: "Team", mode: "coordinate", members: [{ agent }], leader, max_rounds: 1 },
  });
  const graph_definition = {
    nodes: [
      { id: "ask", type: "agent", ref: agent },
      { id: "end", type: "end" },
    ],
    edges: [{ from: "ask", to: "end" }],
  };
  const flow = await make("/v2/workflows", { name: "Flow", graph_definition, entry_node: "ask" });
  const from = host.llm.requests.length;

  const all = await start({ variables: { who: "Ann", tone: "warm" } }, `teams/${team}`);
  const lacks = await start({ variables: { who: "Ann" } }, `teams/${team}`);
  const other = await start({ variables: { who: "Ann", tone: "w", no: 1 } }, `teams/${team}`);
  const ofTeam = systems(from);
  const node = await start({ variables: { who: "Bob" } }, `workflows/${flow}`);

  expect([all.body.status, node.body.status]).toEqual(["completed", "completed"]);
  expect(ofTeam[0]).toContain("You serve Ann in Rome");
  expect(ofTeam.at(-1)).toContain("In a warm tone.");
  expect([lacks.status, lacks.body.pointer]).toEqual([400, "/variables/tone"]);
  expect([other.status, other.body.pointer]).toEqual([400, "/variables/no"]);
  expect(systems().at(-1)).toContain("You serve Bob in Rome");
});
