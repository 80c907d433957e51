// The only door for messages from outside: the object on the main thread through which adapters
// reach actors and runs. This file is the contract; pool.ts makes one over worker threads and
// testkit/ makes one in a single thread on virtual time.

import type { Data, Fork } from "./actor.ts";
import type { Address } from "./address.ts";
import type { Successor } from "./door/successor.ts";
import type { ErrorData } from "./errors.ts";
import type { Frame } from "./frame.ts";
import type { MessageKey, SetAside } from "./message.ts";
import type { LogPage } from "./runs/run-log.ts";
import type { MergedFigures } from "./shared/figures.ts";
import type { ActorView, Look, SystemSeen } from "./shared/look.ts";
import type { Bulk } from "./store/bulk.ts";
import type { StorageFigures } from "./store/storage-meter.ts";
import type { Environment, Level } from "./store/store.ts";
import type { LostWorker, WorkerFigures } from "./threads/engines.ts";
import type { LagFigures } from "./threads/loop-lag.ts";
import type { SystemLoad } from "./threads/loop-load.ts";

/** How a message is sent. */
export interface SendOptions {
  /** Latest moment its handling may start, in ms from now. Default 30,000. */
  readonly timeoutMs?: number;
  readonly key?: MessageKey;
  /** Durability the reply waits for. Default: the system's own (`flushed`). */
  readonly level?: Level;
  /** W3C traceparent to carry on. */
  readonly trace?: string;
  readonly signal?: AbortSignal;
}

/** How frames are watched. */
export interface WatchOptions extends SendOptions {
  /** Only pauses and the end are sent: for callers that wait for the whole answer. */
  readonly endOnly?: boolean;
}

/** What a tenant's run row says. Times in ms since the epoch. */
export interface RunRow {
  readonly id: string;
  readonly kind: string;
  readonly address: Address;
  readonly parent: Address;
  readonly status:
    | "held"
    | "running"
    | "completed"
    | "failed"
    | "cancelled"
    | "expired"
    | "exhausted";
  readonly input: Data;
  readonly startedAt: number;
  readonly deadlineMs: number;
  readonly endedAt: number | null;
  readonly outcome: Data;
  readonly reply: Data;
  /** W3C traceparent of what started it. */
  readonly trace?: string;
  /** What its log begins with. */
  readonly fork?: Fork;
}

/** One page of a list that runs from the newest to the oldest. */
export interface ListPage {
  /** Id of the last row of the page before. */
  readonly after?: string;
  readonly limit: number;
}

/** Which runs are listed. */
export interface RunPage extends ListPage {
  /** Default: all kinds. */
  readonly kinds?: readonly string[];
}

/** Runs, and the id after which the list goes on; null at its end. */
export interface RunList {
  readonly rows: readonly RunRow[];
  readonly next: string | null;
}

/** A message that failed for good, with its error. `at` in ms since the epoch. */
export interface DeadLetter {
  readonly id: string;
  readonly at: number;
  readonly tenant: string;
  /** Kind of the receiver. */
  readonly kind: string;
  readonly to: Address;
  readonly from: Address | null;
  readonly message: Data;
  /** Failures of all its lives: a letter that was replayed and came back goes on counting. */
  readonly failures: number;
  readonly error: ErrorData;
  /** Where a programmer's error was thrown, innermost first: functions and lines, no folders. */
  readonly stack?: readonly string[];
  /** W3C traceparent of what caused it. */
  readonly trace?: string;
  /** The run that asked, and its step: it has been given an error. */
  readonly ask?: { readonly run: Address; readonly step: string };
  readonly replays: number;
  /** The times before that it was set aside, oldest first, at most 10. */
  readonly history: readonly SetAside[];
}

/** Which letters. */
export interface LetterPage extends ListPage {
  /** Kind of the receiver; every row is looked at. */
  readonly kind?: string;
}

/** An actor that is stopped. `at` in ms since the epoch. */
export interface Quarantined {
  readonly address: Address;
  /** Its state or a message of it cannot be read, or it failed for good and its strategy escalates. */
  readonly why: "state" | "message" | "failures";
  readonly error: ErrorData;
  readonly at: number;
}

/** A row of a tenant table. `revision` changes with every write of it. */
export interface TableRow {
  readonly id: string;
  readonly value: Data;
  readonly revision: string;
}

/** One write to tenant tables and counters. All writes of one call commit together. */
export type TableWrite =
  | {
      readonly type: "put";
      readonly table: string;
      readonly id: string;
      readonly value: Data;
      /** Another tenant's table than the call's: what is told there of it, in the same commit. */
      readonly tenant?: string;
    }
  /** `revision` null: the row must be absent. Else it must be the stored one (REVISION_MISMATCH). */
  | {
      readonly type: "put-if";
      readonly table: string;
      readonly id: string;
      readonly value: Data;
      readonly revision: string | null;
      /** The value is as it is stored: nothing of it is sealed, and nothing is told beside. */
      readonly isStored?: true;
    }
  | {
      readonly type: "remove";
      readonly table: string;
      readonly id: string;
      readonly revision?: string;
    }
  /** BALANCE_EXHAUSTED when the sum would fall below `min`. */
  | {
      readonly type: "add";
      readonly counter: string;
      readonly delta: number;
      readonly min?: number;
    };

/** Tenant tables as the door uses them: agents, keys, lists. Snapshot reads, at most 200 rows a call. */
export interface Tables {
  get(tenant: string, table: string, id: string): Promise<TableRow | undefined>;
  /** Rows in order of id, after `after` (exclusive). `prefix` narrows to ids that start with it. */
  list(
    tenant: string,
    table: string,
    options: { prefix?: string; after?: string; limit: number; reverse?: boolean },
  ): Promise<readonly TableRow[]>;
  counter(tenant: string, name: string): Promise<number>;
  /** @throws REVISION_MISMATCH, BALANCE_EXHAUSTED, STORE_FULL. Resolves when `level` (default flushed) is reached. */
  write(
    tenant: string,
    writes: readonly TableWrite[],
    level?: Level,
  ): Promise<{ readonly counters: Readonly<Record<string, number>> }>;
}

/**
 * Told of each batch that main is about to write, while no other is: what it gives is committed in the
 * same batch, beyond the limit of one call. A throw refuses the batch.
 */
export type Beside = (
  tenant: string,
  writes: readonly TableWrite[],
  tables: Pick<Tables, "get">,
) => readonly TableWrite[] | Promise<readonly TableWrite[]>;
/** Where a row lies. */
export interface RowPlace {
  readonly tenant: string;
  readonly table: string;
  readonly id: string;
}

/** A row with its place. */
export type StoredRow = RowPlace & TableRow;

/**
 * Rows of all tables of all tenants behind a place, by key and as they are stored: for maintenance that
 * looks at everything. A value that cannot be opened, its tenant's key being gone, is undefined. `limit` 1..200.
 */
export type ScanRows = (after: RowPlace | null, limit: number) => Promise<readonly StoredRow[]>;

/**
 * What keeps secrets in rows from being stored in clear: `write` of the tables seals, `get` opens, and
 * `list` gives rows as they are stored. Both give back the value itself where it has no secret.
 */
export interface RowSeals {
  seal(tenant: string, table: string, value: Data): Data;
  open(tenant: string, table: string, value: Data): Data;
}

/** What the program has main's tables do besides. */
export interface TableHooks {
  /** What main's writes commit besides. Default: nothing. */
  readonly beside?: Beside;
  /** Seals secrets in rows that main writes. Default: rows are stored as they are given. */
  readonly seals?: RowSeals;
}

/** Live figures of a system. */
export interface SystemFigures {
  readonly workers: readonly WorkerFigures[];
  readonly total: MergedFigures;
  /** Actors with the deepest mailboxes, at most 10 of each worker. */
  readonly deepest: readonly ActorView[];
  /** Runs that wait, the longest first, at most 1,000 of each worker. */
  readonly waits: SystemSeen;
  /** Worker threads that died since the start. */
  readonly deaths: number;
  /** The last of them, newest first. */
  readonly lost: readonly LostWorker[];
  /** Shards moved between living workers since the start. */
  readonly moves: number;
  /** Event loop of the main thread. */
  readonly lag: LagFigures;
  /** Storage threads that were started. */
  readonly storage: Readonly<Partial<Record<Environment, StorageFigures>>>;
  /** Requests and subscriptions; `waiting` stands, the others grow. */
  readonly door: Readonly<
    Record<"requests" | "refused" | "resent" | "moved" | "lost" | "late" | "waiting", number>
  >;
  readonly compute: { readonly threads: number; readonly waiting: number; readonly done: number };
  /** How often the data folder has been started. */
  readonly boots: number;
}

/** Whether a tenant's work goes on; of one that is `gone` nothing was left by a compaction. */
export type TenantState = "active" | "suspended" | "removing" | "gone";

/** Bytes of the keys and values of a tenant's rows, sealed as they are stored; pages take some more. */
export interface StoredBytes {
  readonly bytes: number;
  /** Rows of before there was a count are still being counted: `bytes` is too small. */
  readonly isCounting: boolean;
}

/** Tenants whose work rests: actors without turns, runs without steps, reminders that stay due. */
export interface TenantWork {
  /** From memory. */
  stateOf(tenant: string): TenantState;
  /** Those in a state. */
  list(state: Exclude<TenantState, "active">): readonly string[];
  /** Shares of a tenant wherever tenants take turns, 1 by default. From memory. */
  weightOf(tenant: string): number;
  /**
   * Other shares, on every thread at once; they are not stored.
   * @throws INVALID outside 1..TENANT_WEIGHT_MAX, TENANT_LIMIT when too many tenants have more than one.
   */
  weigh(tenant: string, weight: number): void;
  /**
   * Brings everything of a tenant to rest, across restarts too; the door refuses its messages with
   * TENANT_SUSPENDED at once. Runs stop at their step boundaries; a step that takes longer than
   * `graceMs` (default 2,000) is cut and counts as unfinished. Resolves when nothing goes on any more.
   */
  suspend(tenant: string, graceMs?: number): Promise<void>;
  /** Goes on where it was: open runs, messages that waited, what came due. */
  resume(tenant: string): Promise<void>;
  /** As `suspend`, for good and without grace: nothing is written for it any more, before it is removed. */
  retire(tenant: string): Promise<void>;
  /** What it has stored, as of what is committed: two reads. */
  storedBytes(tenant: string): Promise<StoredBytes>;
  /**
   * Retires a tenant and removes every row of it, in slices. After a crash it is called again: it begins
   * with what is left. @returns how many rows went.
   */
  remove(
    tenant: string,
    options?: {
      readonly signal?: AbortSignal;
      readonly onSlice?: (rows: number) => Promise<void> | void;
    },
  ): Promise<number>;
}

/** The system as its adapters see it. */
export interface System {
  readonly tables: Tables;
  readonly tenants: TenantWork;
  /** Sends a message and waits for the reply of the turn that handles it. @throws what the turn refused with. */
  ask(to: Address, message: Data, options?: SendOptions): Promise<Data>;
  /**
   * Sends a message and follows the run its reply names: first an `accepted` or `refused` frame, then
   * the run's frames to its `end`. Frames come in arrays as they were batched. Returning early (break)
   * ends the subscription, never the run.
   */
  stream(to: Address, message: Data, options?: WatchOptions): AsyncIterable<readonly Frame[]>;
  /** In memory, at most once. */
  tell(to: Address, message: Data): void;
  /** Durable message; resolves when it is on disk. */
  send(to: Address, message: Data, options?: SendOptions): Promise<void>;
  /** Frames of a run after a frame id (or from the start). @throws NOT_FOUND, EVENTS_TRIMMED. */
  follow(
    tenant: string,
    run: string,
    options?: {
      readonly after?: string;
      readonly signal?: AbortSignal;
      readonly endOnly?: boolean;
    },
  ): AsyncIterable<readonly Frame[]>;
  /** The row of a run or, for a child's id, of its root run. */
  run(tenant: string, run: string): Promise<RunRow | undefined>;
  /** A page of the stored log of a root run, from a chunk on (0: the beginning). */
  log(run: RunRow, from: number, limit: number): Promise<LogPage>;
  /**
   * Rows of a tenant's root runs, newest first, after `after` (exclusive). `limit` 1..200: how many are
   * looked at; those of other kinds than `kinds` are left out, and cost little.
   */
  runs(tenant: string, page: RunPage): Promise<RunList>;
  /**
   * Messages that failed for good, newest first. `limit` 1..200. Of all tenants with null: one tenant
   * after the other, and `after` is then `tenant/id`.
   */
  deadLetters(tenant: string | null, page: LetterPage): Promise<readonly DeadLetter[]>;
  deadLetter(tenant: string, letter: string): Promise<DeadLetter | undefined>;
  /**
   * Puts a dead letter back into its actor's inbox; the letter is gone in the same transaction, so
   * that it is done once. Should it fail again, the new letter goes on counting. Nobody waits for it.
   * @throws NOT_FOUND, CONFLICT after `letterReplaysMax` replays.
   */
  replayLetter(tenant: string, letter: string): Promise<void>;
  /** Removes a dead letter for good. @throws NOT_FOUND. */
  discardLetter(tenant: string, letter: string): Promise<void>;
  /** Stopped actors in order of their addresses' parts, of all tenants with null. `limit` 1..200. */
  quarantined(
    tenant: string | null,
    page: { readonly after?: Address; readonly limit: number },
  ): Promise<readonly Quarantined[]>;
  /**
   * Lets a stopped actor go on after a repair: its kept messages are handled in their order.
   * @throws NOT_FOUND, and what still keeps its state or a message from being read.
   */
  release(address: Address): Promise<void>;
  /** Durable. Resolves when the run has taken it; a run that has ended wins (RUN_ENDED). */
  cancel(tenant: string, run: string, reason: string): Promise<void>;
  /** As `cancel`; CONFLICT when the key has been decided, or the run is held and asks nothing yet. */
  decide(tenant: string, run: string, key: string, value: Data): Promise<void>;
  /**
   * States of actors as they were committed last, in the order asked for; undefined for one that has
   * none. As they are stored: of an older version when the actor had no turn since. At most 200.
   */
  states(addresses: readonly Address[]): Promise<readonly Data[]>;
  /** Records of an actor, by snapshot. */
  records(
    owner: Address,
    range: { from?: string; to?: string; limit: number; reverse?: boolean },
  ): Promise<readonly { key: string; value: Data }[]>;
  /** The `bulk` environment: chunks, vectors, postings. Never in one transaction with a turn. */
  readonly bulk: Bulk;
  /**
   * Live figures: workers, mailboxes, runs, commits; plain data for /admin/runtime and metrics. Those
   * of a worker that does not answer within 100 ms are its last, some seconds old at most (`ageMs`).
   */
  inspect(): Promise<SystemFigures>;
  /**
   * How loaded the threads were since the last call: main, or the workers on average, whichever is
   * more; those in which turns are run; and the cores.
   */
  load(): SystemLoad;
  /** What stands in memory, in detail, of all workers that answer within a second. */
  look(asked: Look): Promise<SystemSeen>;
  /**
   * Changes the number of worker threads while everything goes on, 1..64. Resolves when the shards
   * are placed. @throws INVALID, also for a system without worker threads; SHUTTING_DOWN.
   */
  resize(workers: number): Promise<void>;
  /**
   * Stops accepting, lets steps end until `graceMs` (default 25,000), flushes, closes. What callers
   * watch ends, unless a successor takes the data folder over: then it goes on there.
   */
  stop(graceMs?: number, successor?: Successor): Promise<void>;
}
