// Items of data sets: rows of a table, counted in another. Changes of one data set go one after the other,
// so that its limit holds however many are added at once, and nothing is added to one that is removed.

import { compileSchema, loadSchemas } from "../../../actors/answer/output-schema.ts";
import {
  countsTable,
  type DatasetItem,
  datasetKind,
  datasetLimits,
  type ItemInput,
  itemInput,
  itemRowId,
  itemsTable,
} from "../../../actors/records/dataset.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { newId } from "../../../runtime/id.ts";
import type { System, TableRow, TableWrite } from "../../../runtime/system.ts";
import { createSerial, type Serial } from "../../serial.ts";
import { loadValidator, validate } from "../validate.ts";
import { type Caller, checkMatch } from "./agent-store.ts";
import { mergePatch } from "./merge-patch.ts";
import { type OnceKey, once } from "./once.ts";
import { type Page, type PageRequest, pageOf } from "./paging.ts";

const DATASET = /^ds_[0-9a-z]{26}$/;
const ITEM = /^it_[0-9a-z]{26}$/;
/** Items read at a time. */
const READ_AT_ONCE = 200;

/** An item to add, and the run it was recorded from. */
export interface NewItem extends ItemInput {
  readonly run_id?: string;
}

/** The items of all data sets. The data set itself is known to exist. */
export interface DatasetItems {
  /** All or none. @throws INVALID with the pointer, CONFLICT when there would be too many, KEY_REUSED. */
  add(
    caller: Caller,
    dataset: string,
    sent: { readonly items: readonly NewItem[]; readonly isMany: boolean },
    key: OnceKey | null,
  ): Promise<readonly DatasetItem[]>;
  list(tenant: string, dataset: string, page: PageRequest): Promise<Page<DatasetItem>>;
  /** Ids of all items, or of those with one of these tags, in their order. */
  ids(tenant: string, dataset: string, tags: readonly string[]): Promise<readonly string[]>;
  /** @throws NOT_FOUND. */
  get(tenant: string, dataset: string, id: string): Promise<DatasetItem>;
  /** @throws INVALID, NOT_FOUND, REVISION_MISMATCH. */
  change(
    tenant: string,
    place: { readonly dataset: string; readonly id: string; readonly ifMatch: number | null },
    change: { readonly way: "replace" | "patch"; readonly fields: object },
  ): Promise<DatasetItem>;
  remove(
    tenant: string,
    place: { readonly dataset: string; readonly id: string; readonly ifMatch: number | null },
  ): Promise<void>;
  /** Does something while no item of a data set is added, changed or removed. */
  alone<T>(tenant: string, dataset: string, act: () => Promise<T>): Promise<T>;
}

interface Parts {
  readonly system: Pick<System, "tables">;
  readonly serial: Serial;
  nowMs(): number;
}

const lockOf = (tenant: string, dataset: string): string => `${tenant}/items of ${dataset}`;

/** The service over a system. */
export function createDatasetItems(of: Omit<Parts, "serial">): DatasetItems {
  const parts: Parts = { ...of, serial: createSerial() };
  const { serial } = parts;
  const { tables } = parts.system;
  const load = async (tenant: string, dataset: string, id: string): Promise<TableRow> => {
    const isId = DATASET.test(dataset) && ITEM.test(id);
    const row = isId ? await tables.get(tenant, itemsTable, itemRowId(dataset, id)) : undefined;
    if (row !== undefined) return row;
    throw new RuntimeError("NOT_FOUND", `Item ${id.slice(0, 64)} does not exist.`);
  };
  return {
    add: (caller, dataset, sent, key) => add(parts, caller, { dataset, ...sent, key }),
    list: async (tenant, dataset, { limit, after }) => {
      const from = after === undefined ? {} : { after };
      const page = { prefix: `${dataset}.`, limit: limit + 1, ...from };
      const rows = await tables.list(tenant, itemsTable, page);
      return pageOf(rows, limit, { id: ({ id }) => id, item: ({ value }) => value as DatasetItem });
    },
    ids: async (tenant, dataset, tags) => {
      const found: string[] = [];
      for await (const item of allItems(parts, tenant, dataset)) {
        const isWanted = tags.length === 0 || item.tags?.some((tag) => tags.includes(tag));
        if (isWanted) found.push(item.id);
      }
      return found;
    },
    get: async (tenant, dataset, id) => (await load(tenant, dataset, id)).value as DatasetItem,
    change: (tenant, { dataset, id, ifMatch }, { way, fields }) =>
      serial.run(lockOf(tenant, dataset), async () => {
        const row = await load(tenant, dataset, id);
        const before = row.value as DatasetItem;
        checkMatch(ifMatch, before.version);
        const sent = way === "replace" ? fields : mergePatch(inputOf(before), fields as never);
        const input = await checkedItem(sent, "");
        const next: DatasetItem = {
          ...stampOf(before),
          ...input,
          version: before.version + 1,
          updated_at: new Date(parts.nowMs()).toISOString(),
        };
        await tables.write(tenant, [{ type: "put", table: itemsTable, id: row.id, value: next }]);
        return next;
      }),
    remove: (tenant, { dataset, id, ifMatch }) =>
      serial.run(lockOf(tenant, dataset), async () => {
        const row = await load(tenant, dataset, id);
        checkMatch(ifMatch, (row.value as DatasetItem).version);
        await tables.write(tenant, [
          { type: "remove", table: itemsTable, id: row.id },
          await counted(parts, tenant, dataset, -1),
        ]);
      }),
    alone: (tenant, dataset, act) => serial.run(lockOf(tenant, dataset), act),
  };
}

async function add(
  parts: Parts,
  { tenant, service }: Caller,
  of: {
    readonly dataset: string;
    readonly items: readonly NewItem[];
    /** Places in what was sent begin with the item's number. */
    readonly isMany: boolean;
    readonly key: OnceKey | null;
  },
): Promise<readonly DatasetItem[]> {
  const { dataset, items, isMany, key } = of;
  const { tables } = parts.system;
  const nowMs = parts.nowMs();
  const at = new Date(nowMs).toISOString();
  const made: DatasetItem[] = [];
  for (const [index, { run_id, ...sent }] of items.entries()) {
    const input = await checkedItem(sent, isMany ? `/${index}` : "");
    const id = newId("it", nowMs);
    made.push({
      ...{ id, dataset_id: dataset, ...input, run_id: run_id ?? null },
      ...{ version: 1, created_at: at, updated_at: at },
    });
  }
  // In the order in which they were sent: ids of one moment are in no order.
  const ids = made.map(({ id }) => id).sort();
  const ordered = made.map((item, index) => ({ ...item, id: ids[index] ?? item.id }));
  const place = { tables, tenant, service };
  const { result } = await once<readonly string[]>(place, key, nowMs, (remember) =>
    parts.serial.run(lockOf(tenant, dataset), async () => {
      await mustExist(parts, tenant, dataset);
      const rows = ordered.map(
        (value): TableWrite => ({
          ...{ type: "put", table: itemsTable, id: itemRowId(dataset, value.id), value },
        }),
      );
      const count = await counted(parts, tenant, dataset, ordered.length);
      await tables.write(tenant, [...rows, count, ...remember(ids)]);
      return ids;
    }),
  );
  if (result === ids) return ordered;
  const earlier = result.map((id) => tables.get(tenant, itemsTable, itemRowId(dataset, id)));
  const found = await Promise.all(earlier);
  return found.flatMap((row) => (row === undefined ? [] : [row.value as DatasetItem]));
}

/** The write that counts items of a data set. @throws CONFLICT for more than it may have. */
async function counted(
  { system }: Parts,
  tenant: string,
  dataset: string,
  more: number,
): Promise<TableWrite> {
  const row = await system.tables.get(tenant, countsTable, dataset);
  const items = ((row?.value as { readonly items: number } | undefined)?.items ?? 0) + more;
  if (items > datasetLimits.items) {
    const most = `A data set has at most ${datasetLimits.items} items`;
    throw new RuntimeError("CONFLICT", `${most}; with these it would have ${items}.`);
  }
  return { type: "put", table: countsTable, id: dataset, value: { items } };
}

/** @throws NOT_FOUND for a data set that is gone. */
async function mustExist({ system }: Parts, tenant: string, dataset: string): Promise<void> {
  const row = await system.tables.get(tenant, datasetKind.path, dataset);
  if (row !== undefined) return;
  throw new RuntimeError("NOT_FOUND", `Dataset ${dataset.slice(0, 64)} does not exist.`);
}

/** An item as it is stored. @throws INVALID, SCHEMA_INVALID with the pointer. */
async function checkedItem(sent: object, pointer: string): Promise<ItemInput> {
  await loadValidator();
  placed(pointer, () => validate(itemInput, sent));
  const input = sent as ItemInput;
  const { messages, input: data, expected } = input;
  if ((messages === undefined) === (data === undefined)) {
    const message = "An item has either messages or, for a workflow, an input.";
    throw new RuntimeError("INVALID", message, { pointer: `${pointer}/messages` });
  }
  if (messages !== undefined && messages.at(-1)?.role !== "user") {
    throw new RuntimeError("INVALID", "The last message of an item is the user's.", {
      pointer: `${pointer}/messages/${messages.length - 1}/role`,
    });
  }
  const bytes = Buffer.byteLength(JSON.stringify(sent));
  if (bytes > datasetLimits.itemBytes) {
    const most = `An item has at most ${datasetLimits.itemBytes} bytes as JSON`;
    throw new RuntimeError("INVALID", `${most}; this one has ${bytes}.`, { pointer });
  }
  if (expected?.schema !== undefined) {
    await loadSchemas();
    compileSchema(expected.schema, `${pointer}/expected/schema`);
  }
  return input;
}

/** What is thrown names a place within the item. */
function placed(pointer: string, check: () => void): void {
  try {
    check();
  } catch (error) {
    throw error instanceof RuntimeError ? placedAt(pointer, error) : error;
  }
}

function placedAt(pointer: string, cause: RuntimeError): RuntimeError {
  const { code, message, details } = cause;
  const inside = details?.["pointer"];
  const at = `${pointer}${typeof inside === "string" ? inside : ""}`;
  return new RuntimeError(code, message, { ...details, pointer: at }, { cause });
}

function inputOf(item: DatasetItem): Readonly<Record<string, unknown>> {
  const { id, dataset_id, run_id, version, created_at, updated_at, ...input } = item;
  return input;
}

function stampOf(item: DatasetItem): Omit<DatasetItem, keyof ItemInput> {
  const { id, dataset_id, run_id, version, created_at, updated_at } = item;
  return { id, dataset_id, run_id, version, created_at, updated_at };
}

async function* allItems(
  { system }: Parts,
  tenant: string,
  dataset: string,
): AsyncGenerator<DatasetItem> {
  for (let after: string | undefined; ; ) {
    const from = after === undefined ? {} : { after };
    const page = { prefix: `${dataset}.`, limit: READ_AT_ONCE, ...from };
    const rows = await system.tables.list(tenant, itemsTable, page);
    for (const { value } of rows) yield value as DatasetItem;
    if (rows.length < READ_AT_ONCE) return;
    after = rows.at(-1)?.id;
  }
}
