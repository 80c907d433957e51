// A workflow of eight nodes (a loop, an agent, parallel branches with an event and a sleep, an approval) whose process,
// or whose power, fails at every storage write, one after the other: it ends with the same result, and what
// it has done once is not done again.

import { expect, test } from "vitest";
import { approvalsAddress } from "../../../actors/approvals/approval.ts";
import { type Approval, approvalTables } from "../../../actors/records/approval.ts";
import type { ChatReply } from "../../../actors/records/conversation.ts";
import { decode } from "../../../runtime/store/codec.ts";
import { keys } from "../../../runtime/store/keys.ts";
import type { Crash } from "../../../runtime/store/memory.ts";
import { end, set, through } from "../../support/flow-graphs.ts";
import { type FlowSystem, startFlows } from "../../support/flow-system.ts";

const MINUTE_MS = 60_000;

const flow = {
  graph_definition: {
    nodes: [
      {
        id: "draft",
        type: "loop",
        max: 3,
        body: {
          nodes: [
            {
              id: "write",
              type: "agent",
              ref: "ag_1",
              input: '"round " + string(round)',
              save: "notes",
            },
            { id: "written", type: "end" },
          ],
          edges: through("write", "written"),
        },
      },
      { id: "fork", type: "parallel" },
      { id: "paid", type: "event", event: "paid", save: "notes" },
      { id: "nap", type: "sleep", ms: 30 * MINUTE_MS },
      { id: "meet", type: "join" },
      { id: "ask", type: "approval", reason: "Send it?", arguments: '{"notes": notes}' },
      { ...set("sent", 'last.approved ? "sent" : "kept"', "notes") },
      end,
    ],
    edges: [
      { from: "draft", to: "fork" },
      ...["paid", "nap"].flatMap((id) => [
        { from: "fork", to: id },
        { from: id, to: "meet" },
      ]),
      ...through("meet", "ask", "sent", "end"),
    ],
  },
  state_schema: { properties: { notes: { type: "array", reducer: "append" } } },
  output: "notes",
};
const notes = ["ag_1(round 1)", "ag_1(round 2)", "ag_1(round 3)", "in full", "sent"];

interface Told {
  readonly notes: unknown;
  readonly asked: readonly string[];
  /** Writes of the workflow's life. */
  readonly writes: number;
  readonly crashes: number;
}

/** Runs it with a crash after so many writes, telling it what it waits for until it has taken it. */
async function runIt(
  seed: number,
  crash: { readonly kind: Crash; readonly after: number } | null,
): Promise<Told> {
  let isBegun = false;
  let writes = 0;
  const flows: FlowSystem = await startFlows({
    seed,
    limits: { runIdleMs: 5_000 },
    onWrite: (_, stage) => {
      if (!isBegun || stage !== "committed") return;
      writes += 1;
      if (writes === crash?.after) flows.system.crash(crash.kind);
    },
  });
  await flows.putAgent("ag_1");
  await flows.putFlow("wf_1", flow);
  isBegun = true;
  const cv = "cv_1";
  const run = await again(flows, () => flows.start("wf_1", cv));
  await again(flows, () => flows.tell(cv, run, "paid", "in full"));
  await again(flows, () => flows.system.schedule.advance(40 * MINUTE_MS));
  await again(flows, async () => {
    const row = flows.system.disk.rows.find(({ key }) =>
      key.startsWith(keys.tableOf(flows.tenant, approvalTables.approvals)),
    );
    const { id, status } = decode(row?.value ?? new Uint8Array()) as Approval;
    if (status !== "pending") return;
    const to = approvalsAddress(flows.tenant, cv);
    const message = {
      type: "decide",
      id,
      decision: "approve",
      by: "ak_1",
      note: null,
      arguments: null,
    };
    const told = flows.system.ask(to, message);
    told.catch(() => undefined);
    await flows.system.schedule.advance(1_000);
    await told;
  });
  await again(flows, () => flows.system.schedule.advance(MINUTE_MS));
  const { reply, outcome } = await again(flows, () => flows.end(cv, run, MINUTE_MS));
  expect(outcome.status, `seed ${seed}, ${JSON.stringify(crash)}`).toBe("completed");
  const { output } = reply as ChatReply;
  return { notes: output, asked: flows.asked, writes, crashes: flows.system.crashes };
}

/** Says something until nothing crashes while it is said. */
async function again<T>(flows: FlowSystem, call: () => Promise<T>): Promise<T> {
  for (;;) {
    const { crashes } = flows.system;
    const said = await call().then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
    if (flows.system.crashes === crashes) {
      if ("error" in said) throw said.error;
      return said.value;
    }
    await flows.up();
  }
}

test("without a crash it does everything once", async () => {
  const calm = await runIt(1, null);

  expect(calm).toMatchObject({ notes, asked: ["round 1", "round 2", "round 3"], crashes: 0 });
  expect(calm.writes).toBeGreaterThan(10);
});

test.each(["process", "power"] as const)(
  "a loss of the %s after any storage write changes nothing in what it gives",
  async (kind) => {
    const { writes } = await runIt(1, null);

    for (let after = 1; after <= writes; after += 1) {
      const told = await runIt(1, { kind, after });

      expect(told.notes, `write ${after}`).toEqual(notes);
      expect(told.crashes, `write ${after}`).toBe(1);
      // An agent that was cut may be asked again; none that had answered on disk is.
      expect(new Set(told.asked).size, `write ${after}`).toBe(3);
      expect(told.asked.length, `write ${after}`).toBeLessThanOrEqual(4);
    }
  },
  60_000,
);
