// Evaluations through the door: agents, teams and workflows, versions side by side, a budget, judges,
// their end, other tenants.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import {
  capitals,
  type EvaluationDesk,
  evaluationDesk,
  knows,
  lastUser,
  user,
} from "../../support/evaluation-desk.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import type { Json } from "../../support/wire-client.ts";

const WITHIN = { timeout: 10_000, interval: 5 };

let host: HttpHost;
let desk: EvaluationDesk;
beforeAll(async () => {
  host = await startHttpHost();
  desk = evaluationDesk(host);
});
afterAll(() => host.stop());
afterEach(() => {
  host.llm.script = () => "You can export from Settings.";
});

test("an agent is run over a data set, each answer a run that can be looked at and replayed", async () => {
  host.llm.script = ({ request }) => knows(lastUser(request));
  const dataset_id = await desk.dataset(capitals);
  const target = await desk.agentOf("You know capitals.");
  const before = await host.balance();

  const { end, results } = await desk.evaluate({
    ...{ dataset_id, targets: [{ target }] },
    scorers: [{ type: "exact", weight: 3 }, { type: "contains" }],
  });

  expect(end).toMatchObject({ status: "completed", total: 2, done: 2, units: 0.002 });
  expect(before - (await host.balance())).toBe(2_000);
  expect(end.summary).toMatchObject([
    {
      ...{ side: "a", items: 2, passed: 2, pass_rate: 1, score: (1 + 0.875) / 2 },
      scorers: [
        { name: "exact", score: 1 },
        { name: "contains", score: 0.75 },
      ],
    },
  ]);
  expect(results.map(({ index, sides: [side] }) => [index, side.answer, side.score])).toEqual([
    [0, "Paris", 1],
    [1, "Rome", 0.875],
  ]);
  expect(results[1]?.sides[0].scores[1].reason).toBe('Not there: "Tiber".');
  const { run_id } = results[0]?.sides[0] ?? {};
  expect((await host.call("GET", `/v2/runs/${run_id}`)).body).toMatchObject({
    ...{ status: "completed", agent_key: target, result: { response: "Paris" } },
  });
  const record = await host.call("GET", `/v2/runs/${run_id}/record`);
  expect(JSON.stringify(record.body)).toContain("Capital of France?");
});

test("a conversation of several turns is answered with what was said before", async () => {
  const dataset_id = await desk.dataset([
    {
      messages: [
        user("I am Kim."),
        { role: "assistant", content: "Hello Kim." },
        user("Who am I?"),
      ],
      expected: { text: "Kim" },
    },
  ]);
  host.llm.script = ({ request }) =>
    JSON.stringify(request.messages).includes("I am Kim.") ? "kim" : "nobody";
  const targets = [{ target: await desk.agentOf("You remember.") }];

  const { results } = await desk.evaluate({
    ...{ dataset_id, targets, scorers: [{ type: "exact", ignore_case: true }] },
  });

  expect(results[0]?.sides[0]).toMatchObject({ answer: "kim", score: 1, passed: true });
});

test("two versions side by side: each item is asked of both, and counted for the better one", async () => {
  const dataset_id = await desk.dataset(capitals);
  const target = await desk.agentOf("OLD");
  await host.call("PATCH", `/v2/agents/${target}`, { system_message: "NEW" });
  host.llm.script = ({ request }) => {
    const isNew = JSON.stringify(request.messages).includes("NEW");
    return isNew || lastUser(request).includes("France") ? knows(lastUser(request)) : "No idea.";
  };

  const { end, results } = await desk.evaluate({
    ...{ dataset_id, scorers: [{ type: "exact" }] },
    targets: [{ target, version: 1 }, { target }],
  });

  expect(end.targets.map(({ version }: Json) => version)).toEqual([1, 2]);
  expect(end.comparison).toEqual({ a: 0, b: 1, ties: 1 });
  expect(end.summary.map(({ passed }: Json) => passed)).toEqual([1, 2]);
  expect(results.map(({ sides }) => sides.map(({ score }: Json) => score))).toEqual([
    [1, 1],
    [0, 1],
  ]);
});

test("a team and a workflow are evaluated as agents are", async () => {
  host.llm.script = ({ request }) => `${knows(lastUser(request))}`;
  const agent = await desk.agentOf("You know capitals.");
  const members = [{ agent }];
  const team = await desk.make("/v2/teams", { name: "Desk", mode: "coordinate", members });
  const graph_definition = {
    nodes: [
      { id: "double", type: "set", value: "input.n * 2", save: "n" },
      { id: "end", type: "end" },
    ],
    edges: [{ from: "double", to: "end" }],
  };
  const state_schema = { properties: { n: { type: "integer" } } };
  const flow = await desk.make("/v2/workflows", {
    ...{ name: "Twice", graph_definition, state_schema, output: "n" },
  });
  const schema = { type: "integer", minimum: 8 };
  const sums = await desk.dataset([
    { input: { n: 4 }, expected: { text: "8", schema } },
    { input: { n: 3 }, expected: { text: "7", schema } },
  ]);

  const ofTeam = await desk.evaluate({
    ...{ dataset_id: await desk.dataset(capitals), targets: [{ target: team.id }] },
    scorers: [{ type: "contains", mode: "any" }],
  });
  const ofFlow = await desk.evaluate({
    ...{ dataset_id: sums, targets: [{ target: flow.id }] },
    scorers: [{ type: "exact" }, { type: "schema" }],
  });

  expect(ofTeam.end.summary[0]).toMatchObject({ items: 2, passed: 2, failed: 0 });
  expect(ofFlow.results.map(({ sides: [side] }) => [side.answer, side.score])).toEqual([
    ["8", 1],
    ["6", 0],
  ]);
});

test("a budget is never overspent: what is done is kept, and nothing else is begun", async () => {
  const items = Array.from({ length: 8 }, (_, at) => ({ messages: [user(`Question ${at}`)] }));
  const targets = [{ target: await desk.agentOf("You answer.") }];
  const before = await host.balance();

  const { end, results } = await desk.evaluate({
    ...{ dataset_id: await desk.dataset(items), targets, budget: 0.0035, concurrency: 4 },
    scorers: [{ type: "contains", values: ["export"] }],
  });

  expect(end).toMatchObject({ status: "budget", total: 8, done: 3, units: 0.003 });
  expect(results).toHaveLength(3);
  expect(before - (await host.balance())).toBe(3_000);
});

test("a balance that is gone ends an evaluation and says so", async () => {
  const items = Array.from({ length: 4 }, (_, at) => ({ messages: [user(`Question ${at}`)] }));
  const dataset_id = await desk.dataset(items);
  const targets = [{ target: await desk.agentOf("You answer.") }];
  await host.setBalance(0.002);

  const { end } = await desk.evaluate({
    ...{ dataset_id, targets, concurrency: 1, scorers: [{ type: "exact" }] },
  });
  await host.setBalance(100);

  expect(end).toMatchObject({
    ...{ status: "failed", done: 3, units: 0.002, error: { code: "BALANCE_EXHAUSTED" } },
  });
});

test("a judge grades by its rubric, is asked again when it writes nonsense, and is paid for a grade alone", async () => {
  const isJudge = (request: { readonly messages: readonly { readonly content: string }[] }) =>
    request.messages[0]?.content.startsWith("You grade");
  const asked: string[] = [];
  host.llm.script = ({ request }) => {
    if (isJudge(request) !== true) return knows(lastUser(request));
    const of = request.messages[1]?.content ?? "";
    asked.push(of.includes("France") ? "France" : "Italy");
    if (of.includes("Italy")) return "Ten out of ten!";
    const isAgain = request.messages.length > 2;
    return isAgain ? '{"reason": "It is right.", "grade": 9}' : '{"grade": 11}';
  };
  const targets = [{ target: await desk.agentOf("You know capitals.") }];
  const before = await host.balance();

  const { end, results } = await desk.evaluate({
    ...{ dataset_id: await desk.dataset(capitals), targets, concurrency: 1 },
    scorers: [{ type: "exact" }, { type: "judge", rubric: "It is right.", model: "judge-1" }],
  });

  expect(asked).toEqual(["France", "France", "Italy", "Italy"]);
  const [france, italy] = results.map(({ sides: [side] }) => side);
  expect(france).toMatchObject({ score: 0.95, passed: true, units: 0.002 });
  expect(france.scores[1]).toEqual({ scorer: "judge", score: 0.9, reason: "It is right." });
  expect(france.judge_usage.prompt_tokens).toBeGreaterThan(0);
  expect(italy).toMatchObject({ score: 1, passed: false, units: 0.001 });
  expect(italy.scores[1]).toMatchObject({ score: null, error: true });
  expect(italy.scores[1].reason).toContain("The reply is no JSON.");
  expect(end.summary[0].scorers[1]).toMatchObject({ scored: 1, errors: 1 });
  expect(before - (await host.balance())).toBe(3_000);
});

test("who answered and how alike an answer is are scored", async () => {
  const { id: target } = await desk.make("/v2/agents", { name: "Desk", model_name: "m-1" });
  for (const [name, keyword] of [
    ["Docs", "export"],
    ["Billing", "invoice"],
  ]) {
    await desk.make(`/v2/agents/${target}/sub-agents`, { name, trigger: { keywords: [keyword] } });
  }
  const text = "You can export from Settings.";
  const dataset_id = await desk.dataset([
    { messages: [user("How do I export?")], expected: { route: "docs", text } },
    { messages: [user("Where is my invoice?")], expected: { route: "Docs", text: "A zebra." } },
  ]);

  const { results } = await desk.evaluate({
    ...{ dataset_id, targets: [{ target }] },
    scorers: [{ type: "routing" }, { type: "similarity", embedder: "builtin" }],
  });

  const scores = results.map(({ sides: [side] }) => side.scores.map(({ score }: Json) => score));
  expect(scores[0]?.[0]).toBe(1);
  expect(scores[0]?.[1]).toBeCloseTo(1, 5);
  expect(scores[1]?.[0]).toBe(0);
  expect(scores[1]?.[1]).toBeLessThan(0.5);
});

test("a run that fails is a result with its error, and the others go on", async () => {
  host.llm.script = ({ request }) => {
    if (lastUser(request).includes("France")) throw new Error("broken");
    return knows(lastUser(request));
  };
  const targets = [{ target: await desk.agentOf("You know capitals.") }];

  const { end, results } = await desk.evaluate({
    ...{ dataset_id: await desk.dataset(capitals), targets, scorers: [{ type: "exact" }] },
  });

  expect(end).toMatchObject({ status: "completed", done: 2, units: 0.001 });
  expect(results[0]?.sides[0]).toMatchObject({ status: "failed", score: 0, units: 0 });
  expect(results[0]?.sides[0].error.code).toBe("INTERNAL");
  expect(results[1]?.sides[0]).toMatchObject({ status: "completed", score: 1 });
});

test("a repeated start is the same evaluation, and it is run once", async () => {
  const targets = [{ target: await desk.agentOf("You answer.") }];
  const dataset_id = await desk.dataset(capitals);
  const body = { dataset_id, targets, scorers: [{ type: "exact" }] };
  const once = { headers: { "Idempotency-Key": "start-1" } };
  const before = await host.balance();

  const first = await host.call("POST", "/v2/evaluations", body, once);
  const again = await host.call("POST", "/v2/evaluations", body, once);
  await desk.ended(first.body.id);

  expect(again.body.id).toBe(first.body.id);
  expect(before - (await host.balance())).toBe(2_000);
});

test("an evaluation is cancelled with the answers under way, and deleted with its results", async () => {
  let isReached = (): void => undefined;
  const reached = new Promise<void>((resolve) => {
    isReached = resolve;
  });
  let wasCut = false;
  host.llm.script = async ({ signal }) => {
    isReached();
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    wasCut = true;
    return "";
  };
  const targets = [{ target: await desk.agentOf("You answer.") }];
  const dataset_id = await desk.dataset(capitals);
  const { id } = await desk.make("/v2/evaluations", {
    ...{ dataset_id, targets, scorers: [{ type: "exact" }], concurrency: 1 },
  });
  const one = `/v2/evaluations/${id}`;
  await reached;

  expect((await host.call("POST", `${one}/cancel`)).status).toBe(202);
  const { end } = await desk.ended(id);
  await expect.poll(() => wasCut, WITHIN).toBe(true);
  const events = await (await host.events("GET", `${one}/events`)).rest();
  const removed = await host.call("DELETE", one);

  expect(end).toMatchObject({ status: "cancelled", done: 0 });
  expect(events.at(-1)?.event).toBe("end");
  expect([removed.status, (await host.call("GET", one)).status]).toEqual([204, 404]);
  const rows = await host.system.tables.list(host.tenant, "evaluation-results", { limit: 10 });
  expect(rows.filter((row) => row.id.startsWith(id))).toEqual([]);
});

test("its progress is followed to the end, and again from an event on", async () => {
  const targets = [{ target: await desk.agentOf("You answer.") }];
  const dataset_id = await desk.dataset(capitals);
  const { id } = await desk.make("/v2/evaluations", {
    ...{ dataset_id, targets, scorers: [{ type: "exact" }], concurrency: 1 },
  });
  const path = `/v2/evaluations/${id}/events`;

  const all = await (await host.events("GET", path)).rest();
  const shown = all.filter(({ event }) => event === "event");
  const from = { headers: { "Last-Event-ID": shown[0]?.id ?? "" } };
  const rest = await (await host.events("GET", path, undefined, from)).rest();

  expect(shown.map(({ data }) => (JSON.parse(data) as Json).event.done)).toEqual([1, 2]);
  expect(rest.filter(({ event }) => event === "event")).toHaveLength(1);
});

test("another tenant sees, runs, fills and evaluates none of it", async () => {
  const targets = [{ target: await desk.agentOf("You answer.") }];
  const dataset_id = await desk.dataset(capitals);
  const body = { dataset_id, targets, scorers: [{ type: "exact" }] };
  const { id } = await desk.make("/v2/evaluations", body);
  const run = await host.call("POST", `/v2/agents/${targets[0]?.target}/runs`, { input: "Hm?" });
  const other = { key: host.otherKey };
  const { body: own } = await host.call("POST", "/v2/datasets", { name: "Mine" }, other);
  const items = `/v2/datasets/${own.id}/items`;
  await host.call("POST", items, capitals, other);

  const refused = [
    await host.call("GET", `/v2/evaluations/${id}`, undefined, other),
    await host.call("GET", `/v2/evaluations/${id}/results`, undefined, other),
    await host.call("POST", `/v2/evaluations/${id}/cancel`, undefined, other),
    await host.call("GET", `/v2/datasets/${dataset_id}/items`, undefined, other),
    await host.call("POST", `/v2/datasets/${dataset_id}/items`, capitals, other),
    await host.call("POST", items, { run_id: run.body.id }, other),
  ];
  const theirs = await host.call("POST", "/v2/evaluations", body, other);
  const mixed = { ...body, dataset_id: own.id };
  const stolen = await host.call("POST", "/v2/evaluations", mixed, other);

  expect(refused.map(({ status }) => status)).toEqual([404, 404, 404, 404, 404, 404]);
  expect([theirs.status, theirs.body.pointer]).toEqual([400, "/dataset_id"]);
  expect([stolen.status, stolen.body.pointer]).toEqual([400, "/targets/0/target"]);
});
