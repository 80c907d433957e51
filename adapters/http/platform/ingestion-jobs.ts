// /v2/knowledge/jobs: ingestion jobs as they go on; listed, watched, paused, resumed, cancelled.

import { finished, type IngestionJob } from "../../../actors/records/ingestion-job.ts";
import { answers, pageOf } from "../openapi/responses.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import { pageQuery, pageRequest } from "../services/paging.ts";
import type { Services } from "../services/services.ts";
import { jobEvents } from "./event-schemas.ts";
import { jobSchema } from "./job-schemas.ts";
import { reportSchema } from "./knowledge-schemas.ts";
import { frameStream } from "./runs.ts";
import { pageReply } from "./shapes.ts";

const common = { service: "knowledge", errors: "problem" } as const;
const path = "/v2/knowledge/jobs";
const one = `${path}/{jb}`;
const documentsPath = `${one}/documents`;

/** Path of a job. */
export const jobPath = (id: string): string => `${path}/${id}`;

/** A job as a resource. */
export function jobResource(job: IngestionJob): object {
  const { collection, waiting = null, ...rest } = job;
  const done = finished(job);
  return { object: "ingestion_job", ...rest, waiting, collection_id: collection, done };
}

const changes = {
  pause:
    "It stops behind the documents under way and keeps its place, for as long as it takes. Paused already: nothing changes.",
  resume:
    "A job that was paused or has failed goes on where it was; nothing that is done is done again.",
  cancel:
    "It stops for good; documents that are in the collection stay. A job that embeds anew leaves the collection as it was.",
} as const;

/** Routes of jobs. */
export function ingestionRoutes(services: Services): readonly Route[] {
  return [...readRoutes(services), ...changeRoutes(services)];
}

function readRoutes({ ingestion, chat }: Services): readonly Route[] {
  return [
    defineRoute({
      summary: "List ingestion jobs",
      description: "Of all collections, the newest first; of those that were removed none.",
      responses: answers(200, pageOf(jobSchema), "A page of jobs."),
      ...common,
      method: "GET",
      pattern: path,
      query: pageQuery,
      handler: async ({ principal, query }) =>
        pageReply(
          path,
          await ingestion.list(
            principal.tenant,
            pageRequest(query, path),
            principal.allowedResources,
          ),
          jobResource,
        ),
    }),
    defineRoute({
      summary: "Read an ingestion job",
      description:
        "How far it is. While something that it needs is away or full it is `running` and says in `waiting` why; after the last attempt it is `failed`, and `/resume` goes on where it was.",
      responses: answers(200, jobSchema, "The job."),
      ...common,
      method: "GET",
      pattern: one,
      handler: async ({ principal, params }) =>
        json(200, jobResource(await ingestion.get(principal.tenant, params["jb"] ?? ""))),
    }),
    defineRoute({
      summary: "List what became of the documents of a job",
      description: "A report for each document that is done, in the order in which they were sent.",
      responses: answers(200, pageOf(reportSchema), "A page of reports."),
      ...common,
      method: "GET",
      pattern: documentsPath,
      query: pageQuery,
      handler: async ({ principal, params, query }) => {
        const page = pageRequest(query, documentsPath);
        const reports = await ingestion.reports(principal.tenant, params["jb"] ?? "", page);
        return pageReply(documentsPath, reports, (report) => report);
      },
    }),
    defineRoute({
      summary: "Follow an ingestion job",
      description:
        "First the job as it is, then each document as it is done, to the job's end. A connection that is cut goes on behind `Last-Event-ID`.",
      responses: {
        200: { description: "Events.", content: { "text/event-stream": jobEvents } },
      },
      reads: ["Last-Event-ID"],
      ...common,
      method: "GET",
      pattern: `${one}/events`,
      query: ["after"],
      handler: async (context) => {
        const { principal, params, request, query } = context;
        const job = await ingestion.get(principal.tenant, params["jb"] ?? "");
        const after = request.header("last-event-id") ?? query.get("after") ?? "";
        // Of the run under way or one of its parts; of a run before a pause all was told.
        const isOfRun = after.startsWith(`${job.run_id}:`) || after.startsWith(`${job.run_id}.`);
        const from = isOfRun ? { after } : {};
        const options = { ...from, signal: request.signal };
        const frames = await chat.attach(principal.tenant, job.run_id, options);
        const head = { event: "job", data: JSON.stringify(jobResource(job)) };
        return frameStream(context, frames, [head]);
      },
    }),
  ];
}

function changeRoutes({ ingestion }: Services): readonly Route[] {
  return (["pause", "resume", "cancel"] as const).map((what) =>
    defineRoute({
      summary: `${what.charAt(0).toUpperCase()}${what.slice(1)} an ingestion job`,
      description: changes[what],
      responses: answers(202, jobSchema, "The job; the change is on its way."),
      ...common,
      method: "POST",
      pattern: `${one}/${what}`,
      isControl: true,
      handler: async ({ principal, params }) =>
        json(202, jobResource(await ingestion.change(principal.tenant, params["jb"] ?? "", what))),
    }),
  );
}
