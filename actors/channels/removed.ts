// What a removed channel leaves is taken away: its sessions and lanes are told, and remove what they keep, some
// rows in a turn; rows that no actor keeps go by their ids. Said here as a run does it, one round after another:
// each looks what is still there, so that a death in between changes nothing, and the last finds nothing.

import type { RunContext } from "../../runtime/actor.ts";
import type { Address } from "../../runtime/address.ts";
import { safe } from "../ingestion/patience.ts";
import type { Ports } from "../ports.ts";
import {
  type DeliveryRow,
  type DeliveryStatus,
  deliveriesTable,
  deliveryStatesTable,
} from "./delivery-row.ts";
import type { ChannelGone, LeftRow, RemovedChannel, TellRemoved } from "./removed-message.ts";
import { sessionsTable } from "./session-state.ts";

/** Rows of a page, pages of each kind in a round, and rounds. */
const ROWS = 200;
const PAGES = 20;
const ROUNDS_MAX = 1_000;
/** Between rounds: who was told has done it by then, ms. */
const ROUND_MS = 2_000;
/** Ids of deliveries that the audit names. */
const FIRST = 10;

const unsentStatuses: readonly DeliveryStatus[] = ["pending", "sending", "needs_template"];

/** One round. @param to the removal actor. @returns the next, or null: nothing is left. */
export async function removeChannelRound(
  { id: channel, round = 0 }: RemovedChannel,
  to: Address,
  context: RunContext<Ports>,
): Promise<RemovedChannel | null> {
  if (round === 0) await context.send("gone", to, await unsentOf(channel, context));
  const told = (await tellSessions(channel, to, context)) + (await tellLanes(channel, to, context));
  // Sessions and lanes may still put rows: what is nobody's goes when they have none.
  const left = told > 0 ? told : await removeLeft(channel, to, context);
  if (left === 0 || round >= ROUNDS_MAX) return null;
  await context.sleep("round", ROUND_MS);
  return { type: "channel", id: channel, round: round + 1 };
}

async function unsentOf(channel: string, context: RunContext<Ports>): Promise<ChannelGone> {
  let unsent = 0;
  const first: string[] = [];
  for (const status of unsentStatuses) {
    const prefix = `${channel}.${status}.`;
    await pages(
      `unsent:${status}`,
      { table: deliveryStatesTable, prefix },
      context,
      async (ids) => {
        unsent += ids.length;
        first.push(...ids.slice(0, FIRST - first.length).map((one) => one.slice(prefix.length)));
      },
    );
  }
  return { type: "channel-gone", channel, unsent, first };
}

async function tellSessions(
  channel: string,
  to: Address,
  context: RunContext<Ports>,
): Promise<number> {
  const prefix = `${channel}.`;
  return await pages("sessions", { table: sessionsTable, prefix }, context, async (ids, page) => {
    const sessions = ids.map((one) => one.slice(prefix.length));
    const told: TellRemoved = { type: "tell-removed", channel, sessions, lanes: [] };
    await context.send(`sessions:${page}`, to, told);
  });
}

async function tellLanes(
  channel: string,
  to: Address,
  context: RunContext<Ports>,
): Promise<number> {
  const prefix = `${channel}.`;
  const of = { table: deliveryStatesTable, prefix };
  return await pages("deliveries", of, context, async (ids, page) => {
    const looked = await context.step(`looked:${page}`, () => lanesOf(ids, context), safe);
    const told: TellRemoved = { type: "tell-removed", channel, sessions: [], lanes: looked.lanes };
    await context.send(`lanes:${page}`, to, told);
    if (looked.stray.length === 0) return;
    const rows = looked.stray.map((one) => [deliveryStatesTable, one] as const);
    await context.send(`stray:${page}`, to, { type: "rows-gone", rows });
  });
}

/** Lanes of deliveries, and states without a delivery. */
async function lanesOf(
  ids: readonly string[],
  context: RunContext<Ports>,
): Promise<{ readonly lanes: readonly string[]; readonly stray: readonly string[] }> {
  const lanes = new Set<string>();
  const stray: string[] = [];
  for (const id of ids) {
    const row = (await context.row(deliveriesTable, id.slice(id.lastIndexOf(".") + 1))) as
      | DeliveryRow
      | undefined;
    if (row === undefined) stray.push(id);
    else lanes.add(row.lane);
  }
  return { lanes: [...lanes], stray };
}

async function removeLeft(
  channel: string,
  to: Address,
  context: RunContext<Ports>,
): Promise<number> {
  const { tenant, ports } = context;
  const look = (): Promise<readonly LeftRow[]> =>
    ports.removals.channelRows(tenant, channel, ROWS * PAGES);
  const left = await context.step("left", look, safe);
  for (let at = 0; at < left.length; at += ROWS) {
    const some = left.slice(at, at + ROWS);
    const rows = some.map(({ table, id }) => [table, id] as const);
    const counters = some.flatMap(({ counter }) => (counter === undefined ? [] : [counter]));
    await context.send(`left:${at}`, to, { type: "rows-gone", rows, counters });
  }
  return left.length;
}

/** Goes through ids of a table, some pages of them. @returns how many there were. */
async function pages(
  name: string,
  { table, prefix }: { readonly table: string; readonly prefix: string },
  context: RunContext<Ports>,
  each: (ids: readonly string[], page: number) => Promise<void>,
): Promise<number> {
  const { tenant, ports } = context;
  let after: string | null = null;
  let count = 0;
  for (let page = 0; page < PAGES; page += 1) {
    const from: string | null = after;
    const look = (): Promise<readonly string[]> =>
      ports.removals.rowsOf(tenant, { table, prefix, after: from, limit: ROWS });
    const ids: readonly string[] = await context.step(`${name}:page:${page}`, look, safe);
    if (ids.length > 0) await each(ids, page);
    count += ids.length;
    after = ids.at(-1) ?? null;
    if (ids.length < ROWS) return count;
  }
  return count;
}
