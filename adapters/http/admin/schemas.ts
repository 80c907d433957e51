// What the operator's routes answer of tenants, keys, usage, dead letters and providers, as schemas.

import { keyRoles } from "../../../actors/records/api-key.ts";
import { allowedResourcesSchema } from "../../../actors/records/resource-scope.ts";
import { type TSchema, Type } from "../../../actors/schema.ts";
import { providerCounters } from "../../provider-memory.ts";
import { named } from "../openapi/named.ts";
import { count, orNull, time, toldError } from "../openapi/responses.ts";

const closed = { additionalProperties: false } as const;
const text = Type.String();
const units = Type.Number({ description: "In units of the account." });
const ms = Type.Number({ minimum: 0 });

/** A balance that was added to. */
export const creditSchema: TSchema = named(
  "Credit",
  Type.Object({ tenant: text, credited: units, balance: units }, closed),
);

const keyFields = {
  id: text,
  tenant: text,
  prefix: Type.String({ description: "Its beginning, by which people tell their keys apart." }),
  name: text,
  role: Type.String({ enum: [...keyRoles] }),
  allowed_services: Type.Array(text, { description: 'Names of services, or `["*"]`.' }),
  allowed_resources: orNull(allowedResourcesSchema),
  expires_at: orNull(time),
  revoked_at: orNull(time),
  created_at: time,
  last_used_at: orNull(
    Type.String({
      format: "date-time",
      description: "Within a minute or so; what was not noted when the server died is lost.",
    }),
  ),
  previous: orNull(
    Type.Object(
      { prefix: text, valid_until: time },
      { additionalProperties: false, description: "The secret before, while it is still taken." },
    ),
  ),
};

/** A key as it is shown: its secret is stored nowhere. */
export const keySchema: TSchema = named("ApiKey", Type.Object(keyFields, closed));

/** A new key, with its secret. */
export const newKeySchema: TSchema = named(
  "NewApiKey",
  Type.Object(
    { ...keyFields, key: Type.String({ description: "The secret, shown this once." }) },
    closed,
  ),
);

const letterFields = {
  id: text,
  at: time,
  tenant: text,
  kind: Type.String({ description: "Kind of the actor that it is for." }),
  to: Type.String({ description: "Address of the actor." }),
  from: orNull(text),
  failures: count,
  replays: count,
  error: toldError,
  trace: orNull(Type.String({ description: "W3C traceparent of what caused it." })),
  ask: orNull(Type.Object({ run: text, step: text }, closed)),
};

/** A dead letter in a list. */
export const letterEntry: TSchema = named("DeadLetterEntry", Type.Object(letterFields, closed));

/** A dead letter with its message. */
export const letterSchema: TSchema = named(
  "DeadLetter",
  Type.Object(
    {
      ...letterFields,
      message: Type.Unknown({ description: "What it says, as it was sent." }),
      stack: Type.Array(text, { description: "Where a programmer's error was thrown." }),
      history: Type.Array(Type.Object({ at: time, failures: count, error: toldError }, closed), {
        description: "The times before that it was set aside, oldest first, at most 10.",
      }),
    },
    closed,
  ),
);

/** What became of a letter that was put back, or removed. */
export const letterDone = (word: "replayed" | "deleted"): TSchema =>
  Type.Object({ id: text, tenant: text, [word]: Type.Literal(true) }, closed);

const breaker = Type.Object(
  {
    state: Type.String({ enum: ["closed", "open", "half-open"] }),
    failures_in_a_row: count,
    openings: count,
    retry_after_ms: ms,
  },
  closed,
);
const providerKey = Type.Object(
  {
    fingerprint: Type.String({ description: "Beginning of the key's SHA-256, hexadecimal." }),
    ends_with: orNull(Type.String({ description: "Its last four characters." })),
    state: Type.String({ enum: ["ready", "limited", "refused"] }),
    retry_after_ms: ms,
    times_aside: count,
    models_aside: Type.Integer({ minimum: 0, description: "Models it is left aside for alone." }),
  },
  closed,
);
const calls = Object.fromEntries(providerCounters.map((name) => [name, count]));

/** All providers. */
export const providersSchema: TSchema = Type.Object(
  {
    data: Type.Array(
      named(
        "ProviderFigures",
        Type.Object(
          {
            name: text,
            kind: text,
            base_url: text,
            breaker,
            calls: Type.Object(calls, closed),
            keys: Type.Array(providerKey),
          },
          closed,
        ),
      ),
    ),
  },
  closed,
);

/** An actor that is stopped. */
export const quarantinedSchema: TSchema = named(
  "QuarantinedActor",
  Type.Object(
    {
      address: text,
      tenant: text,
      kind: text,
      why: Type.String({ enum: ["state", "message", "failures"] }),
      error: toldError,
      at: time,
    },
    closed,
  ),
);
