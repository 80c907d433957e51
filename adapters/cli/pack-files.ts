// A pack's file as the terminal sends it: with the texts of the files that its documents and skills name, which lie
// below its own folder, and with the secrets that it refers to, from the environment.

import { isUtf8 } from "node:buffer";
import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { basename, dirname, join, sep } from "node:path";
import { RuntimeError } from "../../runtime/errors.ts";
import { secretsIn } from "../packs/expand.ts";
import { isBelow } from "../packs/file-path.ts";
import { packLimits } from "../packs/limits.ts";
import { isLitter } from "../skills/paths.ts";

/** What is sent. */
export interface PackBody {
  readonly source: string;
  readonly file: string;
  readonly files: Readonly<Record<string, string>>;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly secrets: Readonly<Record<string, string>>;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads a pack.
 * @param given parameters as they were typed, "name=value".
 * @param env where `{secret: env:NAME}` is looked up.
 * @throws INVALID for a file that is not there, not below the pack's folder, or too much.
 */
export async function packBodyOf(
  path: string,
  given: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<PackBody> {
  const source = await textOf(path, packLimits.sourceBytes);
  const { parse } = await import("yaml");
  let value: unknown = null;
  try {
    value = parse(source, { maxAliasCount: packLimits.aliases });
  } catch {
    // The server says what is wrong with it, and where.
  }
  const secrets = [...secretsIn(value)].flatMap((name) => {
    const secret = env[name];
    return secret === undefined ? [] : [[name, secret] as const];
  });
  return {
    source,
    file: basename(path),
    files: await filesOf(value, await realpath(dirname(path))),
    parameters: parametersOf(value, given),
    secrets: Object.fromEntries(secrets),
  };
}

async function textOf(path: string, bytesMax: number): Promise<string> {
  const about = await stat(path).catch((cause: unknown) => {
    throw new RuntimeError("INVALID", `There is no file ${path}.`, {}, { cause });
  });
  if (about.size > bytesMax) {
    throw new RuntimeError("INVALID", `${path} has ${about.size} bytes; the limit is ${bytesMax}.`);
  }
  const bytes = await readFile(path);
  if (isUtf8(bytes)) return bytes.toString();
  const text = `${path} is no UTF-8 text; a file of a skill that is none stands in the pack as base64.`;
  throw new RuntimeError("INVALID", text);
}

/** Texts of all files that the pack names, each once. */
async function filesOf(value: unknown, folder: string): Promise<Readonly<Record<string, string>>> {
  const files: Record<string, string> = {};
  let left: number = packLimits.filesBytes;
  const take = async (named: string): Promise<void> => {
    if (Object.hasOwn(files, named)) return;
    if (Object.keys(files).length >= packLimits.files) {
      throw new RuntimeError("INVALID", `A pack has at most ${packLimits.files} files.`);
    }
    files[named] = await textOf(await placeOf(named, folder), left);
    left -= Buffer.byteLength(files[named]);
  };
  const sections = value as Fields | null;
  for (const collection of listOf(sections?.["collections"])) {
    for (const { file } of listOf(collection["documents"])) {
      if (typeof file === "string") await take(file);
    }
  }
  for (const skill of listOf(sections?.["skills"])) {
    for (const { file } of listOf(skill["files"])) if (typeof file === "string") await take(file);
    const { folder: named } = skill;
    if (typeof named !== "string") continue;
    for (const file of await filesIn(named, await placeOf(named, folder))) await take(file);
  }
  return files;
}

/** Where a path of the pack leads to. @throws INVALID when that is not below the pack's own folder. */
async function placeOf(named: string, folder: string): Promise<string> {
  if (!isBelow(named)) {
    const text = `${named} is not below the pack's own folder: only files there are sent.`;
    throw new RuntimeError("INVALID", text);
  }
  const path = join(folder, named);
  const real = await realpath(path).catch(() => path);
  // A link may lead out of the folder.
  if (real.startsWith(folder + sep)) return path;
  throw new RuntimeError("INVALID", `${named} leads out of the pack's own folder.`);
}

/** Paths of all files in a folder, by name; what systems leave there is none of them. */
async function filesIn(named: string, path: string): Promise<readonly string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch((cause: unknown) => {
    throw new RuntimeError("INVALID", `There is no folder ${named}.`, {}, { cause });
  });
  const files: string[] = [];
  for (const entry of entries.toSorted((left, right) => (left.name < right.name ? -1 : 1))) {
    const within = `${named}/${entry.name}`;
    if (isLitter(within)) continue;
    // Links are files: where they lead to is looked at when they are read.
    if (entry.isDirectory()) files.push(...(await filesIn(within, join(path, entry.name))));
    else files.push(within);
    if (files.length > packLimits.files) return files;
  }
  return files;
}

function parametersOf(value: unknown, given: readonly string[]): Fields {
  const declared = ((value as Fields | null)?.["parameters"] ?? {}) as Readonly<
    Record<string, { readonly type?: unknown } | null>
  >;
  const pairs = given.map((pair) => {
    const at = pair.indexOf("=");
    if (at < 1) throw new RuntimeError("INVALID", `a parameter is NAME=VALUE, not ${pair}.`);
    const [name, text] = [pair.slice(0, at), pair.slice(at + 1)];
    return [name, declared[name]?.type === "string" ? text : jsonOf(text)] as const;
  });
  return Object.fromEntries(pairs);
}

/** A value that is no text, else the text. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function listOf(value: unknown): readonly Fields[] {
  const isObject = (one: unknown): one is Fields => typeof one === "object" && one !== null;
  return Array.isArray(value) ? value.filter(isObject) : [];
}
