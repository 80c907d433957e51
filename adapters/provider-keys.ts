// The keys of one provider, for all threads: calls take them in turn, and one that the provider limits
// (429) or does not accept (401, no quota) is left aside until it may be good again. Providers limit by
// model, and may forbid a model to a key (403): such a key rests for that model, and serves the others.

import { RuntimeError } from "../runtime/errors.ts";
import { KEY_CELLS, KEY_MODELS_MAX, keyCells, MODEL_CELLS, modelCells } from "./provider-memory.ts";
import type { SharedCells } from "./shared-cells.ts";

/** Place of the number that says whose turn it is. */
const TURN = 0;

/** A limited key without a wait that was asked for rests so long, doubled each further time. */
const LIMITED_MS = 250;
const LIMITED_MS_MAX = 8_000;
/** Whatever a provider asks for, a key is tried again after this. */
export const KEY_REST_MS_MAX = 600_000;
/** A key that was not accepted is tried again after this. */
const REFUSED_MS = 60_000;

/** Why a key rests. */
export type KeyState = "ready" | "limited" | "refused";

/** What a refusal says of a key, and whether of all its calls or those to the model that was asked. */
export interface KeyFault {
  readonly why: "limited" | "refused";
  readonly of: "key" | "model";
}

/** A key to call with, or when there will be one: never, as far as is known, without `waitMs`. */
export type KeyChoice =
  | { readonly key: number }
  | { readonly key?: undefined; readonly waitMs?: number };

const limited: KeyFault = { why: "limited", of: "model" };
const forbidden: KeyFault = { why: "refused", of: "model" };
const refused: KeyFault = { why: "refused", of: "key" };

/** What the provider says of the key by refusing a call; undefined when it says nothing of it. */
export function keyFaultOf(error: unknown): KeyFault | undefined {
  if (!(error instanceof RuntimeError)) return undefined;
  if (error.code === "PROVIDER_LIMITED") return limited;
  if (error.code !== "PROVIDER_FAILED") return undefined;
  const { status, type } = error.details ?? {};
  if (status === 401 || status === 402 || type === "insufficient_quota") return refused;
  return status === 403 ? forbidden : undefined;
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

  /**
   * The next key in turn that does not rest for this model.
   * @param but a key that is taken only when there is no other.
   */
  take(model: string, but?: number): KeyChoice {
    const { count } = this;
    const first = count === 1 ? 0 : this.#cells.increment(TURN) % count;
    let waitMs = Number.POSITIVE_INFINITY;
    let isLeft = false;
    for (let at = 0; at < count; at += 1) {
      const key = (first + at) % count;
      const rest = this.#restOf(key, model);
      if (rest === undefined) {
        if (key !== but) return { key };
        isLeft = true;
      } else if (rest.why === "limited") waitMs = Math.min(waitMs, rest.ms);
    }
    if (isLeft && but !== undefined) return { key: but };
    return Number.isFinite(waitMs) ? { waitMs } : {};
  }

  /** The provider has taken this key for this model. */
  accepted(key: number, model: string): void {
    // Most keys never rest: their models are not looked through.
    if (this.#cells.get(this.#at(key, keyCells.restsUntilMs)) === 0) return;
    const place = this.#modelAt(key, model);
    if (place !== undefined) this.#cells.set(place + modelCells.again, 0);
  }

  /** Leaves a key aside, for this model or for all. @param askedMs what the provider asked to wait. */
  rest(key: number, model: string, { why, of }: KeyFault, askedMs?: number): void {
    this.#cells.increment(this.#at(key, keyCells.rests));
    const nowMs = this.#nowMs();
    if (of === "key") {
      this.#cells.set(this.#at(key, keyCells.refusedUntilMs), nowMs + REFUSED_MS);
      this.#restsUntil(key, nowMs + REFUSED_MS);
      return;
    }
    const place = this.#modelAt(key, model) ?? this.#claim(key, model);
    const again = this.#cells.increment(place + modelCells.again);
    const growingMs = Math.min(LIMITED_MS * 2 ** again, LIMITED_MS_MAX);
    const limitedMs = Math.min(askedMs || growingMs, KEY_REST_MS_MAX);
    const untilMs = nowMs + Math.ceil(why === "limited" ? limitedMs : REFUSED_MS);
    this.#cells.set(place + modelCells.isRefused, why === "refused" ? 1 : 0);
    this.#cells.set(place + modelCells.untilMs, untilMs);
    this.#restsUntil(key, untilMs);
  }

  /** How a key stands, for people: for all models, or with the longest rest of any of them. */
  look(key: number): {
    readonly state: KeyState;
    readonly restMs: number;
    readonly rests: number;
    /** Models that it rests for. */
    readonly models: number;
  } {
    const nowMs = this.#nowMs();
    const rests = this.#cells.get(this.#at(key, keyCells.rests));
    const models = this.#places(key)
      .map((place) => this.#restAt(place, nowMs))
      .filter((rest) => rest !== undefined);
    const all = this.#refusedMs(key, nowMs);
    if (all > 0) return { state: "refused", restMs: all, rests, models: models.length };
    const longest = models.reduce<Rest | undefined>(
      (one, rest) => (one !== undefined && one.ms >= rest.ms ? one : rest),
      undefined,
    );
    const { why = "ready", ms = 0 } = longest ?? {};
    return { state: why, restMs: ms, rests, models: models.length };
  }

  #restOf(key: number, model: string): Rest | undefined {
    const untilMs = this.#cells.get(this.#at(key, keyCells.restsUntilMs));
    // Most keys never rest: the clock is not read for them.
    if (untilMs === 0) return undefined;
    const nowMs = this.#nowMs();
    if (nowMs >= untilMs) return undefined;
    const refusedMs = this.#refusedMs(key, nowMs);
    if (refusedMs > 0) return { why: "refused", ms: refusedMs };
    const place = this.#modelAt(key, model);
    return place === undefined ? undefined : this.#restAt(place, nowMs);
  }

  #refusedMs(key: number, nowMs: number): number {
    return Math.max(0, this.#cells.get(this.#at(key, keyCells.refusedUntilMs)) - nowMs);
  }

  #restAt(place: number, nowMs: number): Rest | undefined {
    const ms = this.#cells.get(place + modelCells.untilMs) - nowMs;
    if (ms <= 0) return undefined;
    return { why: this.#cells.get(place + modelCells.isRefused) === 1 ? "refused" : "limited", ms };
  }

  #modelAt(key: number, model: string): number | undefined {
    const name = nameOf(model);
    return this.#places(key).find((place) => this.#cells.get(place + modelCells.name) === name);
  }

  /** A place for another model: that of the one whose rest is over, or is so first. */
  #claim(key: number, model: string): number {
    const until = (place: number): number => this.#cells.get(place + modelCells.untilMs);
    const place = this.#places(key).reduce((one, other) =>
      until(other) < until(one) ? other : one,
    );
    this.#cells.set(place + modelCells.untilMs, 0);
    this.#cells.set(place + modelCells.again, 0);
    this.#cells.set(place + modelCells.name, nameOf(model));
    return place;
  }

  #restsUntil(key: number, untilMs: number): void {
    const cell = this.#at(key, keyCells.restsUntilMs);
    for (let known = this.#cells.get(cell); known < untilMs; known = this.#cells.get(cell)) {
      if (this.#cells.exchange(cell, known, untilMs)) return;
    }
  }

  #places(key: number): readonly number[] {
    return MODEL_PLACES.map((place) => this.#at(key, place));
  }

  #at(key: number, cell: number): number {
    return 1 + key * KEY_CELLS + cell;
  }
}

interface Rest {
  readonly why: "limited" | "refused";
  readonly ms: number;
}

const MODEL_PLACES = Array.from(
  { length: KEY_MODELS_MAX },
  (_, at) => keyCells.models + at * MODEL_CELLS,
);

/** A model's name as a number, never 0: FNV-1a over two halves, 52 bits, so that two hardly meet. */
function nameOf(model: string): number {
  let low = 0x811c9dc5;
  let high = 0x050c5d1f;
  for (let at = 0; at < model.length; at += 1) {
    const unit = model.charCodeAt(at);
    low = Math.imul(low ^ unit, 0x01000193);
    high = Math.imul(high ^ (unit + at), 0x01000193);
  }
  return 1 + (low >>> 0) + ((high >>> 0) & 0xfffff) * 2 ** 32;
}
