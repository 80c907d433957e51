// What packs look like when they are shown, as schemas.

import { type TSchema, Type } from "../../../actors/schema.ts";
import { named } from "../openapi/named.ts";
import { count, orNull, time } from "../openapi/responses.ts";

const text = Type.String();
const closed = { additionalProperties: false } as const;
const version = Type.Integer({ minimum: 1 });
const action = Type.String({ enum: ["create", "update", "delete", "unchanged"] });

const difference = named(
  "PackDifference",
  Type.Object({ pointer: text, before: Type.Unknown(), after: Type.Unknown() }, closed),
);
const differences = Type.Array(difference);

/** A plan. */
export const planSchema: TSchema = named(
  "PackPlan",
  Type.Object(
    {
      pack: text,
      pack_id: orNull(text),
      version: orNull(version),
      revision: Type.String({ description: "For `If-Match` of the apply." }),
      summary: Type.Object(
        { create: count, update: count, delete: count, unchanged: count },
        closed,
      ),
      changes: Type.Array(
        Type.Object(
          { ...{ action, kind: text, name: text, id: orNull(text) }, fields: differences },
          closed,
        ),
      ),
      documents: Type.Array(
        Type.Object({ collection: text, action, id: text, has_drifted: Type.Boolean() }, closed),
      ),
      drift: Type.Array(
        Type.Object(
          { kind: text, name: text, id: text, is_missing: Type.Boolean(), fields: differences },
          closed,
        ),
        { description: "What was changed by others since the pack was applied." },
      ),
      secrets_missing: Type.Array(text),
      charge: Type.Number({ description: "Units, as its agents cost one by one." }),
    },
    closed,
  ),
);

/** A pack. */
export const packSchema: TSchema = named(
  "Pack",
  Type.Object(
    {
      id: text,
      name: text,
      label: orNull(text),
      description: orNull(text),
      version,
      versions: Type.Array(
        Type.Object(
          { version, label: orNull(text), applied_at: time, restored_from: orNull(version) },
          closed,
        ),
      ),
      objects: Type.Array(
        Type.Object(
          {
            ...{ name: text, kind: text, id: text },
            parts: Type.Record(Type.String(), text, { description: "Ids of sub-agents." }),
          },
          closed,
        ),
      ),
      created_at: time,
      updated_at: time,
    },
    closed,
  ),
);

/** What an apply did. */
export const appliedSchema: TSchema = named(
  "PackApplied",
  Type.Object({ pack: packSchema, plan: planSchema }, closed),
);

/** A file. */
export const exportedSchema: TSchema = named(
  "PackExport",
  Type.Object(
    {
      pack: text,
      source: Type.String({ description: "YAML." }),
      secrets: Type.Array(text, { description: "To be given where it is applied." }),
    },
    closed,
  ),
);
