// The engine record: what does work that no model does, and how. Which `config` an engine has follows from its
// `type` (actors/engines/engine-types.ts). Engines are the operator's: see operator-record.ts.

import { type Static, Type } from "../schema.ts";
import { grantedTo } from "./operator-record.ts";
import type { ResourceKind } from "./resource.ts";
import { secretFields } from "./secret-fields.ts";

/** Limits of engines; texts in characters. */
export const engineLimits = {
  /** Engines of the server. */
  records: 500,
  nameChars: 200,
  descriptionChars: 4_000,
  /** Variables with secrets, and each. */
  secrets: 50,
  secretChars: 20_000,
} as const;

const closed = { additionalProperties: false } as const;

/** What the operator sets. */
export const engineInput = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: engineLimits.nameChars }),
    description: Type.Optional(Type.String({ maxLength: engineLimits.descriptionChars })),
    type: Type.Union([
      Type.Literal("direct_ops"),
      Type.Literal("code_agent"),
      Type.Literal("managed_agent"),
      Type.Literal("plugin"),
    ]),
    /** Tenants that may use it beside the first; "*" for all. Default: none. */
    granted_to: grantedTo,
    /** Default true. One that is not does nothing. */
    is_active: Type.Optional(Type.Boolean()),
    /** Where it works, if nobody says otherwise. */
    target: Type.Optional(Type.String({ pattern: "^tg_[A-Za-z0-9]{1,61}$" })),
    /** As the type takes it. */
    config: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    /** By their names: variables of its processes; `api_key` of an engine that is asked over the network. Write-only: shown as `***`, which is sent back to keep what is stored. */
    secrets: Type.Optional(
      Type.Record(
        Type.String({ pattern: "^[A-Za-z_][A-Za-z0-9_]{0,99}$" }),
        Type.String({ minLength: 1, maxLength: engineLimits.secretChars }),
        { maxProperties: engineLimits.secrets },
      ),
    ),
  },
  closed,
);

/** What the operator sets. */
export type EngineInput = Static<typeof engineInput>;

/** Engines, `en_...` under /v2/engines. */
export const engineKind: ResourceKind<EngineInput> = {
  name: "engine",
  path: "engines",
  prefix: "en",
  input: engineInput,
  searched: ["name", "description"],
  filters: ["name", "type", "target", "is_active"],
  sorts: ["name", "type"],
  max: engineLimits.records,
  ...secretFields,
};
