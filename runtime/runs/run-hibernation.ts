// Lets runs that wait leave memory. A run tree hibernates when each of its branches waits for
// something stored: a sleep, a decision, an ask with its deadline, a child. Its open mark, which a
// start resumes, gives way to a waiting row: a reminder at the earliest of its stored moments. The
// reminder, a decision, a reply, a control message or a viewer takes it up again; a start does not.

import type { Engine } from "../kernel/engine.ts";
import type { ChurnMap } from "../shared/churn-map.ts";
import { encode } from "../store/codec.ts";
import { keys } from "../store/keys.ts";
import { type RunTree, WAITING } from "./run-tree.ts";

const SWEEP_MS = 5_000;
/** Runs that hibernate in one sweep, so that their rows are no flood; the rest follows soon. */
const SWEPT_MAX = 250;
const SWEEP_AGAIN_MS = 100;

/** The hibernation of one kernel's runs. */
export class RunHibernation {
  readonly #engine: Engine;
  readonly #trees: ChurnMap<string, RunTree>;
  /** Called with a tree that leaves memory. */
  readonly #leaving: (tree: RunTree) => void;
  #isPressed = false;

  constructor(engine: Engine, trees: ChurnMap<string, RunTree>, leaving: (tree: RunTree) => void) {
    this.#engine = engine;
    this.#trees = trees;
    this.#leaving = leaving;
    this.#sweepLater();
  }

  /** Runs in memory have come or stay past their limit: those that wait need not stay until they are idle. */
  press(): void {
    if (this.#isPressed) return;
    this.#isPressed = true;
    this.#engine.options.clock.after(SWEEP_AGAIN_MS, () => {
      this.#isPressed = false;
      this.#sweep();
    });
  }

  #sweepLater(): void {
    const { limits, options } = this.#engine;
    options.clock.after(Math.min(SWEEP_MS, limits.runIdleMs), () => {
      this.#sweep();
      this.#sweepLater();
    });
  }

  #sweep(): void {
    const { limits, options } = this.#engine;
    const nowMs = options.clock.elapsed();
    const over = this.#trees.size - limits.runsMax;
    let swept = 0;
    for (const tree of this.#trees.values()) {
      if (tree.stirs !== tree.stirsSwept) {
        tree.stirsSwept = tree.stirs;
        tree.quietSinceMs = nowMs;
      }
      tree.saveSoon();
      const isIdle = nowMs - tree.quietSinceMs >= limits.runIdleMs;
      if ((!isIdle && swept >= over) || !tree.isWaiting) continue;
      if (swept >= SWEPT_MAX) {
        this.press();
        return;
      }
      swept += 1;
      this.#hibernate(tree);
    }
  }

  /** Leaves memory when the waiting row is committed, unless something has come by then. */
  #hibernate(tree: RunTree): void {
    const { committer } = this.#engine;
    if (tree.wakeAtMs !== null) {
      this.#leave(tree);
      return;
    }
    const { shard, tenant } = tree;
    const { id, address } = tree.root;
    const at = tree.wakeMs;
    const value = encode({ address, name: WAITING, at });
    committer.write(tree, { op: "remove", key: keys.openRun(shard, tenant, id) });
    committer.write(tree, {
      op: "put",
      key: keys.reminder(address, WAITING),
      value: encode({ at }),
    });
    committer.write(tree, { op: "put", key: keys.reminderDue(shard, at, address, WAITING), value });
    tree.wakeAtMs = at;
    committer.afterOwn(tree, "committed", () => this.#leave(tree));
  }

  #leave(tree: RunTree): void {
    const { id, address } = tree.root;
    const at = tree.wakeAtMs;
    if (at === null || this.#trees.get(id) !== tree || !tree.isWaiting) return;
    this.#leaving(tree);
    this.#trees.delete(id);
    tree.leave();
    this.#engine.metrics.count("runHibernations");
    this.#engine.reminders.add(at, keys.reminderDue(tree.shard, at, address, WAITING));
  }
}
