// `troupe knowledge add COLLECTION PATH...`: files and folders into a collection of a running server,
// some at a time, each time as an ingestion job whose progress is shown. `troupe knowledge reembed
// COLLECTION EMBEDDER`: a collection is embedded anew by another embedder.

import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { parseArgs } from "node:util";
import { RuntimeError } from "../../runtime/errors.ts";
import { loadConfig } from "../config.ts";
import { type ApiClient, openApi, patiently } from "./api-client.ts";
import { type FoundFile, filesOf } from "./folder-files.ts";
import { createProgressBar, type ProgressBar } from "./progress-bar.ts";

const options = {
  url: { type: "string" },
  key: { type: "string" },
  tenant: { type: "string" },
} as const;

/** Files and bytes of one request; a larger file is alone. */
const requestLimits = { files: 100, bytes: 16 * 1_024 * 1_024 } as const;
/** Failures that are printed. */
const SHOWN = 50;
const PAGE = 100;
const collections = "/v2/knowledge/collections";

interface Job {
  readonly id: string;
  readonly status: string;
  readonly done: number;
  readonly chunks: number;
  readonly documents: { readonly total: number; readonly updated: number };
  readonly error: { readonly message: string } | null;
}

interface Report {
  readonly number: number;
  readonly status: "created" | "updated" | "unchanged" | "failed";
  readonly chunks: number;
  readonly error?: { readonly message: string };
}

/** Adds. Exit code 1 when a document failed. */
export async function run(args: readonly string[]): Promise<number> {
  try {
    const parsed = parseArgs({ args: [...args], options, strict: true, allowPositionals: true });
    const [verb, collection, ...paths] = parsed.positionals;
    const [embedder, ...more] = paths;
    if (verb === "reembed" && collection !== undefined && embedder && more.length === 0) {
      const api = await openApi(parsed.values, await loadConfig());
      return await reembed(api, await collectionNamed(api, collection), embedder);
    }
    if (verb !== "add" || collection === undefined || paths.length === 0) {
      const uses = "troupe knowledge add COLLECTION PATH..., or reembed COLLECTION EMBEDDER";
      throw new RuntimeError("INVALID", `use: ${uses}`);
    }
    const files = await filesOf(paths);
    if (files.length === 0) throw new RuntimeError("INVALID", "there are no files to add.");
    const api = await openApi(parsed.values, await loadConfig());
    const id = await collectionOf(api, collection);
    return await addAll(api, id, files);
  } catch (error) {
    console.error(`troupe knowledge: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}

/** By id, else by name; created when there is none of that name. */
async function collectionOf(api: ApiClient, named: string): Promise<string> {
  const found = await findCollection(api, named);
  if (found !== undefined) return found;
  const { id } = (await api.call(collections, { name: named })) as { readonly id: string };
  console.log(`Collection ${id} "${named}" was created.`);
  return id;
}

async function collectionNamed(api: ApiClient, named: string): Promise<string> {
  const found = await findCollection(api, named);
  if (found !== undefined) return found;
  throw new RuntimeError("NOT_FOUND", `there is no collection "${named}".`);
}

async function findCollection(api: ApiClient, named: string): Promise<string | undefined> {
  if (named.startsWith("cl_")) {
    await api.findTenant(`${collections}/${encodeURIComponent(named)}`);
    return named;
  }
  for (let cursor = ""; ; ) {
    const page = (await api.call(`${collections}?limit=${PAGE}&cursor=${cursor}`)) as {
      readonly data: readonly { readonly id: string; readonly name: string }[];
      readonly next_cursor: string | null;
    };
    const found = page.data.find(({ name }) => name === named);
    if (found !== undefined) return found.id;
    if (page.next_cursor === null) return undefined;
    cursor = page.next_cursor;
  }
}

/** Embeds a collection anew, and shows how far it has come. */
async function reembed(api: ApiClient, collection: string, embedder: string): Promise<number> {
  const path = `${collections}/${encodeURIComponent(collection)}/reembed`;
  const { id } = (await api.call(path, { embedder })) as Job;
  const at = `/v2/knowledge/jobs/${encodeURIComponent(id)}`;
  const bar = createProgressBar();
  const show = async (): Promise<Job> => {
    const job = (await patiently(() => api.call(at))) as Job;
    bar.show(job.done, job.documents.total, `documents, ${job.chunks} chunks`);
    return job;
  };
  try {
    await show();
    for await (const { event } of api.events(`${at}/events`)) if (event === "event") await show();
    const job = await show();
    bar.end();
    checkCompleted(job);
    const { updated } = job.documents;
    const documents = `${updated} ${updated === 1 ? "document" : "documents"}`;
    const chunks = `${job.chunks} ${job.chunks === 1 ? "chunk" : "chunks"}`;
    console.log(`${documents} embedded by ${embedder}; ${chunks}`);
    return 0;
  } finally {
    bar.end();
  }
}

function checkCompleted({ id, status, error }: Pick<Job, "id" | "status" | "error">): void {
  if (status === "completed") return;
  const why = error === null ? "" : `: ${error.message}`;
  const resume = `POST /v2/knowledge/jobs/${encodeURIComponent(id)}/resume`;
  throw new RuntimeError("CONFLICT", `the job ${id} is ${status}${why}. Go on with: ${resume}`);
}

class Tally {
  readonly counts = { created: 0, updated: 0, unchanged: 0, failed: 0 };
  readonly failures: string[] = [];
  chunks = 0;

  take({ status, chunks, error }: Report, file: FoundFile): void {
    this.counts[status] += 1;
    if (status === "created" || status === "updated") this.chunks += chunks;
    if (error !== undefined) this.failures.push(`${file.id}: ${error.message}`);
  }

  /** A file that was not sent. */
  leave({ id }: FoundFile, why: unknown): void {
    this.counts.failed += 1;
    this.failures.push(`${id}: it cannot be read (${why instanceof Error ? why.message : why}).`);
  }

  get done(): number {
    const { created, updated, unchanged, failed } = this.counts;
    return created + updated + unchanged + failed;
  }

  get text(): string {
    const { failed } = this.counts;
    return `documents, ${this.chunks} chunks${failed === 0 ? "" : `, ${failed} failed`}`;
  }
}

async function addAll(
  api: ApiClient,
  collection: string,
  files: readonly FoundFile[],
): Promise<number> {
  const bar = createProgressBar();
  const tally = new Tally();
  const path = `${collections}/${encodeURIComponent(collection)}/documents?wait=false`;
  try {
    for (const some of requestsOf(files)) {
      const { form, sent } = await formOf(some, tally);
      if (sent.length === 0) continue;
      const job = (await api.upload(path, form)) as Job;
      await followed(api, job.id, sent, { bar, tally, total: files.length });
    }
  } finally {
    bar.end();
  }
  const { created, updated, unchanged, failed } = tally.counts;
  for (const failure of tally.failures.slice(0, SHOWN)) console.error(failure);
  console.log(
    `${created} created, ${updated} updated, ${unchanged} unchanged, ${failed} failed; ${tally.chunks} chunks`,
  );
  return failed === 0 ? 0 : 1;
}

function* requestsOf(files: readonly FoundFile[]): Generator<readonly FoundFile[]> {
  let some: FoundFile[] = [];
  let bytes = 0;
  for (const file of files) {
    const isFull = some.length >= requestLimits.files || bytes + file.bytes > requestLimits.bytes;
    if (isFull && some.length > 0) {
      yield some;
      some = [];
      bytes = 0;
    }
    some.push(file);
    bytes += file.bytes;
  }
  if (some.length > 0) yield some;
}

/** Files that went or cannot be read since they were found are failures of their own. */
async function formOf(
  files: readonly FoundFile[],
  tally: Tally,
): Promise<{ readonly form: FormData; readonly sent: readonly FoundFile[] }> {
  const form = new FormData();
  const sent: FoundFile[] = [];
  for (const file of files) {
    const { path, id } = file;
    const content = await readFile(path).catch((error: unknown) => tally.leave(file, error));
    if (content === undefined) continue;
    form.append("id", id);
    form.append("file", new File([content], basename(path)));
    sent.push(file);
  }
  return { form, sent };
}

/** Shows a job to its end, and counts what became of its documents. */
async function followed(
  api: ApiClient,
  job: string,
  files: readonly FoundFile[],
  shown: { readonly bar: ProgressBar; readonly tally: Tally; readonly total: number },
): Promise<void> {
  const { bar, tally, total } = shown;
  const path = `/v2/knowledge/jobs/${encodeURIComponent(job)}`;
  const told = new Set<number>();
  const take = (report: Report): void => {
    const file = files[report.number];
    if (file === undefined || told.has(report.number)) return;
    told.add(report.number);
    tally.take(report, file);
    bar.show(tally.done, total, tally.text);
  };
  bar.show(tally.done, total, tally.text);
  for await (const { event, data } of api.events(`${path}/events`)) {
    if (event !== "event") continue;
    const { documents = [] } = (JSON.parse(data) as { event: { documents?: Report[] } }).event;
    for (const report of documents) take(report);
  }
  // What the events left out: a job that had been there before them.
  const { data } = (await patiently(() => api.call(`${path}/documents?limit=${PAGE}`))) as {
    data: Report[];
  };
  for (const report of data) take(report);
  checkCompleted((await patiently(() => api.call(path))) as Job);
}
