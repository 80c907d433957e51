// Who watches which run of a kernel. A viewer may come before its run (held, or about to be resumed),
// while it runs, or long after it has ended; each gets the same frames.

import type { Outcome } from "../actor.ts";
import { shardOf } from "../address.ts";
import { type ErrorData, toErrorData } from "../errors.ts";
import { type Frame, rootRunOf } from "../frame.ts";
import type { Engine } from "../kernel/engine.ts";
import type { DoorItem } from "../message.ts";
import { parsePlace, START } from "../place.ts";
import { ChurnMap } from "../shared/churn-map.ts";
import { keys } from "../store/keys.ts";
import { loadLog } from "./journal.ts";
import { decodeRun } from "./run-row.ts";
import type { RunTree } from "./run-tree.ts";
import { Viewer } from "./viewer.ts";

/** After this long a refused viewer may try again. */
const RETRY_AFTER_MS = 1_000;

/** A viewer and what it is shown. */
interface Shown {
  readonly viewer: Viewer;
  readonly run: string;
  readonly shard: number;
  readonly tenant: string;
}

/** The viewers of one kernel. */
export class Viewers {
  readonly #engine: Engine;
  readonly #treeOf: (run: string) => RunTree | undefined;
  readonly #isHeld: (run: string) => boolean;
  readonly #waitingViewers = new ChurnMap<string, Viewer[]>();
  readonly #viewers = new ChurnMap<number, Shown>();
  #toFlush: Viewer[] = [];

  constructor(
    engine: Engine,
    treeOf: (run: string) => RunTree | undefined,
    isHeld: (run: string) => boolean,
  ) {
    this.#engine = engine;
    this.#treeOf = treeOf;
    this.#isHeld = isHeld;
  }

  /**
   * Shows a run from its start to who asked for it, after `first`. Called when the accept is on disk:
   * until then nothing is shown, and nothing has to be kept for later.
   */
  open(item: DoorItem & { type: "follow" }, first: Frame): void {
    const { id, tenant, root, run, endOnly } = item;
    const { options } = this.#engine;
    if (this.#treeOf(run) || this.#isHeld(run)) {
      const shard = shardOf(tenant, root);
      const viewer = this.#viewer({ id, run, shard, tenant, endOnly, after: null });
      viewer.first(first);
      this.#join(viewer, run);
      return;
    }
    // Asked for at a higher level than its end waits for: it has ended already.
    options.toDoor({ type: "frames", id, frames: [first] });
    this.follow(item).catch((error: unknown) => this.#refuse(id, toErrorData(error)));
  }

  /** A viewer from the door with a cursor. */
  async follow(item: DoorItem & { type: "follow" }): Promise<void> {
    const { id, tenant, root, run, endOnly, after = null } = item;
    const shard = shardOf(tenant, root);
    const refuse = (error: ErrorData): void => this.#refuse(id, error);
    const { viewersMax } = this.#engine.limits;
    if (this.#viewers.size >= viewersMax) {
      const message = `This worker has ${viewersMax} viewers, its limit.`;
      return refuse({ code: "INBOX_FULL", message, details: { retryAfterMs: RETRY_AFTER_MS } });
    }
    const rootId = rootRunOf(run);
    const of = { id, run: rootId, shard, tenant, endOnly, after };
    const tree = this.#treeOf(rootId);
    if (tree?.tenant === tenant || this.#isHeld(rootId)) {
      this.#join(this.#viewer(of), rootId);
      return;
    }
    const key = keys.run(tenant, rootId);
    const bytes = await this.#engine.committer.get(key);
    const row = bytes === undefined ? null : decodeRun(key, bytes);
    if (row === null) return refuse({ code: "NOT_FOUND", message: `There is no run "${run}".` });
    if (row.endedAt === null && this.#engine.epochOf(shard) === undefined) {
      this.#engine.admission.moved(item); // It has moved while its row was read.
      return;
    }
    const viewer = this.#viewer(of);
    if (row.endedAt === null) {
      this.#join(viewer, rootId);
      // A run that hibernates shows what it has by being taken up.
      if (row.status === "held") return;
      if ((await this.#engine.runs.up(tenant, item.root, rootId)) !== null) return;
      // It has ended since its row was read.
      this.drop(id);
      await this.follow(item);
      return;
    }
    const { log } = await loadLog(this.#engine.committer, row.address);
    this.#viewers.delete(id);
    if (log.length > 0 && !viewer.continues(log)) return refuse(lost(rootId));
    if (log.length === 0) {
      return refuse({
        code: "EVENTS_TRIMMED",
        message: `The events of "${run}" are no longer kept.`,
      });
    }
    log.forEach((entry, at) => {
      viewer.entry(entry, at);
    });
    viewer.end(rootId, { outcome: row.outcome as Outcome, reply: row.reply, counters: {} });
    viewer.flush();
  }

  /** The door has lost interest. */
  drop(id: number): void {
    const known = this.#viewers.get(id);
    if (!known) return;
    this.#viewers.delete(id);
    this.#treeOf(known.run)?.viewers.delete(known.viewer);
    const waiting = this.#waitingViewers.get(known.run);
    if (!waiting) return;
    const left = waiting.filter((viewer) => viewer !== known.viewer);
    if (left.length > 0) this.#waitingViewers.set(known.run, left);
    else this.#waitingViewers.delete(known.run);
  }

  /** Keeps the viewers of a run that is about to be taken up again. */
  keep(run: string, viewers: readonly Viewer[]): void {
    if (viewers.length > 0) this.#waitingViewers.set(run, [...viewers]);
  }

  /** A viewer has been shown the end. */
  ended(id: number): void {
    this.#viewers.delete(id);
  }

  /** Their shards go to another owner: the door follows there from what it was sent last. */
  forget(isGone: (shard: number) => boolean): void {
    for (const [id, { viewer, shard }] of [...this.#viewers.entries()]) {
      if (!isGone(shard)) continue;
      viewer.flush();
      this.drop(id);
      this.#engine.options.toDoor({ type: "moved", id });
    }
  }

  /** Ends what is shown of a tenant's runs, with an error. */
  refuseTenant(tenant: string, error: ErrorData): void {
    for (const [id, shown] of [...this.#viewers.entries()]) {
      if (shown.tenant !== tenant) continue;
      shown.viewer.flush();
      this.drop(id);
      this.#refuse(id, error);
    }
  }

  /** Viewers that came before their run join it. */
  joinWaiting(tree: RunTree): void {
    const waiting = this.#waitingViewers.get(tree.root.id);
    if (!waiting) return;
    this.#waitingViewers.delete(tree.root.id);
    for (const viewer of waiting) this.#attach(viewer, tree);
  }

  #viewer(of: {
    id: number;
    run: string;
    shard: number;
    tenant: string;
    endOnly: boolean;
    after: string | null;
  }): Viewer {
    const { id, run, shard, tenant, endOnly, after } = of;
    const viewer = new Viewer({
      id,
      endOnly,
      start: (after === null ? null : parsePlace(after)) ?? START,
      toDoor: this.#engine.options.toDoor,
      soon: (one) => this.#flushSoon(one),
    });
    this.#viewers.set(id, { viewer, run, shard, tenant });
    return viewer;
  }

  #refuse(id: number, error: ErrorData): void {
    this.#engine.options.toDoor({ type: "frames", id, frames: [{ type: "refused", error }] });
  }

  #join(viewer: Viewer, run: string): void {
    const tree = this.#treeOf(run);
    if (tree) {
      this.#attach(viewer, tree);
      return;
    }
    const waiting = this.#waitingViewers.get(run);
    if (waiting) waiting.push(viewer);
    else this.#waitingViewers.set(run, [viewer]);
  }

  #attach(viewer: Viewer, tree: RunTree): void {
    if (viewer.continues(tree.log)) {
      tree.attach(viewer);
      return;
    }
    this.#viewers.delete(viewer.id);
    this.#refuse(viewer.id, lost(tree.root.id));
  }

  #flushSoon(viewer: Viewer): void {
    this.#toFlush.push(viewer);
    if (this.#toFlush.length > 1) return;
    this.#engine.options.defer(() => {
      const viewers = this.#toFlush;
      this.#toFlush = [];
      for (const one of viewers) one.flush();
    });
  }
}

function lost(run: string): ErrorData {
  const message =
    `What was shown of "${run}" up to this id was lost when the power failed, and went another way ` +
    "since: follow it from its start, without an id.";
  return { code: "EVENTS_LOST", message };
}
