// A tenant as it is answered.

import { tenantLimits } from "../../../actors/records/tenant-limits.ts";
import { type TSchema, Type } from "../../../actors/schema.ts";
import { named } from "../openapi/named.ts";
import { count, orNull, time } from "../openapi/responses.ts";

const closed = { additionalProperties: false } as const;

const purge = Type.Object(
  {
    requested_at: time,
    phase: Type.String({ enum: ["removing", "compacting", "done"] }),
    rows_removed: count,
    removed_at: orNull(time),
    purged_at: orNull(time),
  },
  { ...closed, description: "Where its removal stands." },
);

/** A tenant. */
export const tenantSchema: TSchema = named(
  "Tenant",
  Type.Object(
    {
      id: Type.String(),
      name: Type.String({ description: "Empty for one that is removed." }),
      status: Type.String({ enum: ["active", "suspended", "purging", "purged"] }),
      limits: tenantLimits,
      created_at: time,
      suspended_at: orNull(time),
      purge: orNull(purge),
    },
    closed,
  ),
);
