// Changes of the operator's folder of scripts in the server's audit: what a file was is kept, so that one that was
// changed while the server was down is told as well, and a start tells nothing.

import { systemTenant } from "../../actors/records/api-key.ts";
import { scriptLimits } from "../../actors/tools/script-run.ts";
import type { Tables } from "../../runtime/system.ts";
import { byServer } from "../audit/act.ts";
import { auditWrites } from "../audit/audit-writes.ts";

/** Rows of the server: `{ sha256 }` by the name of the file. */
export const scriptFilesTable = "script-files";

const PAGE = 200;

/** What the files were when they were told last. */
export class ScriptDigests {
  readonly #tables: Pick<Tables, "list" | "write">;
  #known: Promise<Map<string, string>> | undefined;

  constructor(tables: Pick<Tables, "list" | "write">) {
    this.#tables = tables;
  }

  /** Tells of a file that is new or another one. */
  async tell(file: string, sha256: string, problem: string | null): Promise<void> {
    const known = await this.#read();
    const before = known.get(file);
    if (before === sha256) return;
    await this.#write(file, before, sha256, problem);
    known.set(file, sha256);
  }

  /** Tells of those that are gone. */
  async keep(files: ReadonlySet<string>): Promise<void> {
    const known = await this.#read();
    for (const [file, before] of [...known]) {
      if (files.has(file)) continue;
      await this.#write(file, before, undefined, null);
      known.delete(file);
    }
  }

  #read(): Promise<Map<string, string>> {
    this.#known ??= readDigests(this.#tables).catch((error: unknown) => {
      this.#known = undefined;
      throw error;
    });
    return this.#known;
  }

  async #write(
    file: string,
    before: string | undefined,
    after: string | undefined,
    problem: string | null,
  ): Promise<void> {
    const table = scriptFilesTable;
    const audit = auditWrites(byServer, {
      ...{ action: "script.change", subject: file },
      ...(before !== undefined && { before: { sha256: before } }),
      ...(after !== undefined && { after: { sha256: after } }),
      ...(problem !== null && { details: { problem: problem.slice(0, scriptLimits.errorChars) } }),
    });
    const kept =
      after === undefined
        ? ({ type: "remove", table, id: file } as const)
        : ({ type: "put", table, id: file, value: { sha256: after } } as const);
    await this.#tables.write(systemTenant, [...audit, kept]);
  }
}

async function readDigests(tables: Pick<Tables, "list">): Promise<Map<string, string>> {
  const known = new Map<string, string>();
  for (let after = ""; known.size <= 2 * scriptLimits.files; ) {
    const page = { limit: PAGE, ...(after !== "" && { after }) };
    const rows = await tables.list(systemTenant, scriptFilesTable, page);
    for (const { id, value } of rows) {
      known.set(id, String((value as { readonly sha256?: unknown } | null)?.sha256));
      after = id;
    }
    if (rows.length < PAGE) break;
  }
  return known;
}
