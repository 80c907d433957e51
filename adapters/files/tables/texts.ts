// Rows of CSV, JSON and JSON lines.

import { type CsvError, parse as parseCsv } from "csv-parse/sync";
import { RuntimeError } from "../../../runtime/errors.ts";
import { fileLimits } from "../limits.ts";
import type { Row, Table } from "./table.ts";

const DELIMITERS = [",", ";", "\t", "|"] as const;
const ROW_CHARS = 2 * 1024 * 1024;
const HEAD_CHARS = 64 * 1024;

/** The first row has the names; what is beyond them in a row has none and is left out. */
export function readCsv(text: string, table: Table): void {
  let names: readonly string[] | null = null;
  try {
    parseCsv(text, {
      bom: true,
      delimiter: delimiterOf(text),
      relax_column_count: true,
      relax_quotes: true,
      skip_empty_lines: true,
      max_record_size: ROW_CHARS,
      // Nothing is kept: rows are taken as they come.
      on_record(cells: string[]) {
        if (names === null) {
          names = namesOf(cells);
          table.head(names);
        } else table.add(rowOf(names, cells));
        return null;
      },
    });
  } catch (error) {
    if (error instanceof RuntimeError) throw error;
    const { code = "", lines } = error as CsvError & { readonly lines?: number };
    throw unreadable(`The CSV cannot be read${lines ? `, line ${lines}` : ""}: ${code}.`, error);
  }
}

function rowOf(names: readonly string[], cells: readonly string[]): Row {
  const row: Record<string, string> = Object.create(null);
  for (const [at, name] of names.entries()) {
    const cell = cells[at];
    if (cell !== undefined) row[name] = cell;
  }
  return row;
}

/** Each once: a column that has another's name, or none, is named by where it is. */
function namesOf(cells: readonly string[]): readonly string[] {
  if (cells.length > fileLimits.columns) {
    throw unreadable(`The data has more than ${fileLimits.columns} columns.`);
  }
  const names = new Set<string>();
  for (const [at, cell] of cells.entries()) {
    const name = cell.trim().slice(0, fileLimits.valueChars);
    names.add(name === "" || names.has(name) ? `${name || "column"}_${at + 1}` : name);
  }
  return [...names];
}

/** The one that the first line has most of, outside of quotes. */
function delimiterOf(text: string): string {
  const head = text.slice(0, HEAD_CHARS);
  const line = /^[^\r\n]*/.exec(head.replace(/"(?:[^"]|"")*"/g, ""))?.[0] ?? "";
  const counted = DELIMITERS.map((one) => [one, line.split(one).length] as const);
  return counted.reduce((best, one) => (one[1] > best[1] ? one : best))[0];
}

/** A list of objects, or an object that has one and no other list. */
export function readJson(text: string, table: Table): void {
  const value = parsed(text);
  const lists = isObject(value) ? Object.values(value).filter(Array.isArray) : [];
  const rows = Array.isArray(value) ? value : lists.length === 1 ? lists[0] : null;
  if (rows === null || rows === undefined) {
    throw unreadable("The JSON is no list of objects, and has none.");
  }
  for (const row of rows as readonly unknown[]) table.add(asRow(row));
}

/** An object a line. */
export function readJsonLines(text: string, table: Table): void {
  let line = 0;
  for (let from = 0; from < text.length; ) {
    const at = text.indexOf("\n", from);
    const end = at === -1 ? text.length : at;
    line += 1;
    const said = text.slice(from, end).trim();
    if (said !== "") table.add(asRow(parsed(said, line)));
    from = end + 1;
  }
}

function asRow(value: unknown): Row {
  return isObject(value) ? (value as Row) : { value: value as Row[string] };
}

function parsed(text: string, line?: number): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw unreadable(
      `The JSON cannot be read${line === undefined ? "" : `, line ${line}`}.`,
      cause,
    );
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Data that cannot be read. */
export function unreadable(message: string, cause?: unknown): RuntimeError {
  return new RuntimeError("DOCUMENT_UNREADABLE", message, {}, { cause });
}
