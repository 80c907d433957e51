// Agents that an engine answers for, in the real process: a coding agent on a command line.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Product, startProduct } from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

const program = fileURLToPath(new URL("../support/fake-claude.js", import.meta.url));
const SECRET = "sk-agent-0123456789";

let product: Product;
let target: string;

beforeAll(async () => {
  product = await startProduct({
    env: { TROUPE_WORKERS: "2" },
    config: "tools:\n  hosts: [127.0.0.1]\n",
  });
  const folder = join(product.folder, "work");
  await mkdir(folder);
  target = await make("/v2/targets", { name: "Here", type: "local", config: { folder } });
});
afterAll(() => product.end());

const make = async (path: string, body: object): Promise<string> => {
  const made = await product.call("POST", path, body);
  expect(made.body).toMatchObject({ id: expect.any(String) });
  return String(made.body.id);
};
const newEngine = (config: object = {}, more: object = {}): Promise<string> =>
  make("/v2/engines", {
    ...{ name: "Coder", type: "code_agent", target, secrets: { AGENT_KEY: SECRET } },
    config: { command: process.execPath, args: [program], ...config },
    ...more,
  });
const newAgent = (engine: string): Promise<string> =>
  make("/v2/agents", { name: "Coder", engine, system_message: "Be brief." });
const say = (agent: string, input: string, more: object = {}) =>
  product.call("POST", `/v2/agents/${agent}/runs`, { input, ...more });

test("an engine answers for an agent, and the conversation goes on by its session", async () => {
  const agent = await newAgent(await newEngine());

  const first = await say(agent, "One");
  const conversation = first.body.conversation_key;
  const second = await say(agent, "heard", { conversation_key: conversation });

  expect(first.body).toMatchObject({
    ...{ status: "completed", response: "One", model: "claude-sonnet-4-5" },
    routing_info: { selected_action: "ENGINE", method: "engine" },
    usage: { prompt_tokens: 115, completion_tokens: 7, spend: 0.01 },
    cost: { tokens: 0.001 },
  });
  expect(JSON.parse(second.body.response)).toEqual(["One", "heard"]);
});

test("its text is shown as it comes, with what its tools did between", async () => {
  const agent = await newAgent(await newEngine());

  const body = { input: "tools done", mode: "stream" };
  const stream = await product.events("POST", `/v2/agents/${agent}/runs`, body);
  const events = await stream.rest();

  const shown = events.map(({ event, data }) =>
    event === "event" ? (JSON.parse(data) as Json).event.type : event,
  );
  expect(shown.filter((one) => one !== "text")).toEqual([
    ...["accepted", "routing", "tool_call", "tool_result", "tool_call", "tool_result"],
    ...["text-end", "end"],
  ]);
  expect(shown.filter((one) => one === "text").length).toBeGreaterThan(1);
});
