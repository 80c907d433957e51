// The tables of a data folder that no server has open, as the audit is read from them.

import { decode } from "../../runtime/store/codec.ts";
import { keys, prefixRange } from "../../runtime/store/keys.ts";
import type { Reader } from "../../runtime/store/store.ts";
import type { AuditReader } from "./export-lines.ts";

/** Reads of rows; nothing is written, so a revision is not asked for. */
export function folderTables(hot: Reader): AuditReader {
  return {
    get: async (tenant, table, id) => {
      const bytes = await hot.get(keys.table(tenant, table, id));
      return bytes === undefined ? undefined : { id, value: decode(bytes), revision: "" };
    },
    list: async (tenant, table, { prefix = "", after, limit }) => {
      const base = keys.tableOf(tenant, table);
      const range = prefixRange(base + prefix, limit);
      // The first key after it: a space sorts before whatever an id may hold.
      const from = after === undefined ? range.from : `${base}${after} `;
      const rows = await hot.range({ ...range, from });
      return rows.map(({ key, value }) => ({
        id: key.slice(base.length),
        value: decode(value),
        revision: "",
      }));
    },
  };
}
