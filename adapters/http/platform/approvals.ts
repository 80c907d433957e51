// /v2/approvals: calls that wait for a person, and the decision.

import { decisionInput } from "../../../actors/records/approval.ts";
import { answers, pageOf } from "../openapi/responses.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import { approvalFilter } from "../services/approvals.ts";
import { actingOf } from "../services/caller.ts";
import { onceKeyOf } from "../services/once.ts";
import { pageQuery, pageRequest } from "../services/paging.ts";
import type { Services } from "../services/services.ts";
import { approvalView } from "../services/waiting.ts";
import { approvalSchema } from "./approval-schema.ts";
import { pageReply } from "./shapes.ts";

const common = { service: "approvals", errors: "problem" } as const;
const path = "/v2/approvals";

/** Routes of approvals. */
export function approvalRoutes({ approvals }: Services): readonly Route[] {
  return [
    defineRoute({
      summary: "List approvals",
      description:
        "Newest first, by `status`, by who asks, or of one run and those below it. Kept while the run's record is.",
      responses: answers(200, pageOf(approvalSchema), "A page of approvals."),
      ...common,
      method: "GET",
      pattern: path,
      query: [...pageQuery, "status", "agent_key", "tool", "run_id"],
      handler: async ({ principal, query }) => {
        const filter = { ...approvalFilter(query), allowed: principal.allowedResources };
        // Places in the list of a run are no places in the list of all.
        const list = filter.run === null ? path : `${path}?run_id=${filter.run}`;
        const page = await approvals.list(principal.tenant, pageRequest(query, list), filter);
        return pageReply(list, page, approvalView);
      },
    }),
    defineRoute({
      summary: "Read an approval",
      description:
        "What is to be decided, until when, and what is taken when nobody decides; afterwards who decided what.",
      responses: answers(200, approvalSchema, "The approval."),
      ...common,
      method: "GET",
      pattern: `${path}/{ap}`,
      handler: async ({ principal, params }) =>
        json(200, approvalView(await approvals.get(principal.tenant, params["ap"] ?? ""))),
    }),
    defineRoute({
      summary: "Decide about a call that waits",
      description:
        "Counts once: whoever decides second gets 409 with `current`, what was decided. `arguments` replace those of the call and must fit its `parameters`; the `note` of a rejection is told to the model. The run goes on at once. Needs a key that names the service `approvals`.",
      responses: answers(200, approvalSchema, "The approval as decided."),
      reads: ["Idempotency-Key"],
      ...common,
      method: "POST",
      pattern: `${path}/{ap}/decide`,
      isControl: true,
      body: decisionInput,
      handler: async (context) => {
        const { params, body, bodyBytes, request } = context;
        const once = onceKeyOf(request, bodyBytes);
        const id = params["ap"] ?? "";
        return json(200, approvalView(await approvals.decide(actingOf(context), id, body, once)));
      },
    }),
  ];
}
