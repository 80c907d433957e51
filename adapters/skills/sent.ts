// The files of an upload, however it was sent: a zip as the body or as the one file of a form, the files
// of a folder as a form whose parts have relative paths, or JSON with texts and base64.

import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { skillLimits } from "../../actors/records/skill.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { checkPath, tooLarge } from "./paths.ts";
import { acceptedTypes } from "./reading.ts";
import type { SentFile } from "./sent-file.ts";
import { unzip } from "./unzip.ts";

const ZIP_TYPES = ["application/zip", "application/x-zip-compressed", "application/octet-stream"];

/** @throws INVALID, BODY_TOO_LARGE naming entry and limit. */
export async function readSent(type: string, body: Buffer): Promise<readonly SentFile[]> {
  const essence = type.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (ZIP_TYPES.includes(essence)) return await unzip(body);
  if (essence === "multipart/form-data") return await readForm(type, body);
  if (essence === "application/json" || essence === "") return readJson(body);
  const text = `A skill is sent as ${acceptedTypes}, not "${essence.slice(0, 80)}".`;
  throw new RuntimeError("INVALID", text);
}

async function readForm(type: string, body: Buffer): Promise<readonly SentFile[]> {
  const { Busboy } = await import("@fastify/busboy");
  const files: SentFile[] = [];
  let problem: RuntimeError | null = null;
  const refuse = (error: RuntimeError): void => {
    problem ??= error;
  };
  const form = { "content-type": type };
  const busboy = begun(() => {
    const limits = { files: skillLimits.files, fields: 0 };
    return new Busboy({ headers: form, preservePath: true, limits });
  });
  busboy.on("filesLimit", () => refuse(tooMany()));
  busboy.on("fieldsLimit", () => refuse(new RuntimeError("INVALID", NO_FIELDS)));
  busboy.on("file", (_field, stream, path) => {
    const pieces: Buffer[] = [];
    stream.on("data", (piece: Buffer) => pieces.push(piece));
    stream.on("end", () => files.push({ path: path ?? "", bytes: Buffer.concat(pieces) }));
    // A body that ends within a file fails the whole reading below.
    stream.on("error", () => undefined);
  });
  await pipeline(Readable.from([body]), busboy).catch((cause: unknown) => {
    throw noForm(cause);
  });
  if (problem !== null) throw problem;
  const [first] = files;
  if (files.length === 1 && first !== undefined && isZip(first)) {
    return await unzip(Buffer.from(first.bytes));
  }
  return checked(files);
}

/** A type that names no boundary is refused before anything is read. */
function begun<Reader>(begin: () => Reader): Reader {
  try {
    return begin();
  } catch (cause) {
    throw noForm(cause);
  }
}

function noForm(cause: unknown): RuntimeError {
  const why = cause instanceof Error ? cause.message : "it cannot be read";
  return new RuntimeError("INVALID", `The body is no multipart/form-data: ${why}.`, undefined, {
    cause,
  });
}

const NO_FIELDS =
  "A form with a skill has files only: a part is a file when it has a filename, which is its path.";

/** By its first bytes: the name that a client gives a zip is its own affair. */
function isZip({ path, bytes }: SentFile): boolean {
  return !path.endsWith("SKILL.md") && bytes[0] === 0x50 && bytes[1] === 0x4b;
}

function readJson(body: Buffer): readonly SentFile[] {
  const sent = parsed(body);
  const { files, ...more } = isObject(sent) ? sent : { files: undefined };
  refuseOthers(more, "");
  if (!Array.isArray(files) || files.length === 0) {
    throw invalid("The body is {files: [{path, text or base64}]}.", "/files");
  }
  if (files.length > skillLimits.files) throw tooMany();
  return checked(files.map((file: unknown, at) => fileOf(file, `/files/${at}`)));
}

function fileOf(file: unknown, pointer: string): SentFile {
  if (!isObject(file)) throw invalid("A file is {path, text or base64}.", pointer);
  const { path, text, base64, ...more } = file;
  refuseOthers(more, pointer);
  if (typeof path !== "string") throw invalid("A file has a path.", `${pointer}/path`);
  if (typeof text === "string" && base64 === undefined) {
    if (HALF_OF_A_PAIR.test(text)) {
      throw invalid("It has half of a surrogate pair, which is no character.", `${pointer}/text`);
    }
    return { path, bytes: Buffer.from(text) };
  }
  if (typeof base64 !== "string" || text !== undefined) {
    throw invalid("A file has either a text or base64.", `${pointer}/text`);
  }
  const bytes = Buffer.from(base64, "base64");
  // The decoder skips what is not base64: what it has read is written again.
  const isWhole = bytes.toString("base64").replace(/=+$/, "") === base64.replace(/=+$/, "");
  if (isWhole) return { path, bytes };
  throw invalid("This is not base64.", `${pointer}/base64`);
}

const HALF_OF_A_PAIR = /\p{Surrogate}/u;

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (cause) {
    throw badJson(cause);
  }
}

function badJson(cause: unknown): RuntimeError {
  return new RuntimeError("BAD_JSON", "The body is no JSON in UTF-8.", undefined, { cause });
}

function refuseOthers(more: Readonly<Record<string, unknown>>, pointer: string): void {
  const [name] = Object.keys(more);
  if (name === undefined) return;
  const text = `There is no field "${name.slice(0, 40)}" here.`;
  throw new RuntimeError("UNKNOWN_FIELD", text, { pointer: `${pointer}/${name.slice(0, 40)}` });
}

/** Paths and sizes of files that were not in a zip, where both are checked before. */
function checked(files: readonly SentFile[]): readonly SentFile[] {
  const { fileBytes, bytes: most } = skillLimits;
  let total = 0;
  for (const { path, bytes } of files) {
    checkPath(path);
    if (bytes.length > fileBytes) {
      throw tooLarge(path, `it has ${bytes.length} bytes, a file at most ${fileBytes}`, fileBytes);
    }
    total += bytes.length;
    if (total > most) {
      throw tooLarge(path, `with it the files have more than ${most} bytes`, most);
    }
  }
  return files;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function tooMany(): RuntimeError {
  const { files: most } = skillLimits;
  const text = `A skill has at most ${most} files.`;
  return new RuntimeError("BODY_TOO_LARGE", text, { limit: most });
}

function invalid(message: string, pointer: string): RuntimeError {
  return new RuntimeError("INVALID", message, { pointer });
}
