// What is sent to plan and apply a pack, and what a start looks at.

import { Type } from "../../actors/schema.ts";
import { packLimits } from "./limits.ts";

const closed = { additionalProperties: false } as const;
const anyObject = Type.Record(Type.String(), Type.Unknown());
const texts = Type.Record(Type.String(), Type.String());

/** Table of applies that are under way. */
export const appliesTable = "pack-applies";

/** What is sent. */
export const packRequest = Type.Object(
  {
    /** The YAML. */
    source: Type.String({ minLength: 1, maxLength: packLimits.sourceBytes }),
    /** What the file is called in messages. Default "pack.yaml". */
    file: Type.Optional(Type.String({ minLength: 1, maxLength: 500 })),
    /** Texts of the files that documents name, by their paths from the pack's. */
    files: Type.Optional(texts),
    parameters: Type.Optional(anyObject),
    /** Values of `{secret: env:NAME}` by NAME: stored in the records that have them, nowhere else. */
    secrets: Type.Optional(texts),
  },
  closed,
);
