// /v2/knowledge: collections, and search in one of them.

import type { Passage } from "../../../actors/ports.ts";
import { collectionInput, searchInput } from "../../../actors/records/collection.ts";
import type { Filter } from "../../../actors/records/filter.ts";
import { json, noContent } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import { pageRequest } from "../services/paging.ts";
import type { Services } from "../services/services.ts";
import { documentRoutes } from "./documents.ts";
import { ingestionRoutes } from "./ingestion-jobs.ts";
import { pageReply } from "./shapes.ts";

const TOP_K_DEFAULT = 5;

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
    searchRoute(services),
  ];
}

function collectionRoutes({ knowledge }: Services): readonly Route[] {
  return [
    defineRoute({
      ...list,
      method: "GET",
      handler: async ({ principal, query }) =>
        pageReply(await knowledge.list(principal.tenant, pageRequest(query)), (row) => row),
    }),
    defineRoute({
      ...list,
      method: "POST",
      body: collectionInput,
      handler: async ({ principal, body }) => {
        const row = await knowledge.create(principal.tenant, body);
        return json(201, row, { Location: `${path}/${row.id}` });
      },
    }),
    defineRoute({
      ...one,
      method: "GET",
      handler: async ({ principal, params }) =>
        json(200, await knowledge.get(principal.tenant, collectionOf(params))),
    }),
    defineRoute({
      ...one,
      method: "DELETE",
      handler: async ({ principal, params }) => {
        await knowledge.remove(principal.tenant, collectionOf(params));
        return noContent();
      },
    }),
  ];
}

function searchRoute({ knowledge }: Services): Route {
  return defineRoute({
    ...common,
    method: "POST",
    pattern: `${path}/{cl}/search`,
    body: searchInput,
    sideEffects: false,
    handler: async ({ principal, params, body }) => {
      const { query, top_k, mode, filter } = body;
      const passages = await knowledge.search(principal.tenant, collectionOf(params), {
        query,
        topK: top_k ?? TOP_K_DEFAULT,
        ...(mode === undefined ? {} : { mode }),
        // Checked by the search, which says where it is wrong.
        ...(filter === undefined ? {} : { filter: filter as Filter }),
      });
      return json(200, { data: passages.map(shape) });
    },
  });
}

function shape(passage: Passage): Readonly<Record<string, unknown>> {
  const { documentId, documentTitle, chunkId, ...rest } = passage;
  return { document_id: documentId, title: documentTitle, chunk_id: chunkId, ...rest };
}
