// What the running server says of itself, over its real door: /metrics as Prometheus takes it, with
// few series whatever its users do, and /admin/runtime with every thread.

import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CHAT, makeDesk, type Product, startProduct } from "../support/product.ts";

/** Series of two workers; every further worker adds less than half of it. */
const SERIES_MAX = 3_000;
const START_MS = 60_000;

let product: Product;
beforeAll(async () => {
  product = await startProduct({ env: { TROUPE_WORKERS: "2" } });
  const agent_key = await makeDesk(product);
  for (let n = 0; n < 5; n += 1) {
    await product.call("POST", CHAT, { agent_key, message: "How to export an invoice?" });
  }
}, START_MS);
afterAll(() => product.end());

const scrape = async (): Promise<string> => await (await fetch(`${product.url}/metrics`)).text();

test("/metrics has turns, commits and lag of every worker, in few series without users' names", async () => {
  const text = await scrape();
  const series = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const has = (line: RegExp): boolean => series.some((one) => line.test(one));

  expect(has(/^troupe_turns_total\{worker="[01]",kind="conversation"\} [1-9]/)).toBe(true);
  expect(has(/^troupe_flush_seconds_count\{worker="[01]"\} [1-9]/)).toBe(true);
  expect(has(/^troupe_event_loop_lag_seconds\{thread="1",quantile="0.99"\} /)).toBe(true);
  expect(has(/^troupe_storage_file_bytes\{environment="hot"\} [1-9]\d{4,}/)).toBe(true);
  expect(has(/^troupe_data_disk_free_bytes [1-9]/)).toBe(true);
  expect(series.length).toBeLessThan(SERIES_MAX);
  expect(text).not.toMatch(/="(tn|cv|rn|ag)_/);
});

test("promtool takes it as it is", async (context) => {
  if (spawnSync("promtool", ["--version"]).error) {
    context.skip("promtool is not here: it comes with Debian's package prometheus");
    return;
  }
  const checked = spawnSync("promtool", ["check", "metrics"], {
    input: await scrape(),
    encoding: "utf8",
  });

  expect([checked.status, checked.stdout, checked.stderr]).toEqual([0, "", ""]);
});

test("/admin/runtime has both workers, the storage thread and main", async () => {
  const { status, body } = await product.call("GET", "/admin/runtime");
  const unknown = await product.call("GET", "/admin/runtime", undefined, { key: "wrong" });

  expect([status, unknown.status]).toEqual([200, 401]);
  expect(body.workers).toMatchObject([
    { worker: 0, up: true, lag: {} },
    { worker: 1, up: true, lag: {} },
  ]);
  expect(body.total.kinds.conversation.counters.turns).toBeGreaterThan(5);
  expect(body.storage.hot.commit_ms.count).toBeGreaterThan(0);
  expect(body.main.lag.count).toBeGreaterThan(0);
});

test("the operator changes the number of workers while the server runs", async () => {
  const workersOf = async (): Promise<number> =>
    (await product.call("GET", "/admin/runtime")).body.workers.length;

  const grown = await product.call("POST", "/admin/runtime/workers", { workers: 3 });
  const three = await workersOf();
  const shrunk = await product.call("POST", "/admin/runtime/workers", { workers: 2 });
  const two = await workersOf();
  const none = await product.call("POST", "/admin/runtime/workers", { workers: 0 });

  expect([grown.status, shrunk.status, none.status]).toEqual([200, 200, 400]);
  expect([three, two]).toEqual([3, 2]);
});
