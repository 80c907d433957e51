// Several providers behind one door: named ones with pools of keys, as the operator sees them.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createFakeProvider, type FakeProvider } from "../support/fake-provider.ts";
import { CHAT, type Product, startProduct } from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

const START_MS = 60_000;
const LONG_KEY = "sk-lab-0123456789abcdef-wxyz";
let product: Product;
/** The second provider, of the other protocol. */
let other: FakeProvider;

beforeAll(async () => {
  other = await createFakeProvider();
  const config = [
    "workers: 2",
    "providers:",
    "  - name: other",
    "    kind: anthropic",
    `    base_url: ${other.anthropicUrl}`,
    "    api_keys:",
    "      - $\u007bOTHER_ONE}",
    "      - $\u007bOTHER_TWO}",
    "    breaker_failures: 2",
    "    breaker_open_ms: 600000",
    "    attempts_max: 1",
    "known_models:",
    "  - name: other/m-1",
    "    window_tokens: 32000",
    "    input_micros: 250000",
    "    output_micros: 2000000",
  ];
  product = await startProduct({
    config: config.join("\n"),
    env: { OTHER_ONE: LONG_KEY, OTHER_TWO: "short-key", TROUPE_LOG_LEVEL: "info" },
  });
}, START_MS);
afterEach(() => {
  product.provider.reset();
  other.reset();
});
afterAll(async () => {
  await product.end();
  await other.close();
});

async function agentOf(model_name: string): Promise<string> {
  const { status, body } = await product.call("POST", "/v2/agents", { name: "Desk", model_name });
  expect(status).toBe(201);
  return body.id;
}
const chat = (agent_key: string, message: string) =>
  product.call("POST", CHAT, { agent_key, message });
async function providerNamed(name: string): Promise<Json> {
  const { body } = await product.call("GET", "/admin/providers");
  return body.data.find((one: Json) => one.name === name);
}

test("a model is asked of the provider it names, with its keys in turn", async () => {
  const agent = await agentOf("other/m-1");

  for (const message of ["one", "two"]) await chat(agent, message);

  const keys = other.calls().map(({ headers }) => headers["x-api-key"]);
  expect(new Set(keys)).toEqual(new Set([LONG_KEY, "short-key"]));
  expect(product.provider.count()).toBe(0);
});

test("the operator sees providers, breakers and keys, and no key stands anywhere", async () => {
  const agent = await agentOf("other/m-1");
  other.when(({ headers }) => headers["x-api-key"] === LONG_KEY, {
    error: { status: 429, retryAfterS: 600 },
  });
  for (const message of ["one", "two", "three"]) {
    expect((await chat(agent, message)).status).toBe(200);
  }
  other.reset();
  other.otherwise({ error: { status: 503 } });
  for (let call = 0; call < 2; call += 1) await chat(agent, "down");

  const answer = await product.call("GET", "/admin/providers");
  const { breaker, keys, calls } = await providerNamed("other");
  const text = await (await fetch(`${product.url}/metrics`)).text();
  const seen = JSON.stringify(answer.body) + text + product.server.errors();

  expect(breaker.state).toBe("open");
  expect(keys).toMatchObject([
    { ends_with: "wxyz", state: "limited", times_aside: 1 },
    { ends_with: null, state: "ready", times_aside: 0 },
  ]);
  expect(calls).toMatchObject({ limited: 1, unavailable: 2 });
  expect(text).toMatch(/^troupe_provider_breaker_open\{provider="other"\} 1$/m);
  expect(text).toMatch(/^troupe_provider_breaker_open\{provider="openai"\} 0$/m);
  expect(text).toMatch(/^troupe_provider_keys_aside\{provider="other"\} 1$/m);
  expect(product.server.errors()).toContain("is left alone for a while");
  for (const key of [LONG_KEY, "short-key"]) expect(seen).not.toContain(key);
});

test("only the operator sees the providers", async () => {
  const made = await product.call("POST", "/admin/keys", {
    ...{ name: "owner", role: "owner", allowed_services: ["*"] },
  });
  const { status } = await product.call("GET", "/admin/providers", undefined, {
    key: made.body.key,
  });

  expect([made.status, status]).toEqual([201, 403]);
});

test("the models are listed with their windows and prices, and whose are missing", async () => {
  const { status, body } = await product.call("GET", "/v2/models");
  const byId = new Map<string, Json>(body.data.map((one: Json) => [one.id, one]));

  expect(status).toBe(200);
  expect(byId.get("other/m-1")).toEqual({
    ...{ id: "other/m-1", provider: "other", window_tokens: 32_000 },
    price: { input: 0.25, output: 2 },
  });
  const listed = body.data.filter(({ provider }: Json) => provider === "openai");
  expect(listed.length).toBeGreaterThan(1);
  expect(listed.every(({ price }: Json) => price === null)).toBe(true);
  expect(byId.get("builtin")).toMatchObject({ price: { input: 0, output: 0 } });
  expect(body.missing).toEqual([]);
  await expect(product.call("GET", "/v2/models?x=1")).resolves.toMatchObject({ status: 400 });
});
