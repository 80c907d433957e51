// Editions of a collection: all of its documents as one embedder sees them. An edition's rows and
// index files lie under a key of its own, and one row says which edition counts; changing it is a
// commit of one row. A collection that was never embedded anew has one edition, under its own id.

import { RuntimeError } from "../../runtime/errors.ts";
import type { Bulk } from "../../runtime/store/bulk.ts";
import { decode, encode } from "../../runtime/store/codec.ts";
import { keys } from "../../runtime/store/keys.ts";
import type { Reader, StoreOp } from "../../runtime/store/store.ts";
import type { EmbedderName, Place } from "./rows.ts";

/** Times that a change or a use is begun again because the row was changed meanwhile. */
const TRIES_MAX = 16;
/** Stands between a collection's id and what tells its editions apart; no id has it. */
const SEPARATOR = ".";

/** Which editions a collection has. */
export interface Editions {
  /** Key of the one that counts: what `Place.collection` is where rows and files are meant. */
  readonly current: string;
  /** Whose vectors it holds; null: of the embedder that the collection was made with. */
  readonly embedder: EmbedderName | null;
  /** The job that made it. */
  readonly job: string | null;
  /** The one that is being built. */
  readonly next: EditionUnderWay | null;
  /** Keys of those whose rows and files are being removed. */
  readonly old: readonly string[];
}

/** An edition that a job builds. */
export interface EditionUnderWay {
  readonly key: string;
  readonly embedder: EmbedderName;
  readonly job: string;
  /** Generation of the edition that counted when this one was begun: what changed after it is followed. */
  readonly since: number;
}

/** The row with its bytes, which are the condition of a change. */
export interface StoredEditions {
  readonly editions: Editions;
  readonly bytes: Uint8Array | undefined;
}

/** Key of the edition that a job builds. */
export function editionKey(collection: string, job: string): string {
  return `${collection}${SEPARATOR}${job.replace(/^jb_/, "")}`;
}

/** Whether two keys are editions of one collection. */
export function areEditionsOfOne(one: string, other: string): boolean {
  return collectionOf(one) === collectionOf(other);
}

/** The collection that a key is an edition of. */
export function collectionOf(key: string): string {
  const at = key.indexOf(SEPARATOR);
  return at === -1 ? key : key.slice(0, at);
}

/** @param place of the collection, by its id. */
export async function readEditions(
  reader: Reader,
  { tenant, collection }: Place,
): Promise<StoredEditions> {
  const bytes = await reader.get(keys.editions(tenant, collection));
  if (bytes !== undefined) return { editions: decode(bytes) as Editions, bytes };
  const only: Editions = { current: collection, embedder: null, job: null, next: null, old: [] };
  return { editions: only, bytes };
}

/** The commit's part that replaces the row. */
export function editionsOp(
  { tenant, collection }: Place,
  { bytes: expected }: StoredEditions,
  editions: Editions,
): StoreOp {
  const key = keys.editions(tenant, collection);
  const value = encode(editions);
  return expected === undefined
    ? { op: "insert", key, value }
    : { op: "swap", key, expected, value };
}

/** Where the rows and files of the edition that counts lie. */
export async function currentPlace(reader: Reader, place: Place): Promise<Place> {
  const { editions } = await readEditions(reader, place);
  return { tenant: place.tenant, collection: editions.current };
}

/**
 * Reads of the edition that counts; again when another one counts by the time it ends, so that nobody
 * is answered from rows that were being removed.
 */
export async function readCurrent<T>(
  reader: Reader,
  place: Place,
  read: (edition: Place) => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    const edition = await currentPlace(reader, place);
    try {
      const result = await read(edition);
      if (tries >= TRIES_MAX || (await isCurrent(reader, place, edition))) return result;
    } catch (error) {
      if (tries >= TRIES_MAX || (await isCurrent(reader, place, edition))) throw error;
    }
  }
}

/** Changes the edition that counts; what was refused because another one counts by now, is done there. */
export async function changeCurrent<T>(
  reader: Reader,
  place: Place,
  change: (edition: Place) => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    const edition = await currentPlace(reader, place);
    try {
      return await change(edition);
    } catch (error) {
      if (tries >= TRIES_MAX || (await isCurrent(reader, place, edition))) throw error;
    }
  }
}

/** Whether an edition of a collection counts. */
export async function isCurrent(reader: Reader, place: Place, edition: Place): Promise<boolean> {
  return (await currentPlace(reader, place)).collection === edition.collection;
}

/** Changes the row, unless `change` gives null; again when somebody else was faster. */
export async function changeEditions(
  bulk: Bulk,
  place: Place,
  change: (editions: Editions) => Editions | null,
): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const stored = await readEditions(bulk, place);
    const next = change(stored.editions);
    if (next === null) return;
    try {
      await bulk.commit([editionsOp(place, stored, next)], "flushed");
      return;
    } catch (error) {
      const isRace = error instanceof RuntimeError && error.code === "CONDITION_FAILED";
      if (!isRace || tries >= TRIES_MAX) throw error;
    }
  }
}
