// /v2/knowledge/collections/{cl}/documents: what is sent becomes an ingestion job. A small one has
// ended by the time of the answer, which is then the documents; else the answer is the job.

import {
  collectionLimits,
  type DocumentInput,
  documentInput,
  documentsInput,
} from "../../../actors/records/collection.ts";
import {
  type DocumentReport,
  type IngestionJob,
  ingestionLimits,
  type ReembedReport,
  type Source,
} from "../../../actors/records/ingestion-job.ts";
import { fromErrorData, RuntimeError } from "../../../runtime/errors.ts";
import { readBody } from "../body.ts";
import { answers, nothing, pageOf } from "../openapi/responses.ts";
import { json, noContent } from "../reply.ts";
import { defineRoute, type Route, type RouteContext } from "../route.ts";
import type { HttpResponse } from "../server.ts";
import { checkDocumentId } from "../services/document-id.ts";
import { onceKeyOf } from "../services/once.ts";
import { PAGE_MAX, pageQuery, pageRequest } from "../services/paging.ts";
import type { Services } from "../services/services.ts";
import { isUpload, readUpload } from "../upload.ts";
import { jobPath, jobResource } from "./ingestion-jobs.ts";
import {
  addedResponses,
  documentBodies,
  documentEntry,
  documentSchema,
  passageSchema,
} from "./knowledge-schemas.ts";
import { pageReply } from "./shapes.ts";

/** How long an answer waits for its job: without `?wait`, and with `?wait=true`; ms. */
const WAIT_MS = { short: 2_000, asked: 120_000 } as const;
/** Larger requests are not waited for unless they ask. */
const SHORT_BYTES = 256 * 1_024;
/** Reports are shown with the answer up to so many documents; a job lists them all. */
const SHOWN_MAX = PAGE_MAX;

const common = { service: "knowledge", errors: "problem" } as const;
const pattern = "/v2/knowledge/collections/{cl}/documents";
const list = { ...common, pattern };
const one = { ...common, pattern: `${pattern}/{dc}` };

type Params = RouteContext["params"];
const collectionOf = (params: Params): string => params["cl"] ?? "";
const documentOf = (params: Params): string => params["dc"] ?? "";

/** What was sent. */
interface Sent {
  readonly sources: readonly Source[];
  readonly bytes: Uint8Array;
  /** The body was an array, or an upload of several files. */
  readonly isMany: boolean;
}

/** Routes of documents. */
export function documentRoutes(services: Services): readonly Route[] {
  return [...sendRoutes(services), ...readRoutes(services), removeRoute(services)];
}

function sendRoutes(services: Services): readonly Route[] {
  return [
    defineRoute({
      summary: "Add documents to a collection",
      description:
        "One document, an array of at most 1,000, or files; 64 MiB in all. They become an ingestion job, whose documents are the answer when it ends within two seconds (`wait=true`: two minutes; `wait=false`: at once the job). What is there already with the same content is `unchanged` and costs nothing. One document that cannot be read is a 422 with the reason; of several it is reported and the others go on.",
      accepts: documentBodies,
      responses: addedResponses,
      reads: ["Idempotency-Key"],
      ...list,
      method: "POST",
      query: ["wait"],
      body: "raw",
      handler: async (context) => add(services, context, await readSent(context)),
    }),
    defineRoute({
      summary: "Put a document under its id",
      description:
        "Creates or replaces it, as a job of one document; the same content again is `unchanged`. Searches have the old one until the new one is there. `wait` as where documents are added.",
      responses: addedResponses,
      reads: ["Idempotency-Key"],
      ...one,
      method: "PUT",
      query: ["wait"],
      body: documentInput,
      bodyBytesMax: ingestionLimits.bytes,
      handler: async (context) => {
        const { body, bodyBytes, params } = context;
        const id = documentOf(params);
        if (body.id !== undefined && body.id !== id) {
          throw new RuntimeError("INVALID", `The body's id is not that of the path, ${id}.`, {
            pointer: "/id",
          });
        }
        const source = sourceOf({ ...body, id });
        return add(services, context, { sources: [source], bytes: bodyBytes, isMany: false });
      },
    }),
  ];
}

function readRoutes({ knowledge }: Services): readonly Route[] {
  return [
    defineRoute({
      summary: "List the documents of a collection",
      description: "Without their texts, in the order of their ids.",
      responses: answers(200, pageOf(documentEntry), "A page of documents."),
      ...list,
      method: "GET",
      query: pageQuery,
      handler: async ({ principal, params, query }) => {
        const page = pageRequest(query, pattern);
        const rows = await knowledge.documents(principal.tenant, collectionOf(params), page);
        return pageReply(pattern, rows, (row) => row);
      },
    }),
    defineRoute({
      summary: "Read a document",
      description: "With its text, as it was read from what was sent.",
      responses: answers(200, documentSchema, "The document."),
      ...one,
      method: "GET",
      handler: async ({ principal, params }) => {
        const { tenant } = principal;
        return json(
          200,
          await knowledge.document(tenant, collectionOf(params), documentOf(params)),
        );
      },
    }),
    defineRoute({
      summary: "Read a passage of a document",
      description:
        "What an answer cites, with what stands before and after it. An id never names another text: once the document was replaced or embedded anew it is a 410 `PASSAGE_GONE`.",
      responses: answers(200, passageSchema, "The passage."),
      ...common,
      pattern: `${pattern}/{dc}/chunks/{chunk}`,
      method: "GET",
      handler: async ({ principal, params }) => {
        const { tenant } = principal;
        const chunk = params["chunk"] ?? "";
        const [collection, document] = [collectionOf(params), documentOf(params)];
        return json(200, await knowledge.passage(tenant, collection, document, chunk));
      },
    }),
  ];
}

function removeRoute({ knowledge }: Services): Route {
  return defineRoute({
    summary: "Delete a document",
    description: "No search that begins after the answer finds it. Again it is a 404.",
    responses: nothing,
    ...one,
    method: "DELETE",
    handler: async ({ principal, params }) => {
      const { tenant } = principal;
      await knowledge.removeDocument(tenant, collectionOf(params), documentOf(params));
      return noContent();
    },
  });
}

async function readSent({ request }: Pick<RouteContext, "request">): Promise<Sent> {
  if (isUpload(request)) {
    const bytes = await request.body(ingestionLimits.bytes);
    const sources = await readUpload(request, bytes);
    return { sources, bytes, isMany: sources.length > 1 };
  }
  refuseRawFile(request.header("content-type") ?? "");
  const rules = { schema: documentsInput, bytesMax: ingestionLimits.bytes, isOptional: false };
  const { value, bytes } = await readBody(request, rules);
  // A union of an object and an array: which one it was decides the answer's shape.
  const isMany = Array.isArray(value);
  const documents = (isMany ? value : [value]) as readonly DocumentInput[];
  const sources = documents.map((document, at) => sourceOf(document, isMany ? `/${at}` : ""));
  return { sources, bytes, isMany };
}

/** A file's own bytes: what the answer to any other wrong type says would not help. */
function refuseRawFile(type: string): void {
  if (type === "" || /^application\/(?:[\w.+-]+\+)?json\b/i.test(type)) return;
  throw new RuntimeError(
    "INVALID",
    "Documents are sent as application/json, files as multipart/form-data.",
  );
}

function sourceOf(document: DocumentInput, pointer = ""): Source {
  const { text, url, metadata, ...said } = document;
  if ((text === undefined) === (url === undefined)) {
    throw new RuntimeError("INVALID", "A document has either a text or a url.", {
      pointer: `${pointer}/text`,
    });
  }
  if (said.id !== undefined) checkDocumentId(said.id, `${pointer}/id`);
  const { metadataBytes } = collectionLimits;
  if (metadata !== undefined && Buffer.byteLength(JSON.stringify(metadata)) > metadataBytes) {
    throw new RuntimeError("INVALID", `Metadata has at most ${metadataBytes} bytes as JSON.`, {
      pointer: `${pointer}/metadata`,
    });
  }
  const head = { ...said, ...(metadata === undefined ? {} : { metadata }) };
  return text === undefined
    ? { ...head, kind: "url", url: url ?? "", bytes: new Uint8Array() }
    : { ...head, kind: "text", bytes: Buffer.from(text) };
}

async function add(
  { knowledge, ingestion }: Services,
  context: Pick<RouteContext, "principal" | "params" | "query" | "request">,
  { sources, bytes, isMany }: Sent,
): Promise<HttpResponse> {
  const { principal, params, query, request } = context;
  const job = await knowledge.add(principal.tenant, collectionOf(params), sources, {
    once: onceKeyOf(request, bytes),
    keyId: principal.keyId,
    waitMs: waitOf(query, bytes),
    signal: request.signal,
  });
  // Who asked for the job gets the job, also when it has ended by now.
  if (query.get("wait") === "false") return jobReply(job);
  if (job.status === "failed") throw stoppedJob(job);
  if (job.status === "running" || sources.length > SHOWN_MAX) return jobReply(job);
  const page = { limit: SHOWN_MAX };
  const { items } = await ingestion.reports(principal.tenant, job.id, page);
  if (items.length < job.documents.total) return jobReply(job);
  const headers = { Location: jobPath(job.id) };
  const status = statusOf(job);
  if (isMany) return json(status, { data: items.map(documentResource), job_id: job.id }, headers);
  const [only] = items;
  if (only?.error !== undefined) throw fromErrorData(only.error);
  return json(status, documentResource(only as DocumentReport), headers);
}

/** What stopped a job is not one document's fault, and what the job has done stays. */
function stoppedJob({ id, error }: IngestionJob): RuntimeError {
  const { code = "INTERNAL", message = "It failed.", details } = error ?? {};
  return new RuntimeError(code, `${message} The ingestion job ${id} stopped.`, details);
}

/** For what goes on, and for what has ended and is too long to show. */
function jobReply(job: IngestionJob): HttpResponse {
  return json(statusOf(job), jobResource(job), { Location: jobPath(job.id) });
}

/** 202 while it goes on, 201 when a document was created, 200 when all that were sent were there. */
function statusOf({ status, documents }: IngestionJob): number {
  if (status === "running") return 202;
  return documents.created > 0 ? 201 : 200;
}

function documentResource(of: DocumentReport | ReembedReport): object {
  const { number: _, ...report } = { number: 0, ...of };
  return { object: "document", ...report };
}

function waitOf(query: URLSearchParams, bytes: Uint8Array): number {
  const asked = query.get("wait");
  if (asked === "true") return WAIT_MS.asked;
  if (asked === "false") return 0;
  if (asked !== null) {
    throw new RuntimeError("INVALID", "wait is true or false.", { parameter: "wait" });
  }
  return bytes.byteLength <= SHORT_BYTES ? WAIT_MS.short : 0;
}
