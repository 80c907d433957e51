// How long models take and how many tokens, by operation, provider and model, measured by all threads in one
// memory. Names of models are users' own words: so many have a place, the rest share one.

import type { Llm, LlmResult } from "../../actors/ports.ts";
import type { HistogramData } from "../../runtime/shared/metrics.ts";

/** Models that have figures of their own; those of all others are together, as `_OTHER`. */
export const MODELS_MAX = 63;
const OTHER = "_OTHER";
const SLOTS = MODELS_MAX + 1;
const NAME_BYTES = 160;
/** States of a slot. */
const [FREE, CLAIMED, NAMED] = [0, 1, 2];

// Bounds of the conventions: https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/, in ms.
const DURATION_MS = Array.from({ length: 14 }, (_, power) => 10 * 2 ** power);
const FIRST_MS = [1, 5, 10, 20, 40, 60, 80, 100, 250, 500, 750, 1_000, 2_500, 5_000, 7_500, 10_000];
const TOKENS = Array.from({ length: 14 }, (_, power) => 4 ** power);

const parts = { duration: DURATION_MS, first: FIRST_MS, input: TOKENS, output: TOKENS } as const;
type Part = keyof typeof parts;
const names = Object.keys(parts) as readonly Part[];
/** Counts of each bucket, one without a bound, and the sum. */
const sizeOf = (part: Part): number => parts[part].length + 2;
const CELLS = names.reduce((sum, part) => sum + sizeOf(part), 0);
const STATE_BYTES = SLOTS * Int32Array.BYTES_PER_ELEMENT;
const CELL_BYTES = SLOTS * CELLS * BigInt64Array.BYTES_PER_ELEMENT;

/** What a call was. */
export interface GenAiCall {
  readonly operation: "chat";
  readonly provider: string;
  readonly model: string;
}

/** Figures of one operation, provider and model. Times in ms. */
export interface GenAiSeries extends GenAiCall, Readonly<Record<Part, HistogramData>> {}

/** What one call took; what is not known is left out. */
export type GenAiTaken = Partial<Readonly<Record<Part, number>>>;

/** The figures, on any thread. */
export interface GenAiFigures {
  took(call: GenAiCall, taken: GenAiTaken): void;
  series(): readonly GenAiSeries[];
}

/** The memory that they are in: plain data to hand to other threads. */
export function genAiMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(CELL_BYTES + STATE_BYTES + SLOTS * NAME_BYTES);
}

/** The figures of a memory. */
export function createGenAiFigures(memory: SharedArrayBuffer): GenAiFigures {
  const cells = new BigInt64Array(memory, 0, SLOTS * CELLS);
  const states = new Int32Array(memory, CELL_BYTES, SLOTS);
  const bytes = new Uint8Array(memory, CELL_BYTES + STATE_BYTES);
  const known = new Map<string, number>();
  const nameOf = (slot: number): string => {
    // A decoder takes no shared memory.
    const copy = Uint8Array.from(bytes.subarray(slot * NAME_BYTES, (slot + 1) * NAME_BYTES));
    return new TextDecoder().decode(copy.subarray(0, copy.indexOf(0)));
  };
  const slotOf = (name: string): number => {
    const found = known.get(name);
    if (found !== undefined) return found;
    // Two threads that meet a model at once may each give it a place: those are added up when they are read.
    for (let slot = 0; slot < MODELS_MAX; slot += 1) {
      if (Atomics.compareExchange(states, slot, FREE, CLAIMED) === FREE) {
        bytes.set(new TextEncoder().encode(name).subarray(0, NAME_BYTES - 1), slot * NAME_BYTES);
        Atomics.store(states, slot, NAMED);
      } else if (Atomics.load(states, slot) !== NAMED || nameOf(slot) !== name) continue;
      known.set(name, slot);
      return slot;
    }
    return MODELS_MAX;
  };
  return {
    took: (call, taken) => {
      let at = slotOf(textOf(call)) * CELLS;
      for (const part of names) {
        const value = taken[part];
        if (value !== undefined) observe(cells, at, parts[part], value);
        at += sizeOf(part);
      }
    },
    series: () => {
      const found = new Map<string, GenAiSeries>();
      for (let slot = 0; slot < SLOTS; slot += 1) {
        const isOther = slot === MODELS_MAX;
        if (!isOther && Atomics.load(states, slot) !== NAMED) continue;
        const data = dataOf(cells, slot);
        if (isOther && countOf(data.duration) === 0) continue;
        const name = isOther ? `chat\n${OTHER}\n${OTHER}` : nameOf(slot);
        const before = found.get(name);
        found.set(name, before === undefined ? { ...callOf(name), ...data } : added(before, data));
      }
      return [...found.values()];
    },
  };
}

/** What the cells of a place hold. */
function dataOf(
  cells: BigInt64Array<SharedArrayBuffer>,
  slot: number,
): Record<Part, HistogramData> {
  let at = slot * CELLS;
  const all = names.map((part) => {
    const size = sizeOf(part);
    const found = Array.from({ length: size }, (_, cell) => Number(Atomics.load(cells, at + cell)));
    at += size;
    return [part, { bounds: parts[part], counts: found.slice(0, -1), sum: found.at(-1) ?? 0 }];
  });
  return Object.fromEntries(all) as Record<Part, HistogramData>;
}

/** The port, its calls measured. One that fails is counted by its provider's outcomes alone. */
export function measured(llm: Llm, figures: GenAiFigures): Llm {
  return {
    windowOf: (model) => llm.windowOf(model),
    isBuiltin: (model) => llm.isBuiltin(model),
    takesImages: (model) => llm.takesImages(model),
    complete: async (request, options) => {
      const begunMs = performance.now();
      let firstMs: number | undefined;
      const result = await llm.complete(request, {
        ...options,
        onEvent: (event) => {
          firstMs ??= performance.now();
          options.onEvent?.(event);
        },
      });
      const first = request.stream && firstMs !== undefined ? { first: firstMs - begunMs } : {};
      figures.took(callIn(result), {
        ...takenBy(result),
        ...first,
        duration: performance.now() - begunMs,
      });
      return result;
    },
  };
}

const callIn = ({ provider, model }: LlmResult): GenAiCall => ({
  ...{ operation: "chat", provider, model },
});

const takenBy = ({ usage }: LlmResult): GenAiTaken => ({
  ...{ input: usage.promptTokens, output: usage.completionTokens },
});

const textOf = ({ operation, provider, model }: GenAiCall): string =>
  [operation, provider, model].map((part) => part.replace(/[\n\0]/g, " ").slice(0, 50)).join("\n");

function callOf(name: string): GenAiCall {
  const [, provider = "", model = ""] = name.split("\n");
  return { operation: "chat", provider, model };
}

/** Counted without a lock: threads add to cells of their own value's bucket and to the sum. */
function observe(
  cells: BigInt64Array<SharedArrayBuffer>,
  first: number,
  bounds: readonly number[],
  value: number,
): void {
  const found = bounds.findIndex((bound) => value <= bound);
  Atomics.add(cells, first + (found === -1 ? bounds.length : found), 1n);
  Atomics.add(cells, first + bounds.length + 1, BigInt(Math.max(0, Math.round(value))));
}

const countOf = ({ counts }: HistogramData): number => counts.reduce((sum, one) => sum + one, 0);

function added(one: GenAiSeries, more: Record<Part, HistogramData>): GenAiSeries {
  const sums = names.map((part) => {
    const [left, right] = [one[part], more[part]];
    const counts = left.counts.map((count, at) => count + (right.counts[at] ?? 0));
    return [part, { ...left, counts, sum: left.sum + right.sum }] as const;
  });
  return { ...one, ...Object.fromEntries(sums) };
}
