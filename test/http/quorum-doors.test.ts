// Approvals that several have to agree to, decided through different doors: each decider counts once, by
// whatever door it comes, and who has approved is not asked again while the others are waited for.

import { afterAll, beforeAll, expect, test } from "vitest";
import { connect } from "../adapters/mcp/mcp-host.ts";
import { type HttpHost, startHttpHost } from "../support/http-host.ts";
import type { Json } from "../support/wire-client.ts";

const SOON = { timeout: 5_000, interval: 20 };
let host: HttpHost;
let workflow = "";

beforeAll(async () => {
  host = await startHttpHost();
  const made = await host.call("POST", "/v2/workflows", {
    name: "Refund",
    graph_definition: {
      nodes: [
        {
          ...{ id: "ask", type: "approval", reason: "Money leaves.", save: "said" },
          approvals: { required: 2 },
        },
        { id: "end", type: "end" },
      ],
      edges: [{ from: "ask", to: "end" }],
    },
    ...{ state_schema: { properties: { said: {} } }, output: "said", entry_node: "ask" },
  });
  expect(made.status, JSON.stringify(made.body)).toBe(201);
  workflow = made.body.id;
});
afterAll(() => host.stop());

/** A run that waits; the id of its approval. */
async function waiting(): Promise<{ readonly run: string; readonly id: string }> {
  const body = { input: "Refund it.", mode: "background" };
  const run = (await host.call("POST", `/v2/workflows/${workflow}/runs`, body)).body.id;
  const of = async (): Promise<Json> =>
    (await host.call("GET", `/v2/approvals?run_id=${run}`)).body.data[0];
  await expect.poll(async () => (await of())?.status, SOON).toBe("pending");
  return { run, id: (await of()).id };
}
const keyOf = (): Promise<string> => host.makeKey(["*"], host.tenant, "operator");
const approval = async (id: string): Promise<Json> =>
  (await host.call("GET", `/v2/approvals/${id}`)).body;
const statusOf = async (run: string): Promise<string> =>
  (await host.call("GET", `/v2/runs/${run}`)).body.status;
const byRest = (id: string, key: string) =>
  host.call("POST", `/v2/approvals/${id}/decide`, { decision: "approve" }, { key });
/** The whole stream of a resumption by AG-UI. */
async function byAgUi(id: string, key: string): Promise<string> {
  const answer = await fetch(`${host.url}/v2/agents/${workflow}/ag-ui`, {
    method: "POST",
    headers: { "X-API-Key": key, "Content-Type": "application/json" },
    body: JSON.stringify({
      ...{ threadId: "t", runId: `r-${id}`, messages: [] },
      resume: [{ interruptId: id, status: "resolved", payload: { approved: true } }],
    }),
  });
  return await answer.text();
}
async function byA2a(run: string, key: string): Promise<Json> {
  const path = `/a2a/${workflow}/message:send?A2A-Version=1.0`;
  const message = { messageId: `m-${key.slice(-6)}`, role: "ROLE_USER", taskId: run };
  const body = {
    message: { ...message, parts: [{ text: "approve" }] },
    configuration: { returnImmediately: true },
  };
  return await host.call("POST", path, body, { key });
}

/** By whatever door: each entry of the audit says from where it came, and with which request. */
async function expectSources(id: string, count: number): Promise<void> {
  const { body } = await host.call(
    "GET",
    `/admin/audit?subject=${id}&tenant=${host.tenant}`,
    undefined,
    {
      key: host.adminKey,
    },
  );
  const sources = body.data.map(({ from, request_id }: Json) => ({ from, request_id }));
  expect(sources).toEqual(
    Array(count).fill({ from: "127.0.0.1", request_id: expect.stringMatching(/^req_/) }),
  );
}

test("one approves by AG-UI, is told that it still waits, and another by A2A makes it go on", async () => {
  const { run, id } = await waiting();
  const [one, other] = [await keyOf(), await keyOf()];

  const first = await byAgUi(id, one);
  const again = await byAgUi(id, one);
  const rest = await byRest(id, one);
  const task = await byA2a(run, one);
  const before = await approval(id);
  const last = await byA2a(run, other);

  expect(first).toContain('"type":"interrupt"');
  expect(again).toContain('"type":"interrupt"');
  expect([rest.status, task.status]).toEqual([409, 400]);
  expect(JSON.stringify(task.body)).toContain("it counts once");
  expect([before.status, before.decisions.length]).toEqual(["pending", 1]);
  expect(last.status, JSON.stringify(last.body)).toBe(200);
  expect((await approval(id)).status).toBe("approved");
  await expectSources(id, 2);
  await expect.poll(() => statusOf(run), SOON).toBe("completed");
});

test("who approves by MCP is asked once, and its run goes on when another has approved", async () => {
  const [one, other] = [await keyOf(), await keyOf()];
  let asked = 0;
  const person = () => {
    asked += 1;
    return { action: "accept", content: { decision: "approve" } };
  };
  for (const era of ["older", "current"] as const) {
    asked = 0;
    const client = await connect(host.url, one, era, { person });
    const told = await client.callTool({ name: workflow, arguments: { message: "Refund it." } });
    const run = /rn_[0-9a-z]{26}/.exec(JSON.stringify(told))?.[0] ?? "";
    const [open] = (await host.call("GET", `/v2/approvals?run_id=${run}`)).body.data;
    const done = await byRest(open.id, other);

    expect([era, asked, told.isError]).toEqual([era, 1, true]);
    expect([open.status, open.decisions.length, done.body.status]).toEqual([
      "pending",
      1,
      "approved",
    ]);
    await expect.poll(() => statusOf(run), SOON).toBe("completed");
    await expectSources(open.id, 2);
    await client.close();
  }
});

test("two by two doors at once are two, and the same one by two doors is one", async () => {
  const [one, other] = [await keyOf(), await keyOf()];
  const both = await waiting();
  const same = await waiting();

  await Promise.all([byRest(both.id, one), byA2a(both.run, other)]);
  const answers = await Promise.all([byRest(same.id, one), byA2a(same.run, one)]);

  expect((await approval(both.id)).status).toBe("approved");
  expect(answers.map(({ status }) => status).sort()).toEqual([
    200,
    answers[0]?.status === 200 ? 400 : 409,
  ]);
  const left = await approval(same.id);
  expect([left.status, left.decisions.length]).toEqual(["pending", 1]);
});
