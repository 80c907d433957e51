// /v2/memories: what agents keep of their users. Listed, searched, written, changed, deleted, exported.

import type { MemoryFilter } from "../../../actors/memory/store.ts";
import {
  type MemoryEntry,
  memoryInput,
  memoryLimits,
  memoryPatch,
  memoryReplacement,
} from "../../../actors/records/memory.ts";
import { reaches } from "../../../actors/records/resource-scope.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { answers, nothing, pageOf } from "../openapi/responses.ts";
import { json, noContent } from "../reply.ts";
import { defineRoute, type Principal, type Route } from "../route.ts";
import type { HttpResponse } from "../server.ts";
import { callerOf } from "../services/caller.ts";
import type { MemoryService } from "../services/memories.ts";
import { onceKeyOf } from "../services/once.ts";
import { PAGE_MAX, pageQuery, pageRequest } from "../services/paging.ts";
import type { Services } from "../services/services.ts";
import { deleted, listedMemory, memoryLines, memorySchema } from "./memory-schemas.ts";
import { etag, ifMatchOf, pageReply } from "./shapes.ts";

const path = "/v2/memories";
const common = { service: "memories", errors: "problem" } as const;
const list = { ...common, pattern: path };
const one = { ...common, pattern: `${path}/{me}` };

/** Routes of memories. */
export function memoryRoutes({ memories }: Services): readonly Route[] {
  return [...listRoutes(memories), ...entryRoutes(memories)];
}

const filterQuery = ["agent_key", "user_key", "collection"] as const;

/** `agent_key`, `user_key` (empty: no user) and `collection` of a query. @throws INVALID. */
function filterOf(query: URLSearchParams): MemoryFilter {
  const agent = query.get("agent_key");
  const user = query.get("user_key");
  const collection = query.get("collection");
  if (user !== null && user.length > memoryLimits.userChars) {
    const message = `user_key has at most ${memoryLimits.userChars} characters.`;
    throw new RuntimeError("INVALID", message, { parameter: "user_key" });
  }
  return {
    ...(agent === null || agent === "" ? {} : { agent }),
    ...(user === null ? {} : { user: user === "" ? null : user }),
    ...(collection === null || collection === "" ? {} : { collection }),
  };
}

function listRoutes(memories: MemoryService): readonly Route[] {
  return [
    defineRoute({
      summary: "List memories, or search them",
      description:
        "Of an agent, a user (empty: of no user) or a collection, in the order in which they were written. With `q` the best by meaning, words, age and importance, at most 50, in one page; a search names its agent.",
      responses: answers(200, pageOf(listedMemory), "A page of memories, or the best."),
      ...list,
      method: "GET",
      query: [...pageQuery, ...filterQuery, "q"],
      handler: async ({ principal, query }) => {
        const filter = filterOf(query);
        const page = pageRequest(query, path);
        const text = (query.get("q") ?? "").slice(0, memoryLimits.queryChars);
        if (text === "") {
          return pageReply(path, await memories.list(principal.tenant, filter, page), shape);
        }
        const limit = Math.min(page.limit, memoryLimits.topKMax);
        const found = await memories.search(principal.tenant, filter, { text, limit });
        return json(200, { data: found, next_cursor: null });
      },
    }),
    defineRoute({
      summary: "Write a memory",
      description:
        "For an agent and a user, or without a user for all of them. The same text again is the same memory: 200 in place of 201. A full memory drops its least valuable entry, or refuses with MEMORY_FULL, as the agent says.",
      responses: {
        ...answers(200, memorySchema, "It was known.", ["ETag", "Location"]),
        ...answers(201, memorySchema, "It is new.", ["ETag", "Location"]),
      },
      reads: ["Idempotency-Key"],
      ...list,
      method: "POST",
      body: memoryInput,
      handler: async (context) => {
        const key = onceKeyOf(context.request, context.bodyBytes);
        const { entry, isNew } = await memories.create(callerOf(context), context.body, key);
        const location = { Location: `${path}/${entry.id}` };
        return json(isNew ? 201 : 200, shape(entry), { ...etag(entry.version), ...location });
      },
    }),
    defineRoute({
      summary: "Delete all memories of an agent or user",
      description:
        "For good. `agent_key`, `user_key` or both have to be named. Done again it deletes 0.",
      responses: answers(200, deleted, "How many were deleted."),
      ...list,
      method: "DELETE",
      query: filterQuery,
      handler: async ({ principal, query }) =>
        json(200, { deleted: await memories.removeAll(principal.tenant, filterOf(query)) }),
    }),
    defineRoute({
      summary: "Export memories, a JSON object a line",
      description:
        "All that the filters let through, read as the client reads; memories that are written meanwhile may be among them.",
      responses: {
        200: { description: "A memory a line.", content: { "application/x-ndjson": memoryLines } },
      },
      ...common,
      method: "GET",
      pattern: `${path}/export`,
      query: filterQuery,
      handler: ({ principal, query }) => exported(memories, principal.tenant, filterOf(query)),
    }),
  ];
}

function entryRoutes(memories: MemoryService): readonly Route[] {
  return [
    defineRoute({
      summary: "Read a memory",
      description: "What it says, where it comes from and when it was last used.",
      responses: answers(200, memorySchema, "The memory.", ["ETag"]),
      ...one,
      method: "GET",
      handler: async ({ principal, params }) => {
        const entry = await seen(memories, principal, params["me"] ?? "");
        return json(200, shape(entry), etag(entry.version));
      },
    }),
    ...(
      [
        ["PUT", memoryReplacement],
        ["PATCH", memoryPatch],
      ] as const
    ).map(([method, body]) =>
      defineRoute({
        responses: answers(200, memorySchema, "The memory.", ["ETag"]),
        summary: method === "PUT" ? "Replace a memory" : "Change some fields of a memory",
        description:
          method === "PUT"
            ? "What is not sent has its default again. Its agent and user stay."
            : "Fields that are not sent stay. Its agent and user stay.",
        reads: ["If-Match"],
        ...one,
        method,
        body,
        handler: async (context) => {
          const { principal, params, request } = context;
          // What a replacement does not name has its default again.
          const rest = method === "PUT" ? { kind: "fact", metadata: {}, importance: 0.5 } : {};
          const change = { ...rest, ...context.body };
          const id = params["me"] ?? "";
          if (isLimited(principal)) await seen(memories, principal, id);
          const entry = await memories.change(principal.tenant, id, change, ifMatchOf(request));
          return json(200, shape(entry), etag(entry.version));
        },
      }),
    ),
    defineRoute({
      summary: "Delete a memory",
      description: "For good: no run that begins after the answer is given it.",
      responses: nothing,
      reads: ["If-Match"],
      ...one,
      method: "DELETE",
      handler: async ({ principal, params, request }) => {
        const id = params["me"] ?? "";
        if (isLimited(principal)) await seen(memories, principal, id);
        await memories.remove(principal.tenant, id, ifMatchOf(request));
        return noContent();
      },
    }),
  ];
}

const isLimited = ({ allowedResources, boundTo }: Principal): boolean =>
  allowedResources != null || boundTo != null;

/** One that belongs to an agent that the key reaches. @throws NOT_FOUND, as for one that is not there. */
async function seen(
  memories: MemoryService,
  { tenant, allowedResources, boundTo }: Pick<Principal, "tenant" | "allowedResources" | "boundTo">,
  id: string,
): Promise<MemoryEntry> {
  const entry = await memories.get(tenant, id);
  const isOwn = boundTo == null || entry.user_key === null || entry.user_key === boundTo;
  if (isOwn && reaches(allowedResources, entry.agent_key)) return entry;
  throw new RuntimeError("NOT_FOUND", `Memory ${id.slice(0, 64)} does not exist.`);
}

/** One JSON object a line, read page by page as the client reads. */
function exported(memories: MemoryService, tenant: string, filter: MemoryFilter): HttpResponse {
  return {
    status: 200,
    headers: {
      "Content-Type": "application/x-ndjson; charset=utf-8",
      "Content-Disposition": 'attachment; filename="memories.jsonl"',
    },
    stream: async (sink) => {
      for (let after: string | null | undefined; after !== null; ) {
        if (sink.signal.aborted) return;
        const page = { limit: PAGE_MAX, ...(after === undefined ? {} : { after }) };
        const { items, next } = await memories.list(tenant, filter, page);
        const lines = items.map((entry) => `${JSON.stringify(shape(entry))}\n`).join("");
        if (lines !== "" && !sink.write(lines)) await sink.drained;
        after = next;
      }
    },
  };
}

const shape = (entry: MemoryEntry): MemoryEntry => entry;
