// An edition of a collection is pinned to the weights of the embedder that first gave it a vector. The
// head says to which; nothing is written or compared with another's.

import { RuntimeError } from "../../runtime/errors.ts";
import type { Bulk } from "../../runtime/store/bulk.ts";
import { keys } from "../../runtime/store/keys.ts";
import { areSameWeights } from "../embed/weights.ts";
import { isRace } from "./remove-rows.ts";
import { type EmbedderName, headOf, type Place, rowBytes } from "./rows.ts";

/** A head that others changed meanwhile is read again this often. */
const TRIES_MAX = 64;

/** What is stored of an embedder, of whoever can do more. */
export function pinOf({ id, dimension, weights }: EmbedderName): EmbedderName {
  return { id, dimension, ...(weights === undefined ? {} : { weights }) };
}

/** Whether vectors of the two may be compared; one whose weights were never told is taken at its name. */
export function isSamePin(one: EmbedderName, other: EmbedderName): boolean {
  if (one.id !== other.id || one.dimension !== other.dimension) return false;
  if (one.weights === undefined || other.weights === undefined) return true;
  return areSameWeights(one.weights, other.weights);
}

/** The pin with the weights, once they are known. */
export function mergedPin(pinned: EmbedderName | null, by: EmbedderName): EmbedderName {
  return pinned === null || (pinned.weights === undefined && isSamePin(pinned, by))
    ? pinOf(by)
    : pinned;
}

/**
 * Writes into an edition's head whose vectors it will hold, before the first of them is written; also
 * for one that is older than weights are told. @throws EMBEDDER_MISMATCH when others were faster.
 */
export async function pinEdition(
  bulk: Bulk,
  { tenant, collection }: Place,
  embedder: EmbedderName,
): Promise<void> {
  // Its id says it all.
  if (embedder.weights === undefined) return;
  const key = keys.collectionHead(tenant, collection);
  for (let tries = 1; ; tries += 1) {
    const expected = await bulk.get(key);
    const head = headOf(expected);
    if (head.isRemoved) return;
    if (head.embedder !== null && !isSamePin(head.embedder, embedder)) throw other(head.embedder);
    if (head.embedder?.weights !== undefined) return;
    const value = rowBytes({ ...head, embedder: pinOf(embedder) });
    try {
      const op =
        expected === undefined
          ? ({ op: "insert", key, value } as const)
          : ({ op: "swap", key, expected, value } as const);
      await bulk.commit([op], "committed");
      return;
    } catch (error) {
      if (!isRace(error) || tries >= TRIES_MAX) throw error;
    }
  }
}

function other({ id, dimension }: EmbedderName): RuntimeError {
  const text =
    `The collection holds vectors of ${id} (${dimension} numbers) with other weights. Vectors of two ` +
    "models are never mixed: embed the collection anew (POST its /reembed), or put the former model back.";
  return new RuntimeError("EMBEDDER_MISMATCH", text, {
    ...{ embedder: id, dimension, changed: "weights" },
  });
}
