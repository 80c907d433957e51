// What of a delivery could not be understood or taken: set aside where people can look at it, because a
// platform would send it again for days. Bounded: the oldest go first.

import { createHash } from "node:crypto";
import { channelLimits } from "../../actors/channels/limits.ts";
import { newId } from "../../runtime/id.ts";
import type { Tables, TableWrite } from "../../runtime/system.ts";
import type { Parked } from "./adapter.ts";
import { wellFormed } from "./hidden-secrets.ts";
import { channelTables } from "./tables.ts";

/** A piece as it is stored. */
export interface ParkedRow extends Parked {
  readonly channel: string;
  readonly at: string;
}

/** Rows read at once to find the oldest. */
const ROWS_AT_ONCE = 200;
const { parkedBytes, parked: parkedMax } = channelLimits;

/** Sets pieces aside, the same piece once. @throws what the storage throws. */
export async function park(
  tables: Pick<Tables, "list" | "write">,
  { tenant, id: channel }: { readonly tenant: string; readonly id: string },
  pieces: readonly Parked[],
  nowMs: number,
): Promise<void> {
  if (pieces.length === 0) return;
  const table = channelTables.parked;
  const at = new Date(nowMs).toISOString();
  const writes = pieces.slice(0, ROWS_AT_ONCE / 2).map(({ reason, raw }): TableWrite => {
    const value: ParkedRow = { channel, at, reason: reason.slice(0, 500), raw: cut(raw) };
    return { type: "put", table, id: `${channel}.${newId("pk", nowMs)}`, value };
  });
  await tables.write(tenant, writes);
  await trim(tables, tenant, channel);
}

/** Removes the oldest of more than an account may have. */
async function trim(
  tables: Pick<Tables, "list" | "write">,
  tenant: string,
  channel: string,
): Promise<void> {
  const table = channelTables.parked;
  const prefix = `${channel}.`;
  let kept = 0;
  let before: string | undefined;
  for (let read = 0; read <= parkedMax + ROWS_AT_ONCE; read += ROWS_AT_ONCE) {
    const from = before === undefined ? {} : { after: before };
    const rows = await tables.list(tenant, table, {
      ...{ prefix, limit: ROWS_AT_ONCE, reverse: true },
      ...from,
    });
    const over = rows.slice(Math.max(0, parkedMax - kept));
    const writes = over.map(({ id }): TableWrite => ({ type: "remove", table, id }));
    if (writes.length > 0) await tables.write(tenant, writes);
    kept += rows.length;
    before = rows.at(-1)?.id;
    if (rows.length < ROWS_AT_ONCE) return;
  }
}

function cut(raw: string): string {
  if (Buffer.byteLength(raw) <= parkedBytes) return wellFormed(raw);
  return Buffer.from(raw)
    .subarray(0, parkedBytes)
    .toString("utf8")
    .replace(/\ufffd+$/, "");
}

/** The name of an event in a reason: never what it says. */
export function nameOfEvent(dedupe: readonly string[]): string {
  return createHash("sha256").update(dedupe.join("\n")).digest("hex").slice(0, 12);
}
