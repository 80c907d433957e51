// The machine's clock is set while a run sleeps. Apart from the other tests of clocks: it waits for what is
// looked at once a minute, and is held to no time itself.

import { afterAll, beforeAll, expect, test } from "vitest";
import { CHAT, makeDesk, type Product, startProduct } from "../support/product.ts";
import { clockPreload, setServerClock } from "../support/server-clock.ts";
import type { Json } from "../support/wire-client.ts";

const HOUR_MS = 3_600_000;
const START_MS = 60_000;

let product: Product;
let agent = "";

beforeAll(async () => {
  product = await startProduct({ preload: clockPreload, env: { TROUPE_WORKERS: "2" } });
  agent = await makeDesk(product);
}, START_MS);
afterAll(() => product.end());

const chat = (message: string): Promise<Json> =>
  product.call("POST", CHAT, { agent_key: agent, message });

test("a run that sleeps wakes when the clock passes its time, and not when it goes back", async () => {
  const nap = { id: "nap", type: "sleep", ms: HOUR_MS / 2 };
  const graph_definition = {
    nodes: [nap, { id: "end", type: "end" }],
    edges: [{ from: "nap", to: "end" }],
  };
  const made = await product.call("POST", "/v2/workflows", { name: "Nap", graph_definition });
  const { body } = await product.call("POST", `/v2/workflows/${made.body.id}/runs`, {
    ...{ input: {}, mode: "background" },
  });
  const run = `/v2/runs/${body.run_id}`;
  const status = async (): Promise<unknown> => (await product.call("GET", run)).body.status;
  const picture = async (): Promise<string> => {
    const headers = { "X-API-Key": product.adminKey };
    return await (await fetch(`${product.url}${run}/graph.svg`, { headers })).text();
  };
  await expect.poll(picture, { timeout: 20_000 }).toContain('class="waiting"');

  await setServerClock(product, -HOUR_MS);
  const back = await chat("refund while it sleeps");
  const still = await status();
  await setServerClock(product, 2 * HOUR_MS);
  // Reminders of the other time of day are looked at once a minute.
  await expect.poll(status, { timeout: 90_000, interval: 500 }).toBe("completed");

  expect([back.status, still]).toEqual([200, "running"]);
}, 120_000);
