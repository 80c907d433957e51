// CSV and TSV as one table. The splitter repeats its header beside each piece.

import { type CsvError, parse as parseCsv } from "csv-parse/sync";
import type { Decoded } from "./decode.ts";
import { parseLimits, unreadable } from "./limits.ts";
import type { Parsed } from "./parsed.ts";
import { TableOut } from "./table.ts";
import { TextOut } from "./text-out.ts";

const DELIMITERS = [",", ";", "\t", "|"] as const;
const SAMPLE_CHARS = 64 * 1024;
const SAMPLE_LINES = 20;
const LINE_BREAK = /[\r\n]/g;

/** Comma, semicolon, tab or bar separated values; the first row is the header. */
export function parseTable({ text, encoding, warnings }: Decoded): Parsed {
  const out = new TextOut();
  const table = new TableOut(out);
  checkLines(text);
  const delimiter = delimiterOf(text);
  const records = recordsOf(text, delimiter, (cells) => table.count(cells));
  const columns = records[0]?.length ?? 0;
  let ragged = 0;
  for (const [index, record] of records.entries()) {
    if (record.length !== columns) ragged += 1;
    table.write(record, index === 0);
  }
  return {
    text: out.toString(),
    metadata: { encoding, rows: Math.max(0, records.length - 1), columns, delimiter },
    warnings:
      ragged === 0
        ? warnings
        : [...warnings, `${ragged} rows have more or fewer cells than the header.`],
  };
}

/** `count` is told of the cells of each row as it is read. */
function recordsOf(text: string, delimiter: string, count: (cells: number) => void): string[][] {
  try {
    return parseCsv(text, {
      on_record(record: string[]) {
        count(record.length);
        return record;
      },
      delimiter,
      bom: true,
      relax_column_count: true,
      relax_quotes: true,
      skip_empty_lines: true,
    });
  } catch (cause) {
    throw isCsvError(cause) ? damaged(cause) : cause;
  }
}

/** No line is endless: one of a million cells is a mistake, and slow to find out. */
function checkLines(text: string): void {
  let from = 0;
  const check = (end: number): void => {
    if (end - from <= parseLimits.rowChars) return;
    throw unreadable(
      "too-large",
      `A row of the table has more than ${parseLimits.rowChars} characters. Check its line breaks.`,
    );
  };
  for (const { index } of text.matchAll(LINE_BREAK)) {
    check(index);
    from = index + 1;
  }
  check(text.length);
}

/** The one that the first lines have equally often, and most often. */
function delimiterOf(text: string): string {
  const lines = text
    .slice(0, SAMPLE_CHARS)
    .replace(/"[^"]*"/g, "")
    .split(/\r\n|\r|\n/, SAMPLE_LINES)
    .filter((line) => line.trim() !== "");
  let best: string = DELIMITERS[0];
  let most = 0;
  for (const delimiter of DELIMITERS) {
    const counts = lines.map((line) => line.split(delimiter).length - 1);
    const [first = 0] = counts;
    const score = first * counts.filter((count) => count === first).length;
    if (score > most) [best, most] = [delimiter, score];
  }
  return best;
}

function isCsvError(cause: unknown): cause is CsvError {
  return cause instanceof Error && "code" in cause && String(cause.code).startsWith("CSV_");
}

function damaged(cause: CsvError): Error {
  const line = typeof cause["lines"] === "number" ? ` at line ${cause["lines"]}` : "";
  const what =
    cause.code === "CSV_QUOTE_NOT_CLOSED"
      ? `a quote${line} is never closed`
      : `it cannot be read${line}`;
  return unreadable("damaged", `The table is damaged: ${what}.`, cause);
}
