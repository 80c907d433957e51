// A conversation whose run waits for a person: what a second message does to it, and its deletion.

import { expect, test } from "vitest";
import { approvalsAddress } from "../../../actors/approvals/approval.ts";
import { type Approval, approvalTables } from "../../../actors/records/approval.ts";
import { address } from "../../../runtime/address.ts";
import { decode } from "../../../runtime/store/codec.ts";
import { keys, prefixRange } from "../../../runtime/store/keys.ts";
import { end, through } from "../../support/flow-graphs.ts";
import { type FlowSystem, startFlows } from "../../support/flow-system.ts";

const DAY_MS = 24 * 3_600_000;
const CV = "cv_1";
const FLOW = "wf_1";

const asking = {
  graph_definition: {
    nodes: [
      { id: "ask", type: "approval", reason: "Send it?", arguments: '{"n": 1}', save: "said" },
      end,
    ],
    edges: through("ask", "end"),
  },
  state_schema: { properties: { said: {} } },
  output: "said.approved",
};

/** A conversation whose run has waited for a day, and has left memory. */
async function waiting() {
  const flows = await startFlows({ limits: { runIdleMs: 5_000 } });
  await flows.putFlow(FLOW, asking);
  const run = await flows.start(FLOW, CV);
  await flows.system.schedule.advance(20_000);
  flows.system.schedule.jump(DAY_MS);
  await flows.system.schedule.advance(120_000);
  const to = address({ kind: "conversation", tenant: flows.tenant, root: CV });
  return { flows, run, to };
}

function rowsOf<T>({ system, tenant }: FlowSystem, table: string): readonly T[] {
  const { from, to } = prefixRange(keys.tableOf(tenant, table), 1);
  const found = system.disk.rows.filter(({ key }) => key >= from && key < to);
  return found.map(({ value }) => decode(value) as T);
}

const approvalsOf = (flows: FlowSystem) => rowsOf<Approval>(flows, approvalTables.approvals);

async function say(flows: FlowSystem, to: string, message: object): Promise<unknown> {
  const answer = flows.system.ask(to, message);
  answer.catch(() => undefined);
  await flows.system.schedule.advance(1_000);
  return await answer;
}

const second = (on_busy: string) => ({
  ...{ type: "chat", agent: FLOW, text: "{}", data: {}, stream: true, on_busy },
  ...{ priceMicros: 0, service: "runs" },
});

const approve = (flows: FlowSystem, { id }: Approval) =>
  say(flows, approvalsAddress(flows.tenant, CV), {
    ...{ type: "decide", id, decision: "approve", by: "ak_1", note: null, arguments: null },
  });

test("a message that interrupts cancels what waits and its approval, and asks anew for itself", async () => {
  const { flows, run, to } = await waiting();

  const next = (await say(flows, to, second("interrupt"))) as { readonly run: string };
  await flows.system.schedule.advance(10_000);

  expect(approvalsOf(flows).map(({ root_run_id, status }) => [root_run_id, status])).toEqual([
    [run, "cancelled"],
    [next.run, "pending"],
  ]);
  await approve(flows, approvalsOf(flows)[1] as Approval);
  expect((await flows.end(CV, next.run)).outcome.status).toBe("completed");
  expect((await flows.end(CV, run)).outcome.status).toBe("cancelled");
});

test("a message that is queued, merged or steered leaves what waits alone, and has its turn after it", async () => {
  for (const mode of ["enqueue", "merge", "steer"]) {
    const { flows, run, to } = await waiting();

    const next = (await say(flows, to, second(mode))) as { readonly run: string };
    await flows.system.schedule.advance(10_000);
    const [first, ...others] = approvalsOf(flows);
    expect([first?.status, others], mode).toEqual(["pending", []]);
    await approve(flows, first as Approval);

    expect((await flows.end(CV, run)).outcome.status, mode).toBe("completed");
    await flows.system.schedule.advance(1_000);
    const asked = approvalsOf(flows).find((one) => one.root_run_id === next.run);
    expect(asked?.status, mode).toBe("pending");
  }
});

test("a conversation that is deleted takes its approvals with it, decided or not", async () => {
  const { flows, run, to } = await waiting();
  await approve(flows, approvalsOf(flows)[0] as Approval);
  await say(flows, to, second("enqueue"));
  await flows.system.schedule.advance(1_000);
  const before = approvalsOf(flows);
  expect(before.map(({ status }) => status)).toEqual(["approved", "pending"]);

  await say(flows, to, { type: "delete" });
  await flows.system.schedule.advance(10_000);

  for (const table of Object.values(approvalTables))
    expect(rowsOf(flows, table), table).toEqual([]);
  expect(JSON.stringify(rowsOf(flows, "audit"))).not.toContain("arguments");
  const late = approve(flows, before[1] as Approval);
  await expect(late).rejects.toMatchObject({ code: "NOT_FOUND" });
  expect((await flows.end(CV, run)).outcome.status).toBe("completed");
});
