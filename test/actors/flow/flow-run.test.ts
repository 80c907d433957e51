// Workflows as they run: loops, maps, sub-workflows, typed state.

import { expect, test } from "vitest";
import { loadDecimals } from "../../../actors/tools/arithmetic.ts";
import { end, runFlow, set, through } from "../../support/flow-graphs.ts";
import { answerOf, type FlowSystem, startFlows } from "../../support/flow-system.ts";

test("a workflow computes on its typed input, and gives what its output says", async () => {
  const flows = await startFlows();

  const ended = await runFlow(
    flows,
    {
      graph_definition: {
        nodes: [set("double", "input.n * 2", "n"), end],
        edges: through("double", "end"),
      },
      state_schema: { properties: { n: { type: "integer" } } },
      input_schema: { type: "object", required: ["n"], properties: { n: { type: "integer" } } },
      output: '{"doubled": n}',
    },
    { n: 21 },
  );

  expect(ended).toEqual({ status: "completed", output: { doubled: 42 }, text: '{"doubled":42}' });
});

test("an input that does not fit its schema ends the run with the pointer", async () => {
  const flows = await startFlows();

  const { status, error } = await runFlow(
    flows,
    {
      graph_definition: { nodes: [end], edges: [] },
      input_schema: { type: "object", properties: { n: { type: "integer" } } },
    },
    { n: "many" },
  );

  expect(status).toBe("failed");
  expect(error).toMatchObject({ code: "INVALID", details: { pointer: "/input/n" } });
});

test("a write that does not fit its field's schema fails, and says where", async () => {
  const flows = await startFlows();

  const { error } = await runFlow(flows, {
    graph_definition: {
      nodes: [set("a", '"text"', "n"), end],
      edges: through("a", "end"),
    },
    state_schema: { properties: { n: { type: "integer" } } },
  });

  expect(error).toMatchObject({ code: "OUTPUT_INVALID", details: { pointer: "/state/n" } });
});

test("a loop goes on while its condition holds, and ends at its bound", async () => {
  const loop = (more: object) => ({
    graph_definition: {
      nodes: [
        {
          id: "again",
          type: "loop",
          max: 5,
          body: {
            nodes: [set("add", "round", "sum"), { id: "done", type: "end" }],
            edges: through("add", "done"),
          },
          ...more,
        },
        end,
      ],
      edges: through("again", "end"),
    },
    state_schema: { properties: { sum: { reducer: "sum", type: "number" } } },
    output: "sum",
  });
  const flows = await startFlows();

  const ended = await runFlow(flows, loop({ while: "sum < 6" }));
  const bounded = await runFlow(await startFlows(), loop({}));
  const failed = await runFlow(await startFlows(), loop({ on_max: "fail" }));

  expect(ended).toMatchObject({ output: 6 });
  expect(bounded.output).toBe(15);
  expect(failed).toMatchObject({ status: "exhausted", error: { code: "STEPS_EXHAUSTED" } });
});

const mapped = (more: object, state: object = {}) => ({
  graph_definition: {
    nodes: [{ id: "each", type: "map", items: "input.names", save: "said", ...more }, end],
    edges: through("each", "end"),
  },
  state_schema: { properties: { said: { type: "array", ...state } } },
  output: "said",
});

test("a workflow says how many nodes its runs may enter, and the error says which limit it was", async () => {
  const endless = {
    graph_definition: {
      nodes: [set("a", "1", "n"), end],
      edges: [{ from: "a", to: "a", when: "n > 0" }, ...through("a", "end")],
    },
    state_schema: { properties: { n: { type: "integer" } } },
  };
  const flows = await startFlows();

  const own = await runFlow(flows, { ...endless, max_steps: 3 });
  const usual = await runFlow(await startFlows(), endless);

  const error = { code: "STEPS_EXHAUSTED", details: { stepsMax: 3 } };
  expect(own).toMatchObject({ status: "exhausted", error });
  expect(own.error).toMatchObject({
    message: "The run entered more than 3 nodes, max_steps of the workflow.",
  });
  expect(usual.error).toMatchObject({ details: { stepsMax: 250 } });
});

test("a map asks an agent for each item, several at once, and keeps the order of the items", async () => {
  let now = 0;
  let most = 0;
  const flows: FlowSystem = await startFlows({}, async ({ agent }, text) => {
    now += 1;
    most = Math.max(most, now);
    const ms = 100 * text.length;
    await new Promise<void>((go) => flows.system.schedule.after("agents", ms, go));
    now -= 1;
    return answerOf(agent, text);
  });
  await flows.putAgent("ag_1");
  const names = ["longest of all", "b", "cc", "d"];

  const record = mapped({ ref: "ag_1", input: 'item + "!"', concurrency: 2 });
  const ended = await runFlow(flows, record, { names }, 5_000);

  expect(ended.output).toEqual(names.map((name) => `ag_1(${name}!)`));
  expect(most).toBe(2);
});

test("what the items of a map write is joined in their order, what they replace is their own", async () => {
  const flows = await startFlows();

  const ended = await runFlow(
    flows,
    {
      graph_definition: {
        nodes: [
          {
            id: "each",
            type: "map",
            items: "[3, 1, 2]",
            save: "all",
            result: "own * 10",
            body: {
              nodes: [
                set("mine", "item + index", "own"),
                set("join", "own", "joined"),
                { id: "done", type: "end" },
              ],
              edges: through("mine", "join", "done"),
            },
          },
          end,
        ],
        edges: through("each", "end"),
      },
      state_schema: {
        properties: { own: { default: 7 }, joined: { reducer: "append" }, all: { type: "array" } },
      },
      output: "[own, joined, all]",
    },
    {},
  );

  expect(ended.output).toEqual([7, [3, 2, 4], [30, 20, 40]]);
});

test("items that are no list, or too many, end the run at their place", async () => {
  const none = await runFlow(await startFlows(), mapped({ ref: "ag_1", items: '"x"' }));
  const many = await runFlow(await startFlows(), mapped({ ref: "ag_1" }), {
    names: Array.from({ length: 101 }, (_, at) => `${at}`),
  });

  const place = { code: "INVALID", details: { pointer: "/graph_definition/nodes/0/items" } };
  expect(none.error).toMatchObject(place);
  expect(many.error).toMatchObject(place);
});

test("a sub-workflow is a run of its own with its own state, on the version of its first use", async () => {
  const flows = await startFlows();
  const inner = (factor: number) => ({
    graph_definition: {
      nodes: [set("times", `input.n * ${factor}`, "n"), end],
      edges: through("times", "end"),
    },
    state_schema: { properties: { n: { type: "integer" } } },
  });
  await flows.putFlow("wf_2", inner(3));

  const ended = await runFlow(
    flows,
    {
      graph_definition: {
        nodes: [
          { id: "one", type: "sub_workflow", ref: "wf_2", input: '{"n": 2}', save: "n" },
          { id: "nap", type: "sleep", ms: 1_000 },
          { id: "two", type: "sub_workflow", ref: "wf_2", input: '{"n": n}', save: "n" },
          end,
        ],
        edges: through("one", "nap", "two", "end"),
      },
      state_schema: { properties: { n: { type: "integer" } } },
      output: "n",
    },
    {},
    5_000,
  );

  expect(ended.output).toBe(18);
});

test("a workflow that goes on into itself ends at the depth of runs", async () => {
  const flows = await startFlows();

  const { error } = await runFlow(flows, {
    graph_definition: {
      nodes: [{ id: "self", type: "sub_workflow", ref: "wf_1" }, end],
      edges: through("self", "end"),
    },
  });

  expect(error?.code).toBe("DEPTH_EXHAUSTED");
});

test("branches that ask one agent first pin its version once", async () => {
  const flows = await startFlows();
  await flows.putAgent("ag_1");

  const ended = await runFlow(flows, {
    graph_definition: {
      nodes: [
        { id: "fork", type: "parallel" },
        ...["a", "b"].map((id) => ({
          id,
          type: "agent",
          ref: "ag_1",
          input: `"${id}"`,
          save: "said",
        })),
        { id: "meet", type: "join" },
        end,
      ],
      edges: [
        ...["a", "b"].flatMap((id) => [
          { from: "fork", to: id },
          { from: id, to: "meet" },
        ]),
        { from: "meet", to: "end" },
      ],
    },
    state_schema: { properties: { said: { type: "array", reducer: "append" } } },
    output: "said",
  });

  const [row] = flows.system.disk.rows.filter(({ key }) => key.startsWith("n/"));
  const run = row?.key.split("/").at(-1) ?? "";
  const pins = (await flows.log("cv_1", run)).filter(
    (one) => one.type === "step" && one.key.startsWith("pin:"),
  );
  expect(pins).toHaveLength(1);
  expect(ended.output).toEqual(["ag_1(a)", "ag_1(b)"]);
});

test("a tool is called with what the graph says, and one that fails fails the node or is gone on with", async () => {
  // Virtual time does not wait for a module.
  await loadDecimals();
  const calling = (more: object) => ({
    graph_definition: {
      nodes: [{ id: "sum", type: "tool", ref: "calculator", ...more }, end],
      edges: through("sum", "end"),
    },
    output: "last",
  });
  const good = calling({ arguments: '{"expression": "6 * " + string(input.n)}' });
  const bad = { arguments: '{"expression": "1 / "}' };

  const done = await runFlow(await startFlows(), good, { n: 7 });
  const failed = await runFlow(await startFlows(), calling(bad));
  const went = await runFlow(await startFlows(), calling({ ...bad, on_error: "continue" }));

  expect(JSON.stringify(done.output)).toContain("42");
  expect(failed).toMatchObject({ status: "failed", error: { code: expect.any(String) } });
  expect(failed.error?.message).toContain('of node "sum"');
  expect(went).toMatchObject({
    status: "completed",
    output: { error: { code: failed.error?.code } },
  });
});
