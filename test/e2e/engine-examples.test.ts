// The examples of the engines' README, made and used in the started product: only where things lie is put in.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Product, startProduct } from "../support/product.ts";
import { hasSshd, type Sshd, startSshd } from "../support/sshd.ts";
import type { Json } from "../support/wire-client.ts";

const readme = fileURLToPath(new URL("../../../adapters/engines/README.md", import.meta.url));
const claude = fileURLToPath(new URL("../support/fake-claude.js", import.meta.url));

let product: Product;
let sshd: Sshd | undefined;
let page: string;
let desk: string;
/** Ids of what was made, by the ids that the examples use. */
const ids = new Map<string, string>();

beforeAll(async () => {
  product = await startProduct({ config: "tools:\n  hosts: [127.0.0.1]\n" });
  if (hasSshd) sshd = await startSshd();
  page = await readFile(readme, "utf8");
  desk = join(product.folder, "desk");
  await mkdir(desk);
  await writeFile(join(desk, "-notes.txt"), "one\ntwo\nthree\n");
  const [, plugin = ""] = /```js\n(.*?)```/s.exec(page) ?? [];
  await writeFile(join(desk, "words.mjs"), plugin);
});
afterAll(async () => {
  await product.end();
  await sshd?.remove();
});

const make = async (path: string, body: object): Promise<string> => {
  const { status, body: made } = await product.call("POST", path, body);
  expect([path, body, status, made]).toEqual([path, body, status < 300 ? status : 201, made]);
  return String(made.id);
};

/** The example whose id is this, as it is made here. */
async function made(id: string, path: string, change: (example: Json) => Json): Promise<string> {
  const example = examples().find((one) => nameOf(one) === id);
  expect([id, example]).toEqual([id, expect.anything()]);
  const placed = JSON.stringify(change(example)).replace(
    /"((?:tg|en)_[a-z]+)"/g,
    (_, known: string) => JSON.stringify(ids.get(known) ?? known),
  );
  const real = await make(path, JSON.parse(placed));
  ids.set(id, real);
  return real;
}

const examples = (): readonly Json[] =>
  [...page.matchAll(/```json\n(.*?)```/gs)].map(([, text = ""]) => JSON.parse(text));

/** What the other examples call it. */
function nameOf({ type, engine, config = {} }: Json): string {
  if (type === undefined) return `agent of ${engine}`;
  const isTarget =
    ["folder", "url", "host"].some((name) => name in config) && type !== "direct_ops";
  return `${isTarget ? "target" : "record"} ${type}`;
}

const withConfig =
  (more: object, rest: object = {}) =>
  (example: Json): Json => ({ ...example, ...rest, config: { ...example.config, ...more } });

/** What a workflow of one node gives that calls a tool. */
async function called(tool: string, args: object): Promise<string> {
  const node = { id: "do", type: "tool", ref: tool, arguments: JSON.stringify(args), save: "done" };
  const graph_definition = {
    nodes: [node, { id: "end", type: "end" }],
    edges: [{ from: "do", to: "end" }],
  };
  const state_schema = { properties: { done: {} } };
  const flow = { name: "Flow", graph_definition, state_schema, output: "done" };
  const path = `/v2/workflows/${await make("/v2/workflows", flow)}/runs`;
  return JSON.stringify((await product.call("POST", path, { input: {} })).body);
}

const health = async (target: string): Promise<string> =>
  (await product.call("POST", `/v2/targets/${target}/check`)).body.status;
const answer = async (agent: string, input: string): Promise<Json> =>
  (await product.call("POST", `/v2/agents/${agent}/runs`, { input })).body;

/** Targets that runs wait for, as the metrics have it. */
async function awaited(): Promise<number> {
  const headers = { authorization: `Bearer ${product.adminKey}` };
  const metrics = await (await fetch(`${product.url}/metrics`, { headers })).text();
  return Number(/^troupe_targets_awaited (\d+)$/m.exec(metrics)?.[1] ?? Number.NaN);
}

test("targets of each type are there, and a shell runs over ssh, which may be away for a while", async () => {
  const local = await made("target local", "/v2/targets", withConfig({ folder: desk }));
  const api_key = product.adminKey;
  const url = product.provider.openaiUrl;
  const agent = withConfig({ url, model: "gpt-4o-mini" }, { secrets: { api_key } });
  const there = await made("target managed_agent", "/v2/targets", agent);
  const service = await made("target http", "/v2/targets", withConfig({ url: product.url }));

  expect(await Promise.all([local, there, service].map(health))).toEqual(["ok", "ok", "ok"]);
  ids.set("tg_desk", local).set("tg_agent", there);
  if (sshd === undefined) return;
  const place = withConfig(sshd.config, { secrets: { private_key: sshd.privateKey } });
  ids.set("tg_build", await made("target ssh", "/v2/targets", place));
  const shell = await made("record shell", "/v2/tools", (tool) => ({
    ...tool,
    requires_confirmation: false,
  }));
  expect(await called(shell, { command: "echo $((20 + 3)) there" })).toContain("23 there");

  await sshd.stop();
  const waiting = JSON.parse(await called(shell, { command: "echo back $((20 + 3))" })) as Json;
  const whileAway = await awaited();
  await sshd.start();
  const at = async (): Promise<Json> =>
    (await product.call("GET", `/v2/runs/${waiting.run_id}`)).body;
  await expect.poll(async () => (await at()).status, { timeout: 20_000 }).toBe("completed");

  expect(waiting).toMatchObject({ status: "waiting", waits: [{ kind: "target" }] });
  expect(JSON.stringify(await at())).toContain("back 23");
  expect([whileAway, await awaited()]).toEqual([1, 0]);
});

test("a declared command is a tool", async () => {
  ids.set("en_desk", await made("record direct_ops", "/v2/engines", (engine) => engine));
  const tool = await made("record engine", "/v2/tools", (example) => example);

  const done = await called(tool, { lines: 2, file: "-notes.txt" });

  expect(done).toContain("two\\nthree");
  expect(done).not.toContain("one");
});

test("an agent on a command line, one elsewhere and a plugin answer", async () => {
  const change = withConfig({ command: process.execPath, args: [claude] });
  ids.set("en_coder", await made("record code_agent", "/v2/engines", change));
  const coder = await made("agent of en_coder", "/v2/agents", (agent) => agent);
  const engines = [
    await made("record managed_agent", "/v2/engines", (engine) => engine),
    await made("record plugin", "/v2/engines", (engine) => ({
      ...engine,
      config: { ...engine.config, command: [process.execPath, "words.mjs"] },
    })),
  ];
  const others = await Promise.all(
    engines.map((engine) => make("/v2/agents", { name: "Other", engine })),
  );

  expect(await answer(coder, "One")).toMatchObject({ status: "completed", response: "One" });
  const [elsewhere, counted] = await Promise.all(others.map((one) => answer(one, "a b c")));
  expect(elsewhere).toMatchObject({ status: "completed", model: "gpt-4o-mini" });
  expect(counted).toMatchObject({ status: "completed", response: "3 words" });
});
