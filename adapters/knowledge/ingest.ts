// The Ingest port: what an ingestion job's steps do. A document is read and split by `prepare`,
// which keeps its chunks in pieces; `embed` turns a piece into stored chunks; `publish` makes whole
// documents visible and forgets what was kept. The write id of a document comes from the job and the
// document's number, so that a step that is repeated writes over its own rows.

import { withPages } from "../../actors/knowledge/pages.ts";
import { searchText } from "../../actors/knowledge/retrieve.ts";
import type { Chunk } from "../../actors/knowledge/split.ts";
import type {
  Compute,
  Embedder,
  EmbedderPin,
  Embedders,
  Ingest,
  IngestPlace,
  PreparedDocument,
  PreparedUnit,
  PublishedUnit,
} from "../../actors/ports.ts";
import { type Collection, collectionsTable } from "../../actors/records/collection.ts";
import { type DocumentReport, ingestionLimits } from "../../actors/records/ingestion-job.ts";
import { type ErrorData, RuntimeError } from "../../runtime/errors.ts";
import type { Bulk } from "../../runtime/store/bulk.ts";
import { decode, encode } from "../../runtime/store/codec.ts";
import { keys, prefixRange } from "../../runtime/store/keys.ts";
import type { Reader, StoreOp } from "../../runtime/store/store.ts";
import { commitAll } from "./commit-all.ts";
import { type KeptChunks, type Piece, piecesOf } from "./ingest-pieces.ts";
import { findDocument } from "./library.ts";
import type { Publication } from "./publish.ts";
import {
  type ReadDocument,
  SourceReader,
  type SourceReaderOptions,
  writeIdOf,
} from "./read-source.ts";
import type { DocumentRow, Place } from "./rows.ts";
import { forgetSources, removeKept } from "./sources.ts";
import type { KnowledgeWriter, WritePart } from "./writer.ts";

/** Names of the compute pool's tasks; their functions are in compute-tasks.ts. */
export const ingestTasks = { split: "knowledge.split", embed: "knowledge.embed" } as const;

/** Rows read at a time when a job is cleared. */
const CLEAR_ROWS = 100;
/** A write that nobody has published for so long was left by a crash. */
const FORGOTTEN_MS = 24 * 3_600_000;

const limits = { splitMs: 120_000, embedMs: 60_000 } as const;

/** What the port works with. */
export interface IngestOptions extends SourceReaderOptions {
  readonly bulk: Bulk;
  /** The hot environment: the collection's row. */
  readonly tables: Reader;
  readonly writer: KnowledgeWriter;
  readonly embedders: Embedders;
  readonly compute: Compute;
  /** Whether a collection's index files are due to be made anew. */
  isMergeDue(place: Place): Promise<boolean>;
}

/** A unit that is about to be kept. */
interface Keeping {
  readonly read: readonly ReadDocument[];
  readonly chunks: readonly (readonly Chunk[])[];
  readonly pieces: readonly Piece[];
  readonly unit: PreparedUnit;
  readonly unitKey: string;
}

/** The port over one thread's connections. */
export function createIngest(options: IngestOptions): Ingest {
  return new KnowledgeIngest(options);
}

class KnowledgeIngest implements Ingest {
  readonly #options: IngestOptions;
  readonly #reader: SourceReader;

  constructor(options: IngestOptions) {
    this.#options = options;
    this.#reader = new SourceReader(options);
  }

  async prepare(
    place: IngestPlace,
    numbers: readonly number[],
    signal: AbortSignal,
  ): Promise<PreparedUnit> {
    const { bulk } = this.#options;
    const unitKey = keys.jobUnit(place.tenant, place.job, numbers[0] ?? 0);
    const before = await bulk.get(unitKey);
    // Another run of the job was here before it was paused.
    if (before !== undefined) return decode(before) as PreparedUnit;
    const embedder = await this.#embedder(place);
    const documents: PreparedDocument[] = [];
    const read: ReadDocument[] = [];
    for (const number of numbers) {
      const one = await this.#reader.read(place, { number, embedder, signal });
      if ("status" in one) documents.push(one);
      else if (isThere(read, one)) documents.push(again(one));
      else read.push(one);
    }
    const chunks = await this.#split(place, read, embedder, signal);
    for (const [at, { number, publication, format, warnings }] of read.entries()) {
      const { documentId: id, title } = publication;
      const count = chunks[at]?.length ?? 0;
      const said = warnings.length === 0 ? {} : { warnings };
      const form = format === undefined ? {} : { format };
      documents.push({ number, id, title, status: "ready", chunks: count, ...form, ...said });
    }
    const pieces = piecesOf(read, chunks);
    const unit: PreparedUnit = {
      documents: documents.sort((a, b) => a.number - b.number),
      pieces: pieces.map(({ kept: _, ...piece }) => piece),
    };
    await this.#keep(place, { read, chunks, pieces, unit, unitKey }, embedder);
    return unit;
  }

  async embed(
    place: IngestPlace,
    { unit, piece }: { readonly unit: number; readonly piece: number },
    signal: AbortSignal,
  ): Promise<void> {
    const { bulk, writer } = this.#options;
    const stored = await bulk.get(keys.jobPiece(place.tenant, place.job, unit, piece));
    // Published before the step that did it was cut.
    if (stored === undefined) return;
    const kept: KeptChunks[] = [];
    for (const part of decode(stored) as readonly KeptChunks[]) {
      if (!(await this.#isEmbedded(place, part))) kept.push(part);
    }
    if (kept.length === 0) return;
    const embedder = await this.#embedder(place);
    const texts = kept.flatMap(({ title, chunks }) =>
      chunks.map((chunk) => searchText({ ...chunk, documentTitle: title })),
    );
    const vectors = await this.#vectors(place, embedder, texts, signal);
    let next = 0;
    const parts = kept.map(({ chunks, ...write }): WritePart => {
      const vectorsOf = vectors.slice(next, next + chunks.length);
      next += chunks.length;
      return {
        ...write,
        chunks: chunks.map((chunk, at) => ({ ...chunk, vector: vectorsOf[at] as Float32Array })),
      };
    });
    await writer.writeAll(place, parts, pinOf(embedder), "flushed");
  }

  /** Its chunks lie together in one commit: where the last is, all are. */
  async #isEmbedded({ tenant, collection }: IngestPlace, part: KeptChunks): Promise<boolean> {
    const { documentId, writeId, from, chunks } = part;
    const last = keys.chunk(tenant, collection, documentId, writeId, from + chunks.length - 1);
    return (await this.#options.bulk.get(last)) !== undefined;
  }

  async publish(
    place: IngestPlace,
    unit: PreparedUnit,
    without: ReadonlyMap<number, ErrorData>,
  ): Promise<PublishedUnit> {
    const { writer } = this.#options;
    const embedder = await this.#embedder(place);
    const reports: DocumentReport[] = [];
    const ready: PreparedDocument[] = [];
    for (const document of unit.documents) {
      const error = without.get(document.number) ?? document.error;
      if (error !== undefined) {
        const write = { documentId: document.id, writeId: writeIdOf(place, document.number) };
        if (document.status === "ready") await writer.discard(place, write);
        reports.push({ ...reportOf(document, "failed"), chunks: 0, error });
      } else if (document.status === "unchanged") reports.push(reportOf(document, "unchanged"));
      else ready.push(document);
    }
    for (const group of distinct(ready)) {
      const publications = await this.#publications(place, group);
      if (publications.length > 0) await writer.publish(place, publications, pinOf(embedder));
      for (const document of group) {
        const row = await findDocument(this.#options.bulk, place, document.id);
        reports.push(reportOf(document, statusOf(row)));
      }
    }
    await this.#forget(place, unit);
    const isMergeDue = await this.#options.isMergeDue(place);
    return { documents: reports.sort((a, b) => a.number - b.number), isMergeDue };
  }

  async visible(place: IngestPlace): Promise<readonly DocumentReport[]> {
    const { bulk } = this.#options;
    const reports: DocumentReport[] = [];
    const range = prefixRange(keys.jobUnitsOf(place.tenant, place.job), ingestionLimits.documents);
    for (const { value } of await bulk.range(range)) {
      for (const document of (decode(value) as PreparedUnit).documents) {
        const row = await findDocument(bulk, place, document.id);
        const isOurs = row?.writeId === writeIdOf(place, document.number);
        if (isOurs) reports.push(reportOf(document, statusOf(row)));
      }
    }
    return reports;
  }

  async clear(place: IngestPlace): Promise<void> {
    const { bulk, writer } = this.#options;
    const range = prefixRange(keys.jobDocumentsOf(place.tenant, place.job), CLEAR_ROWS);
    for (let { from } = range; ; ) {
      const rows = await bulk.range({ ...range, from });
      for (const { value } of rows) {
        const { documentId, writeId } = decode(value) as Publication;
        await writer.discard(place, { documentId, writeId });
      }
      const last = rows.at(-1);
      if (last === undefined) break;
      from = `${last.key}!`;
    }
    await forgetSources(bulk, place);
    await writer.sweep(place, FORGOTTEN_MS);
  }

  async #embedder({ tenant, collection }: IngestPlace): Promise<Embedder> {
    const { tables, embedders } = this.#options;
    const stored = await tables.get(keys.table(tenant, collectionsTable, collection));
    if (stored === undefined) {
      throw new RuntimeError("NOT_FOUND", `Collection ${collection} does not exist.`);
    }
    const { embedder } = decode(stored) as Collection;
    return await (embedder === undefined
      ? embedders.find(embedders.defaultName)
      : embedders.pinned(embedder));
  }

  async #split(
    { tenant }: IngestPlace,
    read: readonly ReadDocument[],
    embedder: Embedder,
    signal: AbortSignal,
  ): Promise<readonly (readonly Chunk[])[]> {
    if (read.length === 0) return [];
    const input = {
      texts: read.map(({ text }) => text),
      tokenizer: embedder.tokenizer,
      tokensMax: embedder.tokensMax,
    };
    const options = { tenant, signal, timeoutMs: limits.splitMs };
    const split = await this.#options.compute.run(ingestTasks.split, input, options);
    return (split as Chunk[][]).map((chunks, at) => withPages(chunks, read[at]?.pages));
  }

  /** Texts, what will make the documents visible, pieces, and last the unit: by it all are known. */
  async #keep(place: IngestPlace, of: Keeping, embedder: Embedder): Promise<void> {
    const { bulk, writer } = this.#options;
    const { tenant, job } = place;
    const { read, chunks, pieces, unit, unitKey } = of;
    const parts = read.map(({ text, publication }): WritePart => {
      const { documentId, writeId } = publication;
      return { documentId, writeId, text };
    });
    await writer.writeAll(place, parts, pinOf(embedder), "committed");
    const put = (key: string, value: unknown): StoreOp => ({
      op: "put",
      key,
      value: encode(value),
    });
    const first = unit.documents[0]?.number ?? 0;
    const ops = [
      ...read.map(({ number, publication }, at) => {
        const whole: Publication = { ...publication, chunks: chunks[at]?.length ?? 0 };
        return put(keys.jobDocument(tenant, job, number), whole);
      }),
      ...pieces.map(({ kept }, piece) => put(keys.jobPiece(tenant, job, first, piece), kept)),
      put(unitKey, unit),
    ];
    await commitAll(bulk, ops, "flushed");
  }

  /** A cheap embedder computes, and that is the pool's; the others wait for somebody. */
  async #vectors(
    { tenant }: IngestPlace,
    embedder: Embedder,
    texts: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly Float32Array[]> {
    const options = { tenant, signal, timeoutMs: limits.embedMs };
    const vectors =
      embedder.embedNow === undefined
        ? await embedder.embed(texts, { tenant, signal })
        : ((await this.#options.compute.run(ingestTasks.embed, texts, options)) as Float32Array[]);
    if (vectors.length !== texts.length) {
      const text = `The embedder ${embedder.id} gave ${vectors.length} vectors for ${texts.length} texts.`;
      throw new RuntimeError("PROVIDER_FAILED", text);
    }
    // A text without words has no direction, and is near to nothing.
    const none = new Float32Array(0);
    return vectors.map((vector) => (vector.some((value) => value !== 0) ? vector : none));
  }

  async #publications(
    place: IngestPlace,
    documents: readonly PreparedDocument[],
  ): Promise<readonly Publication[]> {
    const publications: Publication[] = [];
    for (const { number, status } of documents) {
      if (status === "published") continue;
      const stored = await this.#options.bulk.get(
        keys.jobDocument(place.tenant, place.job, number),
      );
      // Not there any more: it was published by this very step before it was cut.
      if (stored !== undefined) publications.push(decode(stored) as Publication);
    }
    return publications;
  }

  /** What was kept for a unit but the unit's own row: a job that is resumed knows by it what it did. */
  async #forget({ tenant, job }: IngestPlace, unit: PreparedUnit): Promise<void> {
    const { bulk } = this.#options;
    const numbers = unit.documents.map(({ number }) => number);
    await removeKept(bulk, [
      keys.jobPiecesOf(tenant, job, numbers[0] ?? 0),
      ...numbers.map((number) => keys.jobSourceBytesOf(tenant, job, number)),
    ]);
    const ops = numbers.flatMap((number): StoreOp[] => [
      { op: "remove", key: keys.jobDocument(tenant, job, number) },
      { op: "remove", key: keys.jobSource(tenant, job, number) },
    ]);
    await commitAll(bulk, ops, "committed");
  }
}

const pinOf = ({ id, dimension }: Embedder): EmbedderPin => ({ id, dimension });

/** Whether the same document stands in the unit before. */
function isThere(read: readonly ReadDocument[], { publication }: ReadDocument): boolean {
  const { documentId, contentHash } = publication;
  const last = read.findLast((one) => one.publication.documentId === documentId);
  return last?.publication.contentHash === contentHash;
}

function again({ number, publication }: ReadDocument): PreparedDocument {
  const { documentId: id, title } = publication;
  return { number, id, title, status: "unchanged", chunks: 0 };
}

function reportOf(document: PreparedDocument, status: DocumentReport["status"]): DocumentReport {
  const { number, id, title, chunks, format, warnings } = document;
  return {
    ...{ number, id, title, status, chunks },
    ...(format === undefined ? {} : { format }),
    ...(warnings === undefined ? {} : { warnings }),
  };
}

/** A document that was made by its newest write was created by it. */
function statusOf(row: DocumentRow | undefined): "created" | "updated" {
  return row !== undefined && row.created_at !== row.updated_at ? "updated" : "created";
}

/** One change names each document once: the second of two with one id comes in a change after it. */
function distinct(
  documents: readonly PreparedDocument[],
): readonly (readonly PreparedDocument[])[] {
  const groups: Map<string, PreparedDocument>[] = [];
  for (const document of documents) {
    let group = groups.find((one) => !one.has(document.id));
    if (group === undefined) {
      group = new Map();
      groups.push(group);
    }
    group.set(document.id, document);
  }
  return groups.map((group) => [...group.values()]);
}
