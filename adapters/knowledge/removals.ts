// The Removals port: what is left of collections, agents and data sets that are gone.

import type { Removals } from "../../actors/ports.ts";
import { type IngestionJob, ingestionJobsTable } from "../../actors/records/ingestion-job.ts";
import { decode } from "../../runtime/store/codec.ts";
import { keys, prefixRange } from "../../runtime/store/keys.ts";
import type { Reader } from "../../runtime/store/store.ts";
import { type Removal, removeEditions } from "./edition-changes.ts";

/** Rows read at a time. */
const ROWS = 200;

/** What the port works with. */
export interface RemovalsOptions extends Removal {
  /** The hot environment: the rows of jobs. */
  readonly tables: Reader;
  readonly memories: {
    removeAll(tenant: string, of: { readonly agent: string }): Promise<number>;
  };
}

/** The port over one thread's connections. */
export function createRemovals(options: RemovalsOptions): Removals {
  const { tables, memories } = options;
  const rowsOf: Removals["rowsOf"] = async (tenant, { table: name, prefix, after, limit }) => {
    const table = keys.tableOf(tenant, name);
    const range = prefixRange(`${table}${prefix}`, limit);
    const rows = await tables.range({
      ...range,
      ...(after === null ? {} : { from: `${table}${after}!` }),
    });
    return rows.map(({ key }) => key.slice(table.length));
  };
  return {
    async jobsOf(tenant, collection) {
      const found: string[] = [];
      const range = prefixRange(keys.tableOf(tenant, ingestionJobsTable), ROWS);
      for (let { from } = range; ; ) {
        const rows = await tables.range({ ...range, from });
        for (const { value } of rows) {
          const job = decode(value) as IngestionJob;
          const hasEnded = job.status === "completed" || job.status === "cancelled";
          if (job.collection === collection && !hasEnded) found.push(job.id);
        }
        const last = rows.at(-1);
        if (last === undefined || rows.length < ROWS) return found;
        from = `${last.key}!`;
        // Others of the thread have their turn.
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
    rowsOf,
    async channelRows(tenant, channel, limit) {
      const { leftRows } = await import("../channels/left-rows.ts");
      return await leftRows((of) => rowsOf(tenant, of), channel, { limit, nowMs: Date.now() });
    },
    collection: (tenant, collection) => removeEditions(options, { tenant, collection }),
    agent: async (tenant, agent) => {
      await memories.removeAll(tenant, { agent });
    },
  };
}
