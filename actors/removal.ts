// What is left of a collection, an agent, a data set or a channel after its row is gone: removed by a run, so that no
// death in between leaves anything. Whoever removes the row says so to this actor first; the run waits until
// the row is gone, and when it stays, nothing was removed and nothing is.

import {
  defineActor,
  defineRun,
  type RunContext,
  type RunEnded,
  type Turn,
} from "../runtime/actor.ts";
import { type Address, address, addressParts } from "../runtime/address.ts";
import type { ChannelGone, RemovedChannel, TellRemoved } from "./channels/removed-message.ts";
import { LANE_KIND, SESSION_KIND } from "./channels/session-key.ts";
import { safe } from "./ingestion/patience.ts";
import type { Ports } from "./ports.ts";
import { agentTables } from "./records/agent-version.ts";
import { audit } from "./records/audit.ts";
import { collectionsTable } from "./records/collection.ts";

/** What is being removed, by id. */
export type Removed =
  | { readonly type: "collection"; readonly id: string }
  | { readonly type: "agent"; readonly id: string }
  | { readonly type: "dataset"; readonly id: string }
  | RemovedChannel;

/** Said to itself by a run: rows that go, each its table and id, and counters that are one less for each. */
interface RowsGone {
  readonly type: "rows-gone";
  readonly rows: readonly (readonly [string, string])[];
  readonly counters?: readonly string[];
}

/** Result of a run that has more to do than one run may. */
interface Again {
  readonly again: Removed;
}

/** Looks for the row before it is said to stay, and between them, ms. */
const LOOKS_MAX = 30;
const LOOK_MS = 2_000;
/** Rows and files of a large collection. */
const STEP_MS = 3_600_000;
/** Jobs that are cancelled before it is looked for more, and times that it is. */
const JOBS_AT_ONCE = 100;
const ROUNDS_MAX = 8;
/** Items of a data set that are removed in one turn. */
const ITEMS_AT_ONCE = 200;

const KIND = "removal";

/** Loaded when the first one is removed. */
const datasets = () => import("./records/dataset.ts");
const channels = () => import("./channels/removed.ts");

/** Address of a tenant's. */
export function removalAddress(tenant: string): Address {
  return address({ kind: KIND, tenant, root: "all" });
}

/** Kind `removal`: acknowledged once the run is on disk. */
export const removalActor = defineActor<
  null,
  Removed | RowsGone | TellRemoved | ChannelGone | RunEnded
>({
  kind: KIND,
  version: 1,
  initial: () => null,
  receive(state, message, turn) {
    switch (message.type) {
      case "run-ended": {
        const { outcome } = message;
        const again = outcome.status === "completed" && (outcome.result as Partial<Again>).again;
        if (again) startRemoval(again, turn);
        return state;
      }
      case "rows-gone":
        for (const [table, id] of message.rows) turn.putRow(table, id, undefined);
        for (const counter of message.counters ?? []) turn.add(counter, -1);
        return state;
      case "tell-removed":
        tellRemoved(message, turn);
        return state;
      case "channel-gone": {
        const { channel, unsent, first } = message;
        const by = { by: "server", role: null, channel: "server" } as const;
        const details = { unsent, first: first.join(" ") };
        audit(turn, { ...by, action: "channel.removed", subject: channel, run_id: null, details });
        return state;
      }
      default:
        startRemoval(message, turn);
        turn.reply(null);
        return state;
    }
  },
});

function startRemoval(input: Removed, turn: Turn): void {
  turn.startRun({ kind: "remove-rest", input, timeoutMs: 24 * STEP_MS });
}

/** Sessions and lanes of a channel, each of which removes what it keeps. */
function tellRemoved({ channel, sessions, lanes }: TellRemoved, turn: Turn): void {
  const { tenant } = addressParts(turn.self);
  const told = { type: "channel-removed", channel };
  for (const root of sessions) turn.send(address({ kind: SESSION_KIND, tenant, root }), told);
  for (const root of lanes) turn.send(address({ kind: LANE_KIND, tenant, root }), told);
}

/** Kind `remove-rest`. Its result: whether there was something removed, or what goes on. */
export const removeRestRun = defineRun<Removed, boolean | Again, Ports>({
  kind: "remove-rest",
  async run(removed, context) {
    const isFirst = removed.type !== "channel" || removed.round === undefined;
    if (isFirst && !(await isGone(removed, context))) return false;
    const { tenant } = context;
    if (removed.type === "channel") {
      const { removeChannelRound } = await channels();
      const again = await removeChannelRound(removed, removalAddress(tenant), context);
      return again === null ? true : { again };
    }
    const { removals } = context.ports;
    const { type, id } = removed;
    if (type === "dataset") {
      await removeItems(id, context);
      return true;
    }
    const long = { ...safe, timeoutMs: STEP_MS } as const;
    if (type === "collection") await cancelJobs(id, context);
    await context.step(
      "remove",
      async () => {
        await removals[type](tenant, id);
        return null;
      },
      long,
    );
    return true;
  },
});

async function rowTableOf(type: Removed["type"]): Promise<string> {
  if (type === "agent") return agentTables.agents;
  if (type === "channel") return "channels";
  return type === "collection" ? collectionsTable : (await datasets()).datasetKind.path;
}

/** Whether the row goes within a minute. */
async function isGone({ type, id }: Removed, context: RunContext<Ports>): Promise<boolean> {
  const table = await rowTableOf(type);
  for (let look = 0; look < LOOKS_MAX; look += 1) {
    const isThere = await context.step(
      `look:${look}`,
      async () => (await context.row(table, id)) !== undefined,
      safe,
    );
    if (!isThere) return true;
    await context.sleep(`wait:${look}`, LOOK_MS);
  }
  return false;
}

/** Nobody adds items to a data set that is gone: one look at each page is enough. */
async function removeItems(dataset: string, context: RunContext<Ports>): Promise<void> {
  const { tenant, ports } = context;
  const { countsTable, datasetLimits, itemsTable } = await datasets();
  const pages = Math.ceil(datasetLimits.items / ITEMS_AT_ONCE);
  let after: string | null = null;
  for (let page = 0; page <= pages; page += 1) {
    const from: string | null = after;
    const read = { table: itemsTable, prefix: `${dataset}.`, after: from, limit: ITEMS_AT_ONCE };
    const look = (): Promise<readonly string[]> => ports.removals.rowsOf(tenant, read);
    const rows: readonly string[] = await context.step(`items:${page}`, look, safe);
    const isLast = rows.length < ITEMS_AT_ONCE;
    const items = rows.map((row) => [itemsTable, row] as const);
    const count = isLast ? [[countsTable, dataset] as const] : [];
    const gone: RowsGone = { type: "rows-gone", rows: [...items, ...count] };
    await context.send(`gone:${page}`, removalAddress(tenant), gone);
    if (isLast) return;
    after = rows.at(-1) ?? null;
  }
}

/** What paused and failed jobs keep for their resuming, and what running ones still do, is of no use. */
async function cancelJobs(collection: string, context: RunContext<Ports>): Promise<void> {
  const { tenant, ports } = context;
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const look = async (): Promise<readonly string[]> =>
      (await ports.removals.jobsOf(tenant, collection)).slice(0, JOBS_AT_ONCE);
    const jobs = await context.step(`jobs:${round}`, look, safe);
    for (const job of jobs) {
      const to = address({ kind: "ingestion", tenant, root: job });
      await context.send(`cancel:${round}:${job}`, to, { type: "cancel" });
    }
    if (jobs.length < JOBS_AT_ONCE) return;
    await context.sleep(`cancelled:${round}`, LOOK_MS);
  }
}
