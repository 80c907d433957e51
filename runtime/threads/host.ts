// What hosts an engine, on a worker thread or on main: the program's definitions and ports, and what
// they are given. Public: nothing here may name a type of a package or of Node.

import type { Definition } from "../actor.ts";
import type { Log } from "../log.ts";
import type { Bulk } from "../store/bulk.ts";
import type { Reader } from "../store/store.ts";
import type { Compute } from "./compute-port.ts";

/** What the ports of a worker are built from. */
export interface HostContext<Config = unknown> {
  readonly worker: number;
  /** The program's own plain configuration, as given to `startSystem`. */
  readonly config: Config;
  /** This thread's view of `hot`, which its engine writes. */
  readonly hot: Reader;
  readonly bulk: Bulk;
  readonly compute: Compute;
  readonly log: Log;
}

/** The program that runs on the engines. The same on every thread. */
export interface WorkerHost<Config = unknown> {
  readonly definitions: readonly Definition[];
  /** Called once a thread; what it returns is `context.ports` of every run there. */
  createPorts(context: HostContext<Config>): unknown;
}
