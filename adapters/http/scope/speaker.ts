// Who speaks by a token that is bound to its user: of other users it sees and goes on with nothing. Who it
// names is looked at where a request says so, and where something was said before it began.

import { RuntimeError } from "../../../runtime/errors.ts";
import { rootRunOf } from "../../../runtime/frame.ts";
import { runOfResponse } from "../openai/responses/ids.ts";
import type { RouteContext } from "../route.ts";
import { answersUser, conversationRow, type OwnerPlace } from "./owners.ts";
import type { Named } from "./route-reach.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Routes that are about all users where none is named, and the member that names one. */
const named: Readonly<Record<string, "query" | "body">> = {
  "GET /v2/memories": "query",
  "GET /v2/memories/export": "query",
  "DELETE /v2/memories": "query",
  "POST /v2/agents/{id}/history/search": "body",
};

/**
 * Holds the users that a request names to the token's own.
 * @throws FORBIDDEN for another one, INVALID where one has to be named.
 */
export function checkSpeaker(
  { query, route }: Pick<RouteContext, "query" | "route">,
  boundTo: string,
  body: Fields,
): void {
  const metadata = isObject(body["metadata"]) ? body["metadata"] : {};
  const places = [
    [query.get("user_key"), { parameter: "user_key" }],
    [body["user_key"], { pointer: "/user_key" }],
    [metadata["user_key"], { pointer: "/metadata/user_key" }],
  ] as const;
  for (const [user, place] of places) {
    if (user == null || user === boundTo) continue;
    const message = "The token speaks for its own user, and names another one.";
    throw new RuntimeError("FORBIDDEN", message, place);
  }
  const where = named[`${route.method} ${route.pattern}`] ?? searched(route, query);
  if (where === undefined) return;
  if ((where === "query" ? query.get("user_key") : body["user_key"]) === boundTo) return;
  const message = "A token that is bound to its user names it, as user_key.";
  const place = where === "query" ? { parameter: "user_key" } : { pointer: "/user_key" };
  throw new RuntimeError("INVALID", message, place);
}

/** A list of conversations is narrowed to the user, a search of them is not. */
function searched({ pattern }: RouteContext["route"], query: URLSearchParams) {
  return pattern === "/v2/conversations" && query.get("q") ? ("query" as const) : undefined;
}

/**
 * Whether something was said by, or to, this user. What is of no user, and approvals, which are there for
 * those who decide for others, are everybody's.
 */
export async function isOfUser(
  of: OwnerPlace,
  { named: what, value, boundTo }: { named: Named; value: string; boundTo: string },
): Promise<boolean> {
  if (what === "conversation") {
    const row = await conversationRow(of, value);
    return row !== null && row.user_key === boundTo;
  }
  const run = what === "run" ? value : what === "response" ? runOfResponse(value) : null;
  if (run === null) return true;
  const row = await of.system.run(of.tenant, rootRunOf(run));
  return row !== undefined && answersUser(row, boundTo);
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
