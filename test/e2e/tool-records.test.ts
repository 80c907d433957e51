// Tool records of the real process: knowledge, requests to other machines, other agents; and what a
// crash in the middle of a call means for each kind of repetition.

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { ProviderCall } from "../support/fake-provider-call.ts";
import { type Product, startProduct } from "../support/product.ts";
import { toolTalk } from "../support/tool-talk.ts";
import type { Json } from "../support/wire-client.ts";

const SECRET = "Bearer very-secret-key-of-the-shop";

let product: Product;
let shop: Server;
let shopUrl: string;
/** What the shop was asked: method and path. */
let asked: string[] = [];
/** Paths that are not answered. */
let hanging: RegExp | null = null;
const onAsk = new Set<() => void>();

beforeAll(async () => {
  shop = createServer((request, response) => {
    const path = request.url ?? "";
    let body = "";
    request.on("data", (piece) => {
      body += String(piece);
    });
    request.on("end", () => {
      asked.push(`${request.method} ${path}`);
      for (const call of onAsk) call();
      if (hanging?.test(path)) return;
      if (path.startsWith("/made/")) {
        response.writeHead(path.includes("gone") ? 404 : 200, {
          "content-type": "application/json",
        });
        response.end('{"made":true}');
        return;
      }
      if (path === "/away")
        return void response.writeHead(302, { location: "http://10.1.2.3/" }).end();
      response.writeHead(200, { "content-type": "application/json" });
      const { authorization } = request.headers;
      response.end(JSON.stringify({ path, body, authorization }));
    });
  });
  await new Promise<void>((resolve) => shop.listen(0, "127.0.0.1", () => resolve()));
  shopUrl = `http://127.0.0.1:${(shop.address() as AddressInfo).port}`;
  const config = "tools:\n  hosts: [127.0.0.1]\n";
  product = await startProduct({ env: { TROUPE_WORKERS: "2" }, config });
});
afterEach(() => {
  product.provider.reset();
  asked = [];
  hanging = null;
});
afterAll(async () => {
  await product.end();
  shop.closeAllConnections();
  shop.close();
});

const make = async (path: string, body: object): Promise<string> => {
  const made = await product.call("POST", path, body);
  expect(made.body).toMatchObject({ id: expect.any(String) });
  return String(made.body.id);
};
const newAgent = (more: object): Promise<string> =>
  make("/v2/agents", { name: "Desk", model_name: "gpt-4o-mini", ...more });
const newTool = (more: object): Promise<string> => make("/v2/tools", { name: "shop", ...more });
const { say, calling, eventsOf, results } = toolTalk(() => product);

test("a search of the knowledge gives passages to the model, and they are among the sources", async () => {
  const collection = await make("/v2/knowledge/collections", { name: "Handbook" });
  const path = `/v2/knowledge/collections/${collection}/documents?wait=true`;
  const text = "The canteen serves pumpkin soup on Thursdays.";
  await product.call("POST", path, { title: "Canteen", text });
  const tools = [{ tool: "knowledge_search" }];
  const agent = await newAgent({ tools, collection_ids: [collection] });
  calling([{ name: "knowledge_search", arguments: { query: "pumpkin soup" } }]);

  const reply = await say(agent, "When is there soup?");

  expect(product.provider.calls().at(-1)?.prompt).toContain("pumpkin soup on Thursdays");
  expect(reply.body.sources).toMatchObject([{ title: "Canteen", collection_key: collection }]);
  const events = (await eventsOf(reply.body.id)).filter(({ type }) => type === "sources");
  expect(events).toMatchObject([{ sources: [{ title: "Canteen" }] }]);
});

test("a record fills an address with what the model says; its secret stays out of everything", async () => {
  const url = `${shopUrl}/orders/{id}`;
  const headers = { Authorization: SECRET };
  const tool = await newTool({ type: "http_request", config: { url, headers } });
  const agent = await newAgent({ tools: [{ tool }] });
  calling([{ name: "shop", arguments: { id: "7/../8" } }]);

  const reply = await say(agent, "Where is my order?");

  expect(reply.body.response).toBe("Done.");
  expect(asked).toEqual(["GET /orders/7%2F..%2F8"]);
  const [told] = await results(reply.body.id);
  expect(told).toMatchObject({ status: 200, body: { path: "/orders/7%2F..%2F8" } });
  const record = await product.call("GET", `/v2/runs/${reply.body.id}`);
  const everything = JSON.stringify([
    product.provider.calls(),
    await eventsOf(reply.body.id),
    record.body,
    product.server.output() + product.server.errors(),
  ]);
  expect(everything).not.toContain("very-secret-key");
});

test("private addresses, redirects to them and methods without a permission are refused", async () => {
  const own = await newTool({ type: "http_request" });
  const agent = await newAgent({ tools: [{ tool: own }] });
  const to = (url: string, more: object = {}) => ({ name: "shop", arguments: { url, ...more } });
  calling([
    to("http://10.0.0.1/"),
    to("http://169.254.169.254/latest"),
    to(`${shopUrl}/away`),
    to(`${shopUrl}/x`, { method: "POST", body: "1" }),
    to(`${shopUrl}/x`, { headers: { "x-a": "1\r\nx-b: 2" } }),
  ]);

  const told = await results((await say(agent, "Go.")).body.id);

  expect(told.map(({ error }) => `${error.code} ${error.pointer ?? ""}`.trim()).sort()).toEqual([
    "EGRESS_REFUSED",
    "EGRESS_REFUSED",
    "EGRESS_REFUSED",
    "FORBIDDEN",
    "INVALID /headers/x-a",
  ]);
  expect(asked).toEqual(["GET /away"]);
});

test("a tool that is named cannot be removed, nor be widened by who uses it", async () => {
  const config = { url: `${shopUrl}/x` };
  const tool = await newTool({ type: "http_request", config });
  const agent = await newAgent({ tools: [{ tool }] });
  const set = (use: object) =>
    product.call("PATCH", `/v2/agents/${agent}`, { tools: [{ tool, ...use }] });
  const pointers = [
    (await set({ config: {} })).body.pointer,
    (await set({ permissions: ["network", "write"] })).body.pointer,
    (await set({ repeat: "safe" })).body.pointer,
    (await set({ tool: "tl_none" })).body.pointer,
  ];
  expect(pointers).toEqual([
    "/tools/0/config",
    "/tools/0/permissions",
    "/tools/0/repeat",
    "/tools/0/tool",
  ]);
  const refused = await product.call("DELETE", `/v2/tools/${tool}`);
  expect([refused.status, refused.body.code]).toEqual([409, "CONFLICT"]);
  expect(refused.body.detail ?? refused.body.message).toContain(agent);
  await product.call("PATCH", `/v2/agents/${agent}`, { tools: [] });
  const sub = { name: "Orders", tools: [{ tool }] };
  const made = await product.call("POST", `/v2/agents/${agent}/sub-agents`, sub);
  expect((await product.call("DELETE", `/v2/tools/${tool}`)).status).toBe(409);
  await product.call("DELETE", `/v2/agents/${agent}/sub-agents/${made.body.id}`);
  expect((await product.call("DELETE", `/v2/tools/${tool}`)).status).toBe(204);
});

/** Kills the process while the shop is asked; the run's results when it has come to its end. */
async function killedWhileAsking(use: object, path: RegExp): Promise<readonly Json[]> {
  const agent = await newAgent({ tools: [use] });
  calling([{ name: "shop", arguments: {} }], (call) => call.prompt);
  hanging = path;
  const reached = new Promise<void>((resolve) => {
    const look = (): void => {
      onAsk.delete(look);
      resolve();
    };
    onAsk.add(look);
  });
  const body = { input: "Go.", mode: "background" };
  const started = await product.call("POST", `/v2/agents/${agent}/runs`, body);
  expect(started.status).toBe(202);
  await reached;
  await product.kill();
  hanging = null;
  await product.start();
  const run = String(started.body.id);
  const status = async () => (await product.call("GET", `/v2/runs/${run}`)).body.status;
  await expect.poll(status, { timeout: 15_000 }).toBe("completed");
  return await results(run);
}

test("kill -9 during a call: a safe one is made again, any other is not, and the model is told", {
  timeout: 180_000,
}, async () => {
  const config = { url: `${shopUrl}/stock` };
  const safe = await newTool({ type: "http_request", config });
  expect(await killedWhileAsking({ tool: safe }, /stock/)).toMatchObject([{ status: 200 }]);
  expect(asked).toEqual(["GET /stock", "GET /stock"]);

  asked = [];
  const order = { url: `${shopUrl}/order`, method: "POST" };
  const permissions = ["network", "write"];
  const never = await newTool({ type: "http_request", config: order, permissions });
  const [told] = await killedWhileAsking({ tool: never }, /order/);
  expect(told.error).toMatchObject({
    code: "STEP_UNKNOWN",
    message: expect.stringContaining("It may have happened and was not repeated"),
  });
  expect(asked).toEqual(["POST /order"]);
  expect(product.provider.calls().at(-1)?.prompt).toContain("may have happened");
});

test("kill -9 during a call that can be asked about: what became of it is its result", {
  timeout: 180_000,
}, async () => {
  const permissions = ["network", "write", "read"];
  const order = (made: string) => ({
    ...{ type: "http_request", permissions, repeat: "reconcile" },
    config: {
      url: `${shopUrl}/order`,
      method: "POST",
      reconcile_url: `${shopUrl}/made/${made}/{operation}`,
    },
  });
  const there = await newTool(order("there"));
  expect(await killedWhileAsking({ tool: there }, /order/)).toMatchObject([
    { body: { made: true } },
  ]);
  expect(asked.map((one) => one.replace(/rn_.*/, "rn"))).toEqual([
    "POST /order",
    "GET /made/there/rn",
  ]);

  asked = [];
  const gone = await newTool(order("gone"));
  expect(await killedWhileAsking({ tool: gone }, /order/)).toMatchObject([
    { body: { path: "/order" } },
  ]);
  expect(asked.map((one) => one.replace(/rn_.*/, "rn"))).toEqual([
    "POST /order",
    "GET /made/gone/rn",
    "POST /order",
  ]);
});

test("a task that is delegated is done by the other agent with its own tools, unseen", async () => {
  const clerk = await newAgent({ name: "Clerk", tools: [{ tool: "calculator" }] });
  const use = { tool: "delegate", name: "ask_clerk", config: { agent: clerk } };
  const agent = await newAgent({ tools: [use] });
  const isClerk = (call: ProviderCall) => call.system.includes("You are Clerk");
  product.provider.when((call) => isClerk(call) && !call.prompt.includes("Result of"), {
    tools: [{ name: "calculator", arguments: { expression: "6*7" } }],
  });
  product.provider.when(isClerk, { text: "It is 42." });
  calling([{ name: "ask_clerk", arguments: { task: "Multiply 6 by 7." } }], "The clerk says 42.");

  const reply = await say(agent, "What is six times seven?");

  expect(reply.body.response).toBe("The clerk says 42.");
  const [call] = product.provider.calls();
  expect(JSON.stringify(call?.body["tools"])).toContain("Gives a task to Clerk");
  expect(product.provider.calls().find(isClerk)?.lastUser).toBe("Multiply 6 by 7.");
  const told = await results(reply.body.id);
  expect(told).toContainEqual({ answer: "It is 42." });
  // Its calls are spent by this turn: two of the agent's and two of the clerk's.
  const used = product.provider.calls().map(({ prompt }) => Math.ceil(prompt.length / 4));
  expect(used).toHaveLength(4);
  const spent = used.reduce((sum, tokens) => sum + tokens, 0);
  expect(reply.body.usage.promptTokens ?? reply.body.usage.prompt_tokens).toBe(spent);
  const refused = await product.call("DELETE", `/v2/agents/${clerk}`);
  expect(refused.status).toBe(409);
  const self = { tool: "delegate", config: { agent } };
  const itself = await product.call("PATCH", `/v2/agents/${agent}`, { tools: [self] });
  expect([itself.status, itself.body.pointer]).toEqual([400, "/tools/0/config/agent"]);
});

test("a turn that is handed over is answered by the other one, which the reply and the stream say", async () => {
  const expert = await newAgent({ name: "Expert" });
  const agent = await newAgent({ name: "Front" });
  const path = `/v2/agents/${agent}/sub-agents`;
  const back = { tool: "handoff", name: "to_expert", config: { to: expert } };
  const sub = await make(path, { name: "Billing", tools: [back], is_active: true });
  const tools = [{ tool: "handoff", name: "to_billing", config: { to: sub } }];
  expect((await product.call("PATCH", `/v2/agents/${agent}`, { tools })).status).toBe(200);
  const says = (name: string) => (call: ProviderCall) => call.system.includes(`You are ${name}`);
  product.provider.when(says("Front"), {
    text: "One moment.",
    tools: [{ name: "to_billing", arguments: { reason: "about money" } }],
  });
  product.provider.when(says("Billing"), { tools: [{ name: "to_expert", arguments: {} }] });
  product.provider.when(says("Expert"), { text: "It is settled." });

  const reply = await say(agent, "Hello!");

  expect(reply.body.response).toBe("One moment.\n\nIt is settled.");
  expect(reply.body.routing_info).toMatchObject({
    action_name: "Expert",
    handoffs: [
      { to: sub, name: "Billing", reason: "about money" },
      { from: "Billing", to: expert, name: "Expert", reason: "" },
    ],
  });
  const handed = (await eventsOf(reply.body.id)).filter(({ type }) => type === "handoff");
  expect(handed.map(({ name }) => name)).toEqual(["Billing", "Expert"]);
  const expertSaw = product.provider.calls().find(says("Expert"));
  expect(expertSaw?.lastUser).toBe("Hello!");
  expect(expertSaw?.system).toContain("has handed this conversation over to you, Expert");
  const gone = await product.call("DELETE", `${path}/${sub}`);
  expect([gone.status, gone.body.code]).toEqual([409, "CONFLICT"]);
});

test("an agent that was handed the conversation hands it on, and back, but never twice the same way", async () => {
  const [a, b, c] = [
    await newAgent({ name: "Alpha" }),
    await newAgent({ name: "Beta" }),
    await newAgent({ name: "Gamma" }),
  ];
  const to = (id: string, name: string) => ({ tool: "handoff", name, config: { to: id } });
  const change = async (id: string, tools: readonly object[]) =>
    expect((await product.call("PATCH", `/v2/agents/${id}`, { tools })).status).toBe(200);
  await change(a, [to(b, "to_beta"), to(c, "to_gamma")]);
  await change(b, [to(a, "to_alpha"), to(c, "to_gamma")]);
  await change(c, [to(a, "to_alpha")]);
  const says = (name: string) => (call: ProviderCall) => call.system.includes(`You are ${name}`);
  const offered = (call: ProviderCall) => call.tools.map(({ name }) => name);
  const hands = (name: string, tool: string) =>
    product.provider.when((call) => says(name)(call) && offered(call).includes(tool), {
      text: `${name} passes.`,
      tools: [{ name: tool, arguments: {} }],
    });
  hands("Alpha", "to_beta");
  hands("Beta", "to_alpha");
  product.provider.when(says("Alpha"), { text: "Alpha answers." });
  const looped = await say(a, "Whose is this?");
  const loopCalls = product.provider.calls().map(offered);
  product.provider.reset();
  hands("Alpha", "to_beta");
  hands("Beta", "to_gamma");
  hands("Gamma", "to_alpha");
  product.provider.when(says("Alpha"), { text: "Alpha ends it." });
  const bounded = await say(a, "And this?");

  expect(looped.body.response).toBe("Alpha passes.\n\nBeta passes.\n\nAlpha answers.");
  expect(looped.body.routing_info).toMatchObject({
    action_name: "Alpha",
    handoffs: [
      { to: b, name: "Beta" },
      { to: a, name: "Alpha" },
    ],
  });
  expect(loopCalls).toEqual([["to_beta", "to_gamma"], ["to_alpha", "to_gamma"], ["to_gamma"]]);
  const handed = (await eventsOf(looped.body.id)).filter(({ type }) => type === "handoff");
  expect(handed.map(({ name }) => name)).toEqual(["Beta", "Alpha"]);
  // Three times is the limit of a turn: a fourth one, from Alpha to Gamma, would have been a new way.
  expect(bounded.body.response).toBe(
    "Alpha passes.\n\nBeta passes.\n\nGamma passes.\n\nAlpha ends it.",
  );
  expect(bounded.body.routing_info.handoffs).toHaveLength(3);
  expect(product.provider.calls().map(offered).at(-1)).toEqual([]);
  const used = product.provider.calls().map(({ prompt }) => Math.ceil(prompt.length / 4));
  expect(bounded.body.usage.prompt_tokens ?? bounded.body.usage.promptTokens).toBe(
    used.reduce((sum, tokens) => sum + tokens, 0),
  );
});

test("what a delegated task rests on is among the sources, and its citations count as those do", async () => {
  const shelf = async (name: string, text: string): Promise<string> => {
    const collection = await make("/v2/knowledge/collections", { name });
    const path = `/v2/knowledge/collections/${collection}/documents?wait=true`;
    await product.call("POST", path, { title: name, text });
    return collection;
  };
  const own = await shelf("Canteen", "The canteen serves pumpkin soup on Thursdays.");
  const theirs = await shelf("Opening", "The canteen opens at eleven, on Thursdays at twelve.");
  const reads = (collection: string) => ({
    ...{ requires_collection: true, collection_ids: [collection] },
  });
  const clerk = await newAgent({ name: "Clerk", ...reads(theirs) });
  const tools = [{ tool: "delegate", name: "ask_clerk", config: { agent: clerk } }];
  const agent = await newAgent({ name: "Front", tools, ...reads(own) });
  const isClerk = (call: ProviderCall) => call.system.includes("You are Clerk");
  product.provider.when(isClerk, { text: "It opens at twelve [1]." });
  const task = "When does the canteen open on Thursdays?";
  calling([{ name: "ask_clerk", arguments: { task } }], (call) =>
    call.prompt.includes("at twelve [2]") ? "Soup [1], from twelve [2]." : "Not told.",
  );

  const reply = await say(agent, "When does the canteen serve soup on Thursdays?");

  expect(reply.body.response).toBe("Soup [1], from twelve [2].");
  expect(reply.body.sources).toMatchObject([
    { title: "Canteen", collection_key: own },
    { title: "Opening", collection_key: theirs },
  ]);
});
