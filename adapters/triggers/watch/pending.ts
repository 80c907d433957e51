// Changes that are waited for to be over: a file that is still written to is told of when it has rested. What went
// from one name to another is one change; who writes beside a file and then takes its name has changed it.

import { type FileChange, type FileMark, isSameFile } from "../../../actors/triggers/files.ts";

/** How a path differs from what the trigger knows. */
export interface Difference {
  readonly from: FileMark | null;
  readonly to: FileMark | null;
}

/** What was seen by one look. */
export interface Looked {
  readonly differing: ReadonlyMap<string, Difference>;
  /** Whether it looked at this path. */
  covers(path: string): boolean;
}

interface Candidate extends Difference {
  /** It is as it is since then. */
  readonly sinceMs: number;
  /** The look that saw it last. */
  readonly look: number;
  /** It is known when something happened to it last, though not what. */
  readonly isTouched: boolean;
}

/** Changes of one trigger that are not told yet. */
export class Pending {
  readonly #candidates = new Map<string, Candidate>();
  #look = 0;

  get size(): number {
    return this.#candidates.size;
  }

  /** What a look saw. */
  see({ differing, covers }: Looked, nowMs: number): void {
    this.#look += 1;
    for (const path of [...this.#candidates.keys()]) {
      if (covers(path) && !differing.has(path)) this.#candidates.delete(path);
    }
    for (const [path, { from, to }] of differing) {
      const before = this.#candidates.get(path);
      const isSame = before !== undefined && (before.isTouched || isSameFile(before.to, to));
      const sinceMs = isSame ? before.sinceMs : nowMs;
      this.#candidates.set(path, { from, to, sinceMs, look: this.#look, isTouched: false });
    }
  }

  /** Something happened to it again. @returns whether it is waited for. */
  touch(path: string, nowMs: number): boolean {
    const candidate = this.#candidates.get(path);
    if (candidate === undefined) return false;
    this.#candidates.set(path, { ...candidate, sinceMs: nowMs, isTouched: true });
    return true;
  }

  /** It is told. */
  drop(path: string): void {
    this.#candidates.delete(path);
  }

  clear(): void {
    this.#candidates.clear();
  }

  /** Paths that must be looked at then: who rested until then may be told. */
  ripe(nowMs: number, settleMs: number): string[] {
    return [...this.#candidates].flatMap(([path, { sinceMs }]) =>
      nowMs - sinceMs >= settleMs ? path : [],
    );
  }

  /** When the next one has rested; null: none is waited for. */
  nextMs(settleMs: number): number | null {
    let next: number | null = null;
    for (const { sinceMs } of this.#candidates.values()) {
      if (next === null || sinceMs + settleMs < next) next = sinceMs + settleMs;
    }
    return next;
  }

  /** What has rested and was seen so by the last look, in the order of paths. */
  settled(nowMs: number, settleMs: number): readonly FileChange[] {
    const isRipe = ({ sinceMs, look }: Candidate): boolean =>
      look === this.#look && nowMs - sinceMs >= settleMs;
    const gone = new Map<string, [string, Candidate]>();
    for (const [path, one] of this.#candidates) {
      if (one.from !== null && one.to === null) gone.set(one.from.ino, [path, one]);
    }
    const paired = new Set<string>();
    const changes: FileChange[] = [];
    for (const [path, one] of this.#candidates) {
      const { from, to } = one;
      const [was, before] = (from === null && to !== null ? gone.get(to.ino) : null) ?? [];
      if (was === undefined || before?.from == null || to === null) continue;
      if (!isSameThing(before.from, to)) continue;
      // One of them alone is half of it.
      paired.add(path).add(was);
      gone.delete(to.ino);
      if (isRipe(one) && isRipe(before)) changes.push({ path, was, from: before.from, to });
    }
    for (const [path, one] of this.#candidates) {
      const { from, to } = one;
      if (!paired.has(path) && isRipe(one)) changes.push({ path, from, to });
    }
    return changes.sort((a, b) => (a.path < b.path ? -1 : 1));
  }
}

/** Whether a file with the same number is the same one: numbers of files that are gone are given again. */
function isSameThing(one: FileMark, other: FileMark): boolean {
  if (one.size === other.size && one.mtime === other.mtime) return true;
  return one.born === other.born && one.born !== "0";
}
