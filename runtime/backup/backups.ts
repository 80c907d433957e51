// Backups of a running system, one at a time, each on a thread of its own. What came of the last one is
// kept in memory.

import { Worker } from "node:worker_threads";
import { type ErrorData, fromErrorData, RuntimeError, toErrorData } from "../errors.ts";
import type { BackupTold } from "./backup-thread.ts";
import {
  type BackupDone,
  type BackupProgress,
  type BackupRequest,
  backupPath,
} from "./write-backup.ts";

/** How a backup stands. */
export interface BackupState {
  readonly status: "running" | "completed" | "failed" | "cancelled";
  readonly startedAt: string;
  readonly endedAt: string | null;
  /** The file that is written. */
  readonly path: string;
  readonly withKeys: boolean;
  readonly progress: BackupProgress;
  readonly done: BackupDone | null;
  readonly error: ErrorData | null;
}

/** Makes them. */
export interface Backups {
  /**
   * Begins one. @throws CONFLICT while another is under way or when the file is there, INVALID for a
   * place that cannot be, SHUTTING_DOWN.
   */
  start(request: Omit<BackupRequest, "folder">): Promise<BackupState>;
  /** The one under way, else the last one; null before the first. */
  state(): BackupState | null;
  /** Resolves with how it has ended; null when there was none. */
  ended(): Promise<BackupState | null>;
  /** Ends the one under way; resolves when its file is gone. */
  cancel(): Promise<BackupState | null>;
  /** No other one begins. */
  close(): Promise<void>;
}

/** Of the system that has this data folder open. */
export function createBackups(folder: string): Backups {
  let state: BackupState | null = null;
  let worker: Worker | undefined;
  let ending: Promise<void> = Promise.resolve();
  let isClosed = false;

  const change = (changes: Partial<BackupState>): void => {
    if (state !== null) state = { ...state, ...changes };
  };
  const end = (changes: Partial<BackupState>): void => {
    change({ ...changes, endedAt: new Date().toISOString() });
  };
  const take = (told: BackupTold): void => {
    if (told.type === "progress") change({ progress: told.progress });
    else if (told.type === "done") {
      const rows = Object.values(told.done.manifest.environments).reduce(
        (sum, part) => sum + part.rows,
        0,
      );
      end({
        ...{ status: "completed", done: told.done },
        progress: { rows, rowsTotal: rows, bytes: told.done.bytes },
      });
    } else {
      const isCancelled = told.error.code === "CANCELLED";
      end({ status: isCancelled ? "cancelled" : "failed", error: told.error });
    }
  };
  const run = (request: BackupRequest): void => {
    const thread = new Worker(new URL("./backup-thread.js", import.meta.url), {
      workerData: request,
    });
    worker = thread;
    thread.on("message", take);
    thread.on("error", (error) => end({ status: "failed", error: toErrorData(error) }));
    ending = new Promise((resolve) => {
      thread.once("exit", () => {
        worker = undefined;
        if (state?.status === "running") {
          const text = "The thread of the backup has ended.";
          end({ status: "failed", error: { code: "WORKER_LOST", message: text } });
        }
        resolve();
      });
    });
  };
  const cancel = async (): Promise<BackupState | null> => {
    worker?.postMessage("cancel");
    await ending;
    return state;
  };
  return {
    start: async (asked) => {
      const target = await backupPath({ ...asked, folder });
      const request = { ...asked, target };
      if (isClosed) throw new RuntimeError("SHUTTING_DOWN", "The server is stopping.");
      if (worker !== undefined) {
        const text = `A backup to ${state?.path} is under way; wait for it, or cancel it.`;
        throw new RuntimeError("CONFLICT", text);
      }
      state = {
        ...{ status: "running", startedAt: new Date().toISOString(), endedAt: null },
        ...{ path: target, withKeys: request.withKeys },
        progress: { rows: 0, rowsTotal: 0, bytes: 0 },
        ...{ done: null, error: null },
      };
      run({ ...request, folder });
      return state;
    },
    state: () => state,
    ended: async () => {
      await ending;
      return state;
    },
    cancel,
    close: async () => {
      isClosed = true;
      await cancel();
    },
  };
}

/** What a backup has come to. @throws its error. */
export function doneOf(state: BackupState | null): BackupDone {
  if (state?.error) throw fromErrorData(state.error);
  if (state?.done) return state.done;
  throw new RuntimeError("INTERNAL", "There was no backup.");
}
