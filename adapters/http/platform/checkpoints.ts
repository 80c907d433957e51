// What a run of a workflow has left behind at each node: where a fork can go on.

import { checkpointsOf, type PlacedCheckpoint } from "../../../actors/flow/fork.ts";
import { Type } from "../../../actors/schema.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { named } from "../openapi/named.ts";
import { answers, orNull, pageOf, time } from "../openapi/responses.ts";
import { defineRoute, type Route } from "../route.ts";
import { pageQuery, pageRequest } from "../services/paging.ts";
import { wholeLog } from "../services/run-log.ts";
import type { Services } from "../services/services.ts";
import { pageReply } from "./shapes.ts";

const text = Type.String();
const checkpoint = named(
  "Checkpoint",
  Type.Object(
    {
      step: {
        ...text,
        description: "`step` of a fork that goes on behind the node, with what that gave.",
      },
      node: { ...text, description: "`node` of a fork that does its last visit anew." },
      visit: Type.Integer({
        minimum: 1,
        description: "Which visit of the node it ended: rounds of a loop, items of a map.",
      }),
      started_at: time,
      ended_at: time,
      state: {
        ...orNull(Type.Record(Type.String(), Type.Unknown())),
        description:
          "After the node, in its branch; null when it is longer than 16,384 characters.",
      },
    },
    { additionalProperties: false },
  ),
);

/** GET /v2/runs/{rn}/checkpoints: oldest first. A run that walks no workflow has none. */
export function checkpointsRoute({ chat, system }: Services): Route {
  return defineRoute({
    summary: "List the checkpoints of a run of a workflow",
    description:
      "Each node that has ended leaves one, also while the run is under way; oldest first. `POST /v2/runs/{rn}/fork` begins at one. Of a part of a run (a sub-workflow), its id names them.",
    responses: answers(200, pageOf(checkpoint), "A page of checkpoints."),
    method: "GET",
    pattern: "/v2/runs/{rn}/checkpoints",
    service: "runs",
    errors: "problem",
    query: pageQuery,
    handler: async ({ principal, params, query }) => {
      const run = params["rn"] ?? "";
      const list = `/v2/runs/${run}/checkpoints`;
      const { limit, after } = pageRequest(query, list);
      const { row } = await chat.find(principal.tenant, run);
      const log = await wholeLog(system, row);
      const isPart = log.some((entry) => entry.type === "child" && entry.run === run);
      if (row.id !== run && !isPart) {
        throw new RuntimeError("NOT_FOUND", `The run ${row.id} has no part ${run}.`);
      }
      const from = after === undefined ? 0 : placeOf(after);
      const to = from + limit;
      const all = checkpointsOf(run, log);
      const page = { items: all.slice(from, to), next: to < all.length ? String(to) : null };
      const prefix = row.id === run ? "" : `${run}/`;
      return pageReply(list, page, (one) => view(one, prefix));
    },
  });
}

function placeOf(after: string): number {
  if (/^\d{1,6}$/.test(after)) return Number(after);
  throw new RuntimeError("INVALID", "cursor must be the next_cursor of an earlier page.", {
    parameter: "cursor",
  });
}

function view(one: PlacedCheckpoint, prefix: string): object {
  const { step, node, visit, startedAtMs, endedAtMs, state = null } = one;
  const started_at = new Date(startedAtMs).toISOString();
  const ended_at = new Date(endedAtMs).toISOString();
  return { step: `${prefix}${step}`, node, visit, started_at, ended_at, state };
}
