// Keys proven lately, so that they cost no hash a request, and when each was last used. A key is found
// by its beginning, which is no secret, and then compared as a whole in a time that does not tell how
// much was right.

import type { ApiKey } from "../../actors/records/api-key.ts";
import { isSameText, prefixOf } from "./key-secret.ts";

/** Keys remembered at once, and for how long, ms: a revocation elsewhere is seen after that. */
export const KEY_CACHE_MAX = 10_000;
export const KEY_CACHE_MS = 5_000;
/** A key's last use is written at most once in this time, ms; what was not written dies with the process. */
export const USE_NOTED_MS = 60_000;

interface Proven {
  readonly presented: string;
  readonly record: ApiKey;
  readonly untilMs: number;
}

/** The keys that one process has proven. */
export class KeyCache {
  readonly #proven = new Map<string, Proven>();
  readonly #notedMs = new Map<string, number>();
  #changes = 0;

  /** How often keys have changed: what was read before a change must not be kept after it. */
  get changes(): number {
    return this.#changes;
  }

  find(presented: string, nowMs: number): ApiKey | null {
    const part = prefixOf(presented);
    const entry = this.#proven.get(part);
    if (entry === undefined || !isSameText(presented, entry.presented)) return null;
    if (entry.untilMs > nowMs) return entry.record;
    this.#proven.delete(part);
    return null;
  }

  /** @param untilMs when it ends, if that is sooner than it would be forgotten. */
  keep(presented: string, record: ApiKey, { nowMs, untilMs }: { nowMs: number; untilMs: number }) {
    if (this.#proven.size >= KEY_CACHE_MAX) this.#proven.clear();
    const until = Math.min(untilMs, nowMs + KEY_CACHE_MS);
    this.#proven.set(prefixOf(presented), { presented, record, untilMs: until });
  }

  /** Forgets what was proven of a key that changes. */
  forget(id: string): void {
    this.#changes += 1;
    for (const [part, { record }] of this.#proven) {
      if (record.id === id) this.#proven.delete(part);
    }
  }

  /** Whether its use is to be written now. */
  isUseDue(id: string, nowMs: number): boolean {
    const noted = this.#notedMs.get(id);
    if (noted !== undefined && nowMs - noted < USE_NOTED_MS) return false;
    if (this.#notedMs.size >= KEY_CACHE_MAX) this.#notedMs.clear();
    this.#notedMs.set(id, nowMs);
    return true;
  }
}
