// Records of the first tenant that others are granted: whom one is granted to finds it by its id and in lists, as far
// as is needed to use it, and changes nothing. To everybody else it looks like one that does not exist.

import { type Granted, isGranted } from "../../../actors/records/operator-record.ts";
import {
  type ResourceRecord,
  type ResourceRow,
  resourceTables,
} from "../../../actors/records/resource.ts";
import { firstTenant } from "../../../actors/records/tenant.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { Tables } from "../../../runtime/system.ts";
import type { Page } from "../services/paging.ts";
import type { RecordUser } from "../services/record-links.ts";
import type { ResourceService } from "./resource-service.ts";

/** Rows that are read at once to see which are granted. */
const PAGE = 200;
/** Before the place of a cursor that is among granted ones. */
const MARK = "granted:";

/** Where they are looked up. */
export interface GrantedPlace {
  readonly tables: Pick<Tables, "list">;
  /** Records of a tenant that name one. */
  usersOf(tenant: string, id: string): Promise<readonly RecordUser[]>;
}

type Record<Input> = ResourceRecord<Input>;

/** @param view what whoever it is granted to is shown of one. */
export function withGranted<Input extends Granted & object>(
  service: ResourceService<Input>,
  { tables, usersOf }: GrantedPlace,
  view: (record: Record<Input>) => Record<Input>,
): ResourceService<Input> {
  const table = resourceTables(service.kind).current;
  const viewed = ({ record, version }: ResourceRow<Input>): ResourceRow<Input> => {
    return { record: view(record), version };
  };
  const grantedRow = async (tenant: string, id: string): Promise<ResourceRow<Input> | null> => {
    if (tenant === firstTenant) return null;
    const row = await orNull(service.get(firstTenant, id));
    return row !== null && isGranted(row.record, tenant) ? viewed(row) : null;
  };
  const found = async <T>(tenant: string, id: string, own: Promise<T>, or: Found<Input, T>) => {
    try {
      return await own;
    } catch (error) {
      if (!isMissing(error)) throw error;
      const row = await grantedRow(tenant, id);
      if (row === null) throw error;
      return await or(row);
    }
  };
  const refuse = (): never => {
    const { name } = service.kind;
    throw new RuntimeError("FORBIDDEN", `This ${name} is the operator's, who alone changes it.`);
  };
  return {
    ...service,
    // Answers on granted ones change with records of another tenant: none is kept.
    bodies: {
      record: (place, id, make) =>
        place.tenant === firstTenant ? service.bodies.record(place, id, make) : make(),
      page: (place, query, make) =>
        place.tenant === firstTenant ? service.bodies.page(place, query, make) : make(),
    },
    get: (tenant, id) => found(tenant, id, service.get(tenant, id), async (row) => row),
    usedBy: (tenant, id) =>
      found(tenant, id, service.usedBy(tenant, id), () => usersOf(tenant, id)),
    replace: (...of) => found(of[0].tenant, of[1], service.replace(...of), refuse),
    patch: (...of) => found(of[0].tenant, of[1], service.patch(...of), refuse),
    remove: (...of) => found(of[0].tenant, of[1], service.remove(...of), refuse),
    rollback: (...of) => found(of[0].tenant, of[1], service.rollback(...of), refuse),
    list: async (tenant, request) => {
      if (tenant === firstTenant) return await service.list(tenant, request);
      const { limit, after } = request.page;
      const isBehind = after?.startsWith(MARK) === true;
      const own: Page<ResourceRow<Input>> = isBehind
        ? { items: [], next: null }
        : await service.list(tenant, request);
      if (own.next !== null || request.only !== undefined) return own;
      const room = limit - own.items.length;
      if (room === 0) return { items: own.items, next: MARK };
      const place = after?.slice(MARK.length) ?? "";
      const page = { limit: room, ...(isBehind && place !== "" && { after: place }) };
      const only = await grantedIds(tables, table, tenant);
      const { items, next } = await service.list(firstTenant, { ...request, page, only });
      const all = [...own.items, ...items.map(viewed)];
      return { items: all, next: next === null ? null : MARK + next };
    },
  };
}

type Found<Input, T> = (row: ResourceRow<Input>) => Promise<T>;

async function orNull<T>(found: Promise<T>): Promise<T | null> {
  try {
    return await found;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

const isMissing = (error: unknown): boolean =>
  error instanceof RuntimeError && error.code === "NOT_FOUND";

/** Ids, in order, of those that a tenant is granted. */
async function grantedIds(
  tables: Pick<Tables, "list">,
  table: string,
  tenant: string,
): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let after: string | undefined; ; ) {
    const page = { limit: PAGE, ...(after !== undefined && { after }) };
    const rows = await tables.list(firstTenant, table, page);
    for (const { id, value } of rows) {
      if (isGranted((value as ResourceRow<Granted>).record, tenant)) ids.push(id);
    }
    after = rows.at(-1)?.id;
    if (rows.length < PAGE) return ids;
  }
}
