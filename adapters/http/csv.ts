// Answers as CSV (RFC 4180) for spreadsheets, written as they are read. A text that a spreadsheet would take
// for a formula is written with an apostrophe before it; numbers are what they are.

import type { HttpResponse } from "./server.ts";

/** A field. Null is empty. */
export type Cell = string | number | null;

/** Lines that are written in one piece. */
const LINES_AT_ONCE = 200;
/** What begins a formula, in either width; a tab or a line's end before it is passed over by spreadsheets. */
const FORMULA = /^\s*[=+\-@\uff0b\uff0d\uff1d\uff20]/;
const QUOTED = /[",\r\n]/;

/** One line with its end. */
export function csvLine(cells: readonly Cell[]): string {
  return `${cells.map(cellText).join(",")}\r\n`;
}

/** Whether a request wants CSV: `?format=csv`, or an Accept that names it and no JSON. */
export function wantsCsv(request: {
  readonly query: URLSearchParams;
  header(name: string): string | undefined;
}): boolean {
  const format = request.query.get("format");
  if (format !== null) return format === "csv";
  const accept = request.header("accept") ?? "";
  return accept.includes("text/csv") && !accept.includes("json");
}

/** The answer: a head line, then a line for each row, as they come and the client reads them. */
export function csv(
  name: string,
  head: readonly string[],
  rows: AsyncIterable<readonly Cell[]>,
): HttpResponse {
  return {
    status: 200,
    headers: {
      "Content-Type": "text/csv; charset=utf-8; header=present",
      "Content-Disposition": `attachment; filename="${name}.csv"`,
    },
    stream: async (sink) => {
      let [text, lines] = [csvLine(head), 0];
      const flush = async (): Promise<void> => {
        if (!sink.write(text)) await sink.drained;
        [text, lines] = ["", 0];
      };
      for await (const row of rows) {
        if (sink.signal.aborted) return;
        text += csvLine(row);
        lines += 1;
        if (lines >= LINES_AT_ONCE) await flush();
      }
      if (text !== "") await flush();
    },
  };
}

function cellText(cell: Cell): string {
  if (cell === null) return "";
  if (typeof cell === "number") return String(cell);
  const safe = FORMULA.test(cell) ? `'${cell}` : cell;
  return QUOTED.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
