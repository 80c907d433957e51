// What /v2/triggers has besides its records: how one is, its ledger, and one more now.

import { onlyOfPath } from "../../../actors/records/resource-scope.ts";
import { triggerLimits } from "../../../actors/records/trigger.ts";
import { Type } from "../../../actors/schema.ts";
import {
  type OccurrenceRow,
  type OccurrenceState,
  occurrenceStates,
  skipReasons,
} from "../../../actors/triggers/occurrence.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { named } from "../openapi/named.ts";
import { answers, orNull, pageOf, time } from "../openapi/responses.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import { listQuery, listRequest } from "../services/listing.ts";
import { onceKeyOf } from "../services/once.ts";
import { pageQuery, pageRequest } from "../services/paging.ts";
import type { Services } from "../services/services.ts";
import { pageReply } from "./shapes.ts";

const closed = { additionalProperties: false } as const;
const common = { service: "triggers", errors: "problem" } as const;
const text = Type.String();

const filesSchema = named(
  "TriggerFiles",
  Type.Object(
    {
      state: Type.Union(
        [
          Type.Literal("starting"),
          Type.Literal("told"),

          Type.Literal("polling"),
          Type.Literal("unavailable"),
        ],
        {
          description:
            "`told`: the operating system tells of changes; `polling`: it does not, and all is looked at again and again; `unavailable`: see `problem`. It goes on by itself when that is over.",
        },
      ),
      problem: orNull(Type.String({ description: "Why it is unavailable, or what is left out." })),
      files: Type.Integer({ minimum: 0, description: "Files that fit, by the last look at all." }),
      folders: Type.Integer({ minimum: 0 }),
      pending: Type.Integer({
        ...{ minimum: 0, description: "Changes that are waited for to be over." },
      }),
    },
    { ...closed, description: "Of `file_change`, the folder; null for other types." },
  ),
);

const count = Type.Integer({ minimum: 0 });
const countsSchema = named(
  "TriggerCounts",
  Type.Object(
    { completed: count, failed: count, cancelled: count, replaced: count, skipped: count },
    {
      ...closed,
      description:
        "Rows of the ledger that have ended so, also those that are not kept any more; times that were skipped together are one.",
    },
  ),
);

const statusSchema = named(
  "TriggerStatus",
  Type.Object(
    {
      next_at: orNull(time),
      working: orNull(Type.String({ description: "The occurrence that is at work." })),
      waiting: Type.Integer({ minimum: 0, description: "Occurrences that wait for it." }),
      counts: countsSchema,
      files: orNull(filesSchema),
    },
    closed,
  ),
);

const overviewSchema = named(
  "TriggerOverview",
  Type.Object(
    {
      ...{ id: text, name: text, type: text, target: text, is_active: Type.Boolean() },
      next_at: orNull(time),
      working: orNull(Type.String({ description: "The occurrence that is at work." })),
      waiting: Type.Integer({ minimum: 0, description: "Occurrences that wait for it." }),
      counts: countsSchema,
    },
    closed,
  ),
);

const occurrenceSchema = named(
  "Occurrence",
  Type.Object(
    {
      id: text,
      trigger: text,
      cause: text,
      state: Type.Union(occurrenceStates.map((one) => Type.Literal(one))),
      at: time,
      until: orNull(
        Type.String({ format: "date-time", description: "The last of times skipped together." }),
      ),
      count: orNull(
        Type.Integer({
          description: "How many were skipped together; null with until: very many.",
        }),
      ),
      late_ms: Type.Integer({ description: "Begun so long after it was due." }),
      why: orNull(Type.Union(skipReasons.map((one) => Type.Literal(one)))),
      data: orNull(
        Type.Unknown({
          description: `What happened, as it was told; of more than ${triggerLimits.listedChars} characters as JSON null in lists.`,
        }),
      ),
      run_id: orNull(text),
      conversation_key: orNull(text),
      started_at: orNull(time),
      ended_at: orNull(time),
      error: orNull(Type.Object({ code: text, message: text }, closed)),
    },
    closed,
  ),
);

const fireInput = named(
  "TriggerFire",
  Type.Object(
    { data: Type.Optional(Type.Unknown({ description: "Given to who works, as data." })) },
    closed,
  ),
);

/** Routes of them. */
export function triggerRoutes({
  triggers,
  resources,
}: Pick<Services, "triggers" | "resources">): readonly Route[] {
  const { triggers: records } = resources.kinds;
  return [
    overviewRoute({ triggers, records }),
    defineRoute({
      ...common,
      method: "GET",
      pattern: "/v2/triggers/{id}/status",
      summary: "Read how a trigger is",
      description:
        "When it comes due next, what is at work for it, how many wait, and the folder that it watches.",
      responses: answers(200, statusSchema, "How it is."),
      handler: async ({ principal: { tenant }, params }) => {
        const id = params["id"] ?? "";
        await records.get(tenant, id);
        const { nextMs, working, waiting, counts, files } = await triggers.view(tenant, id);
        return json(200, { next_at: at(nextMs), working, waiting, counts, files });
      },
    }),
    defineRoute({
      ...common,
      method: "POST",
      pattern: "/v2/triggers/{id}/fire",
      summary: "Set a trigger's target to work now",
      description: `As if it had come due, under the same rules for what is at work already. With an Idempotency-Key once for each. \`data\` has at most ${triggerLimits.dataBytes} bytes.`,
      permission: "runs.start",
      stores: true,
      reads: ["Idempotency-Key"],
      body: fireInput,
      responses: answers(
        202,
        Type.Object({ occurrence: orNull(text) }, closed),
        "It is in the ledger; null: it was before.",
      ),
      handler: async ({ principal: { tenant }, params, body: { data }, bodyBytes, request }) => {
        const once = onceKeyOf(request, bodyBytes);
        const trigger = params["id"] ?? "";
        await records.get(tenant, trigger);
        return json(202, { occurrence: await triggers.fire({ tenant, trigger, data }, once) });
      },
    }),
    defineRoute({
      ...common,
      method: "GET",
      pattern: "/v2/triggers/{id}/occurrences",
      summary: "List what became of a trigger's occurrences",
      description: `Each time that came due and each thing that happened, newest first, with why what was skipped was; of one \`state\` where it is given; what was told at length is shown with the one occurrence alone. The newest ${triggerLimits.kept} are kept.`,
      permission: "conversations.read",
      query: [...pageQuery, "state"],
      responses: answers(200, pageOf(occurrenceSchema), "A page of the ledger."),
      handler: async ({ principal: { tenant }, params, query }) => {
        const trigger = params["id"] ?? "";
        await records.get(tenant, trigger);
        const state = stateOf(query);
        const path = `/v2/triggers/${trigger}/occurrences${state === null ? "" : `?state=${state}`}`;
        const of = { tenant, trigger, state };
        const page = await triggers.occurrences(of, pageRequest(query, path));
        return pageReply(path, page, view);
      },
    }),
    defineRoute({
      ...common,
      method: "GET",
      pattern: "/v2/triggers/{id}/occurrences/{occurrence}",
      summary: "Read one occurrence",
      description: "What became of it, and its run.",
      permission: "conversations.read",
      responses: answers(200, occurrenceSchema, "The occurrence."),
      handler: async ({ principal: { tenant }, params }) => {
        const trigger = params["id"] ?? "";
        await records.get(tenant, trigger);
        const id = params["occurrence"] ?? "";
        return json(200, view(await triggers.occurrence(tenant, trigger, id)));
      },
    }),
  ];
}

/** Records with how each is, a page at once. */
function overviewRoute({
  triggers,
  records,
}: {
  readonly triggers: Services["triggers"];
  readonly records: Services["resources"]["kinds"]["triggers"];
}): Route {
  const pattern = "/v2/triggers/overview";
  return defineRoute({
    ...common,
    method: "GET",
    pattern,
    summary: "List triggers with when they come due next",
    description:
      "By the parameters of the list of triggers: of each when it comes due next, what is at work for it, how many wait, and what became of its occurrences.",
    query: listQuery(records.listing),
    responses: answers(200, pageOf(overviewSchema), "A page of them."),
    handler: async ({ principal: { tenant, allowedResources }, query }) => {
      const only = onlyOfPath(allowedResources, records.kind.path);
      const request = { ...listRequest(query, pattern, records.listing), only };
      const page = await records.list(tenant, request);
      const ids = page.items.map(({ record }) => record.id);
      const views = new Map(
        (await triggers.views(tenant, ids)).map((view, at) => [ids[at], view] as const),
      );
      return pageReply(request.list, page, ({ record }) => {
        const { id, name, type, target, is_active: isActive = true } = record;
        const { nextMs = null, working = null, waiting = 0, counts } = views.get(id) ?? {};
        const fields = { id, name, type, target, is_active: isActive };
        return { ...fields, next_at: at(nextMs), working, waiting, counts };
      });
    },
  });
}

function stateOf(query: URLSearchParams): OccurrenceState | null {
  const given = query.get("state");
  if (given === null) return null;
  const known = occurrenceStates.find((one) => one === given);
  if (known !== undefined) return known;
  const message = `state must be one of ${occurrenceStates.join(", ")}.`;
  throw new RuntimeError("INVALID", message, { parameter: "state" });
}

const at = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

function view(row: OccurrenceRow): object {
  const { id, trigger, cause, state, atMs, untilMs, count, lateMs, why, data, error } = row;
  return {
    ...{
      id,
      trigger,
      cause,
      state,
      at: at(atMs),
      until: at(untilMs ?? null),
      count: count ?? null,
    },
    ...{ late_ms: lateMs, why, data: data ?? null },
    ...{ run_id: row.run, conversation_key: row.conversation },
    ...{ started_at: at(row.startedAtMs), ended_at: at(row.endedAtMs), error },
  };
}
