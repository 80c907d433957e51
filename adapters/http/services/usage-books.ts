// Moves fresh rows of the ledger into it, in the transaction in which they are added to the sums of usage:
// a row is in both or in neither, whatever dies. Nothing is scanned when usage is read. The one that does
// it is on main, and takes a tenant's rows one batch after the other.

import { addRow, addSums, type UsageSum, usageTable } from "../../../actors/money/sums.ts";
import {
  freshLedgerTable,
  type LedgerRow,
  ledgerTable,
} from "../../../actors/records/conversation.ts";
import type { TableRow, Tables, TableWrite } from "../../../runtime/system.ts";
import { createSerial } from "../../serial.ts";

/** Rows looked at for one batch, and the writes that it has at most. */
const ROWS_AT_ONCE = 200;
const WRITES_MAX = 700;
/** Batches that a reader waits for; what is left then is told as `isBehind`. */
export const BATCHES_OF_READ = 50;
/** Id of the row that says how far a ledger from before there were sums has been added up. */
const STATE = "_ledger";

/** Of a ledger that was there before. */
interface State {
  /** Last row that is in the sums. */
  readonly summed: string | null;
  readonly isDone: boolean;
}

/** A batch that is about to be stored. */
export interface Batch {
  readonly tenant: string;
  readonly rows: readonly LedgerRow[];
  /** Sums that change, by id, as they are afterwards. */
  readonly sums: ReadonlyMap<string, UsageSum>;
}

/** The books of all tenants. */
export interface UsageBooks {
  /**
   * Takes in what is fresh, in at most so many batches.
   * @returns how many rows were taken in, and whether there is more.
   */
  takeIn(
    tenant: string,
    batches: number,
  ): Promise<{ readonly rows: number; readonly isBehind: boolean }>;
}

/** What they work with. */
export interface BooksParts {
  readonly tables: Tables;
  /** What else is stored with a batch. Default: nothing. */
  readonly beside?: (batch: Batch) => Promise<readonly TableWrite[]>;
  /** What is done when all is taken in, also what an earlier life has left. Default: nothing. */
  readonly after?: (tenant: string) => Promise<unknown>;
}

/** The books over a system's tables. */
export function createUsageBooks(parts: BooksParts): UsageBooks {
  const { tables, beside = async () => [], after = async () => undefined } = parts;
  const serial = createSerial();
  const takeIn: UsageBooks["takeIn"] = async (tenant, batches) => {
    let rows = 0;
    for (let batch = 0; batch < batches; batch += 1) {
      const state = await stateOf({ tables, tenant });
      const taken = state.isDone
        ? await moveFresh({ tables, tenant, beside }, state)
        : await addUpOld({ tables, tenant }, state);
      rows += taken;
      if (taken === 0 && state.isDone) return { rows, isBehind: false };
    }
    const [left] = await tables.list(tenant, freshLedgerTable, { limit: 1 });
    return { rows, isBehind: left !== undefined };
  };
  return {
    takeIn: (tenant, batches) =>
      serial.run(tenant, async () => {
        const taken = await takeIn(tenant, batches);
        await after(tenant);
        return taken;
      }),
  };
}

interface Place {
  readonly tables: Tables;
  readonly tenant: string;
}

interface StoredState extends State {
  /** Null: no row of the state is stored. */
  readonly revision: string | null;
}

/** A tenant that has no row of it has had no ledger before there were sums, or has not been looked at. */
async function stateOf({ tables, tenant }: Place): Promise<StoredState> {
  const row = await tables.get(tenant, usageTable, STATE);
  if (row !== undefined) return { ...(row.value as State), revision: row.revision };
  const [first] = await tables.list(tenant, ledgerTable, { limit: 1 });
  return { summed: null, isDone: first === undefined, revision: null };
}

function putState(value: State, { revision }: StoredState): TableWrite {
  return { type: "put-if", table: usageTable, id: STATE, value, revision };
}

/** A batch of what was in the ledger before there were sums. @returns how many rows. */
async function addUpOld(place: Place, state: StoredState): Promise<number> {
  const { tables, tenant } = place;
  const after = state.summed === null ? {} : { after: state.summed };
  const rows = await tables.list(tenant, ledgerTable, { limit: ROWS_AT_ONCE, ...after });
  const { kept, writes } = await fitting(place, rows);
  const isDone = kept.length === rows.length && rows.length < ROWS_AT_ONCE;
  const next: State = { summed: kept.at(-1)?.id ?? state.summed, isDone };
  await tables.write(tenant, [...writes, putState(next, state)], "committed");
  return kept.length;
}

/** A batch of fresh rows. @returns how many. */
async function moveFresh(
  place: Place & Required<Pick<BooksParts, "beside">>,
  state: StoredState,
): Promise<number> {
  const { tables, tenant } = place;
  const rows = await tables.list(tenant, freshLedgerTable, { limit: ROWS_AT_ONCE });
  if (rows.length === 0) return 0;
  const { kept, writes, sums } = await fitting(place, rows);
  const values = kept.map(({ value }) => value as LedgerRow);
  const more = await place.beside({ tenant, rows: values, sums });
  // From here on the ledger has rows that are in the sums.
  const begun = state.revision === null ? [putState({ summed: null, isDone: true }, state)] : [];
  const moves = kept.flatMap(({ id, value, revision }): TableWrite[] => [
    { type: "remove", table: freshLedgerTable, id, revision },
    { type: "put", table: ledgerTable, id, value },
  ]);
  // Survives the process; after a power failure all of it is there or nothing of it.
  await tables.write(tenant, [...moves, ...writes, ...begun, ...more], "committed");
  return kept.length;
}

interface Fitting {
  readonly kept: readonly TableRow[];
  readonly sums: Batch["sums"];
  readonly writes: readonly TableWrite[];
}

/** The first rows, as many as one transaction takes with the sums that they change; one at least. */
async function fitting({ tables, tenant }: Place, rows: readonly TableRow[]): Promise<Fitting> {
  const added = new Map<string, UsageSum>();
  let count = 0;
  for (const { value } of rows) {
    if (count > 0 && 2 * count + added.size > WRITES_MAX) break;
    addRow(added, value as LedgerRow);
    count += 1;
  }
  const sums = new Map<string, UsageSum>();
  const writes: TableWrite[] = [];
  for (const [id, delta] of added) {
    const before = await tables.get(tenant, usageTable, id);
    const value = before === undefined ? delta : addSums(before.value as UsageSum, delta);
    sums.set(id, value);
    writes.push({
      ...{ type: "put-if", table: usageTable, id, value },
      revision: before?.revision ?? null,
    });
  }
  return { kept: rows.slice(0, count), sums, writes };
}
