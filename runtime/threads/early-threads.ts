// Worker threads that load their program while storage still opens: two of the longest parts of a
// start, side by side. Each is handed to the worker that boots it, or ended unused.

import { Worker } from "node:worker_threads";
import { type Folder, openFolder } from "../store/folder.ts";

/** Starts a worker thread with a heap of its own size (0: Node's); it loads its program and waits for its `WorkerBoot`. */
export function startThread(workerUrl: URL, worker: number, heapMib: number): Worker {
  const limits = heapMib === 0 ? {} : { resourceLimits: { maxOldGenerationSizeMb: heapMib } };
  return new Worker(workerUrl, { workerData: { worker }, ...limits });
}

/** Threads that nobody has taken yet. */
export class EarlyThreads {
  readonly #threads = new Map<number, Worker>();

  constructor(workerUrl: URL, workers: number, heapMib = 0) {
    for (let worker = 0; worker < workers; worker += 1) {
      const thread = startThread(workerUrl, worker, heapMib);
      this.#threads.set(worker, thread);
      // One that dies here is not handed out; the one started in its place says why.
      thread.on("error", () => this.#threads.delete(worker));
      thread.once("exit", () => this.#threads.delete(worker));
    }
  }

  /** The thread of a worker, once; undefined when it has been taken or has died. */
  take(worker: number): Worker | undefined {
    const thread = this.#threads.get(worker);
    this.#threads.delete(worker);
    return thread;
  }

  /** Ends those that were not taken. They are asked, not terminated: they may be loading LMDB. */
  async end(): Promise<void> {
    const left = [...this.#threads.values()];
    await Promise.all(
      left.map(async (thread) => {
        const exited = new Promise((resolve) => thread.once("exit", resolve));
        thread.postMessage(null);
        await exited;
      }),
    );
  }
}

/**
 * Takes a data folder when it is free. Threads load meanwhile where that is not at once; they are ended when
 * it cannot be had. @throws as openFolder.
 */
export async function folderWhenFree(
  { folder: path, folderFree }: { readonly folder: string; readonly folderFree?: Promise<void> },
  load: () => EarlyThreads,
): Promise<{ readonly folder: Folder; readonly loaded?: EarlyThreads }> {
  if (folderFree === undefined) return { folder: openFolder(path) };
  const loaded = load();
  try {
    await folderFree;
    return { folder: openFolder(path), loaded };
  } catch (error) {
    await loaded.end();
    throw error;
  }
}
