// What skills look like when they are sent and shown, as schemas.

import { skillInput, skillLimits } from "../../../actors/records/skill.ts";
import { type TSchema, Type } from "../../../actors/schema.ts";
import { named } from "../openapi/named.ts";
import { count, pageOf, shownRecord } from "../openapi/responses.ts";
import type { Route } from "../route.ts";

const closed = { additionalProperties: false } as const;
const path = Type.String({
  minLength: 1,
  maxLength: skillLimits.pathChars,
  description: "Within the skill's folder, or with it; its parts have `/` between them.",
});

/** A skill. */
export const skillSchema: TSchema = named(
  "Skill",
  shownRecord(skillInput, {
    id: Type.String({ pattern: "^sk_[A-Za-z0-9]{1,61}$", description: "Id of a skill." }),
  }),
);

/** A skill as JSON. */
export const skillAsJson: TSchema = named(
  "SkillInput",
  Type.Object(
    {
      files: Type.Array(
        Type.Object(
          {
            path,
            text: Type.Optional(Type.String()),
            base64: Type.Optional(Type.String({ description: "Of a file that is no text." })),
          },
          closed,
        ),
        { minItems: 1, maxItems: skillLimits.files },
      ),
    },
    closed,
  ),
);

/** Any bytes. */
const bytes = Type.String({ contentMediaType: "application/octet-stream" });

/** A zip. */
export const zipSchema: TSchema = Type.String({ contentMediaType: "application/zip" });

/** A file that is shown. */
export const contentTypes: Readonly<Record<string, TSchema>> = {
  "text/plain": Type.String(),
  "application/octet-stream": bytes,
};

/** What one is sent as. */
export const skillBodies: NonNullable<Route["accepts"]> = {
  "application/json": skillAsJson,
  "application/zip": zipSchema,
  "multipart/form-data": Type.Object(
    {
      files: Type.Array(bytes, {
        description: "Each with its path as its filename, or one zip.",
      }),
    },
    { additionalProperties: true },
  ),
};

/** The files of a version. */
export const skillFiles: TSchema = pageOf(
  named(
    "SkillFile",
    Type.Object(
      {
        path,
        bytes: count,
        sha256: Type.String(),
        is_text: Type.Boolean({ description: "UTF-8 without NUL: what a model can read." }),
      },
      closed,
    ),
  ),
);
