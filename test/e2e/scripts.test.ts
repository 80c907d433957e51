// Scripts of agents in the real process: they compute in a sandbox and call the tools that they are granted, on the
// terms of those; what goes wrong is told to the model, and nothing else is touched.

import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type Product, startProduct } from "../support/product.ts";
import { toolTalk } from "../support/tool-talk.ts";
import type { Json } from "../support/wire-client.ts";

const ENDED_MS = 20_000;

let product: Product;
beforeAll(async () => {
  product = await startProduct({ env: { TROUPE_WORKERS: "2" } });
});
afterEach(() => product.provider.reset());
afterAll(() => product.end());

const { say, calling, eventsOf, results } = toolTalk(() => product);

/** What a call of that name gave. */
const resultOf = async (run: string, name: string): Promise<Json> =>
  (await eventsOf(run)).find((one) => one.type === "tool_result" && one.name === name)?.result;

const made = async (tools: readonly object[]): Promise<Json> =>
  (await product.call("POST", "/v2/agents", { name: "Clerk", model_name: "gpt-4o-mini", tools }))
    .body;
const newAgent = async (...tools: readonly object[]): Promise<string> => {
  const body = await made(tools);
  expect(body).toMatchObject({ id: expect.any(String) });
  return String(body.id);
};
const script = (name: string, code: string, more: object = {}): object => ({
  ...{ tool: "script", name, config: { code, ...more } },
});

const BILL = `export default async function ({ amounts }, host) {
  const sums = await Promise.all(amounts.map((one) => host.tools.calculator({ expression: one + " * 1.19" })));
  const total = await host.call("calculator", { expression: sums.map(({ result }) => result).join(" + ") });
  return { total: total.result, lines: sums.length };
}`;

test("a script computes, calls the tools that it is granted, and both are in the audit", async () => {
  const parameters = {
    ...{ type: "object", required: ["amounts"], additionalProperties: false },
    properties: { amounts: { type: "array", items: { type: "string" } } },
  };
  const bill = { ...script("bill", BILL, { tools: ["calculator"] }), parameters };
  const agent = await newAgent({ tool: "calculator" }, bill);
  calling([
    { name: "bill", arguments: { amounts: ["10", "0.1"] } },
    { name: "bill", arguments: { amounts: "10" } },
  ]);

  const reply = await say(agent, "What is it?");

  const said = await results(reply.body.id);
  expect(said).toContainEqual({ total: "12.019", lines: 2 });
  expect(said.find(({ error }) => error !== undefined)).toMatchObject({
    error: { code: "INVALID", pointer: "/amounts" },
  });
  const told = (await product.call("GET", "/admin/audit?action=tool.call&limit=20")).body.data;
  expect(told.map(({ subject }: Json) => subject).sort()).toEqual([
    ...["bill", "bill", "calculator", "calculator", "calculator"],
  ]);
});

test("a script that runs away, throws or takes all memory fails its own call, and the model goes on", async () => {
  const agent = await newAgent(
    { tool: "calculator" },
    script("spin", "export default () => { for (;;); };", { timeout_ms: 100 }),
    script("deaf", "export default () => (2n ** 1_000_000n).toString().length;", {
      timeout_ms: 50,
    }),
    script("eat", "export default () => new ArrayBuffer(1e9).byteLength;", { memory_mb: 8 }),
    script("throws", "export default () => {\n  null.x;\n};"),
  );
  const asked = ["spin", "deaf", "eat", "throws"].map((name) => ({ name, arguments: {} }));
  calling([...asked, { name: "calculator", arguments: { expression: "1 + 1" } }]);

  const reply = await say(agent, "All of it.");

  expect(reply.body.response).toBe("Done.");
  const said = (await results(reply.body.id)).map((one) => one.error?.code ?? one.result);
  expect(said.sort()).toEqual(["2", "DEADLINE", "DEADLINE", "SCRIPT_FAILED", "TASK_MEMORY"]);
  const { error } = await resultOf(reply.body.id, "throws");
  expect(error.message).toMatch(/^TypeError: .*\(line 2, column \d+\)$/);
});

test("a script calls with no permission that it does not have, and nothing that is not granted", async () => {
  const code = `export default async (args, host) => {
    const said = [];
    for (const [name, given] of [["look", { url: "http://127.0.0.1:1/" }], ["calculator", { expression: "1" }]]) {
      try { said.push(await host.call(name, given)); } catch (error) { said.push(error.code ?? error.message); }
    }
    return said;
  };`;
  const agent = await newAgent(
    { tool: "calculator" },
    { tool: "http_request", name: "look" },
    script("mute", code, { tools: ["look"] }),
    { ...script("allowed", code, { tools: ["look"] }), permissions: ["network", "read"] },
  );
  calling(["mute", "allowed"].map((name) => ({ name, arguments: {} })));

  const reply = await say(agent, "Look.");

  const refused = "The tool calculator is not granted to this script.";
  expect(await resultOf(reply.body.id, "mute")).toEqual(["FORBIDDEN", refused]);
  expect(await resultOf(reply.body.id, "allowed")).toEqual(["EGRESS_REFUSED", refused]);
});

test("what a script is made of is checked when it is saved", async () => {
  const code = "export default () => 1;";
  const pointerOf = async (...tools: readonly object[]): Promise<string> =>
    String((await made(tools)).pointer ?? (await made(tools)).details?.pointer);

  expect(await pointerOf(script("one", code, { tools: ["calculator"] }))).toBe(
    "/tools/0/config/tools/0",
  );
  expect(await pointerOf(script("one", "  "))).toBe("/tools/0/config/code");
  expect(await pointerOf(script("one", code, { timeout_ms: 30_001 }))).toBe(
    "/tools/0/config/timeout_ms",
  );
  expect(await pointerOf(script("one", code, { memory_mb: 257 }))).toBe(
    "/tools/0/config/memory_mb",
  );
});

test("a script waits for a person as long as it takes, over kill -9, and goes on where it was", {
  timeout: 60_000,
}, async () => {
  const agent = await newAgent(
    { tool: "calculator", requires_confirmation: true },
    script("bill", BILL, { tools: ["calculator"] }),
  );
  calling([{ name: "bill", arguments: { amounts: ["100"] } }], (call) => call.prompt.slice(-300));
  const started = await product.call("POST", `/v2/agents/${agent}/runs`, {
    ...{ input: "Bill it.", mode: "background" },
  });
  const pending = async (): Promise<readonly Json[]> =>
    (await product.call("GET", "/v2/approvals?status=pending&limit=100")).body.data;
  const approve = async (): Promise<void> => {
    await expect.poll(async () => (await pending()).length, { timeout: ENDED_MS }).toBe(1);
    const [approval] = await pending();
    const decision = { decision: "approve" };
    await product.call("POST", `/v2/approvals/${approval?.id}/decide`, decision);
  };

  await expect.poll(async () => (await pending()).length, { timeout: ENDED_MS }).toBe(1);
  await product.kill();
  await product.start();
  await approve();
  await approve();

  const runOf = async (): Promise<Json> =>
    (await product.call("GET", `/v2/runs/${started.body.run_id}`)).body;
  await expect.poll(async () => (await runOf()).status, { timeout: ENDED_MS }).toBe("completed");
  expect((await runOf()).result.response).toContain('{"total":"119","lines":1}');
});
