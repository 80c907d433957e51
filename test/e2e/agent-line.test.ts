// The line of agents that work by themselves, in the real process: MAX_AGENTS at once, the others in order, over
// kill -9; one that is stopped leaves it, chats are not in it, and figures show it.

import { afterAll, beforeAll, expect, test } from "vitest";
import { type Product, startProduct } from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

const AGENTS = 6;
const HOLD_MS = 700;
const WITHIN = { timeout: 30_000, interval: 50 };

let product: Product;
beforeAll(async () => {
  product = await startProduct({ env: { TROUPE_WORKERS: "2", MAX_AGENTS: "1" } });
}, 120_000);
afterAll(() => product.end());

const made = async (name: string): Promise<string> => {
  const said = { name, model: "gpt-4o-mini", description: "Works." };
  const { status, body } = await product.call("POST", "/agents/v1/agents", said);
  expect(status, JSON.stringify(body)).toBe(201);
  return body.id;
};
const started = async (agent: string, input: string): Promise<string> =>
  (await product.call("POST", `/agents/v1/agents/${agent}/start`, { input })).body.run.id;
const runOf = async (run: string): Promise<Json> =>
  (await product.call("GET", `/v2/runs/${run}`)).body;
const figure = async (state: "running" | "waiting"): Promise<number> => {
  const text = await (await fetch(`${product.url}/metrics`)).text();
  const line = text
    .split("\n")
    .find((one) => one.startsWith(`troupe_autonomous_runs{state="${state}"} `));
  return Number(line?.split(" ")[1]);
};

test("they begin one after the other in the order in which they were started, whatever is killed when", async () => {
  const { provider } = product;
  provider.when((call) => call.lastUser.startsWith("work"), {
    ...{ text: "Done.", firstByteMs: HOLD_MS },
  });
  provider.otherwise({ text: "Hello." });
  const agents = await Promise.all(Array.from({ length: AGENTS }, (_, at) => made(`Agent ${at}`)));
  const runs: string[] = [];
  for (const [at, agent] of agents.entries()) runs.push(await started(agent, `work ${at}`));
  const [first = "", , , stopped = ""] = agents;
  await provider.until((call) => call.lastUser === "work 0");

  const [working, ...waiting] = await Promise.all(runs.map(runOf));
  expect(working?.status).toBe("running");
  expect(waiting.map(({ status }) => status)).toEqual(waiting.map(() => "queued"));
  expect([await figure("running"), await figure("waiting")]).toEqual([1, 5]);
  const chat = await product.call("POST", `/v2/agents/${first}/runs`, { input: "Hi." });
  expect(chat.body.response).toBe("Hello.");
  const { body: gone } = await product.call("POST", `/agents/v1/agents/${stopped}/stop`, {});
  expect(gone.cancelled_runs).toEqual([runs[3]]);
  await product.kill();
  await product.start();
  await provider.until((call) => call.lastUser === "work 1");
  await product.kill();
  await product.start();

  const ended = async (): Promise<readonly string[]> =>
    (await Promise.all(runs.map(runOf))).map(({ status }) => status);
  await expect
    .poll(ended, WITHIN)
    .toEqual(runs.map((_, at) => (at === 3 ? "cancelled" : "completed")));
  const begun = provider.calls("work").map(({ lastUser }) => lastUser);
  expect(begun.filter((one, at) => one !== begun[at - 1])).toEqual(
    [0, 1, 2, 4, 5].map((at) => `work ${at}`),
  );
  expect([await figure("running"), await figure("waiting")]).toEqual([0, 0]);
});
