// Scripts of agents in the real process: they compute in a sandbox and call the tools that they are granted, on the
// terms of those; what goes wrong is told to the model, and nothing else is touched.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type Product, startProduct } from "../support/product.ts";
import { hasSandbox, whyNoSandbox } from "../support/sandbox.ts";
import { toolTalk } from "../support/tool-talk.ts";
import type { Json } from "../support/wire-client.ts";

const ENDED_MS = 20_000;

let product: Product;
/** The operator's folder. */
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "troupe-scripts-"));
  await writeFile(join(folder, "gross.ts"), grossFile(19));
  await writeFile(join(folder, "bill.py"), BILL_IN_PYTHON);
  const config = `tools:\n  scripts: ${folder}\n`;
  product = await startProduct({ env: { TROUPE_WORKERS: "2" }, config });
});
afterEach(() => product.provider.reset());
afterAll(async () => {
  await product.end();
  await rm(folder, { recursive: true, force: true });
});

const grossFile = (percent: number): string => `
export const description: string = "What it costs with tax.";
export const parameters = { type: "object", properties: { net: { type: "number" } }, required: ["net"] };
export const permissions = ["read"];
export default async function (args: { net: number }, host: any): Promise<object> {
  const { result } = await host.call("calculator", { expression: \`round(\${args.net} * 1.${percent}, 2)\` });
  return { gross: result };
}`;

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
  const figures = await (await fetch(`${product.url}/metrics`)).text();
  for (const killed of ['timeout"} 2', 'memory"} 1', 'failed"} 1']) {
    expect(figures).toContain(`troupe_sandbox_runs_total{kind="javascript",outcome="${killed}\n`);
  }
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

test("a file of the operator's folder is a tool by its name, anew when it changes, and its last good version stays", {
  timeout: 60_000,
}, async () => {
  const own = { tool: "custom.gross", config: { tools: ["calculator"] } };
  const agent = await newAgent(
    { tool: "calculator" },
    own,
    { ...own, name: "unfit", permissions: [] },
    { tool: "custom.nothing" },
  );
  const asked = async (): Promise<string> => {
    product.provider.reset();
    calling(["gross", "unfit", "nothing"].map((name) => ({ name, arguments: { net: 10 } })));
    return (await say(agent, "What is it?")).body.id;
  };
  const grossOf = async (): Promise<Json> => resultOf(await asked(), "gross");

  const run = await asked();
  expect(await resultOf(run, "gross")).toEqual({ gross: "11.9" });
  const { error: unfit } = await resultOf(run, "unfit");
  expect(unfit.message).toContain('does not have the permission "read"');
  const { error: missing } = await resultOf(run, "nothing");
  expect(missing.message).toContain("no script nothing in the server's folder");
  const offered = product.provider.calls()[0]?.tools.find(({ name }) => name === "gross");
  expect(offered).toMatchObject({ schema: { required: ["net"] } });

  await writeFile(join(folder, "gross.ts"), grossFile(25));
  await expect
    .poll(async () => await grossOf(), { timeout: ENDED_MS })
    .toEqual({
      gross: "12.5",
    });
  await writeFile(join(folder, "gross.ts"), `${grossFile(30)}\nconst x: number = ;`);
  await expect
    .poll(() => product.server.errors(), { timeout: ENDED_MS })
    .toMatch(/"line":9,"column":19.*its last good version stays/);

  expect(await grossOf()).toEqual({ gross: "12.5" });
});

const BILL_IN_PYTHON = `
def total(amounts: list[str], tools) -> dict:
    """What amounts cost with tax.

    Args:
        amounts: Each as a number.
    """
    lines = tools.all(*[("calculator", {"expression": f"{one} * 1.19"}) for one in amounts])
    whole = tools.calculator(expression=" + ".join(line["result"] for line in lines))
    return {"total": whole["result"], "lines": len(lines)}

def wrong(text: str):
    """Fails."""
    return int(text)

def peeks(path: str):
    """Looks around."""
    import os
    return [os.path.exists(path), os.path.exists("/proc/1/root" + path), "TROUPE_ADMIN_KEY" in os.environ]
`;

test.skipIf(!hasSandbox)(
  `a module of Python is a tool for each of its functions, calls what it is granted, and sees nothing of the server${whyNoSandbox}`,
  { timeout: 60_000 },
  async () => {
    const agent = await newAgent(
      { tool: "calculator" },
      { tool: "custom.bill.total", config: { tools: ["calculator"] } },
      { tool: "custom.bill.wrong", name: "wrong" },
      { tool: "custom.bill.peeks" },
      { tool: "custom.bill.total", name: "mute" },
    );
    calling([
      { name: "bill_total", arguments: { amounts: ["10", "0.1"] } },
      { name: "bill_total", arguments: { amounts: "10" } },
      { name: "wrong", arguments: { text: "x" } },
      { name: "bill_peeks", arguments: { path: join(product.folder, "data") } },
      { name: "mute", arguments: { amounts: ["1"] } },
    ]);

    const { id } = (await say(agent, "What is it?")).body;

    const said = await results(id);
    expect(said).toContainEqual({ total: "12.019", lines: 2 });
    expect(said).toContainEqual([false, false, false]);
    expect(said.flatMap(({ error }: Json) => (error === undefined ? [] : [error]))).toMatchObject([
      { code: "INVALID", pointer: "/amounts" },
      { code: "SCRIPT_FAILED", message: expect.stringMatching(/^ValueError: .* \(line 14\)$/) },
      {
        code: "SCRIPT_FAILED",
        message: expect.stringContaining("calculator is not granted to this script"),
      },
    ]);
    const offered = product.provider.calls()[0]?.tools.find(({ name }) => name === "bill_total");
    expect(offered).toMatchObject({
      schema: { properties: { amounts: { items: { type: "string" } } }, required: ["amounts"] },
    });
  },
);
