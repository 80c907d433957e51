// All watches of triggers of type `file_change`: one timer for the next that is due, a few looks at once, and one
// round that comes to each of them now and then, whatever the system tells.

import type { ResourceRow } from "../../../actors/records/resource.ts";
import { type TriggerInput, triggerKind } from "../../../actors/records/trigger.ts";
import { type FolderGrant, grantedPlace, grantsOf } from "../../../actors/tools/folders.ts";
import {
  FILES_FROM,
  FILES_TO,
  type FileKnown,
  type FileMark,
  type FilesTold,
  fileKey,
  watchKey,
} from "../../../actors/triggers/files.ts";
import { triggerAddress } from "../../../actors/triggers/state.ts";
import type { Clock, Timer } from "../../../runtime/clock.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { Log } from "../../../runtime/log.ts";
import type { System } from "../../../runtime/system.ts";
import type { TriggerPlace } from "../places.ts";
import type { Eyes } from "./eyes.ts";
import { FileWatch, type WatchStatus } from "./file-watch.ts";
import { type Fits, fitsOf } from "./fits.ts";
import { Flood } from "./flood.ts";
import { watchLimits } from "./limits.ts";
import { type Known, Tree } from "./tree.ts";

/** What they work with. */
export interface WatchesParts {
  readonly system: Pick<System, "ask" | "records"> & {
    readonly tables: Pick<System["tables"], "get">;
  };
  readonly grants: readonly FolderGrant[];
  readonly eyes: Eyes;
  readonly clock: Pick<Clock, "elapsed" | "after">;
  readonly log: Log;
}

/** All of them. */
export interface Watches {
  /** A record was made, changed or removed. Resolves when what is in its folder is known, or cannot be for now. */
  changed(place: TriggerPlace, record: TriggerInput | undefined): Promise<void>;
  /** The server has started: it is watched on. */
  begin(place: TriggerPlace): Promise<void>;
  /** Null: it watches nothing. */
  status(place: TriggerPlace): WatchStatus | null;
  stop(): void;
}

interface Watched {
  readonly place: TriggerPlace;
  readonly watch: FileWatch | null;
  /** Why there is none. */
  readonly problem: string | null;
  isAtWork: boolean;
}

const nameOf = ({ tenant, trigger }: TriggerPlace): string => `${tenant}.${trigger}`;

/** Makes them. */
export function createWatches(parts: WatchesParts): Watches {
  return new AllWatches(parts);
}

class AllWatches implements Watches {
  readonly #parts: WatchesParts;
  readonly #all = new Map<string, Watched>();
  /** Those that are due some time, beside the round. */
  readonly #due = new Set<Watched>();
  #atWork = 0;
  #timer: Timer | null = null;
  #timerMs = Number.POSITIVE_INFINITY;
  #round: Iterator<Watched> | null = null;
  #roundMs: number | null = null;
  #isStopped = false;
  readonly #flood: Flood;

  constructor(parts: WatchesParts) {
    this.#parts = parts;
    this.#flood = new Flood(parts.clock, () => {
      for (const { watch } of this.#all.values()) watch?.round();
    });
  }

  async changed(place: TriggerPlace, record: TriggerInput | undefined): Promise<void> {
    const watched = await this.#set(place, record);
    if (watched?.watch == null) return;
    const { clock } = this.#parts;
    const { promise, resolve } = withResolvers();
    const late = clock.after(watchLimits.firstMs, resolve);
    await Promise.race([watched.watch.first(), promise]);
    late.cancel();
  }

  async begin(place: TriggerPlace): Promise<void> {
    if (!this.#all.has(nameOf(place))) await this.#set(place, await this.#record(place));
  }

  status(place: TriggerPlace): WatchStatus | null {
    const watched = this.#all.get(nameOf(place));
    if (watched === undefined) return null;
    const none = { state: "unavailable", files: 0, folders: 0, pending: 0 } as const;
    return watched.watch?.status() ?? { ...none, problem: watched.problem };
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#flood.stop();
    for (const { watch } of this.#all.values()) watch?.stop();
    this.#all.clear();
    this.#due.clear();
  }

  async #record({ tenant, trigger }: TriggerPlace): Promise<TriggerInput | undefined> {
    const row = await this.#parts.system.tables.get(tenant, triggerKind.path, trigger);
    return (row?.value as ResourceRow<TriggerInput> | undefined)?.record;
  }

  async #set(place: TriggerPlace, record: TriggerInput | undefined): Promise<Watched | null> {
    const fits = record?.type === "file_change" ? await fitsOf(record.globs) : null;
    const name = nameOf(place);
    const before = this.#all.get(name);
    before?.watch?.stop();
    if (before !== undefined) this.#due.delete(before);
    this.#all.delete(name);
    if (this.#isStopped || record === undefined || fits === null) return null;
    const watched = this.#watched(place, record, fits);
    this.#all.set(name, watched);
    this.#look(watched);
    return watched;
  }

  #watched(place: TriggerPlace, record: TriggerInput, fits: Fits): Watched {
    try {
      const watch = this.#watch(place, record, fits);
      return { place, problem: null, isAtWork: false, watch };
    } catch (error) {
      // What the operator granted is other than it was: it is read at a start.
      if (!(error instanceof RuntimeError)) throw error;
      return { place, watch: null, problem: error.message, isAtWork: false };
    }
  }

  #watch(place: TriggerPlace, record: TriggerInput, fits: Fits): FileWatch {
    const { system, grants, eyes, clock } = this.#parts;
    const { path = "", recursive: isRecursive = true } = record;
    const { grant, parts } = grantedPlace(path, grantsOf(grants, place.tenant));
    const folder = [grant.name, ...parts].join("/");
    const address = triggerAddress(place.tenant, place.trigger);
    const tree = new Tree({
      ...{ eyes, isRecursive, ...fits, root: { path: grant.path, parts, shown: folder } },
      known: knownOf(system, place),
      hint: (dir, name) => {
        this.#flood.count();
        watch.hint(dir, name);
      },
    });
    const isMine = (): boolean => this.#all.get(nameOf(place))?.watch === watch;
    const watch = new FileWatch({
      ...{ folder, tree, settings: record, watch: watchKey(record) ?? "" },
      elapsed: () => clock.elapsed(),
      tell: async (seen) => (await system.ask(address, seen)) as FilesTold,
      changed: () => {
        const watched = this.#all.get(nameOf(place));
        if (watched?.watch === watch) this.#look(watched);
      },
      outdated: () => {
        if (isMine()) this.#reread(place);
      },
    });
    return watch;
  }

  /** The trigger has other settings than its watch, or none. */
  #reread(place: TriggerPlace): void {
    this.#record(place)
      .then((record) => this.#set(place, record))
      .catch((err: unknown) => {
        this.#parts.log.write("error", "A trigger's files are not watched.", { ...place, err });
      });
  }

  /** A watch has another time at which it is due. */
  #look(watched: Watched): void {
    const dueMs = watched.watch?.dueMs ?? null;
    if (dueMs === null) this.#due.delete(watched);
    else this.#due.add(watched);
    if (dueMs !== null && dueMs < this.#timerMs && this.#atWork < watchLimits.lanes) this.#arm();
    if (this.#roundMs === null) this.#arm();
  }

  #arm(): void {
    if (this.#isStopped) return;
    this.#timer?.cancel();
    this.#timer = null;
    const { clock } = this.#parts;
    const size = this.#all.size;
    this.#roundMs =
      size === 0 ? null : (this.#roundMs ?? clock.elapsed() + watchLimits.roundMs / size);
    let nextMs = this.#roundMs ?? Number.POSITIVE_INFINITY;
    if (this.#atWork < watchLimits.lanes) {
      const nowMs = clock.elapsed();
      for (const { watch, isAtWork } of this.#due) {
        if (!isAtWork) nextMs = Math.min(nextMs, watch?.dueMs ?? nextMs);
        if (nextMs <= nowMs) break;
      }
    }
    this.#timerMs = nextMs;
    if (nextMs === Number.POSITIVE_INFINITY) return;
    this.#timer = clock.after(Math.max(0, nextMs - clock.elapsed()), () => this.#fire());
  }

  #fire(): void {
    const nowMs = this.#parts.clock.elapsed();
    this.#timer = null;
    this.#timerMs = Number.POSITIVE_INFINITY;
    if (this.#roundMs !== null && this.#roundMs <= nowMs) {
      this.#roundMs = null;
      this.#next()?.watch?.round();
    }
    for (const watched of this.#due) {
      if (this.#atWork >= watchLimits.lanes) break;
      const dueMs = watched.watch?.dueMs ?? null;
      if (dueMs === null || dueMs > nowMs || watched.isAtWork) continue;
      // To the end of those that are due: each has its turn.
      this.#due.delete(watched);
      this.#work(watched).catch(() => undefined);
    }
    this.#arm();
  }

  /** The next one of the round. */
  #next(): Watched | undefined {
    const found = this.#round?.next();
    if (found !== undefined && !found.done) return found.value;
    this.#round = this.#all.values();
    return this.#round.next().value;
  }

  async #work(watched: Watched): Promise<void> {
    watched.isAtWork = true;
    this.#atWork += 1;
    try {
      await watched.watch?.step();
    } finally {
      watched.isAtWork = false;
      this.#atWork -= 1;
      if (this.#all.get(nameOf(watched.place)) === watched) this.#look(watched);
      this.#arm();
    }
  }
}

/** What a trigger knows of its files. */
function knownOf(system: Pick<System, "records">, { tenant, trigger }: TriggerPlace): Known {
  const address = triggerAddress(tenant, trigger);
  return {
    all: async () => {
      const known = new Map<string, FileMark>();
      const { page: limit } = watchLimits;
      for (let from = FILES_FROM; ; ) {
        const rows = await system.records(address, { from, to: FILES_TO, limit });
        for (const { value } of rows) add(known, value);
        const last = rows.at(-1);
        if (last === undefined || rows.length < limit) return known;
        from = `${last.key}.`;
      }
    },
    some: async (paths) => {
      const known = new Map<string, FileMark>();
      for (const path of paths) {
        const from = fileKey(path);
        const [row] = await system.records(address, { from, to: `${from}.`, limit: 1 });
        if (row !== undefined) add(known, row.value);
      }
      return known;
    },
  };
}

function add(known: Map<string, FileMark>, value: unknown): void {
  const { path, mark } = value as FileKnown;
  known.set(path, mark);
}

function withResolvers(): { readonly promise: Promise<void>; resolve(): void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
