// Whether an export of a tenant is whole: its last line has the number and the SHA-256 of those before it.

import { createHash } from "node:crypto";
import { RuntimeError } from "../../runtime/errors.ts";
import { EXPORT_FORMAT } from "./export-lines.ts";

/** What an export says of itself. */
export interface ExportChecked {
  readonly tenant: string;
  /** When what it shows was so, ISO 8601. */
  readonly at: string;
  /** Lines before the last one. */
  readonly lines: number;
  /** Of each kind. */
  readonly counts: Readonly<Record<string, number>>;
}

/**
 * Reads lines (without their ends) to the last.
 * @throws DATA_DAMAGED when it was cut or changed, FOREIGN_DATA for another file or format.
 */
export async function checkExport(
  lines: AsyncIterable<string> | Iterable<string>,
): Promise<ExportChecked> {
  const sum = createHash("sha256");
  let head: Fields | undefined;
  let last: string | undefined;
  let count = 0;
  for await (const line of lines) {
    if (last !== undefined) {
      head ??= headOf(last);
      sum.update(`${last}\n`);
      count += 1;
    }
    last = line;
  }
  const end = last === undefined ? null : fieldsOf(last);
  if (head === undefined || end?.["kind"] !== "end") {
    throw new RuntimeError("DATA_DAMAGED", "The export has no last line: it was cut.");
  }
  if (end["lines"] !== count || end["sha256"] !== sum.digest("hex")) {
    throw new RuntimeError(
      "DATA_DAMAGED",
      "The export is not what was written: its SHA-256 differs.",
    );
  }
  const { id } = head["tenant"] as { readonly id: string };
  return {
    ...{ tenant: id, at: String(head["at"]), lines: count },
    counts: end["counts"] as ExportChecked["counts"],
  };
}

type Fields = Readonly<Record<string, unknown>>;

function headOf(line: string): Fields {
  const head = fieldsOf(line);
  if (head?.["kind"] === "export" && head["format"] === EXPORT_FORMAT) return head;
  const text = `This is no export of a tenant, or of another format than ${EXPORT_FORMAT}.`;
  throw new RuntimeError("FOREIGN_DATA", text);
}

function fieldsOf(line: string): Fields | null {
  try {
    return JSON.parse(line) as Fields;
  } catch {
    return null;
  }
}
