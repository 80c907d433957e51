// What ingestion jobs look like when they are shown, as schemas.

import { type TSchema, Type } from "../../../actors/schema.ts";
import { named } from "../openapi/named.ts";
import { count, orNull, time, toldError } from "../openapi/responses.ts";

const closed = { additionalProperties: false } as const;
const text = Type.String();

const waiting = Type.Object(
  {
    code: text,
    message: text,
    since: time,
    attempts: count,
    attempts_max: count,
    clearing: Type.Optional(
      Type.String({ description: "The run that removes what the job left." }),
    ),
  },
  { ...closed, description: "Why it does not go on now; it is tried again." },
);

/** A job. */
export const jobSchema: TSchema = named(
  "IngestionJob",
  Type.Object(
    {
      object: Type.Literal("ingestion_job"),
      id: text,
      kind: Type.String({ enum: ["ingest", "reembed"] }),
      collection_id: text,
      embedder: Type.Optional(
        Type.Object({ id: text, dimension: count, weights: Type.Optional(text) }, closed),
      ),
      status: Type.String({ enum: ["running", "paused", "completed", "failed", "cancelled"] }),
      documents: Type.Object(
        { total: count, created: count, updated: count, unchanged: count, failed: count },
        closed,
      ),
      done: Type.Integer({ minimum: 0, description: "Documents that have a report." }),
      chunks: count,
      bytes: count,
      error: orNull(toldError),
      waiting: orNull(waiting),
      run_id: text,
      created_at: time,
      updated_at: time,
    },
    closed,
  ),
);
