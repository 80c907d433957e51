// What collections, documents and searches look like when they are shown, as schemas.

import {
  collectionInput,
  collectionPatch,
  documentInput,
  documentsInput,
  searchInput,
} from "../../../actors/records/collection.ts";
import { retrievalInput } from "../../../actors/records/retrieval.ts";
import { type TSchema, Type } from "../../../actors/schema.ts";
import { named, optional } from "../openapi/named.ts";
import { anyObject, count, orNull, share, time, toldError } from "../openapi/responses.ts";
import type { Route } from "../route.ts";
import { jobSchema } from "./job-schemas.ts";

named("CollectionInput", collectionInput);
named("CollectionPatch", collectionPatch);
named("DocumentInput", documentInput);
named("RetrievalSettings", retrievalInput);
named("SearchInput", searchInput);

const closed = { additionalProperties: false } as const;
const text = Type.String();
const place = Type.Integer({ minimum: 1 });
const span = Type.Array(count, {
  minItems: 2,
  maxItems: 2,
  description: "Begin and end in UTF-8 bytes of the document's text.",
});

/** Whose vectors are stored. */
export const pinSchema: TSchema = named(
  "EmbedderPin",
  Type.Object({ id: text, dimension: count, weights: Type.Optional(text) }, closed),
);

/** A collection. */
export const collectionSchema: TSchema = named(
  "Collection",
  Type.Object(
    {
      id: text,
      name: text,
      embedder: pinSchema,
      metadata: anyObject,
      retrieval: retrievalInput,
      version: place,
      created_at: time,
      updated_at: time,
    },
    closed,
  ),
);

const documentFields = {
  id: text,
  title: text,
  metadata: anyObject,
  chunks: count,
  bytes: Type.Integer({ minimum: 0, description: "Of its text in UTF-8." }),
  content_hash: text,
  created_at: time,
  updated_at: time,
};

/** A document in a list, and with its text. */
export const documentEntry: TSchema = named("DocumentEntry", Type.Object(documentFields, closed));
export const documentSchema: TSchema = named(
  "Document",
  Type.Object({ ...documentFields, text }, closed),
);

/** A passage with what stands around it. */
export const passageSchema: TSchema = named(
  "PassageInDocument",
  Type.Object(
    {
      id: text,
      document_id: text,
      title: text,
      text,
      headings: Type.Array(text),
      context: Type.Optional(text),
      page: Type.Optional(place),
      span,
      before: text,
      after: text,
      metadata: anyObject,
    },
    closed,
  ),
);

const reportFields = {
  id: text,
  title: text,
  status: Type.String({ enum: ["created", "updated", "unchanged", "failed"] }),
  chunks: count,
  format: Type.Optional(Type.String({ description: "How it was read, e.g. `pdf`." })),
  warnings: Type.Optional(Type.Array(text)),
  error: optional(toldError),
};

/** What became of a document that a job takes in, or embeds anew. */
export const reportSchema: TSchema = named(
  "DocumentReport",
  Type.Object(
    {
      number: Type.Optional(
        Type.Integer({ minimum: 0, description: "Its place among what was sent, from 0." }),
      ),
      ...reportFields,
    },
    closed,
  ),
);

const added = named(
  "AddedDocument",
  Type.Object({ object: Type.Literal("document"), ...reportFields }, closed),
);
const addedMany = named(
  "AddedDocuments",
  Type.Object({ data: Type.Array(added), job_id: text }, closed),
);

const headers = ["Location"] as const;
const whole = { "application/json": Type.Union([added, addedMany, jobSchema]) };

/** What is answered to documents that are sent. */
export const addedResponses: NonNullable<Route["responses"]> = {
  200: { description: "All had been there, or could not be read.", content: whole, headers },
  201: { description: "At least one was created.", content: whole, headers },
  202: {
    description: "The job goes on; it is at `Location`.",
    content: { "application/json": jobSchema },
    headers,
  },
};

/** Bodies that bring documents. */
export const documentBodies = {
  "application/json": named("DocumentsInput", documentsInput),
  "multipart/form-data": named(
    "DocumentUpload",
    Type.Object(
      {
        file: Type.Array(Type.Unknown({ contentMediaType: "application/octet-stream" }), {
          description: "Files, each a part with a file name; any name of the field.",
        }),
        id: Type.Optional(Type.String({ description: "Of the file behind it." })),
        title: Type.Optional(text),
        metadata: Type.Optional(Type.String({ description: "A JSON object." })),
      },
      { description: "Fields before a file are of that file, and can come again for the next." },
    ),
  ),
} as const;

const scores = Type.Object(
  {
    vector: Type.Object(
      { score: orNull(Type.Number()), rank: orNull(place), floor: Type.Optional(Type.Number()) },
      closed,
    ),
    lexical: Type.Object(
      {
        score: Type.Number(),
        neighbours: Type.Optional(Type.Number()),
        rank: orNull(place),
        coverage: share,
        terms: Type.Optional(Type.Array(text)),
      },
      closed,
    ),
    fused: Type.Number(),
    rerank: Type.Optional(Type.Number()),
    diversity: Type.Optional(
      Type.Object(
        { likeness: Type.Number(), penalty: Type.Number(), score: Type.Number() },
        closed,
      ),
    ),
  },
  {
    ...closed,
    description: "How its place came about. A rank is from 1, null: not in that ranking.",
  },
);

const passage = named(
  "Passage",
  Type.Object(
    {
      document_id: text,
      title: text,
      chunk_id: text,
      collection: text,
      text,
      headings: Type.Array(text),
      span,
      context: Type.Optional(text),
      page: Type.Optional(place),
      score: Type.Number({ description: "What the order follows; not comparable." }),
      relevance: Type.Number({ description: "0 to 1, comparable between questions." }),
      scores,
      metadata: anyObject,
    },
    closed,
  ),
);

const search = Type.Object(
  {
    mode: Type.String({ enum: ["hybrid", "vector", "lexical"] }),
    weights: Type.Object({ vector: share, lexical: share }, closed),
    diversity: share,
    top_k: place,
    score_threshold: Type.Object({ best: share, each: share }, closed),
    reranker: orNull(
      Type.Object(
        {
          name: text,
          status: Type.String({ enum: ["used", "failed", "unused"] }),
          error: optional(toldError),
        },
        closed,
      ),
    ),
    rerank_threshold: orNull(share),
  },
  { ...closed, description: "How the search was done: asked, set or by default." },
);

/** What a search found. */
export const foundSchema: TSchema = named(
  "SearchResult",
  Type.Object(
    {
      data: Type.Array(passage),
      nothing_relevant: Type.Boolean(),
      best_relevance: orNull(share),
      degraded: optional(toldError),
      search,
    },
    closed,
  ),
);
