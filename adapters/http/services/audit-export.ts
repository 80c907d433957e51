// The audit as a file: the whole chain as JSON lines, to be verified elsewhere, or what is asked for as CSV,
// for people. Both are written as they are read, however long they are.

import { RuntimeError } from "../../../runtime/errors.ts";
import type { Tables } from "../../../runtime/system.ts";
import { type Chaining, chainArrived } from "../../audit/chaining.ts";
import type { AuditLine } from "../../audit/export-lines.ts";
import { auditLines } from "../../audit/export-lines.ts";
import { isAskedFor } from "../../audit/find.ts";
import { type AuditVerdict, verifyAudit } from "../../audit/verify.ts";
import type { HttpResponse, ResponseSink } from "../server.ts";
import { auditFilter } from "./audit.ts";

const columns = [
  ...["n", "id", "at", "action", "by", "by_name", "role", "subject", "run_id", "request_id"],
  ...["from", "channel", "outcome", "details", "before", "after"],
] as const;

/** @throws INVALID for another format, and for a chain that is asked for in parts. */
export async function exportAudit(
  chaining: Chaining,
  tenant: string,
  query: URLSearchParams,
): Promise<HttpResponse> {
  const format = query.get("format") ?? "jsonl";
  if (format !== "jsonl" && format !== "csv") {
    throw new RuntimeError("INVALID", "format is jsonl or csv.", { parameter: "format" });
  }
  const filter = auditFilter(query);
  const narrowed = Object.entries(filter).find(([, value]) => value !== null);
  if (format === "jsonl" && narrowed !== undefined) {
    const parameter = narrowed[0].replace("Ms", "");
    const text = "A chain is exported as a whole; narrow a list, or an export as CSV.";
    throw new RuntimeError("INVALID", text, { parameter });
  }
  await chainArrived(chaining, tenant);
  const { tables } = chaining;
  if (format === "jsonl") {
    return file("application/x-ndjson; charset=utf-8", "audit.jsonl", async (sink) => {
      for await (const lines of auditLines(tables, tenant)) {
        const text = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
        if (!(await written(sink, text))) return;
      }
    });
  }
  return file("text/csv; charset=utf-8", "audit.csv", async (sink) => {
    if (!(await written(sink, `${columns.join(",")}\r\n`))) return;
    for await (const lines of auditLines(tables, tenant)) {
      const rows = lines
        .flatMap((line) => rowOf(line))
        .filter(({ row }) => isAskedFor(row, filter));
      const text = rows.map((row) => `${csvOf(row)}\r\n`).join("");
      if (!(await written(sink, text))) return;
    }
  });
}

/** Whether the chain of a tenant is whole, and signed by its key. */
export async function verifyHere(chaining: Chaining, tenant: string): Promise<AuditVerdict> {
  await chainArrived(chaining, tenant);
  const { tables, key } = chaining;
  return await verifyAudit(each(tables, tenant), key === null ? {} : { keys: [key] });
}

async function* each(tables: Tables, tenant: string): AsyncIterable<AuditLine> {
  for await (const lines of auditLines(tables, tenant)) yield* lines;
}

function file(
  type: string,
  name: string,
  stream: (sink: ResponseSink) => Promise<void>,
): HttpResponse {
  return {
    status: 200,
    headers: {
      "Content-Type": type,
      "Content-Disposition": `attachment; filename="${name}"`,
    },
    stream,
  };
}

/** @returns whether anybody still reads. */
async function written(sink: ResponseSink, text: string): Promise<boolean> {
  if (text !== "" && !sink.signal.aborted && !sink.write(text)) await sink.drained;
  return !sink.signal.aborted;
}

type EntryLine = Extract<AuditLine, { type: "entry" }>;
interface CsvRow {
  readonly n: number | null;
  readonly row: EntryLine["row"];
  readonly before: unknown;
  readonly after: unknown;
}

function rowOf(line: AuditLine): readonly CsvRow[] {
  if (line.type === "entry") {
    const { before = null, after = null } = line.content ?? {};
    return [{ n: line.n, row: line.row, before, after }];
  }
  if (line.type !== "fresh") return [];
  const { before = null, after = null, ...row } = line.row;
  return [{ n: null, row: { ...row, content: null }, before, after }];
}

function csvOf({ n, row, before, after }: CsvRow): string {
  const all: Readonly<Record<string, unknown>> = { outcome: "done", ...row, n, before, after };
  return columns.map((name) => cell(all[name])).join(",");
}

/** A cell as RFC 4180 writes it. What a spreadsheet would take for a formula is made a text. */
function cell(value: unknown): string {
  if (value === null || value === undefined) return "";
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
