// The record of a run from a data folder that no server has open.

import { systemTables, systemTenant, type Tenant } from "../../actors/records/api-key.ts";
import { type RecordItem, type RecordRequest, recordPage } from "../../actors/run-record.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { rootRunOf } from "../../runtime/frame.ts";
import { readLog } from "../../runtime/runs/run-log.ts";
import { decodeRun } from "../../runtime/runs/run-row.ts";
import { decode } from "../../runtime/store/codec.ts";
import { keys, prefixRange } from "../../runtime/store/keys.ts";
import type { Reader } from "../../runtime/store/store.ts";
import type { RunRow } from "../../runtime/system.ts";

/** Tenants looked through for a run whose tenant was not named. */
const TENANTS_MAX = 10_000;

/** A run and its tenant. */
export interface FoundRun {
  readonly tenant: string;
  readonly run: RunRow;
}

/** Finds a run by its id, in one tenant or in all. @throws NOT_FOUND. */
export async function findRun(
  hot: Reader,
  id: string,
  tenants: readonly string[] | null,
): Promise<FoundRun> {
  for (const tenant of tenants ?? (await tenantsOf(hot))) {
    const key = keys.run(tenant, rootRunOf(id));
    const bytes = await hot.get(key);
    if (bytes !== undefined) return { tenant, run: decodeRun(key, bytes) };
  }
  throw new RuntimeError("NOT_FOUND", `There is no run ${id}.`);
}

/** The whole record of a run. @throws NOT_FOUND for a version that is not kept. */
export async function readRecord(
  hot: Reader,
  { tenant, run }: FoundRun,
  added: Pick<RecordRequest, "version" | "target"> = {},
): Promise<readonly RecordItem[]> {
  const items: RecordItem[] = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<typeof recordPage>> = await recordPage(sourceOf(hot, tenant), {
      run,
      ...added,
      ...(cursor === null ? {} : { cursor }),
    });
    items.push(...page.items);
    cursor = page.next;
  } while (cursor !== null);
  return items;
}

function sourceOf(hot: Reader, tenant: string): Parameters<typeof recordPage>[0] {
  return {
    row: async (table, id) => {
      const bytes = await hot.get(keys.table(tenant, table, id));
      return bytes === undefined ? undefined : decode(bytes);
    },
    records: async (owner, { from = "", to = "~", limit }) => {
      const prefix = keys.recordOf(owner);
      const rows = await hot.range({ from: prefix + from, to: prefix + to, limit });
      return rows.map(({ key, value }) => ({
        key: key.slice(prefix.length),
        value: decode(value),
      }));
    },
    log: (run, from, limit) => readLog(hot, run.address, { from, limit }),
  };
}

async function tenantsOf(hot: Reader): Promise<readonly string[]> {
  const table = keys.tableOf(systemTenant, systemTables.tenants);
  const rows = await hot.range(prefixRange(table, TENANTS_MAX));
  return rows.map(({ value }) => (decode(value) as Tenant).id);
}
