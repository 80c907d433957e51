// How much tenants have stored in a data folder that nobody has open: as its rows say, and by a scan.

import { decodeCounter } from "../../runtime/store/codec.ts";
import { openFolderReader } from "../../runtime/store/folder-reader.ts";
import { keys, prefixRange } from "../../runtime/store/keys.ts";
import type { Environment, Row } from "../../runtime/store/store.ts";
import { isCounted } from "../../runtime/store/stored-bytes.ts";
import { tenantOfRow } from "../../runtime/store/tenant-rows.ts";

/** Bytes by tenant. */
export type Sums = Readonly<Record<string, number>>;

/** What the rows of one environment come to, all of them read. */
export function scanned(environment: Environment, rows: Iterable<Row>): Sums {
  const sums: Record<string, number> = {};
  for (const { key, value } of rows) {
    const tenant = key.startsWith("!") ? null : tenantOfRow(environment, key);
    if (typeof tenant !== "string") continue;
    sums[tenant] = (sums[tenant] ?? 0) + key.length + value.length;
  }
  return sums;
}

/** What is counted of one environment. */
export function counted(rows: Iterable<Row>): Sums {
  const sums: Record<string, number> = {};
  for (const { key, value } of rows) {
    if (!key.startsWith(keys.bytesOfTenants)) continue;
    sums[key.slice(keys.bytesOfTenants.length)] = decodeCounter(value);
  }
  return sums;
}

/** Both, of both environments of a folder; `isWhole`: every row is counted. */
export async function storedBytesOf(
  path: string,
): Promise<{ readonly counted: Sums[]; readonly scanned: Sums[]; readonly isWhole: boolean }> {
  const reader = openFolderReader(path);
  const all = await Promise.all(
    (["hot", "bulk"] as const).map(async (environment) => {
      const rows = await reader[environment].range({ ...prefixRange("", 1), to: "~~", limit: 1e7 });
      const [header, count] = await Promise.all(
        [keys.header, keys.counted].map((key) => reader[environment].get(key)),
      );
      const isWhole = isCounted(header, count);
      return { counted: counted(rows), scanned: scanned(environment, rows), isWhole };
    }),
  );
  await reader.close();
  return {
    counted: all.map((one) => one.counted),
    scanned: all.map((one) => one.scanned),
    isWhole: all.every((one) => one.isWhole),
  };
}
