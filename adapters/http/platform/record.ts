// GET /v2/runs/{rn}/record: everything a replay of the run needs, in pages. It holds what was said
// and the agent's own texts, so it is for owners of the tenant and for the operator.

import { recordPage } from "../../../actors/run-record.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import type { Services } from "../services/services.ts";

/** The route. */
export function recordRoute({ chat, system }: Services): Route {
  return defineRoute({
    service: "runs",
    errors: "problem",
    role: "owner",
    method: "GET",
    pattern: "/v2/runs/{rn}/record",
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
          ...(version === null ? {} : { version: numberOf(version) }),
        },
      );
      return json(200, { data: page.items, next_cursor: page.next });
    },
  });
}

function numberOf(text: string): number {
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new RuntimeError("INVALID", "agent_version must be a version's number.", {
    parameter: "agent_version",
  });
}
