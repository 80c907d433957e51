// A person decides about what the real process wants to do, while it is killed with kill -9 at every
// stage: while the run waits, right after the decision was acknowledged, and while two decide at once.

import { afterAll, beforeAll, expect, test } from "vitest";
import { type Product, startProduct } from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

const RUNS = 4;
const ENDED_MS = 30_000;

let product: Product;

beforeAll(async () => {
  product = await startProduct({ env: { TROUPE_WORKERS: "2" } });
});
afterAll(() => product.end());

/** A workflow in which a person decides in a workflow of its own: a child run of the run. */
async function makeWorkflow(): Promise<string> {
  const made = async (name: string, node: object): Promise<string> => {
    const { body, status } = await product.call("POST", "/v2/workflows", {
      name,
      graph_definition: {
        nodes: [
          { ...node, save: "answer" },
          { id: "end", type: "end" },
        ],
        edges: [{ from: "ask", to: "end" }],
      },
      state_schema: { properties: { answer: {} } },
      output: "answer",
    });
    expect(status, JSON.stringify(body)).toBe(201);
    return body.id;
  };
  const asks = { id: "ask", type: "approval", reason: "It costs.", arguments: '{"n": input.n}' };
  const inner = await made("Asks", asks);
  return await made("Outer", {
    ...{ id: "ask", type: "sub_workflow", ref: inner, input: '{"n": input.n}' },
  });
}

const pending = async (): Promise<readonly Json[]> =>
  (await product.call("GET", "/v2/approvals?status=pending&limit=100")).body.data;

const runOf = async (run: string): Promise<Json> =>
  (await product.call("GET", `/v2/runs/${run}`)).body;

test("kill -9 before, between and after decisions: what was acknowledged is what the runs were told", {
  timeout: 170_000,
}, async () => {
  const workflow = await makeWorkflow();
  const runs: string[] = [];
  for (let n = 0; n < RUNS; n += 1) {
    const body = { input: { n }, mode: "background" };
    const started = await product.call("POST", `/v2/workflows/${workflow}/runs`, body);
    expect(started.status).toBe(202);
    runs.push(started.body.run_id);
  }
  await expect.poll(async () => (await pending()).length, { timeout: ENDED_MS }).toBe(RUNS);

  await product.kill();
  await product.start();

  const waiting = await pending();
  expect(waiting.map((one) => one.root_run_id).sort()).toEqual(runs.toSorted());
  expect(waiting.every((one) => one.run_id !== one.root_run_id)).toBe(true);
  expect((await runOf(runs[0] ?? "")).status).toBe("waiting");

  const decided = new Map<string, "approve" | "reject">();
  for (const [at, approval] of waiting.entries()) {
    const path = `/v2/approvals/${approval.id}/decide`;
    const decision = at % 2 === 0 ? "approve" : "reject";
    const edited = decision === "approve" ? { arguments: { n: 100 } } : { note: "No." };
    const two = [
      { decision, ...edited },
      { decision: decision === "approve" ? "reject" : "approve" },
    ];
    const answers = await Promise.all(two.map((body) => product.call("POST", path, body)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
    const counted = two[answers.findIndex(({ status }) => status === 200)]?.decision;
    decided.set(approval.id, counted === "approve" ? "approve" : "reject");
    // Acknowledged is on disk, whatever becomes of the process.
    if (at % 2 === 1) {
      await product.kill();
      await product.start();
    }
  }

  const status = async (): Promise<readonly string[]> =>
    Promise.all(runs.map(async (run) => (await runOf(run)).status));
  await expect.poll(status, { timeout: ENDED_MS }).toEqual(runs.map(() => "completed"));
  for (const approval of waiting) {
    const decision = decided.get(approval.id);
    const { body } = await product.call("GET", `/v2/approvals/${approval.id}`);
    expect(body.status).toBe(decision === "approve" ? "approved" : "rejected");
    const run = await runOf(approval.root_run_id);
    expect(JSON.stringify(run.result)).toContain(`approved\\":${decision === "approve"}`);
  }
  expect(await pending()).toEqual([]);
});
