// Entry of the thread that writes one backup of a running system. It reads the stores itself, gives
// way to all other threads, and ends by itself.

import { parentPort, workerData } from "node:worker_threads";
import { type ErrorData, toErrorData } from "../errors.ts";
import { giveWay } from "../threads/priority.ts";
import {
  type BackupDone,
  type BackupProgress,
  type BackupRequest,
  writeBackup,
} from "./write-backup.ts";

/** From the thread to main. */
export type BackupTold =
  | { readonly type: "progress"; readonly progress: BackupProgress }
  | { readonly type: "done"; readonly done: BackupDone }
  | { readonly type: "failed"; readonly error: ErrorData };

const main = parentPort;
if (main === null) throw new Error("backup-thread.ts is the entry of a worker thread.");
const tell = (told: BackupTold): void => main.postMessage(told);
const stop = new AbortController();

giveWay();
main.once("message", () => stop.abort());
writeBackup(workerData as BackupRequest, {
  signal: stop.signal,
  progress: (progress) => tell({ type: "progress", progress }),
})
  .then((done) => tell({ type: "done", done }))
  .catch((error: unknown) => tell({ type: "failed", error: toErrorData(error) }))
  .finally(() => main.close());
