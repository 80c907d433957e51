// A root run with all its children: they share one log, one set of viewers and one place in memory.
// Entries gather here and are written with the batch that closes next; they are shown to viewers
// when that batch is committed.

import type { Data, Outcome } from "../actor.ts";
import { type Address, addressParts, shardOfAddress } from "../address.ts";
import type { Timer } from "../clock.ts";
import { RuntimeError, toErrorData } from "../errors.ts";
import { childRunId, isAside } from "../frame.ts";
import type { Participant, Saver } from "../kernel/commit-batch.ts";
import type { Engine } from "../kernel/engine.ts";
import type { Post } from "../kernel/post.ts";
import { encode } from "../store/codec.ts";
import { keys } from "../store/keys.ts";
import type { Level, StoreOp } from "../store/store.ts";
import { timedEntry } from "./entry-time.ts";
import { checkMessage } from "./large.ts";
import { LogChunks } from "./log-chunks.ts";
import { type LogEntry, MAY_WAIT } from "./log-entry.ts";
import { Posted } from "./posted.ts";
import { type ChildSeed, Run, type TreeOfRun } from "./run.ts";
import { runEndOf } from "./run-end.ts";
import { restoreEntry } from "./run-restore.ts";
import type { StoredRun } from "./run-row.ts";
import type { LiveText, Viewer } from "./viewer.ts";

/** Of the mark of a life. */
const MARK_BYTES = 5;

/** Name of the reminder that is a run's waiting row. */
export const WAITING = "run";

/** A root run and its children in memory. */
export class RunTree implements Saver, TreeOfRun {
  readonly engine: Engine;
  readonly parent: Address;
  readonly tenant: string;
  readonly shard: number;
  readonly row: StoredRun;
  readonly log: LogEntry[];
  readonly runs = new Map<string, Run>();
  readonly viewers = new Set<Viewer>();
  readonly live = new Map<string, LiveText>();
  readonly root: Run;
  /** Log entries shown to viewers: those whose batch is committed. */
  shown: number;
  incarnation = 1;
  /** It has been taken up from its waiting row, and nothing has gone on since. */
  isWoken = false;
  isDropped = false;
  /** Steps and reads under way: what only memory knows of. */
  working = 0;
  /** When its waiting row takes it up; null while it has an open mark instead. */
  wakeAtMs: number | null = null;
  /** How often something went on, as counted now and at the last sweep, and since when nothing has. */
  stirs = 0;
  stirsSwept = -1;
  quietSinceMs = 0;
  #unsaved: LogEntry[] = [];
  /** Entries up to here stand nowhere else: who goes on with a step waits until they are committed. */
  #own = 0;
  #isScheduled = false;
  /** Its rows, and those of its inbox that go with them. */
  readonly chunks: LogChunks;
  #isSettled = false;
  readonly #timers = new Set<Timer>();
  #begunIn: object | null = null;

  constructor(engine: Engine, row: StoredRun, stored: { log: LogEntry[]; nextChunk: number }) {
    this.engine = engine;
    this.row = row;
    this.parent = row.parent;
    this.tenant = addressParts(row.parent).tenant;
    this.shard = shardOfAddress(row.parent);
    this.log = stored.log;
    this.shown = stored.log.length;
    const { id, input, deadlineMs } = row;
    this.chunks = new LogChunks({
      committer: engine.committer,
      owner: this,
      row,
      next: stored.nextChunk,
    });
    this.root = this.#add({ id, kind: row.kind, input, deadlineMs, parent: null });
    this.root.isBehind = stored.log.length > 0;
    for (const entry of stored.log) this.#restore(entry);
  }

  /**
   * Adds an entry: it commits with the open batch and is shown after. None comes after the run's row.
   * `isTold`: it says what a committed row of the run's inbox says, which goes (`chunks.take`) in the batch
   * that stores this: that can wait for what comes next.
   */
  append(entry: LogEntry, isTold = false): void {
    if (this.#isSettled) return;
    this.stir();
    const { startedAt } = this.row;
    const { performing } = this.runs.get(entry.run) ?? {};
    const timed = timedEntry(entry, {
      nowMs: this.engine.options.clock.now(),
      startedAt,
      performing,
    });
    this.log.push(timed);
    this.#unsaved.push(timed);
    if (isTold) return;
    this.#own = this.log.length;
    // What others have asked for is answered with the open batch.
    if (!MAY_WAIT.has(entry.type)) this.engine.committer.join(this);
    this.saveSoon();
  }

  /** Has what is unsaved written with the open batch, or as room allows. */
  saveSoon(): void {
    if (this.#isScheduled || this.#unsaved.length === 0) return;
    this.#isScheduled = true;
    this.engine.committer.beforeClose(this);
  }

  /** All that it was made with is not stored yet: it is written before anything of its own. */
  keepAll(): void {
    this.#unsaved = [...this.log];
    this.#own = this.log.length;
    this.shown = 0;
    this.engine.committer.join(this);
    this.saveSoon();
  }

  get hasUnsaved(): boolean {
    return this.#unsaved.length > 0 && !this.isDropped;
  }

  /** Something goes on: a run with a waiting row gets its open mark back, in the same batch. */
  stir(): void {
    this.stirs += 1;
    const at = this.wakeAtMs;
    if (at === null || this.isDropped) return;
    this.wakeAtMs = null;
    const { committer } = this.engine;
    const { id, address } = this.root;
    const mark = keys.openRun(this.shard, this.tenant, id);
    committer.write(this, { op: "put", key: mark, value: encode({}) });
    committer.write(this, { op: "remove", key: keys.reminder(address, WAITING) });
    const due = keys.reminderDue(this.shard, at, address, WAITING);
    committer.write(this, { op: "remove", key: due });
    if (this.isWoken) this.beginLife(this.incarnation);
  }

  /**
   * Notes that another process, worker or activation goes on with it from here. Steps that were cut are
   * in another `incarnation` then; of a run that only waited none was.
   */
  beginLife(incarnation: number): void {
    this.isWoken = false;
    this.incarnation = incarnation;
    const bytes = this.engine.options.random(MARK_BYTES);
    const mark = bytes.reduce((number, byte) => number * 256 + byte, 0).toString(36);
    this.append({ type: "resumed", run: this.root.id, incarnation, mark });
  }

  /** Writes what is unsaved into the open batch. */
  save(): void {
    this.#isScheduled = false;
    if (!this.hasUnsaved) return;
    const unsaved = this.#unsaved;
    this.#unsaved = [];
    this.#write(unsaved);
    const upTo = this.log.length;
    this.engine.committer.afterOwn(this, "committed", () => this.#show(upTo));
  }

  /** An entry that cannot be stored ends its run. */
  #write(entries: readonly LogEntry[]): void {
    for (const { entry, error } of this.chunks.write(entries)) {
      this.log.splice(this.log.indexOf(entry), 1);
      const run = this.runs.get(entry.run);
      // What it wants to do next rests on what cannot be stored.
      run?.abort.abort(error);
      run?.end({ status: "failed", error: toErrorData(error) });
    }
  }

  /** Writes the row of the run, which has ended, as a part of its parent's turn; a short log goes into it. */
  settle(owner: Participant, row: StoredRun): void {
    if (!this.chunks.settle(owner, row, this.log)) return;
    this.#isSettled = true;
    this.#unsaved = [];
  }

  /** What its row took back from these batches, which were refused, is written again. */
  restore(batches: ReadonlySet<object>): void {
    this.chunks.restore(batches);
  }

  /** Resolves when everything written so far has reached the level; never when the tree is dropped. */
  reached(level: Exclude<Level, "memory">): Promise<void> {
    const { committer, goingOn } = this.engine;
    if (level === "committed" && this.#begunIn === null && this.shown >= this.#own) {
      return goingOn.turn(this.tenant);
    }
    return new Promise((resolve) => {
      committer.afterOwn(this, level, () => goingOn.next(this.tenant, resolve));
    });
  }

  /** Posts a message; it is posted again when its batch is refused and the tree goes on. */
  post(post: Post): void {
    checkMessage(this.root.id, post.message);
    this.engine.committer.join(this);
    this.engine.actors.post(new Posted(this, post), post);
  }

  /** The turn that starts it is in the open batch. */
  begin(): void {
    const { committer } = this.engine;
    this.#begunIn = committer.current;
    committer.afterCommitted(() => {
      this.#begunIn = null;
    });
  }

  /** Whether it was never started, because the turn that did is in one of these refused batches. */
  isBegunIn(batches: ReadonlySet<object>): boolean {
    return this.#begunIn !== null && batches.has(this.#begunIn);
  }

  /** Starts a child run for the step `key` of `parent`. */
  addChild(parent: Run, key: string, spec: ChildSeed, isAside: boolean): Run {
    const { childrenMax, depthMax } = this.engine.limits;
    if (parent.children.size >= childrenMax) {
      throw new RuntimeError("STEPS_EXHAUSTED", `A run has at most ${childrenMax} children.`, {
        childrenMax,
      });
    }
    if (parent.depth + 1 > depthMax) {
      throw new RuntimeError("DEPTH_EXHAUSTED", `Runs are at most ${depthMax} deep.`, { depthMax });
    }
    const id = childRunId(parent.id, parent.children.size + 1, isAside);
    this.append({ type: "child", run: id, parent: parent.id, key, ...spec });
    const child = this.#add({ id, parent, ...spec });
    parent.children.set(key, child);
    return child;
  }

  /** Shows text of a step at once. */
  write(of: { run: string; step: string; attempt: number }, text: string): void {
    const key = `${of.run}|${of.step}`;
    let live = this.live.get(key);
    if (live === undefined || live.attempt !== of.attempt) {
      live = { ...of, text: "" };
      this.live.set(key, live);
    }
    live.text += text;
    for (const viewer of this.viewers) viewer.live(live);
  }

  /**
   * The attempt under which a streamed step is recorded: the one that was shown, or the next when
   * what was shown is no beginning of the result, so that viewers start that text again.
   */
  recordedAttempt(of: { run: string; step: string; attempt: number }, text: string): number {
    const live = this.live.get(`${of.run}|${of.step}`);
    this.live.delete(`${of.run}|${of.step}`);
    return live && !text.startsWith(live.text) ? of.attempt + 1 : of.attempt;
  }

  /** Text shown so far by a run or its children, but aside: of steps that ended, then what is being written. */
  shownText(run: string): string {
    const isShown = (of: string): boolean =>
      (of === run || of.startsWith(`${run}.`)) && !isAside(of.slice(run.length));
    const texts = this.log.flatMap((entry) => {
      if (entry.type !== "step" || entry.streamed !== true || !isShown(entry.run)) return [];
      return [String((entry.result as { text?: unknown } | null)?.text ?? "")];
    });
    for (const live of this.live.values()) {
      if (isShown(live.run)) return [...texts, live.text].join("");
    }
    return texts.join("");
  }

  /** A viewer joins: it is shown what is stored after its cursor, then what is being written. */
  attach(viewer: Viewer): void {
    for (let at = viewer.entries; at < this.shown; at += 1) {
      const entry = this.log[at];
      if (entry) viewer.entry(entry, at);
    }
    for (const live of this.live.values()) viewer.live(live);
    this.viewers.add(viewer);
  }

  /** Calls after `ms` unless the tree is dropped first. */
  after(ms: number, call: () => void): Timer {
    const timer = this.engine.options.clock.after(ms, () => {
      this.#timers.delete(timer);
      if (!this.isDropped) call();
    });
    this.#timers.add(timer);
    return {
      cancel: () => {
        this.#timers.delete(timer);
        timer.cancel();
      },
    };
  }

  /** Whether every branch waits for something stored, so that the tree may leave memory. */
  get isWaiting(): boolean {
    if (this.working > 0 || this.#unsaved.length > 0 || this.isDropped) return false;
    if (this.root.outcome || this.engine.rest.isFrozen(this)) return false;
    for (const run of this.runs.values()) {
      if (!run.outcome && (!run.isStarted || run.stopped || run.performing.size === 0))
        return false;
    }
    return true;
  }

  /** The earliest moment that one of its runs waits for: a deadline or the end of a wait. */
  get wakeMs(): number {
    let wakeMs = this.root.deadlineMs;
    for (const run of this.runs.values()) {
      if (run.outcome) continue;
      wakeMs = Math.min(wakeMs, run.deadlineMs);
      for (const key of run.performing.keys()) {
        wakeMs = Math.min(wakeMs, run.tries.get(key)?.untilMs ?? run.deadlineMs);
      }
    }
    return Math.max(0, Math.ceil(wakeMs));
  }

  /** Leaves memory while it waits: nothing is under way that would have to be cut. */
  leave(): void {
    this.isDropped = true;
    for (const timer of this.#timers) timer.cancel();
  }

  /** Forgets everything in memory; what is stored stays and can be taken up again. */
  drop(reason: string): void {
    if (this.isDropped) return;
    this.leave();
    for (const run of this.runs.values()) {
      if (run.isStarted && !run.outcome) run.abort.abort(new RuntimeError("STALE_EPOCH", reason));
    }
  }

  /** A run of this tree has ended; `ops` are written with its end. */
  runEnded(run: Run, outcome: Outcome, ops: readonly StoreOp[]): void {
    for (const op of ops) this.engine.committer.write(this, op);
    for (const { to, from, message } of run.takeFarewells()) {
      this.post({ to, from, message, deadlineMs: 0, trace: this.row.trace });
    }
    if (run === this.root) {
      this.#rootEnded(outcome);
    } else {
      const atMs = this.engine.options.clock.now();
      const paused = run.endPauses(atMs) ? { atMs } : {};
      this.append({ type: "end", run: run.id, outcome, ...paused });
    }
  }

  /** The root run has ended: its parent hears of it, in the same batch. */
  #rootEnded(outcome: Outcome): void {
    const { root, parent } = this;
    // A completed result lies in the parent's message and in the row: not a third time in the log.
    const logged = outcome.status === "completed" ? { ...outcome, result: null } : outcome;
    this.append({ type: "end", run: root.id, outcome: logged });
    this.save();
    const message = { type: "run-ended", run: root.id, kind: root.definition.kind, outcome };
    this.engine.metrics.count("runsEnded");
    const { clock, runEnded } = this.engine.options;
    runEnded?.(this.tenant, root.id, runEndOf(this.row, outcome, clock.now()));
    const { trace } = this.row;
    this.post({ to: parent, from: root.address, message, deadlineMs: 0, system: true, trace });
  }

  #show(upTo: number): void {
    if (this.isDropped) return;
    for (; this.shown < upTo; this.shown += 1) {
      const entry = this.log[this.shown];
      if (entry) for (const viewer of this.viewers) viewer.entry(entry, this.shown);
    }
  }

  #add(of: { id: string; kind: string; input: Data; deadlineMs: number; parent: Run | null }): Run {
    const definition = this.engine.runKinds.get(of.kind);
    if (definition === undefined) {
      throw new RuntimeError("UNKNOWN_KIND", `There is no run of kind "${of.kind}".`);
    }
    const { id, input, deadlineMs, parent } = of;
    const depth = parent ? parent.depth + 1 : 1;
    const run = new Run(this, { id, definition, input, deadlineMs, parent, depth });
    this.runs.set(id, run);
    return run;
  }

  #restore(entry: LogEntry): void {
    if (entry.type === "child") {
      const parent = this.runs.get(entry.parent);
      if (!parent) return;
      const { run: id, kind, input, deadlineMs } = entry;
      const child = this.#add({ id, kind, input, deadlineMs, parent });
      child.isBehind = true;
      parent.children.set(entry.key, child);
      return;
    }
    if (entry.type === "forked") for (const run of this.runs.values()) run.markCopied();
    if (entry.type === "resumed") this.incarnation = entry.incarnation;
    const run = this.runs.get(entry.run);
    if (run) restoreEntry(run, entry);
  }
}
