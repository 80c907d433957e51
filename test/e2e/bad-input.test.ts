// What a server must refuse: each case is a clear 4xx with its code and, for a wrong body, the place,
// in the style of its surface; nothing is stored, and the server answers well after each.

import { afterAll, beforeAll, expect, test } from "vitest";
import { badInput } from "../support/bad-input.ts";
import { CHAT, makeDesk, type Product, startProduct } from "../support/product.ts";
import type { Answer, Json } from "../support/wire-client.ts";

let product: Product;
let agent = "";
let otherKey = "";
let conversation = "";
let run = "";
let stored = "";

beforeAll(async () => {
  product = await startProduct();
  agent = await makeDesk(product);
  const { body } = await product.call("POST", CHAT, { agent_key: agent, message: "refund" });
  conversation = body.data.conversation_key;
  run = body.data.run_id;
  const tenant = await product.call("POST", "/admin/tenants", { name: "Other" });
  const services = ["core-agent-chat", "core-agents", "core-agent-details", "runs"];
  const allowed = { name: "k", tenant: tenant.body.id, allowed_services: services };
  otherKey = (await product.call("POST", "/admin/keys", allowed)).body.key;
  stored = await everythingStored();
});
afterAll(() => product.end());

/** What all lists say: a refused request changes none of it. */
async function everythingStored(): Promise<string> {
  const paths = [
    "/v1/proxy/core-agents",
    `/v1/proxy/core-agent-subagents/${agent}`,
    `/v1/proxy/core-agent-conversations?agent_key=${agent}`,
    `/v1/proxy/core-agent-conversation-details/${conversation}`,
    "/v2/runs",
    "/v2/knowledge/collections",
    "/admin/keys",
    "/admin/tenants",
    "/admin/usage",
    "/admin/dead-letters",
  ];
  const bodies = await Promise.all(
    paths.map(async (path) => {
      const { status, body } = await product.call("GET", path);
      const { gateway: _gateway, ...rest } = body;
      return { path, status, rest };
    }),
  );
  return JSON.stringify(bodies);
}

/** Code and pointer, wherever the surface puts them. */
function problemOf({ body }: Answer): readonly [unknown, unknown] {
  const error: Json = body?.error ?? body ?? {};
  return [error.code, error.pointer ?? error.param ?? undefined];
}

test.each(badInput)("%s is refused, and nothing is stored", async (_what, bad) => {
  const known = { agent, run };
  const path = typeof bad.path === "function" ? bad.path(known) : (bad.path ?? "");
  const key = bad.foreign === true ? otherKey : (bad.key ?? product.adminKey);
  const body = typeof bad.body === "function" ? bad.body(known) : bad.body;
  const { headers = {} } = bad;

  const answer = await product.call(bad.method ?? "POST", path, body, { key, headers });

  const [code, pointer] = problemOf(answer);
  expect([answer.status, code]).toEqual([bad.status, bad.code]);
  if (bad.pointer !== undefined) expect(pointer).toBe(bad.pointer);
  expect(answer.headers.get("x-request-id")).toMatch(/^req_/);
  expect(JSON.stringify(answer.body)).not.toMatch(/\bat .*\.js|node_modules|tn_default/);
  expect(await everythingStored()).toBe(stored);
  expect((await product.call("GET", "/health/ready")).status).toBe(200);
});
