// /v2/knowledge: collections, and search in one of them.

import type { Passage, SearchResult } from "../../../actors/knowledge/search.ts";
import {
  type Collection,
  collectionInput,
  collectionPatch,
  reembedInput,
  searchInput,
} from "../../../actors/records/collection.ts";
import type { Filter } from "../../../actors/records/filter.ts";
import { onlyOf } from "../../../actors/records/resource-scope.ts";
import { toldError } from "../../../runtime/errors.ts";
import { answers, nothing, pageOf } from "../openapi/responses.ts";
import { json, noContent } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import type { HttpResponse } from "../server.ts";
import { onceKeyOf } from "../services/once.ts";
import { pageQuery, pageRequest } from "../services/paging.ts";
import type { Services } from "../services/services.ts";
import { documentRoutes } from "./documents.ts";
import { ingestionRoutes, jobPath, jobResource } from "./ingestion-jobs.ts";
import { jobSchema } from "./job-schemas.ts";
import { collectionSchema, foundSchema } from "./knowledge-schemas.ts";
import { etag, ifMatchOf, pageReply } from "./shapes.ts";

const path = "/v2/knowledge/collections";
const common = { service: "knowledge", errors: "problem" } as const;
const list = { ...common, pattern: path };
const one = { ...common, pattern: `${path}/{cl}` };

type Params = Readonly<Record<string, string>>;
const collectionOf = (params: Params): string => params["cl"] ?? "";

/** Routes of knowledge. */
export function knowledgeRoutes(services: Services): readonly Route[] {
  return [
    ...collectionRoutes(services),
    ...documentRoutes(services),
    ...ingestionRoutes(services),
    reembedRoute(services),
    searchRoute(services),
  ];
}

function collectionRoutes({ knowledge }: Services): readonly Route[] {
  return [
    defineRoute({
      summary: "List collections",
      description: "All of the tenant, in the order of their creation.",
      responses: answers(200, pageOf(collectionSchema), "A page of collections."),
      ...list,
      method: "GET",
      query: pageQuery,
      handler: async ({ principal, query }) =>
        pageReply(
          path,
          await knowledge.list(
            principal.tenant,
            pageRequest(query, path),
            onlyOf(principal.allowedResources, "collections"),
          ),
          (row) => row,
        ),
    }),
    defineRoute({
      summary: "Create a collection",
      description:
        "Its vectors are of one embedder, by default the server's, which only `/reembed` changes. Sent twice it makes two.",
      responses: answers(201, collectionSchema, "The collection.", ["ETag", "Location"]),
      ...list,
      method: "POST",
      body: collectionInput,
      handler: async ({ principal, body }) => {
        const row = await knowledge.create(principal.tenant, body);
        return json(201, row, { ...etag(row.version), Location: `${path}/${row.id}` });
      },
    }),
    defineRoute({
      summary: "Read a collection",
      description: "With what is set of how it is searched; the rest has its default.",
      responses: answers(200, collectionSchema, "The collection.", ["ETag"]),
      ...one,
      method: "GET",
      handler: async ({ principal, params }) =>
        one200(await knowledge.get(principal.tenant, collectionOf(params))),
    }),
    defineRoute({
      summary: "Change some fields of a collection",
      description:
        "A merge patch (RFC 7396) of `name`, `metadata` and `retrieval`, for searches from the next one on. Another `embedder` is a 409: see `/reembed`.",
      responses: answers(200, collectionSchema, "The collection.", ["ETag"]),
      reads: ["If-Match"],
      ...one,
      method: "PATCH",
      body: collectionPatch,
      handler: async ({ principal, params, body, request }) => {
        const id = collectionOf(params);
        return one200(await knowledge.change(principal.tenant, id, body, ifMatchOf(request)));
      },
    }),
    defineRoute({
      summary: "Delete a collection and its documents",
      description:
        "At once for searches; what it holds and its jobs are removed in the background, also after a crash. Agents that name it go on without it.",
      responses: nothing,
      ...one,
      method: "DELETE",
      handler: async ({ principal, params }) => {
        await knowledge.remove(principal.tenant, collectionOf(params));
        return noContent();
      },
    }),
  ];
}

function reembedRoute({ knowledge }: Services): Route {
  return defineRoute({
    summary: "Embed a collection anew with another embedder",
    description:
      "As a job, which is answered at once. The collection is searched as it was until the job switches it; what is added or removed meanwhile is there after it. One job at a time; cancelled or failed it leaves the collection as it was. Needs the room of both on disk.",
    responses: answers(202, jobSchema, "The job; it is at `Location`.", ["Location"]),
    reads: ["Idempotency-Key"],
    ...common,
    method: "POST",
    pattern: `${path}/{cl}/reembed`,
    body: reembedInput,
    handler: async ({ principal, params, body, bodyBytes, request }) => {
      const once = onceKeyOf(request, bodyBytes);
      const how = { once, keyId: principal.keyId, waitMs: 0, signal: request.signal };
      const collection = collectionOf(params);
      const job = await knowledge.reembed(principal.tenant, collection, body.embedder, how);
      return json(202, jobResource(job), { Location: jobPath(job.id) });
    },
  });
}

function searchRoute({ knowledge }: Services): Route {
  return defineRoute({
    summary: "Search a collection",
    description:
      "Passages by words and vectors, the best first, with how each came to its place. `nothing_relevant` without data: the collection holds nothing on the question. What the collection has set is overridden for this search by the same fields here; null is the default. Changes nothing; what a provider takes for vectors or order counts for the budgets of the tenant and the key.",
    responses: answers(200, foundSchema, "The passages, and how the search was done."),
    ...common,
    method: "POST",
    pattern: `${path}/{cl}/search`,
    body: searchInput,
    sideEffects: false,
    handler: async ({ principal, params, body, request }) => {
      const { query, mode, filter, ...settings } = body;
      const found = await knowledge.search(principal.tenant, collectionOf(params), {
        query,
        settings,
        explain: true,
        payer: { keyId: principal.keyId, agent: "" },
        signal: request.signal,
        ...(mode === undefined || mode === null ? {} : { mode }),
        // Checked by the search, which says where it is wrong.
        ...(filter === undefined || filter === null ? {} : { filter: filter as Filter }),
      });
      return json(200, searchResource(found));
    },
  });
}

const one200 = (row: Collection): HttpResponse => json(200, row, etag(row.version));

/** Passages, and how the search was done: what was asked, set or left to the defaults. */
function searchResource(found: SearchResult): Readonly<Record<string, unknown>> {
  const { passages, tuning, bestRelevance, reranked, degraded } = found;
  const { topK, threshold, reranker, rerankThreshold, ...rest } = tuning;
  return {
    data: passages.map(shape),
    nothing_relevant: passages.length === 0,
    best_relevance: bestRelevance,
    ...(degraded && { degraded }),
    search: {
      ...rest,
      top_k: topK,
      score_threshold: threshold,
      reranker: reranker === null ? null : { name: reranker, ...rerankedView(reranked) },
      rerank_threshold: rerankThreshold,
    },
  };
}

function rerankedView(reranked: SearchResult["reranked"]): Readonly<Record<string, unknown>> {
  if (reranked?.error === undefined) return reranked ?? { status: "unused" };
  return { ...reranked, error: toldError(reranked.error) };
}

function shape(passage: Passage): Readonly<Record<string, unknown>> {
  const { documentId, documentTitle, chunkId, ...rest } = passage;
  return { document_id: documentId, title: documentTitle, chunk_id: chunkId, ...rest };
}
