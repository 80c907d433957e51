// Documents as they were sent, kept in the bulk environment until an ingestion job has taken them in.
// They are written before the job is started, so that what was acknowledged is there after a crash.

import type { Source, SourceHead } from "../../actors/records/ingestion-job.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Bulk } from "../../runtime/store/bulk.ts";
import { decode, encode } from "../../runtime/store/codec.ts";
import { keys, prefixRange } from "../../runtime/store/keys.ts";
import type { Reader, StoreOp } from "../../runtime/store/store.ts";
import { commitAll } from "./commit-all.ts";

/** Bytes of one row of a source's content, and rows removed by one commit. */
export const sourceLimits = { rowBytes: 512 * 1_024, removeRows: 200 } as const;

/** Whose sources: one ingestion job's. */
export interface SourcePlace {
  readonly tenant: string;
  readonly job: string;
}

interface SourceRow extends SourceHead {
  readonly rows: number;
}

/** Keeps what is sent to a job, numbered from 0: on disk when it resolves. */
export async function keepSources(
  bulk: Bulk,
  place: SourcePlace,
  sources: readonly Source[],
): Promise<void> {
  const ops = function* (): Generator<StoreOp> {
    for (const [number, source] of sources.entries()) yield* sourceOps(place, number, source);
  };
  await commitAll(bulk, ops(), "flushed");
}

function* sourceOps(
  { tenant, job }: SourcePlace,
  number: number,
  { bytes, ...head }: Source,
): Generator<StoreOp> {
  const { rowBytes } = sourceLimits;
  const rows = Math.ceil(bytes.byteLength / rowBytes);
  for (let row = 0; row < rows; row += 1) {
    const value = encode(bytes.slice(row * rowBytes, (row + 1) * rowBytes));
    yield { op: "put", key: keys.jobSourceBytes(tenant, job, number, row), value };
  }
  const value = encode({ ...head, rows } satisfies SourceRow);
  yield { op: "put", key: keys.jobSource(tenant, job, number), value };
}

/** Removes everything that is kept for a job. */
export async function forgetSources(bulk: Bulk, { tenant, job }: SourcePlace): Promise<void> {
  await removeKept(bulk, [keys.jobKept(tenant, job)]);
}

/** A source; undefined when it was taken in and removed. */
export async function readSource(
  reader: Reader,
  { tenant, job }: SourcePlace,
  number: number,
): Promise<Source | undefined> {
  const stored = await reader.get(keys.jobSource(tenant, job, number));
  if (stored === undefined) return undefined;
  const { rows, ...head } = decode(stored) as SourceRow;
  const pieces: Uint8Array[] = [];
  for (let row = 0; row < rows; row += 1) {
    const piece = await reader.get(keys.jobSourceBytes(tenant, job, number, row));
    if (piece === undefined) {
      throw new RuntimeError("INTERNAL", `A part of document ${number} of ${job} is not stored.`);
    }
    pieces.push(decode(piece) as Uint8Array);
  }
  return {
    ...head,
    bytes: pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces),
  };
}

/**
 * Removes what is kept for jobs that nobody knows: their process died between keeping the documents
 * and starting the job. Called before this process keeps any.
 */
export async function sweepSources(
  bulk: Bulk,
  isKnown: (place: SourcePlace) => Promise<boolean>,
): Promise<void> {
  const range = prefixRange(keys.jobsKept, 1);
  for (let from = range.from; ; ) {
    const [first] = await bulk.range({ ...range, from });
    const [, tenant, job] = first?.key.split("/") ?? [];
    if (tenant === undefined || job === undefined) return;
    if (!(await isKnown({ tenant, job }))) await forgetSources(bulk, { tenant, job });
    from = prefixRange(keys.jobKept(tenant, job), 0).to;
  }
}

/** Removes everything below some prefixes, in few commits. */
export async function removeKept(bulk: Bulk, prefixes: readonly string[]): Promise<void> {
  let ops: StoreOp[] = [];
  for (const prefix of prefixes) {
    const range = prefixRange(prefix, sourceLimits.removeRows);
    for (let { from } = range; ; ) {
      const rows = await bulk.range({ ...range, from });
      const last = rows.at(-1);
      if (last === undefined) break;
      for (const { key } of rows) ops.push({ op: "remove", key });
      from = `${last.key}!`;
      if (ops.length < sourceLimits.removeRows) continue;
      await bulk.commit(ops);
      ops = [];
    }
  }
  if (ops.length > 0) await bulk.commit(ops);
}
