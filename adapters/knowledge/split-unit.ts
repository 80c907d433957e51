// The chunks of a unit's documents: all in one go, and one by one where that fails for a reason that lies
// in one of them, so that it alone gets no further.

import type { IngestPlace } from "../../actors/ingestion/port.ts";
import type { Chunk } from "../../actors/knowledge/split.ts";
import type { Compute, Embedder } from "../../actors/ports.ts";
import { ingestionLimits } from "../../actors/records/ingestion-job.ts";
import { type ErrorData, toErrorData } from "../../runtime/errors.ts";
import { limitOf } from "./document-fault.ts";
import { splitAll, splitAndEmbed } from "./embed-chunks.ts";
import type { ReadDocument } from "./read-source.ts";

/** Chunks of a document, or why there are none. */
export type Split = { readonly chunks: readonly Chunk[] } | { readonly error: ErrorData };

/** By what it is done, and for whom. */
export interface Splitting {
  readonly compute: Compute;
  readonly embedder: Embedder;
  readonly place: IngestPlace;
  readonly signal: AbortSignal;
}

/** Whether documents are so small, and their embedder so cheap, that they are embedded as they are split. */
export function areEmbeddedAtOnce(read: readonly ReadDocument[], embedder: Embedder): boolean {
  const bytes = read.reduce((sum, { publication }) => sum + publication.bytes, 0);
  return embedder.embedNow !== undefined && bytes <= ingestionLimits.unitBytes;
}

/** @param isEmbedded whether the chunks come with their vectors. */
export async function splitUnit(
  of: Splitting,
  read: readonly ReadDocument[],
  isEmbedded: boolean,
): Promise<readonly Split[]> {
  if (read.length === 0) return [];
  try {
    const chunks = await split(of, read, isEmbedded);
    return read.map((_, at) => ({ chunks: chunks[at] ?? [] }));
  } catch (error) {
    const fault = limitOf(error, "Dividing the document into passages");
    if (fault === null) throw error;
    if (read.length === 1) return [{ error: toErrorData(fault) }];
  }
  const alone: Split[] = [];
  for (const document of read) alone.push(...(await splitUnit(of, [document], isEmbedded)));
  return alone;
}

async function split(
  { compute, embedder, place: { tenant }, signal }: Splitting,
  read: readonly ReadDocument[],
  isEmbedded: boolean,
): Promise<readonly (readonly Chunk[])[]> {
  const caller = { tenant, signal };
  const texts = read.map(({ text, publication: { title } }) => ({ text, title }));
  if (isEmbedded) return await splitAndEmbed(compute, embedder, texts, caller);
  return await splitAll(
    compute,
    embedder,
    texts.map(({ text }) => text),
    caller,
  );
}
