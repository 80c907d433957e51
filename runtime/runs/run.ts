// One run in memory: what is stored of it, what waits in it, and how it is stopped. Its function is
// called by start(); what the function may do is RunContext (run-context.ts).

import type { Data, Outcome, RunDefinition } from "../actor.ts";
import { type Address, addressParts } from "../address.ts";
import type { Timer } from "../clock.ts";
import { RuntimeError, toErrorData } from "../errors.ts";
import type { Engine } from "../kernel/engine.ts";
import type { Post } from "../kernel/post.ts";
import { LazyAbort } from "../shared/lazy-abort.ts";
import type { Level, StoreOp } from "../store/store.ts";
import { type EndWriter, endOps } from "./at-end.ts";
import { storable } from "./large.ts";
import type { LogEntry } from "./log-entry.ts";
import { type Pause, Pauses } from "./pauses.ts";
import type { StoredRun } from "./run-row.ts";

/** A step's stored end. */
export type StoredStep = LogEntry & { readonly type: "step" | "failed" };

/** A message that a run sends when it ends, and the address it comes from. */
export type Farewell = Omit<LogEntry & { readonly type: "at-end" }, "type" | "run" | "key"> & {
  readonly from: Address;
};

/** The tree that a run is in, as the run sees it (run-tree.ts). */
export interface TreeOfRun {
  readonly engine: Engine;
  readonly tenant: string;
  readonly shard: number;
  /** Of the root run: who started it, and its row. */
  readonly parent: Address;
  readonly row: StoredRun;
  readonly incarnation: number;
  readonly isDropped: boolean;
  /** Steps and reads under way: what only memory knows of. */
  working: number;
  /** Adds an entry to the log. */
  append(entry: LogEntry, isTold?: boolean): void;
  /** Something goes on. */
  stir(): void;
  /** Resolves when everything written so far has reached the level; never when the tree is dropped. */
  reached(level: Exclude<Level, "memory">): Promise<void>;
  post(post: Post): void;
  /** Adds a child run for the step `key` of `parent`. @throws STEPS_EXHAUSTED, DEPTH_EXHAUSTED, UNKNOWN_KIND. */
  addChild(parent: Run, key: string, spec: ChildSeed, isAside: boolean): Run;
  /** Shows text of a step at once. */
  write(of: { run: string; step: string; attempt: number }, text: string): void;
  /** The attempt under which a streamed step is recorded. */
  recordedAttempt(of: { run: string; step: string; attempt: number }, text: string): number;
  /** Text shown so far by a run or its children, but aside. */
  shownText(run: string): string;
  /** Calls after `ms` unless the tree is dropped first. */
  after(ms: number, call: () => void): Timer;
  /** A run has ended; `ops` are written with its end. */
  runEnded(run: Run, outcome: Outcome, ops: readonly StoreOp[]): void;
}

/** What a child run is made of beside its place. */
export type ChildSeed = Pick<RunSeed, "input" | "deadlineMs"> & { readonly kind: string };

/** What a run is made of. */
export interface RunSeed {
  readonly id: string;
  readonly definition: RunDefinition<Data, Data, Data>;
  readonly input: Data;
  readonly deadlineMs: number;
  readonly parent: Run | null;
  readonly depth: number;
}

const NOTHING: ReadonlySet<string> = new Set();
/** A run that throws one of these has used up what it has. */
const exhausting: ReadonlySet<string> = new Set([
  ...["STEPS_EXHAUSTED", "DEPTH_EXHAUSTED", "LIMIT_REACHED"],
]);

/** One run. */
export class Run {
  readonly tree: TreeOfRun;
  readonly id: string;
  readonly address: Address;
  readonly definition: RunDefinition<Data, Data, Data>;
  readonly input: Data;
  readonly parent: Run | null;
  readonly depth: number;
  readonly abort = new LazyAbort();
  readonly stored = new Map<string, StoredStep>();
  readonly tries = new Map<string, LogEntry & { readonly type: "try" }>();
  readonly emitted = new Map<string, Data>();
  readonly children = new Map<string, Run>();
  readonly decided = new Map<string, Data>();
  /** Who waits for a decision or a reply, by step key. */
  readonly waiters = new Map<string, (value: Data) => void>();
  /** Steps being performed now, and since when. */
  readonly performing = new Map<string, number>();
  /** Whom its asks under way wait for, by step key. */
  readonly asking = new Map<string, Address>();
  /** What it sends when it ends, by key. */
  readonly farewells = new Map<string, Farewell>();
  /** Keys of its steps and child runs that ended in the run that this tree was forked from. */
  copied: ReadonlySet<string> = NOTHING;
  readonly steers: Data[] = [];
  readonly atEnd: ((write: EndWriter) => void)[] = [];
  steersTaken = 0;
  steps = 0;
  outcome: Outcome | null = null;
  isStarted = false;
  /** An earlier life has been further: what comes first is stored, and only what comes after it is new. */
  isBehind = false;
  /** What ends it when its time is over; null until its function is called. */
  deadline: { moved(): void } | null = null;
  readonly #givenDeadlineMs: number;
  #limit: { readonly untilMs: number; readonly error: RuntimeError } | null = null;
  readonly #pauses = new Pauses();
  readonly #pausing = new Map<string, Pause>();
  #stopped: { readonly status: "cancelled" | "expired"; readonly error: RuntimeError } | null =
    null;
  #settle: ((outcome: Outcome) => void) | null = null;
  #ended: Promise<Outcome> | null = null;

  constructor(tree: TreeOfRun, seed: RunSeed) {
    this.tree = tree;
    this.id = seed.id;
    this.definition = seed.definition;
    this.input = seed.input;
    this.#givenDeadlineMs = seed.deadlineMs;
    this.parent = seed.parent;
    this.depth = seed.depth;
    const { tenant, root } = addressParts(tree.parent);
    const path = seed.parent ? `${addressParts(seed.parent.address).path}/${seed.id}` : seed.id;
    this.address = `${seed.definition.kind}:${tenant}/${root}/${path}`;
  }

  /** Resolves with the outcome when the run has ended. */
  ended(): Promise<Outcome> {
    if (this.outcome) return Promise.resolve(this.outcome);
    this.#ended ??= new Promise((resolve) => {
      this.#settle = resolve;
    });
    return this.#ended;
  }

  /** The error with which waiting steps are cut, when the run was cancelled or has expired. */
  get stopped(): RuntimeError | null {
    return this.#stopped?.error ?? null;
  }

  /** Its deadline: as it was given, or limited by itself, and moved on by the time that stood still. */
  get deadlineMs(): number {
    const { untilMs = Number.POSITIVE_INFINITY } = this.#limit ?? {};
    return Math.min(this.#givenDeadlineMs, untilMs) + this.pausedMs;
  }

  /** Until when a run that it starts now may work: one that is no part of its waits has no more than it. */
  get childDeadlineMs(): number {
    const { untilMs = Number.POSITIVE_INFINITY } = this.#limit ?? {};
    const stoodMs = this.#pauses.countedMs(() => this.tree.engine.options.clock.now(), true);
    return Math.min(this.#givenDeadlineMs, untilMs) + stoodMs;
  }

  /** Ends no later than then, time that stood still not counted, and with this error. */
  limitTime(untilMs: number, error: RuntimeError): void {
    this.#limit = { untilMs, error };
    this.deadline?.moved();
  }

  /** What it ends with when its time is over. */
  get lateness(): RuntimeError {
    if (this.#limit !== null && this.#limit.untilMs <= this.#givenDeadlineMs) {
      return this.#limit.error;
    }
    return new RuntimeError("DEADLINE", `The run "${this.id}" passed its deadline.`);
  }

  /** How much of its time stood still so far, and will until what it waits for ends by itself, ms. */
  get pausedMs(): number {
    return this.#pauses.countedMs(() => this.tree.engine.options.clock.now());
  }

  /** Its time, and that of the runs above it, stands still for the wait under `key`. */
  beginPause(key: string, sinceMs: number, untilMs: number): void {
    const pause: Pause = { sinceMs, untilMs, endMs: null };
    this.#pausing.set(key, pause);
    for (let run: Run | null = this; run !== null; run = run.parent) run.#pauses.add(pause);
  }

  /** Its time goes on; whether it stood still for that wait. */
  endPause(key: string, atMs: number): boolean {
    const pause = this.#pausing.get(key);
    if (!pause) return false;
    this.#pausing.delete(key);
    pause.endMs = atMs;
    for (let run: Run | null = this; run !== null; run = run.parent) run.deadline?.moved();
    return true;
  }

  /** It has ended: whether its time or that of a run below stood still until then. */
  endPauses(atMs: number): boolean {
    let hasPaused = false;
    for (const key of [...this.#pausing.keys()]) hasPaused = this.endPause(key, atMs) || hasPaused;
    for (const child of this.children.values()) hasPaused = child.endPauses(atMs) || hasPaused;
    return hasPaused;
  }

  /** What it and the runs below that have not ended yet send now: given once. */
  takeFarewells(): readonly Farewell[] {
    const taken = [...this.children.values()].flatMap((child) =>
      child.outcome ? [] : child.takeFarewells(),
    );
    for (const one of this.farewells.values()) {
      const done = one.unless === undefined ? undefined : this.stored.get(one.unless);
      if (done?.type !== "step") taken.push(one);
    }
    this.farewells.clear();
    return taken;
  }

  /**
   * Stops the run: children first, then its own signal. A run that has ended stays as it is; one that is
   * behind goes on to where it was first, so that it knows at its end what it has done.
   */
  stop(status: "cancelled" | "expired", error: RuntimeError): void {
    if (this.outcome || this.#stopped) return;
    this.#stopped = { status, error };
    for (const child of this.children.values()) child.stop(status, error);
    if (!this.isBehind) this.abort.abort(error);
    if (this.isStarted || this.isBehind) this.endInTime();
    else this.end({ status, error: toErrorData(error) });
  }

  /** What is restored of it so far was done by the run that this tree was forked from. */
  markCopied(): void {
    const ended = [...this.children].flatMap(([key, child]) => (child.outcome ? [key] : []));
    this.copied = new Set([...this.stored.keys(), ...ended]);
  }

  /** A function that does not let go of what was stopped is left behind: its late results are not taken. */
  endInTime(): void {
    const { graceMs } = this.tree.engine.limits;
    const stopped = this.stopped;
    if (stopped) this.tree.after(graceMs, () => this.end(this.outcomeOf({ error: stopped })));
  }

  /** A run below, of an earlier life, is stopped with this one; called once more, it writes its end. */
  endBelow(child: Run, start: (child: Run) => void): Promise<Outcome> {
    if (this.#stopped) child.stop(this.#stopped.status, this.#stopped.error);
    start(child);
    return child.ended();
  }

  /** Its function has come to what is new. @throws what has stopped it. */
  caughtUp(): void {
    this.isBehind = false;
    if (!this.#stopped) return;
    this.abort.abort(this.#stopped.error);
    throw this.#stopped.error;
  }

  /** Restores a cancel that the log holds; it takes effect when the run has come to where it was. */
  restoreCancel(error: RuntimeError): void {
    this.#stopped = { status: "cancelled", error };
  }

  /** How the function's return or throw ends the run, given what stopped it. */
  outcomeOf(done: { result: Data } | { error: unknown }): Outcome {
    const shown = this.tree.shownText(this.id);
    const cut = shown === "" ? {} : { shown };
    if (this.#stopped) {
      const { status, error } = this.#stopped;
      return { status, error: toErrorData(error), ...cut };
    }
    if ("result" in done) return { status: "completed", result: done.result };
    const error = toErrorData(done.error);
    return { status: exhausting.has(error.code) ? "exhausted" : "failed", error, ...cut };
  }

  /** Ends the run once; later ends are ignored. */
  end(outcome: Outcome): void {
    if (this.outcome || this.tree.isDropped) return;
    for (const child of this.children.values()) {
      if (child.outcome) continue;
      const error = new RuntimeError("CANCELLED", "The run above has ended.");
      child.stop("cancelled", error);
      // One that was not called again has nobody left to call it.
      if (!child.isStarted) child.end(child.outcomeOf({ error }));
    }
    let kept = storable(this.id, outcome);
    let ops: readonly StoreOp[] = [];
    try {
      ops = endOps(this.tree, this.atEnd);
    } catch (error) {
      kept = this.outcomeOf({ error });
    }
    this.outcome = kept;
    this.tree.runEnded(this, kept, ops);
    this.#settle?.(kept);
  }

  /** Restores the end that the log holds. */
  restoreEnd(outcome: Outcome): void {
    this.outcome = outcome;
  }
}
