// One trigger's watch: looks at its files, waits for what changes to rest, and tells the trigger, which alone knows
// what was told. Nothing that is kept here is missed by who takes over after a crash: it looks at everything again.

import { type TriggerInput, triggerLimits } from "../../../actors/records/trigger.ts";
import type { FileChange, FilesSeen, FilesTold } from "../../../actors/triggers/files.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { watchLimits } from "./limits.ts";
import { Pending } from "./pending.ts";
import { dirtyOf, type Tree } from "./tree.ts";

/** How a watch is. */
export interface WatchStatus {
  /** `told`: the system tells of changes; `polling`: it is looked at again and again. */
  readonly state: "starting" | "told" | "polling" | "unavailable";
  /** Why it is unavailable, or what is left out. */
  readonly problem: string | null;
  readonly files: number;
  readonly folders: number;
  /** Changes that are waited for to be over. */
  readonly pending: number;
}

/** What it works with. */
export interface FileWatchParts {
  readonly watch: string;
  readonly folder: string;
  readonly settings: Pick<TriggerInput, "settle" | "poll">;
  readonly tree: Tree;
  /** Milliseconds by a clock that nobody sets. */
  elapsed(): number;
  tell(seen: FilesSeen): Promise<FilesTold>;
  /** It is to be called at `dueMs` now. */
  changed(): void;
  /** Its settings are others, or there are none. */
  outdated(): void;
}

/** Seconds that a file rests where nothing is said. */
const SETTLE_S = 2;

/** A watch. `step` is called when it is due, once at a time. */
export class FileWatch {
  readonly #parts: FileWatchParts;
  readonly #pending = new Pending();
  readonly #dirty = new Map<string, Set<string>>();
  readonly #settleMs: number;
  #names = 0;
  #isAllDue = true;
  #isBased: boolean | null = null;
  #restUntilMs = 0;
  #notBeforeMs = 0;
  #nextPollMs = 0;
  #dueMs: number | null;
  #isOver = false;
  #state: WatchStatus["state"] = "starting";
  #problem: string | null = null;
  #files = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(parts: FileWatchParts) {
    this.#parts = parts;
    this.#settleMs = (parts.settings.settle ?? SETTLE_S) * 1_000;
    this.#dueMs = parts.elapsed();
  }

  /** When it wants to be called; null: when something happens. */
  get dueMs(): number | null {
    return this.#dueMs;
  }

  status(): WatchStatus {
    const { folders } = this.#parts.tree;
    const { size: pending } = this.#pending;
    return { state: this.#state, problem: this.#problem, files: this.#files, folders, pending };
  }

  /** Resolves when it has looked at everything once, or cannot. */
  async first(): Promise<void> {
    if (this.#state !== "starting" || this.#isOver) return;
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  stop(): void {
    this.#isOver = true;
    this.#dueMs = null;
    this.#parts.tree.stop();
    this.#wake();
  }

  /** Something happened in a folder. */
  hint(dir: string, name: string | null): void {
    if (this.#isOver) return;
    const nowMs = this.#parts.elapsed();
    const path = dir === "" ? (name ?? "") : `${dir}/${name ?? ""}`;
    // What is still being written to is looked at when it has rested.
    if (name !== null && !this.#isAllDue && this.#pending.touch(path, nowMs)) return;
    if (name === null || this.#names >= watchLimits.names) this.#all();
    else if (!this.#isAllDue) {
      const names = this.#dirty.get(dir) ?? new Set();
      if (!names.has(name)) this.#names += 1;
      this.#dirty.set(dir, names.add(name));
    }
    this.#dueAt(nowMs + watchLimits.hintMs);
  }

  /** Everything is to be looked at, though nothing was told. */
  round(): void {
    this.#all();
    this.#dueAt(this.#parts.elapsed());
  }

  async step(): Promise<void> {
    const { elapsed } = this.#parts;
    this.#dueMs = null;
    const beginMs = elapsed();
    try {
      await this.#look();
    } catch (error) {
      if (!this.#isOver) this.#failed(error);
    }
    if (this.#isOver) return;
    const tookMs = elapsed() - beginMs;
    const restMs = Math.min(watchLimits.restMsMax, tookMs * watchLimits.restTimes);
    this.#restUntilMs = elapsed() + restMs;
    this.#plan();
    if (this.#state !== "starting") this.#wake();
  }

  async #look(): Promise<void> {
    const { tree, elapsed } = this.#parts;
    if (this.#isBased === null) this.#isBased = (await this.#tell([])).isBased;
    if (this.#isOver) return;
    const ripe = this.#pending.ripe(elapsed(), this.#settleMs);
    const isPolled = this.#pollMs() !== null && elapsed() >= this.#nextPollMs;
    // What came from elsewhere under another name is seen there as well.
    const isAll = this.#isAllDue || isPolled || (ripe.length > 0 && !tree.isTold);
    const dirty = dirtyOf(ripe);
    for (const [dir, names] of this.#dirty) {
      dirty.set(dir, new Set([...(dirty.get(dir) ?? []), ...names]));
    }
    this.#isAllDue = false;
    this.#dirty.clear();
    this.#names = 0;
    if (!isAll && dirty.size === 0) return;
    const looked = isAll ? null : await tree.lookAt(dirty);
    if (this.#isOver) return;
    if (looked !== null) return await this.#seen(looked);
    await this.#lookAtAll();
    this.#nextPollMs = elapsed() + (this.#pollMs() ?? 0);
  }

  /** How often everything is looked at; null: as the round comes by. */
  #pollMs(): number | null {
    const { poll } = this.#parts.settings;
    if (poll !== undefined) return poll * 1_000;
    return this.#state === "polling" ? watchLimits.pollMs : null;
  }

  async #lookAtAll(): Promise<void> {
    const { tree } = this.#parts;
    let looked: Awaited<ReturnType<Tree["lookAtAll"]>>;
    try {
      looked = await tree.lookAtAll();
    } catch (error) {
      if (this.#isOver) return;
      // What is made there from now on is new.
      const isAbsent = error instanceof RuntimeError && error.code === "NOT_FOUND";
      if (isAbsent && this.#isBased === false) await this.#base([]);
      throw error;
    }
    if (this.#isOver) return;
    this.#files = looked.files;
    this.#state = tree.isTold ? "told" : "polling";
    const {
      unreadable: [one, ...more],
    } = looked;
    const others = more.length === 0 ? "" : ` and ${more.length} more`;
    this.#problem = one === undefined ? null : `What is in ${one}${others} cannot be looked at.`;
    await this.#seen(looked);
  }

  async #seen(looked: Parameters<Pending["see"]>[0]): Promise<void> {
    const { elapsed } = this.#parts;
    if (this.#isBased === false) {
      const all = [...looked.differing].map(([path, difference]) => ({ path, ...difference }));
      return await this.#base(all);
    }
    this.#pending.see(looked, elapsed());
    const settled = this.#pending.settled(elapsed(), this.#settleMs);
    for (let turn = 0, at = 0; at < settled.length; turn += 1) {
      if (turn >= triggerLimits.fileTurnsPerSecond) return this.#restFor(1_000);
      const some = settled.slice(at, at + triggerLimits.filesPerTurn);
      const { done } = await this.#tell(some);
      if (this.#isOver) return;
      for (const { path, was } of some.slice(0, done)) {
        this.#pending.drop(path);
        if (was !== undefined) this.#pending.drop(was);
      }
      at += done;
      // Those that wait have no room for more: what comes of these files until then is one change.
      if (done < some.length) return this.#restFor(watchLimits.againMs);
    }
  }

  /** What is there at the beginning is known, and nothing of it is told. */
  async #base(all: readonly FileChange[]): Promise<void> {
    for (let at = 0; at < all.length; at += triggerLimits.filesPerTurn) {
      await this.#tell(all.slice(at, at + triggerLimits.filesPerTurn));
      if (this.#isOver) return;
    }
    const { isBased } = await this.#tell([], true);
    this.#isBased = isBased;
  }

  async #tell(changes: readonly FileChange[], isFirst = false): Promise<FilesTold> {
    const { watch, folder, tell, outdated } = this.#parts;
    const seen = { type: "files", watch, folder, changes, ...(isFirst && { isFirst }) } as const;
    const told = await tell(seen).catch((cause: unknown) => {
      // What is wrong there is not wrong with the folder.
      throw new Error("The trigger could not be told.", { cause });
    });
    if (told.watch !== watch && !this.#isOver) {
      this.stop();
      outdated();
    }
    return told;
  }

  /** It is looked at again later, all of it: of what was told last nobody knows. */
  #failed(error: unknown): void {
    const isOfFolder = error instanceof RuntimeError;
    const isTooMany = isOfFolder && error.code === "INVALID";
    if (isOfFolder) {
      this.#state = "unavailable";
      this.#problem = error.message;
      this.#pending.clear();
      this.#parts.tree.stop();
    } else this.#problem = "What has changed could not be told, and is told again.";
    this.#all();
    const { absentMs, tooManyMs, againMs } = watchLimits;
    const waitMs = isTooMany ? tooManyMs : isOfFolder ? absentMs : againMs;
    this.#restFor(waitMs);
  }

  #restFor(ms: number): void {
    this.#notBeforeMs = this.#parts.elapsed() + ms;
  }

  #all(): void {
    this.#isAllDue = true;
    this.#dirty.clear();
    this.#names = 0;
  }

  /** When the next look is. */
  #plan(): void {
    const nowMs = this.#parts.elapsed();
    const wishes = [this.#pending.nextMs(this.#settleMs), this.#dueMs];
    if (this.#isAllDue || this.#dirty.size > 0) wishes.push(nowMs + watchLimits.hintMs);
    if (this.#pollMs() !== null) wishes.push(this.#nextPollMs);
    for (const wish of wishes) if (wish !== null) this.#dueAt(wish);
  }

  #dueAt(wishedMs: number): void {
    const atMs = Math.max(wishedMs, this.#restUntilMs, this.#notBeforeMs);
    if (this.#dueMs !== null && this.#dueMs <= atMs) return;
    this.#dueMs = atMs;
    this.#parts.changed();
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
