// What an apply does to documents before its records are stored, written down first: so that whoever
// comes after a process that died in between can tell which of the two it was, and puts back what was
// there or finishes what was begun. Rows lie apart from tenants', so that a start finds all of them.
//
//   pack-applies    id       Entry
//   pack-documents  id.n     {collection, document} as it was before

import { systemTenant } from "../../actors/records/api-key.ts";
import { newId } from "../../runtime/id.ts";
import type { System, TableWrite } from "../../runtime/system.ts";
import type { PackContext } from "./context.ts";
import { type DocumentWork, dropCollection, removeDocuments, takeIn } from "./documents.ts";
import { packJournal } from "./journal-tables.ts";
import { packLimits } from "./limits.ts";
import type { PackDocument } from "./pack-source.ts";
import { type PackRow, packTables } from "./records.ts";

/** Of one apply. */
export interface Entry {
  /** Names the apply; the pack's row has it once its records are stored. */
  readonly id: string;
  readonly tenant: string;
  readonly pack: string;
  /** Collections that it makes. */
  readonly made: readonly string[];
  /** Jobs that take documents in, by their collections: they go on in the process that comes after. */
  readonly jobs: Readonly<Record<string, string>>;
  /** Documents that were not there before, and those that go at the end. */
  readonly added: readonly DocumentPlace[];
  readonly removed: readonly DocumentPlace[];
  /** Documents that were there before, in rows of their own. */
  readonly replaced: number;
}

interface DocumentPlace {
  readonly collection: string;
  readonly id: string;
}

interface Replaced {
  readonly collection: string;
  readonly document: PackDocument;
}

const table = packJournal;
/** Entries read at once. */
const PAGE = 100;

/** Writes down what is about to be done to documents; durable when it resolves. */
export async function beginEntry(
  { system, documents, nowMs }: Pick<PackContext, "system" | "documents" | "nowMs">,
  of: Pick<Entry, "id" | "tenant" | "pack">,
  works: readonly DocumentWork[],
): Promise<Entry> {
  const old = works.filter(({ isNew }) => !isNew);
  const puts = old.flatMap(({ collection, put, changes }) =>
    put.map(({ id }) => {
      const isThere = changes.some((change) => change.id === id && change.action === "update");
      return { collection, id, isThere };
    }),
  );
  const places = (those: readonly DocumentPlace[]): readonly DocumentPlace[] =>
    those.map(({ collection, id }) => ({ collection, id }));
  const replaced = puts.filter(({ isThere }) => isThere);
  const entry: Entry = {
    ...of,
    made: works.filter(({ isNew }) => isNew).map(({ collection }) => collection),
    jobs: Object.fromEntries(works.map(({ collection }) => [collection, newId("jb", nowMs())])),
    added: places(puts.filter(({ isThere }) => !isThere)),
    removed: old.flatMap(({ collection, remove }) => remove.map((id) => ({ collection, id }))),
    replaced: replaced.length,
  };
  // First what is to be cleared up: rows that are not there yet were not needed either.
  await write(system, [{ type: "put", table: table.applies, id: of.id, value: entry }]);
  for (const [at, { collection, id }] of replaced.entries()) {
    const { title, text, metadata } = await documents.document(of.tenant, collection, id);
    const value: Replaced = { collection, document: { id, title, text, metadata } };
    await write(system, [{ type: "put", table: table.documents, id: rowOf(of.id, at), value }]);
  }
  return entry;
}

/** Ends an apply as its records say: finishes it when they are stored, else puts everything back. */
export async function endEntry(context: PackContext, entry: Entry): Promise<void> {
  const { system } = context;
  const { tenant, id, pack, made, jobs, added, removed, replaced } = entry;
  const row = (await system.tables.get(tenant, packTables.packs, pack))?.value;
  if ((row as PackRow | undefined)?.applied === id) {
    await eachOf(removed, (collection, ids) => removeDocuments(context, tenant, collection, ids));
  } else {
    // What is still taken in would be there again after it was put back.
    for (const job of Object.values(jobs)) {
      await context.ingestion.stop(tenant, job, packLimits.documentsMs);
    }
    for (const collection of made) await dropCollection(context, tenant, collection);
    await eachOf(added, (collection, ids) => removeDocuments(context, tenant, collection, ids));
    for (let at = 0; at < replaced; at += 1) {
      const kept = (await system.tables.get(systemTenant, table.documents, rowOf(id, at)))?.value;
      const { collection, document } = (kept ?? {}) as Partial<Replaced>;
      if (collection !== undefined && document !== undefined) {
        const job = newId("jb", context.nowMs());
        await takeIn(context, tenant, collection, { documents: [document], job });
      }
    }
  }
  // What is undone twice is the same; so the entry, by which the rest is found, goes last.
  for (let at = 0; at < replaced; at += 1) {
    await write(system, [{ type: "remove", table: table.documents, id: rowOf(id, at) }]);
  }
  await write(system, [{ type: "remove", table: table.applies, id }]);
}

/** Applies that were begun and not ended. */
export async function openEntries({ tables }: Pick<System, "tables">): Promise<readonly Entry[]> {
  const rows = await tables.list(systemTenant, table.applies, { limit: PAGE });
  return rows.map(({ value }) => value as Entry);
}

async function eachOf(
  places: readonly DocumentPlace[],
  work: (collection: string, ids: readonly string[]) => Promise<void>,
): Promise<void> {
  for (const collection of new Set(places.map((place) => place.collection))) {
    const own = places.filter((place) => place.collection === collection);
    await work(
      collection,
      own.map(({ id }) => id),
    );
  }
}

async function write(
  { tables }: Pick<System, "tables">,
  writes: readonly TableWrite[],
): Promise<void> {
  await tables.write(systemTenant, writes);
}

const rowOf = (apply: string, at: number): string => `${apply}.${String(at).padStart(4, "0")}`;
