// Loaded before anything else by every thread of a server under test: the test can have one of its
// worker threads die, in the ways threads die. Nothing of this is in the product.

import { syncBuiltinESMExports } from "node:module";
import threads, { type Worker, type WorkerOptions } from "node:worker_threads";

/** What the test sends: which worker and how it dies. */
export interface Death {
  readonly worker: number;
  /** Ended from outside in the middle of whatever it does; an error nobody catches; no memory left. */
  readonly way: "terminated" | "throws" | "no-memory";
}

/** Heap of a worker, MiB: enough for its work, little enough to be used up at once. */
const HEAP_MIB = 128;
const ENTRY = /\/adapters\/worker\.js$/;
const channel = new threads.BroadcastChannel("deadly");

if (threads.isMainThread) listenOnMain();
else dieWhenTold();

function listenOnMain(): void {
  const workers = new Map<number, Worker>();
  const { Worker: Original } = threads;
  threads.Worker = class extends Original {
    constructor(url: string | URL, options: WorkerOptions = {}) {
      const isWorker = ENTRY.test(String(url));
      const resourceLimits = { maxOldGenerationSizeMb: HEAP_MIB };
      super(url, isWorker ? { ...options, resourceLimits } : options);
      const number = (options.workerData as { worker?: number } | undefined)?.worker;
      if (isWorker && number !== undefined) workers.set(number, this);
    }
  };
  syncBuiltinESMExports();
  process.on("message", (death: Death) => {
    if (death.way === "terminated") void workers.get(death.worker)?.terminate();
    else channel.postMessage(death);
  });
  process.channel?.unref();
  channel.unref();
}

function dieWhenTold(): void {
  const number = (threads.workerData as { worker?: number } | null)?.worker;
  channel.onmessage = (message) => {
    const { data } = message as { readonly data: Death };
    if (data.worker !== number || !ENTRY.test(process.argv[1] ?? "")) return;
    setImmediate(() => {
      if (data.way === "throws") throw new Error("An error nobody catches.");
      const held: unknown[] = [];
      for (;;) held.push(new Array(100_000).fill(held.length));
    });
  };
  channel.unref();
}
