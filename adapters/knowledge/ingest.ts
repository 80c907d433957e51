// The Ingest port: what an ingestion job's steps do. A document is read and split by `prepare`,
// which keeps its chunks in pieces; `embed` turns a piece into stored chunks; `publish` makes whole
// documents visible and forgets what was kept. The write id of a document comes from the job and the
// document's number, so that a step that is repeated writes over its own rows.

import type {
  Ingest,
  IngestPlace,
  PieceToEmbed,
  PreparedDocument,
  PreparedUnit,
  PublishedUnit,
  RefusedPart,
} from "../../actors/ingestion/port.ts";
import { withPages } from "../../actors/knowledge/pages.ts";
import { searchText } from "../../actors/knowledge/retrieve.ts";
import type { Chunk } from "../../actors/knowledge/split.ts";
import type { Compute, Embedder, Embedders } from "../../actors/ports.ts";
import type { EmbedderPin } from "../../actors/records/embedder-pin.ts";
import { type DocumentReport, ingestionLimits } from "../../actors/records/ingestion-job.ts";
import type { ErrorData } from "../../runtime/errors.ts";
import type { Bulk } from "../../runtime/store/bulk.ts";
import { decode, encode } from "../../runtime/store/codec.ts";
import { keys, prefixRange } from "../../runtime/store/keys.ts";
import type { Reader, StoreOp } from "../../runtime/store/store.ts";
import { AtWork } from "./at-work.ts";
import { commitAll } from "./commit-all.ts";
import { currentPlace, isCurrent, readEditions } from "./editions.ts";
import { type EmbedCaller, vectorsOf } from "./embed-chunks.ts";
import { forgetUnit, type KeptDocument, toldOf } from "./ingest-kept.ts";
import { type KeptChunks, type Piece, piecesOf } from "./ingest-pieces.ts";
import { again, distinct, isThere, preparedOf, reportOf } from "./ingest-reports.ts";
import { isMergeDueAt } from "./merge-due.ts";
import { publishPaced } from "./pace.ts";
import { pinEdition, pinOf } from "./pin.ts";
import type { Publication } from "./publish.ts";
import {
  type ReadDocument,
  SourceReader,
  type SourceReaderOptions,
  writeIdOf,
} from "./read-source.ts";
import { Readings } from "./readings.ts";
import { refusedOf } from "./refused.ts";
import { headOf, type Place, type PreparedChunk } from "./rows.ts";
import { collectionRecord } from "./settings.ts";
import { forgetSources } from "./sources.ts";
import { areEmbeddedAtOnce, splitUnit } from "./split-unit.ts";
import type { KnowledgeWriter, WritePart } from "./writer.ts";

/** Rows read at a time when a job is cleared. */
const CLEAR_ROWS = 100;
/** A write that nobody has published for so long was left by a crash. */
const FORGOTTEN_MS = 24 * 3_600_000;

/** What the port works with. */
export interface IngestOptions extends SourceReaderOptions {
  readonly bulk: Bulk;
  /** The hot environment: the collection's row. */
  readonly tables: Reader;
  readonly writer: KnowledgeWriter;
  readonly embedders: Embedders;
  readonly compute: Compute;
}

/** A unit that is about to be kept. */
interface Keeping {
  readonly read: readonly ReadDocument[];
  readonly chunks: readonly (readonly Chunk[])[];
  /** The chunks have their vectors, and there are no pieces. */
  readonly isEmbedded: boolean;
  readonly pieces: readonly Piece[];
  readonly unit: PreparedUnit;
  readonly unitKey: string;
  readonly forgetting: readonly StoreOp[];
}

/** The port over one thread's connections. */
export function createIngest(options: IngestOptions): Ingest {
  const ingest = new KnowledgeIngest(options);
  const atWork = new AtWork();
  const during = <T>({ job }: IngestPlace, work: () => Promise<T>): Promise<T> =>
    atWork.run(job, work);
  return {
    prepare: (place, numbers, signal) =>
      during(place, () => ingest.prepare(place, numbers, signal)),
    embed: (place, piece, signal) => during(place, () => ingest.embed(place, piece, signal)),
    publish: (place, unit, without) => during(place, () => ingest.publish(place, unit, without)),
    async visible(place) {
      await atWork.ended(place.job);
      return await ingest.visible(place);
    },
    async clear(place) {
      await atWork.ended(place.job);
      await ingest.clear(place);
    },
  };
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
    const { edition, embedder } = await this.#edition(place);
    const stored = await bulk.get(unitKey);
    const before = stored === undefined ? undefined : (decode(stored) as PreparedUnit);
    // Another run of the job was here before it was paused.
    if (before?.edition === edition.collection) return before;
    if (before !== undefined) await this.#discard(place, before);
    const documents: PreparedDocument[] = [];
    const read: ReadDocument[] = [];
    const readings = await Readings.of(bulk, place, numbers[0] ?? 0);
    for (const number of numbers) {
      const one = await this.#reader.read(place, { number, edition, readings, signal });
      if ("status" in one) documents.push(one);
      else if (isThere(read, one)) documents.push(again(one));
      else read.push(one);
    }
    const isEmbedded = areEmbeddedAtOnce(read, embedder);
    const { compute } = this.#options;
    const split = await splitUnit({ compute, embedder, place, signal }, read, isEmbedded);
    const fit: ReadDocument[] = [];
    const chunks: (readonly Chunk[])[] = [];
    for (const [at, one] of split.entries()) {
      const document = read[at];
      if (document === undefined) continue;
      if ("chunks" in one) {
        fit.push(document);
        chunks.push(withPages(one.chunks, document.pages));
      }
      documents.push(preparedOf(document, one));
    }
    const pieces = isEmbedded ? [] : piecesOf(fit, chunks);
    const unit: PreparedUnit = {
      edition: edition.collection,
      documents: documents.sort((a, b) => a.number - b.number),
      pieces: pieces.map(({ kept: _, ...piece }) => piece),
    };
    const forgetting = readings.forgetting();
    const keeping = { read: fit, chunks, isEmbedded, pieces, unit, unitKey, forgetting };
    await this.#keep(place, keeping, embedder);
    return unit;
  }

  async embed(
    place: IngestPlace,
    { unit, piece, edition: key }: PieceToEmbed,
    signal: AbortSignal,
  ): Promise<readonly RefusedPart[]> {
    const edition = { tenant: place.tenant, collection: key };
    const stored = await this.#options.bulk.get(
      keys.jobPiece(place.tenant, place.job, unit, piece),
    );
    // Published before the step that did it was cut.
    if (stored === undefined) return [];
    const kept: KeptChunks[] = [];
    const places: number[] = [];
    for (const [at, part] of (decode(stored) as readonly KeptChunks[]).entries()) {
      if (await this.#isEmbedded(edition, part)) continue;
      kept.push(part);
      places.push(at);
    }
    if (kept.length === 0) return [];
    const { embedder, edition: now } = await this.#edition(place);
    // Nobody will look there: the documents are taken in again where somebody does.
    if (now.collection !== key) return [];
    const write = (parts: readonly KeptChunks[]) =>
      this.#embedParts(edition, embedder, parts, { ...place, signal });
    const refused = await refusedOf(kept, write);
    return refused.map(({ at, error }) => ({ at: places[at] ?? 0, error }));
  }

  async #embedParts(
    edition: Place,
    embedder: Embedder,
    kept: readonly KeptChunks[],
    caller: EmbedCaller,
  ): Promise<void> {
    const { writer, compute } = this.#options;
    const texts = kept.flatMap(({ title, chunks }) =>
      chunks.map((chunk) => searchText({ ...chunk, documentTitle: title })),
    );
    const vectors = await vectorsOf(compute, embedder, texts, caller);
    let next = 0;
    const parts = kept.map(({ chunks, ...write }): WritePart => {
      const vectorsOf = vectors.slice(next, next + chunks.length);
      next += chunks.length;
      return {
        ...write,
        chunks: chunks.map((chunk, at) => ({ ...chunk, vector: vectorsOf[at] as Float32Array })),
      };
    });
    await writer.writeAll(edition, parts, pinOf(embedder), "flushed");
  }

  /** Its chunks lie together in one commit: where the last is, all are. */
  async #isEmbedded({ tenant, collection }: Place, part: KeptChunks): Promise<boolean> {
    const { documentId, writeId, from, chunks } = part;
    const last = keys.chunk(tenant, collection, documentId, writeId, from + chunks.length - 1);
    return (await this.#options.bulk.get(last)) !== undefined;
  }

  async publish(
    place: IngestPlace,
    unit: PreparedUnit,
    without: ReadonlyMap<number, ErrorData>,
  ): Promise<PublishedUnit> {
    const edition = { tenant: place.tenant, collection: unit.edition };
    try {
      const isWhole = await this.#publishAll(place, edition, unit, without);
      const isMergeDue = await isMergeDueAt(this.#options.bulk, edition);
      const grown = isMergeDue ? unit.edition : null;
      if (!isWhole) return { outcome: "waiting", documents: [], grown };
      const documents = await this.#reports(place, unit, without);
      await forgetUnit(this.#options.bulk, place, unit);
      // Another job was faster with the same: what was written for this one is nobody's.
      for (const { id, number, status } of documents) {
        if (status !== "unchanged") continue;
        await this.#options.writer.discard(edition, {
          documentId: id,
          writeId: writeIdOf(place, number),
        });
      }
      return { outcome: "visible", documents, grown };
    } catch (error) {
      if (await isCurrent(this.#options.bulk, place, edition)) throw error;
      await this.#discard(place, unit);
      return { outcome: "moved", documents: [], grown: null };
    }
  }

  /** Resolves to whether all of it is visible: not while the index files are too far behind. */
  async #publishAll(
    place: IngestPlace,
    edition: Place,
    unit: PreparedUnit,
    without: ReadonlyMap<number, ErrorData>,
  ): Promise<boolean> {
    const { writer } = this.#options;
    const ready = unit.documents.filter(({ status }) => status === "ready");
    for (const { id, number } of ready) {
      if (!without.has(number)) continue;
      await writer.discard(edition, { documentId: id, writeId: writeIdOf(place, number) });
    }
    const { embedder } = await this.#edition(place);
    for (const group of distinct(ready.filter(({ number }) => !without.has(number)))) {
      const publications = await this.#publications(place, edition, group);
      const isWhole = await publishPaced(writer, edition, publications, pinOf(embedder));
      if (!isWhole) return false;
    }
    return true;
  }

  async #reports(
    place: IngestPlace,
    { documents }: PreparedUnit,
    without: ReadonlyMap<number, ErrorData>,
  ): Promise<readonly DocumentReport[]> {
    const reports: DocumentReport[] = [];
    for (const document of documents) {
      const error = without.get(document.number) ?? document.error;
      if (error !== undefined) reports.push({ ...reportOf(document, "failed"), chunks: 0, error });
      else {
        const told = await toldOf(this.#options.bulk, place, document.number);
        reports.push(reportOf(document, told?.status ?? "unchanged"));
      }
    }
    return reports;
  }

  /** What was written of a unit in an edition that does not count any more. */
  async #discard(place: IngestPlace, { edition, documents }: PreparedUnit): Promise<void> {
    for (const { id, number, status } of documents) {
      if (status !== "ready") continue;
      const write = { documentId: id, writeId: writeIdOf(place, number) };
      await this.#options.writer.discard({ tenant: place.tenant, collection: edition }, write);
    }
  }

  async visible(place: IngestPlace): Promise<readonly DocumentReport[]> {
    const { bulk } = this.#options;
    const reports: DocumentReport[] = [];
    const range = prefixRange(keys.jobUnitsOf(place.tenant, place.job), ingestionLimits.documents);
    for (const { value } of await bulk.range(range)) {
      for (const document of (decode(value) as PreparedUnit).documents) {
        const told = await toldOf(bulk, place, document.number);
        if (told !== undefined) reports.push(reportOf(document, told.status));
      }
    }
    return reports;
  }

  async clear(place: IngestPlace): Promise<void> {
    const { bulk, writer } = this.#options;
    const range = prefixRange(keys.jobDocumentsOf(place.tenant, place.job), CLEAR_ROWS);
    for (let { from } = range; ; ) {
      const rows = await bulk.range({ ...range, from });
      // Side by side: each takes three commits, and those of all of them are a few groups.
      await Promise.all(
        rows.map(({ value }) => {
          const { documentId, writeId, edition } = decode(value) as KeptDocument;
          const written = { tenant: place.tenant, collection: edition };
          return writer.discard(written, { documentId, writeId });
        }),
      );
      const last = rows.at(-1);
      if (last === undefined) break;
      from = `${last.key}!`;
    }
    await forgetSources(bulk, place);
    await writer.sweep(await currentPlace(bulk, place), FORGOTTEN_MS);
  }

  /** The edition that counts, and whose vectors it holds: from now on, if it holds none. */
  async #edition(place: IngestPlace): Promise<{ edition: Place; embedder: Embedder }> {
    const { tables, embedders, bulk } = this.#options;
    const { tenant } = place;
    const record = await collectionRecord(tables, place);
    const { editions } = await readEditions(bulk, place);
    const edition = { tenant, collection: editions.current };
    const head = headOf(await bulk.get(keys.collectionHead(tenant, editions.current)));
    const pin: EmbedderPin | undefined = head.embedder ?? editions.embedder ?? record.embedder;
    const embedder = await embedders.pinned(pin ?? (await embedders.find(embedders.defaultName)));
    await pinEdition(bulk, edition, embedder);
    return { edition, embedder };
  }

  /** Texts, what will make the documents visible, pieces, and last the unit: by it all are known. */
  async #keep(place: IngestPlace, of: Keeping, embedder: Embedder): Promise<void> {
    const { bulk, writer } = this.#options;
    const { tenant, job } = place;
    const { read, chunks, isEmbedded, pieces, unit, unitKey, forgetting } = of;
    const parts = read.map(({ text, pages, publication }, at): WritePart => {
      const { documentId, writeId } = publication;
      const own = isEmbedded ? { chunks: (chunks[at] ?? []) as readonly PreparedChunk[] } : {};
      return { documentId, writeId, text, pages, ...own };
    });
    const edition = { tenant, collection: unit.edition };
    await writer.writeAll(edition, parts, pinOf(embedder), "committed");
    const put = (key: string, value: unknown): StoreOp => ({
      op: "put",
      key,
      value: encode(value),
    });
    const first = unit.documents[0]?.number ?? 0;
    const ops = [
      ...read.map(({ number, publication }, at) => {
        const count = chunks[at]?.length ?? 0;
        const kept: KeptDocument = { ...publication, chunks: count, edition: unit.edition };
        return put(keys.jobDocument(tenant, job, number), kept);
      }),
      ...pieces.map(({ kept }, piece) => put(keys.jobPiece(tenant, job, first, piece), kept)),
      ...forgetting,
      put(unitKey, unit),
    ];
    await commitAll(bulk, ops, "flushed");
  }

  /** What is to be made visible and is not yet. */
  async #publications(
    place: IngestPlace,
    edition: Place,
    documents: readonly PreparedDocument[],
  ): Promise<readonly Publication[]> {
    const { tenant, job } = place;
    const { bulk } = this.#options;
    const publications: Publication[] = [];
    for (const { number } of documents) {
      // Made visible before a crash; whoever changed it since then came after.
      if ((await toldOf(bulk, place, number))?.edition === edition.collection) continue;
      const stored = await bulk.get(keys.jobDocument(tenant, job, number));
      // Not there any more: it was published by this very step before it was cut.
      if (stored === undefined) continue;
      const { edition: _, ...publication } = decode(stored) as KeptDocument;
      publications.push({ ...publication, toldAt: keys.jobPublished(tenant, job, number) });
    }
    return publications;
  }
}
