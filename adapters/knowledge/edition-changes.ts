// The life of an edition: begun for a job, made the one that counts, given up, removed. Each change of
// what counts is one commit; rows and files are removed after it, in pieces, and again after a crash.

import { RuntimeError } from "../../runtime/errors.ts";
import type { Bulk } from "../../runtime/store/bulk.ts";
import { keys } from "../../runtime/store/keys.ts";
import type { StoreOp } from "../../runtime/store/store.ts";
import {
  changeEditions,
  type Editions,
  type EditionUnderWay,
  editionKey,
  editionsOp,
  readEditions,
} from "./editions.ts";
import { isRace } from "./remove-rows.ts";
import { type CollectionHead, type EmbedderName, headOf, type Place, rowBytes } from "./rows.ts";
import type { KnowledgeWriter } from "./writer.ts";

/** What removing an edition needs. */
export interface Removal {
  readonly bulk: Bulk;
  readonly writer: KnowledgeWriter;
  /** Removes the index files of an edition. */
  removeFiles(edition: Place): Promise<void>;
}

/** Begins an edition. @throws CONFLICT when another one is being built, NOT_FOUND. */
export async function beginEdition(
  bulk: Bulk,
  place: Place,
  { job, embedder }: { readonly job: string; readonly embedder: EmbedderName },
  isKnown: (job: string) => Promise<boolean>,
): Promise<void> {
  const { id, dimension } = embedder;
  const key = editionKey(place.collection, job);
  const { editions } = await readEditions(bulk, place);
  const head = await bulk.get(keys.collectionHead(place.tenant, editions.current));
  const since = headOf(head).generation;
  const next: EditionUnderWay = { key, embedder: { id, dimension }, job, since };
  const left = editions.next;
  // The same request again.
  if (left?.job === job || editions.job === job) return;
  if (left !== null && (await isKnown(left.job))) {
    throw new RuntimeError("CONFLICT", `The job ${left.job} embeds this collection anew already.`);
  }
  await changeEditions(bulk, place, (now) => {
    // Begun by the same request meanwhile, and may be done by now.
    if (now.next?.job === job || now.job === job) return null;
    if (now.next === null) return { ...now, next };
    // Its process died before its job was started.
    if (now.next.job === left?.job) return { ...now, next, old: [...now.old, left.key] };
    throw new RuntimeError("CONFLICT", "The collection is being embedded anew already.");
  });
}

/**
 * Makes the edition that is being built the one that counts, in one commit, unless the one that counts
 * was changed after `head` was read. Nothing is written to the old one any more.
 */
export async function switchEdition(
  bulk: Bulk,
  place: Place,
  job: string,
  head: { readonly bytes: Uint8Array | undefined },
): Promise<boolean> {
  const stored = await readEditions(bulk, place);
  const { current, next, old } = stored.editions;
  if (next?.job !== job) return false;
  const { tenant } = place;
  const nextKey = keys.collectionHead(tenant, next.key);
  const built = await bulk.get(nextKey);
  const before = headOf(head.bytes);
  if (before.isRemoved) return false;
  const { heldUntil: _, ...sealed } = before;
  const value = rowBytes({
    ...{ ...sealed, generation: before.generation + 1, documents: 0, chunks: 0 },
    isRemoved: true,
  } satisfies CollectionHead);
  const key = keys.collectionHead(tenant, current);
  const after: Editions = {
    ...{ current: next.key, embedder: next.embedder, job },
    ...{ next: null, old: [...old, current] },
  };
  const ops: StoreOp[] = [
    head.bytes === undefined
      ? { op: "insert", key, value }
      : { op: "swap", key, expected: head.bytes, value },
    editionsOp(place, stored, after),
  ];
  if (built !== undefined) ops.push({ op: "swap", key: nextKey, expected: built, value: built });
  try {
    await bulk.commit(ops, "flushed");
    return true;
  } catch (error) {
    if (isRace(error)) return false;
    throw error;
  }
}

/** Gives up what a job was building, if it does not count already, and removes what does not count. */
export async function dropEdition(removal: Removal, place: Place, job: string): Promise<void> {
  await changeEditions(removal.bulk, place, ({ next, old, ...now }) =>
    next?.job === job ? { ...now, next: null, old: [...old, next.key] } : null,
  );
  await removeOld(removal, place);
}

/** Removes rows and files of the editions that do not count any more. */
export async function removeOld(
  { bulk, writer, removeFiles }: Removal,
  place: Place,
): Promise<void> {
  const { tenant } = place;
  const { old } = (await readEditions(bulk, place)).editions;
  for (const collection of old) {
    await writer.removeCollection({ tenant, collection });
    await removeFiles({ tenant, collection });
    await changeEditions(bulk, place, (now) =>
      now.old.includes(collection)
        ? { ...now, old: now.old.filter((one) => one !== collection) }
        : null,
    );
  }
}

/** Removes a collection with all of its editions, also one that comes to count meanwhile. */
export async function removeEditions(removal: Removal, place: Place): Promise<void> {
  const { bulk, writer, removeFiles } = removal;
  const { tenant } = place;
  for (let last: string | undefined; ; ) {
    const { current: collection, next } = (await readEditions(bulk, place)).editions;
    if (last === collection && next === null) break;
    last = collection;
    await writer.removeCollection({ tenant, collection });
    await removeFiles({ tenant, collection });
    if (next !== null) await dropEdition(removal, place, next.job);
  }
  await removeOld(removal, place);
}
