// The entry of the runtime for whoever uses it without this product: `import ... from "troupe/runtime"`.
// Everything public and nothing else; README.md beside this file is its page.

export type {
  ActorDefinition,
  Attempt,
  Data,
  Definition,
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
} from "./actor.ts";
export { defineActor, defineRun } from "./actor.ts";
export type { Address, AddressParts } from "./address.ts";
export { address, addressParts } from "./address.ts";
export type { RuntimeConfig } from "./config.ts";
export { runtimeDefaults } from "./config.ts";
export type { ErrorCode, ErrorData } from "./errors.ts";
export { errorTable, fromErrorData, RuntimeError, toErrorData } from "./errors.ts";
export type { Frame } from "./frame.ts";
export type { KernelLimits } from "./kernel/kernel-port.ts";
export type { Log, LogFields, LogLevel } from "./log.ts";
export { silentLog } from "./log.ts";
export type { RunningSystem, SystemOptions } from "./pool.ts";
export { startSystem } from "./pool.ts";
export type { Program } from "./program.ts";
export { runProgram } from "./program.ts";
export type {
  DeadLetter,
  ListPage,
  MessageKey,
  RunRow,
  SendOptions,
  System,
  TableRow,
  Tables,
  TableWrite,
  WatchOptions,
} from "./system.ts";
export type { Compute, ComputeTask } from "./threads/compute.ts";
export type { HostContext, WorkerHost } from "./threads/host.ts";
export { runWorker } from "./threads/run-worker.ts";
