// The collection and document records of the knowledge surface: what a client sends, and a
// collection's row in the tenant's table. Chunks and documents lie in the bulk environment.

import { type Static, Type } from "../schema.ts";
import type { EmbedderPin } from "./embedder-pin.ts";
import { filterInput } from "./filter.ts";
import { type RetrievalSettings, retrievalInput, retrievalOverrides } from "./retrieval.ts";

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
} as const;

const closed = { additionalProperties: false } as const;
const metadata = Type.Record(Type.String(), Type.Unknown());

/** Table of collections, id `cl_...`. */
export const collectionsTable = "collections";

/** Table of collections that are about to be: they take documents in, and nobody finds them yet. */
export const comingCollectionsTable = "collections-coming";

/** What a client sends to create a collection. */
export const collectionInput = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: collectionLimits.nameChars }),
    /** Configured name or id of an embedder; its vectors alone are stored. Default: the server's. */
    embedder: Type.Optional(Type.String({ minLength: 1, maxLength: collectionLimits.idChars })),
    metadata: Type.Optional(metadata),
    /** How it is searched. */
    retrieval: Type.Optional(retrievalInput),
  },
  closed,
);

/**
 * What a client sends to change a collection, a merge patch (RFC 7396). `embedder` is taken to be
 * refused in words: a collection's vectors are of one embedder.
 */
export const collectionPatch = Type.Object(
  {
    name: Type.Optional(collectionInput.properties.name),
    embedder: Type.Optional(Type.Unknown()),
    metadata: Type.Optional(Type.Union([metadata, Type.Null()])),
    retrieval: Type.Optional(Type.Union([retrievalInput, Type.Null()])),
  },
  { ...closed, minProperties: 1 },
);

/** A collection's row. */
export interface Collection {
  readonly id: string;
  readonly name: string;
  /** Whose vectors it holds. */
  readonly embedder: EmbedderPin;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** What is set of how it is searched. */
  readonly retrieval: RetrievalSettings;
  /** Grows by one with every change of the record. */
  readonly version: number;
  readonly created_at: string;
  readonly updated_at: string;
}

/** A collection's row as stored: older ones have no settings and no version. */
export type StoredCollection = Omit<Collection, "retrieval" | "version" | "updated_at"> &
  Partial<Collection>;

/** What a client sends to have a collection embedded anew. */
export const reembedInput = Type.Object(
  { embedder: Type.String({ minLength: 1, maxLength: collectionLimits.idChars }) },
  closed,
);

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

/**
 * A passage with what stands around it. `span` in UTF-8 bytes of the document's text; `page` is the
 * one it begins on.
 */
export interface PassageInDocument {
  readonly id: string;
  readonly document_id: string;
  readonly title: string;
  readonly text: string;
  readonly headings: readonly string[];
  readonly context?: string;
  readonly page?: number;
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
    /** What counts before the collection's settings, for this search. */
    ...retrievalOverrides,
    mode: Type.Optional(
      Type.Union([
        ...(["hybrid", "vector", "lexical"] as const).map((mode) => Type.Literal(mode)),
        Type.Null(),
      ]),
    ),
    /** Of which documents. Default, and null: all. */
    filter: Type.Optional(Type.Union([filterInput, Type.Null()])),
  },
  closed,
);

/** What a client sends to create a collection. */
export type CollectionInput = Static<typeof collectionInput>;
/** What a client sends to change one. */
export type CollectionPatch = Static<typeof collectionPatch>;
/** One document to take in. */
export type DocumentInput = Static<typeof documentInput>;
