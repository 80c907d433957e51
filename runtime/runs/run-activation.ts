// Brings runs into memory: those under way when their shard is taken, and those that hibernate when
// something comes for them. A run is made again from its row, its log and its inbox. What comes for
// it is a row of that inbox first, so that a wake-up is only a hint, as it is for actors.

import { type ErrorData, RuntimeError, toErrorData } from "../errors.ts";
import type { Engine } from "../kernel/engine.ts";
import { suspendedError } from "../kernel/suspended.ts";
import { ChurnMap } from "../shared/churn-map.ts";
import { decode } from "../store/codec.ts";
import { keys, prefixRange } from "../store/keys.ts";
import type { Row } from "../store/store.ts";
import { forkedLog } from "./forked-log.ts";
import { loadLog } from "./journal.ts";
import type { LogEntry } from "./log-entry.ts";
import { decodeRun, type StoredRun } from "./run-row.ts";
import { RunTree, WAITING } from "./run-tree.ts";

/** Rows of one page of a run's inbox. */
const MAIL_ROWS = 1_000;

/** Where a root run is. */
export interface RunPlace {
  readonly shard: number;
  readonly tenant: string;
  readonly id: string;
}

/** What a run that is in memory again is given first. */
export interface Arrivals {
  /** It is in memory: viewers that came before it join it. */
  taken(tree: RunTree): void;
  /** A row of its inbox. */
  mail(tree: RunTree, row: Row): void;
  /** Everything of it is there: its function may be called. */
  start(tree: RunTree): void;
}

/** The log of a run that begins with another one's. */
interface Begun {
  readonly log: LogEntry[];
  readonly nextChunk: 0;
  readonly error?: ErrorData;
}

interface Coming {
  readonly tree: Promise<RunTree | null>;
  /** Something came since its inbox was read. */
  hasMail: boolean;
}

/** The activation of one kernel's runs. */
export class RunActivation {
  readonly #engine: Engine;
  readonly #trees: ChurnMap<string, RunTree>;
  readonly #arrivals: Arrivals;
  readonly #coming = new ChurnMap<string, Coming>();

  constructor(engine: Engine, trees: ChurnMap<string, RunTree>, arrivals: Arrivals) {
    this.#engine = engine;
    this.#trees = trees;
    this.#arrivals = arrivals;
  }

  /**
   * The tree of a root run, in memory from here on; null when it is held, has ended or never was.
   * @throws RuntimeError STALE_EPOCH when its shard has gone, TENANT_SUSPENDED, UNKNOWN_KIND,
   *   FOREIGN_DATA.
   */
  up(place: RunPlace): Promise<RunTree | null> {
    const { id } = place;
    const known = this.#trees.get(id);
    if (known) return Promise.resolve(known);
    const coming = this.#coming.get(id);
    if (coming) {
      coming.hasMail = true;
      return coming.tree;
    }
    const tree = Promise.resolve().then(() => this.#take(place));
    this.#coming.set(id, { tree, hasMail: false });
    return tree.finally(() => this.#coming.delete(id));
  }

  async #take(place: RunPlace): Promise<RunTree | null> {
    const { committer } = this.#engine;
    const row = await this.#row(place);
    if (row === null || row.endedAt !== null || row.status === "held") return null;
    const { id } = place;
    const stored = await loadLog(committer, row.address);
    const begun = row.fork && stored.log.length === 0 ? await this.#forked(place, row) : null;
    if (begun === "refused") return null;
    const waiting = await committer.get(keys.reminder(row.address, WAITING));
    let mail: readonly Row[];
    do {
      this.#came(id, false);
      mail = await this.#mail(row);
    } while (this.#came(id));
    this.#checkOwner(place);
    const known = this.#trees.get(id);
    if (known) return known;
    const tree = new RunTree(this.#engine, row, begun ?? stored);
    this.#trees.set(id, tree);
    if (begun !== null) tree.keepAll();
    if (begun?.error) tree.root.end({ status: "failed", error: begun.error });
    if (waiting) tree.wakeAtMs = (decode(waiting) as { at: number }).at;
    this.#arrivals.taken(tree);
    // Its end is in the parent's inbox already: what still comes for it is dropped.
    if (!tree.root.outcome) this.#resumed(tree, begun !== null);
    // Its function is called when its mail has been taken. Started already, it has a say in its end when
    // it is cancelled: what it writes then is not left out because it hibernated.
    if (!tree.root.outcome) this.#arrivals.start(tree);
    for (const one of mail) this.#arrivals.mail(tree, one);
    return tree;
  }

  async #row(place: RunPlace): Promise<StoredRun | null> {
    const key = keys.run(place.tenant, place.id);
    const bytes = await this.#engine.committer.get(key);
    this.#checkOwner(place);
    return bytes === undefined ? null : decodeRun(key, bytes);
  }

  /** What a run begins with. It waits for its row to be committed: a refused turn leaves nothing. */
  async #forked(place: RunPlace, row: StoredRun): Promise<Begun | "refused"> {
    const { committer } = this.#engine;
    await new Promise<void>((resolve) => {
      committer.join({ shard: place.shard, onRefused: () => resolve() });
      committer.after("committed", resolve);
    });
    if ((await this.#row(place)) === null) return "refused";
    try {
      return { log: await forkedLog(this.#engine, row), nextChunk: 0 };
    } catch (error) {
      return { log: [], nextChunk: 0, error: toErrorData(error) };
    }
  }

  #checkOwner({ shard, tenant, id }: RunPlace): void {
    const { code, message } = suspendedError();
    if (this.#engine.suspended.has(tenant)) throw new RuntimeError(code, message);
    if (this.#engine.epochOf(shard) !== undefined) return;
    throw new RuntimeError("STALE_EPOCH", `The run "${id}" has moved to another worker.`);
  }

  /** Nothing of a run that hibernated was under way: only one that was cut is in another life. */
  #resumed(tree: RunTree, isForked: boolean): void {
    const { metrics } = this.#engine;
    if (isForked) {
      tree.beginLife(tree.incarnation);
      return;
    }
    if (tree.wakeAtMs !== null) {
      tree.isWoken = true;
      metrics.count("runActivations");
      return;
    }
    tree.beginLife(tree.incarnation + 1);
    metrics.count("runsResumed");
  }

  /** Whether something has come since it was asked or said last. */
  #came(id: string, hasMail?: boolean): boolean {
    const coming = this.#coming.get(id);
    if (coming && hasMail !== undefined) coming.hasMail = hasMail;
    return coming?.hasMail === true;
  }

  /** Inbox rows of a run and its children. */
  async #mail(row: StoredRun): Promise<readonly Row[]> {
    const prefix = keys.inboxOfRun(row.parent, row.id);
    const mail: Row[] = [];
    const range = prefixRange(prefix, MAIL_ROWS);
    for (let from = range.from; ; ) {
      const rows = await this.#engine.committer.range({ ...range, from });
      // Another run's id may begin like this one's.
      mail.push(...rows.filter(({ key }) => ":/.".includes(key.charAt(prefix.length))));
      const last = rows.at(-1);
      if (last === undefined || rows.length < MAIL_ROWS) return mail;
      from = `${last.key}!`;
    }
  }
}
