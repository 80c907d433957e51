// The runs of one kernel: starts them, has them taken up again, and ends them together with their
// parent's turn. What is told to them is run-controls.ts; how they leave memory and come back is
// run-hibernation.ts and run-activation.ts.

import type { Data, Outcome } from "../actor.ts";
import {
  type Address,
  addressParts,
  shardOf,
  shardOfAddress,
  tenantOfAddress,
} from "../address.ts";
import type { ErrorData } from "../errors.ts";
import { rootRunOf } from "../frame.ts";
import type { Participant } from "../kernel/commit-batch.ts";
import type { Refused } from "../kernel/committer.ts";
import type { Engine, RunsPort } from "../kernel/engine.ts";
import { waitsOf } from "../kernel/kernel-look.ts";
import type { TurnDraft } from "../kernel/turn.ts";
import { writeUntilStored } from "../kernel/until-stored.ts";
import type { Asker, RunControl } from "../message.ts";
import { ChurnMap } from "../shared/churn-map.ts";
import type { WaitView } from "../shared/look.ts";
import { decode, encode } from "../store/codec.ts";
import { keys } from "../store/keys.ts";
import { EndedMarks } from "./ended-marks.ts";
import { HeldRuns } from "./held-runs.ts";
import { Posted } from "./posted.ts";
import type { Run } from "./run.ts";
import { RunActivation } from "./run-activation.ts";
import { Context } from "./run-context.ts";
import { RunControls } from "./run-controls.ts";
import { expire, RunDeadline } from "./run-deadline.ts";
import { RunHibernation } from "./run-hibernation.ts";
import { decodeRun, encodeRun, type StoredRun } from "./run-row.ts";
import { RunTree } from "./run-tree.ts";
import type { StartRequest } from "./start-request.ts";
import type { RunEnd } from "./viewer.ts";
import { Viewers } from "./viewers.ts";

const RUN_TIMEOUT_MS = 600_000;
/** A run that comes due while memory is full waits this long, and then that long again; at most so late. */
const PUT_OFF_MS = 500;
const LATE_MS_MAX = 10_000;
/** Hibernated runs whose waits are remembered. */
const ASLEEP_MAX = 10_000;

/** The runs of one kernel. */
export class RunHost implements RunsPort {
  readonly #engine: Engine;
  readonly trees = new ChurnMap<string, RunTree>();
  /** What runs wait for that have left memory since this kernel started: only to be looked at. */
  readonly asleep = new Map<string, readonly WaitView[]>();
  readonly #held: HeldRuns;
  readonly viewers: Viewers;
  readonly controls: RunControls;
  readonly #activation: RunActivation;
  readonly #hibernation: RunHibernation;
  readonly #ended: EndedMarks;
  readonly #starts = (run: Run): void => this.startRun(run);

  constructor(engine: Engine) {
    this.#engine = engine;
    this.controls = new RunControls(engine, this);
    this.#ended = new EndedMarks(engine.committer);
    this.#held = new HeldRuns(engine, (owner, row) => this.#begin(owner, row));
    this.#activation = new RunActivation(engine, this.trees, {
      mail: (tree, row) => this.controls.arrived(tree, row),
      start: (tree) => {
        this.asleep.delete(tree.root.id);
        this.#start(tree);
      },
      taken: (tree) => this.viewers.joinWaiting(tree),
    });
    this.#hibernation = new RunHibernation(engine, this.trees, (tree) => {
      this.viewers.keep(tree.root.id, [...tree.viewers]);
      const waits = waitsOf(tree, engine.options.worker);
      if (waits.length > 0 && this.asleep.size < ASLEEP_MAX) this.asleep.set(tree.root.id, waits);
    });
    this.viewers = new Viewers(
      engine,
      (run) => this.trees.get(run),
      (run) => this.#held.has(run),
    );
  }

  /** Starts (or holds) a run as part of a turn. */
  start(owner: Participant, request: StartRequest): void {
    const { id, spec, parent, asker, trace } = request;
    const { tenant, root } = addressParts(parent);
    const nowMs = this.#engine.options.clock.now();
    const row: StoredRun = {
      id,
      kind: spec.kind,
      address: `${spec.kind}:${tenant}/${root}/${id}`,
      parent,
      status: spec.held ? "held" : "running",
      input: spec.input,
      startedAt: nowMs,
      deadlineMs: nowMs + (spec.timeoutMs ?? RUN_TIMEOUT_MS),
      endedAt: null,
      outcome: null,
      reply: null,
      ...(asker ? { asker } : {}),
      ...(trace ? { trace } : {}),
      ...(spec.fork ? { fork: spec.fork } : {}),
    };
    if (spec.held) this.#held.hold(owner, tenant, row);
    else this.#begin(owner, row);
  }

  /** Starts a held run. */
  release(owner: Participant, tenant: string, id: string, input: Data): void {
    this.#held.release(owner, { tenant, id, input });
  }

  /** A root run's row. */
  async row(tenant: string, id: string): Promise<StoredRun | null> {
    const key = keys.run(tenant, id);
    const bytes = await this.#engine.committer.get(key);
    return bytes === undefined ? null : decodeRun(key, bytes);
  }

  /**
   * The tree of a run under `root`, taken up if it hibernates; null when it is held, has ended or
   * never was. @throws RuntimeError as RunActivation.up.
   */
  up(tenant: string, root: string, run: string): Promise<RunTree | null> {
    return this.#activation.up({ shard: shardOf(tenant, root), tenant, id: rootRunOf(run) });
  }

  /** A stored moment of a run that hibernates has come. */
  due(address: Address, atMs: number, key: string): void {
    const { tenant, root, path: id } = addressParts(address);
    if (this.trees.has(id)) return; // Its own timers know.
    const { limits, options, metrics, reminders, suspended } = this.#engine;
    if (suspended.has(tenant)) return; // Looked at again when it is resumed.
    const lateMs = options.clock.now() - atMs;
    if (this.trees.size >= limits.runsMax && lateMs < LATE_MS_MAX) {
      // Late, never lost: others hibernate first.
      this.#hibernation.press();
      reminders.putOff(PUT_OFF_MS, key);
      return;
    }
    this.up(tenant, root, id).catch(() => metrics.count("resumeFailures"));
  }

  /** Takes up the run behind an open mark, after a start or a move. */
  async resume(shard: number, tenant: string, id: string, mark: { input?: Data }): Promise<void> {
    if (this.#engine.suspended.has(tenant)) return; // Its mark stays.
    const row = await this.row(tenant, id);
    if (row?.status === "held") {
      this.#held.start({ shard }, row, mark.input);
      return;
    }
    const tree = await this.#activation.up({ shard, tenant, id });
    if (tree === null) this.unmark(shard, tenant, id);
  }

  /** Removes the open mark of a run that is not open. */
  unmark(shard: number, tenant: string, id: string): void {
    const key = keys.openRun(shard, tenant, id);
    writeUntilStored(this.#engine, shard, (owner) => {
      // In memory by now, it has written its own.
      if (!this.trees.has(id)) this.#engine.committer.write(owner, { op: "remove", key });
    });
  }

  /** Calls a run's function, once in this kernel's memory. */
  startRun(run: Run): void {
    if (run.isStarted || run.outcome || run.tree.isDropped) return;
    run.isStarted = true;
    const { attribution, blame, goingOn, limits, options } = this.#engine;
    const { tenant } = run.tree;
    if (run.parent === null) options.runBegun?.(tenant, run.id);
    const barred = blame.ends(run.address, limits.failuresMax);
    if (barred) {
      run.end(run.outcomeOf({ error: barred }));
      return;
    }
    // Stopped in an earlier life, it comes to where it was, and ends there with what it has to write.
    run.endInTime();
    run.deadline = new RunDeadline(run);
    const context = new Context(run, this.#starts);
    goingOn
      .turn(tenant)
      .then(() =>
        attribution.call(run.address, () =>
          run.definition.run(run.input as never, context as never),
        ),
      )
      .then(
        (result) => run.end(run.outcomeOf({ result })),
        (error: unknown) => run.end(run.outcomeOf({ error })),
      );
  }

  /** The parent has taken the end of its run: row, reply and end frame. */
  settle(owner: Participant, id: string, draft: TurnDraft, endsAs?: Outcome): void {
    const reply = draft.answer?.type === "reply" ? draft.answer.value : null;
    const ended = draft.loaded["outcome"] as Outcome | undefined;
    const outcome = endsAs ?? this.trees.get(id)?.root.outcome ?? ended;
    this.#settle(owner, id, { reply, counters: draft.counters, outcome });
  }

  /** The parent could not take the end of its run: the run's row still gets its end. */
  settleFailed(owner: Participant, id: string): void {
    this.#settle(owner, id, { reply: null, counters: new Map(), outcome: undefined });
  }

  /**
   * Repairs memory after a refused batch. A run goes on as it is in memory, and what it wrote is
   * written again: a step's result that is known is not asked for a second time because somebody
   * else's turn was refused. What turns tell a run reaches it when they are committed, so that only
   * the turn that started it can be one that has to be done again: it then starts another one.
   */
  repair(refused: Refused, isLost: (shard: number) => boolean): void {
    for (const tree of [...this.trees.values()]) {
      if (!isLost(tree.shard) && tree.isBegunIn(refused.batches)) this.#takeUpAgain(tree);
    }
    // One that was cut for a move is written again too: what it knew goes with it.
    const goesOn = (one: Participant): boolean =>
      one instanceof RunTree && !isLost(one.shard) && !one.isBegunIn(refused.batches);
    refused.repeat(goesOn);
    for (const one of refused.participants) {
      if (one instanceof RunTree && goesOn(one)) one.restore(refused.batches);
    }
    for (const one of refused.participants) {
      if (one instanceof Posted && goesOn(one.tree)) one.tree.post(one.post);
      if (one instanceof RunTree && isLost(one.shard)) this.#drop(one);
    }
  }

  #takeUp(shard: number, { parent, id }: StoredRun): void {
    const place = { shard, tenant: addressParts(parent).tenant, id };
    // Another owner of its shard takes it up by its mark.
    this.#activation.up(place).catch(() => this.#engine.metrics.count("resumeFailures"));
  }

  #takeUpAgain(tree: RunTree): void {
    this.#drop(tree);
    this.viewers.keep(tree.root.id, [...tree.viewers]);
    this.#fromStore(tree).catch(() => this.#engine.metrics.count("resumeFailures"));
  }

  async #fromStore({ shard, tenant, root: { id } }: RunTree): Promise<void> {
    const mark = await this.#engine.committer.get(keys.openRun(shard, tenant, id));
    if (mark === undefined) await this.#activation.up({ shard, tenant, id });
    else await this.resume(shard, tenant, id, decode(mark) as { input?: Data });
  }

  #drop(tree: RunTree): void {
    tree.drop("The run is taken up again.");
    if (this.trees.get(tree.root.id) === tree) this.trees.delete(tree.root.id);
  }

  /** Saves what these shards' runs have gathered, and cuts the steps that are still performed. */
  cut(going: ReadonlySet<number>): void {
    for (const tree of this.trees.values()) {
      if (!going.has(tree.shard)) continue;
      tree.save();
      if (tree.working > 0) tree.drop("The run has moved to another worker.");
    }
  }

  /** Forgets every run of the given shards. */
  forget(isGone: (shard: number) => boolean): void {
    this.viewers.forget(isGone);
    for (const [id, tree] of [...this.trees.entries()]) {
      if (!isGone(tree.shard)) continue;
      tree.drop("The run has moved to another worker.");
      this.trees.delete(id);
    }
    this.#held.forget((parent) => isGone(shardOfAddress(parent)));
  }

  cutTenant(tenant: string): void {
    for (const tree of this.trees.values()) {
      if (tree.tenant !== tenant) continue;
      tree.save();
      if (tree.working > 0) tree.drop("The tenant is suspended.");
    }
  }

  forgetTenant(tenant: string, error: ErrorData): void {
    this.viewers.refuseTenant(tenant, error);
    for (const [id, tree] of [...this.trees.entries()]) {
      if (tree.tenant !== tenant) continue;
      tree.drop("The tenant is suspended.");
      this.trees.delete(id);
    }
    this.#held.forget((parent) => tenantOfAddress(parent) === tenant);
  }

  /** A held run of this kernel's memory, if a cancel ends it. */
  cancelledHeld(id: string, control: RunControl): RunTree | undefined {
    const row = control.type === "cancel" ? this.#held.take(id) : undefined;
    return row === undefined ? undefined : this.cancelHeld(row);
  }

  /** A held run that is cancelled becomes a tree that ends without having been called. */
  cancelHeld(held: StoredRun): RunTree {
    this.#held.take(held.id);
    const row: StoredRun = { ...held, status: "running" };
    const tree = new RunTree(this.#engine, row, { log: [], nextChunk: 0 });
    this.trees.set(row.id, tree);
    this.#writeOpen(tree, row);
    this.viewers.joinWaiting(tree);
    return tree;
  }

  /** The rows of a run that is under way: what the next owner of its shard finds. */
  #writeOpen(owner: Participant, row: StoredRun): void {
    const { committer } = this.#engine;
    const { tenant } = addressParts(row.parent);
    const mark = keys.openRun(owner.shard, tenant, row.id);
    committer.write(owner, { op: "put", key: keys.run(tenant, row.id), value: encodeRun(row) });
    committer.write(owner, { op: "put", key: mark, value: encode({}) });
  }

  #start(tree: RunTree): void {
    if (this.trees.size > this.#engine.limits.runsMax) this.#hibernation.press();
    this.startRun(tree.root);
  }

  /** The first of a run; one that has no time at all ends without having been called. */
  #begin(owner: Participant, row: StoredRun): void {
    const { committer, metrics, options } = this.#engine;
    this.#writeOpen(owner, row);
    if (row.fork) {
      metrics.count("runsStarted");
      // What it begins with is read when its row is there for good.
      committer.afterCommitted(() => this.#takeUp(owner.shard, row));
      return;
    }
    const tree = new RunTree(this.#engine, row, { log: [], nextChunk: 0 });
    this.trees.set(row.id, tree);
    tree.begin();
    metrics.count("runsStarted");
    this.viewers.joinWaiting(tree);
    if (row.deadlineMs <= options.clock.now()) expire(tree.root);
    else this.#start(tree);
  }

  #settle(
    owner: Participant,
    id: string,
    end: { reply: Data; counters: ReadonlyMap<string, string>; outcome: Outcome | undefined },
  ): void {
    const tree = this.trees.get(id);
    if (!tree) return;
    const { committer, options, actors } = this.#engine;
    const outcome = end.outcome ?? tree.root.outcome ?? { status: "completed", result: null };
    const kept = outcome.status === "completed" ? { ...outcome, result: null } : outcome;
    const endedAt = options.clock.now();
    const { status } = outcome;
    tree.settle(owner, { ...tree.row, status, endedAt, outcome: kept, reply: end.reply });
    committer.write(owner, { op: "remove", key: keys.openRun(tree.shard, tree.tenant, id) });
    this.#ended.write(owner, { endedAt, tenant: tree.tenant, run: id });
    if (tree.row.asker)
      this.#tellAsker(owner, tree.row.asker, { tree, reply: end.reply, outcome, actors });
    const counters: Record<string, number> = {};
    committer.afterCommitted((committed) => {
      for (const [name, key] of end.counters) counters[name] = committed.counters.get(key) ?? 0;
    });
    const done: RunEnd = { outcome: kept, reply: end.reply, counters };
    committer.after(options.durability, () => {
      if (this.trees.get(id) !== tree) return;
      this.trees.delete(id);
      for (const viewer of tree.viewers) {
        viewer.end(id, done);
        this.viewers.ended(viewer.id);
      }
      tree.drop("The run has ended.");
    });
  }

  #tellAsker(
    owner: Participant,
    asker: Asker,
    end: { tree: RunTree; reply: Data; outcome: Outcome; actors: Engine["actors"] },
  ): void {
    const answer =
      end.outcome.status === "completed" ? { value: end.reply } : { error: end.outcome.error };
    const message = { type: "reply", key: asker.key, ...answer };
    end.actors.post(owner, {
      to: asker.run,
      from: end.tree.parent,
      message,
      deadlineMs: 0,
      system: true,
      late: true,
    });
  }
}
