// The record of a run as the terminal gets it from a running server, over HTTP, page by page; and a
// search in the server's collections for a replay that reads there again.

import type { Passage, Retriever } from "../../actors/ports.ts";
import type { RecordItem } from "../../actors/run-record.ts";
import { RuntimeError } from "../../runtime/errors.ts";

/** Pages of one record, of about 1 MiB each. */
const PAGES_MAX = 1_000;
/** Tenants an operator's key is tried in when none is named. */
const TENANTS_MAX = 100;

/** Where a server is and who asks. */
export interface RecordClientOptions {
  /** Without a slash at the end. */
  readonly url: string;
  readonly key: string;
  /** Tenant an operator's key acts in; absent: the key's own. */
  readonly tenant?: string;
}

/** Reads from a running server. Errors are RuntimeError with the server's own words. */
export interface RecordClient {
  /** @throws NOT_FOUND for an unknown run or version. */
  record(run: string, version?: number): Promise<readonly RecordItem[]>;
  readonly retriever: Retriever;
}

/** Makes a client. */
export function createRecordClient(options: RecordClientOptions): RecordClient {
  const { url, key, tenant } = options;
  let acting = tenant;
  const call = async (path: string, body?: unknown): Promise<unknown> => {
    const response = await fetch(`${url}${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: {
        "X-API-Key": key,
        "Content-Type": "application/json",
        ...(acting === undefined ? {} : { "X-Tenant": acting }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }).catch((cause: unknown) => {
      throw new RuntimeError("WORKER_LOST", `No server answers at ${url}.`, {}, { cause });
    });
    if (response.ok) return await response.json();
    const code = response.status === 404 ? "NOT_FOUND" : "INVALID";
    throw new RuntimeError(code, await messageOf(response), { status: response.status });
  };
  /** An operator's key sees one tenant at a time: the run's is looked for once. */
  const findTenant = async (path: string): Promise<void> => {
    await call(path).catch(async (error: unknown) => {
      if (tenant !== undefined || !isUnknown(error)) throw error;
      const { data } = (await call(`/admin/tenants?limit=${TENANTS_MAX}`).catch(() => {
        throw error;
      })) as { readonly data: readonly { readonly id: string }[] };
      for (const { id } of data) {
        acting = id;
        if (await call(path).catch(isNothing)) return;
      }
      throw error;
    });
  };
  return {
    record: async (run, version) => {
      await findTenant(`/v2/runs/${encodeURIComponent(run)}`);
      const items: RecordItem[] = [];
      let cursor: string | null = null;
      for (let page = 0; page < PAGES_MAX; page += 1) {
        const query = new URLSearchParams({
          ...(cursor === null ? {} : { cursor }),
          ...(version === undefined ? {} : { agent_version: String(version) }),
        });
        const path: string = `/v2/runs/${encodeURIComponent(run)}/record?${query}`;
        const { data, next_cursor } = (await call(path)) as RecordPage;
        items.push(...data);
        if (next_cursor === null) return items;
        cursor = next_cursor;
      }
      throw new RuntimeError("INVALID", `The record of ${run} has more than ${PAGES_MAX} pages.`);
    },
    retriever: {
      search: async ({ collection, query, topK, mode }) => {
        const path = `/v2/knowledge/collections/${encodeURIComponent(collection)}/search`;
        const asked = { query, top_k: topK, ...(mode === undefined ? {} : { mode }) };
        const { data } = (await call(path, asked)) as { readonly data: readonly Found[] };
        return data.map(({ document_id, title, chunk_id, ...rest }) => ({
          ...rest,
          documentId: document_id,
          documentTitle: title,
          chunkId: chunk_id,
        }));
      },
    },
  };
}

const isUnknown = (error: unknown): boolean =>
  error instanceof RuntimeError && error.code === "NOT_FOUND";

/** @throws every error but that there is no such run. */
function isNothing(error: unknown): null {
  if (isUnknown(error)) return null;
  throw error;
}

interface RecordPage {
  readonly data: readonly RecordItem[];
  readonly next_cursor: string | null;
}

/** A passage as the platform shows it. */
type Found = Omit<Passage, "documentId" | "documentTitle" | "chunkId"> & {
  readonly document_id: string;
  readonly title: string;
  readonly chunk_id: string;
};

async function messageOf(response: Response): Promise<string> {
  const text = await response.text();
  try {
    const { detail, title } = JSON.parse(text) as { detail?: string; title?: string };
    return detail ?? title ?? `HTTP ${response.status}`;
  } catch {
    return `HTTP ${response.status}`;
  }
}
