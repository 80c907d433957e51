// Ingestion jobs as the routes use them. What is sent is on disk before the job is told of it, and
// the job's acknowledgement is on disk before the sender is.

import { type JobMessage, reportKeys } from "../../../actors/ingestion/job.ts";
import type { EmbedderPin } from "../../../actors/records/embedder-pin.ts";
import {
  type DocumentReport,
  type IngestionJob,
  ingestionJobsTable,
  ingestionLimits,
  type ReembedReport,
  type Source,
} from "../../../actors/records/ingestion-job.ts";
import { type AllowedResources, reaches } from "../../../actors/records/resource-scope.ts";
import { type Address, address } from "../../../runtime/address.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { idTimeMs, newId } from "../../../runtime/id.ts";
import type { SendOptions, System, Tables, TableWrite } from "../../../runtime/system.ts";
import { KEY_HOURS, type OnceKey, once } from "./once.ts";
import { type HiddenPlaces, type Page, type PageRequest, pageOf, pageOfSeen } from "./paging.ts";

/** Keeps what is sent until its job has taken it in. */
export interface Sources {
  /** On disk when it resolves. */
  keep(tenant: string, job: string, sources: readonly Source[]): Promise<void>;
  forget(tenant: string, job: string): Promise<void>;
}

/** Begins the edition that a job builds, before the job is told of it. */
export interface EditionBegins {
  /** @throws CONFLICT while another one is being built, by a job that is known. */
  beginEdition(
    tenant: string,
    collection: string,
    by: { readonly job: string; readonly embedder: EmbedderPin },
    isKnown: (job: string) => Promise<boolean>,
  ): Promise<void>;
  dropEdition(tenant: string, collection: string, job: string): Promise<void>;
}

/** What a caller wants of a new job. */
export interface AddOptions {
  /** Of the job that is made, for who has to know it before; default: a new one. */
  readonly id?: string;
  readonly once: OnceKey | null;
  /** Key that asks, whose budgets it counts for. Default: none. */
  readonly keyId?: string | null;
  /** How long it waits for the job to end, ms; 0: not at all. */
  readonly waitMs: number;
  readonly signal: AbortSignal;
}

/** Jobs of all tenants. Every call on one that does not exist throws NOT_FOUND. */
export interface IngestionService {
  /** Starts a job; as it stands when it has ended or the caller has waited long enough. */
  add(
    tenant: string,
    collection: string,
    sources: readonly Source[],
    options: AddOptions,
  ): Promise<IngestionJob>;
  /**
   * Starts a job that embeds the `documents` of a collection anew; a repeated request gets the job of the
   * first. @throws CONFLICT while another one does.
   */
  reembed(
    tenant: string,
    collection: string,
    of: { readonly embedder: EmbedderPin; readonly documents: number },
    options: AddOptions,
  ): Promise<IngestionJob>;
  get(tenant: string, id: string): Promise<IngestionJob>;
  /** Newest first. */
  /** @param allowed what who asks reaches: jobs of other collections are left out. */
  list(
    tenant: string,
    page: PageRequest,
    allowed?: AllowedResources | null,
  ): Promise<Page<IngestionJob>>;
  /** What became of documents, in the order in which they were sent; those under way are missing. */
  reports(
    tenant: string,
    id: string,
    page: PageRequest,
  ): Promise<Page<DocumentReport | ReembedReport>>;
  /** The job after the change. @throws CONFLICT when it has ended. */
  change(tenant: string, id: string, what: "pause" | "resume" | "cancel"): Promise<IngestionJob>;
  /** Cancels a job that may have been started, and waits for its end. One that was not is none. */
  stop(tenant: string, id: string, waitMs: number): Promise<void>;
}

/** A job that was begun so long ago has been started, or its process died. */
const STARTED_MS = 60_000;
const JOB_ID = /^jb_[A-Za-z0-9]{1,61}$/;

/** The service. */
export function createIngestionService(options: {
  readonly system: System;
  readonly sources: Sources;
  readonly documents: EditionBegins;
  readonly hidden: HiddenPlaces;
  nowMs(): number;
}): IngestionService {
  const { system, sources, documents: editions, nowMs } = options;
  const { tables } = system;
  const get = async (tenant: string, id: string): Promise<IngestionJob> => {
    const row = JOB_ID.test(id) ? await tables.get(tenant, ingestionJobsTable, id) : undefined;
    if (row !== undefined) return row.value as IngestionJob;
    throw new RuntimeError("NOT_FOUND", `Ingestion job ${id.slice(0, 64)} does not exist.`);
  };
  return {
    get,
    async add(tenant, collection, sent, options) {
      const { once: key, keyId, waitMs, signal, id = newId("jb", nowMs()) } = options;
      checkSize(sent);
      if (key?.otherwise === undefined) await sources.keep(tenant, id, sent);
      const message: JobMessage = {
        type: "start",
        collection,
        sizes: sent.map(({ bytes }) => bytes.byteLength),
        ...(keyId && { keyId }),
      };
      const job = await start(system, {
        to: jobAddress(tenant, id),
        message,
        once: key,
        collection,
      }).catch(async (error: unknown) => {
        if (!mayHaveStarted(error)) await sources.forget(tenant, id);
        throw error;
      });
      // The same request came before: its job has what was sent then.
      if (job.id !== id) await sources.forget(tenant, id);
      if (waitMs > 0) await ended(system, tenant, job.run_id, { waitMs, signal });
      return await get(tenant, job.id);
    },
    async reembed(tenant, collection, { embedder, documents }, how) {
      const { once: key, keyId, waitMs, signal } = how;
      // The id is kept under the key before anything is begun: who asks again goes on where it was cut.
      const place = { tables, tenant, service: `reembed/${collection}` };
      const named = await once<string>(place, key, nowMs(), async (remember) => {
        const id = newId("jb", nowMs());
        await writeAll(tables, tenant, remember(id));
        return id;
      });
      const id = named.result;
      const begun = named.isRepeat ? await tables.get(tenant, ingestionJobsTable, id) : undefined;
      if (begun !== undefined) return begun.value as IngestionJob;
      const edition = { tenant, collection, job: id, embedder };
      const theirs = await beginEdition({ tables, editions, nowMs }, edition);
      if (theirs !== null) return theirs;
      const of = { collection, embedder, documents, ...(keyId && { keyId }) };
      const message: JobMessage = { type: "reembed", ...of };
      const to = jobAddress(tenant, id);
      const job = await start(system, { to, message, once: key, collection }).catch(
        async (error: unknown) => {
          const isStarted = (await tables.get(tenant, ingestionJobsTable, id)) !== undefined;
          if (!isStarted && !mayHaveStarted(error)) {
            await editions.dropEdition(tenant, collection, id);
          }
          throw error;
        },
      );
      if (waitMs > 0) await ended(system, tenant, job.run_id, { waitMs, signal });
      return await get(tenant, job.id);
    },
    list: (tenant, page, allowed) => listed(options, tenant, page, allowed),
    async reports(tenant, id, { limit, after }) {
      await get(tenant, id);
      const from = after === undefined ? reportKeys.from : `${after}-`;
      const range = { from, to: reportKeys.to, limit: limit + 1 };
      const rows = await system.records(jobAddress(tenant, id), range);
      return pageOf(rows, limit, {
        id: ({ key }) => key,
        item: ({ value }) => value as DocumentReport | ReembedReport,
      });
    },
    async change(tenant, id, what) {
      await get(tenant, id);
      const message: JobMessage = { type: what };
      return (await system.ask(jobAddress(tenant, id), message)) as IngestionJob;
    },
    stop: (tenant, id, waitMs) => stop(system, tenant, id, waitMs),
  };
}

async function listed(
  { system, hidden }: { readonly system: System; readonly hidden: HiddenPlaces },
  tenant: string,
  page: PageRequest,
  allowed: AllowedResources | null | undefined,
): Promise<Page<IngestionJob>> {
  const { items, next } = await pageOfSeen(page, {
    ...{ tenant, hidden },
    read: (range) => system.tables.list(tenant, ingestionJobsTable, { ...range, reverse: true }),
    sees: ({ value }) => reaches(allowed, (value as IngestionJob).collection),
  });
  return { items: items.map(({ value }) => value as IngestionJob), next };
}

/** Told to the job itself, whose row may not be there yet: what came before is heard before. */
async function stop(system: System, tenant: string, id: string, waitMs: number): Promise<void> {
  const message: JobMessage = { type: "cancel" };
  try {
    const job = (await system.ask(jobAddress(tenant, id), message)) as IngestionJob;
    const { signal } = new AbortController();
    if (job.status === "running") await ended(system, tenant, job.run_id, { waitMs, signal });
    // A step that was cut writes what it is writing; whoever puts back what was there would be too early.
    const rest: JobMessage = { type: "rest" };
    const clearing = (await system.ask(jobAddress(tenant, id), rest)) as string | null;
    if (clearing !== null) await ended(system, tenant, clearing, { waitMs, signal });
  } catch (error) {
    const isOver = error instanceof RuntimeError && ["NOT_FOUND", "CONFLICT"].includes(error.code);
    if (!isOver) throw error;
  }
}

function jobAddress(tenant: string, id: string): Address {
  return address({ kind: "ingestion", tenant, root: id });
}

async function writeAll(
  tables: Tables,
  tenant: string,
  writes: readonly TableWrite[],
): Promise<void> {
  if (writes.length > 0) await tables.write(tenant, writes);
}

function checkSize(sent: readonly Source[]): void {
  const { documents, bytes } = ingestionLimits;
  if (sent.length === 0 || sent.length > documents) {
    throw new RuntimeError("INVALID", `One request brings 1 to ${documents} documents.`);
  }
  const sum = sent.reduce((total, source) => total + source.bytes.byteLength, 0);
  if (sum <= bytes) return;
  const text = `The documents of one request have ${sum} bytes; the limit is ${bytes}.`;
  throw new RuntimeError("BODY_TOO_LARGE", text);
}

async function start(
  system: System,
  of: {
    readonly to: Address;
    readonly message: JobMessage;
    readonly once: OnceKey | null;
    readonly collection: string;
  },
): Promise<IngestionJob> {
  const { to, message, once, collection } = of;
  const source = `http:knowledge:${collection}`;
  const options: SendOptions = once === null ? {} : { key: { ...once, source, hours: KEY_HOURS } };
  return (await system.ask(to, message, options)) as IngestionJob;
}

/** Null when it is begun for the job; the job as it is where another request with its key was first. */
async function beginEdition(
  {
    tables,
    editions,
    nowMs,
  }: Pick<System, "tables"> & {
    readonly editions: Pick<EditionBegins, "beginEdition">;
    nowMs(): number;
  },
  of: {
    readonly tenant: string;
    readonly collection: string;
    readonly job: string;
    readonly embedder: EmbedderPin;
  },
): Promise<IngestionJob | null> {
  const { tenant, collection, ...edition } = of;
  const jobOf = async (job: string): Promise<IngestionJob | undefined> =>
    (await tables.get(tenant, ingestionJobsTable, job))?.value as IngestionJob | undefined;
  // Of one that has just begun nobody can say yet.
  const isKnown = async (job: string): Promise<boolean> =>
    (idTimeMs(job) ?? 0) > nowMs() - STARTED_MS || (await jobOf(job)) !== undefined;
  try {
    await editions.beginEdition(tenant, collection, edition, isKnown);
    return null;
  } catch (error) {
    // It may be done already, and then nothing is left to begin.
    const theirs = await jobOf(edition.job);
    if (theirs === undefined) throw error;
    return theirs;
  }
}

/** Nobody knows what became of a message that was not answered in time. */
function mayHaveStarted(error: unknown): boolean {
  return !(error instanceof RuntimeError) || ["DEADLINE", "CANCELLED"].includes(error.code);
}

/** Resolves at the end of a run, or when it takes longer. */
async function ended(
  system: System,
  tenant: string,
  run: string,
  { waitMs, signal }: { readonly waitMs: number; readonly signal: AbortSignal },
): Promise<void> {
  const late = AbortSignal.timeout(waitMs);
  const either = AbortSignal.any([signal, late]);
  try {
    for await (const frames of system.follow(tenant, run, { endOnly: true, signal: either })) {
      if (frames.some(({ type }) => type === "end")) return;
    }
  } catch (error) {
    if (!late.aborted) throw error;
  }
}
