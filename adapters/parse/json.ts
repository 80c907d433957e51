// JSON and JSON lines as text with structure: members of objects are headings and list items, a list
// of alike flat objects is a table, and every other element stands under its path.

import type { Decoded } from "./decode.ts";
import { parseLimits, unreadable } from "./limits.ts";
import type { Parsed } from "./parsed.ts";
import { TableOut } from "./table.ts";
import { TextOut } from "./text-out.ts";

const HEADING_DEPTH = 6;
/** Elements are rows of a table up to so many columns, and so many characters on average. */
const COLUMNS_MAX = 32;
const ROW_CHARS = 400;
/** Whole numbers of more digits than a double keeps are kept as they are written. */
const LONG_DIGITS = 16;
const NEXT_TOKEN = /"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type JsonObject = { readonly [key: string]: Json };

/** @throws RuntimeError DOCUMENT_UNREADABLE (damaged, too-deep, too-large). */
export function parseJson({ text, encoding, warnings }: Decoded): Parsed {
  const value = jsonOf(text);
  const out = new JsonOut();
  out.value([], value);
  return { text: out.text(), metadata: { encoding }, warnings };
}

/** One JSON value a line. @throws as `parseJson`, with the line. */
export function parseJsonLines({ text, encoding, warnings }: Decoded): Parsed {
  const values: Json[] = [];
  let line = 0;
  for (const one of text.split(/\r\n|\n/)) {
    line += 1;
    if (one.trim() !== "") values.push(jsonOf(one, line));
  }
  const out = new JsonOut();
  out.value([], values);
  return { text: out.text(), metadata: { encoding, rows: values.length }, warnings };
}

/** Whether a text is one JSON object or list. */
export function isJson(text: string): boolean {
  if (!/^\s*[[{]/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Whether the first line is an object or list, and there are more. */
export function isJsonLines(text: string): boolean {
  const end = text.trimStart().indexOf("\n");
  return end > 0 && isJson(text.trimStart().slice(0, end));
}

function jsonOf(text: string, line?: number): Json {
  checkDepth(text);
  try {
    const value = JSON.parse(text) as Json;
    const exact = withLongNumbers(text);
    return exact === text ? value : (JSON.parse(exact) as Json);
  } catch (cause) {
    const at = line === undefined ? placeOf(cause, text) : ` at line ${line}`;
    throw unreadable("damaged", `The JSON is not valid${at}.`, cause);
  }
}

/** Valid JSON, its long whole numbers in quotes. */
function withLongNumbers(text: string): string {
  if (!/\d{16}/.test(text)) return text;
  const parts: string[] = [];
  let from = 0;
  NEXT_TOKEN.lastIndex = 0;
  for (let found = NEXT_TOKEN.exec(text); found !== null; found = NEXT_TOKEN.exec(text)) {
    const [token] = found;
    const end = found.index + token.length;
    if (token === '"') NEXT_TOKEN.lastIndex = stringEnd(text, end);
    else if (token.length >= LONG_DIGITS && /^-?\d{16,}$/.test(token)) {
      parts.push(text.slice(from, found.index), `"${token}"`);
      from = end;
    }
  }
  return parts.join("") + text.slice(from);
}

/** Behind the closing quote of a string whose first character is at `from`. */
function stringEnd(text: string, from: number): number {
  for (let at = from; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === BACKSLASH) at += 1;
    else if (code === QUOTE) return at + 1;
  }
  return text.length;
}

function placeOf(cause: unknown, text: string): string {
  const found = /position (\d+)/.exec(cause instanceof Error ? cause.message : "")?.[1];
  if (found === undefined) return "";
  const line = text.slice(0, Number(found)).split("\n").length;
  return ` at line ${line}`;
}

function checkDepth(text: string): void {
  let depth = 0;
  let isString = false;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (isString) {
      if (code === BACKSLASH) at += 1;
      else if (code === QUOTE) isString = false;
    } else if (code === QUOTE) isString = true;
    else if (code === 0x7b || code === 0x5b) {
      depth += 1;
      if (depth > parseLimits.depth) throw tooDeep();
    } else if (code === 0x7d || code === 0x5d) depth -= 1;
  }
}

function tooDeep(): Error {
  return unreadable("too-deep", `The JSON is nested deeper than ${parseLimits.depth} levels.`);
}

class JsonOut {
  readonly #out = new TextOut();
  readonly #table = new TableOut(this.#out);
  #isItem = false;

  text(): string {
    return this.#out.toString();
  }

  /** A value under its path; `path` has the names and, of elements, "[3]". */
  value(path: readonly string[], value: Json): void {
    if (Array.isArray(value)) this.#list(path, value);
    else if (isObject(value)) this.#object(path, value);
    else this.#out.block(`${scalarText(value)}\n`);
  }

  #object(path: readonly string[], object: JsonObject): void {
    const inner: [string, Json][] = [];
    for (const [key, value] of Object.entries(object)) {
      if (isSmall(value)) this.#item(`${key}: ${scalarText(value)}`);
      else inner.push([key, value]);
    }
    for (const [key, value] of inner) this.#section([...path, key], value);
  }

  #list(path: readonly string[], list: readonly Json[]): void {
    const columns = columnsOf(list);
    if (columns !== undefined) {
      this.#isItem = false;
      this.#table.row(columns, true);
      for (const row of list) {
        const cells = row as JsonObject;
        const cell = (column: string): string =>
          Object.hasOwn(cells, column) ? scalarText(cells[column] ?? null) : "";
        this.#table.row(columns.map(cell), false);
      }
      return;
    }
    for (const [index, value] of list.entries()) {
      if (isSmall(value)) this.#item(scalarText(value));
      else this.#section([...path.slice(0, -1), `${path.at(-1) ?? ""}[${index}]`], value);
    }
  }

  #section(path: readonly string[], value: Json): void {
    if (path.length > HEADING_DEPTH) {
      this.#item(`${path.at(-1)}: ${JSON.stringify(value)}`);
      return;
    }
    this.#out.block(`${"#".repeat(path.length)} ${(path.at(-1) ?? "").replace(/\s+/g, " ")}\n`);
    this.#isItem = false;
    this.value(path, value);
  }

  #item(text: string): void {
    const line = `- ${text.replace(/\n/g, "\n  ")}\n`;
    if (this.#isItem) this.#out.add(line);
    else this.#out.block(line);
    this.#isItem = true;
  }
}

function isObject(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What needs no heading: scalars, and lists of nothing else that are short. */
function isSmall(value: Json): boolean {
  if (typeof value !== "object" || value === null) return true;
  if (!Array.isArray(value)) return Object.keys(value).length === 0;
  return (
    value.length <= COLUMNS_MAX &&
    value.every((one) => typeof one === "number" || (typeof one === "string" && one.length < 80))
  );
}

function scalarText(value: Json): string {
  if (typeof value === "string") return value;
  return Array.isArray(value) ? value.join(", ") : JSON.stringify(value);
}

/** Columns of a list that is a table: all elements are flat objects that are short. */
function columnsOf(list: readonly Json[]): string[] | undefined {
  if (list.length < 2) return undefined;
  const columns = new Set<string>();
  let chars = 0;
  for (const value of list) {
    if (!isObject(value)) return undefined;
    for (const [key, cell] of Object.entries(value)) {
      if (!isSmall(cell)) return undefined;
      columns.add(key);
      chars += typeof cell === "string" ? cell.length : 8;
    }
    if (columns.size > COLUMNS_MAX) return undefined;
  }
  return columns.size === 0 || chars > list.length * ROW_CHARS ? undefined : [...columns];
}
