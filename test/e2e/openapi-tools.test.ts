// Tools of an OpenAPI document in the real process, with a service on the loopback: what a model is told, what the
// service is asked, and what of it nobody is told.

import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { documentOf } from "../support/open-api.ts";
import { type Product, startProduct } from "../support/product.ts";
import { toolTalk } from "../support/tool-talk.ts";
import type { Json } from "../support/wire-client.ts";

const KEY = "a-key-that-no-model-sees";
let product: Product;
let shop: Server;
let url = "";
const asked: {
  readonly line: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}[] = [];

const paths = {
  "/orders/{id}": {
    get: {
      operationId: "getOrder",
      summary: "One order.",
      parameters: [{ name: "id", in: "path", required: true, schema: { type: "string" } }],
    },
  },
  "/orders": {
    post: {
      operationId: "makeOrder",
      security: [{ query: [] }],
      requestBody: {
        required: true,
        content: {
          "application/json": {
            schema: {
              type: "object",
              properties: { what: { type: "string" } },
              required: ["what"],
            },
          },
        },
      },
    },
  },
  "/large": { get: { operationId: "large", security: [] } },
};
const components = {
  securitySchemes: {
    bearer: { type: "http", scheme: "bearer" },
    query: { type: "apiKey", in: "query", name: "key" },
  },
};
const ofShop = (): object =>
  documentOf(paths, { components, security: [{ bearer: [] }], servers: [{ url: `${url}/v1` }] });
/** As large as those of large services: 10,000 operations, 12 million characters. */
const ofAll = (): object => {
  const description = "What it does, and what it answers. ".repeat(30);
  const more = Array.from({ length: 10_000 }, (_, at) => [
    `/things/${at}`,
    { get: { operationId: `get${at}`, description } },
  ]);
  return { ...ofShop(), paths: { ...paths, ...Object.fromEntries(more) } };
};
const endless = (): object => ({ ...ofShop(), "x-more": "x".repeat(17 * 1_024 * 1_024) });

beforeAll(async () => {
  shop = createServer(async (request, response) => {
    let body = "";
    for await (const piece of request) body += piece;
    const line = `${request.method} ${request.url}`;
    asked.push({ line, headers: request.headers, body });
    const isLarge = line.endsWith("/large");
    const documents = { "/openapi.json": ofShop, "/of-all.json": ofAll, "/endless.json": endless };
    const document = documents[request.url as keyof typeof documents]?.() ?? null;
    response.writeHead(200, { "content-type": "application/json" });
    const echo = { line, key: request.headers.authorization ?? line };
    response.end(isLarge ? `["${"x".repeat(2_000_000)}"]` : JSON.stringify(document ?? echo));
  });
  await new Promise<void>((resolve) => shop.listen(0, "127.0.0.1", () => resolve()));
  url = `http://127.0.0.1:${(shop.address() as AddressInfo).port}`;
  product = await startProduct({ config: "tools:\n  hosts: [127.0.0.1]\n" });
  const integration = { type: "api_key", allowed_hosts: [new URL(url).host] };
  const made = await product.call("PUT", "/v2/integrations/shop", integration);
  expect(made.status).toBeLessThan(300);
  const token = { integration: "shop", secret: KEY };
  expect((await product.call("POST", "/v2/tokens", token)).status).toBeLessThan(300);
});
afterEach(() => {
  product.provider.reset();
  asked.length = 0;
});
afterAll(async () => {
  await product?.end();
  shop?.closeAllConnections();
  shop?.close();
});

const { say, calling, eventsOf } = toolTalk(() => product);
const record = (config: object, more: object = {}) =>
  product.call("POST", "/v2/tools", { name: "shop", type: "openapi", config, ...more });
async function agentWith(config: object, more: object = {}): Promise<string> {
  const { body } = await record(config, more);
  expect(body).toMatchObject({ id: expect.any(String) });
  const of = { name: "Desk", model_name: "gpt-4o-mini", tools: [{ tool: body.id }] };
  return String((await product.call("POST", "/v2/agents", of)).body.id);
}
async function results(run: string): Promise<readonly Json[]> {
  const events = await eventsOf(run);
  return events
    .filter(({ type }) => type === "tool_call")
    .map(({ id }) => events.find((one) => one.type === "tool_result" && one.id === id)?.result);
}
const all = ["read", "write", "network"];

test("each operation is a tool; its token goes where the document says, and to nobody else", async () => {
  const config = { document: JSON.stringify(ofShop()), operations: ["*Order", "getOrder"] };
  expect((await record(config)).body).toMatchObject({ pointer: "/config/operations/0" });
  const operations = ["getOrder", "POST /orders", "GET /large"];
  const agent = await agentWith(
    { document: JSON.stringify(ofShop()), operations, auth: { token: "shop" } },
    { permissions: all },
  );
  calling([
    { name: "shop_getOrder", arguments: { id: "../admin" } },
    { name: "shop_makeOrder", arguments: { body: { what: "desks" } } },
    { name: "shop_makeOrder", arguments: { body: {} } },
    { name: "shop_large", arguments: {} },
  ]);
  const run = (await say(agent, "Order.")).body.id;
  const told = await results(run);

  const lines = asked.map(({ line }) => line).sort();
  expect(lines).toEqual([
    "GET /v1/large",
    "GET /v1/orders/..%2Fadmin",
    `POST /v1/orders?key=${KEY}`,
  ]);
  const one = (start: string) => asked.find(({ line }) => line.startsWith(start));
  expect(one("GET /v1/orders")?.headers.authorization).toBe(`Bearer ${KEY}`);
  expect(one("POST")).toMatchObject({ body: '{"what":"desks"}' });
  expect(one("POST")?.headers.authorization).toBeUndefined();
  expect(one("POST")?.headers["idempotency-key"]).toContain(run);
  expect(one("GET /v1/large")?.headers.authorization).toBeUndefined();
  expect(told[0]).toMatchObject({ status: 200, body: { key: "Bearer ***" } });
  expect(told[2]).toMatchObject({ error: { code: "INVALID", pointer: "/body" } });
  expect(JSON.stringify(told[3]).length).toBeLessThan(20_000);
  const seen = JSON.stringify(product.provider.calls().map(({ body }) => body));
  expect(seen).toContain("[127.0.0.1");
  expect(seen).not.toContain(KEY);
  expect(JSON.stringify(await eventsOf(run))).not.toContain(KEY);
});

test("a document that is fetched is read when it is saved, and stands until it is saved again", async () => {
  const config = { url: `${url}/openapi.json`, operations: ["getOrder", "makeOrder"] };
  const agent = await agentWith(config);
  expect(asked.map(({ line }) => line)).toEqual(["GET /openapi.json"]);
  calling([
    { name: "shop_getOrder", arguments: { id: "7" } },
    { name: "shop_makeOrder", arguments: { body: { what: "a" } } },
  ]);
  const [got, made] = await results((await say(agent, "Get it.")).body.id);
  expect(got).toMatchObject({ status: 200, body: { line: "GET /v1/orders/7" } });
  expect(made).toMatchObject({ error: { code: "FORBIDDEN" } });
  await say(agent, "Again.");
  expect(asked.map(({ line }) => line)).toEqual([
    ...["GET /openapi.json", "GET /openapi.json", "GET /v1/orders/7", "GET /v1/orders/7"],
  ]);
});

test("a document of millions of characters gives the operations that are named, one without end is refused", async () => {
  const { status, body } = await record({
    url: `${url}/of-all.json`,
    operations: ["get7777", "getOrder"],
  });
  expect(status, JSON.stringify(body)).toBe(201);
  expect(await record({ url: `${url}/endless.json`, operations: ["getOrder"] })).toMatchObject({
    status: 400,
    body: { pointer: "/config/url", detail: expect.stringContaining("16777216 bytes") },
  });
});

test("what is wrong with a document is told with its place, and where it may not be fetched from", async () => {
  const broken = { ...ofShop(), paths: { "/a": { get: { parameters: [{ in: "path" }] } } } };
  const refused = await record({ document: JSON.stringify(broken), operations: ["GET /a"] });
  expect(refused.status).toBe(400);
  expect(refused.body).toMatchObject({ pointer: "/config/document" });
  expect(refused.body.detail).toContain("/paths/~1a/get/parameters/0/name");
  const inside = { url: "http://169.254.169.254/openapi.json", operations: ["GET /a"] };
  expect((await record(inside)).status).toBeGreaterThanOrEqual(400);
  const sends = documentOf(paths, { servers: [{ url: "http://169.254.169.254" }] });
  const agent = await agentWith({ document: JSON.stringify(sends), operations: ["large"] });
  calling([{ name: "shop_large", arguments: {} }]);
  const [result] = await results((await say(agent, "Ask it.")).body.id);
  expect(result).toMatchObject({ error: { code: "EGRESS_REFUSED" } });
});

test("who changes where a tool asks does not keep its secret headers", async () => {
  const document = JSON.stringify(ofShop());
  const config = { document, operations: ["getOrder"], headers: { "x-api-key": KEY } };
  const { body } = await record(config);
  expect(body.config.headers).toEqual({ "x-api-key": "***" });
  const patch = (changed: object) =>
    product.call("PATCH", `/v2/tools/${body.id}`, { config: changed });
  expect((await patch({ max_bytes: 5_000 })).status).toBe(200);
  expect((await patch({ server: "http://127.0.0.1:1" })).body).toMatchObject({
    pointer: "/config/headers/x-api-key",
  });
  const other = document.replaceAll("/v1", "/v2");
  expect((await patch({ document: other })).body).toMatchObject({
    pointer: "/config/headers/x-api-key",
  });
});
