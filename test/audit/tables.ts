// Tables of a real system on a real folder for tests of the audit, and rows that arrive in them.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AuditRow, auditTable } from "../../actors/records/audit.ts";
import { auditRow } from "../../adapters/audit/audit-writes.ts";
import type { Chaining } from "../../adapters/audit/chaining.ts";
import { type AuditLine, auditLines } from "../../adapters/audit/export-lines.ts";
import { silentLog } from "../../runtime/log.ts";
import { type RunningSystem, startSystem } from "../../runtime/pool.ts";
import type { Tables } from "../../runtime/system.ts";

/** The tenant of the tests. */
export const tenant = "tn_audited";

/** A system whose tables alone are used. */
export interface AuditDesk {
  readonly folder: string;
  readonly system: RunningSystem;
  readonly chaining: Chaining;
  /** Rows arrive: changes of an agent, each with what was before. */
  arrive(count: number, more?: Partial<AuditRow>): Promise<readonly AuditRow[]>;
  stop(): Promise<void>;
}

/** Starts one. */
export async function startAuditDesk(more: Partial<Chaining> = {}): Promise<AuditDesk> {
  const folder = mkdtempSync(join(tmpdir(), "troupe-audit-"));
  const system = await startSystem({
    folder,
    workerUrl: new URL("./unused.js", import.meta.url),
    loadHost: () => ({ definitions: [], createPorts: () => ({}) }),
    config: { workers: 0 },
    log: silentLog,
    exit: () => undefined,
  });
  const { tables } = system;
  let made = 0;
  return {
    folder,
    system,
    chaining: { tables, key: null, nowMs: Date.now, ...more },
    arrive: async (count, more = {}) => {
      const rows = Array.from({ length: count }, (): AuditRow => {
        made += 1;
        const what = { action: "agent.update", subject: `ag_${made}` };
        const change = { before: { name: `N${made - 1}` }, after: { name: `N${made}` } };
        return { ...auditRow({ by: "ak_1", role: "owner" }, { ...what, ...change }), ...more };
      });
      for (const row of rows) await put(tables, row);
      return rows;
    },
    stop: async () => {
      await system.stop(1_000);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const put = (tables: Tables, row: AuditRow) =>
  tables.write(tenant, [{ type: "put", table: auditTable, id: row.id, value: row }], "committed");

/** Lines of an export, one by one. */
export async function* linesOf(tables: Pick<Tables, "get" | "list">): AsyncIterable<AuditLine> {
  for await (const lines of auditLines(tables, tenant)) yield* lines;
}
