// Test support: tenant tables in memory, only for tests of the door itself.

import { RuntimeError } from "../../runtime/errors.ts";
import type { System, Tables } from "../../runtime/system.ts";

/** Tables that forget everything with the test. */
export function memoryTables(): Tables {
  const rows = new Map<string, { value: unknown; revision: string }>();
  let writes = 0;
  return {
    get: async (tenant, table, id) => {
      const row = rows.get(`${tenant}/${table}/${id}`);
      return row === undefined ? undefined : { id, ...row };
    },
    list: async (tenant, table, { prefix = "", after = "", limit }) => {
      const start = `${tenant}/${table}/`;
      return [...rows]
        .filter(([key]) => key.startsWith(start + prefix) && key > start + after)
        .sort(([left], [right]) => (left < right ? -1 : 1))
        .slice(0, limit)
        .map(([key, row]) => ({ id: key.slice(start.length), ...row }));
    },
    counter: async () => 0,
    write: async (tenant, list) => {
      for (const write of list) {
        if (write.type === "add") continue;
        const key = `${tenant}/${write.table}/${write.id}`;
        if (write.type === "put-if" && (rows.get(key)?.revision ?? null) !== write.revision) {
          throw new RuntimeError("REVISION_MISMATCH", "Somebody else wrote the row.");
        }
        writes += 1;
        if (write.type === "remove") rows.delete(key);
        else rows.set(key, { value: write.value, revision: String(writes) });
      }
      return { counters: {} };
    },
  };
}

/** A system of which a door test uses nothing but the tables. */
export function tablesOnly(tables: Tables): System {
  return { tables } as System;
}
