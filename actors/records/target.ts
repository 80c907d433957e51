// The target record: where engines and commands work. `local` is this machine and `ssh` another one, which are the
// operator's (see operator-record.ts); `http` and `managed_agent` are services that any tenant may name for itself.
// Which `config` a target has follows from its `type`: actors/engines/target-config.ts.

import { type Static, Type } from "../schema.ts";
import { grantedTo } from "./operator-record.ts";
import type { ResourceKind } from "./resource.ts";
import { secretFields } from "./secret-fields.ts";

/** Limits of targets; texts in characters. */
export const targetLimits = {
  /** Targets of a tenant. */
  records: 500,
  nameChars: 200,
  descriptionChars: 4_000,
  secretChars: 20_000,
} as const;

/** What a target is. */
export const targetTypes = ["local", "ssh", "http", "managed_agent"] as const;

/** One of them. */
export type TargetType = (typeof targetTypes)[number];

const closed = { additionalProperties: false } as const;
const secret = Type.Optional(Type.String({ minLength: 1, maxLength: targetLimits.secretChars }));

/** What a client sets. */
export const targetInput = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: targetLimits.nameChars }),
    description: Type.Optional(Type.String({ maxLength: targetLimits.descriptionChars })),
    type: Type.Union([
      Type.Literal("local"),
      Type.Literal("ssh"),
      Type.Literal("http"),
      Type.Literal("managed_agent"),
    ]),
    /** Tenants that may use it beside the first, whose owner alone sets it; "*" for all. Default: none. */
    granted_to: grantedTo,
    /** Default true. On one that is not nothing is done. */
    is_active: Type.Optional(Type.Boolean()),
    /** Of `local` and `ssh`: whether tools of type `shell` may run texts of commands there. Default false. */
    shell: Type.Optional(Type.Boolean()),
    /** As the type takes it. */
    config: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    /** `private_key` of `ssh` (OpenSSH, without a passphrase); `api_key` of `http` and `managed_agent`. Write-only: shown as `***`, which is sent back to keep what is stored. */
    secrets: Type.Optional(Type.Object({ private_key: secret, api_key: secret }, closed)),
  },
  closed,
);

/** What a client sets. */
export type TargetInput = Static<typeof targetInput>;

/** Whether it is the operator's: work is done with the server's own rights, or it is granted to others. */
export function isOperators({ type, granted_to = [] }: TargetInput): boolean {
  return type === "local" || type === "ssh" || granted_to.length > 0;
}

/** Targets, `tg_...` under /v2/targets. */
export const targetKind: ResourceKind<TargetInput> = {
  name: "target",
  path: "targets",
  prefix: "tg",
  input: targetInput,
  searched: ["name", "description"],
  filters: ["name", "type", "is_active"],
  sorts: ["name", "type"],
  max: targetLimits.records,
  ...secretFields,
};
