// What is told to runs: controls of the door and of turns, decisions, and replies to asks. A run in
// memory takes them into its log at once; for one that hibernates they are rows of its inbox, or the
// door waits until it has been taken up.

import type { Data } from "../actor.ts";
import { type Address, addressParts, shardOf, shardOfAddress } from "../address.ts";
import { type ErrorData, isStorageTrouble, RuntimeError, toErrorData } from "../errors.ts";
import { rootRunOf } from "../frame.ts";
import type { MailItem } from "../kernel/cell.ts";
import type { Participant } from "../kernel/commit-batch.ts";
import type { Engine } from "../kernel/engine.ts";
import { writeUntilStored } from "../kernel/until-stored.ts";
import type { DoorItem, InboxRow, RunControl } from "../message.ts";
import { decode } from "../store/codec.ts";
import { checkPlain } from "../store/plain.ts";
import type { Row } from "../store/store.ts";
import type { Run } from "./run.ts";
import type { StoredRun } from "./run-row.ts";
import type { RunTree } from "./run-tree.ts";

/** Kind in the inbox keys of controls: whoever sends them knows the run's id and not its kind. */
const CONTROL_KIND = "run";

/** A reply or a control as it lies in a run's inbox. */
type RunMail =
  | { readonly type: "reply"; readonly key: unknown; readonly value?: Data; readonly error?: Data }
  | { readonly type: "control"; readonly control: RunControl };

type RunState = "open" | "held" | "ended" | "unknown";

/** The runs that are controlled (run-host.ts). */
interface ControlledRuns {
  readonly trees: { get(id: string): RunTree | undefined; has(id: string): boolean };
  row(tenant: string, id: string): Promise<StoredRun | null>;
  /** The tree of a run, taken up if it hibernates. */
  up(tenant: string, root: string, run: string): Promise<RunTree | null>;
  /** A held run of this kernel's memory, if a cancel ends it. */
  cancelledHeld(id: string, control: RunControl): RunTree | undefined;
  cancelHeld(held: StoredRun): RunTree;
}

/** The controls of one kernel's runs. */
export class RunControls {
  readonly #engine: Engine;
  readonly #runs: ControlledRuns;

  constructor(engine: Engine, runs: ControlledRuns) {
    this.#engine = engine;
    this.#runs = runs;
  }

  /** A control message of a turn: the run has it when the turn is committed. */
  fromTurn(owner: Participant, parent: Address, run: string, control: RunControl): void {
    const { tenant, root } = addressParts(parent);
    const to: Address = `${CONTROL_KIND}:${tenant}/${root}/${run}`;
    const message: RunMail = { type: "control", control };
    const post = { to, from: parent, message, deadlineMs: 0, system: true, late: true };
    this.#engine.actors.post(owner, post);
  }

  /** A control message of the door: answered when it is on disk. */
  fromDoor(item: DoorItem & { type: "control" }): void {
    const { options } = this.#engine;
    const { id, tenant, run, control } = item;
    if (this.#hasGone(item)) return;
    try {
      checkPlain(control);
    } catch (error) {
      options.toDoor({ type: "error", id, error: toErrorData(error) });
      return;
    }
    const refused = this.#take(tenant, run, control);
    if (refused?.code === "NOT_FOUND") {
      this.#wake(item, refused).catch((error: unknown) => {
        if (this.#hasGone(item)) return;
        options.toDoor({ type: "error", id, error: toErrorData(error) });
      });
      return;
    }
    if (refused) {
      options.toDoor({ type: "error", id, error: refused });
      return;
    }
    this.#acknowledge(item);
  }

  /** Answers the door when the run's log with its control is on disk. */
  #acknowledge(item: DoorItem & { type: "control" }): void {
    const { committer, options } = this.#engine;
    const runs = this.#runs;
    const { id } = item;
    const tree = runs.trees.get(rootRunOf(item.run));
    let isTaken = false;
    const onRefused = (error: RuntimeError): void => {
      if (isTaken) return;
      // A run that goes on knows it still and has it written again; one that was dropped does not.
      if (tree?.isDropped === false) this.#acknowledge(item);
      else if (!isStorageTrouble(error.code)) this.fromDoor(item);
      else options.toDoor({ type: "error", id, error: toErrorData(error) });
    };
    committer.join({ shard: shardOf(item.tenant, item.root), onRefused });
    committer.after("flushed", () => {
      isTaken = true;
      options.toDoor({ type: "reply", id, value: null });
    });
  }

  /** A reply or a control: its row leaves the inbox as the run's log takes it. */
  deliver(to: Address, item: MailItem): void {
    const { metrics } = this.#engine;
    const runs = this.#runs;
    const id = runOf(to);
    const mail = item.message as RunMail;
    const tree =
      runs.trees.get(rootRunOf(id)) ??
      (mail.type === "control" ? runs.cancelledHeld(id, mail.control) : undefined);
    if (tree) {
      this.#mail(tree, id, mail, item.row?.key);
      return;
    }
    this.#toAbsent(to, item).catch(() => metrics.count("resumeFailures"));
  }

  /** Mail of a run that is not in memory: it is taken up, or its mail comes too late. */
  async #toAbsent(to: Address, item: MailItem): Promise<void> {
    const { committer } = this.#engine;
    const runs = this.#runs;
    const { tenant, root } = addressParts(to);
    const run = runOf(to);
    const { control = null } = item.message as { readonly control?: RunControl };
    const up = await runs.up(tenant, root, run);
    const state = up === null ? await this.#stateOf({ tenant, root, run, control }) : "open";
    if (state !== "open") {
      const shard = shardOfAddress(to);
      writeUntilStored(this.#engine, shard, (owner) => this.#takeRow(owner, item));
      return;
    }
    // Taken up, it has read its inbox; released a moment ago, it has not.
    const isLeft = item.row && (await committer.get(item.row.key)) !== undefined;
    if (isLeft) this.deliver(to, item);
  }

  #takeRow(owner: Participant, { row }: MailItem): void {
    if (row) this.#engine.committer.write(owner, { op: "remove", key: row.key });
  }

  /** A row of its inbox that a run finds when it is taken up. */
  arrived(tree: RunTree, { key, value }: Row): void {
    const { actors, committer, shards } = this.#engine;
    // One that is not committed yet is delivered when it is.
    if (committer.batchOf(key) !== null) return;
    // Told by the shard's last owner, whose wake-up may still be on its way.
    if (shards.isBeingTaken(tree.shard)) actors.foundByRun(key);
    const path = key.slice(0, key.lastIndexOf("/"));
    const id = path.slice(path.lastIndexOf("/") + 1).split(":", 1)[0] ?? "";
    this.#mail(tree, id, (decode(value) as InboxRow).message as RunMail, key);
  }

  /** `row`: where it lies in the inbox. It leaves that in the batch that stores what it says. */
  #mail(tree: RunTree, id: string, mail: RunMail, row: string | undefined): void {
    if (row !== undefined && tree.chunks.hasTaken(row)) return;
    const run = tree.runs.get(id);
    const isOpen = run !== undefined && !run.outcome;
    if (isOpen && mail.type === "reply") {
      const key = String(mail.key ?? "");
      // The first reply counts; later ones are dropped.
      if (!run.decided.has(key) && !run.stored.has(key)) {
        if (row !== undefined) tree.chunks.take(row);
        const answer = { value: mail.value, error: mail.error };
        this.#decide(tree, run, key, answer, row !== undefined);
        return;
      }
    }
    if (row !== undefined) this.#engine.committer.write(tree, { op: "remove", key: row });
    if (isOpen && mail.type === "control") this.#apply(tree, run, mail.control);
  }

  /** Takes up the run a control is for, and tries again. */
  async #wake(item: DoorItem & { type: "control" }, refused: ErrorData): Promise<void> {
    const { options } = this.#engine;
    const runs = this.#runs;
    const { id, tenant, root, run, control } = item;
    const tree = await runs.up(tenant, root, run);
    const state =
      tree === null
        ? await this.#stateOf({ tenant, root, run, control })
        : tree.tenant === tenant && tree.runs.has(run)
          ? "open"
          : "unknown";
    if (state === "open") this.fromDoor(item);
    else options.toDoor({ type: "error", id, error: refusalOf(run, state) ?? refused });
  }

  /**
   * What a run is of which there was nothing to take up: meanwhile it may have been released. One that
   * was held before this kernel had the shard, and is cancelled now, is open and about to end.
   * @throws RuntimeError STALE_EPOCH when its shard has gone.
   */
  async #stateOf(of: {
    readonly tenant: string;
    readonly root: string;
    readonly run: string;
    readonly control: RunControl | null;
  }): Promise<RunState> {
    const { epochOf } = this.#engine;
    const runs = this.#runs;
    const { tenant, root, run, control } = of;
    const id = rootRunOf(run);
    const row = await runs.row(tenant, id);
    if (epochOf(shardOf(tenant, root)) === undefined) {
      throw new RuntimeError("STALE_EPOCH", `The run "${id}" has moved to another worker.`);
    }
    if (runs.trees.has(id)) return "open";
    if (row === null) return "unknown";
    if (row.endedAt !== null) return "ended";
    if (row.status !== "held") return "open";
    if (run !== id) return "unknown";
    if (control?.type !== "cancel") return "held";
    runs.cancelHeld(row);
    return "open";
  }

  /** Sends back what is for the next owner of its shard. */
  #hasGone(item: DoorItem & { type: "control" }): boolean {
    if (this.#engine.epochOf(shardOf(item.tenant, item.root)) !== undefined) return false;
    this.#engine.admission.moved(item);
    return true;
  }

  /** Null when the run has taken it. */
  #take(tenant: string, id: string, control: RunControl): ErrorData | null {
    const runs = this.#runs;
    const tree = runs.trees.get(rootRunOf(id)) ?? runs.cancelledHeld(id, control);
    const run = tree?.runs.get(id);
    if (!tree || !run || tree.tenant !== tenant) {
      return { code: "NOT_FOUND", message: `There is no run "${id}" under way.` };
    }
    if (run.outcome) return { code: "RUN_ENDED", message: `The run "${id}" has ended.` };
    return this.#apply(tree, run, control);
  }

  #apply(tree: RunTree, run: Run, control: RunControl): ErrorData | null {
    this.#engine.metrics.count("controls");
    switch (control.type) {
      case "cancel": {
        const { reason } = control;
        tree.append({ type: "cancel", run: run.id, reason });
        run.stop("cancelled", new RuntimeError("CANCELLED", reason));
        return null;
      }
      case "steer":
        tree.append({ type: "steer", run: run.id, value: control.value });
        run.steers.push(control.value);
        return null;
      case "decide":
        if (run.decided.has(control.key) || run.stored.has(control.key)) {
          return { code: "CONFLICT", message: `"${control.key}" has been decided.` };
        }
        this.#decide(tree, run, control.key, control.value);
        return null;
    }
  }

  #decide(tree: RunTree, run: Run, key: string, value: Data, isTold = false): void {
    tree.append({ type: "decide", run: run.id, key, value }, isTold);
    run.decided.set(key, value);
    run.waiters.get(key)?.(value);
  }
}

/** Id of the run that an address of its inbox names. */
function runOf(to: Address): string {
  const { path } = addressParts(to);
  return path.slice(path.lastIndexOf("/") + 1);
}

function refusalOf(run: string, state: RunState): ErrorData | null {
  if (state === "ended") return { code: "RUN_ENDED", message: `The run "${run}" has ended.` };
  if (state !== "held") return null;
  const message = `The run "${run}" is held: only its release and a cancel reach it.`;
  return { code: "CONFLICT", message };
}
