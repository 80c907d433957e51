// The Reembed port: what the steps of a job do that embeds a collection anew. Documents are split again
// in the new embedder's tokens and published in an edition that nobody searches yet. A document has the
// write id there that it has in the edition that counts: by it everyone sees what is there already, and
// a step that is repeated does nothing twice. What changes meanwhile is known from the change rows.

import { inLanes } from "../../actors/ingestion/lanes.ts";
import type {
  BuiltDocuments,
  CaughtUp,
  IngestPlace,
  KeyedReport,
  Reembed,
} from "../../actors/ingestion/port.ts";
import { isRefusal } from "../../actors/ingestion/run.ts";
import { withPages } from "../../actors/knowledge/pages.ts";
import { searchText } from "../../actors/knowledge/retrieve.ts";
import type { Chunk } from "../../actors/knowledge/split.ts";
import type { Compute, Embedder, Embedders } from "../../actors/ports.ts";
import { reembedLimits as limits } from "../../actors/records/ingestion-job.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Bulk } from "../../runtime/store/bulk.ts";
import { keys, prefixRange } from "../../runtime/store/keys.ts";
import { differenceOf } from "./changes.ts";
import { dropEdition, type Removal, switchEdition } from "./edition-changes.ts";
import { currentPlace, readEditions } from "./editions.ts";
import { type EmbedCaller, splitAll, vectorsOf } from "./embed-chunks.ts";
import { findDocument } from "./library.ts";
import { isMergeDueAt } from "./merge-due.ts";
import { publishPaced } from "./pace.ts";
import { pinEdition } from "./pin.ts";
import type { Publication } from "./publish.ts";
import {
  boundedTexts,
  piecesOf,
  publicationOf,
  refusedAs,
  reportKeyOf,
  type Unwritten,
} from "./reembed-pieces.ts";
import { isRace } from "./remove-rows.ts";
import {
  type DocumentRow,
  documentOf,
  headOf,
  type Place,
  rowBytes,
  type TextRow,
  textRowOf,
} from "./rows.ts";
import { Slices } from "./slices.ts";
import type { WritePart } from "./writer.ts";

/** What the port works with. */
export interface ReembedOptions extends Removal {
  readonly bulk: Bulk;
  readonly embedders: Pick<Embedders, "pinned">;
  readonly compute: Compute;
  nowMs(): number;
}

/** The port over one thread's connections. */
export function createReembed(options: ReembedOptions): Reembed {
  return new KnowledgeReembed(options);
}

/** Where from, where to, and by whom. */
interface Work extends Pick<EmbedCaller, "keyId" | "signal"> {
  readonly from: Place;
  readonly to: Place;
  readonly embedder: Embedder;
}

/** A document on its way. */
interface Moving extends TextRow {
  readonly row: DocumentRow;
}

class KnowledgeReembed implements Reembed {
  readonly #options: ReembedOptions;

  constructor(options: ReembedOptions) {
    this.#options = options;
  }

  async begin(place: IngestPlace): Promise<{ generation: number; isCurrent: boolean }> {
    const { editions } = await readEditions(this.#options.bulk, place);
    if (editions.job === place.job) return { generation: 0, isCurrent: true };
    if (editions.next?.job !== place.job) throw gone();
    // A job that is resumed follows what changed while it was paused, too.
    return { generation: editions.next.since, isCurrent: false };
  }

  async build(
    place: IngestPlace,
    after: string | null,
    signal: AbortSignal,
  ): Promise<BuiltDocuments> {
    const { bulk } = this.#options;
    const work = await this.#work(place, signal);
    const { from, to } = work;
    const range = prefixRange(keys.documentsOf(from.tenant, from.collection), limits.sliceRows);
    const start = after === null ? range.from : `${range.from}${after}!`;
    const rows = await bulk.range({ ...range, from: start });
    const documents: DocumentRow[] = [];
    let chunks = 0;
    let last = after;
    for (const { key, value } of rows) {
      const row = documentOf(value);
      if (documents.length > 0 && chunks + row.chunks > limits.sliceChunks) break;
      documents.push(row);
      chunks += row.chunks;
      last = key.slice(range.from.length);
    }
    const isWhole = await this.#move(work, documents);
    const grown = (await isMergeDueAt(bulk, to)) ? to.collection : null;
    // There was no room for all of them: the same again, when the index files have been made.
    if (!isWhole) return { after, documents: 0, chunks: 0, reports: [], grown, isLast: false };
    const reports = await this.#reports(
      to,
      documents.map(({ id }) => id),
    );
    const isLast = documents.length === rows.length && rows.length < limits.sliceRows;
    return { after: last, documents: documents.length, chunks, reports, grown, isLast };
  }

  async catchUp(
    place: IngestPlace,
    { since, holdMs }: { readonly since: number; readonly holdMs: number },
    signal: AbortSignal,
  ): Promise<CaughtUp> {
    const { bulk } = this.#options;
    const { editions } = await readEditions(bulk, place);
    if (editions.job === place.job) return await this.#done(place);
    const work = await this.#work(place, signal);
    const { from, to } = work;
    if (holdMs > 0) await this.#hold(from, holdMs);
    const { head, bytes } = await this.#head(from);
    if (head.isRemoved) throw gone();
    const { isWhole, ids } = await this.#follow(work, since, head.generation);
    const reports = await this.#reports(to, ids);
    const there = new Set(reports.map(({ key }) => key));
    const followed = { reports, removed: ids.map(reportKeyOf).filter((key) => !there.has(key)) };
    const counts = { documents: 0, chunks: 0, ...followed };
    if (!isWhole || (await isMergeDueAt(bulk, to))) {
      // Whoever searches next finds files, and little beside them.
      return { since, isCurrent: false, grown: to.collection, ...counts };
    }
    signal.throwIfAborted();
    if (await switchEdition(bulk, place, place.job, { bytes })) {
      return { ...(await this.#done(place)), ...followed };
    }
    return { since: head.generation, isCurrent: false, grown: null, ...counts };
  }

  async clear(place: IngestPlace): Promise<{ isCurrent: boolean }> {
    await dropEdition(this.#options, place, place.job);
    const { editions } = await readEditions(this.#options.bulk, place);
    return { isCurrent: editions.job === place.job };
  }

  async #done(place: IngestPlace): Promise<CaughtUp> {
    const { head } = await this.#head(await currentPlace(this.#options.bulk, place));
    const { generation: since, documents, chunks } = head;
    return { since, isCurrent: true, grown: null, documents, chunks, reports: [], removed: [] };
  }

  /** Of those documents that are there. */
  async #reports(to: Place, ids: readonly string[]): Promise<readonly KeyedReport[]> {
    const rows = await Promise.all(ids.map((id) => findDocument(this.#options.bulk, to, id)));
    return rows.flatMap((row) => {
      if (row === undefined) return [];
      const { id, title, chunks } = row;
      return [{ key: reportKeyOf(id), report: { id, title, status: "updated", chunks } } as const];
    });
  }

  async #work(place: IngestPlace, signal: AbortSignal): Promise<Work> {
    const { bulk, embedders } = this.#options;
    const { editions } = await readEditions(bulk, place);
    const { current, next } = editions;
    if (next?.job !== place.job) throw gone();
    const to = { tenant: place.tenant, collection: next.key };
    // What a part of it was embedded with is what all of it is.
    const { embedder: pin } = (await this.#head(to)).head;
    const embedder = await embedders.pinned(pin ?? next.embedder);
    await pinEdition(bulk, to, embedder);
    const { tenant, keyId } = place;
    return { from: { tenant, collection: current }, to, embedder, keyId, signal };
  }

  async #head({ tenant, collection }: Place) {
    const bytes = await this.#options.bulk.get(keys.collectionHead(tenant, collection));
    return { bytes, head: headOf(bytes) };
  }

  /** Others' changes wait for a moment. It ends by itself, or with the switch. */
  async #hold(from: Place, holdMs: number): Promise<void> {
    const { bulk, nowMs } = this.#options;
    const { bytes: expected, head } = await this.#head(from);
    if (head.isRemoved || expected === undefined) return;
    const key = keys.collectionHead(from.tenant, from.collection);
    const value = rowBytes({ ...head, heldUntil: nowMs() + holdMs });
    await bulk.commit([{ op: "swap", key, expected, value }]).catch((error: unknown) => {
      // Somebody was faster: this round goes without.
      if (!isRace(error)) throw error;
    });
  }

  /**
   * Does what changed after `since`; all there is, where the changes are not kept any more. Gives the
   * documents that it was about, as many as are reported.
   */
  async #follow(
    work: Work,
    since: number,
    until: number,
  ): Promise<{ readonly isWhole: boolean; readonly ids: readonly string[] }> {
    const { bulk } = this.#options;
    const { from } = work;
    const span = { since, until };
    const difference = await differenceOf(bulk, from, span, new Slices());
    if (difference === undefined) return { isWhole: await this.#compareAll(work), ids: [] };
    const ids = new Set([...difference.added.keys(), ...difference.gone]);
    const rows: DocumentRow[] = [];
    for (const id of ids) {
      const row = await findDocument(bulk, from, id);
      if (row === undefined) await this.#remove(work, [id]);
      else rows.push(row);
    }
    return {
      isWhole: await this.#moveAll(work, rows),
      ids: [...ids].slice(0, limits.roundReports),
    };
  }

  /** Every document of both editions. */
  async #compareAll(work: Work): Promise<boolean> {
    const { bulk } = this.#options;
    for (const isRemoval of [true, false]) {
      const { tenant, collection } = isRemoval ? work.to : work.from;
      const range = prefixRange(keys.documentsOf(tenant, collection), limits.sliceRows);
      for (let { from } = range; ; ) {
        const rows = await bulk.range({ ...range, from });
        const last = rows.at(-1);
        if (last === undefined) break;
        const documents = rows.map(({ value }) => documentOf(value));
        if (!isRemoval && !(await this.#moveAll(work, documents))) return false;
        for (const { id } of isRemoval ? documents : []) {
          if ((await findDocument(bulk, work.from, id)) === undefined)
            await this.#remove(work, [id]);
        }
        from = `${last.key}!`;
      }
    }
    return true;
  }

  async #remove({ to }: Work, ids: readonly string[]): Promise<void> {
    await this.#options.writer.removeDocuments(to, ids);
  }

  async #moveAll(work: Work, rows: readonly DocumentRow[]): Promise<boolean> {
    let some: DocumentRow[] = [];
    let chunks = 0;
    for (const row of rows) {
      const isFull = some.length >= limits.sliceRows || chunks + row.chunks > limits.sliceChunks;
      if (isFull && some.length > 0) {
        if (!(await this.#move(work, some))) return false;
        some = [];
        chunks = 0;
      }
      some.push(row);
      chunks += row.chunks;
    }
    return await this.#move(work, some);
  }

  /** Resolves to whether all of them are published: not while the index files are too far behind. */
  async #move(work: Work, rows: readonly DocumentRow[]): Promise<boolean> {
    const { bulk, writer } = this.#options;
    const { from, to, embedder } = work;
    const moving: Moving[] = [];
    for (const row of rows) {
      const there = await findDocument(bulk, to, row.id);
      if (there?.writeId === row.writeId) continue;
      const key = keys.documentText(from.tenant, from.collection, row.id, row.writeId);
      const stored = await bulk.get(key);
      // Replaced since: the change says so to the next round.
      if (stored !== undefined) moving.push({ row, ...textRowOf(stored) });
    }
    if (moving.length === 0) return true;
    try {
      const publications = await this.#write(work, moving);
      return await publishPaced(writer, to, publications, embedder);
    } catch (error) {
      if ((await this.#head(to)).head.isRemoved) await this.#discard(to, moving);
      throw error;
    }
  }

  async #discard(to: Place, moving: readonly Moving[]): Promise<void> {
    for (const { row } of moving) {
      const write = { documentId: row.id, writeId: row.writeId };
      await this.#options.writer.discard(to, write);
    }
  }

  /** Texts and chunks with their vectors; those that are there already are not embedded again. */
  async #write(work: Work, moving: readonly Moving[]): Promise<readonly Publication[]> {
    const { writer, compute } = this.#options;
    const { to, embedder, signal } = work;
    const caller = { tenant: to.tenant, signal };
    const texts = moving.map(({ text }) => text);
    const split: (readonly Chunk[])[] = [];
    for (const some of boundedTexts(texts)) {
      split.push(...(await splitAll(compute, embedder, some, caller)));
    }
    const written = moving.map(({ row, text, pages }): WritePart => {
      const { id: documentId, writeId } = row;
      return { documentId, writeId, text, pages };
    });
    await writer.writeAll(to, written, embedder, "committed");
    const waiting: Unwritten[] = [];
    for (const [at, { row, pages }] of moving.entries()) {
      waiting.push(...(await this.#unwritten(to, row, withPages(split[at] ?? [], pages))));
    }
    await inLanes(piecesOf(waiting), limits.piecesAtOnce, async (piece) => {
      signal.throwIfAborted();
      await this.#embed(work, piece);
    });
    return moving.map(({ row }, at) => publicationOf(row, split[at]?.length ?? 0));
  }

  /** Parts of a document whose chunks are not stored. Each begins at a multiple of their length. */
  async #unwritten(
    { tenant, collection }: Place,
    row: DocumentRow,
    chunks: readonly Chunk[],
  ): Promise<readonly Unwritten[]> {
    const parts: Unwritten[] = [];
    for (let from = 0; from < chunks.length; from += limits.pieceChunks) {
      const some = chunks.slice(from, from + limits.pieceChunks);
      // They lie together in one commit, or in several in their order: where the last is, all are.
      const last = from + some.length - 1;
      const key = keys.chunk(tenant, collection, row.id, row.writeId, last);
      if ((await this.#options.bulk.get(key)) === undefined)
        parts.push({ row, from, chunks: some });
    }
    return parts;
  }

  async #embed(
    { to, embedder, keyId, signal }: Omit<Work, "from">,
    piece: readonly Unwritten[],
  ): Promise<void> {
    const { writer, compute } = this.#options;
    const texts = piece.flatMap(({ row, chunks }) =>
      chunks.map((chunk) => searchText({ ...chunk, documentTitle: row.title })),
    );
    const caller = { tenant: to.tenant, keyId, signal };
    const vectors = await vectorsOf(compute, embedder, texts, caller).catch(
      async (error: unknown) => {
        if (!isRefusal(error)) throw error;
        // Each alone, to say which one it is; what can be embedded is stored, and not asked for again.
        const [only, ...more] = piece;
        if (only !== undefined && more.length === 0) throw refusedAs(only.row, error);
        for (const one of piece) await this.#embed({ to, embedder, keyId, signal }, [one]);
        return null;
      },
    );
    if (vectors === null) return;
    let next = 0;
    const parts = piece.map(({ row, from, chunks }): WritePart => {
      const own = vectors.slice(next, next + chunks.length);
      next += chunks.length;
      return {
        ...{ documentId: row.id, writeId: row.writeId, from },
        chunks: chunks.map((chunk, at) => ({ ...chunk, vector: own[at] as Float32Array })),
      };
    });
    await writer.writeAll(to, parts, embedder, "committed");
  }
}

const gone = (): RuntimeError =>
  new RuntimeError(
    "NOT_FOUND",
    "The collection was removed, or what was built of it was given up.",
  );
