// An ingestion job: `ingestion:<tenant>/jb_...`. Documents lie in the bulk environment before it is
// told of them; its run takes them in, and what became of each is a record of this actor. A pause
// cancels the run: what was published is reported, what was written is found again by the next run.
// A job that embeds a collection anew is the same actor; when it is cancelled, the run that removes what
// was built says whether that counts by now: a switch that was faster has happened.

import {
  defineActor,
  type Outcome,
  type ReadRequest,
  type RecordRow,
  type RunEnded,
  type Turn,
} from "../../runtime/actor.ts";
import { addressParts } from "../../runtime/address.ts";
import { type ErrorData, toldOfRun } from "../../runtime/errors.ts";
import type { EmbedderPin } from "../records/embedder-pin.ts";
import {
  type DocumentReport,
  finished,
  type IngestionJob,
  ingestionJobsTable,
  ingestionLimits,
  type JobStatus,
  type JobWaiting,
  type ReembedReport,
} from "../records/ingestion-job.ts";
import { listenersRead } from "../triggers/listeners.ts";
import type { KeyedReport, RefusedDocument } from "./port.ts";
import type { Reembedded, ReembedInput } from "./reembed-run.ts";
import type { ClearInput, IngestionInput } from "./run.ts";
import { tellIngested } from "./told.ts";
import { type Sized, unitsOf } from "./units.ts";

/** What a job is told. */
export type JobMessage =
  | {
      readonly type: "start";
      readonly collection: string;
      readonly keyId?: string | undefined;
      /** Size of each document in bytes, in the order in which they were sent. */
      readonly sizes: readonly number[];
    }
  | {
      readonly type: "reembed";
      readonly collection: string;
      readonly keyId?: string | undefined;
      readonly embedder: EmbedderPin;
      /** How many there are. */
      readonly documents: number;
    }
  /** Embedded anew so far, counted from the first document of the collection. */
  | {
      readonly type: "progress";
      readonly documents: number;
      readonly chunks: number;
      readonly reports?: readonly KeyedReport[];
      /** Keys of the reports on documents that are not there any more. */
      readonly removed?: readonly string[];
    }
  | { readonly type: "report"; readonly documents: readonly DocumentReport[] }
  /** A step waits to be tried again. */
  | ({ readonly type: "waiting" } & Omit<JobWaiting, "since">)
  | { readonly type: "going-on" }
  | { readonly type: "pause" }
  | { readonly type: "resume" }
  | { readonly type: "cancel" }
  /** Replies with the run that removes what its documents lay in, or null. */
  | { readonly type: "rest" };

/** Version 1. Null before it was started. */
export interface JobState {
  readonly job: IngestionJob;
  readonly sizes: readonly number[];
  /** Key that asked for it; absent: none. */
  readonly keyId?: string;
  /** Why the run under way is being cancelled. */
  readonly stopping: "paused" | "cancelled" | null;
  /** Of a job that embeds anew and is being cancelled: the run that removes what was built. */
  readonly clearing?: string;
  /** Of one that takes documents in: the run that removes what they lay in. A step that was cut may write until it has ended. */
  readonly resting?: string;
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
  reads(message, state): Readonly<Record<string, ReadRequest>> {
    const limit = ingestionLimits.documents;
    if (message.type === "run-ended" && state !== null) {
      return { listeners: listenersRead(state.job.collection) };
    }
    if (message.type === "resume") return { reports: { type: "records", ...reportKeys, limit } };
    if (message.type !== "report") return {};
    const numbers = message.documents.map(({ number }) => number);
    const from = reportKey(Math.min(...numbers));
    const to = reportKey(Math.max(...numbers) + 1);
    return { reports: { type: "records", from, to, limit } };
  },
  receive(state, message, turn) {
    if (message.type === "start") return start(state, message, turn);
    if (message.type === "reembed") return startReembed(state, message, turn);
    if (state === null) {
      turn.refuse({ code: "NOT_FOUND", message: "There is no such ingestion job." });
      return state;
    }
    switch (message.type) {
      case "report":
        return report(state, message.documents, turn);
      case "progress":
        return progress(state, message, turn);
      case "waiting":
        return waits(state, message, turn);
      case "going-on":
        return goesOn(state) === state ? state : changed(goesOn(state), {}, turn);
      case "pause":
        return stop(state, "paused", turn);
      case "cancel":
        return stop(state, "cancelled", turn);
      case "rest":
        turn.reply(state.resting ?? null);
        return state;
      case "resume":
        return resume(state, turn);
      case "run-ended":
        return end(state, message, turn);
    }
  },
});

type Start = Extract<JobMessage, { type: "start" }>;

function start(state: JobState | null, message: Start, turn: Turn): JobState | null {
  if (state !== null) return refusedStart(state, turn);
  const { collection, sizes, keyId } = message;
  const run = startRun(turn, { collection, units: unitsOf(sized(sizes)), keyId });
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  const job = newJob(turn, { kind: "ingest", collection, total: sizes.length, bytes, run });
  turn.reply(job, { follow: run });
  return stored({ job, sizes, stopping: null, ...(keyId && { keyId }) }, turn);
}

type StartReembed = Extract<JobMessage, { type: "reembed" }>;

function startReembed(state: JobState | null, message: StartReembed, turn: Turn): JobState | null {
  if (state !== null) return refusedStart(state, turn);
  const { collection, embedder, documents: total, keyId } = message;
  const run = runReembed(turn, { collection, keyId });
  const made = newJob(turn, { kind: "reembed", collection, total, bytes: 0, run });
  const job = { ...made, embedder };
  turn.reply(job, { follow: run });
  return stored({ job, sizes: [], stopping: null, ...(keyId && { keyId }) }, turn);
}

function refusedStart(state: JobState, turn: Turn): JobState {
  turn.refuse({ code: "CONFLICT", message: "This ingestion job was started before." });
  return state;
}

function newJob(
  turn: Turn,
  of: Pick<IngestionJob, "kind" | "collection" | "bytes"> & { total: number; run: string },
): IngestionJob {
  const { kind, collection, total, bytes, run: run_id } = of;
  const at = new Date(turn.nowMs).toISOString();
  return {
    ...{ id: idOf(turn), kind, collection, status: "running", run_id },
    documents: { total, created: 0, updated: 0, unchanged: 0, failed: 0 },
    ...{ chunks: 0, bytes, error: null },
    created_at: at,
    updated_at: at,
  };
}

/** Never backwards: a job that is resumed counts again what it finds done. */
function progress(
  state: JobState,
  { documents, chunks, reports = [], removed = [] }: Extract<JobMessage, { type: "progress" }>,
  turn: Turn,
): JobState {
  const { job } = state;
  for (const { key, report } of reports) turn.put(key, report);
  for (const key of removed) turn.remove(key);
  if (documents <= job.documents.updated) return state;
  const total = Math.max(job.documents.total, documents);
  return changed(
    goesOn(state),
    { documents: { ...job.documents, total, updated: documents }, chunks },
    turn,
  );
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
  return changed(goesOn(state), { documents: counts, chunks }, turn);
}

/** Since when is kept while it is for the same reason. */
function waits(
  state: JobState,
  { type: _, ...why }: Extract<JobMessage, { type: "waiting" }>,
  turn: Turn,
): JobState {
  const { status, waiting } = state.job;
  const isAtWork = status === "running" && state.stopping === null;
  if (!isAtWork && why.clearing === undefined) return state;
  const isSame = waiting?.code === why.code;
  const since = isSame ? waiting.since : new Date(turn.nowMs).toISOString();
  return changed(state, { waiting: { ...why, since } }, turn);
}

function goesOn(state: JobState): JobState {
  return state.job.waiting ? { ...state, job: { ...state.job, waiting: null } } : state;
}

function stop(state: JobState, stopping: "paused" | "cancelled", turn: Turn): JobState {
  const { status, run_id, kind } = state.job;
  if (state.clearing !== undefined) {
    return stopping === "cancelled" ? replied(state, turn) : refused(state, "It ends.", turn);
  }
  if (status === "running") {
    turn.cancelRun(run_id, stopping);
    const next = { ...state, stopping };
    turn.reply(next.job);
    return next;
  }
  if (stopping === "cancelled" && (status === "paused" || status === "failed")) {
    if (kind === "reembed") return replied(clearReembed(state, turn), turn);
    return replied(changed(clear(state, turn), { status: "cancelled" }, turn), turn);
  }
  if (status === stopping) return replied(state, turn);
  return refused(state, `It is ${status}.`, turn);
}

function resume(state: JobState, turn: Turn): JobState {
  const { status, collection, kind } = state.job;
  if (status === "running" && state.stopping === null) return replied(state, turn);
  if (status !== "paused" && status !== "failed") return refused(state, `It is ${status}.`, turn);
  if (state.clearing !== undefined) return refused(state, "It is being cancelled.", turn);
  const run_id =
    kind === "reembed"
      ? runReembed(turn, { collection, keyId: state.keyId })
      : runAgain(state, turn);
  const next = changed(state, { status: "running", error: null, run_id }, turn);
  turn.reply(next.job, { follow: run_id });
  return next;
}

function runAgain({ job, sizes, keyId }: JobState, turn: Turn): string {
  const done = reported(turn);
  // Units are those of the first run, so that what was made of them is found again.
  const units = unitsOf(sized(sizes)).filter((unit) => unit.some((one) => !done.has(one)));
  return startRun(turn, { collection: job.collection, units, keyId });
}

/** Numbers of the documents that have a report, of those that were loaded. */
function reported(turn: Turn): ReadonlySet<number> {
  const rows = turn.loaded["reports"] as readonly RecordRow[];
  return new Set(rows.map(({ value }) => (value as DocumentReport).number));
}

function end(before: JobState, message: RunEnded, turn: Turn): JobState {
  const { run, outcome } = message;
  // A clearing that is given up waits no longer either.
  const isOver = before.job.waiting?.clearing === run;
  const state = isOver ? changed(goesOn(before), {}, turn) : before;
  if (run === state.clearing) return cleared(state, outcome, turn);
  if (run === state.resting) return rested(state);
  if (run !== state.job.run_id || state.job.status !== "running") return state;
  if (state.job.kind === "reembed") return endReembed(state, outcome, turn);
  // All reports were sent before the run ended, and each pair's messages come in order.
  const isDone = finished(state.job) === state.job.documents.total;
  if (outcome.status === "completed" || isDone) return settled(state, "completed", null, turn);
  if (state.stopping !== null) return settled(state, state.stopping, null, turn);
  return settled(state, "failed", outcome.error, turn);
}

function endReembed(state: JobState, outcome: Outcome, turn: Turn): JobState {
  if (outcome.status === "completed") {
    const { documents, chunks } = outcome.result as Reembedded;
    const counts = { ...state.job.documents, total: documents, updated: documents };
    const done = changed(state, { documents: counts, chunks }, turn);
    return settled(done, "completed", null, turn);
  }
  if (state.stopping === "cancelled") return clearReembed(state, turn);
  if (state.stopping === "paused") return settled(state, "paused", null, turn);
  const refused = outcome.error.details?.["document"] as RefusedDocument | undefined;
  if (refused !== undefined) {
    const { key, ...document } = refused;
    const { code, message } = toldOfRun(outcome.error, state.job.run_id);
    const error = { code, message };
    turn.put(key, { ...document, status: "failed", chunks: 0, error } satisfies ReembedReport);
  }
  return settled(state, "failed", outcome.error, turn);
}

/** What was built is removed before the job is said to be cancelled: it may count by now. */
function clearReembed(state: JobState, turn: Turn): JobState {
  return { ...state, clearing: runClear(state, turn) };
}

function cleared({ clearing: _, ...state }: JobState, outcome: Outcome, turn: Turn): JobState {
  if (outcome.status !== "completed") return settled(state, "failed", outcome.error, turn);
  const { isCurrent } = outcome.result as { readonly isCurrent: boolean };
  const next = { ...state, stopping: null };
  const status = isCurrent ? "completed" : "cancelled";
  return changed(next, { status, error: null }, turn);
}

function settled(
  state: JobState,
  status: JobStatus,
  error: ErrorData | null,
  turn: Turn,
): JobState {
  const isOver = status === "completed" || status === "cancelled";
  const left = isOver ? clear(goesOn(state), turn) : goesOn(state);
  const told = error === null ? null : toldOfRun(error, state.job.run_id);
  const next = changed({ ...left, stopping: null }, { status, error: told }, turn);
  turn.reply(next.job);
  tellIngested(next.job, turn);
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

function runReembed(turn: Turn, input: ReembedInput): string {
  return turn.startRun({ kind: "reembed", input, timeoutMs: ingestionLimits.runMs });
}

function runClear({ job }: JobState, turn: Turn): string {
  const input: ReembedInput = { collection: job.collection };
  return turn.startRun({ kind: "reembed-clear", input, timeoutMs: ingestionLimits.runMs });
}

/** What the documents lay in, or the edition before, is not needed any more. */
function clear(state: JobState, turn: Turn): JobState {
  const { job } = state;
  if (job.kind === "reembed") {
    runClear(state, turn);
    return state;
  }
  const isCut = finished(job) < job.documents.total;
  const input: ClearInput = { collection: job.collection, isCut };
  return { ...state, resting: turn.startRun({ kind: "ingest-clear", input }) };
}

function rested({ resting: _, ...state }: JobState): JobState {
  return state;
}

const idOf = ({ self }: Turn): string => addressParts(self).root;

function sized(sizes: readonly number[]): readonly Sized[] {
  return sizes.map((bytes, number) => ({ number, bytes }));
}
