// What ingestion jobs need from outside: taking documents in, and embedding a collection anew. Both are
// made of calls that may come again after a crash.

import type { ErrorData } from "../../runtime/errors.ts";
import type { DocumentReport, ReembedReport } from "../records/ingestion-job.ts";

/** An ingestion job and the collection its documents go to. */
export interface IngestPlace {
  readonly tenant: string;
  readonly collection: string;
  readonly job: string;
  /** Key that asked, for its budgets; absent: none. */
  readonly keyId?: string | undefined;
}

/** Documents that were read and split, and are published together. */
export interface PreparedUnit {
  /** Where they are written: the edition of the collection that counted then. */
  readonly edition: string;
  readonly documents: readonly PreparedDocument[];
  /** What is embedded at a time: how many chunks, and of which documents. */
  readonly pieces: readonly { readonly chunks: number; readonly documents: readonly number[] }[];
}

/** A document of a unit. `published`: by this job, before it was cut. */
export interface PreparedDocument {
  readonly number: number;
  readonly id: string;
  readonly title: string;
  readonly status: "ready" | "unchanged" | "published" | "failed";
  readonly chunks: number;
  readonly format?: string;
  readonly warnings?: readonly string[];
  readonly error?: ErrorData;
}

/** A document of a piece that cannot be embedded: its place in the piece's `documents`, and why. */
export interface RefusedPart {
  readonly at: number;
  readonly error: ErrorData;
}

/** One piece of a unit. */
export interface PieceToEmbed {
  readonly unit: number;
  readonly piece: number;
  readonly edition: string;
}

/**
 * What became of a unit. `waiting`: the index files are too far behind for all of it, it is published
 * again; `moved`: another edition counts by now, it is prepared again.
 */
export interface PublishedUnit {
  readonly outcome: "visible" | "waiting" | "moved";
  /** Of a unit that is visible. */
  readonly documents: readonly DocumentReport[];
  /** The edition whose index files are due to be made anew. */
  readonly grown: string | null;
}

/**
 * What an ingestion job does outside of itself. Each call may come again after a crash, with the same
 * result. @throws RuntimeError: what is not one document's fault.
 */
export interface Ingest {
  /** Reads, parses and splits documents of a job by their numbers, and keeps the chunks. */
  prepare(
    place: IngestPlace,
    numbers: readonly number[],
    signal: AbortSignal,
  ): Promise<PreparedUnit>;
  /**
   * Embeds the chunks of one piece and stores them, seen by nobody yet. Gives the documents whose chunks
   * are refused for good; those of the others are stored.
   */
  embed(
    place: IngestPlace,
    piece: PieceToEmbed,
    signal: AbortSignal,
  ): Promise<readonly RefusedPart[]>;
  /** Makes documents visible, but not `without`, whose chunks could not be embedded, by number. */
  publish(
    place: IngestPlace,
    unit: PreparedUnit,
    without: ReadonlyMap<number, ErrorData>,
  ): Promise<PublishedUnit>;
  /** Documents that a job made visible, of those that were prepared. */
  visible(place: IngestPlace): Promise<readonly DocumentReport[]>;
  /** Removes what is left of a job's documents; what is visible stays. */
  clear(place: IngestPlace): Promise<void>;
}

/**
 * A report on a document that is embedded anew. Its key comes from the document and not from a number,
 * because documents come and go meanwhile.
 */
export interface KeyedReport {
  readonly key: string;
  readonly report: ReembedReport;
}

/** `details.document` of the error that an embedder refuses a document with. */
export interface RefusedDocument {
  readonly key: string;
  readonly id: string;
  readonly title: string;
}

/** Documents that one step has embedded anew. */
export interface BuiltDocuments {
  /** Where the next step begins; null: at the first document. */
  readonly after: string | null;
  readonly isLast: boolean;
  readonly documents: number;
  readonly chunks: number;
  readonly reports: readonly KeyedReport[];
  /** The edition whose index files are due to be made anew. */
  readonly grown: string | null;
}

/** What following the changes came to. */
export interface CaughtUp {
  /** Changes of the collection that have been followed. */
  readonly since: number;
  /** The edition that was built counts; then with its documents and chunks. */
  readonly isCurrent: boolean;
  readonly documents: number;
  readonly chunks: number;
  /** Of what this call has followed: at most `reembedLimits.roundReports`. */
  readonly reports: readonly KeyedReport[];
  /** Keys of the reports on documents that were removed, as many at most. */
  readonly removed: readonly string[];
  readonly grown: string | null;
}

/**
 * Embeds a collection anew, beside the edition that counts. Each call may come again after a crash;
 * what is done already is not done twice. @throws NOT_FOUND when the collection was removed or the job
 * was cancelled, and what is not one document's fault.
 */
export interface Reembed {
  /** The collection's generation: what changes after it is followed later. */
  begin(place: IngestPlace): Promise<{ readonly generation: number; readonly isCurrent: boolean }>;
  /** Embeds some documents, in order of key, after `after`. */
  build(place: IngestPlace, after: string | null, signal: AbortSignal): Promise<BuiltDocuments>;
  /**
   * Does what changed after the generation `since`, then makes the edition the one that counts, unless
   * more has changed. @param of `holdMs`: others' changes wait that long.
   */
  catchUp(
    place: IngestPlace,
    of: { readonly since: number; readonly holdMs: number },
    signal: AbortSignal,
  ): Promise<CaughtUp>;
  /** Removes what does not count: the edition before, or the one that was being built. */
  clear(place: IngestPlace): Promise<{ readonly isCurrent: boolean }>;
}
