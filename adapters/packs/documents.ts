// Documents of a pack's collections. They lie in another store than the records, so they are taken in
// before the records are stored, and what they replace is kept until it is known whether those were:
// a collection that is new is found by nobody until its record is there; in one that was there before
// what has changed is put back.

import { createHash } from "node:crypto";
import { comingCollectionsTable, type DocumentView } from "../../actors/records/collection.ts";
import type { Source } from "../../actors/records/ingestion-job.ts";
import { removalAddress } from "../../actors/removal.ts";
import { fromErrorData, RuntimeError } from "../../runtime/errors.ts";
import type { TableWrite } from "../../runtime/system.ts";
import type { BuiltObject } from "./build.ts";
import type { PackContext } from "./context.ts";
import { packLimits } from "./limits.ts";
import type { PackDocument } from "./pack-source.ts";
import type { DocumentMark, OwnedObject } from "./records.ts";

const PAGE = 100;

/** What is to be done with the documents of one collection. */
export interface DocumentWork {
  /** Name of the collection in the pack, and its id. */
  readonly name: string;
  readonly collection: string;
  /** Whether the collection is made by this apply. */
  readonly isNew: boolean;
  /** To be taken in, new ones and others. */
  readonly put: readonly PackDocument[];
  /** Ids to be removed once everything else is there. */
  readonly remove: readonly string[];
  readonly changes: readonly DocumentChange[];
  /** Marks of those that stay as they are. */
  readonly kept: Readonly<Record<string, DocumentMark>>;
}

/** What becomes of a document. */
export interface DocumentChange {
  readonly action: "create" | "update" | "delete" | "unchanged";
  readonly id: string;
  /** Somebody changed or removed it since the pack put it there. */
  readonly has_drifted: boolean;
}

/** What has to be done for the documents of a collection. */
export async function documentWork(
  { knowledge }: Pick<PackContext, "knowledge">,
  tenant: string,
  { object, made, before }: BuiltObject,
): Promise<DocumentWork> {
  const marks = before?.documents ?? {};
  const isNew = before === null;
  const stored = isNew ? new Map() : await storedIn(knowledge, tenant, made.id);
  const changes: DocumentChange[] = [];
  const put: PackDocument[] = [];
  const kept: Record<string, DocumentMark> = {};
  for (const document of object.documents) {
    const mark = Object.hasOwn(marks, document.id) ? marks[document.id] : undefined;
    const now: DocumentView | undefined = stored.get(document.id);
    const hasDrifted = mark !== undefined && mark.stored !== now?.content_hash;
    const isSame = mark !== undefined && !hasDrifted && mark.sent === hashOf(document);
    if (isSame) kept[document.id] = mark;
    else put.push(document);
    const action = isSame ? "unchanged" : now === undefined ? "create" : "update";
    changes.push({ action, id: document.id, has_drifted: hasDrifted });
  }
  const wanted = new Set(object.documents.map(({ id }) => id));
  const remove = Object.keys(marks).filter((id) => !wanted.has(id) && stored.has(id));
  for (const id of remove) {
    const hasDrifted = marks[id]?.stored !== stored.get(id)?.content_hash;
    changes.push({ action: "delete", id, has_drifted: hasDrifted });
  }
  return { name: object.name, collection: made.id, isNew, put, remove, changes, kept };
}

/** Takes documents in. @param job its id. @throws what keeps one of them out. */
export async function takeIn(
  { ingestion }: Pick<PackContext, "ingestion">,
  tenant: string,
  collection: string,
  { documents, job: id }: { readonly documents: readonly PackDocument[]; readonly job: string },
): Promise<void> {
  if (documents.length === 0) return;
  const { signal } = new AbortController();
  const wait = { id, once: null, waitMs: packLimits.documentsMs, signal };
  const job = await ingestion.add(tenant, collection, documents.map(sourceOf), wait);
  if (job.status !== "completed") {
    if (job.status === "running") await ingestion.change(tenant, job.id, "cancel");
    const why = job.error?.message ?? `they took longer than ${packLimits.documentsMs / 1_000} s.`;
    throw new RuntimeError(job.error?.code ?? "DEADLINE", `Documents were not taken in: ${why}`);
  }
  if (job.documents.failed === 0) return;
  const { items } = await ingestion.reports(tenant, job.id, { limit: packLimits.documents });
  const failed = items.find(({ status }) => status === "failed");
  const error = failed?.error;
  if (failed === undefined || error === undefined)
    throw new Error("A failed document has no error.");
  const { code, message, details } = error;
  throw fromErrorData({
    code,
    message: `Document ${failed.id}: ${message}`,
    ...(details && { details }),
  });
}

/** What lets a collection that has no record yet take documents in, and what ends that. */
export function comingWrites(
  works: readonly DocumentWork[],
  recordOf: ((id: string) => unknown) | null,
): readonly TableWrite[] {
  const table = comingCollectionsTable;
  const ids = works.filter(({ isNew }) => isNew).map(({ collection }) => collection);
  return ids.map((id) =>
    recordOf === null
      ? { type: "remove", table, id }
      : { type: "put", table, id, value: recordOf(id) },
  );
}

/** Marks of all documents of a collection as they are now. */
export async function marksOf(
  { documents }: Pick<PackContext, "documents">,
  tenant: string,
  work: DocumentWork,
): Promise<Readonly<Record<string, DocumentMark>>> {
  const marks: Record<string, DocumentMark> = { ...work.kept };
  for (const document of work.put) {
    const { content_hash: stored } = await documents.document(tenant, work.collection, document.id);
    marks[document.id] = { sent: hashOf(document), stored };
  }
  return marks;
}

/** The documents of collections that were made and never got a record: all of them go. */
export async function dropCollection(
  { system }: Pick<PackContext, "system">,
  tenant: string,
  id: string,
): Promise<void> {
  await system.tables.write(tenant, [{ type: "remove", table: comingCollectionsTable, id }]);
  await system.ask(removalAddress(tenant), { type: "collection", id });
}

/** Removes documents; what is gone is gone. */
export async function removeDocuments(
  { documents }: Pick<PackContext, "documents">,
  tenant: string,
  collection: string,
  ids: readonly string[],
): Promise<void> {
  for (const id of ids) {
    await documents.removeDocument(tenant, collection, id).catch((error: unknown) => {
      if (!(error instanceof RuntimeError && error.code === "NOT_FOUND")) throw error;
    });
  }
}

/** Collections whose rows go with an apply: their documents go after. */
export function removedCollections(removed: readonly OwnedObject[]): readonly string[] {
  return removed.filter(({ section }) => section === "collections").map(({ id }) => id);
}

/** Says the same as another when nothing of a document is different. */
function hashOf({ title, text, metadata }: PackDocument): string {
  return createHash("sha256")
    .update(JSON.stringify([title, text, metadata]))
    .digest("hex");
}

function sourceOf({ id, title, text, metadata }: PackDocument): Source {
  return {
    ...{ kind: "text", id, bytes: Buffer.from(text) },
    ...(title === null ? {} : { title }),
    ...(metadata === null ? {} : { metadata }),
  };
}

async function storedIn(
  knowledge: PackContext["knowledge"],
  tenant: string,
  collection: string,
): Promise<ReadonlyMap<string, DocumentView>> {
  const all = new Map<string, DocumentView>();
  for (let after: string | undefined; ; ) {
    const page = { limit: PAGE, ...(after === undefined ? {} : { after }) };
    const { items, next } = await knowledge.documents(tenant, collection, page);
    for (const item of items) all.set(item.id, item);
    if (next === null) return all;
    after = next;
  }
}
