// GET /v2/runs/{rn}/record: everything a replay of the run needs, in pages. It holds what was said
// and the agent's own texts, so it is for owners of the tenant and for the operator, to whom alone it
// says what a programmer's errors do.

import { type RecordItem, recordPage } from "../../../actors/run-record.ts";
import type { Outcome } from "../../../runtime/actor.ts";
import { RuntimeError, toldOfRun } from "../../../runtime/errors.ts";
import type { LogEntry } from "../../../runtime/runs/log-entry.ts";
import { outcomeView } from "../answers.ts";
import { answers, pageOf } from "../openapi/responses.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import type { Services } from "../services/services.ts";
import { recordItem } from "./record-schemas.ts";

/** The route. */
export function recordRoute({ chat, system }: Services): Route {
  return defineRoute({
    summary: "Read all that a replay of a run needs",
    description:
      "In pages of about 1 MiB: the run, its log, the versions it reads, and the messages that it may have read, which hold what users have said. `agent_version` adds another version of the agent, to replay the run on it.",
    responses: answers(200, pageOf(recordItem), "A page of the record."),
    parameters: { agent_version: { description: "Number of a version to add." } },
    service: "runs",
    errors: "problem",
    permission: "runs.record",
    method: "GET",
    pattern: "/v2/runs/{rn}/record",
    query: ["cursor", "agent_version"],
    handler: async ({ principal, params, query }) => {
      const { tenant } = principal;
      const { row: run } = await chat.find(tenant, params["rn"] ?? "");
      const cursor = query.get("cursor");
      const version = query.get("agent_version");
      const page = await recordPage(
        {
          row: async (table, id) => (await system.tables.get(tenant, table, id))?.value,
          records: (owner, range) => system.records(owner, range),
          log: (of, from, limit) => system.log(of, from, limit),
        },
        {
          run,
          ...(cursor === null || cursor === "" ? {} : { cursor }),
          ...(version === null ? {} : versionOf(version)),
        },
      );
      const data = principal.isServer ? page.items : page.items.map(toldItem);
      return json(200, { data, next_cursor: page.next });
    },
  });
}

function toldItem(item: RecordItem): RecordItem {
  if (item.type === "log") return { ...item, entries: item.entries.map(toldEntry) };
  if (item.type !== "run" || item.run.outcome == null) return item;
  const { run } = item;
  return { ...item, run: { ...run, outcome: outcomeView(run.outcome as Outcome, run.id) } };
}

function toldEntry(entry: LogEntry): LogEntry {
  if (entry.type === "failed") return { ...entry, error: toldOfRun(entry.error, entry.run) };
  if (entry.type === "end") return { ...entry, outcome: outcomeView(entry.outcome, entry.run) };
  return entry;
}

/** "3": of what answers; "ag_1.3": of an agent that takes part. */
function versionOf(text: string): { readonly target?: string; readonly version: number } {
  const [, target, number] = /^(?:(ag_[A-Za-z0-9]{1,61})\.)?([1-9]\d{0,14})$/.exec(text) ?? [];
  if (number !== undefined) return { ...(target && { target }), version: Number(number) };
  const form = "agent_version must be a version's number, or an agent's id, a dot and that";
  throw new RuntimeError("INVALID", `${form}: ag_1.3.`, { parameter: "agent_version" });
}
