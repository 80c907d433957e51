// The record of a run as the terminal gets it from a running server, over HTTP, page by page; and a
// search in the server's collections for a replay that reads there again.

import type { Degraded, Passage, SearchResult, Tuning } from "../../actors/knowledge/search.ts";
import type { Retriever } from "../../actors/ports.ts";
import { versionId } from "../../actors/records/agent-version.ts";
import type { RecordItem, RecordRequest } from "../../actors/run-record.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { ApiClient } from "./api-client.ts";

/** Pages of one record, of about 1 MiB each. */
const PAGES_MAX = 1_000;
/** Reads from a running server. Errors are RuntimeError with the server's own words. */
export interface RecordClient {
  /** @throws NOT_FOUND for an unknown run or version. */
  record(
    run: string,
    added: Pick<RecordRequest, "version" | "target">,
  ): Promise<readonly RecordItem[]>;
  readonly retriever: Retriever;
}

/** Makes a client. */
export function createRecordClient({ call, findTenant }: ApiClient): RecordClient {
  return {
    record: async (run, { version, target }) => {
      await findTenant(`/v2/runs/${encodeURIComponent(run)}`);
      const items: RecordItem[] = [];
      let cursor: string | null = null;
      for (let page = 0; page < PAGES_MAX; page += 1) {
        const query = new URLSearchParams({
          ...(cursor === null ? {} : { cursor }),
          ...(version === undefined ? {} : { agent_version: versionText(version, target) }),
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
      search: async ({ collection, query, mode, filter, settings = {} }) => {
        const path = `/v2/knowledge/collections/${encodeURIComponent(collection)}/search`;
        const asked = {
          query,
          ...settings,
          ...(mode === undefined ? {} : { mode }),
          ...(filter === undefined ? {} : { filter }),
        };
        return resultOf((await call(path, asked)) as Searched);
      },
    },
  };
}

function versionText(version: number, target?: string): string {
  return target === undefined ? String(version) : versionId(target, version);
}

interface RecordPage {
  readonly data: readonly RecordItem[];
  readonly next_cursor: string | null;
}

/** A search as the platform shows it. */
interface Searched {
  readonly data: readonly (Omit<Passage, "documentId" | "documentTitle" | "chunkId"> & {
    readonly document_id: string;
    readonly title: string;
    readonly chunk_id: string;
  })[];
  readonly best_relevance: number | null;
  readonly degraded?: Degraded;
  readonly search: Pick<Tuning, "mode" | "weights" | "diversity"> & {
    readonly top_k: number;
    readonly score_threshold: Tuning["threshold"];
    readonly reranker: { readonly name: string; readonly status: string } | null;
    readonly rerank_threshold: number | null;
  };
}

function resultOf({ data, best_relevance, degraded, search }: Searched): SearchResult {
  const { top_k: topK, score_threshold: threshold, reranker, rerank_threshold, ...rest } = search;
  const status = reranker?.status;
  return {
    passages: data.map(({ document_id, title, chunk_id, ...more }) => ({
      ...more,
      documentId: document_id,
      documentTitle: title,
      chunkId: chunk_id,
    })),
    tuning: {
      ...{ ...rest, topK, threshold },
      ...{ reranker: reranker?.name ?? null, rerankThreshold: rerank_threshold },
    },
    bestRelevance: best_relevance,
    reranked: status === "used" || status === "failed" ? { status } : null,
    ...(degraded && { degraded }),
  };
}
