// How the platform surface shows records: plain resources with an `id`, pages of `{data,
// next_cursor}`, and entity tags from versions.

import type { AgentRow, SubAgentRow } from "../../../actors/records/agent-version.ts";
import { type ErrorData, RuntimeError, toldOfRun } from "../../../runtime/errors.ts";
import type { RunRow } from "../../../runtime/system.ts";
import { resultView } from "../answers.ts";
import { agentDetails, subAgentDetails } from "../details.ts";
import { json } from "../reply.ts";
import type { HttpRequest, HttpResponse } from "../server.ts";
import type { WaitsFor } from "../services/approvals.ts";
import { cursorOf, type Page } from "../services/paging.ts";

type Fields = Readonly<Record<string, unknown>>;

/** An agent as a resource. */
export function agentResource(row: AgentRow): Fields {
  const sub_agents = row.subAgents.map((entry) => entry.key);
  const { agent_key: id, origin = null } = row.agent;
  return { id, ...agentDetails(row), origin, sub_agents };
}

/** A sub-agent as a resource. */
export function subAgentResource(row: SubAgentRow): Fields {
  return { id: row.subAgent.sub_agent_key, ...subAgentDetails(row) };
}

/** A run as a resource. `waiting`: runs that wait for somebody, and for what. */
export function runResource(row: RunRow, waiting: ReadonlyMap<string, WaitsFor>): Fields {
  const { id, kind, startedAt, endedAt } = row;
  const input = row.input as Readonly<
    Partial<Record<"agent" | "version" | "variables", unknown>>
  > | null;
  const outcome = row.outcome as { readonly error?: ErrorData; readonly shown?: string } | null;
  const [, root = ""] = row.parent.split("/");
  return {
    id,
    kind,
    status: waiting.has(id) ? "waiting" : row.status === "held" ? "queued" : row.status,
    waits_for: waiting.get(id) ?? null,
    agent_key: input?.agent ?? null,
    agent_version: input?.version ?? null,
    variables: input?.variables ?? null,
    conversation_key: root.startsWith("cv_") ? root : null,
    started_at: new Date(startedAt).toISOString(),
    ended_at: endedAt === null ? null : new Date(endedAt).toISOString(),
    result: resultView(row.reply),
    partial: outcome?.error == null ? null : (outcome.shown ?? ""),
    error: outcome?.error == null ? null : toldOfRun(outcome.error, id),
  };
}

/** A page of a list, which has the name that its requests are read with. */
export function pageReply<T>(
  list: string,
  page: Page<T>,
  show: (item: T) => unknown,
): HttpResponse {
  return json(200, { data: page.items.map(show), next_cursor: cursorOf(list, page) });
}

/** The header that names a version. */
export function etag(version: number): { readonly ETag: string } {
  return { ETag: `"${version}"` };
}

/** The version `If-Match` names; null when there is none or it is `*`. @throws REVISION_MISMATCH. */
export function ifMatchOf(request: HttpRequest): number | null {
  const header = request.header("if-match");
  if (header === undefined || header === "*") return null;
  const match = /^(?:W\/)?"(\d{1,15})"$/.exec(header.trim());
  if (match !== null) return Number(match[1]);
  throw new RuntimeError("REVISION_MISMATCH", "If-Match must be an ETag of this resource.");
}
