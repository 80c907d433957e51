// The skill record: a folder in the public Agent Skills format (SKILL.md with front matter, and what
// lies beside it), kept in versions. The record holds what SKILL.md says of itself; the files lie in
// rows of their own, named by their contents, so that versions share what did not change.
//
//   skill-trees      sk.tree           SkillTree: which files a version has
//   skill-blobs      sk.sha256         SkillBlob: a file that is stored
//   skill-files      sk.sha256.piece   its bytes, `skillLimits.pieceBytes` at most in a row
//   skill-names      name              {id}: which skill has a name
//   skill-removals   sk                {}: a skill that is gone, whose rows may not be yet

import { type Static, Type } from "../schema.ts";

/** Limits of skills; texts in characters. */
export const skillLimits = {
  nameChars: 64,
  descriptionChars: 1_024,
  licenseChars: 500,
  compatibilityChars: 500,
  metadata: 32,
  /** Of one value of `metadata`, as text; hosts keep whole objects in it. */
  metadataChars: 4_000,
  /** Fields that are not of the format, and how deep their values nest. */
  otherFields: 32,
  otherDepth: 8,
  allowedTools: 64,
  allowedToolChars: 200,
  /** Front matter of SKILL.md, bytes. */
  frontMatterBytes: 16 * 1_024,
  /** Files of a skill, and entries of a zip, folders included. */
  files: 256,
  entries: 512,
  /** Of a path, and folders in each other. */
  pathChars: 200,
  pathDepth: 8,
  /** One file, all files together, and an upload, bytes. */
  fileBytes: 5 * 1_024 * 1_024,
  bytes: 10 * 1_024 * 1_024,
  uploadBytes: 16 * 1_024 * 1_024,
  /** Bytes of one stored row. */
  pieceBytes: 256 * 1_024,
  /** Skills of a tenant; bytes of the files of all their versions are a setting (`skills.bytes_max`). */
  records: 1_000,
  /** Skills of an agent or a sub-agent. */
  uses: 32,
  /** Of one read by a model, and of all reads of one answer, bytes. */
  readBytes: 24 * 1_024,
  answerBytes: 256 * 1_024,
  /** Files that a model is told of when it reads a skill; it can read the others too. */
  filesTold: 100,
} as const;

const closed = { additionalProperties: false } as const;
const count = Type.Integer({ minimum: 0 });

/** What stands in SKILL.md's front matter, and what the files come to. */
export const skillInput = Type.Object(
  {
    name: Type.String({ pattern: "^[a-z0-9]+(-[a-z0-9]+)*$", maxLength: skillLimits.nameChars }),
    description: Type.String({ minLength: 1, maxLength: skillLimits.descriptionChars }),
    license: Type.Optional(Type.String({ maxLength: skillLimits.licenseChars })),
    compatibility: Type.Optional(Type.String({ maxLength: skillLimits.compatibilityChars })),
    metadata: Type.Optional(
      Type.Record(Type.String(), Type.String({ maxLength: skillLimits.metadataChars }), {
        maxProperties: skillLimits.metadata,
      }),
    ),
    allowed_tools: Type.Optional(
      Type.Array(Type.String({ maxLength: skillLimits.allowedToolChars }), {
        maxItems: skillLimits.allowedTools,
        description: "As SKILL.md names them. They are kept and shown; nothing is granted by them.",
      }),
    ),
    other_fields: Type.Optional(
      Type.Record(Type.String(), Type.Unknown(), {
        maxProperties: skillLimits.otherFields,
        description:
          "What else SKILL.md has in its front matter, as it stands there, its scalars as texts. Nothing here heeds it.",
      }),
    ),
    file_count: count,
    bytes: Type.Integer({ minimum: 0, description: "Of all files." }),
    tree: Type.String({
      pattern: "^[0-9a-f]{64}$",
      description: "SHA-256 over paths and contents: the same for the same files.",
    }),
  },
  closed,
);

/** What the record holds. */
export type SkillInput = Static<typeof skillInput>;

/** A file of a skill. */
export interface SkillFile {
  /** Within the folder, with "/" between its parts. */
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly crc32: number;
  /** UTF-8 without NUL: what a model can read. */
  readonly isText: boolean;
}

/** The files of a version, in order of their paths. */
export interface SkillTree {
  readonly files: readonly SkillFile[];
  /** Bytes of SKILL.md before its body. */
  readonly bodyAt: number;
}

/** A skill of an agent or a sub-agent; of a name the id is stored. */
export const skillUse = Type.Object(
  {
    id: Type.Optional(Type.String({ pattern: "^sk_[A-Za-z0-9]{1,61}$" })),
    name: Type.Optional(Type.String({ minLength: 1, maxLength: skillLimits.nameChars })),
    /** Default: the newest when a run is accepted. */
    version: Type.Optional(Type.Integer({ minimum: 1 })),
  },
  closed,
);

/** A skill of an agent, as it is set. */
export type SkillUse = Static<typeof skillUse>;

/** `skills` of an agent or a sub-agent. */
export const skillUses = Type.Array(skillUse, { maxItems: skillLimits.uses });

/** Names of the tables above. */
export const skillTables = {
  trees: "skill-trees",
  blobs: "skill-blobs",
  files: "skill-files",
  names: "skill-names",
  removals: "skill-removals",
} as const;

/** Counter of the bytes of all stored files of a tenant. */
export const skillBytesCounter = "skill-bytes";

/** Contents that are stored. */
export interface SkillBlob {
  readonly bytes: number;
}

/** Row id of a version's tree, and of contents: both by their SHA-256. */
export const skillRowId = (skill: string, sha256: string): string => `${skill}.${sha256}`;

/** Row id of a piece of a file, from 0. */
export const pieceId = (skill: string, sha256: string, piece: number): string =>
  `${skill}.${sha256}.${String(piece).padStart(4, "0")}`;

/** How uses of skills name them: pointer, and the id, or "id@3" for a version. */
export function skillLinks(
  uses: readonly SkillUse[],
  pointer: string,
): Readonly<Record<string, string>> {
  const links = uses.flatMap(({ id, version }, at) =>
    id === undefined
      ? []
      : [[`${pointer}/${at}`, version === undefined ? id : `${id}@${version}`] as const],
  );
  return Object.fromEntries(links);
}

/** Name of the tool that reads skills: no other tool of an agent has it. */
export const readSkillName = "read_skill";
