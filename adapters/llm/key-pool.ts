// The keys of one provider, for all threads: calls take them in turn, and one that the provider limits
// (429) or does not accept (401, no quota) is left aside until it may be good again.

import { RuntimeError } from "../../runtime/errors.ts";
import { KEY_CELLS, keyCells } from "./provider-memory.ts";
import type { SharedCells } from "./shared-cells.ts";

/** Place of the number that says whose turn it is. */
const TURN = 0;

/** A limited key without a `Retry-After` rests so long, doubled each further time. */
const LIMITED_MS = 250;
const LIMITED_MS_MAX = 8_000;
/** Whatever a provider asks for, a key is tried again after this. */
const REST_MS_MAX = 600_000;
/** A key that was not accepted is tried again after this. */
const REFUSED_MS = 60_000;

/** Why a key rests. */
export type KeyState = "ready" | "limited" | "refused";

/** A key to call with, or when there will be one: never, as far as is known, without `waitMs`. */
export type KeyChoice =
  | { readonly key: number }
  | { readonly key?: undefined; readonly waitMs?: number };

/** What the provider says of the key by refusing a call; undefined when it says nothing of it. */
export function keyFaultOf(error: unknown): "limited" | "refused" | undefined {
  if (!(error instanceof RuntimeError)) return undefined;
  if (error.code === "PROVIDER_LIMITED") return "limited";
  const { status, type } = error.details ?? {};
  return status === 401 || type === "insufficient_quota" ? "refused" : undefined;
}

/** The keys of one provider, on one thread of several. */
export class KeyPool {
  readonly #cells: SharedCells;
  readonly #nowMs: () => number;
  /** At least one. */
  readonly count: number;

  constructor(cells: SharedCells, count: number, nowMs: () => number) {
    this.#cells = cells;
    this.count = count;
    this.#nowMs = nowMs;
  }

  /** The next key in turn that does not rest. */
  take(): KeyChoice {
    const { count } = this;
    const first = count === 1 ? 0 : this.#cells.increment(TURN) % count;
    let waitMs = Number.POSITIVE_INFINITY;
    for (let at = 0; at < count; at += 1) {
      const key = (first + at) % count;
      const restMs = this.#restOf(key);
      if (restMs === undefined) return { key };
      if (restMs.why === "limited") waitMs = Math.min(waitMs, restMs.ms);
    }
    return Number.isFinite(waitMs) ? { waitMs } : {};
  }

  /** The provider has taken this key. */
  accepted(key: number): void {
    const again = this.#at(key, keyCells.again);
    if (this.#cells.get(again) !== 0) this.#cells.set(again, 0);
  }

  /** Leaves a key aside. @param askedMs what the provider asked to wait. */
  rest(key: number, why: "limited" | "refused", askedMs: number | undefined): void {
    const again = this.#cells.increment(this.#at(key, keyCells.again));
    const growingMs = Math.min(LIMITED_MS * 2 ** again, LIMITED_MS_MAX);
    const limitedMs = Math.min(askedMs || growingMs, REST_MS_MAX);
    const untilMs = this.#nowMs() + Math.ceil(why === "limited" ? limitedMs : REFUSED_MS);
    const cell = why === "limited" ? keyCells.limitedUntilMs : keyCells.refusedUntilMs;
    this.#cells.set(this.#at(key, cell), untilMs);
    this.#cells.increment(this.#at(key, keyCells.rests));
  }

  /** How a key stands, for people. */
  look(key: number): {
    readonly state: KeyState;
    readonly restMs: number;
    readonly rests: number;
  } {
    const rest = this.#restOf(key);
    const rests = this.#cells.get(this.#at(key, keyCells.rests));
    return { state: rest?.why ?? "ready", restMs: rest?.ms ?? 0, rests };
  }

  #restOf(key: number): { readonly why: "limited" | "refused"; readonly ms: number } | undefined {
    const refusedMs = this.#cells.get(this.#at(key, keyCells.refusedUntilMs));
    const limitedMs = this.#cells.get(this.#at(key, keyCells.limitedUntilMs));
    // Most keys never rest: the clock is not read for them.
    if (refusedMs === 0 && limitedMs === 0) return undefined;
    const nowMs = this.#nowMs();
    if (nowMs < refusedMs) return { why: "refused", ms: refusedMs - nowMs };
    return nowMs < limitedMs ? { why: "limited", ms: limitedMs - nowMs } : undefined;
  }

  #at(key: number, cell: number): number {
    return 1 + key * KEY_CELLS + cell;
  }
}
