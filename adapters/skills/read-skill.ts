// What was sent, as a skill: its files at their places in its folder, what SKILL.md says, and digests
// by which versions share files. A task of the compute pool: what clients pack and write is read there,
// within a time and a memory of its own.

import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import {
  type SkillFile,
  type SkillInput,
  type SkillTree,
  skillLimits,
} from "../../actors/records/skill.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { readSkillText } from "./front-matter.ts";
import { checkDistinct, isLitter, tooLarge } from "./paths.ts";
import { readSent } from "./sent.ts";
import type { SentFile } from "./sent-file.ts";

/** What was sent. */
export interface SkillBody {
  /** Content-Type of the request. */
  readonly type: string;
  readonly bytes: Uint8Array;
}

/** A skill that was read. `contents`: the bytes of all files, in the order of the tree. */
export interface ReadSkill {
  readonly input: SkillInput;
  readonly tree: SkillTree;
  readonly contents: Uint8Array;
}

const MAIN = "SKILL.md";
/** @throws INVALID, BODY_TOO_LARGE, UNKNOWN_FIELD, BAD_JSON naming the entry and the limit. */
export async function readSkill(input: unknown): Promise<ReadSkill> {
  const { type, bytes } = input as SkillBody;
  // Libraries want memory of their own.
  const sent = await readSent(type, Buffer.from(Uint8Array.from(bytes)));
  const { folder, files } = inFolder(sent.filter(({ path }) => !isLitter(path)));
  const main = files.find(({ path }) => path === MAIN);
  if (main === undefined) throw noMain(sent);
  if (files.length > skillLimits.files) {
    const most = skillLimits.files;
    throw tooLarge(files[most]?.path ?? "", `a skill has at most ${most} files`, most);
  }
  checkDistinct(files.map(({ path }) => path));
  const { fields, bodyAt } = await readSkillText(main.bytes);
  checkFolder(folder, fields.name);
  const inOrder = [...files].sort((left, right) => (left.path < right.path ? -1 : 1));
  const tree = { bodyAt, files: inOrder.map(fileOf) };
  const total = inOrder.reduce((sum, one) => sum + one.bytes.length, 0);
  return {
    tree,
    contents: joined(inOrder, total),
    input: {
      ...fields,
      file_count: files.length,
      bytes: total,
      tree: digestOf(tree.files),
    } as SkillInput,
  };
}

interface Folder {
  /** Null: SKILL.md was at the top. */
  readonly folder: string | null;
  readonly files: readonly SentFile[];
}

/** A skill is sent as what is in its folder, or as the folder. */
function inFolder(sent: readonly SentFile[]): Folder {
  if (sent.some(({ path }) => path === MAIN)) return { folder: null, files: sent };
  const [folder = ""] = sent[0]?.path.split("/", 1) ?? [];
  const start = `${folder}/`;
  if (folder === "" || !sent.every(({ path }) => path.startsWith(start))) {
    return { folder: null, files: sent };
  }
  const files = sent.map(({ path, bytes }) => ({ path: path.slice(start.length), bytes }));
  return { folder, files };
}

function noMain(sent: readonly SentFile[]): RuntimeError {
  const other = sent.find(({ path }) => /(?:^|\/)skill\.md$/i.test(path))?.path;
  const found = other === undefined ? "" : ` There is ${JSON.stringify(other)}.`;
  const text = `SKILL.md is missing: it is at the top of what is sent, or of the one folder in it.${found}`;
  return new RuntimeError("INVALID", text, { entry: MAIN });
}

function checkFolder(folder: string | null, name: string): void {
  if (folder === null || folder === name) return;
  const text = `SKILL.md names the skill "${name}" and its folder is "${folder}": both have one name.`;
  throw new RuntimeError("INVALID", text, { entry: folder });
}

function fileOf({ path, bytes }: SentFile): SkillFile {
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const isText = isUtf8(bytes) && !bytes.includes(0);
  return { path, bytes: bytes.length, sha256, crc32: crc32(bytes), isText };
}

function digestOf(files: readonly SkillFile[]): string {
  const hash = createHash("sha256");
  // No path has a line feed.
  for (const { path, sha256 } of files) hash.update(`${sha256} ${path}\n`);
  return hash.digest("hex");
}

/** In memory that the thread that asked reads as it is. */
function joined(files: readonly SentFile[], total: number): Uint8Array {
  const all = new Uint8Array(new SharedArrayBuffer(total));
  let at = 0;
  for (const { bytes } of files) {
    all.set(bytes, at);
    at += bytes.length;
  }
  return all;
}
