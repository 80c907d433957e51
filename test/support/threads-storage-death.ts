// A process whose storage thread dies of an error: started by a test that looks at how it ends.

import type { Worker } from "node:worker_threads";
import { startSystem } from "../../runtime/pool.ts";
import { program } from "./threads-program.ts";

const threads: Worker[] = [];
process.on("worker", (worker) => threads.push(worker));
await startSystem({
  folder: String(process.argv[2]),
  workerUrl: new URL("./threads-worker.js", import.meta.url),
  loadHost: () => program,
  config: { workers: 0 },
  log: { write: (level, message) => process.stdout.write(`${level} ${message}\n`) },
});
// No such command: the thread throws. The storage threads are the first that are started.
threads[0]?.postMessage(null);
setInterval(() => undefined, 1_000);
