// The record of an ingestion job: documents on their way into a collection. The job's row in the
// tenant's table is what the API shows; a report for each document is a record of the job's actor.

import type { ErrorData } from "../../runtime/errors.ts";
import type { EmbedderPin } from "./embedder-pin.ts";

/** Table of jobs, id `jb_...`. */
export const ingestionJobsTable = "ingestion-jobs";

/** Limits of one job. */
export const ingestionLimits = {
  documents: 1_000,
  /** Bytes of everything that was sent, 64 MiB. */
  bytes: 64 * 1_024 * 1_024,
  /** Documents and bytes that are published together; one larger document is alone. */
  unitDocuments: 64,
  unitBytes: 256 * 1_024,
  /** Reports of one message. */
  reports: 100,
  /** Child runs of a job, which is how far a run may grow. */
  parts: 90,
  /** Parts that go on at once. */
  partsAtOnce: 4,
  /** Chunks embedded and stored by one step, and steps of a unit that go on at once. */
  pieceChunks: 64,
  piecesAtOnce: 2,
  /** Times that a unit is prepared, and is waited for while index files are made, of 20 s each. */
  preparations: 5,
  waits: 180,
  /** Sixty-four documents that each come to the limits of reading and of dividing, with some waits. */
  prepareMs: 3 * 3_600_000,
  embedMs: 300_000,
  publishMs: 60_000,
  /** Life of a job's run, seven days: a slow provider is waited for. */
  runMs: 7 * 24 * 3_600_000,
} as const;

/** Limits of embedding a collection anew. */
export const reembedLimits = {
  /** Documents and chunks of one step; a longer document is alone. */
  sliceRows: 128,
  sliceChunks: 1_024,
  /** Characters split at a time. */
  splitChars: 512 * 1_024,
  pieceChunks: 64,
  piecesAtOnce: 2,
  /** Steps of a part, and parts, which are child runs one after the other. */
  slices: 250,
  parts: 90,
  /**
   * Rounds that follow what changes meanwhile. From the third that was outrun on, others' changes
   * wait for a moment, longer each time, so that it ends.
   */
  rounds: 150,
  roundsFree: 2,
  holdMs: 2_000,
  holdMsMax: 30_000,
  /** Documents that one round reports: those of a larger change are counted and not listed. */
  roundReports: 1_000,
  /** Between rounds that wait for index files. */
  waitMs: 200,
  waitMsMax: 30_000,
  stepMs: 3_600_000,
} as const;

/** `failed`: it stopped for a reason that is not one document's; it can be resumed. */
export type JobStatus = "running" | "paused" | "completed" | "failed" | "cancelled";

/** What became of one document. */
export interface DocumentReport {
  /** Its place among what was sent, from 0. */
  readonly number: number;
  readonly id: string;
  readonly title: string;
  readonly status: "created" | "updated" | "unchanged" | "failed";
  readonly chunks: number;
  /** How it was read: "markdown", "pdf" ... */
  readonly format?: string;
  readonly warnings?: readonly string[];
  readonly error?: ErrorData;
}

/** What became of one document of a collection that is embedded anew. */
export type ReembedReport = Pick<DocumentReport, "id" | "title" | "status" | "chunks" | "error">;

/**
 * Why a job that runs does not go on: something is tried again, each time later, at most after a minute.
 * After the last attempt the job is `failed` and can be resumed.
 */
export interface JobWaiting extends Pick<ErrorData, "code" | "message"> {
  readonly since: string;
  readonly attempts: number;
  /** It is the run that removes what the job leaves, whatever the job's status is: its id. */
  readonly clearing?: string;
  readonly attempts_max: number;
}

/** A job's row. Times ISO. */
export interface IngestionJob {
  readonly id: string;
  /** Takes documents in, or embeds those of a collection anew. */
  readonly kind: "ingest" | "reembed";
  readonly collection: string;
  /** Of a job that embeds anew: by whom. */
  readonly embedder?: EmbedderPin;
  readonly status: JobStatus;
  readonly documents: {
    readonly total: number;
    /** Of a job that embeds anew, what was embedded so far is `updated`. */
    readonly created: number;
    readonly updated: number;
    readonly unchanged: number;
    readonly failed: number;
  };
  /** Chunks made visible so far. */
  readonly chunks: number;
  readonly bytes: number;
  /** Why it stopped. */
  readonly error: ErrorData | null;
  /** Why it waits; null, or not there, while it goes on. */
  readonly waiting?: JobWaiting | null;
  /** The run under way, or the last one. */
  readonly run_id: string;
  readonly created_at: string;
  readonly updated_at: string;
}

/** What is said of a document that is sent, beside its content. */
export interface SourceHead {
  /** Text as it is, a file to be parsed, or an address to be fetched. */
  readonly kind: "text" | "file" | "url";
  readonly id?: string;
  readonly title?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** Of a file: its name, and its media type as declared. */
  readonly name?: string;
  readonly mediaType?: string;
  readonly url?: string;
}

/** A document as it was sent. Of a `url` the bytes are empty. */
export interface Source extends SourceHead {
  readonly bytes: Uint8Array;
}

/** Documents that have a report. */
export function finished({ documents }: IngestionJob): number {
  const { created, updated, unchanged, failed } = documents;
  return created + updated + unchanged + failed;
}
