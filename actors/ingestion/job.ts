// An ingestion job: `ingestion:<tenant>/jb_...`. Documents lie in the bulk environment before it is
// told of them; its run takes them in, and what became of each is a record of this actor. A pause
// cancels the run: what was published is reported, what was written is found again by the next run.

import {
  defineActor,
  type ReadRequest,
  type RecordRow,
  type RunEnded,
  type Turn,
} from "../../runtime/actor.ts";
import { addressParts } from "../../runtime/address.ts";
import type { ErrorData } from "../../runtime/errors.ts";
import {
  type DocumentReport,
  finished,
  type IngestionJob,
  ingestionJobsTable,
  ingestionLimits,
  type JobStatus,
} from "../records/ingestion-job.ts";
import type { ClearInput, IngestionInput } from "./run.ts";
import { type Sized, unitsOf } from "./units.ts";

/** What a job is told. */
export type JobMessage =
  | {
      readonly type: "start";
      readonly collection: string;
      /** Size of each document in bytes, in the order in which they were sent. */
      readonly sizes: readonly number[];
    }
  | { readonly type: "report"; readonly documents: readonly DocumentReport[] }
  | { readonly type: "pause" }
  | { readonly type: "resume" }
  | { readonly type: "cancel" };

/** Version 1. Null before it was started. */
export interface JobState {
  readonly job: IngestionJob;
  readonly sizes: readonly number[];
  /** Why the run under way is being cancelled. */
  readonly stopping: "paused" | "cancelled" | null;
}

/** Key of a document's report. */
export function reportKey(number: number): string {
  return `r${String(number).padStart(6, "0")}`;
}

/** Range of all reports. */
export const reportKeys = { from: "r", to: "s" } as const;

/** Kind `ingestion`. */
export const ingestionActor = defineActor<JobState | null, JobMessage | RunEnded>({
  kind: "ingestion",
  version: 1,
  initial: () => null,
  reads(message): Readonly<Record<string, ReadRequest>> {
    const limit = ingestionLimits.documents;
    if (message.type === "resume") return { reports: { type: "records", ...reportKeys, limit } };
    if (message.type !== "report") return {};
    const numbers = message.documents.map(({ number }) => number);
    const from = reportKey(Math.min(...numbers));
    const to = reportKey(Math.max(...numbers) + 1);
    return { reports: { type: "records", from, to, limit } };
  },
  receive(state, message, turn) {
    if (message.type === "start") return start(state, message, turn);
    if (state === null) {
      turn.refuse({ code: "NOT_FOUND", message: "There is no such ingestion job." });
      return state;
    }
    switch (message.type) {
      case "report":
        return report(state, message.documents, turn);
      case "pause":
        return stop(state, "paused", turn);
      case "cancel":
        return stop(state, "cancelled", turn);
      case "resume":
        return resume(state, turn);
      case "run-ended":
        return end(state, message, turn);
    }
  },
});

type Start = Extract<JobMessage, { type: "start" }>;

function start(state: JobState | null, message: Start, turn: Turn): JobState | null {
  if (state !== null) {
    turn.refuse({ code: "CONFLICT", message: "This ingestion job was started before." });
    return state;
  }
  const { collection, sizes } = message;
  const at = new Date(turn.nowMs).toISOString();
  const run = startRun(turn, { collection, units: unitsOf(sized(sizes)) });
  const job: IngestionJob = {
    id: idOf(turn),
    collection,
    status: "running",
    documents: { total: sizes.length, created: 0, updated: 0, unchanged: 0, failed: 0 },
    chunks: 0,
    bytes: sizes.reduce((sum, bytes) => sum + bytes, 0),
    error: null,
    run_id: run,
    created_at: at,
    updated_at: at,
  };
  turn.reply(job, { follow: run });
  return stored({ job, sizes, stopping: null }, turn);
}

/** Counts each document once, whatever is said of it again. */
function report(state: JobState, documents: readonly DocumentReport[], turn: Turn): JobState {
  const counts = { ...state.job.documents };
  let { chunks } = state.job;
  const known = reported(turn);
  for (const document of documents) {
    if (known.has(document.number)) continue;
    turn.put(reportKey(document.number), document);
    counts[document.status] += 1;
    chunks += document.status === "unchanged" ? 0 : document.chunks;
  }
  return changed(state, { documents: counts, chunks }, turn);
}

function stop(state: JobState, stopping: "paused" | "cancelled", turn: Turn): JobState {
  const { status, run_id } = state.job;
  if (status === "running") {
    turn.cancelRun(run_id, stopping);
    const next = { ...state, stopping };
    turn.reply(next.job);
    return next;
  }
  if (stopping === "cancelled" && (status === "paused" || status === "failed")) {
    clear(state, turn);
    return replied(changed(state, { status: "cancelled" }, turn), turn);
  }
  if (status === stopping) return replied(state, turn);
  return refused(state, `It is ${status}.`, turn);
}

function resume(state: JobState, turn: Turn): JobState {
  const { status, collection } = state.job;
  if (status === "running" && state.stopping === null) return replied(state, turn);
  if (status !== "paused" && status !== "failed") return refused(state, `It is ${status}.`, turn);
  const done = reported(turn);
  // Units are those of the first run, so that what was made of them is found again.
  const units = unitsOf(sized(state.sizes)).filter((unit) => unit.some((one) => !done.has(one)));
  const run_id = startRun(turn, { collection, units });
  const next = changed(state, { status: "running", error: null, run_id }, turn);
  turn.reply(next.job, { follow: run_id });
  return next;
}

/** Numbers of the documents that have a report, of those that were loaded. */
function reported(turn: Turn): ReadonlySet<number> {
  const rows = turn.loaded["reports"] as readonly RecordRow[];
  return new Set(rows.map(({ value }) => (value as DocumentReport).number));
}

function end(state: JobState, { run, outcome }: RunEnded, turn: Turn): JobState {
  if (run !== state.job.run_id || state.job.status !== "running") return state;
  // All reports were sent before the run ended, and each pair's messages come in order.
  const isDone = finished(state.job) === state.job.documents.total;
  if (outcome.status === "completed" || isDone) return settled(state, "completed", null, turn);
  if (state.stopping !== null) return settled(state, state.stopping, null, turn);
  return settled(state, "failed", outcome.error, turn);
}

function settled(
  state: JobState,
  status: JobStatus,
  error: ErrorData | null,
  turn: Turn,
): JobState {
  if (status === "completed" || status === "cancelled") clear(state, turn);
  const next = changed({ ...state, stopping: null }, { status, error }, turn);
  turn.reply(next.job);
  return next;
}

function changed(state: JobState, change: Partial<IngestionJob>, turn: Turn): JobState {
  const updated_at = new Date(turn.nowMs).toISOString();
  return stored({ ...state, job: { ...state.job, ...change, updated_at } }, turn);
}

function stored(state: JobState, turn: Turn): JobState {
  turn.putRow(ingestionJobsTable, state.job.id, state.job);
  return state;
}

function replied(state: JobState, turn: Turn): JobState {
  turn.reply(state.job);
  return state;
}

function refused(state: JobState, message: string, turn: Turn): JobState {
  turn.refuse({ code: "CONFLICT", message });
  return state;
}

function startRun(turn: Turn, input: IngestionInput): string {
  return turn.startRun({ kind: "ingest", input, timeoutMs: ingestionLimits.runMs });
}

/** What the documents lay in is not needed any more. */
function clear({ job }: JobState, turn: Turn): void {
  const isCut = finished(job) < job.documents.total;
  const input: ClearInput = { collection: job.collection, isCut };
  turn.startRun({ kind: "ingest-clear", input });
}

const idOf = ({ self }: Turn): string => addressParts(self).root;

function sized(sizes: readonly number[]): readonly Sized[] {
  return sizes.map((bytes, number) => ({ number, bytes }));
}
