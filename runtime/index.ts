// The entry of the runtime for whoever uses it without this product: `import ... from "troupe/runtime"`.
// Everything public and nothing else; README.md beside this file is its page.

export type {
  ActorDefinition,
  Attempt,
  ChildSpec,
  Data,
  Definition,
  Fork,
  Loaded,
  Outcome,
  ReadRequest,
  RecordRow,
  Repeat,
  RunContext,
  RunDefinition,
  RunEnded,
  RunSpec,
  StepOptions,
  Strategy,
  Turn,
  WaitOptions,
} from "./actor.ts";
export { defineActor, defineRun } from "./actor.ts";
export type { Address, AddressParts } from "./address.ts";
export { address, addressParts } from "./address.ts";
export type { BackupState, Backups } from "./backup/backups.ts";
export type { BACKUP_FORMAT, BackupManifest, Contents } from "./backup/manifest.ts";
export type { BackupDone, BackupProgress, BackupRequest } from "./backup/write-backup.ts";
export type { RuntimeConfig } from "./config.ts";
export { runtimeDefaults } from "./config.ts";
export type { Successor, WatchedRun } from "./door/successor.ts";
export type { ErrorCode, ErrorData, ErrorKind } from "./errors.ts";
export { errorTable, fromErrorData, RuntimeError, toErrorData } from "./errors.ts";
export type { Frame } from "./frame.ts";
export { isAside } from "./frame.ts";
export type { KernelFigures, KernelLimits, KindFigures } from "./kernel/kernel-port.ts";
export type { Log, LogFields, LogLevel } from "./log.ts";
export { silentLog } from "./log.ts";
export type { MessageKey, SetAside } from "./message.ts";
export type { RunningSystem, SystemOptions } from "./pool.ts";
export { startSystem } from "./pool.ts";
export type { Program } from "./program.ts";
export { runProgram } from "./program.ts";
export type { Entry, EntryTime, LogEntry } from "./runs/log-entry.ts";
export type { RunEnd } from "./runs/run-end.ts";
export type { LogPage } from "./runs/run-log.ts";
export type { MergedFigures } from "./shared/figures.ts";
export type {
  ActorView,
  Look,
  RunView,
  Seen,
  StepView,
  SystemSeen,
  WaitView,
} from "./shared/look.ts";
export type { HistogramData } from "./shared/metrics.ts";
export type { Bulk } from "./store/bulk.ts";
export type { PreparedKeys, Sealer, SealerSource, Sealing } from "./store/sealer.ts";
export type { StorageFigures } from "./store/storage-meter.ts";
export type {
  Committed,
  Environment,
  Level,
  Range,
  Reader,
  Row,
  StoreOp,
} from "./store/store.ts";
export type {
  Beside,
  DeadLetter,
  LetterPage,
  ListPage,
  Quarantined,
  RowPlace,
  RowSeals,
  RunList,
  RunPage,
  RunRow,
  ScanRows,
  SendOptions,
  StoredBytes,
  StoredRow,
  System,
  SystemFigures,
  TableHooks,
  TableRow,
  Tables,
  TableWrite,
  TenantState,
  TenantWork,
  WatchOptions,
} from "./system.ts";
export type {
  BatchLimits,
  Compute,
  ComputeOptions,
  ComputePool,
  ComputeTask,
} from "./threads/compute-port.ts";
export type { ComputeResult } from "./threads/compute-task.ts";
export type { LostWorker, WorkerFigures } from "./threads/engines.ts";
export type { ConnectEngine, HostContext, HostLine, WorkerHost } from "./threads/host.ts";
export type { LagFigures } from "./threads/loop-lag.ts";
export type { LoopLoad, SystemLoad } from "./threads/loop-load.ts";
export { runWorker } from "./threads/run-worker.ts";
