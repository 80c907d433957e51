// Entry of the thread that reads one export from a running server's stores. It gives way to all other
// threads, and waits before each piece until main wants it, so that a slow reader costs no memory.

import { parentPort, workerData } from "node:worker_threads";
import { openSnapshot, type Snapshot } from "../../runtime/backup/snapshot.ts";
import { type ErrorData, toErrorData } from "../../runtime/errors.ts";
import { loadSeals } from "../../runtime/store/sealed-rows.ts";
import type { SealerSource } from "../../runtime/store/sealer.ts";
import { giveWay } from "../../runtime/threads/priority.ts";
import { exportPieces } from "./export-lines.ts";

/** What the thread is given. */
export interface ExportRequest {
  /** The data folder. */
  readonly folder: string;
  readonly tenant: string;
  /** Of the program. */
  readonly version: string;
  /** For an owner of the tenant: without what the operator's audit tells of it. Default: for the operator. */
  readonly isForOwner?: boolean | undefined;
  /** Where values of tenants are sealed. */
  readonly sealer?: SealerSource | undefined;
}

/** From the thread to main: a piece for each `more`, and then its end. */
export type ExportTold =
  | { readonly type: "piece"; readonly text: string }
  | { readonly type: "end" }
  | { readonly type: "failed"; readonly error: ErrorData };

const main = parentPort;
if (main === null) throw new Error("export-thread.ts is the entry of a worker thread.");
const tell = (told: ExportTold): void => main.postMessage(told);
const { folder, tenant, version, isForOwner, sealer } = workerData as ExportRequest;
const hold = async (): Promise<Snapshot> =>
  openSnapshot(folder, { seals: sealer && (await loadSeals(sealer)) });

giveWay();
hold()
  .then((snapshot) => {
    const pieces = exportPieces({ snapshot, tenant, version, isForOwner })[Symbol.iterator]();
    const close = (): void => {
      pieces.return?.();
      void snapshot.close().finally(() => main.close());
    };
    const next = (): void => {
      try {
        const { done, value } = pieces.next();
        tell(done === true ? { type: "end" } : { type: "piece", text: value });
        if (done !== true) return;
      } catch (error) {
        tell({ type: "failed", error: toErrorData(error) });
      }
      close();
    };
    main.on("message", (word: "more" | "stop") => (word === "more" ? next() : close()));
  })
  .catch((error: unknown) => {
    tell({ type: "failed", error: toErrorData(error) });
    main.close();
  });
