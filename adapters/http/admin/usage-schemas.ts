// What usage and the ledger are answered as.

import { type TSchema, Type } from "../../../actors/schema.ts";
import { named } from "../openapi/named.ts";
import { count, orNull, time } from "../openapi/responses.ts";

const closed = { additionalProperties: false } as const;
const text = Type.String();
const units = Type.Number({ description: "In units of the account." });

/** Fields that rows are found by. */
export const ledgerFilters = ["service", "agent_id", "key_id", "run_id", "outcome"] as const;

/** Numbers of a sum. */
export const sumFields = {
  calls: count,
  failed: Type.Integer({ minimum: 0, description: "Of the calls, those that did not complete." }),
  prompt_tokens: count,
  completion_tokens: count,
  total_tokens: count,
  cached_tokens: count,
  reasoning_tokens: count,
  estimated: Type.Integer({ minimum: 0, description: "Rows of which tokens were estimated." }),
  spend: Type.Number({ description: "What models cost, in units of the account." }),
  charged: units,
  credited: Type.Number({ description: "Added to the balance by the operator." }),
};

const serviceUsage = Type.Object(
  {
    service: text,
    calls: count,
    failed: Type.Integer({ minimum: 0, description: "Of the calls, those that did not complete." }),
    charged: units,
    prompt_tokens: count,
    completion_tokens: count,
  },
  closed,
);

const groupFields = {
  day: Type.Optional(Type.String({ description: "In UTC, e.g. 2026-11-23." })),
  month: Type.Optional(Type.String({ description: "In UTC, e.g. 2026-11." })),
  agent: Type.Optional(orNull(text)),
  model: Type.Optional(orNull(text)),
  key: Type.Optional(orNull(text)),
  service: Type.Optional(orNull(text)),
};

/** Sums of a tenant. */
export const usageSchema: TSchema = named(
  "TenantUsage",
  Type.Object(
    {
      tenant: text,
      balance: units,
      unit: text,
      services: Type.Array(serviceUsage),
      group_by: text,
      granularity: text,
      total: Type.Object(sumFields, closed),
      data: Type.Array(Type.Object({ ...groupFields, ...sumFields }, closed)),
      is_cut: Type.Boolean({
        description: "There is more than one answer shows, or rows that are not added up yet.",
      }),
    },
    closed,
  ),
);

/** Numbers of what models took. */
export const tokenFields = {
  prompt_tokens: count,
  completion_tokens: count,
  cached_tokens: count,
  reasoning_tokens: count,
  spend: orNull(units),
};

/** A row of the ledger. */
export const ledgerSchema: TSchema = named(
  "LedgerRow",
  Type.Object(
    {
      id: text,
      at: time,
      service: text,
      agent_id: orNull(text),
      key_id: orNull(text),
      run_id: orNull(text),
      outcome: Type.String({
        description:
          "`completed`, or how a run ended; `unfinished` and `repeated` say what was spent beside answers.",
      }),
      units: Type.Number(),
      unit_price: units,
      charged: units,
      ...tokenFields,
      estimated: Type.Boolean(),
      models: Type.Array(Type.Object({ model: orNull(text), ...tokenFields }, closed)),
      note: orNull(text),
    },
    closed,
  ),
);
