// The reason for the storage thread: a worker thread may be terminated at any moment, with reads and
// cursors open and batches on their way, while others commit; the process and every acknowledged
// row survive. (A thread that writes through lmdb-js takes the process with it.)

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { openStore } from "../../../runtime/store/lmdb.ts";
import { type Storage, startStorage } from "../../../runtime/store/storage.ts";

/** As many as fit into the time, on whatever machine. */
const TERMINATIONS = 150;
const TERMINATIONS_MIN = 100;
const TIME_MS = 25_000;
const AT_ONCE = 6;

interface Started {
  readonly worker: Worker;
  /** Settles at its first sign of life. */
  readonly alive: Promise<void>;
}

function start(
  storage: Storage,
  task: { role: "writer" | "reader"; path: string; name: string },
  acknowledged: Set<string>,
): Started {
  const port = storage.connect("hot");
  const worker = new Worker(new URL("./store-worker.js", import.meta.url), {
    workerData: { ...task, port },
    transferList: [port],
  });
  const alive = new Promise<void>((resolve, reject) => {
    worker.on("message", (message: { acknowledged?: string }) => {
      if (message.acknowledged !== undefined) acknowledged.add(message.acknowledged);
      resolve();
    });
    worker.once("error", reject);
  });
  return { worker, alive };
}

test("hundreds of terminations of reading and writing workers harm neither process nor rows", {
  timeout: 120_000,
}, async () => {
  const path = mkdtempSync(join(tmpdir(), "troupe-termination-"));
  const deaths: Error[] = [];
  const storage = await startStorage({
    path,
    environments: ["hot"],
    onDeath: (_, error) => deaths.push(error),
  });
  const acknowledged = new Set<string>();
  const steady = start(storage, { role: "writer", path, name: "steady" }, acknowledged);
  await steady.alive;
  const steadyBefore = acknowledged.size;
  const untilMs = performance.now() + TIME_MS;
  let started = 0;

  const lane = async (): Promise<void> => {
    while (started < TERMINATIONS && performance.now() < untilMs) {
      started += 1;
      const role = started % 3 === 0 ? "writer" : "reader";
      const { worker, alive } = start(storage, { role, path, name: `t${started}` }, acknowledged);
      await alive;
      await worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  const steadyAfter = [...acknowledged].filter((key) => key.startsWith("w/steady/")).length;
  await steady.worker.terminate();

  const store = openStore({ path, environment: "hot", port: storage.connect("hot") });
  await store.commit({ ops: [] }).flushed;
  const lost: string[] = [];
  for (const key of acknowledged) if ((await store.get(key)) === undefined) lost.push(key);
  expect(deaths).toEqual([]);
  expect(lost).toEqual([]);
  expect(steadyAfter).toBeGreaterThan(steadyBefore);
  expect(acknowledged.size).toBeGreaterThan(started / 3);
  expect(started).toBeGreaterThanOrEqual(TERMINATIONS_MIN);
  await store.close();
  await storage.close();
  rmSync(path, { recursive: true });
});
