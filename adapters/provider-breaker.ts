// The breaker of one provider, for all threads: after calls have failed in a row nobody asks it for a
// while, then one call at a time tries it. Failures in a row are counted, not a share of them, as in
// Envoy's outlier detection: a provider that still answers now and then is better asked again by the call's
// own attempts, or left for the next model of the agent. https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/outlier

import { breakerCells } from "./provider-memory.ts";
import type { SharedCells } from "./shared-cells.ts";

/** The pause is doubled so many times at most. */
const DOUBLINGS_MAX = 3;

/** Where a breaker stands. */
export type BreakerState = "closed" | "open" | "half-open";

/** What it is told. */
export interface BreakerOptions {
  /** Calls that fail in a row; 0: it never opens. */
  readonly failuresMax: number;
  /** How long it stays open. */
  readonly openMs: number;
  /** A call that tries the provider has said what came of it by then, else another may try. */
  readonly probeMs: number;
  /** As `sharedNowMs`. */
  nowMs(): number;
}

/** What a call may do: go, go as the one that tries, or come again after `retryAfterMs`. */
export type Admission =
  | { readonly isProbe: boolean }
  | { readonly isProbe?: undefined; readonly retryAfterMs: number };

const go: Admission = { isProbe: false };
const probe: Admission = { isProbe: true };

/** One breaker, on one thread of several. */
export class Breaker {
  readonly #cells: SharedCells;
  readonly #options: BreakerOptions;

  constructor(cells: SharedCells, options: BreakerOptions) {
    this.#cells = cells;
    this.#options = options;
  }

  /** Whether a call may go out now. */
  enter(): Admission {
    const openUntilMs = this.#cells.get(breakerCells.openUntilMs);
    if (openUntilMs === 0) return go;
    const nowMs = this.#options.nowMs();
    if (nowMs < openUntilMs) return { retryAfterMs: openUntilMs - nowMs };
    const probeUntilMs = this.#cells.get(breakerCells.probeUntilMs);
    if (nowMs < probeUntilMs)
      return { retryAfterMs: Math.min(probeUntilMs - nowMs, this.#options.openMs) };
    const isTaken = !this.#cells.exchange(
      breakerCells.probeUntilMs,
      probeUntilMs,
      nowMs + this.#options.probeMs,
    );
    return isTaken ? { retryAfterMs: this.#options.openMs } : probe;
  }

  /** The provider has answered, with whatever. Whether that closed it. */
  answered(): boolean {
    const cells = this.#cells;
    if (cells.get(breakerCells.failures) !== 0) cells.set(breakerCells.failures, 0);
    const openUntilMs = cells.get(breakerCells.openUntilMs);
    if (openUntilMs === 0) return false;
    cells.set(breakerCells.again, 0);
    cells.set(breakerCells.probeUntilMs, 0);
    return cells.exchange(breakerCells.openUntilMs, openUntilMs, 0);
  }

  /** A call failed. How long it is open by that, in ms; undefined when it did not open now. */
  failed(isProbe: boolean): number | undefined {
    const { failuresMax, openMs, nowMs } = this.#options;
    const cells = this.#cells;
    const failures = cells.increment(breakerCells.failures) + 1;
    const openUntilMs = cells.get(breakerCells.openUntilMs);
    const isDue = openUntilMs === 0 ? failuresMax > 0 && failures >= failuresMax : isProbe;
    if (!isDue) return undefined;
    const again = openUntilMs === 0 ? 0 : cells.increment(breakerCells.again) + 1;
    const ms = openMs * 2 ** Math.min(again, DOUBLINGS_MAX);
    if (!cells.exchange(breakerCells.openUntilMs, openUntilMs, nowMs() + ms)) return undefined;
    cells.set(breakerCells.probeUntilMs, 0);
    cells.increment(breakerCells.openings);
    return ms;
  }

  /** A call that tried the provider was given up by its caller: the next one may try. */
  left(): void {
    this.#cells.set(breakerCells.probeUntilMs, 0);
  }

  /** Where it stands, for people. */
  look(): {
    readonly state: BreakerState;
    readonly failures: number;
    readonly openings: number;
    readonly retryAfterMs: number;
  } {
    const openUntilMs = this.#cells.get(breakerCells.openUntilMs);
    const leftMs = Math.max(0, openUntilMs - this.#options.nowMs());
    const state = openUntilMs === 0 ? "closed" : leftMs > 0 ? "open" : "half-open";
    const failures = this.#cells.get(breakerCells.failures);
    const openings = this.#cells.get(breakerCells.openings);
    return { state, failures, openings, retryAfterMs: openUntilMs === 0 ? 0 : leftMs };
  }
}
