// Packs: plan, apply, going back, removal. An apply is one transaction of the tenant's tables, made in a
// draft first; what it does to documents, which lie elsewhere, is done before and written down (journal.ts).

import { collectionsTable } from "../../actors/records/collection.ts";
import { removalAddress } from "../../actors/removal.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { newId } from "../../runtime/id.ts";
import type { TableWrite } from "../../runtime/system.ts";
import type { Caller } from "../http/services/agent-store.ts";
import type { Page, PageRequest } from "../http/services/paging.ts";
import { lockOf } from "../http/services/record-links.ts";
import { createSerial } from "../serial.ts";
import { type Built, type BuiltObject, build, type Present } from "./build.ts";
import type { GivenIds, PackContext } from "./context.ts";
import {
  comingWrites,
  type DocumentWork,
  documentWork,
  marksOf,
  removedCollections,
  takeIn,
} from "./documents.ts";
import type { Exported } from "./export.ts";
import { beginEntry, type Entry, endEntry, openEntries } from "./journal.ts";
import { packLimits } from "./limits.ts";
import { type Pack, type PackRequest, type PackSource, readPack } from "./pack-source.ts";
import {
  listPacks,
  loadPack,
  packRemovals,
  packVersion,
  packWrites,
  presentPack,
} from "./pack-store.ts";
import { isEmpty, type Plan, planOf } from "./plan.ts";
import type { DocumentMark, OwnedObject, PackRow, PackVersion } from "./records.ts";

/** An apply: what it did, and the pack as it is now. */
export interface Applied {
  readonly plan: Plan;
  readonly row: PackRow;
}

/** Packs of all tenants. */
export interface PackService {
  /** What an apply would do. Stores nothing. @throws INVALID with `details.problems`. */
  plan(caller: Caller, request: PackRequest): Promise<Plan>;
  /**
   * Makes the tenant's records as the pack says, all of them or none.
   * @param revision of the plan that it must be. @throws as `plan`; REVISION_MISMATCH, BALANCE_EXHAUSTED.
   */
  apply(caller: Caller, request: PackRequest, revision: string | null): Promise<Applied>;
  /** Applies an earlier version again. @param to default: the one before. @throws as `apply`, NOT_FOUND. */
  rollback(
    caller: Caller,
    id: string,
    how: {
      readonly to: number | null;
      readonly secrets: Readonly<Record<string, string>>;
      readonly revision: string | null;
    },
  ): Promise<Applied>;
  /** Removes all that it made. @throws CONFLICT while other records name something of it. */
  remove(caller: Caller, id: string): Promise<void>;
  get(tenant: string, id: string): Promise<PackRow>;
  list(tenant: string, page: PageRequest): Promise<Page<PackRow>>;
  /** Records as a pack's file: those of a pack, or any by their ids. @throws NOT_FOUND, INVALID. */
  export(
    caller: Caller,
    what: { readonly pack: string } | { readonly name: string; readonly ids: readonly string[] },
  ): Promise<Exported>;
  /** Ends what a process that died had begun. @returns how many applies. */
  recover(): Promise<number>;
}

/** The service. */
export function createPackService(context: PackContext): PackService {
  const { tables } = context.system;
  // Packs of a tenant are applied one after the other.
  const serial = createSerial();
  const lock = (tenant: string): string => `${tenant}/its packs`;
  const applying = new Set<string>();
  const work = { context, applying };
  const recover = async (tenant: string): Promise<number> => {
    const all = await openEntries(context.system);
    const left = all.filter((entry) => entry.tenant === tenant && !applying.has(entry.id));
    for (const entry of left) await endEntry(context, entry);
    return left.length;
  };
  const applied = (
    caller: Caller,
    request: PackRequest,
    how: { readonly revision: string | null; readonly restored: number | null },
  ): Promise<Applied> =>
    serial.run(lock(caller.tenant), async () => {
      await recover(caller.tenant);
      return await apply(work, caller, request, how);
    });
  return {
    plan: async (caller, request) => {
      const pack = await readPack(request);
      const present = await presentPack(tables, caller.tenant, pack.name);
      return (await looked(context, caller, pack, { present, ids: new Map() })).plan;
    },
    apply: (caller, request, revision) => applied(caller, request, { revision, restored: null }),
    rollback: async (caller, id, { to, secrets, revision }) => {
      const { row } = await loadPack(tables, caller.tenant, id);
      const before = row.versions.at(-2)?.version;
      const restored = to ?? before;
      if (restored === undefined) {
        throw new RuntimeError("CONFLICT", `Pack ${row.name} has no version before this one.`);
      }
      const { source } = await packVersion(tables, caller.tenant, row, restored);
      return await applied(caller, { ...source, secrets }, { revision, restored });
    },
    remove: (caller, id) =>
      serial.run(lock(caller.tenant), async () => {
        await recover(caller.tenant);
        await uninstall(context, caller, id);
      }),
    get: async (tenant, id) => (await loadPack(tables, tenant, id)).row,
    list: (tenant, page) => listPacks(tables, tenant, page),
    export: async (caller, what) => {
      const known = "pack" in what ? (await loadPack(tables, caller.tenant, what.pack)).row : null;
      const ids =
        "pack" in what ? Object.values(known?.objects ?? {}).map((one) => one.id) : what.ids;
      const name = "pack" in what ? (known?.name ?? "") : what.name;
      const { exportRecords } = await import("./export.ts");
      return await exportRecords(context, caller, { name, ids, known });
    },
    recover: async () => {
      const tenants = new Set((await openEntries(context.system)).map(({ tenant }) => tenant));
      let ended = 0;
      for (const tenant of tenants) {
        ended += await serial.run(lock(tenant), () => recover(tenant));
      }
      return ended;
    },
  };
}

interface Looked {
  readonly built: Built;
  readonly works: readonly DocumentWork[];
  readonly plan: Plan;
}

/** Builds a pack, and says what it would do. */
async function looked(
  context: PackContext,
  caller: Caller,
  pack: Pack,
  at: { readonly present: Present | null; readonly ids: GivenIds },
): Promise<Looked> {
  const built = await build(context, caller, pack, at);
  const collections = [...built.objects.values()].filter(isCollection);
  const works: DocumentWork[] = [];
  for (const one of collections) works.push(await documentWork(context, caller.tenant, one));
  return { built, works, plan: planOf(pack, at.present, built, works) };
}

const isCollection = ({ object }: BuiltObject): boolean => object.kind.section === "collections";

interface Work {
  readonly context: PackContext;
  /** Applies under way in this process. */
  readonly applying: Set<string>;
}

async function apply(
  { context, applying }: Work,
  caller: Caller,
  request: PackRequest,
  how: { readonly revision: string | null; readonly restored: number | null },
): Promise<Applied> {
  const { system, nowMs } = context;
  const { tenant } = caller;
  const pack = await readPack(request);
  const present = await presentPack(system.tables, tenant, pack.name);
  const id = present?.row.id ?? newId("pk", nowMs());
  const ids: GivenIds = new Map();
  const apply = newId("pa", nowMs());
  const lock = lockOf(tenant);
  const stored = async ({ built, works }: Looked): Promise<PackRow> => {
    const marks = new Map<string, Readonly<Record<string, DocumentMark>>>();
    for (const one of works) marks.set(one.name, await marksOf(context, tenant, one));
    const row = rowOf(pack, { present, built, marks, id, apply, restored: how.restored, nowMs });
    const ended = comingWrites(works, null);
    await store(context, caller, { built, row, present, source: sourceOf(request), ended });
    return row;
  };
  // What it names stays until it is stored.
  const seen = await context.serial.run(lock, async () => {
    const now = await looked(context, caller, pack, { present, ids });
    checkRevision(how.revision, now.plan);
    const isNone = isEmpty(now.plan) && present !== null && how.restored === null;
    if (isNone) return { ...now, row: present.row };
    return { ...now, row: now.works.some(hasWork) ? null : await stored(now) };
  });
  const { plan, built, row } = seen;
  if (row !== null) return { plan, row };
  const works = seen.works.filter(hasWork);
  const again = (): Promise<PackRow> =>
    context.serial.run(lock, async () => {
      const now = await build(context, caller, pack, { present, ids });
      checkRevision(plan.revision, planOf(pack, present, now, seen.works));
      return await stored({ ...seen, built: now });
    });
  applying.add(apply);
  try {
    const entry = await beginEntry(context, { id: apply, tenant, pack: id }, works);
    const made = await withDocuments(context, entry, { built, works }, again).catch(
      async (error: unknown) => {
        // What cannot be put back now is with the next apply or start; what was wrong first is told.
        await endEntry(context, entry).catch(() => undefined);
        throw error;
      },
    );
    await endEntry(context, entry);
    return { plan, row: made };
  } finally {
    applying.delete(apply);
  }
}

const hasWork = ({ put, remove }: DocumentWork): boolean => put.length + remove.length > 0;

/** Takes the documents in, then has the records stored. */
async function withDocuments<T>(
  context: PackContext,
  { tenant, jobs }: Entry,
  { built, works }: Pick<Looked, "built" | "works">,
  then: () => Promise<T>,
): Promise<T> {
  await letIn(context, tenant, built, works);
  for (const { collection, put: documents } of works) {
    await takeIn(context, tenant, collection, { documents, job: jobs[collection] ?? "" });
  }
  return await then();
}

function checkRevision(wanted: string | null, { revision }: Plan): void {
  if (wanted === null || wanted === revision) return;
  const text = `It would not do what was planned any more (the plan is ${revision} now): plan it again.`;
  throw new RuntimeError("REVISION_MISMATCH", text, { revision });
}

/** Stores a draft with the pack's own rows: one transaction. */
async function store(
  context: PackContext,
  caller: Caller,
  {
    built,
    row,
    present,
    source,
    ended,
  }: {
    readonly built: Built;
    readonly row: PackRow;
    readonly present: Present | null;
    readonly source: PackSource;
    readonly ended: readonly TableWrite[];
  },
): Promise<void> {
  const { tenant } = caller;
  const all = [...built.objects].map(([name, { made }]) => [name, made.fields] as const);
  const version: PackVersion = { source, fields: Object.fromEntries(all) };
  const own = await packWrites(context.system.tables, tenant, { present, row, version });
  await commit(context, tenant, built, [...built.draft.tables.writes(), ...own, ...ended]);
}

/** From here on collections that are new take documents in, which nobody finds before the record is there. */
async function letIn(
  { system }: PackContext,
  tenant: string,
  { draft }: Built,
  works: readonly DocumentWork[],
): Promise<void> {
  const records = new Map<string, unknown>();
  for (const { collection } of works) {
    const row = await draft.tables.get(tenant, collectionsTable, collection);
    records.set(collection, row?.value);
  }
  const writes = comingWrites(works, (id) => records.get(id));
  if (writes.length > 0) await system.tables.write(tenant, writes);
}

async function commit(
  { system, index, memories }: PackContext,
  tenant: string,
  { draft, removed }: Pick<Built, "draft" | "removed">,
  writes: readonly TableWrite[],
): Promise<void> {
  if (writes.length > packLimits.writes) {
    const text = `The pack would write ${writes.length} rows at once; the limit is ${packLimits.writes}. Make it two.`;
    throw new RuntimeError("INVALID", text, { limit: packLimits.writes });
  }
  // Whatever dies from here on, what is left of these after their rows are gone is removed by a run.
  for (const id of removedCollections(removed)) {
    await system.ask(removalAddress(tenant), { type: "collection", id });
  }
  for (const { section, id } of removed) {
    if (section !== "agents") continue;
    const agent = (await system.tables.get(tenant, "agents", id))?.value as { agent: never };
    if (!(await memories.isUsed(tenant, agent.agent))) continue;
    await system.ask(removalAddress(tenant), { type: "agent", id });
  }
  try {
    await system.tables.write(tenant, writes);
    await sweepSkills(system, tenant, draft.unswept);
  } finally {
    // A write that failed may be there even so.
    for (const { table, id } of draft.tables.touched()) index.changed(tenant, table, id);
  }
}

/** What the process dies before is swept with the tenant's next skill. */
async function sweepSkills(
  { tables }: PackContext["system"],
  tenant: string,
  ids: ReadonlySet<string>,
): Promise<void> {
  if (ids.size === 0) return;
  const { sweep } = await import("../http/services/skill-storage.ts");
  for (const id of ids) await sweep({ tables, tenant, id });
}

function rowOf(
  pack: Pack,
  of: {
    readonly present: Present | null;
    readonly built: Built;
    readonly marks: ReadonlyMap<string, Readonly<Record<string, DocumentMark>>>;
    readonly id: string;
    readonly apply: string;
    readonly restored: number | null;
    nowMs(): number;
  },
): PackRow {
  const { present, built, marks, id, apply, restored } = of;
  const at = new Date(of.nowMs()).toISOString();
  const version = (present?.row.version ?? 0) + 1;
  const mark = { version, label: pack.label, at, restored };
  const objects = [...built.objects].map(([name, { object, made }]) => {
    const documents = marks.get(name);
    const { id: made_id, parts } = made;
    const owned: OwnedObject = { section: object.kind.section, id: made_id, parts };
    return [name, documents === undefined ? owned : { ...owned, documents }] as const;
  });
  return {
    ...{ id, name: pack.name, label: pack.label, description: pack.description, version },
    versions: [...(present?.row.versions ?? []), mark].slice(-packLimits.versions),
    objects: Object.fromEntries(objects),
    applied: apply,
    created_at: present?.row.created_at ?? at,
    updated_at: at,
  };
}

/** What is kept of a request. */
function sourceOf({ secrets: _, ...source }: PackRequest): PackSource {
  return source;
}

async function uninstall(context: PackContext, caller: Caller, id: string): Promise<void> {
  const { tables } = context.system;
  const { row } = await loadPack(tables, caller.tenant, id);
  const present = await presentPack(tables, caller.tenant, row.name);
  if (present === null) throw new RuntimeError("NOT_FOUND", `Pack ${id} does not exist.`);
  const empty = await readPack({ source: `pack: ${row.name}` });
  await context.serial.run(lockOf(caller.tenant), async () => {
    const built = await build(context, caller, empty, { present, ids: new Map() });
    const writes = [...built.draft.tables.writes(), ...packRemovals(present)];
    await commit(context, caller.tenant, built, writes);
  });
}
