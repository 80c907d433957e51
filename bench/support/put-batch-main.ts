// The yardstick of durability: LMDB itself, 100 B values under 1,000 keys that are written again and
// again, so many puts in a transaction, each transaction waited for until it is flushed.
// Arguments: puts a transaction, seconds. Prints {perSecond, p50, p99}, times in ms.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open } from "lmdb";

const [puts = "1000", seconds = "2"] = process.argv.slice(2);
const KEYS = 1_000;
const VALUE_BYTES = 100;
const WARM_MS = 500;

const folder = mkdtempSync(join(tmpdir(), "bench-put-"));
const database = open({ path: join(folder, "data.mdb"), encoding: "binary" });
const names = Array.from({ length: KEYS }, (_, at) => `a/tn_bench/r${at}/s`);
const value = Buffer.alloc(VALUE_BYTES, 7);
let next = 0;

async function batch(): Promise<void> {
  let last: Promise<boolean> | undefined;
  for (let at = 0; at < Number(puts); at += 1) {
    last = database.put(names[next] ?? "", value);
    next = (next + 1) % KEYS;
  }
  await last;
  await database.flushed;
}

for (const endMs = performance.now() + WARM_MS; performance.now() < endMs; ) await batch();
const times: number[] = [];
const beganMs = performance.now();
for (const endMs = beganMs + Number(seconds) * 1_000; performance.now() < endMs; ) {
  const batchMs = performance.now();
  await batch();
  times.push(performance.now() - batchMs);
}
const tookMs = performance.now() - beganMs;
await database.close();
rmSync(folder, { recursive: true, force: true });
times.sort((a, b) => a - b);
const [p50, p99] = [0.5, 0.99].map((share) => times[Math.floor(times.length * share)]);
console.log(
  JSON.stringify({ perSecond: (times.length * Number(puts) * 1_000) / tookMs, p50, p99 }),
);
