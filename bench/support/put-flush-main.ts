// The yardstick of durable latency: one awaited LMDB put with its flush, 1 KB, alone on the core.
// Prints {p50, p99} in milliseconds.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open } from "lmdb";

const PUTS = 1_000;
const WARM_PUTS = 100;

const folder = mkdtempSync(join(tmpdir(), "bench-put-"));
const database = open({ path: join(folder, "data.mdb"), encoding: "binary" });
const value = Buffer.alloc(1_000, 7);
const times: number[] = [];
for (let at = -WARM_PUTS; at < PUTS; at += 1) {
  const startedMs = performance.now();
  await database.put(`key${at}`, value);
  await database.flushed;
  if (at >= 0) times.push(performance.now() - startedMs);
}
await database.close();
rmSync(folder, { recursive: true, force: true });
times.sort((a, b) => a - b);
console.log(JSON.stringify({ p50: times[PUTS / 2], p99: times[Math.floor(PUTS * 0.99)] }));
