// /v2/knowledge/jobs: ingestion jobs as they go on; listed, watched, paused, resumed, cancelled.

import { finished, type IngestionJob } from "../../../actors/records/ingestion-job.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import { pageQuery, pageRequest } from "../services/paging.ts";
import type { Services } from "../services/services.ts";
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

/** Routes of jobs. */
export function ingestionRoutes({ ingestion, chat }: Services): readonly Route[] {
  return [
    defineRoute({
      summary: "List ingestion jobs",
      ...common,
      method: "GET",
      pattern: path,
      query: pageQuery,
      handler: async ({ principal, query }) =>
        pageReply(
          path,
          await ingestion.list(principal.tenant, pageRequest(query, path)),
          jobResource,
        ),
    }),
    defineRoute({
      summary: "Read an ingestion job",
      ...common,
      method: "GET",
      pattern: one,
      handler: async ({ principal, params }) =>
        json(200, jobResource(await ingestion.get(principal.tenant, params["jb"] ?? ""))),
    }),
    defineRoute({
      summary: "List what became of the documents of a job",
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
    ...(["pause", "resume", "cancel"] as const).map((what) =>
      defineRoute({
        summary: `${what.charAt(0).toUpperCase()}${what.slice(1)} an ingestion job`,
        ...common,
        method: "POST",
        pattern: `${one}/${what}`,
        isControl: true,
        handler: async ({ principal, params }) =>
          json(
            202,
            jobResource(await ingestion.change(principal.tenant, params["jb"] ?? "", what)),
          ),
      }),
    ),
  ];
}
