// The index of one collection in one thread: the segment's files when there are any, and in memory
// what came after them. Kept as new as the collection's change rows. What is being read is not
// visible before all of it is there.

import { type LexicalHit, type LexicalPart, searchLexical } from "../../actors/knowledge/bm25.ts";
import {
  feedbackFrom,
  feedbackLimits,
  mayAskAgain,
  searchAgain,
} from "../../actors/knowledge/feedback.ts";
import { floorOf, sampleOf } from "../../actors/knowledge/floor.ts";
import { createMemoryChunks } from "../../actors/knowledge/memory-chunks.ts";
import type { ChunkQuery, IndexedChunk } from "../../actors/knowledge/retrieve.ts";
import type { NearHit, PostingsView, VectorView } from "../../actors/knowledge/segment.ts";
import {
  bySmoothed,
  smoothedScores,
  smoothingFor,
  smoothingLimits,
} from "../../actors/knowledge/smoothing.ts";
import type { Filter } from "../../actors/records/filter.ts";
import { keys } from "../../runtime/store/keys.ts";
import type { Reader } from "../../runtime/store/store.ts";
import { type Difference, differenceOf, everything, type Loaded, loadDocument } from "./changes.ts";
import { Directory, type Wanted } from "./directory.ts";
import { isAllCompared, isScanned, nearestWanted } from "./near.ts";
import {
  type CollectionHead,
  chunkMark,
  chunkOf,
  type DocumentRow,
  headOf,
  type Place,
  preparedOf,
  type SegmentRow,
  type SlotRange,
} from "./rows.ts";
import { Slices } from "./slices.ts";
import { SlotPlaces } from "./slot-places.ts";

/** An opened segment. */
export interface OpenSegment {
  readonly row: SegmentRow;
  readonly vectors: VectorView;
  readonly postings: PostingsView;
}

/** Which chunk of which document. */
export type ChunkPlace = Pick<IndexedChunk, "documentId" | "chunkId">;

/** More neighbours are asked of the segment, up to this many, when too few of them count. */
const NEAR_MAX = 4_096;
const ALL_SLOTS = [[0, Number.MAX_SAFE_INTEGER]] as const;

/** Part of the chunks that may change before the floor is measured again. */
const FLOOR_CHANGE = 0.25;

/** Of a chunk that was replaced a moment ago. */
const NO_VECTOR = new Float32Array(0);

/** One collection in one thread. */
export class CollectionIndex {
  readonly segment: OpenSegment | null;
  readonly #reader: Reader;
  readonly #place: Place;
  readonly #memory = createMemoryChunks();
  readonly #places: SlotPlaces;
  /** In the ids of documents' chunks: to make one takes as long as to find five. */
  readonly #marks = new WeakMap<DocumentRow, string>();
  /** In memory and taken away, until their postings are gone. */
  readonly #gone = new Set<number>();
  /** From the first search with a filter on. */
  #directory: Directory | undefined;
  #floor = { chunks: 0, value: 0 };
  #users = 0;
  #isClosed = false;
  #generation: number;
  /** Slots from here on are being read. */
  #nextSlot: number;

  private constructor(reader: Reader, place: Place, segment: OpenSegment | null) {
    this.#reader = reader;
    this.#place = place;
    this.#places = new SlotPlaces(reader, place);
    this.segment = segment;
    this.#generation = segment?.row.generation ?? 0;
    this.#nextSlot = segment?.row.nextSlot ?? 0;
  }

  /** An index of all there is, in memory. @param withDocuments for searches with filters. */
  static async open(
    reader: Reader,
    place: Place,
    { withDocuments }: { readonly withDocuments: boolean },
  ): Promise<CollectionIndex> {
    const index = new CollectionIndex(reader, place, null);
    await index.#readAll();
    if (withDocuments) await index.refresh({ withDocuments });
    return index;
  }

  /**
   * An index of files and what came after them; undefined when the changes since are not kept any
   * more: nobody knows then what of the files is gone, and they are not used.
   */
  static async openFiles(
    reader: Reader,
    place: Place,
    segment: OpenSegment,
    { withDocuments }: { readonly withDocuments: boolean },
  ): Promise<CollectionIndex | undefined> {
    const index = new CollectionIndex(reader, place, segment);
    if (await index.refresh({ withDocuments })) return index;
    index.close();
    return undefined;
  }

  get generation(): number {
    return this.#generation;
  }

  /** Chunks in memory beside the segment. */
  get inMemory(): number {
    return this.#memory.count;
  }

  /** Whether it can be searched with filters. */
  get hasDocuments(): boolean {
    return this.#directory !== undefined;
  }

  /** Estimated memory. */
  get bytes(): number {
    const postings = this.segment?.postings.bytes ?? 0;
    return this.#memory.bytes() + postings + this.#places.bytes + (this.#directory?.bytes ?? 0);
  }

  /**
   * Takes in what has changed. Resolves to false when the changes since are not kept any more: open
   * another.
   */
  async refresh({ withDocuments }: { readonly withDocuments: boolean }): Promise<boolean> {
    const slices = new Slices();
    const isNew = withDocuments && this.#directory === undefined;
    const directory = isNew ? await Directory.read(this.#reader, this.#place, slices) : undefined;
    // Read after the documents: what is newer in them comes with the changes up to this head.
    const head = await this.#readHead();
    const span = { since: this.#generation, until: head.generation };
    const difference = await differenceOf(this.#reader, this.#place, span, slices);
    if (difference === undefined) return false;
    await this.#apply(difference, head, slices, directory);
    return true;
  }

  /** Calls `search` with the documents that a filter wants. It must have documents. */
  async wanted<T>(filter: Filter, search: (wanted: Wanted) => Promise<T>): Promise<T> {
    if (this.#directory === undefined) throw new Error("The index was opened without documents.");
    return await this.#directory.use(filter, new Slices(), search);
  }

  byWords(query: string, limit: number, wanted?: Wanted): readonly LexicalHit[] {
    return searchLexical(this.#parts(), query, limit, (slot) => this.#counts(slot, wanted));
  }

  /** `hits` of `byWords`, or better ones by the words of the best and by what is like them. */
  async byFeedback(
    { query, isOfMeaning = false }: Pick<ChunkQuery, "query" | "isOfMeaning">,
    hits: readonly LexicalHit[],
    limit: number,
    wanted?: Wanted,
  ): Promise<readonly LexicalHit[]> {
    if (!mayAskAgain(this.#parts())) return hits;
    // Of the whole collection: a filter changes no score.
    const all = wanted === undefined ? hits : this.byWords(query, feedbackLimits.evenAt);
    const from = feedbackFrom(this.#parts(), all);
    if (from.length === 0) return hits;
    const generation = this.#generation;
    const chunks = await this.chunks(from);
    // What was wanted is of before the change.
    if (this.#generation !== generation) return hits;
    const again = (wants: Wanted | undefined) => {
      const isWanted = (slot: number): boolean => this.#counts(slot, wants);
      return searchAgain(this.#parts(), query, all, chunks, { limit, isWanted });
    };
    const found = again(wanted) ?? hits;
    // How alike texts are is measured by the words they share: models see that otherwise.
    const evenness = isOfMeaning ? 0 : smoothingFor(this.#parts(), all);
    if (evenness === 0) return found;
    const pool = wanted === undefined ? found : (again(undefined) ?? this.byWords(query, limit));
    const best = pool.slice(0, smoothingLimits.hits).map(({ slot }) => slot);
    const vectors = (await this.chunks(best)).map((chunk) => chunk?.vector ?? NO_VECTOR);
    return bySmoothed(found, smoothedScores(pool, vectors, evenness));
  }

  /**
   * @param within what is wanted, at least so similar.
   * @param changed told when documents came and went meanwhile, of which neither may be found.
   */
  async byVector(
    vector: Float32Array,
    limit: number,
    within?: { readonly wanted: Wanted; readonly similarityMin: number },
    changed?: () => void,
  ): Promise<readonly NearHit[]> {
    // A question without words is near to nothing.
    if (!vector.some(Boolean)) return [];
    const counts = (slot: number): boolean => this.#counts(slot, within?.wanted);
    const inMemory = this.#memory.nearest(vector, limit, counts);
    if (this.segment === null) return inMemory;
    const generation = this.#generation;
    const inSegment =
      within === undefined
        ? await this.#inSegment(this.segment, vector, limit)
        : await nearestWanted(
            { ...this.segment, similarityMin: within.similarityMin },
            ...([vector, limit, within.wanted, counts] as const),
          );
    if (this.#generation !== generation) changed?.();
    if (inMemory.length === 0) return inSegment.slice(0, limit);
    return [...inSegment, ...inMemory]
      .sort((a, b) => b.similarity - a.similarity || a.slot - b.slot)
      .slice(0, limit);
  }

  /** The chunks at these slots; undefined for one whose document was replaced a moment ago. */
  chunks(slots: readonly number[]): Promise<readonly (IndexedChunk | undefined)[]> {
    // Asked for at once they are read from one snapshot; to renew it takes longer than a row.
    return Promise.all(slots.map((slot) => this.#memory.get(slot) ?? this.#read(slot)));
  }

  /** See `floor.ts`; measured again when a quarter of the chunks is new or gone. */
  async floor(): Promise<number> {
    const count = this.#parts().reduce((sum, { total }) => sum + total, 0);
    const { chunks, value } = this.#floor;
    if (Math.abs(count - chunks) <= chunks * FLOOR_CHANGE) return value;
    const slots = [...(this.segment?.postings.slots() ?? []), ...this.#memory.slots()];
    const sample = await this.chunks(sampleOf(slots));
    this.#floor = { chunks: count, value: floorOf(sample.filter((one) => one !== undefined)) };
    return this.#floor.value;
  }

  /** The document of a chunk's slot and the chunk's number in it; no chunk is read. */
  async placeOf(slot: number): Promise<ChunkPlace | undefined> {
    const inMemory = this.#memory.get(slot);
    if (inMemory !== undefined) return inMemory;
    const document = await this.#places.find(slot);
    return document === undefined ? undefined : this.#placeIn(document, slot);
  }

  /** `placeOf` for what is known without reading. */
  knownPlaceOf(slot: number): ChunkPlace | undefined {
    const inMemory = this.#memory.get(slot);
    if (inMemory !== undefined) return inMemory;
    const document = this.#places.known(slot);
    return document === undefined ? undefined : this.#placeIn(document, slot);
  }

  #placeIn(document: DocumentRow, slot: number): ChunkPlace {
    let mark = this.#marks.get(document);
    if (mark === undefined) {
      mark = chunkMark(this.#place.collection, document);
      this.#marks.set(document, mark);
    }
    const { id, firstSlot } = document;
    return { documentId: id, chunkId: `${id}.${slot - firstSlot}-${mark}` };
  }

  /** Its files stay open until `release`. */
  hold(): void {
    this.#users += 1;
  }

  release(): void {
    this.#users -= 1;
    if (this.#isClosed && this.#users === 0) this.#closeFiles();
  }

  /** Closes its files, once nobody holds it. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#users === 0) this.#closeFiles();
  }

  #closeFiles(): void {
    this.segment?.postings.close();
    this.segment?.vectors.close();
  }

  #parts(): readonly LexicalPart[] {
    const { lexical } = this.#memory;
    return this.segment === null ? [lexical] : [this.segment.postings, lexical];
  }

  #counts(slot: number, wanted: Wanted | undefined): boolean {
    if (slot >= this.#nextSlot) return false;
    if (this.#gone.size > 0 && this.#gone.has(slot)) return false;
    return wanted === undefined || wanted.has(slot);
  }

  async #read(slot: number): Promise<IndexedChunk | undefined> {
    const document = await this.#places.find(slot);
    if (document === undefined) return undefined;
    const { tenant, collection } = this.#place;
    const { id, writeId, firstSlot } = document;
    const number = slot - firstSlot;
    const bytes = await this.#reader.get(keys.chunk(tenant, collection, id, writeId, number));
    return bytes === undefined
      ? undefined
      : chunkOf(preparedOf(bytes), collection, document, number);
  }

  async #readHead(): Promise<CollectionHead> {
    const { tenant, collection } = this.#place;
    return headOf(await this.#reader.get(keys.collectionHead(tenant, collection)));
  }

  async #inSegment(
    { vectors, postings }: OpenSegment,
    vector: Float32Array,
    limit: number,
  ): Promise<readonly NearHit[]> {
    const counts = (slot: number): boolean => postings.has(slot) && this.#counts(slot, undefined);
    if (isScanned(vectors, vector, limit)) return await vectors.scan(vector, limit, counts);
    const isCompared = isAllCompared(vectors);
    // More of what is compared cost nothing, and some may be gone.
    for (let asked = isCompared ? limit * 4 : limit; ; asked *= 4) {
      const hits = isCompared
        ? await vectors.compare(vector, ALL_SLOTS, asked)
        : vectors.search(vector, asked);
      const found = hits.filter(({ slot }) => counts(slot));
      const isAll = hits.length < asked || asked >= NEAR_MAX;
      if (found.length >= limit || isAll) return found;
    }
  }

  async #readAll(): Promise<void> {
    const slices = new Slices();
    const { generation } = await this.#readHead();
    const difference = await everything(this.#reader, this.#place, slices);
    // Documents that came while the rows were read are here already or come with the next changes.
    await this.#apply(difference, { ...(await this.#readHead()), generation }, slices);
  }

  async #apply(
    { removed, added }: Difference,
    head: CollectionHead,
    slices: Slices,
    directory = this.#directory,
  ): Promise<void> {
    const documents: Loaded[] = [];
    for (const [id, range] of added) {
      const loaded = await loadDocument(this.#reader, this.#place, id, range, slices);
      if (loaded === undefined) continue;
      documents.push(loaded);
      for (const [number, chunk] of loaded.chunks.entries()) {
        this.#memory.add(
          range[0] + number,
          chunkOf(chunk, this.#place.collection, loaded.document, number),
        );
        await slices.breathe();
      }
    }
    const slots = removed.flatMap(slotsIn);
    for (const range of removed) directory?.remove(range);
    for (const loaded of documents) directory?.add(loaded);
    this.#directory = directory;
    // All at once, for every search from here on; the rest is only tidying.
    for (const slot of slots) {
      this.segment?.postings.remove(slot);
      this.#gone.add(slot);
    }
    this.#generation = head.generation;
    this.#nextSlot = head.nextSlot;
    for (const slot of slots) {
      this.#memory.remove(slot);
      this.#gone.delete(slot);
      await slices.breathe();
    }
  }
}

function slotsIn([first, count]: SlotRange): number[] {
  return Array.from({ length: count }, (_, at) => first + at);
}
