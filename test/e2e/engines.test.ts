// Engines and targets in the started product: a run whose target is lost waits for it, over a crash, and goes on when
// it is back, and nothing of what was begun is left behind.

import { existsSync } from "node:fs";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Product, startProduct } from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

const SOON = { timeout: 20_000, interval: 30 };

let product: Product;
let target: string;
let work: string;

beforeAll(async () => {
  product = await startProduct();
  work = join(product.folder, "work");
  const config = { folder: work };
  target = (await post("/v2/targets", { name: "Disk", type: "local", shell: true, config })).id;
});
afterAll(() => product.end());

async function post(path: string, body: object): Promise<Json> {
  const { status, body: made } = await product.call("POST", path, body);
  expect([path, status < 300, made]).toEqual([path, true, made]);
  return made;
}
const get = async (path: string): Promise<Json> => (await product.call("GET", path)).body;

/** A workflow of one node that calls a tool. */
async function flowOf(tool: object, args: object): Promise<string> {
  const { id: ref } = await post("/v2/tools", tool);
  const graph_definition = {
    nodes: [
      { id: "do", type: "tool", ref, arguments: JSON.stringify(args), save: "done" },
      { id: "end", type: "end" },
    ],
    edges: [{ from: "do", to: "end" }],
  };
  const flow = { name: "Flow", graph_definition, state_schema: { properties: { done: {} } } };
  return (await post("/v2/workflows", { ...flow, output: "done" })).id;
}

/** Of a shell's text that nobody has to agree to. */
const shellFlow = (command: string): Promise<string> =>
  flowOf(
    { name: "sh", type: "shell", config: { target }, requires_confirmation: false },
    { command },
  );

const started = async (flow: string): Promise<string> =>
  (await post(`/v2/workflows/${flow}/runs`, { input: {}, mode: "background" })).run_id;

test("a run whose target is lost waits for it, over a crash, until it is back", async () => {
  const flow = await shellFlow("echo made here > file; cat file");
  const run = await started(flow);
  const waiting = async (): Promise<unknown> => (await get(`/v2/runs/${run}`)).waits_for;
  await expect.poll(waiting, SOON).toBe("target");
  const { status } = await get(`/v2/runs/${run}`);
  await product.kill();
  await product.start();
  expect(await waiting()).toBe("target");
  const check = async (): Promise<Json> =>
    (await product.call("POST", `/v2/targets/${target}/check`)).body;
  const lost = await check();
  await mkdir(work);
  const back = await check();
  await expect.poll(async () => (await get(`/v2/runs/${run}`)).status, SOON).toBe("completed");

  expect(status).toBe("waiting");
  expect([lost.status, back.status]).toEqual(["lost", "ok"]);
  expect(await get(`/v2/targets/${target}/check`)).toMatchObject({ status: "ok", message: null });
  expect(JSON.stringify(await get(`/v2/runs/${run}`))).toContain("made here");
  expect(await waiting()).toBe(null);
  const figures = await (await fetch(`${product.url}/metrics`)).text();
  expect(figures).toMatch(/^troupe_engine_work_total\{engine="shell",outcome="done"\} [1-9]/m);
});

test("it goes on by itself, without anybody asking, and each declared command is a tool", async () => {
  await rm(work, { recursive: true, force: true });
  const commands = [
    { name: "one", description: "One.", argv: ["echo", { arg: "word" }], arguments: wordArgument },
    { name: "two", description: "Two.", argv: ["echo", "two"] },
  ];
  const engine = await post("/v2/engines", {
    ...{ name: "Ops", type: "direct_ops", target, config: { commands } },
  });
  const config = { engine: engine.id, commands: ["one"] };
  const flow = await flowOf({ name: "ops", type: "engine", config }, { word: "$(echo plain)" });
  const run = await started(flow);
  const at = async (): Promise<Json> => await get(`/v2/runs/${run}`);
  await expect.poll(async () => (await at()).waits_for, SOON).toBe("target");
  await mkdir(work);
  await expect.poll(async () => (await at()).status, { timeout: 30_000 }).toBe("completed");

  expect(JSON.stringify(await at())).toContain("$(echo plain)");
  const used = await product.call("DELETE", `/v2/engines/${engine.id}`);
  expect([used.status, used.body.code]).toEqual([409, "CONFLICT"]);
});

test("one that waits can be cancelled, and one whose target is switched off is refused", async () => {
  await rm(work, { recursive: true, force: true });
  const flow = await shellFlow("echo never > file");
  const [cancelled, refused] = [await started(flow), await started(flow)];
  const at = async (run: string): Promise<Json> => await get(`/v2/runs/${run}`);
  for (const run of [cancelled, refused]) {
    await expect.poll(async () => (await at(run)).waits_for, SOON).toBe("target");
  }

  await post(`/v2/runs/${cancelled}/cancel`, {});
  await expect.poll(async () => (await at(cancelled)).status, SOON).toBe("cancelled");
  await product.call("PATCH", `/v2/targets/${target}`, { is_active: false });
  await expect.poll(async () => (await at(refused)).status, SOON).toBe("failed");

  expect((await at(refused)).error.code).toBe("FORBIDDEN");
  await product.call("PATCH", `/v2/targets/${target}`, { is_active: true });
  await mkdir(work);
});

test("an engine that does tasks is one tool, which waits for its target as well", async () => {
  await rm(work, { recursive: true, force: true });
  const program = fileURLToPath(new URL("../support/bad-plugin.js", import.meta.url));
  const engine = await post("/v2/engines", {
    ...{ name: "Plug", type: "plugin", target },
    config: { command: [process.execPath, program] },
  });
  const tool = { name: "ask", type: "engine", config: { engine: engine.id } };
  const run = await started(await flowOf(tool, { task: "go" }));
  const at = async (): Promise<Json> => await get(`/v2/runs/${run}`);
  await expect.poll(async () => (await at()).waits_for, SOON).toBe("target");
  await mkdir(work);
  await post(`/v2/targets/${target}/check`, {});
  await expect.poll(async () => (await at()).status, SOON).toBe("completed");

  const done = JSON.stringify(await at());
  expect(done).toContain("All is well.");
  expect(done).toContain("s-1");
});

test("nothing of a command is left after the server was killed", async () => {
  const text = "setsid sleep 1000 & echo $! > pids; echo $$ >> pids; sleep 1000";
  await started(await shellFlow(text));
  const pids = async (): Promise<readonly string[]> =>
    (await readFile(join(work, "pids"), "utf8").catch(() => "")).split("\n").filter(Boolean);
  await expect.poll(async () => (await pids()).length, SOON).toBe(2);

  await product.kill();
  await product.start();

  for (const pid of await pids()) {
    await expect.poll(() => existsSync(`/proc/${pid}`), SOON).toBe(false);
  }
});

const wordArgument = { word: { type: "string" } };
