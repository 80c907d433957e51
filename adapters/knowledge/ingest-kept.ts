// What is kept of a document between the steps of a job: what will make it visible, until it is.

import type { IngestPlace, PreparedUnit } from "../../actors/ingestion/port.ts";
import type { Bulk } from "../../runtime/store/bulk.ts";
import { decode } from "../../runtime/store/codec.ts";
import { keys } from "../../runtime/store/keys.ts";
import type { StoreOp } from "../../runtime/store/store.ts";
import { commitAll } from "./commit-all.ts";
import type { Publication, ToldRow } from "./publish.ts";
import { removeKept } from "./sources.ts";

/** What will make a document visible, and where it was written. */
export type KeptDocument = Publication & { readonly edition: string };

/** What publishing a document of a job came to; undefined before. It is known until the job is cleared. */
export async function toldOf(
  bulk: Bulk,
  { tenant, job }: IngestPlace,
  number: number,
): Promise<ToldRow | undefined> {
  const stored = await bulk.get(keys.jobPublished(tenant, job, number));
  return stored === undefined ? undefined : (decode(stored) as ToldRow);
}

/** All that was kept for a unit but the unit's own row: a job that is resumed knows by it what it did. */
export async function forgetUnit(
  bulk: Bulk,
  { tenant, job }: IngestPlace,
  unit: PreparedUnit,
): Promise<void> {
  const numbers = unit.documents.map(({ number }) => number);
  await removeKept(bulk, [
    keys.jobPiecesOf(tenant, job, numbers[0] ?? 0),
    ...numbers.map((number) => keys.jobSourceBytesOf(tenant, job, number)),
  ]);
  const ops = numbers.flatMap((number): StoreOp[] => [
    { op: "remove", key: keys.jobDocument(tenant, job, number) },
    { op: "remove", key: keys.jobSource(tenant, job, number) },
  ]);
  await commitAll(bulk, ops, "committed");
}
