// What is known of a run that happened: its row, its log, and the rows and records its function
// reads. A recording finds in it what each step gave, by the step's path and key and never by its
// place, because two steps that ran at once may have ended in either order.

import type { Data, Outcome } from "../actor.ts";
import type { Address } from "../address.ts";
import type { LogEntry } from "../runs/log-entry.ts";
import type { StoredStep } from "../runs/run.ts";
import type { RunRow } from "../system.ts";

/** Everything that is needed to run a run again without the system it ran on. */
export interface RunRecord {
  readonly run: RunRow;
  readonly log: readonly LogEntry[];
  /** Rows of tenant tables that the run reads. */
  readonly rows: readonly { readonly table: string; readonly id: string; readonly value: Data }[];
  /** Records of actors under the run's root that it reads. */
  readonly records: readonly {
    readonly owner: Address;
    readonly key: string;
    readonly value: Data;
  }[];
}

/** A recorded thing and its place in the log. */
export interface Placed<T> {
  readonly position: number;
  readonly value: T;
}

/** One run of a record: the root run or a child. */
export interface RecordedRun {
  readonly id: string;
  /** Keys of the child runs that lead to it, "" for the root run. */
  readonly path: string;
  readonly steps: Map<string, Placed<StoredStep>>;
  readonly events: Map<string, Placed<Data>>;
  readonly children: Map<string, Placed<{ readonly kind: string; readonly input: Data }>>;
  /** Fingerprints of what its asks sent. */
  readonly asks: Map<string, string>;
  end: Placed<Outcome> | null;
}

/** Path of a child run. */
export function childPath(parent: string, key: string): string {
  return parent === "" ? key : `${parent} > ${key}`;
}

/** A record, indexed. */
export class Recording {
  readonly record: RunRecord;
  readonly runs = new Map<string, RecordedRun>();
  /** Places up to which it was done by the run that this one was forked from, and that one's. */
  readonly forks: number[] = [];
  /** Cancels from outside. */
  readonly cancels: Placed<string>[] = [];

  constructor(record: RunRecord) {
    this.record = record;
    const { id, outcome, endedAt } = record.run;
    const byId = new Map([[id, newRun(id, "")]]);
    record.log.forEach((entry, position) => {
      this.#take(byId, entry, position);
    });
    for (const run of byId.values()) this.runs.set(run.path, run);
    const root = byId.get(id);
    if (root && endedAt !== null) {
      const position = root.end?.position ?? record.log.length;
      root.end = { position, value: outcome as Outcome };
    }
  }

  get root(): RecordedRun | undefined {
    return this.runs.get("");
  }

  /** Whether the run was still under way when its record was taken. */
  get isOpen(): boolean {
    return this.record.run.endedAt === null;
  }

  #take(byId: Map<string, RecordedRun>, entry: LogEntry, position: number): void {
    if (entry.type === "child") {
      const { run: child, parent: above, key, kind, input } = entry;
      const parent = byId.get(above);
      if (!parent) return;
      parent.children.set(key, { position, value: { kind, input } });
      byId.set(child, newRun(child, childPath(parent.path, key)));
      return;
    }
    const run = byId.get(entry.run);
    if (!run) return;
    switch (entry.type) {
      case "step":
      case "failed":
        run.steps.set(entry.key, { position, value: entry });
        return;
      case "event":
        run.events.set(entry.key, { position, value: entry.event });
        return;
      case "try":
        if (entry.sent !== undefined) run.asks.set(entry.key, entry.sent);
        return;
      case "cancel":
        if (run.path === "") this.cancels.push({ position, value: entry.reason });
        return;
      case "forked":
        this.forks.push(position);
        return;
      case "end":
        run.end = { position, value: entry.outcome };
        return;
      default:
        return;
    }
  }
}

function newRun(id: string, path: string): RecordedRun {
  return {
    id,
    path,
    steps: new Map(),
    events: new Map(),
    children: new Map(),
    asks: new Map(),
    end: null,
  };
}
