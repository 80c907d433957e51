// What workflows wait for: times, events, and what is left of a wait when another branch fails.

import { expect, test } from "vitest";
import { end, runFlow, set, through } from "../../support/flow-graphs.ts";
import { startFlows } from "../../support/flow-system.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MINUTE_MS = 60_000;
const mapped = (more: object, state: object = {}) => ({
  graph_definition: {
    nodes: [{ id: "each", type: "map", items: "input.names", save: "said", ...more }, end],
    edges: through("each", "end"),
  },
  state_schema: { properties: { said: { type: "array", ...state } } },
  output: "said",
});

const sleeping = {
  graph_definition: {
    nodes: [
      { id: "days", type: "sleep", ms: 3 * DAY_MS },
      { id: "until", type: "sleep", until: "input.until" },
      end,
    ],
    edges: through("days", "until", "end"),
  },
};
test("a sleep of days is slept in a hibernating run, once, over a restart", async () => {
  const flows = await startFlows({ limits: { runIdleMs: 5_000 } });
  const until = new Date(flows.system.schedule.nowMs + 5 * DAY_MS).toISOString();
  await flows.putFlow("wf_1", sleeping);
  const run = await flows.start("wf_1", "cv_1", { until });
  const { schedule } = flows.system;
  const later = async (ms: number): Promise<number | undefined> => {
    schedule.jump(ms);
    await schedule.advance(3 * MINUTE_MS);
    return flows.system.kernelOf(`conversation:${flows.tenant}/cv_1`)?.inspect().runs;
  };
  const asleep = await later(DAY_MS);
  flows.system.crash("process");
  await flows.up();
  const awake = [await later(1), await later(2 * DAY_MS), await later(2 * DAY_MS)];
  const { outcome } = await flows.end("cv_1", run);
  expect([asleep, ...awake]).toEqual([0, 0, 0, 0]);
  expect(outcome.status).toBe("completed");
  const log = await flows.log("cv_1", run);
  const slept = log.find((one) => one.type === "step" && one.key === "ended:1#1");
  const atMs = slept?.type === "step" ? Number(slept.result) : 0;
  const lateMs = atMs - Date.parse(until);
  expect(lateMs >= 0 && lateMs < 15 * MINUTE_MS).toBe(true);
});
const paying = (more = {}) => ({
  graph_definition: {
    nodes: [{ id: "wait", type: "event", event: "paid", save: "paid", ...more }, end],
    edges: through("wait", "end"),
  },
  state_schema: { properties: { paid: {} } },
});
test("an event is taken once, also when it comes before the node waits", async () => {
  const flows = await startFlows();
  await flows.putFlow("wf_1", {
    ...paying(),
    graph_definition: {
      nodes: [
        { id: "nap", type: "sleep", ms: HOUR_MS },
        { id: "wait", type: "event", event: "paid" },
        end,
      ],
      edges: through("nap", "wait", "end"),
    },
  });
  const run = await flows.start("wf_1", "cv_1");
  const told = await flows.tell("cv_1", run, "paid", { euros: 5 });
  const again = await flows.tell("cv_1", run, "paid", { euros: 6 });
  const { reply } = await flows.end("cv_1", run, 2 * HOUR_MS);
  expect([told, again]).toEqual(["", "CONFLICT"]);
  expect(reply).toMatchObject({ output: { euros: 5 } });
});
test("an event that does not come fails the run, or lets it go on with nothing", async () => {
  const late = { timeout_ms: HOUR_MS };
  const failed = await runFlow(await startFlows(), paying(late), {}, 2 * HOUR_MS);
  const goes = paying({ ...late, on_timeout: "continue" });
  const went = await runFlow(await startFlows(), goes, {}, 2 * HOUR_MS);
  expect(failed).toMatchObject({ status: "failed", error: { code: "DEADLINE" } });
  expect(went).toMatchObject({ status: "completed", output: null });
});
test("events of items are told apart by their keys", async () => {
  const flows = await startFlows();
  await flows.putFlow(
    "wf_1",
    mapped({
      body: {
        nodes: [
          { id: "wait", type: "event", event: "paid", key: "item" },
          { id: "done", type: "end" },
        ],
        edges: through("wait", "done"),
      },
    }),
  );
  const run = await flows.start("wf_1", "cv_1", { names: ["a", "b"] });
  await flows.tell("cv_1", run, "paid.b", 2);
  await flows.tell("cv_1", run, "paid.a", 1);
  const { reply } = await flows.end("cv_1", run);
  expect(reply).toMatchObject({ output: [1, 2] });
});
test("a branch that fails ends what the others wait for, however long that is", async () => {
  const flows = await startFlows();
  await flows.putFlow("wf_1", {
    graph_definition: {
      nodes: [
        { id: "fork", type: "parallel" },
        { id: "nap", type: "sleep", ms: 30 * DAY_MS },
        { id: "wait", type: "event", event: "never" },
        set("break", '"x"', "n"),
        { id: "meet", type: "join" },
        end,
      ],
      edges: [
        ...["nap", "wait", "break"].flatMap((id) => [
          { from: "fork", to: id },
          { from: id, to: "meet" },
        ]),
        { from: "meet", to: "end" },
      ],
    },
    state_schema: { properties: { n: { type: "integer" } } },
  });
  const run = await flows.start("wf_1", "cv_1");
  const { outcome } = await flows.end("cv_1", run, 1_000);
  expect(outcome).toMatchObject({ status: "failed", error: { code: "OUTPUT_INVALID" } });
});

test("branches that wait for one event all get it", async () => {
  const flows = await startFlows();
  const ids = ["one", "two"];
  await flows.putFlow("wf_1", {
    graph_definition: {
      nodes: [
        { id: "fork", type: "parallel" },
        ...ids.map((id) => ({ id, type: "event", event: "paid", save: "paid" })),
        { id: "meet", type: "join" },
        end,
      ],
      edges: [
        ...ids.flatMap((id) => [
          { from: "fork", to: id },
          { from: id, to: "meet" },
        ]),
        { from: "meet", to: "end" },
      ],
    },
    state_schema: { properties: { paid: { reducer: "append" } } },
    output: "paid",
  });
  const run = await flows.start("wf_1", "cv_1");

  await flows.tell("cv_1", run, "paid", 5);
  const { reply } = await flows.end("cv_1", run);

  expect(reply).toMatchObject({ output: [5, 5] });
});
