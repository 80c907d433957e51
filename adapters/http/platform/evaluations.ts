// /v2/evaluations: a data set run over an agent, a team or a workflow, or over two versions side by side.

import type { EvaluationInput } from "../../../actors/records/evaluation.ts";
import { answers, nothing, pageOf } from "../openapi/responses.ts";
import { json, noContent } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import { callerOf } from "../services/caller.ts";
import { onceKeyOf } from "../services/once.ts";
import { pageQuery, pageRequest } from "../services/paging.ts";
import type { Services } from "../services/services.ts";
import {
  evaluationBody,
  evaluationEvents,
  evaluationSchema,
  evaluationView,
  resultSchema,
  resultView,
} from "./dataset-schemas.ts";
import { frameStream } from "./runs.ts";
import { pageReply } from "./shapes.ts";

const common = { service: "evaluations", errors: "problem" } as const;
const path = "/v2/evaluations";
const one = `${path}/{ev}`;
const resultsPath = `${one}/results`;

/** Routes of evaluations. */
export function evaluationRoutes(services: Services): readonly Route[] {
  return [
    ...startAndList(services),
    ...readRoutes(services),
    eventsRoute(services),
    ...endRoutes(services),
  ];
}

function startAndList({ evaluations }: Services): readonly Route[] {
  return [
    defineRoute({
      summary: "Start an evaluation",
      description:
        "Each item is asked of each target in a run of its own, at most `concurrency` items at once, and its answer scored from 0 to 1 by each scorer; an item's score is their weighted mean. No item is begun that could overspend `budget` (units). It goes on through restarts.",
      responses: answers(201, evaluationSchema, "The evaluation, under way.", ["Location"]),
      ...common,
      method: "POST",
      pattern: path,
      permission: "runs.start",
      stores: true,
      reads: ["Idempotency-Key"],
      body: evaluationBody,
      handler: async (context) => {
        const key = onceKeyOf(context.request, context.bodyBytes);
        const input = context.body as EvaluationInput;
        const row = await evaluations.start(callerOf(context), input, key);
        return json(201, evaluationView(row), { Location: `${path}/${row.id}` });
      },
    }),
    defineRoute({
      summary: "List evaluations",
      description: "The newest first.",
      responses: answers(200, pageOf(evaluationSchema), "A page of evaluations."),
      ...common,
      method: "GET",
      pattern: path,
      query: pageQuery,
      handler: async ({ principal, query }) => {
        const page = pageRequest(query, path);
        const { tenant, allowedResources } = principal;
        const listed = await evaluations.list(tenant, page, allowedResources);
        return pageReply(path, listed, evaluationView);
      },
    }),
  ];
}

function readRoutes({ evaluations }: Services): readonly Route[] {
  return [
    defineRoute({
      summary: "Read an evaluation",
      description:
        "How far it is, and its sums: `summary` of each side, `comparison` of two: on how many items each was better. `budget`: it stopped before it would have spent more.",
      responses: answers(200, evaluationSchema, "The evaluation."),
      ...common,
      method: "GET",
      pattern: one,
      handler: async ({ principal, params }) =>
        json(200, evaluationView(await evaluations.get(principal.tenant, params["ev"] ?? ""))),
    }),
    defineRoute({
      summary: "List what became of the items of an evaluation",
      description:
        "In the order of the items, as far as they are done. Each with the item as it was, and for each side the run, its answer and the scores with their reasons.",
      responses: answers(200, pageOf(resultSchema), "A page of results."),
      ...common,
      method: "GET",
      pattern: resultsPath,
      query: pageQuery,
      handler: async ({ principal, params, query }) => {
        const page = pageRequest(query, resultsPath);
        const results = await evaluations.results(principal.tenant, params["ev"] ?? "", page);
        return pageReply(resultsPath, results, resultView);
      },
    }),
  ];
}

function eventsRoute({ evaluations, chat }: Services): Route {
  return defineRoute({
    summary: "Follow an evaluation",
    description:
      "First the evaluation as it is, then how far it has come, to its end. A connection that is cut goes on behind `Last-Event-ID`.",
    responses: {
      200: { description: "Events.", content: { "text/event-stream": evaluationEvents } },
    },
    reads: ["Last-Event-ID"],
    ...common,
    method: "GET",
    pattern: `${one}/events`,
    query: ["after"],
    handler: async (context) => {
      const { principal, params, request, query } = context;
      const after = request.header("last-event-id") ?? query.get("after") ?? "";
      const row = await evaluations.get(principal.tenant, params["ev"] ?? "");
      const from = after === "" ? {} : { after };
      const options = { ...from, signal: request.signal };
      const frames = await chat.attach(principal.tenant, row.run, options);
      const head = { event: "evaluation", data: JSON.stringify(evaluationView(row)) };
      return frameStream(context, frames, [head]);
    },
  });
}

function endRoutes({ evaluations }: Services): readonly Route[] {
  return [
    defineRoute({
      summary: "Cancel an evaluation",
      description: "Runs under way are cancelled; what is done is kept. One that has ended stays.",
      responses: answers(202, evaluationSchema, "The evaluation; the change is on its way."),
      ...common,
      method: "POST",
      pattern: `${one}/cancel`,
      isControl: true,
      handler: async ({ principal, params }) =>
        json(202, evaluationView(await evaluations.cancel(principal.tenant, params["ev"] ?? ""))),
    }),
    defineRoute({
      summary: "Delete an evaluation",
      description: "With its results; one that is under way is cancelled. Its runs stay.",
      responses: nothing,
      ...common,
      method: "DELETE",
      pattern: one,
      handler: async ({ principal, params }) => {
        await evaluations.remove(principal.tenant, params["ev"] ?? "");
        return noContent();
      },
    }),
  ];
}
