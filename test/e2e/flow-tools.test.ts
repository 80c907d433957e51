// Tool records as nodes of workflows in the real process: each call is made on the terms of its record,
// and where a person has to agree the workflow waits for it, through a crash.

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type Product, startProduct } from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

const ENDED_MS = 30_000;
const end = { id: "end", type: "end" };

/** A node as it is sent. */
interface Node {
  readonly id: string;
  readonly [field: string]: unknown;
}

let product: Product;
let shop: Server;
let shopUrl: string;
/** What the shop was asked: method and path. */
let asked: string[] = [];

beforeAll(async () => {
  shop = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ path: request.url }));
  });
  await new Promise<void>((resolve) => shop.listen(0, "127.0.0.1", () => resolve()));
  shopUrl = `http://127.0.0.1:${(shop.address() as AddressInfo).port}`;
  const config = "tools:\n  hosts: [127.0.0.1]\n";
  product = await startProduct({ env: { TROUPE_WORKERS: "2" }, config });
});
afterEach(() => {
  product.provider.reset();
  asked = [];
});
afterAll(async () => {
  await product.end();
  shop.closeAllConnections();
  shop.close();
});

const make = async (path: string, body: object): Promise<string> => {
  const made = await product.call("POST", path, body);
  expect([made.body.detail, made.status]).toEqual([undefined, 201]);
  return String(made.body.id);
};
/** A tool that asks the shop for an order. */
const shopTool = (more: object = {}): Promise<string> =>
  make("/v2/tools", {
    ...{ name: "shop", type: "http_request", config: { url: `${shopUrl}/orders/{id}` } },
    ...more,
  });
/** A graph of these nodes, one after the other. */
const line = (nodes: readonly Node[], last = end) => ({
  nodes: [...nodes, last],
  edges: nodes.map(({ id }, at) => ({ from: id, to: nodes[at + 1]?.id ?? last.id })),
});
const newFlow = (nodes: readonly Node[], more: object = {}): Promise<string> =>
  make("/v2/workflows", { name: "Flow", graph_definition: line(nodes), output: "last", ...more });
const run = (flow: string, input: object, mode = "wait") =>
  product.call("POST", `/v2/workflows/${flow}/runs`, { input, mode });
const runOf = async (id: string): Promise<Json> =>
  (await product.call("GET", `/v2/runs/${id}`)).body;
const statusOf = async (id: string): Promise<string> => (await runOf(id)).status;
const pending = async (id: string): Promise<readonly Json[]> =>
  (await product.call("GET", `/v2/approvals?status=pending&run_id=${id}`)).body.data;
/** The approval that a run waits for. */
async function asks(id: string): Promise<Json> {
  await expect.poll(async () => (await pending(id)).length, { timeout: ENDED_MS }).toBe(1);
  return (await pending(id))[0] as Json;
}
const decide = (approval: Json, body: object) =>
  product.call("POST", `/v2/approvals/${approval.id}/decide`, body);

test("every visit of a node calls the record as it was at the first one of the run", async () => {
  const tool = await shopTool();
  const call = { type: "tool", ref: tool, arguments: '{"id": string(item)}' };
  const each = (id: string) => ({
    ...{ id, type: "map", items: "input.ids", result: "last.body.path" },
    body: line([{ ...call, id: `${id}.call` }], { id: `${id}.end`, type: "end" }),
  });
  const wait = { id: "wait", type: "event", event: "go" };
  const flow = await newFlow([each("before"), wait, each("after")]);
  const started = await run(flow, { ids: [1, 2] }, "background");
  const id = String(started.body.run_id);
  await expect.poll(() => asked.length, { timeout: ENDED_MS }).toBe(2);

  await product.call("PATCH", `/v2/tools/${tool}`, { config: { url: `${shopUrl}/moved/{id}` } });
  await product.call("POST", `/v2/runs/${id}/events/go`, {});
  await expect.poll(() => statusOf(id), { timeout: ENDED_MS }).toBe("completed");
  const later = await run(await newFlow([{ ...call, id: "call", arguments: '{"id": "3"}' }]), {});

  expect((await runOf(id)).result.output).toEqual(["/orders/1", "/orders/2"]);
  expect(asked.slice(0, 4).sort()).toEqual([1, 1, 2, 2].map((one) => `GET /orders/${one}`));
  expect(later.body.output.body).toEqual({ path: "/moved/3" });
});

test("kill -9 while a person is asked: what is agreed to is called once as changed, what is declined never", {
  timeout: 180_000,
}, async () => {
  const tool = await shopTool({ confirm_when: "args.id != '1'" });
  const call = { id: "call", type: "tool", ref: tool, arguments: '{"id": string(input.n)}' };
  const flow = await newFlow([call]);
  const going = await newFlow([{ ...call, on_error: "continue" }]);
  const free = await run(flow, { n: 1 });
  const runs = await Promise.all(
    [flow, flow, going].map(async (one) =>
      String((await run(one, { n: 2 }, "background")).body.run_id),
    ),
  );
  const [agreed = "", declined = "", kept = ""] = runs;
  for (const one of runs) await asks(one);

  await product.kill();
  await product.start();
  const states = await Promise.all(runs.map(statusOf));
  const before = [...asked];
  await decide(await asks(agreed), { decision: "approve", arguments: { id: "7" } });
  await decide(await asks(declined), { decision: "reject", note: "Too much." });
  await decide(await asks(kept), { decision: "reject", note: "Too much." });
  await expect
    .poll(() => Promise.all(runs.map(statusOf)), { timeout: ENDED_MS })
    .toEqual(["completed", "failed", "completed"]);

  expect(free.body.output.body).toEqual({ path: "/orders/1" });
  expect([states, before]).toEqual([["waiting", "waiting", "waiting"], ["GET /orders/1"]]);
  expect(asked).toEqual(["GET /orders/1", "GET /orders/7"]);
  expect((await runOf(declined)).error).toMatchObject({ code: "FORBIDDEN" });
  const { error } = (await runOf(kept)).result.output;
  expect(error).toMatchObject({ code: "FORBIDDEN", message: expect.stringContaining("Too much.") });
});

test("a call that fails fails its node with the code of what went wrong", async () => {
  const parameters = {
    ...{ type: "object", required: ["id"] },
    properties: { id: { type: "string", pattern: "^[0-9]+$" } },
  };
  const tool = await shopTool({ parameters, rate: { calls: 1, per_seconds: 3600 } });
  const call = { id: "call", type: "tool", ref: tool };
  const flow = await newFlow([{ ...call, arguments: "input" }]);

  const wrong = await run(flow, { id: "x" });
  const good = await run(flow, { id: "7" });
  const often = await run(flow, { id: "8" });

  expect([wrong.status, wrong.body.code, wrong.body.pointer]).toEqual([400, "INVALID", "/id"]);
  expect(good.body.status).toBe("completed");
  expect([often.status, often.body.code]).toEqual([429, "RATE_LIMITED"]);
  expect(asked).toEqual(["GET /orders/7"]);
});

test("a branch that fails takes along what a person is asked beside it", async () => {
  const tool = await shopTool({ requires_confirmation: true });
  const fails = { id: "bad", type: "tool", ref: "calculator", arguments: '{"expression": "1 /"}' };
  const flow = await make("/v2/workflows", {
    name: "Beside",
    graph_definition: {
      nodes: [
        { id: "both", type: "parallel" },
        { id: "call", type: "tool", ref: tool, arguments: '{"id": "1"}' },
        { id: "wait", type: "event", event: "go" },
        fails,
        { id: "met", type: "join" },
        end,
      ],
      edges: [
        { from: "both", to: "call" },
        { from: "both", to: "wait" },
        { from: "wait", to: "bad" },
        { from: "bad", to: "met" },
        { from: "call", to: "met" },
        { from: "met", to: "end" },
      ],
    },
  });
  const id = String((await run(flow, {}, "background")).body.run_id);
  const approval = await asks(id);

  await product.call("POST", `/v2/runs/${id}/events/go`, {});
  await expect.poll(() => statusOf(id), { timeout: ENDED_MS }).toBe("failed");

  expect((await runOf(id)).error.message).toContain('node "bad"');
  const status = async () =>
    (await product.call("GET", `/v2/approvals/${approval.id}`)).body.status;
  await expect.poll(status, { timeout: ENDED_MS }).toBe("cancelled");
  expect(asked).toEqual([]);
});

test("a record that delegates gives the agent's answer, whose tokens the run has used", async () => {
  const agent = await make("/v2/agents", { name: "Desk", model_name: "gpt-4o-mini" });
  const tool = await make("/v2/tools", { name: "ask_desk", type: "delegate", config: { agent } });
  product.provider.otherwise({ text: "It is open." });
  const flow = await newFlow([
    { id: "ask", type: "tool", ref: tool, arguments: '{"task": input.task}' },
  ]);

  const done = await run(flow, { task: "Is it open?" });

  expect(done.body.output).toEqual({ answer: "It is open." });
  expect(done.body.usage.total_tokens).toBeGreaterThan(0);
  expect(product.provider.calls().at(-1)?.prompt).toContain("Is it open?");
});
