// Documents into a collection by the steps of an ingestion job, without the job.

import type { Ingest, Reembed } from "../../actors/ingestion/port.ts";
import type { Compute, Embedders } from "../../actors/ports.ts";
import type { DocumentReport, Source } from "../../actors/records/ingestion-job.ts";
import { createIngest } from "../../adapters/knowledge/ingest.ts";
import { createReembed } from "../../adapters/knowledge/reembed.ts";
import { keepSources } from "../../adapters/knowledge/sources.ts";
import { createKnowledgeWriter } from "../../adapters/knowledge/writer.ts";
import { createPoolParser } from "../../adapters/parse/pool-parser.ts";
import { newId } from "../../runtime/id.ts";
import type { Bulk } from "../../runtime/store/bulk.ts";
import type { Reader } from "../../runtime/store/store.ts";
import { inlineCompute } from "./inline-compute.ts";

/** A text with what is said of it. */
export interface Text {
  readonly id?: string;
  readonly title?: string;
  readonly text: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** What it works with. */
export interface TakeInParts {
  readonly bulk: Bulk;
  readonly tables: Reader;
  readonly embedders: Embedders;
  readonly compute?: Compute;
}

/** The port of a job's steps; nothing is fetched. */
export function ingestOver({
  bulk,
  tables,
  embedders,
  compute = inlineCompute,
}: TakeInParts): Ingest {
  return createIngest({
    bulk,
    tables,
    embedders,
    compute,
    writer: createKnowledgeWriter({ bulk, nowMs: Date.now }),
    parser: createPoolParser(compute),
    fetch: () => Promise.reject(new Error("Nothing is fetched here.")),
  });
}

/** The port of the steps that embed a collection anew; there are no index files. */
export function reembedOver({ bulk, embedders, compute = inlineCompute }: TakeInParts): Reembed {
  const writer = createKnowledgeWriter({ bulk, nowMs: Date.now });
  const removeFiles = () => Promise.resolve();
  return createReembed({ bulk, writer, embedders, compute, nowMs: Date.now, removeFiles });
}

/** Takes texts in, as one unit of a job. */
export async function takeIn(
  parts: TakeInParts,
  tenant: string,
  collection: string,
  texts: readonly Text[],
): Promise<readonly DocumentReport[]> {
  const sources = texts.map(
    ({ text, ...said }): Source => ({ ...said, kind: "text", bytes: Buffer.from(text) }),
  );
  return await takeInSources(parts, tenant, collection, sources);
}

/** Takes sources in, as one unit of a job. */
export async function takeInSources(
  parts: TakeInParts,
  tenant: string,
  collection: string,
  sources: readonly Source[],
): Promise<readonly DocumentReport[]> {
  const ingest = ingestOver(parts);
  const place = { tenant, collection, job: newId("jb", Date.now()) };
  const { signal } = new AbortController();
  await keepSources(parts.bulk, place, sources);
  const unit = await ingest.prepare(place, [...sources.keys()], signal);
  const { edition } = unit;
  for (const piece of unit.pieces.keys()) {
    await ingest.embed(place, { unit: 0, piece, edition }, signal);
  }
  return (await ingest.publish(place, unit, new Map())).documents;
}
