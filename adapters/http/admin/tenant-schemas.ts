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

const fields = {
  id: Type.String(),
  name: Type.String({ description: "Empty for one that is removed." }),
  status: Type.String({ enum: ["active", "suspended", "purging", "purged"] }),
  limits: tenantLimits,
  created_at: time,
  suspended_at: orNull(time),
  purge: orNull(purge),
};

/** A tenant. */
export const tenantSchema: TSchema = named("Tenant", Type.Object(fields, closed));

const effective = Type.Object(
  {
    value: orNull(count),
    origin: Type.String({
      enum: ["tenant", "configuration", "none"],
      description:
        "Who has set it. A tenant whose own value is null has none, whatever the configuration says.",
    }),
    used: orNull(count),
    counting: Type.Optional(
      Type.Boolean({
        description:
          "What was stored before there was a count is being counted: `used` is too small.",
      }),
    ),
  },
  {
    ...closed,
    description: "One limit as it holds, and what of it is used; null: it is not counted.",
  },
);

/** A tenant with its limits as they hold. */
export const tenantDetailsSchema: TSchema = named(
  "TenantDetails",
  Type.Object(
    {
      ...fields,
      effective_limits: Type.Object(
        {
          agents: effective,
          conversations: effective,
          concurrent_runs: effective,
          requests_per_second: effective,
          weight: effective,
          storage_bytes: effective,
        },
        closed,
      ),
    },
    closed,
  ),
);
