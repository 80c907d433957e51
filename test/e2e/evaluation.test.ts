// An evaluation in the real process, killed with kill -9 in its middle, twice: it goes on, every item is
// run once where its run was accepted, and nothing is paid twice.

import { afterAll, beforeAll, expect, test } from "vitest";
import type { ProviderCall } from "../support/fake-provider-call.ts";
import { type Product, startProduct } from "../support/product.ts";
import type { Json } from "../support/wire-client.ts";

const ENDED_MS = 40_000;
const ITEMS = 12;

let product: Product;
beforeAll(async () => {
  product = await startProduct({ env: { TROUPE_WORKERS: "2" } });
});
afterAll(() => product.end());

async function make(path: string, body: unknown): Promise<Json> {
  const answer = await product.call("POST", path, body);
  expect([answer.status, answer.body]).toEqual([201, expect.anything()]);
  return answer.body;
}

const numberOf = ({ lastUser }: ProviderCall): number => Number(/item (\d+)/.exec(lastUser)?.[1]);
const isJudge = ({ prompt }: ProviderCall): boolean => prompt.includes("You grade the answer");

test("kill -9 while items are answered and judged: it goes on, and no run is made twice", {
  timeout: 120_000,
}, async () => {
  const model_name = "gpt-4o-mini";
  const { id: target } = await make("/v2/agents", { name: "Echo", model_name });
  const { id: dataset_id } = await make("/v2/datasets", { name: "Numbers" });
  const items = Array.from({ length: ITEMS }, (_, at) => ({
    ...{ messages: [{ role: "user", content: `item ${at}` }], expected: { text: `is ${at}` } },
  }));
  await make(`/v2/datasets/${dataset_id}/items`, items);
  const hangs = (at: number) => (call: ProviderCall) => !isJudge(call) && numberOf(call) === at;
  product.provider.when(hangs(3), { hang: "at-once", times: 1 });
  product.provider.when((call) => isJudge(call) && call.lastUser.includes("item 7"), {
    ...{ hang: "at-once", times: 1 },
  });
  product.provider.when(isJudge, { json: { reason: "Right.", grade: 10 } });
  product.provider.otherwise({ text: (call) => `is ${numberOf(call)}` });
  const before = await product.balance();

  const { id } = await make("/v2/evaluations", {
    ...{ dataset_id, targets: [{ target }], concurrency: 2 },
    scorers: [{ type: "exact" }, { type: "judge", rubric: "It is right.", model: model_name }],
  });
  const read = async (): Promise<Json> => (await product.call("GET", `/v2/evaluations/${id}`)).body;
  await product.provider.until((call) => hangs(3)(call) && call.outcome === "open");
  await expect.poll(async () => (await read()).done, { timeout: ENDED_MS }).toBeGreaterThan(3);
  await product.kill();
  await product.start();
  await product.provider.until((call) => isJudge(call) && call.lastUser.includes("item 7"));
  await product.kill();
  await product.start();
  await expect.poll(async () => (await read()).status, { timeout: ENDED_MS }).toBe("completed");

  const end = await read();
  const { body } = await product.call("GET", `/v2/evaluations/${id}/results?limit=100`);
  const sides: Json[] = body.data.map(({ sides: [side] }: Json) => side);
  expect(end).toMatchObject({ total: ITEMS, done: ITEMS, units: (2 * ITEMS) / 1_000 });
  expect(sides.map(({ answer, score }) => [answer, score])).toEqual(
    items.map((_, at) => [`is ${at}`, 1]),
  );
  // Every item has one run, and there is no other one.
  const { body: runs } = await product.call("GET", "/v2/runs?limit=100");
  expect(runs.data.map((run: Json) => run.id).sort()).toEqual(
    sides.map(({ run_id }) => run_id).sort(),
  );
  expect(before - (await product.balance())).toBe(2_000 * ITEMS);
  expect((await product.call("GET", "/admin/dead-letters")).body.data).toEqual([]);
});
