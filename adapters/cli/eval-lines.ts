// Labelled files of the user's: JSON lines or CSV with a header, read whole and checked line by line.
// An error names the file, the line and the field.

import { readFile, stat } from "node:fs/promises";
import { RuntimeError } from "../../runtime/errors.ts";

/** A line as fields, and where it stands. */
export interface Line {
  readonly file: string;
  /** From 1. */
  readonly number: number;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Limits of a labelled file. */
export const lineLimits = {
  bytes: 512 * 1_024 * 1_024,
  lines: 2_000_000,
  fieldChars: 1_000_000,
} as const;

/** Reads a file. @throws INVALID naming file and line. */
export async function readLines(file: string): Promise<readonly Line[]> {
  const found = await stat(file).catch(() => undefined);
  if (found === undefined) throw new RuntimeError("NOT_FOUND", `There is no file ${file}.`);
  if (found.size > lineLimits.bytes) {
    throw invalid(file, `has ${found.size} bytes; at most ${lineLimits.bytes} are read`);
  }
  const text = (await readFile(file, "utf8")).replace(/^\ufeff/, "");
  const lines = file.toLowerCase().endsWith(".csv") ? csvLines(file, text) : jsonLines(file, text);
  if (lines.length === 0) throw invalid(file, "has no lines");
  if (lines.length > lineLimits.lines) throw invalid(file, `has over ${lineLimits.lines} lines`);
  return lines;
}

/** A field that must be a text with something in it. */
export function textField({ file, number, fields }: Line, name: string): string {
  const value = fields[name];
  if (value === undefined) {
    const known = Object.keys(fields).slice(0, 8).join(", ");
    throw invalid(`${file}:${number}`, `has no field "${name}" (it has: ${known})`);
  }
  if (typeof value !== "string" && typeof value !== "number") {
    throw invalid(`${file}:${number}`, `field "${name}" is not a text`);
  }
  const text = String(value);
  if (text.trim() === "") throw invalid(`${file}:${number}`, `field "${name}" is empty`);
  if (text.length > lineLimits.fieldChars) {
    throw invalid(
      `${file}:${number}`,
      `field "${name}" is over ${lineLimits.fieldChars} characters`,
    );
  }
  return text;
}

/** A field that must be a number. */
export function numberField(line: Line, name: string): number {
  const value = Number(textField(line, name));
  if (Number.isFinite(value)) return value;
  throw invalid(`${line.file}:${line.number}`, `field "${name}" is not a number`);
}

/** The value of a JSON text. @throws INVALID naming where it stands. */
export function parsedJson(text: string, where: string): unknown {
  let failure: unknown;
  try {
    return JSON.parse(text);
  } catch (cause) {
    failure = cause;
  }
  throw new RuntimeError("INVALID", `${where} is not JSON.`, {}, { cause: failure });
}

function invalid(where: string, what: string): RuntimeError {
  return new RuntimeError("INVALID", `${where} ${what}.`);
}

function jsonLines(file: string, text: string): Line[] {
  const lines: Line[] = [];
  for (const [at, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const number = at + 1;
    const fields = parsedJson(line, `${file}:${number}`);
    if (typeof fields !== "object" || fields === null || Array.isArray(fields)) {
      throw invalid(`${file}:${number}`, "is not a JSON object");
    }
    lines.push({ file, number, fields: fields as Record<string, unknown> });
  }
  return lines;
}

/** CSV as in RFC 4180; the first row names the fields. */
function csvLines(file: string, text: string): Line[] {
  const lines: Line[] = [];
  let header: readonly string[] | undefined;
  for (const { number, cells } of csvRows(file, text)) {
    if (header === undefined) {
      header = cells.map((cell) => cell.trim());
      continue;
    }
    if (cells.length !== header.length) {
      const what = `has ${cells.length} fields where the header has ${header.length}`;
      throw invalid(`${file}:${number}`, what);
    }
    const fields = Object.fromEntries(header.map((name, at) => [name, cells[at] ?? ""]));
    lines.push({ file, number, fields });
  }
  return lines;
}

function* csvRows(file: string, text: string): Generator<{ number: number; cells: string[] }> {
  let cells: string[] = [];
  let cell = "";
  let isQuoted = false;
  let line = 1;
  let started = 1;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at];
    if (char === "\n") line += 1;
    if (isQuoted) {
      if (char !== '"') cell += char;
      else if (text[at + 1] === '"') {
        cell += '"';
        at += 1;
      } else isQuoted = false;
    } else if (char === '"' && cell === "") isQuoted = true;
    else if (char === ",") {
      cells.push(cell);
      cell = "";
    } else if (char === "\n") {
      cells.push(cell.replace(/\r$/, ""));
      if (cells.length > 1 || cells[0] !== "") yield { number: started, cells };
      cells = [];
      cell = "";
      started = line;
    } else cell += char;
  }
  if (isQuoted) throw invalid(`${file}:${started}`, "has a quote that is not closed");
  if (cell !== "" || cells.length > 0) yield { number: started, cells: [...cells, cell] };
}
