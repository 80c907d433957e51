// A tool that a person has to agree to, called by a model in the real process, which is killed with
// kill -9 before the decisions, between them, right after one was acknowledged, and after all: what was
// approved is done once, with the arguments as approved, and what was declined is never done.

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ProviderCall } from "../support/fake-provider-call.ts";
import { type Product, startProduct } from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

const ENDED_MS = 20_000;
const NOTE = "Too expensive for this month.";

let product: Product;
let shop: Server;
/** Orders that were made: path by the key of the call. */
const made = new Map<string, string>();
/** Paths of all that was asked to be made, each as often as it was asked. */
const asked: string[] = [];
/** What is made without an answer the first time, as a crash would have it. */
const unanswered = "/order/desks";

beforeAll(async () => {
  shop = createServer((request, response) => {
    const path = request.url ?? "";
    const operation = decodeURIComponent(path.replace("/made/", ""));
    const isThere = request.method === "POST" || made.has(operation);
    if (request.method === "POST") {
      asked.push(path);
      made.set(String(request.headers["idempotency-key"]), path);
      if (path === unanswered && asked.indexOf(path) === asked.length - 1) return;
    }
    response.writeHead(isThere ? 200 : 404, { "content-type": "application/json" });
    response.end(JSON.stringify({ ordered: made.get(operation) ?? path }));
  });
  await new Promise<void>((resolve) => shop.listen(0, "127.0.0.1", () => resolve()));
  const config = "tools:\n  hosts: [127.0.0.1]\n";
  product = await startProduct({ env: { TROUPE_WORKERS: "2" }, config });
});
afterAll(async () => {
  await product.end();
  shop.closeAllConnections();
  shop.close();
});

const make = async (path: string, body: object): Promise<string> => {
  const answer = await product.call("POST", path, body);
  expect(answer.body).toMatchObject({ id: expect.any(String) });
  return String(answer.body.id);
};
const newAgent = (name: string, tool: object): Promise<string> =>
  make("/v2/agents", { name, model_name: "gpt-4o-mini", tools: [tool] });

/** Orders things when a person agrees; after a crash the shop is asked whether it was ordered. */
async function newBuyer(): Promise<string> {
  const { port } = shop.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  const tool = await make("/v2/tools", {
    ...{ name: "order", type: "http_request", requires_confirmation: true },
    ...{ permissions: ["network", "write", "read"], repeat: "reconcile" },
    config: {
      ...{ url: `${url}/order/{what}`, method: "POST" },
      reconcile_url: `${url}/made/{operation}`,
    },
  });
  return await newAgent("Buyer", { tool });
}

const restart = async (): Promise<void> => {
  await product.kill();
  await product.start();
};
const pending = async (): Promise<readonly Json[]> =>
  (await product.call("GET", "/v2/approvals?status=pending&limit=100")).body.data;
const runOf = async (run: string): Promise<Json> =>
  (await product.call("GET", `/v2/runs/${run}`)).body;

/** The model orders what it is asked for; who delegates gives it on as it is. */
function behave(whats: readonly string[]): void {
  const isNew = (call: ProviderCall): boolean => !call.prompt.includes("Result of ");
  for (const what of whats) {
    const asks = (name: string) => (call: ProviderCall) =>
      isNew(call) && call.lastUser.includes(what) && call.tools.some((tool) => tool.name === name);
    product.provider.when(asks("order"), { tools: [{ name: "order", arguments: { what } }] });
    const task = `Order ${what}.`;
    product.provider.when(asks("ask_buyer"), {
      tools: [{ name: "ask_buyer", arguments: { task } }],
    });
  }
  product.provider.otherwise({ text: (call) => call.prompt.slice(-400) });
}

test("kill -9 around decisions: approved is done once, declined never, edited as it was edited, nested too", {
  timeout: 90_000,
}, async () => {
  const buyer = await newBuyer();
  const use = { tool: "delegate", name: "ask_buyer", config: { agent: buyer } };
  const desk = await newAgent("Desk", use);
  const flat = ["apples", "books", "chairs"];
  const nested = ["desks", "eggs"];
  behave([...flat, ...nested]);
  const runs = new Map<string, string>();
  for (const what of [...flat, ...nested]) {
    const body = { input: `Order ${what}.`, mode: "background" };
    const agent = flat.includes(what) ? buyer : desk;
    const started = await product.call("POST", `/v2/agents/${agent}/runs`, body);
    expect(started.status).toBe(202);
    runs.set(what, started.body.run_id);
  }
  await expect.poll(async () => (await pending()).length, { timeout: ENDED_MS }).toBe(5);
  const before = await pending();
  const calls = product.provider.count();
  expect(calls).toBe(flat.length + 2 * nested.length);

  await restart();

  // They wait as before: nothing was done, nor asked of the model again.
  expect(await pending()).toEqual(before);
  expect([asked, product.provider.count()]).toEqual([[], calls]);
  const decide = async (what: string, body: object): Promise<void> => {
    const approval = before.find((one) => one.arguments.what === what);
    expect(approval?.root_run_id).toBe(runs.get(what));
    expect(approval?.run_id === approval?.root_run_id).toBe(flat.includes(what));
    const decided = await product.call("POST", `/v2/approvals/${approval?.id}/decide`, body);
    expect(decided.status, JSON.stringify(decided.body)).toBe(200);
  };
  await decide("desks", { decision: "approve" });
  await expect.poll(() => asked, { timeout: ENDED_MS }).toEqual([unanswered]);
  await decide("apples", { decision: "approve" });
  await restart();
  await decide("books", { decision: "reject", note: NOTE });
  await restart();
  await decide("chairs", { decision: "approve", arguments: { what: "stools" } });
  await decide("eggs", { decision: "reject", note: NOTE });

  const statuses = async (): Promise<readonly string[]> =>
    Promise.all([...runs.values()].map(async (run) => (await runOf(run)).status));
  const all = [...runs].map(() => "completed");
  await expect.poll(statuses, { timeout: ENDED_MS }).toEqual(all);
  await restart();

  expect(await statuses()).toEqual(all);
  expect(asked.toSorted()).toEqual(["/order/apples", "/order/desks", "/order/stools"]);
  expect(await pending()).toEqual([]);
  const said = async (what: string): Promise<string> =>
    (await runOf(runs.get(what) ?? "")).result.response;
  for (const what of ["apples", "desks"]) expect(await said(what)).toContain(`/order/${what}`);
  expect(await said("chairs")).toContain("/order/stools");
  // The model was told why, in the run that asked.
  for (const what of ["books", "eggs"]) {
    const told = product.provider
      .calls()
      .filter(({ prompt }) => prompt.includes(`Order ${what}`) && prompt.includes(NOTE));
    expect(told.some(({ system }) => system.includes("You are Buyer"))).toBe(true);
    expect(await said(what)).toContain(NOTE);
  }
});
