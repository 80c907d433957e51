// Triggers that listen to a collection are told of a change of it, and of an ingestion that failed.

import type { Turn } from "../../runtime/actor.ts";
import type { IngestionJob } from "../records/ingestion-job.ts";
import { tellListeners } from "../triggers/listeners.ts";

/** To be called when a job has ended, in the turn in which it has. */
export function tellIngested(job: IngestionJob, turn: Turn): void {
  const { id, kind, collection, status, documents, run_id, error } = job;
  const isChange = documents.created + documents.updated > 0;
  if (kind !== "ingest" || status === "running" || status === "paused") return;
  if (status !== "failed" && !isChange) return;
  const data = { collection, job: id, outcome: status, documents, error };
  const of = { what: "document", of: collection, outcome: status } as const;
  tellListeners(turn, () => ({
    ...{ ...of, key: `job:${run_id}`, atMs: turn.nowMs, data, depth: 0 },
  }));
}
