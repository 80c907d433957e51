// A thousand background runs, the process killed with kill -9 while they are accepted and while they
// run: every one that was acknowledged ends, once, and is paid for once.

import { afterAll, beforeAll, expect, test } from "vitest";
import { makeDesk, type Product, startProduct } from "../support/product.ts";

const RUNS = 1_000;
const AT_ONCE = 16;
/** Acknowledged runs after which the process is killed; the last one when all are. */
const KILLS = [250, 600, RUNS];
const PRICE_MICROS = 1_000;
const REPEAT_MS = 50;

let product: Product;
let agent = "";

beforeAll(async () => {
  product = await startProduct({ env: { TROUPE_WORKERS: "1" } });
  agent = await makeDesk(product);
});
afterAll(() => product.end());

/** Starts one; what a dead process did not acknowledge is sent again under its key. */
async function accepted(number: number): Promise<string> {
  const body = { input: `refund number ${number}`, mode: "background" };
  const headers = { "Idempotency-Key": `background-${number}` };
  for (;;) {
    const answer = await product
      .call("POST", `/v2/agents/${agent}/runs`, body, { headers })
      .catch(() => null);
    if (answer?.status === 202) return answer.body.id;
    await new Promise((resolve) => setTimeout(resolve, REPEAT_MS));
  }
}

async function statuses(): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  let cursor = "";
  do {
    const { body } = await product.call("GET", `/v2/runs?limit=100${cursor}`);
    for (const { id, status } of body.data) found.set(id, status);
    cursor = body.next_cursor === null ? "" : `&cursor=${encodeURIComponent(body.next_cursor)}`;
  } while (cursor !== "");
  return found;
}

test("a thousand background runs survive kill -9 and all end, once", {
  timeout: 170_000,
}, async () => {
  const before = await product.balance();
  const runs: string[] = [];
  const kills = [...KILLS];
  let killing = Promise.resolve();
  let next = 0;
  const client = async (): Promise<void> => {
    while (next < RUNS) {
      next += 1;
      runs.push(await accepted(next));
      if (runs.length !== kills[0]) continue;
      kills.shift();
      killing = killing.then(() => product.kill()).then(() => product.start());
    }
  };

  await Promise.all(Array.from({ length: AT_ONCE }, client));
  await killing;
  const open = async (): Promise<number> =>
    [...(await statuses()).values()].filter((status) => status === "running").length;
  await expect.poll(open, { timeout: 120_000, interval: 1_000 }).toBe(0);
  const ended = await statuses();

  expect(new Set(runs).size).toBe(RUNS);
  expect(ended.size).toBe(RUNS);
  expect(runs.filter((run) => ended.get(run) !== "completed")).toEqual([]);
  expect(before - (await product.balance())).toBe(RUNS * PRICE_MICROS);
});
