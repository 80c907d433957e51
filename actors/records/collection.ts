// The collection and document records of the knowledge surface: what a client sends, and a
// collection's row in the tenant's table. Chunks and documents lie in the bulk environment.

import type { EmbedderPin } from "../ports.ts";
import { type Static, Type } from "../schema.ts";
import { filterInput } from "./filter.ts";

/** Limits of what is sent; the body limit of the server comes on top. */
export const collectionLimits = {
  nameChars: 200,
  idChars: 200,
  titleChars: 500,
  textChars: 8_000_000,
  urlChars: 2_000,
  metadataBytes: 16_384,
  documentsPerCall: 1_000,
  queryChars: 4_000,
  topK: 50,
} as const;

const closed = { additionalProperties: false } as const;
const metadata = Type.Record(Type.String(), Type.Unknown());

/** Table of collections, id `cl_...`. */
export const collectionsTable = "collections";

/** What a client sends to create a collection. */
export const collectionInput = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: collectionLimits.nameChars }),
    /** Configured name or id of an embedder; its vectors alone are stored. Default: the server's. */
    embedder: Type.Optional(Type.String({ minLength: 1, maxLength: collectionLimits.idChars })),
    metadata: Type.Optional(metadata),
  },
  closed,
);

/** A collection's row. */
export interface Collection {
  readonly id: string;
  readonly name: string;
  /** Whose vectors it holds. */
  readonly embedder: EmbedderPin;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly created_at: string;
}

/** One document to take in: its text, or the address it is fetched from. */
export const documentInput = Type.Object(
  {
    id: Type.Optional(Type.String({ minLength: 1, maxLength: collectionLimits.idChars })),
    title: Type.Optional(Type.String({ maxLength: collectionLimits.titleChars })),
    text: Type.Optional(Type.String({ minLength: 1, maxLength: collectionLimits.textChars })),
    url: Type.Optional(Type.String({ minLength: 1, maxLength: collectionLimits.urlChars })),
    metadata: Type.Optional(metadata),
  },
  closed,
);

/** A document as it is shown. Sizes in UTF-8 bytes of its text, times ISO. */
export interface DocumentView {
  readonly id: string;
  readonly title: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly chunks: number;
  readonly bytes: number;
  readonly content_hash: string;
  readonly created_at: string;
  readonly updated_at: string;
}

/** A passage with what stands around it. `span` in UTF-8 bytes of the document's text. */
export interface PassageInDocument {
  readonly id: string;
  readonly document_id: string;
  readonly title: string;
  readonly text: string;
  readonly headings: readonly string[];
  readonly context?: string;
  readonly span: readonly [number, number];
  readonly before: string;
  readonly after: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** A document with its text. */
export type DocumentWithText = DocumentView & { readonly text: string };

/** One document or an array of them. */
export const documentsInput = Type.Union([
  documentInput,
  Type.Array(documentInput, { minItems: 1, maxItems: collectionLimits.documentsPerCall }),
]);

/** A search in one collection. */
export const searchInput = Type.Object(
  {
    query: Type.String({ minLength: 1, maxLength: collectionLimits.queryChars }),
    /** Default 5. */
    top_k: Type.Optional(Type.Integer({ minimum: 1, maximum: collectionLimits.topK })),
    mode: Type.Optional(
      Type.Union((["hybrid", "vector", "lexical"] as const).map((mode) => Type.Literal(mode))),
    ),
    /** Of which documents. Default: all. */
    filter: Type.Optional(filterInput),
  },
  closed,
);

/** What a client sends to create a collection. */
export type CollectionInput = Static<typeof collectionInput>;
/** One document to take in. */
export type DocumentInput = Static<typeof documentInput>;
