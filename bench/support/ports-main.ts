// The limit of what crosses threads: bare MessagePorts. `one-way` posts each message alone,
// `one-way-arrays` a hundred in one; `ask-N` has N threads that answer each message alone.

import { Worker } from "node:worker_threads";
import { BODY, WINDOW, WINDOWS } from "./runtime-program.ts";
import { type Figures, measure, rate, throughput } from "./workload.ts";

const IN_FLIGHT = 64;
const ARRAY = 100;

const threads = Number(/^ask-(\d+)$/.exec(process.argv[2] ?? "")?.[1] ?? "1");
const workers = Array.from(
  { length: threads },
  () => new Worker(new URL("./ports-worker.js", import.meta.url)),
);
await Promise.all(
  workers.map((worker) => new Promise((resolve) => worker.once("message", resolve))),
);

/** Posts `total` bodies, never more than some windows ahead of what the thread confirms. */
function oneWay(total: number, each: number): Promise<Figures> {
  const worker = workers[0];
  if (worker === undefined) throw new Error("There is no thread.");
  const count = Math.ceil(total / WINDOW) * WINDOW;
  let posted = 0;
  const post = (until: number): void => {
    while (posted < Math.min(until, count)) {
      const length = Math.min(each, count - posted);
      posted += length;
      if (each === 1) worker.postMessage({ body: BODY, left: count - posted });
      else
        worker.postMessage(
          Array.from({ length }, (_, at) => ({
            body: BODY,
            left: count - posted + length - at - 1,
          })),
        );
    }
  };
  return new Promise((resolve) => {
    const startedMs = performance.now();
    const take = (confirmed: number): void => {
      if (confirmed < count) {
        post(confirmed + WINDOW * WINDOWS);
        return;
      }
      worker.off("message", take);
      resolve(rate(count, startedMs));
    };
    worker.on("message", take);
    worker.postMessage("begin");
    post(WINDOW * WINDOWS);
  });
}

const waiting = new Map<number, (value: number) => void>();
function ask(total: number): Promise<Figures> {
  for (const worker of workers) {
    if (worker.listenerCount("message") > 0) continue;
    worker.on("message", ({ id, value }: { id: number; value: number }) => {
      waiting.get(id)?.(value);
      waiting.delete(id);
    });
  }
  const call = (id: number): Promise<number> =>
    new Promise((resolve) => {
      waiting.set(id, resolve);
      workers[id % threads]?.postMessage({ id, value: id });
    });
  return throughput(total, IN_FLIGHT, call);
}

await measure({
  "one-way": (total) => oneWay(total, 1),
  "one-way-arrays": (total) => oneWay(total, ARRAY),
  [`ask-${threads}`]: ask,
});
for (const worker of workers) await worker.terminate();
