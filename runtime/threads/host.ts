// What hosts an engine, on a worker thread or on main: the program's definitions and ports, and what
// they are given. Public: nothing here may name a type of a package or of Node.

import type { Definition } from "../actor.ts";
import type { Log } from "../log.ts";
import type { RunEnd } from "../runs/run-end.ts";
import type { Bulk } from "../store/bulk.ts";
import type { Reader } from "../store/store.ts";
import type { Compute } from "./compute-port.ts";

/** Between the program's part on an engine's thread and its part on main. What it carries is plain data. */
export interface HostLine {
  send(message: unknown): void;
  /** Takes what the other side sends, from now on. */
  receive(take: (message: unknown) => void): void;
}

/** Called on main with the line to an engine that is started; what it returns, when that engine is gone. */
export type ConnectEngine = (line: HostLine) => () => void;

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
  /** Shares of a tenant where tenants take turns, as they are at each call. */
  weightOf(tenant: string): number;
  /** To the program's part on main, when it listens (`connectEngine` of `startSystem`). */
  readonly main?: HostLine;
}

/** The program that runs on the engines. The same on every thread. */
export interface WorkerHost<Config = unknown> {
  readonly definitions: readonly Definition[];
  /** Called once a thread; what it returns is `context.ports` of every run there. */
  createPorts(context: HostContext<Config>): unknown;
  /**
   * Told of each root run when it begins to work, also when it is taken up again, with what `createPorts` gave.
   * It must return at once and not throw. Default: nobody is told.
   */
  runBegun?(ports: unknown, tenant: string, run: string): void;
  /**
   * Told of each root run when it ends, before that is committed, with what `createPorts` gave. It must
   * return at once and not throw. Default: nobody is told.
   */
  runEnded?(ports: unknown, tenant: string, run: string, end: RunEnd): void;
  /**
   * Told what turns note (`Turn.note`), with what `createPorts` gave. It must return at once and not throw.
   * Default: nobody is told.
   */
  noted?(ports: unknown, name: string, value: number): void;
}
