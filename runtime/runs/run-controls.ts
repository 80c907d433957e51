// What is told to runs: controls of the door and of turns, decisions, and replies to asks. A run in
// memory takes them into its log at once; for one that hibernates they are rows of its inbox, or the
// door waits until it has been taken up.

import type { Data } from "../actor.ts";
import { type Address, addressParts, shardOf, shardOfAddress } from "../address.ts";
import { type ErrorData, isStorageTrouble, RuntimeError, toErrorData } from "../errors.ts";
import { rootRunOf } from "../frame.ts";
import type { MailItem } from "../kernel/cell.ts";
import type { Participant } from "../kernel/committer.ts";
import type { Engine } from "../kernel/engine.ts";
import type { DoorItem, InboxRow, RunControl } from "../message.ts";
import { decode } from "../store/codec.ts";
import type { Row } from "../store/store.ts";
import type { Run } from "./run.ts";
import type { RunTree } from "./run-tree.ts";

/** Kind in the inbox keys of controls: whoever sends them knows the run's id and not its kind. */
const CONTROL_KIND = "run";

/** A reply or a control as it lies in a run's inbox. */
type RunMail =
  | { readonly type: "reply"; readonly key: unknown; readonly value?: Data; readonly error?: Data }
  | { readonly type: "control"; readonly control: RunControl };

/** The controls of one kernel's runs. */
export class RunControls {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
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
    const { committer, options, runs } = this.#engine;
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
    const { committer, metrics, runs } = this.#engine;
    const { tenant, root, path } = addressParts(to);
    const id = path.slice(path.lastIndexOf("/") + 1);
    const mail = item.message as RunMail;
    const tree =
      runs.trees.get(rootRunOf(id)) ??
      (mail.type === "control" ? runs.cancelledHeld(id, mail.control) : undefined);
    const remove = (owner: Participant): void => {
      if (item.row) committer.write(owner, { op: "remove", key: item.row.key });
    };
    if (tree) {
      remove(tree);
      this.#mail(tree, id, mail);
      return;
    }
    // A run that is taken up reads its inbox itself.
    runs
      .up(tenant, root, id)
      .then(async (up) => {
        if (up !== null) return;
        if (mail.type === "control") await this.#toHeld(tenant, id, mail.control);
        remove({ shard: shardOfAddress(to) });
      })
      .catch(() => metrics.count("resumeFailures"));
  }

  /** A row of its inbox that a run finds when it is taken up. */
  arrived(tree: RunTree, { key, value }: Row): void {
    // One that is not committed yet is delivered when it is.
    if (this.#engine.committer.batchOf(key) !== null) return;
    this.#engine.committer.write(tree, { op: "remove", key });
    const path = key.slice(0, key.lastIndexOf("/"));
    const id = path.slice(path.lastIndexOf("/") + 1).split(":", 1)[0] ?? "";
    this.#mail(tree, id, (decode(value) as InboxRow).message as RunMail);
  }

  #mail(tree: RunTree, id: string, mail: RunMail): void {
    const run = tree.runs.get(id);
    if (!run || run.outcome) return;
    if (mail.type === "control") {
      this.#apply(tree, run, mail.control);
      return;
    }
    // The first reply counts; later ones are dropped.
    const key = String(mail.key ?? "");
    if (run.decided.has(key) || run.stored.has(key)) return;
    this.#decide(tree, run, key, { value: mail.value, error: mail.error });
  }

  /** Takes up the run a control is for, and tries again; a held one is cancelled as it is. */
  async #wake(item: DoorItem & { type: "control" }, refused: ErrorData): Promise<void> {
    const { options, runs } = this.#engine;
    const { id, tenant, root, run, control } = item;
    const tree = await runs.up(tenant, root, run);
    if (tree?.runs.has(run)) {
      this.fromDoor(item);
      return;
    }
    const row = await runs.row(tenant, rootRunOf(run));
    if (row?.status === "held" && control.type === "cancel" && run === row.id) {
      if (!runs.trees.has(run)) runs.cancelHeld(row);
      this.fromDoor(item);
      return;
    }
    const ended: ErrorData = { code: "RUN_ENDED", message: `The run "${run}" has ended.` };
    options.toDoor({ type: "error", id, error: row && row.endedAt !== null ? ended : refused });
  }

  /** A run held before this kernel had the shard is cancelled as it is; else the control comes too late. */
  async #toHeld(tenant: string, run: string, control: RunControl): Promise<void> {
    const { runs } = this.#engine;
    if (control.type !== "cancel" || run !== rootRunOf(run)) return;
    const row = await runs.row(tenant, run);
    if (row?.status !== "held") return;
    if (!runs.trees.has(run)) runs.cancelHeld(row);
    this.#take(tenant, run, control);
  }

  /** Sends back what is for the next owner of its shard. */
  #hasGone(item: DoorItem & { type: "control" }): boolean {
    if (this.#engine.epochOf(shardOf(item.tenant, item.root)) !== undefined) return false;
    this.#engine.admission.moved(item);
    return true;
  }

  /** Null when the run has taken it. */
  #take(tenant: string, id: string, control: RunControl): ErrorData | null {
    const { runs } = this.#engine;
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

  #decide(tree: RunTree, run: Run, key: string, value: Data): void {
    tree.append({ type: "decide", run: run.id, key, value });
    run.decided.set(key, value);
    run.waiters.get(key)?.(value);
  }
}
