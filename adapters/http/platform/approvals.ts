// /v2/approvals: calls that wait for a person, and the decision.

import {
  type Approval,
  approvalStatuses,
  decisionInput,
} from "../../../actors/records/approval.ts";
import { Type } from "../../../actors/schema.ts";
import { named } from "../openapi/named.ts";
import { answers, orNull, pageOf, time } from "../openapi/responses.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import { approvalFilter } from "../services/approvals.ts";
import { callerOf } from "../services/caller.ts";
import { onceKeyOf } from "../services/once.ts";
import { pageQuery, pageRequest } from "../services/paging.ts";
import type { Services } from "../services/services.ts";
import { pageReply } from "./shapes.ts";

const common = { service: "approvals", errors: "problem" } as const;
const path = "/v2/approvals";

const text = Type.String();
const anyObject = Type.Record(Type.String(), Type.Unknown());
const approvalSchema = named(
  "Approval",
  Type.Object(
    {
      id: text,
      run_id: text,
      root_run_id: text,
      conversation_key: orNull(text),
      agent_key: orNull(text),
      tool: text,
      arguments: anyObject,
      parameters: orNull(anyObject),
      reason: text,
      status: Type.String({ enum: approvalStatuses }),
      requested_at: time,
      expires_at: time,
      default: Type.Union([Type.Literal("approve"), Type.Literal("reject")]),
      decided_at: orNull(time),
      decided_by: orNull(text),
      note: orNull(text),
      decided_arguments: orNull(anyObject),
    },
    { additionalProperties: false },
  ),
);

/** An approval as a resource. */
function approvalResource({ root: _, ...approval }: Approval): object {
  return approval;
}

/** Routes of approvals. */
export function approvalRoutes({ approvals }: Services): readonly Route[] {
  return [
    defineRoute({
      summary: "List approvals",
      responses: answers(200, pageOf(approvalSchema), "A page of approvals."),
      ...common,
      method: "GET",
      pattern: path,
      query: [...pageQuery, "status", "agent_key", "run_id"],
      handler: async ({ principal, query }) => {
        const filter = approvalFilter(query);
        // Places in the list of a run are no places in the list of all.
        const list = filter.run === null ? path : `${path}?run_id=${filter.run}`;
        const page = await approvals.list(principal.tenant, pageRequest(query, list), filter);
        return pageReply(list, page, approvalResource);
      },
    }),
    defineRoute({
      summary: "Read an approval",
      responses: answers(200, approvalSchema, "The approval."),
      ...common,
      method: "GET",
      pattern: `${path}/{ap}`,
      handler: async ({ principal, params }) =>
        json(200, approvalResource(await approvals.get(principal.tenant, params["ap"] ?? ""))),
    }),
    defineRoute({
      summary: "Decide about a call that waits",
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
        return json(
          200,
          approvalResource(await approvals.decide(callerOf(context), id, body, once)),
        );
      },
    }),
  ];
}
