// Rows of a channel that no actor keeps, by their ids: people, aliases, what its account has kept and set aside,
// its mailboxes and the versions of its record. Looked for when the channel is removed.

import { channelLimits } from "../../actors/channels/limits.ts";
import type { LeftRow } from "../../actors/channels/removed-message.ts";
import { mailboxLimits } from "./mailbox.ts";
import { dayOf, mailboxTables } from "./mailbox-rows.ts";
import { channelTables } from "./tables.ts";

/** Ids of a table's rows that begin with a prefix. */
export type IdsOf = (of: {
  readonly table: string;
  readonly prefix: string;
  readonly after: null;
  readonly limit: number;
}) => Promise<readonly string[]>;

/** Clocks of before: boxes of a day or two more than are kept. */
const DAYS_MORE = 2;

/** At most `limit` of them. */
export async function leftRows(
  idsOf: IdsOf,
  channel: string,
  { limit, nowMs }: { readonly limit: number; readonly nowMs: number },
): Promise<readonly LeftRow[]> {
  const rows: LeftRow[] = [];
  const take = async (table: string, prefix: string, counter?: string): Promise<void> => {
    const room = Math.min(limit - rows.length, channelLimits.aliases);
    if (room <= 0) return;
    const ids = await idsOf({ table, prefix, after: null, limit: room });
    rows.push(...ids.map((id) => ({ table, id, ...(counter !== undefined && { counter }) })));
  };
  const below = `${channel}.`;
  for (const table of [channelTables.aliases, channelTables.people]) {
    await take(table, below, `${table}.${channel}`);
  }
  const { parked, kept, versions, cursors, histories, linkCodes } = channelTables;
  const { heads, entries, keys, days } = mailboxTables;
  for (const table of [parked, kept, versions, linkCodes, heads, entries, keys])
    await take(table, below);
  for (const table of [cursors, histories]) await take(table, channel);
  const today = Math.floor(nowMs / 86_400_000);
  for (let day = today - mailboxLimits.days - DAYS_MORE; day <= today + 1; day += 1) {
    await take(days, `${dayOf(day)}.${below}`);
  }
  return rows;
}
