// Parameters of operations: parts of the path, query parameters and headers that routes read.

import type { RequestHeader, Route } from "../route.ts";
import { PAGE_DEFAULT, PAGE_MAX } from "../services/paging.ts";
import type { Json } from "./components.ts";

const text = (description: string): Json => ({ description, schema: { type: "string" } });

const headers: Readonly<Record<RequestHeader, Json>> = {
  "Idempotency-Key": {
    description:
      "Any text. The same request under the same key is done once: asked again it has the first " +
      "one's answer; another request under it is refused with KEY_REUSED.",
    schema: { type: "string", minLength: 1 },
  },
  "If-Match": text(
    "The ETag of the version that is changed: when it is no longer the newest, REVISION_MISMATCH.",
  ),
  "Last-Event-ID": text("Id of the last event that came: the stream goes on behind it."),
  "X-Max-Spend": text(
    "Most that models may cost in this run and all runs below it, in units of the account, e.g. 0.25.",
  ),
};

const queries: Readonly<Record<string, Json>> = {
  limit: {
    description: "Records of a page.",
    schema: { type: "integer", minimum: 1, maximum: PAGE_MAX, default: PAGE_DEFAULT },
  },
  cursor: text("The `next_cursor` of the page before, as it is."),
  q: text("Words to look for."),
  sort: text("A field to order by; with `-` before it descending."),
  after: text("As the header Last-Event-ID, for clients that cannot set one."),
  wait: { description: "Whether to wait for the end.", schema: { enum: ["true", "false"] } },
  from: text("Begin of the time, ISO 8601."),
  to: text("End of the time, ISO 8601."),
  tenant: text("The tenant (`tn_...`) that is looked at."),
};

const parts: Readonly<Record<string, string>> = {
  id: "Id of the record.",
  n: "Number of the version.",
  rn: "Id of the run (`rn_...`).",
  cv: "Key of the conversation (`cv_...`).",
  sa: "Key of the sub-agent (`sa_...`).",
  ap: "Id of the approval (`ap_...`).",
  cl: "Id of the collection.",
  dc: "Id of the document.",
  jb: "Id of the ingestion job.",
  me: "Id of the memory.",
  tn: "Id of the tenant (`tn_...`).",
  ak: "Id of the API key (`ak_...`).",
  dl: "Id of the dead letter (`dl_...`).",
  agent_key: "Key of the agent (`ag_...`).",
  sub_agent_key: "Key of the sub-agent (`sa_...`).",
  conversation_key: "Key of the conversation (`cv_...`).",
  chunk: "Id of the passage, as `chunk_id` of a source names it.",
};

/** All parameters of a route. */
export function parametersOf(route: Route): readonly Json[] {
  const { pattern, query = [], reads = [], parameters: own = {} } = route;
  const said = (name: string): Json | undefined => {
    const { description, schema, required } = own[name] ?? {};
    if (description === undefined) return undefined;
    return { ...text(description), ...(schema && { schema }), ...(required && { required }) };
  };
  const inPath = [...pattern.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => ({
    ...(said(name) ?? text(parts[name] ?? `Part \`${name}\` of the path.`)),
    ...{ name, in: "path", required: true },
  }));
  const inQuery = query.map((name) => ({
    ...{ name, in: "query" },
    ...(said(name) ?? queries[name] ?? text(`Only those whose \`${name}\` is this.`)),
  }));
  const inHeaders = reads.map((name) => ({ name, in: "header", ...headers[name] }));
  return [...inPath, ...inQuery, ...inHeaders];
}
