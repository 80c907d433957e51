// What is said of documents of a job: while they are prepared, and in their reports.

import type { PreparedDocument } from "../../actors/ingestion/port.ts";
import type { DocumentReport } from "../../actors/records/ingestion-job.ts";
import type { ReadDocument } from "./read-source.ts";
import type { Split } from "./split-unit.ts";

/** Whether the same document stands in the unit before. */
export function isThere(read: readonly ReadDocument[], { publication }: ReadDocument): boolean {
  const { documentId, contentHash } = publication;
  const last = read.findLast((one) => one.publication.documentId === documentId);
  return last?.publication.contentHash === contentHash;
}

export function again({ number, publication }: ReadDocument): PreparedDocument {
  const { documentId: id, title } = publication;
  return { number, id, title, status: "unchanged", chunks: 0 };
}

/** A document that was read, and is divided or cannot be. */
export function preparedOf(
  { number, publication, format, warnings }: ReadDocument,
  split: Split,
): PreparedDocument {
  const { documentId: id, title } = publication;
  const outcome =
    "error" in split
      ? ({ status: "failed", chunks: 0, error: split.error } as const)
      : ({ status: "ready", chunks: split.chunks.length } as const);
  const said = warnings.length === 0 ? {} : { warnings };
  const form = format === undefined ? {} : { format };
  return { number, id, title, ...outcome, ...form, ...said };
}

export function reportOf(
  document: PreparedDocument,
  status: DocumentReport["status"],
): DocumentReport {
  const { number, id, title, chunks, format, warnings } = document;
  return {
    ...{ number, id, title, status, chunks },
    ...(format === undefined ? {} : { format }),
    ...(warnings === undefined ? {} : { warnings }),
  };
}

/** One change names each document once: the second of two with one id comes in a change after it. */
export function distinct(
  documents: readonly PreparedDocument[],
): readonly (readonly PreparedDocument[])[] {
  const groups: Map<string, PreparedDocument>[] = [];
  for (const document of documents) {
    let group = groups.find((one) => !one.has(document.id));
    if (group === undefined) {
      group = new Map();
      groups.push(group);
    }
    group.set(document.id, document);
  }
  return groups.map((group) => [...group.values()]);
}
