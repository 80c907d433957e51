// What items of an evaluation do besides being answered: wait for people, be left out, fill variables, and
// cost what the budget has to cover.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import {
  type EvaluationDesk,
  evaluationDesk,
  lastUser,
  user,
} from "../../support/evaluation-desk.ts";
import { type HttpHost, startHttpHost } from "../../support/http-host.ts";
import { createGate } from "../../support/scripted-llm.ts";
import type { Json } from "../../support/wire-client.ts";

const WITHIN = { timeout: 10_000, interval: 5 };
const exact = [{ type: "exact" }];

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

/** A workflow that asks a person; its answer is whether that was approved. */
async function askingFlow(): Promise<string> {
  const ask = { id: "ask", type: "approval", reason: "It costs.", save: "answer" };
  const { id } = await desk.make("/v2/workflows", {
    name: "Asks",
    graph_definition: {
      nodes: [ask, { id: "end", type: "end" }],
      edges: [{ from: "ask", to: "end" }],
    },
    ...{ state_schema: { properties: { answer: {} } }, output: "answer.approved" },
  });
  return id;
}

const pending = async (): Promise<readonly Json[]> =>
  (await host.call("GET", "/v2/approvals?status=pending")).body.data;

test("an item whose run waits for a person goes on with the decision; the others do not wait for it", async () => {
  const target = await askingFlow();
  const items = [
    { input: { n: 1 }, expected: { text: "true" } },
    { input: { n: 2 }, expected: { text: "true" } },
  ];
  const dataset_id = await desk.dataset(items);
  const { id } = await desk.make("/v2/evaluations", {
    ...{ dataset_id, targets: [{ target }], scorers: exact, concurrency: 2 },
  });
  await expect.poll(async () => (await pending()).length, WITHIN).toBe(2);
  const runOf = async ({ run_id }: Json): Promise<Json> =>
    (await host.call("GET", `/v2/runs/${run_id}`)).body;
  const [one, other] = await pending();
  const decide = (of: Json, decision: string) =>
    host.call("POST", `/v2/approvals/${of.id}/decide`, { decision });

  await decide(one, "approve");
  const read = async (): Promise<Json> => (await host.call("GET", `/v2/evaluations/${id}`)).body;
  await expect.poll(async () => (await read()).done, WITHIN).toBe(1);
  expect([(await read()).status, (await runOf(other)).status]).toEqual(["running", "waiting"]);
  await decide(other, "reject");

  const { end, results } = await desk.ended(id);
  expect(end).toMatchObject({ status: "completed", total: 2, done: 2, units: 0.002 });
  expect(results.map(({ sides: [side] }) => side.answer).sort()).toEqual(["false", "true"]);
  expect(end.summary[0]).toMatchObject({ items: 2, passed: 1, failed: 0 });
});

test("an evaluation that is cancelled while an item waits for a person leaves nobody asked", async () => {
  const target = await askingFlow();
  const dataset_id = await desk.dataset([{ input: {}, expected: { text: "true" } }]);
  const { id } = await desk.make("/v2/evaluations", {
    ...{ dataset_id, targets: [{ target }], scorers: exact },
  });
  await expect.poll(async () => (await pending()).length, WITHIN).toBe(1);

  await host.call("POST", `/v2/evaluations/${id}/cancel`);
  const { end } = await desk.ended(id);

  // What the cut item cost is not known here: it is taken for the most that it may.
  expect(end).toMatchObject({ status: "cancelled", done: 0, units: 0.001 });
  await expect.poll(pending, WITHIN).toEqual([]);
});

test("an item that is deleted or changed before its turn is left out, or run as it is then", async () => {
  const gate = createGate();
  host.llm.script = async ({ request, signal }) => {
    if (lastUser(request) === "Item 0") await gate.wait(signal);
    return lastUser(request);
  };
  const dataset_id = await desk.dataset(
    [0, 1, 2].map((at) => ({ messages: [user(`Item ${at}`)], expected: { text: `Item ${at}` } })),
  );
  const items = `/v2/datasets/${dataset_id}/items`;
  const { data } = (await host.call("GET", items)).body;
  const targets = [{ target: await desk.agentOf("You repeat.") }];
  const { id } = await desk.make("/v2/evaluations", {
    ...{ dataset_id, targets, scorers: exact, concurrency: 1 },
  });
  await gate.reached;

  await host.call("DELETE", `${items}/${data[1].id}`);
  await host.call("PATCH", `${items}/${data[2].id}`, { expected: { text: "Other" } });
  gate.open();
  const { end, results } = await desk.ended(id);

  expect(end).toMatchObject({ status: "completed", total: 3, done: 3, skipped: 1, units: 0.002 });
  expect(end.summary[0]).toMatchObject({ items: 2, passed: 1, score: 0.5 });
  expect(results.map(({ item_id, item, sides }) => [item_id, item === null, sides.length])).toEqual(
    [
      [data[0].id, false, 1],
      [data[1].id, true, 0],
      [data[2].id, false, 1],
    ],
  );
  expect(results[2]?.item).toMatchObject({ version: 2, expected: { text: "Other" } });
});

test("the variables of an item fill its agent's prompt, and what does not fit is that item's error", async () => {
  const { id: prompt_id } = await desk.make("/v2/prompts", {
    ...{ name: "Tone", template: "Speak as in {{place}}." },
    variables: [{ name: "place", type: "enum", values: ["Rome", "Oslo"], required: true }],
  });
  const { id: target } = await desk.make("/v2/agents", {
    ...{ name: "Desk", model_name: "m-1", prompt_id, prompt_variables: { place: "Rome" } },
  });
  host.llm.script = ({ request }) =>
    /as in (\w+)/.exec(JSON.stringify(request.messages))?.[1] ?? "nowhere";
  const messages = [user("Where?")];
  const dataset_id = await desk.dataset([
    { messages, expected: { text: "Rome" } },
    { messages, variables: { place: "Oslo" }, expected: { text: "Oslo" } },
    { messages, variables: { place: "Atlantis" }, expected: { text: "Atlantis" } },
  ]);

  const { end, results } = await desk.evaluate({
    ...{ dataset_id, targets: [{ target }], scorers: exact },
  });

  expect(results.map(({ sides: [side] }) => [side.status, side.answer])).toEqual([
    ["completed", "Rome"],
    ["completed", "Oslo"],
    ["failed", ""],
  ]);
  expect(results[2]?.sides[0].error.message).toContain("place");
  expect(end).toMatchObject({ status: "completed", units: 0.002 });
});

test("an item has passed from its threshold on", async () => {
  host.llm.script = () => "one, two";
  const dataset_id = await desk.dataset(
    [["one"], ["two", "three"], ["one", "three", "four"]].map((facts) => ({
      ...{ messages: [user("Count.")], expected: { facts } },
    })),
  );
  const targets = [{ target: await desk.agentOf("You count.") }];

  const { end, results } = await desk.evaluate({
    ...{ dataset_id, targets, scorers: [{ type: "contains" }], threshold: 0.5 },
  });

  expect(results.map(({ sides: [side] }) => [side.score, side.passed])).toEqual([
    [1, true],
    [0.5, true],
    [1 / 3, false],
  ]);
  expect(end.summary[0].passed).toBe(2);
});

test.each([
  ["a judge", 1, [{ type: "judge", rubric: "Right.", model: "judge-1" }]],
  ["a second target", 2, exact],
] as const)(
  "%s is part of what the budget has to cover before an item is begun",
  async (_, sides, scorers) => {
    host.llm.script = ({ request }) =>
      request.messages[0]?.content.startsWith("You grade")
        ? '{"grade": 9, "reason": "Good."}'
        : "Yes.";
    const target = await desk.agentOf("You answer.");
    const items = Array.from({ length: 4 }, (_, at) => ({
      ...{ messages: [user(`Question ${at}`)], expected: { text: "Yes." } },
    }));
    const targets = Array.from({ length: sides }, () => ({ target }));
    const before = await host.balance();

    const { end } = await desk.evaluate({
      ...{ dataset_id: await desk.dataset(items), targets, scorers, budget: 0.005, concurrency: 4 },
    });

    expect(end).toMatchObject({ status: "budget", done: 2, units: 0.004 });
    expect(before - (await host.balance())).toBe(4_000);
  },
);
