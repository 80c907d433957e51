// Skills in a pack: the files of one, written here or lying beside the pack's, as a version of the record.
// They are read as an upload is, so that all that is refused there is refused here, in its place.

import type { ResourceRow } from "../../../actors/records/resource.ts";
import { type SkillFile, type SkillInput, skillLimits } from "../../../actors/records/skill.ts";
import { type TSchema, Type } from "../../../actors/schema.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { SkillBody } from "../../skills/read-skill.ts";
import { fileNamed, fileProblem, isBelow, type PackFiles } from "../file-path.ts";
import type { Problems } from "../problems.ts";
import type { Draft, Fields, Known, Made, PackKind } from "./kind.ts";
import { objectName } from "./object-name.ts";
import { goneIsNull } from "./resource.ts";

const closed = { additionalProperties: false } as const;
const text = Type.Optional(Type.String());
const list = (path: TSchema, minItems: number): TSchema =>
  Type.Array(Type.Object({ path, text, base64: text, file: text }, closed), {
    minItems,
    maxItems: skillLimits.files,
  });

/** As it is written: the files one by one, or a folder with all that is in it. */
const outline = Type.Object(
  {
    key: objectName,
    folder: text,
    files: Type.Optional(list(Type.String({ minLength: 1, maxLength: skillLimits.pathChars }), 1)),
  },
  closed,
);

/** With the contents of all files; that a folder has none was said. */
const input = Type.Object({ folder: text, files: list(Type.String(), 0) }, closed);

/** A file of a skill as the pack says it. */
interface SaidFile {
  readonly path: string;
  readonly text?: string;
  readonly base64?: string;
  /** Where it lies beside the pack's. */
  readonly file?: string;
}

/** A skill as the pack says it. */
interface Said {
  readonly folder?: string;
  readonly files: readonly SaidFile[];
}

/** Skills. */
export const skillsKind: PackKind = {
  section: "skills",
  name: "skill",
  prefix: "sk",
  input,
  outline,
  canBeBare: false,
  filled: (fields, { files, problems, pointer }) => {
    const { folder, files: all } = fields as Partial<Said>;
    if ((folder === undefined) === (all === undefined)) {
      problems.add(pointer, "A skill has either files or a folder with them.");
      return { files: [] };
    }
    if (folder !== undefined) return filesBelow(folder, files, { problems, pointer });
    return { files: (all ?? []).map((one, at) => filled(one, files, { problems, pointer, at })) };
  },
  create: async (draft, { fields }) => {
    const said = fields as unknown as Said;
    const send = draft.skills.create(draft.caller, bodyOf(said), null);
    return await madeOf(draft, await send.catch((error) => placed(error, said)));
  },
  change: async (draft, { fields }, { id }) => {
    const said = fields as unknown as Said;
    const send = draft.skills.replace(draft.caller, id, bodyOf(said), null);
    return await madeOf(draft, await send.catch((error) => placed(error, said)));
  },
  remove: (draft, { id }) => draft.skills.records.remove(draft.caller, id, null),
  read: async (draft, { id }: Known) => {
    const { tenant } = draft.caller;
    const row = await draft.skills.records.get(tenant, id).catch(goneIsNull);
    return row === null ? null : await madeOf(draft, row);
  },
  written: async (draft, { id }) => {
    const { tenant } = draft.caller;
    const { tree } = await draft.skills.files(tenant, id, null);
    const files: SaidFile[] = [];
    for (const file of tree.files) {
      const bytes = await contentOf(draft, id, file);
      const content = file.isText
        ? { text: bytes.toString() }
        : { base64: bytes.toString("base64") };
      files.push({ path: file.path, ...content });
    }
    return { files };
  },
};

interface Filling {
  readonly problems: Problems;
  readonly pointer: string;
}

function filesBelow(folder: string, files: PackFiles, { problems, pointer }: Filling): Fields {
  const start = `${folder}/`;
  const paths = Object.keys(files).filter((path) => path.startsWith(start) && isBelow(path));
  if (paths.length === 0) {
    const why = isBelow(folder)
      ? `No file below ${folder} was sent with the pack.`
      : "A folder is named by a path below the pack's own, such as skills/refunds.";
    problems.add(`${pointer}/folder`, why);
  }
  const all = paths.map((file) => {
    return { path: file.slice(start.length), text: files[file] ?? "", file };
  });
  return { folder, files: all };
}

function filled(
  said: SaidFile,
  files: PackFiles,
  { problems, pointer, at }: Filling & { readonly at: number },
): SaidFile {
  const place = `${pointer}/files/${at}`;
  const { text: own, base64, file } = said;
  if ([own, base64, file].filter((one) => one !== undefined).length !== 1) {
    problems.add(place, "A file of a skill has a text, base64 or a file.");
    return { path: said.path, text: "" };
  }
  if (file === undefined) return said;
  const content = fileNamed(file, files);
  if (content === undefined) problems.add(`${place}/file`, fileProblem(file));
  return { ...said, text: content ?? "" };
}

function bodyOf({ files }: Said): SkillBody {
  const sent = files.map(({ file: _, ...rest }) => rest);
  return { type: "application/json", bytes: Buffer.from(JSON.stringify({ files: sent })) };
}

/** A refusal of a file in its place: in the file itself where it lies beside the pack's. */
function placed(error: unknown, { folder, files }: Said): never {
  if (!(error instanceof RuntimeError)) throw error;
  const { entry, line, column, pointer } = error.details ?? {};
  const at = files.findIndex(({ path }) => path === entry);
  const within = folder !== undefined ? "/folder" : at < 0 ? pointer : `/files/${at}`;
  const { file } = files[at] ?? {};
  const place = file !== undefined && line !== undefined ? { file, line, column } : {};
  const details = { ...(within === undefined ? {} : { pointer: within }), ...place };
  throw new RuntimeError(error.code, error.message, details, { cause: error });
}

/** Its files by what they hold: what a plan shows of a change. */
async function madeOf(draft: Draft, { record, version }: ResourceRow<SkillInput>): Promise<Made> {
  const { id, name } = record;
  const { tree } = await draft.skills.files(draft.caller.tenant, id, version);
  const files = tree.files.map(({ path, bytes, sha256 }) => {
    return [path, `${bytes} bytes, sha256 ${sha256}`] as const;
  });
  return { id, version, fields: { name, files: Object.fromEntries(files) }, parts: {} };
}

async function contentOf({ skills, caller }: Draft, id: string, file: SkillFile): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of skills.pieces(caller.tenant, id, file)) pieces.push(piece);
  return Buffer.concat(pieces);
}
