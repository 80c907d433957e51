// The outline of a pack's file. What an object says beside its key is checked by its kind once
// everything open in it is filled in.

import { type Static, Type } from "../../actors/schema.ts";
import type { PackKind } from "./kinds/kind.ts";
import { packKinds } from "./kinds/kinds.ts";
import { objectName as name } from "./kinds/object-name.ts";
import { packLimits } from "./limits.ts";

const closed = { additionalProperties: false } as const;

const parameter = Type.Object(
  {
    type: Type.Union([
      ...(["string", "number", "integer", "boolean", "array", "object"] as const).map((one) =>
        Type.Literal(one),
      ),
    ]),
    default: Type.Optional(Type.Unknown()),
    enum: Type.Optional(Type.Array(Type.Unknown(), { minItems: 1, maxItems: 100 })),
    description: Type.Optional(Type.String({ maxLength: 1_000 })),
  },
  closed,
);

const object = Type.Object({ key: name }, { additionalProperties: true });

/** The list of a kind's objects. */
function sectionOf({ section, outline = object }: PackKind) {
  return [section, Type.Optional(Type.Array(outline, { maxItems: packLimits.objects }))] as const;
}

/** The outline of a file. */
export const packHead = Type.Object(
  {
    /** What it is called: the tenant's pack of this name is the one that is changed. */
    pack: name,
    version: Type.Optional(Type.String({ maxLength: 64 })),
    description: Type.Optional(Type.String({ maxLength: 4_000 })),
    parameters: Type.Optional(
      Type.Record(Type.String({ pattern: "^[A-Za-z_][A-Za-z0-9_]{0,63}$" }), parameter),
    ),
    ...Object.fromEntries(packKinds.map(sectionOf)),
  },
  closed,
);

/** The head of a file. */
export interface PackHead {
  readonly pack: string;
  readonly version?: string;
  readonly description?: string;
  readonly parameters?: Readonly<Record<string, Static<typeof parameter>>>;
}
