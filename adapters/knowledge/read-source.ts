// One document of a job, as it was sent, into text: fetched, recognised when the collection has it,
// parsed. What is the document's own fault becomes its report; everything else is thrown.

import { createHash } from "node:crypto";
import type { IngestPlace, PreparedDocument } from "../../actors/ingestion/port.ts";
import { splitVersion } from "../../actors/knowledge/split.ts";
import type { DocumentSource, ParsedDocument, Parser } from "../../actors/ports.ts";
import type { Source } from "../../actors/records/ingestion-job.ts";
import { type ErrorData, RuntimeError, toErrorData } from "../../runtime/errors.ts";
import type { Reader } from "../../runtime/store/store.ts";
import { isBlank, unreadable } from "../parse/limits.ts";
import { findDocument } from "./library.ts";
import type { Publication } from "./publish.ts";
import type { Readings } from "./readings.ts";
import type { Place } from "./rows.ts";
import { readSource } from "./sources.ts";

const limits = { titleChars: 500, metadataBytes: 16_384, textBytes: 8_000_000 } as const;

/** A document that was read and is about to be split. */
export interface ReadDocument {
  readonly number: number;
  readonly text: string;
  /** See `ParsedDocument`. */
  readonly pages?: readonly number[];
  readonly publication: Omit<Publication, "chunks">;
  readonly format?: string;
  readonly warnings: readonly string[];
}

/** What sources are read with. */
export interface SourceReaderOptions {
  readonly bulk: Reader;
  readonly parser: Parser;
  fetch(
    url: string,
    by: { readonly tenant: string; readonly signal: AbortSignal },
  ): Promise<DocumentSource>;
}

/** Under which a document's rows are written: the same whenever the job writes them. */
export function writeIdOf({ job }: IngestPlace, number: number): string {
  return `${job}.${number}`;
}

/** Reads documents of jobs. */
export class SourceReader {
  readonly #options: SourceReaderOptions;

  constructor(options: SourceReaderOptions) {
    this.#options = options;
  }

  /** Gives what is to be split, or what the document's report will say. */
  async read(
    place: IngestPlace,
    of: {
      readonly number: number;
      readonly edition: Place;
      readonly readings: Readings;
      readonly signal: AbortSignal;
    },
  ): Promise<ReadDocument | PreparedDocument> {
    const { bulk } = this.#options;
    const { number, edition, readings, signal } = of;
    const source = await readSource(bulk, place, number);
    if (source === undefined) return { ...failed(number, ""), error: gone(number) };
    try {
      const file = await this.#fileOf(source, { tenant: place.tenant, signal });
      const contentHash = hashOf(source, file.bytes);
      const id =
        source.id ??
        `dc_${(source.url === undefined ? contentHash : sha256(source.url)).slice(0, 26)}`;
      const before = await findDocument(bulk, edition, id);
      if (before?.content_hash === contentHash) {
        const isOurs = before.writeId === writeIdOf(place, number);
        const { title, chunks } = before;
        return { number, id, title, chunks, status: isOurs ? "published" : "unchanged" };
      }
      return await this.#parse(place, {
        ...{ number, source, file, id, contentHash },
        readings,
        signal,
      });
    } catch (error) {
      if (!isTheDocuments(error, source)) throw error;
      return {
        ...failed(number, source.id ?? "", source.title ?? source.name),
        error: toErrorData(error),
      };
    }
  }

  async #fileOf(
    source: Source,
    by: Parameters<SourceReaderOptions["fetch"]>[1],
  ): Promise<DocumentSource> {
    if (source.kind === "url") return await this.#options.fetch(source.url ?? "", by);
    const { bytes, name, mediaType } = source;
    return {
      bytes,
      ...(name === undefined ? {} : { name }),
      ...(mediaType === undefined ? {} : { mediaType }),
    };
  }

  async #parse(
    place: IngestPlace,
    of: {
      readonly number: number;
      readonly source: Source;
      readonly file: DocumentSource;
      readonly id: string;
      readonly contentHash: string;
      readonly readings: Readings;
      readonly signal: AbortSignal;
    },
  ): Promise<ReadDocument> {
    const { number, source, file, id, contentHash, readings, signal } = of;
    const { tenant } = place;
    const { parser } = this.#options;
    const parsed: Pick<ParsedDocument, "text" | "metadata" | "warnings"> & Partial<ParsedDocument> =
      source.kind === "text"
        ? { text: textOf(file.bytes), metadata: {}, warnings: [] }
        : await readings.during(number, () => parser.parse(file, { tenant, signal }));
    const title = (source.title ?? parsed.title ?? file.name ?? "").slice(0, limits.titleChars);
    const metadata = {
      ...parsed.metadata,
      ...(source.url === undefined ? {} : { url: source.url }),
      ...source.metadata,
    };
    const bytes = Buffer.byteLength(parsed.text);
    check(bytes, metadata);
    const writeId = writeIdOf(place, number);
    const publication = {
      ...{ documentId: id, writeId, title, metadata, bytes, contentHash },
      isLeftIfSame: true,
    } as const;
    const form = parsed.format === undefined ? {} : { format: parsed.format };
    const paged = parsed.pages === undefined ? {} : { pages: parsed.pages };
    const { text, warnings } = parsed;
    return { number, text, publication, warnings, ...form, ...paged };
  }
}

/** @throws DOCUMENT_UNREADABLE as a file without text does. */
function textOf(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString();
  if (isBlank(text)) throw unreadable("empty", "The document has no text.");
  return text;
}

const sha256 = (content: string | Uint8Array): string =>
  createHash("sha256").update(content).digest("hex");

/**
 * Recognises the same content: what was sent, and how it is split. Not by whom it is embedded: that is
 * the collection's, and all of its documents are embedded anew together.
 */
function hashOf(source: Source, bytes: Uint8Array): string {
  const { kind, name = "", title = "", metadata = {} } = source;
  const said = [splitVersion, kind, name, title, metadata, sha256(bytes)];
  return sha256(JSON.stringify(said));
}

function failed(number: number, id: string, title = ""): Omit<PreparedDocument, "error"> {
  return { number, id, title, status: "failed", chunks: 0 };
}

const gone = (number: number): ErrorData => ({
  code: "NOT_FOUND",
  message: `Document ${number} of the job is not stored any more.`,
});

const documentsFault = new Set(["DOCUMENT_UNREADABLE", "INVALID", "BODY_TOO_LARGE"]);
const addressFault = new Set(["URL_REFUSED", "URL_FAILED", "DEADLINE"]);

/** Whether an error is told in the report of one document; any other one stops the job. */
function isTheDocuments(error: unknown, { kind }: Source): boolean {
  if (!(error instanceof RuntimeError)) return false;
  return documentsFault.has(error.code) || (kind === "url" && addressFault.has(error.code));
}

function check(bytes: number, metadata: object): void {
  if (bytes > limits.textBytes) {
    const text = `The document has ${bytes} bytes of text; the limit is ${limits.textBytes}.`;
    throw new RuntimeError("BODY_TOO_LARGE", text);
  }
  if (Buffer.byteLength(JSON.stringify(metadata)) > limits.metadataBytes) {
    const text = `The document's metadata has more than ${limits.metadataBytes} bytes.`;
    throw new RuntimeError("INVALID", text);
  }
}
