// Secrets among the headers of tools, through the real door: sent to where they are meant for, and shown
// to nobody who reads the records, their versions, lists of them or the record of a run.

import { readdir, readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type Product, startProduct } from "../support/product.ts";
import { toolTalk } from "../support/tool-talk.ts";
import type { Answer, Json } from "../support/wire-client.ts";

const SECRET = "Bearer planted-secret-of-the-shop";
const HIDDEN = "***";

let product: Product;
let shop: Server;
let shopUrl: string;
/** What the shop was sent in its header. */
let sent: (string | undefined)[] = [];

beforeAll(async () => {
  shop = createServer((request, response) => {
    sent.push(request.headers.authorization);
    response.end("ok");
  });
  await new Promise<void>((resolve) => shop.listen(0, "127.0.0.1", () => resolve()));
  shopUrl = `http://127.0.0.1:${(shop.address() as AddressInfo).port}`;
  product = await startProduct({ config: "tools:\n  hosts: [127.0.0.1]\n" });
});
afterEach(() => {
  product.provider.reset();
  sent = [];
});
afterAll(async () => {
  await product.end();
  shop.closeAllConnections();
  shop.close();
});

const { say, calling } = toolTalk(() => product);
const call = (method: "GET" | "POST" | "PUT" | "PATCH", path: string, body?: object) =>
  product.call(method, path, body);
const config = () => ({
  url: `${shopUrl}/x`,
  headers: { Authorization: SECRET, accept: "text/*" },
});
/** The answer, which holds no secret. */
const clean = (answer: Answer): Json => {
  expect(JSON.stringify(answer.body)).not.toContain("planted-secret");
  expect(answer.status).toBeLessThan(300);
  return answer.body;
};

test("a record's secret is shown to no reader, kept when it is sent back, and still sent", async () => {
  const made = clean(
    await call("POST", "/v2/tools", { name: "shop", type: "http_request", config: config() }),
  );
  const at = `/v2/tools/${made.id}`;
  const read = clean(await call("GET", at));
  expect(read.config.headers).toEqual({ Authorization: HIDDEN, accept: "text/*" });
  const { id: _id, version: _version, created_at: _made, updated_at: _changed, ...fields } = read;

  clean(await call("PUT", at, { ...fields, description: "The shop." }));
  clean(await call("PATCH", at, { config: { headers: { accept: "*/*" } } }));
  clean(await call("GET", `${at}/versions/1`));
  clean(await call("GET", "/v2/tools?limit=100"));
  const agent = clean(
    await call("POST", "/v2/agents", { name: "Desk", model_name: "m", tools: [{ tool: made.id }] }),
  );
  calling([{ name: "shop", arguments: {} }]);
  const run = clean(await say(agent.id, "Go."));
  clean(await call("GET", `/v2/runs/${run.id}/record`));
  clean(await call("POST", `${at}/versions/1/rollback`));
  clean(await say(agent.id, "Again."));

  expect(sent).toEqual([SECRET, SECRET]);
});

test("a secret is not sent to a host that whoever cannot read it has put there", async () => {
  const made = clean(
    await call("POST", "/v2/tools", { name: "shop2", type: "http_request", config: config() }),
  );
  const at = `/v2/tools/${made.id}`;
  const other = { url: "https://evil.example.com/" };

  const patched = await call("PATCH", at, { config: other });
  const replaced = await call("PUT", at, {
    ...{ name: "shop2", type: "http_request" },
    config: { ...other, headers: { Authorization: HIDDEN } },
  });
  const again = await call("PATCH", at, {
    config: { ...other, headers: { Authorization: "Bearer mine" } },
  });

  const pointer = "/config/headers/Authorization";
  expect([patched, replaced].map(({ status, body }) => [status, body.pointer])).toEqual([
    [400, pointer],
    [400, pointer],
  ]);
  expect(clean(again).config.headers).toMatchObject({ Authorization: HIDDEN });
});

test("the secrets of an agent's own tools and its sub-agents' are shown to no reader either", async () => {
  const tools = [{ tool: "http_request", name: "ask_shop", config: config() }];
  const made = clean(await call("POST", "/v2/agents", { name: "Own", model_name: "m", tools }));
  const at = `/v2/agents/${made.id}`;
  const sub = clean(await call("POST", `${at}/sub-agents`, { name: "Orders", tools }));
  const subAt = `${at}/sub-agents/${sub.id}`;
  const read = clean(await call("GET", at));
  expect(read.tools[0].config.headers.Authorization).toBe(HIDDEN);

  clean(await call("PATCH", at, { tools: read.tools, description: "The same." }));
  clean(await call("PATCH", subAt, { tools: clean(await call("GET", subAt)).tools, priority: 3 }));
  for (const path of [
    ...["/v2/agents?limit=100", `${at}/versions/1`, `${at}/versions/2`, `${at}/sub-agents`],
    `/v1/proxy/core-agent-details/${made.id}`,
    `/v1/proxy/core-agent-subagents/${made.id}`,
  ]) {
    clean(await call("GET", path));
  }
  clean(await call("POST", `${at}/versions`, { tools: read.tools, description: "A draft." }));
  calling([{ name: "ask_shop", arguments: {} }]);
  const run = clean(await say(made.id, "Go."));
  clean(await call("GET", `/v2/runs/${run.id}/record`));

  expect(sent).toEqual([SECRET]);
  const fresh = [{ ...read.tools[0], name: "other" }];
  const refused = await call("PATCH", at, { tools: fresh });
  expect([refused.status, refused.body.pointer]).toEqual([
    400,
    "/tools/0/config/headers/Authorization",
  ]);
  const everything = JSON.stringify(product.provider.calls()) + product.server.output();
  expect(everything + product.server.errors()).not.toContain("planted-secret");
});

test("nothing of a secret is in the data folder, and a new master key loses none", async () => {
  const made = clean(
    await call("POST", "/v2/tools", { name: "shop3", type: "http_request", config: config() }),
  );
  const agent = clean(
    await call("POST", "/v2/agents", {
      name: "Desk3",
      model_name: "m",
      tools: [{ tool: made.id }],
    }),
  );
  await product.call("GET", "/v2/webhooks/secret");
  const { current_key: before } = clean(await call("GET", "/admin/vault"));
  const done = () => expect.poll(state, { timeout: 20_000 }).toMatchObject({ state: "done" });
  const state = async () => (await call("GET", "/admin/vault")).body;
  await done();
  expect((await call("POST", "/admin/vault/rotate")).status).toBe(202);
  await done();
  expect(await state()).toMatchObject({ other_keys: [], unreadable: 0 });
  expect((await state()).current_key).not.toBe(before);
  const audit = clean(await call("GET", "/admin/audit?tenant=tn_system&action=vault.rotated"));
  expect(audit.data[0]).toMatchObject({
    ...{ by: "server", subject: (await state()).current_key },
    details: { before, unreadable: 0, changed: expect.any(Number) },
  });
  const asked = clean(await call("GET", "/admin/audit?action=vault.rotate")).data;
  expect(asked).toMatchObject([{ by: "operator", outcome: "done" }]);

  await product.kill();
  const data = join(product.folder, "data");
  const files = (await readdir(data, { recursive: true, withFileTypes: true })).filter((one) =>
    one.isFile(),
  );
  for (const { parentPath, name } of files) {
    const bytes = await readFile(join(parentPath, name));
    expect(bytes.includes("planted-secret"), name).toBe(false);
  }
  await product.start();
  calling([{ name: "shop3", arguments: {} }]);
  clean(await say(agent.id, "Go."));

  expect(sent).toEqual([SECRET]);
});
