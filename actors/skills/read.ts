// One page of a file of a skill, from the tenant's rows: whole characters, and where the next page
// begins. Only pieces that the page lies in are read.

import { RuntimeError } from "../../runtime/errors.ts";
import {
  pieceId,
  type SkillFile,
  type SkillInput,
  type SkillTree,
  skillLimits,
  skillRowId,
  skillTables,
} from "../records/skill.ts";
import type { SkillBytes } from "./script.ts";

/** A version of a skill. */
export interface PinnedSkill {
  readonly id: string;
  readonly version: number;
  readonly record: SkillInput;
}

/** What is wanted of it. */
export interface SkillPage {
  /** Null: the body of SKILL.md. */
  readonly path: string | null;
  /** Bytes after the beginning of the file, or of the body. */
  readonly offset: number;
  readonly bytesMax: number;
}

/** What a model is told. */
export interface ReadPage {
  readonly skill: string;
  readonly path: string;
  /** Not called `text`: what a step calls so is shown to viewers. */
  readonly content: string;
  /** Of the whole file, or the body. */
  readonly bytes: number;
  /** Null: this was the end. */
  readonly next_offset: number | null;
  /** With the beginning of the body: what else can be read. */
  readonly files?: readonly { readonly path: string; readonly bytes: number }[];
  readonly files_left_out?: number;
}

type Read = (table: string, id: string) => Promise<unknown>;

const MAIN = "SKILL.md";

/** @throws NOT_FOUND for a file that is not there, INVALID for one that is no text or an offset behind its end. */
export async function readSkillPage(
  read: Read,
  skill: PinnedSkill,
  { path, offset, bytesMax }: SkillPage,
): Promise<ReadPage> {
  const { id, record } = skill;
  const tree = (await read(skillTables.trees, skillRowId(id, record.tree))) as
    | SkillTree
    | undefined;
  if (tree === undefined) throw gone(record.name);
  const isBody = path === null || path === MAIN;
  const file = fileOf(tree, path ?? MAIN, record.name);
  const from = isBody ? tree.bodyAt : 0;
  const bytes = file.bytes - from;
  if (offset > bytes) {
    const text = `${file.path} has ${bytes} bytes; the offset ${offset} is behind its end.`;
    throw new RuntimeError("INVALID", text, { pointer: "/offset" });
  }
  const end = Math.min(file.bytes, from + offset + bytesMax);
  const page = wholeCharacters(await slice(read, id, file, { from: from + offset, end }), {
    isEnd: end === file.bytes,
  });
  const next = offset + page.length;
  return {
    skill: record.name,
    path: file.path,
    content: page.toString(),
    bytes,
    next_offset: next < bytes ? next : null,
    ...(isBody && offset === 0 && othersOf(tree)),
  };
}

/** Files of a version with their bytes: all, or one by its path. @throws NOT_FOUND for a skill that is gone. */
export async function readSkillFiles(
  read: Read,
  { id, record }: PinnedSkill,
  path: string | null,
): Promise<readonly SkillBytes[]> {
  const row = await read(skillTables.trees, skillRowId(id, record.tree));
  if (row === undefined) throw gone(record.name);
  const { files } = row as SkillTree;
  const wanted = files.filter((file) => path === null || file.path === path);
  const contents: SkillBytes[] = [];
  for (const file of wanted) {
    const bytes = await slice(read, id, file, { from: 0, end: file.bytes });
    contents.push({ path: file.path, bytes });
  }
  return contents;
}

function fileOf({ files }: SkillTree, path: string, name: string): SkillFile {
  const file = files.find((one) => one.path === path);
  if (file === undefined) {
    const text = `The skill ${name} has no file ${JSON.stringify(path.slice(0, skillLimits.pathChars))}.`;
    throw new RuntimeError("NOT_FOUND", text, { pointer: "/path" });
  }
  if (file.isText) return file;
  throw new RuntimeError("INVALID", `${path} is no text: it cannot be read.`, { pointer: "/path" });
}

async function slice(
  read: Read,
  id: string,
  { sha256 }: SkillFile,
  { from, end }: { readonly from: number; readonly end: number },
): Promise<Buffer> {
  const { pieceBytes } = skillLimits;
  const parts: Uint8Array[] = [];
  for (let piece = Math.floor(from / pieceBytes); piece * pieceBytes < end; piece += 1) {
    const row = (await read(skillTables.files, pieceId(id, sha256, piece))) as
      | Uint8Array
      | undefined;
    if (row === undefined) throw gone(id);
    const start = piece * pieceBytes;
    parts.push(row.subarray(Math.max(0, from - start), end - start));
  }
  return Buffer.concat(parts);
}

/** Without the begun character at either end: an offset that a model made up may be within one. */
function wholeCharacters(bytes: Buffer, { isEnd }: { readonly isEnd: boolean }): Buffer {
  if (isEnd) return bytes;
  let end = bytes.length;
  // A character has at most four bytes, and those after its first begin with the bits 10.
  for (let back = 1; back <= 4 && back <= bytes.length; back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    if (length > back) end = bytes.length - back;
    break;
  }
  return bytes.subarray(0, end);
}

function othersOf({ files }: SkillTree): Pick<ReadPage, "files" | "files_left_out"> {
  const others = files.filter(({ path, isText }) => path !== MAIN && isText);
  if (others.length === 0) return {};
  const told = others.slice(0, skillLimits.filesTold);
  const left = others.length - told.length;
  return {
    files: told.map(({ path, bytes }) => ({ path, bytes })),
    ...(left > 0 && { files_left_out: left }),
  };
}

function gone(name: string): RuntimeError {
  return new RuntimeError("NOT_FOUND", `The skill ${name} was deleted.`);
}
