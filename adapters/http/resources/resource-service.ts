// One service for every kind of resource: create once, list, get, replace, patch, remove, versions and
// going back to one. Changes of a tenant's records go one after the other, so that what a record names
// is still there when it is stored, and nothing is removed that another has just named.

import type { ReadingParts } from "../../../actors/openapi/offered.ts";
import type { VersionEntry } from "../../../actors/records/agent-version.ts";
import {
  type ResourceKind,
  type ResourceRecord,
  type ResourceRow,
  type ResourceStamp,
  resourceTables,
} from "../../../actors/records/resource.ts";
import type { FolderGrant } from "../../../actors/tools/folders.ts";
import { newId } from "../../../runtime/id.ts";
import type { System, TableWrite } from "../../../runtime/system.ts";
import type { Serial } from "../../serial.ts";
import { type Caller, checkMatch } from "../services/agent-store.ts";
import { type ListRequest, listRows } from "../services/listing.ts";
import { mergePatch } from "../services/merge-patch.ts";
import { type OnceKey, once } from "../services/once.ts";
import type { Page, PageRequest } from "../services/paging.ts";
import type { RecordBodies } from "../services/record-bodies.ts";
import type { Listing, RecordIndex } from "../services/record-index.ts";
import { lockOf, type RecordUser, refuseUsed, versionsNamed } from "../services/record-links.ts";
import { isSame } from "../services/same.ts";
import { pageOfVersions } from "../services/version-page.ts";
import { loadValidator, validate } from "../validate.ts";
import type { Links, ResourceRules, ServerGrant } from "./resource-rules.ts";
import {
  createResourceStore,
  type LoadedResource,
  type ResourceStore,
  titleOf,
} from "./resource-store.ts";

type Fields = Readonly<Record<string, unknown>>;

/** What every service works with. */
export interface ResourceContext {
  readonly system: Pick<System, "tables">;
  readonly index: RecordIndex;
  /** Records of every kind that name one. */
  usersOf(tenant: string, id: string): Promise<readonly RecordUser[]>;
  /** Changes of a tenant's records, one after the other; shared by everything that names records. */
  readonly serial: Serial;
  /** Folders that the operator granted. Default: none. */
  readonly folders?: readonly FolderGrant[] | undefined;
  /** The operator's tool servers. */
  readonly toolServers?: readonly ServerGrant[] | undefined;
  /** Reads documents of tools that are saved. */
  readonly reading?: Omit<ReadingParts, "tenant"> | undefined;
  /** Milliseconds since the epoch. */
  nowMs(): number;
}

/** A kept version as lists show it. */
export interface ResourceVersion extends VersionEntry {
  readonly isCurrent: boolean;
}

/** Writes that go with a version, given the record's id, in one commit with it. */
export type Beside = (id: string) => Promise<readonly TableWrite[]>;

const nothingBeside: Beside = async () => [];

/** Records of one kind, of all tenants. `ifMatch` is the version a change must be made from. */
export interface ResourceService<Input extends object> {
  readonly kind: ResourceKind<Input>;
  /** @throws INVALID, CONFLICT when there are too many, KEY_REUSED, and what the kind refuses. */
  create(
    caller: Caller,
    input: Input,
    key: OnceKey | null,
    beside?: Beside,
  ): Promise<ResourceRow<Input>>;
  /** @throws NOT_FOUND. */
  get(tenant: string, id: string): Promise<ResourceRow<Input>>;
  readonly listing: Listing;
  /** Answers on its records that are kept. */
  readonly bodies: Pick<RecordBodies, "record" | "page">;
  list(tenant: string, request: ListRequest): Promise<Page<ResourceRow<Input>>>;
  /** Records that name it, in order of kind and creation, and evaluations under way. @throws NOT_FOUND. */
  usedBy(tenant: string, id: string): Promise<readonly RecordUser[]>;
  /** The next version with all fields as sent; the same one when nothing changes. */
  replace(
    caller: Caller,
    id: string,
    input: Input,
    ifMatch: number | null,
    beside?: Beside,
  ): Promise<ResourceRow<Input>>;
  /** The next version with a merge patch (RFC 7396) applied; the same one when nothing changes. */
  patch(
    caller: Caller,
    id: string,
    patch: Fields,
    ifMatch: number | null,
  ): Promise<ResourceRow<Input>>;
  /** @throws CONFLICT naming the records that name it. */
  remove(caller: Caller, id: string, ifMatch: number | null): Promise<void>;
  /** Newest first. @throws NOT_FOUND. */
  versions(tenant: string, id: string, page: PageRequest): Promise<Page<ResourceVersion>>;
  /** @throws NOT_FOUND for one that is not kept. */
  version(tenant: string, id: string, version: number): Promise<ResourceRow<Input>>;
  /** A new version with the fields of an earlier one. @throws as `replace`. */
  rollback(
    caller: Caller,
    id: string,
    version: number,
    ifMatch: number | null,
  ): Promise<ResourceRow<Input>>;
}

/** The service of a kind. */
export function createResourceService<Input extends object>(
  context: ResourceContext,
  kind: ResourceKind<Input>,
  rules: ResourceRules<Input> = {},
): ResourceService<Input> {
  const { system, index, nowMs } = context;
  const { tables } = system;
  const store = createResourceStore({ tables, index }, kind);
  const listing = listingOf(kind);
  const work: Work<Input> = { context, kind, rules, store };
  return {
    kind,
    create: async (caller, input, key, beside = nothingBeside) => {
      const place = { tables, tenant: caller.tenant, service: caller.service };
      const { result } = await once<ResourceRow<Input>>(place, key, nowMs(), (remember) =>
        create(work, caller, { input, remember, beside }),
      );
      return result;
    },
    get: async (tenant, id) => (await store.load(tenant, id)).row,
    listing,
    bodies: index.bodies,
    list: async (tenant, request) => {
      const { items, next } = await listRows({ tables, index, listing }, tenant, request);
      return { items: items.map(({ value }) => value as ResourceRow<Input>), next };
    },
    usedBy: async (tenant, id) => {
      await store.load(tenant, id);
      return await context.usersOf(tenant, id);
    },
    replace: (caller, id, input, ifMatch, beside = nothingBeside) =>
      change(work, caller, { id, ifMatch, reason: "changed", next: async () => input, beside }),
    patch: (caller, id, patch, ifMatch) =>
      change(work, caller, {
        ...{ id, ifMatch, reason: "changed" },
        next: async (before) => mergePatch(before, patch),
      }),
    remove: (caller, id, ifMatch) =>
      changing(work, caller, id, ifMatch, async (from) => {
        const { tenant } = caller;
        rules.permit?.(caller, { before: from.row.record, after: null });
        refuseUsed(`${titleOf(kind)} ${id}`, await context.usersOf(tenant, id), caller);
        await store.remove(tenant, from, rules.withRemoved?.(from.row.record, id) ?? []);
        await rules.afterDropped?.({ tables, tenant, id });
      }),
    versions: async (tenant, id, page) => {
      const { row } = await store.load(tenant, id);
      const { items, next } = pageOfVersions(await store.history(tenant, id), page);
      const isCurrent = ({ version }: VersionEntry): boolean => version === row.version;
      return { items: items.map((entry) => ({ ...entry, isCurrent: isCurrent(entry) })), next };
    },
    version: async (tenant, id, version) => {
      await store.load(tenant, id);
      return await store.version(tenant, id, version);
    },
    rollback: (caller, id, version, ifMatch) =>
      change(work, caller, {
        ...{ id, ifMatch, reason: "restored", restored: version },
        next: async () => inputOf(kind, await store.version(caller.tenant, id, version)),
      }),
  };
}

/** How records of a kind are listed. */
export function listingOf<Input extends object>(kind: ResourceKind<Input>): Listing {
  const { name, path, searched, filters, sorts } = kind;
  return {
    ...{ name, path, searched, filters, sorts, table: resourceTables(kind).current },
    properties: (kind.input as { readonly properties: Fields }).properties,
    recordOf: (value) => (value as ResourceRow<Fields>).record,
    linksOf: (value) => Object.values((value as ResourceRow<Fields>).links ?? {}),
  };
}

/** What a client set of a record, and no more. */
export function inputOf<Input extends object>(
  kind: ResourceKind<Input>,
  { record }: ResourceRow<Input>,
): Fields {
  const fields = record as Fields;
  const names = fieldsOf(kind).filter((name) => fields[name] !== undefined);
  return Object.fromEntries(names.map((name) => [name, fields[name]]));
}

/** Names of the fields that a client sets, in the order of the schema. */
export function fieldsOf({ input }: Pick<ResourceKind<object>, "input">): readonly string[] {
  return Object.keys((input as { readonly properties: Fields }).properties);
}

interface Work<Input extends object> {
  readonly context: ResourceContext;
  readonly kind: ResourceKind<Input>;
  readonly rules: ResourceRules<Input>;
  readonly store: ResourceStore<Input>;
}

/** What a new record is made of. */
interface Made<Input> {
  readonly input: Input;
  remember(row: ResourceRow<Input>): readonly TableWrite[];
  readonly beside: Beside;
}

function create<Input extends object>(
  { context, kind, rules, store }: Work<Input>,
  caller: Caller,
  { input, remember, beside }: Made<Input>,
): Promise<ResourceRow<Input>> {
  const { tenant } = caller;
  return context.serial.run(lockOf(tenant), async () => {
    const settings = settled(kind, input as Fields);
    const fields = kind.stored?.(settings, undefined) ?? settings;
    rules.permit?.(caller, { before: null, after: fields as Input });
    const links = await checked({ context, kind, rules, store }, fields, { tenant, id: null });
    const nowMs = context.nowMs();
    const at = new Date(nowMs).toISOString();
    const stamp = { id: newId(kind.prefix, nowMs), version: 1, created_at: at, updated_at: at };
    const row = rowOf<Input>(fields, stamp, links);
    const more = [...remember(row), ...(await beside(stamp.id))];
    await store.commit({
      tenant,
      from: null,
      row,
      reason: "created",
      named: async () => [],
      more,
      nowMs,
    });
    return row;
  });
}

interface Step {
  readonly id: string;
  readonly ifMatch: number | null;
  readonly reason: VersionEntry["reason"];
  readonly restored?: number;
  next(before: Fields): Promise<object>;
  readonly beside?: Beside;
}

function change<Input extends object>(
  work: Work<Input>,
  caller: Caller,
  { id, ifMatch, reason, restored, next, beside = nothingBeside }: Step,
): Promise<ResourceRow<Input>> {
  const { context, kind, rules, store } = work;
  return changing(work, caller, id, ifMatch, async (from) => {
    const before = inputOf(kind, from.row);
    const sent = await next(kind.shown?.(before) ?? before);
    await loadValidator();
    const settings = settled(kind, sent as Fields);
    const fields = kind.stored?.(settings, before) ?? settings;
    validate(kind.input, fields);
    rules.permit?.(caller, { before: from.row.record, after: fields as Input });
    if (isSame(before, fields)) return from.row;
    const { tenant } = caller;
    const links = await checked(work, fields, { tenant, id });
    const nowMs = context.nowMs();
    const { created_at, version } = from.row.record;
    const updated_at = new Date(nowMs).toISOString();
    const row = rowOf<Input>(fields, { id, version: version + 1, created_at, updated_at }, links);
    const named = async (): Promise<readonly number[]> =>
      versionsNamed(await context.usersOf(tenant, id), id);
    const made = { tenant, from, row, reason, named, more: await beside(id), nowMs };
    const dropped = await store.commit(restored === undefined ? made : { ...made, restored });
    const { tables } = context.system;
    if (dropped.length > 0) await rules.afterDropped?.({ tables, tenant, id });
    return row;
  });
}

/** One change at a time, from the current row. */
function changing<Input extends object, T>(
  { context, store }: Work<Input>,
  { tenant }: Caller,
  id: string,
  ifMatch: number | null,
  make: (from: LoadedResource<Input>) => Promise<T>,
): Promise<T> {
  return context.serial.run(lockOf(tenant), async () => {
    const from = await store.load(tenant, id);
    checkMatch(ifMatch, from.row.version);
    return await make(from);
  });
}

async function checked<Input extends object>(
  { context, kind, rules }: Work<Input>,
  fields: Fields,
  of: { readonly tenant: string; readonly id: string | null },
): Promise<Links> {
  const named = async (name: string): Promise<readonly string[]> => {
    const all = await context.index.ordered(of.tenant, listingOf(kind), "created_at");
    return all.filter(({ entry }) => entry.name === name).map(({ id }) => id);
  };
  const { system, folders = [], reading, toolServers } = context;
  const place = { tables: system.tables, folders, reading, toolServers, ...of, named };
  await rules.check?.(fields as Input, place);
  return (await rules.links?.(fields as Input, place)) ?? {};
}

function rowOf<Input>(fields: Fields, stamp: ResourceStamp, links: Links): ResourceRow<Input> {
  // The fields were just checked against the schema that the type is made from.
  const record = { ...fields, ...stamp } as unknown as ResourceRecord<Input>;
  const row = { record, version: stamp.version };
  return Object.keys(links).length === 0 ? row : { ...row, links };
}

/** A record's fields: what is null is unset, and what is not set has the kind's default. */
function settled<Input extends object>(kind: ResourceKind<Input>, sent: Fields): Fields {
  const { defaults = {} } = kind;
  const required = (kind.input as { readonly required?: readonly string[] }).required ?? [];
  const isSet = ([name, value]: readonly [string, unknown]): boolean =>
    value !== undefined && (value !== null || required.includes(name));
  return { ...defaults, ...Object.fromEntries(Object.entries(sent).filter(isSet)) };
}
