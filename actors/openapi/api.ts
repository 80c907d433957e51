// An OpenAPI document as tools have it: its operations, each with what a call of it takes and where that goes in the
// request. Made by adapters/openapi in the compute pool. Plain data, which is stored; types and limits.

import type { AuthPlace } from "../web.ts";

/** Limits of documents and of what is made of them. */
export const openApiLimits = {
  /** Characters of a document that stands in a record. */
  documentChars: 512 * 1_024,
  /** Bytes of one at an address: those of large services have ten million and more. */
  fetchedBytes: 16 * 1_024 * 1_024,
  /** Characters of one in YAML, which is read a hundred times as slowly as JSON. */
  yamlChars: 2 * 1_024 * 1_024,
  /** Operations of one record, entries of its list, and characters of one. */
  operations: 64,
  allowed: 64,
  allowedChars: 300,
  /** Parameters of one operation. */
  parameters: 64,
  /** References that lead from one to the next. */
  referenceChain: 16,
  /** Objects and lists of a schema with all references followed, and levels. */
  schemaParts: 2_000,
  schemaDepth: 40,
  /** Of what is told of all operations of a record, as JSON. */
  definitionsChars: 96 * 1_024,
  /** A document is read within this, ms and MiB. */
  readMs: 10_000,
  readMib: 384,
} as const;

/** Name of the compute pool's task. */
export const openApiTaskName = "openapi.read";

/** What it is given. */
export interface ReadApi {
  readonly text: string;
  /** Operation ids, or `METHOD /path` with `*` for one part and `**` for any. */
  readonly operations: readonly string[];
  /** In place of the document's servers. */
  readonly server?: string;
  /** Where the document is from. */
  readonly url?: string;
}

/** What it gives; `place`: where in the document, or in the configuration (`isConfig`). */
export type ApiRead =
  | { readonly ok: true; readonly api: Api }
  | {
      readonly ok: false;
      readonly place: string;
      readonly isConfig: boolean;
      readonly message: string;
    };

/** The chosen operations. */
export interface Api {
  readonly operations: readonly ApiOperation[];
}

/** Where a parameter stands in a request, and how it is written. */
export interface ApiParameter {
  /** In a call's arguments. */
  readonly argument: string;
  readonly name: string;
  readonly in: "path" | "query" | "header" | "cookie";
  readonly style:
    | "simple"
    | "label"
    | "matrix"
    | "form"
    | "spaceDelimited"
    | "pipeDelimited"
    | "deepObject"
    | "json";
  readonly explode: boolean;
}

/** The body of a request. */
export interface ApiBody {
  readonly argument: string;
  readonly kind: "json" | "form" | "multipart" | "text";
  readonly mediaType: string;
}

/** One operation. */
export interface ApiOperation {
  readonly name: string;
  readonly method: string;
  /** With its places. */
  readonly path: string;
  /** Without a slash at its end. */
  readonly server: string;
  readonly description: string;
  /** JSON Schema of the arguments. */
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly given: readonly ApiParameter[];
  readonly body: ApiBody | null;
  /** Null: it is asked without a token; absent: the document says nothing of it. */
  readonly security?: AuthPlace | null;
}
