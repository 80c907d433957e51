// Search of the history: messages of a user's earlier conversations with an agent, and the
// conversations they are of.

import {
  type FoundMessage,
  historySearchInput,
  memoryLimits,
} from "../../../actors/records/memory.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { answers, pageOf } from "../openapi/responses.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import type { HttpResponse } from "../server.ts";
import type { MemoryService } from "../services/memories.ts";
import { cursorOf, pageRequest, placeIn } from "../services/paging.ts";
import type { Services } from "../services/services.ts";
import { foundMessage } from "./run-schemas.ts";

const TOP_K_DEFAULT = 10;
/** Name of the list of what was found. */
const SEARCH = "history";

/** The route. */
export function historyRoute({ memories }: Services): Route {
  return defineRoute({
    summary: "Search a user's earlier conversations with an agent",
    description:
      "By words and meaning, the best first, among the newest messages of a user (`user_key`; without one, of nobody) with the agent. Only agents with memory have a history. Pages are of one search: at most 400 messages in all. Changes nothing.",
    responses: answers(200, pageOf(foundMessage), "A page of messages."),
    service: "conversations",
    errors: "problem",
    method: "POST",
    pattern: "/v2/agents/{id}/history/search",
    body: historySearchInput,
    sideEffects: false,
    handler: async ({ principal, params, body }) => {
      const of = { agent: params["id"] ?? "", user: body.user_key ?? null };
      const limit = body.top_k ?? TOP_K_DEFAULT;
      const from = foundBefore(body.cursor);
      const query = { text: body.query, limit: from + limit + 1 };
      const found = await memories.searchHistory(principal.tenant, of, query);
      const isMore = found.length > from + limit && from + limit < memoryLimits.historyFound;
      const next = isMore ? String(from + limit) : null;
      return json(200, {
        data: found.slice(from, from + limit),
        next_cursor: cursorOf(SEARCH, { next }),
      });
    },
  });
}

/** How many of the best messages were on the pages before. @throws INVALID. */
function foundBefore(cursor: string | undefined): number {
  if (cursor === undefined) return 0;
  const after = placeIn(SEARCH, cursor) ?? "";
  if (/^[1-9]\d{0,2}$/.test(after)) return Math.min(Number(after), memoryLimits.historyFound);
  throw new RuntimeError("INVALID", "cursor must be the next_cursor of an earlier page.", {
    pointer: "/cursor",
  });
}

/** `GET /v2/conversations?q=`: the conversations of the best messages, best first. */
export async function searchConversations(
  memories: MemoryService,
  tenant: string,
  query: URLSearchParams,
): Promise<HttpResponse> {
  const agent = query.get("agent_key");
  if (agent === null || agent === "") {
    const message = "A search with q names its agent_key.";
    throw new RuntimeError("INVALID", message, { parameter: "agent_key" });
  }
  const text = (query.get("q") ?? "").slice(0, memoryLimits.queryChars);
  const user = query.get("user_key") || null;
  const of = { agent, user };
  const found = await memories.searchHistory(tenant, of, { text, limit: memoryLimits.topKMax });
  const byConversation = new Map<string, FoundMessage[]>();
  for (const message of found) {
    const known = byConversation.get(message.conversation_key);
    if (known === undefined) byConversation.set(message.conversation_key, [message]);
    else known.push(message);
  }
  const data = [...byConversation]
    .slice(0, pageRequest(query, SEARCH).limit)
    .map(([conversation_key, matches]) => ({
      id: conversation_key,
      conversation_key,
      agent_key: agent,
      user_key: user,
      score: matches[0]?.score ?? 0,
      matches,
    }));
  return json(200, { data, next_cursor: null });
}
