// Texts of tokens in batches for a model: those of like length together, filled up to one length.

import type { ModelTokenizer } from "./tokenizers.ts";

/** Padding that texts run together may add: tokens computed by tokens there are. */
const PADDED_MAX = 1.5;

/** A text as a model takes it. */
interface WithIds {
  readonly ids: readonly number[];
}

/** By length, cut where padding the shorter ones would cost more than running them apart. */
export function batchesOf<T extends WithIds>(encoded: readonly T[]): T[][] {
  const sorted = [...encoded].sort((a, b) => a.ids.length - b.ids.length);
  const batches: T[][] = [];
  let tokens = 0;
  for (const one of sorted) {
    const last = batches.at(-1);
    const size = one.ids.length;
    const isWasteful = last && (last.length + 1) * size > PADDED_MAX * (tokens + size);
    if (last === undefined || isWasteful) {
      batches.push([one]);
      tokens = size;
    } else {
      last.push(one);
      tokens += size;
    }
  }
  return batches;
}

/** Ids of a batch, the longest last, row by row in one length, and which of them are there. */
export function paddedBatch(
  batch: readonly WithIds[],
  padding: number,
): { length: number; dims: number[]; ids: BigInt64Array; mask: BigInt64Array } {
  const length = batch.at(-1)?.ids.length ?? 0;
  const ids = new BigInt64Array(batch.length * length).fill(BigInt(padding));
  const mask = new BigInt64Array(batch.length * length);
  for (const [row, one] of batch.entries()) {
    for (const [at, id] of one.ids.entries()) {
      ids[row * length + at] = BigInt(id);
      mask[row * length + at] = 1n;
    }
  }
  return { length, dims: [batch.length, length], ids, mask };
}

/** The id that a tokenizer fills up with. */
export function paddingOf(tokenizer: Pick<ModelTokenizer, "idOf">): number {
  const known = ["[PAD]", "<pad>", "<|endoftext|>"].flatMap((one) => tokenizer.idOf(one) ?? []);
  return known[0] ?? 0;
}
