// The index of one collection in one thread: the segment's files when there are any, and in memory
// what came after them. Kept as new as the collection's change rows. What is being read is not
// visible before all of it is there.

import { type LexicalHit, searchLexical } from "../../actors/knowledge/bm25.ts";
import { createMemoryChunks } from "../../actors/knowledge/memory-chunks.ts";
import type { IndexedChunk } from "../../actors/knowledge/retrieve.ts";
import type { NearHit, PostingsView, VectorView } from "../../actors/knowledge/segment.ts";
import { keys } from "../../runtime/store/keys.ts";
import type { Reader } from "../../runtime/store/store.ts";
import { type Difference, differenceOf, everything, loadDocument } from "./changes.ts";
import {
  type CollectionHead,
  chunkOf,
  documentOf,
  headOf,
  type Place,
  preparedOf,
  type SegmentRow,
  type SlotRange,
  slotOf,
} from "./rows.ts";
import { Slices } from "./slices.ts";

/** An opened segment. */
export interface OpenSegment {
  readonly row: SegmentRow;
  readonly vectors: VectorView;
  readonly postings: PostingsView;
}

/** Which slots a search is about. */
export type IsWanted = (slot: number) => boolean;

/** More neighbours are asked of the segment, up to this many, when too few of them count. */
const NEAR_MAX = 4_096;
const SCRATCH_BYTES = 28;

/** One collection in one thread. */
export class CollectionIndex {
  readonly segment: OpenSegment | null;
  readonly #reader: Reader;
  readonly #place: Place;
  readonly #memory = createMemoryChunks();
  /** In memory and taken away, until their postings are gone. */
  readonly #gone = new Set<number>();
  #generation: number;
  /** Slots from here on are being read. */
  #nextSlot: number;

  private constructor(reader: Reader, place: Place, segment: OpenSegment | null) {
    this.#reader = reader;
    this.#place = place;
    this.segment = segment;
    this.#generation = segment?.row.generation ?? 0;
    this.#nextSlot = segment?.row.nextSlot ?? 0;
  }

  /** An index of all there is at `head` or later. */
  static async open(
    reader: Reader,
    place: Place,
    head: CollectionHead,
    segment: OpenSegment | null,
  ): Promise<CollectionIndex> {
    const index = new CollectionIndex(reader, place, segment);
    if (segment === null || !(await index.#refresh(head))) await index.#readAll(head);
    return index;
  }

  get generation(): number {
    return this.#generation;
  }

  /** Chunks in memory beside the segment. */
  get inMemory(): number {
    return this.#memory.count;
  }

  /** Estimated memory. */
  get bytes(): number {
    const scratch = (this.segment?.postings.capacity ?? 0) * SCRATCH_BYTES;
    return this.#memory.bytes() + scratch;
  }

  /** Resolves to false when the changes since are not kept any more: open another. */
  refresh(head: CollectionHead): Promise<boolean> {
    return this.#refresh(head);
  }

  byWords(query: string, limit: number, isWanted?: IsWanted): readonly LexicalHit[] {
    const { lexical } = this.#memory;
    const parts = this.segment === null ? [lexical] : [this.segment.postings, lexical];
    const counts = (slot: number): boolean =>
      this.#isVisible(slot) && (isWanted === undefined || isWanted(slot));
    return searchLexical(parts, query, limit, counts);
  }

  byVector(vector: Float32Array, limit: number, isWanted?: IsWanted): readonly NearHit[] {
    // A question without words is near to nothing.
    if (vector.every((value) => value === 0)) return [];
    const counts = (slot: number): boolean =>
      this.#isVisible(slot) && (isWanted === undefined || isWanted(slot));
    const inMemory = this.#memory.nearest(vector, limit, counts);
    if (this.segment === null) return inMemory;
    return [...this.#inSegment(this.segment, vector, limit, counts), ...inMemory]
      .sort((a, b) => b.similarity - a.similarity || a.slot - b.slot)
      .slice(0, limit);
  }

  /** The chunk at a slot; undefined when its document was replaced a moment ago. */
  async chunk(slot: number): Promise<IndexedChunk | undefined> {
    return this.#memory.get(slot) ?? (await readChunk(this.#reader, this.#place, slot));
  }

  close(): void {
    this.segment?.postings.close();
  }

  #isVisible(slot: number): boolean {
    return slot < this.#nextSlot && !this.#gone.has(slot);
  }

  #inSegment(
    { vectors, postings }: OpenSegment,
    vector: Float32Array,
    limit: number,
    counts: IsWanted,
  ): readonly NearHit[] {
    for (let asked = limit; ; asked *= 4) {
      const hits = vectors.search(vector, asked);
      const found = hits.filter(({ slot }) => postings.has(slot) && counts(slot));
      const isAll = hits.length < asked || asked >= NEAR_MAX;
      if (found.length >= limit || isAll) return found;
    }
  }

  async #refresh(head: CollectionHead): Promise<boolean> {
    const slices = new Slices();
    const span = { since: this.#generation, until: head.generation };
    const difference = await differenceOf(this.#reader, this.#place, span, slices);
    if (difference === undefined) return false;
    await this.#apply(difference, head, slices);
    return true;
  }

  async #readAll(head: CollectionHead): Promise<void> {
    const slices = new Slices();
    const difference = await everything(this.#reader, this.#place, slices);
    // Documents that came while the rows were read are here already or come with the next changes.
    const { tenant, collection } = this.#place;
    const stored = await this.#reader.get(keys.collectionHead(tenant, collection));
    const { nextSlot } = headOf(stored);
    await this.#apply(difference, { ...head, nextSlot }, slices);
  }

  async #apply(
    { removed, added }: Difference,
    head: CollectionHead,
    slices: Slices,
  ): Promise<void> {
    for (const [id, range] of added) {
      const loaded = await loadDocument(this.#reader, this.#place, id, range, slices);
      if (loaded === undefined) continue;
      for (const [number, chunk] of loaded.chunks.entries()) {
        this.#memory.add(range[0] + number, chunkOf(chunk, loaded.document, number));
        await slices.breathe();
      }
    }
    const slots = removed.flatMap(slotsIn);
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

async function readChunk(
  reader: Reader,
  { tenant, collection }: Place,
  slot: number,
): Promise<IndexedChunk | undefined> {
  const [at] = await reader.range({
    from: keys.slotsOf(tenant, collection),
    to: keys.slot(tenant, collection, slot + 1),
    limit: 1,
    reverse: true,
  });
  if (at === undefined) return undefined;
  const { id, writeId, chunks } = slotOf(at.value);
  const stored = await reader.get(keys.document(tenant, collection, id));
  const document = stored === undefined ? undefined : documentOf(stored);
  if (document === undefined || document.writeId !== writeId) return undefined;
  const number = slot - document.firstSlot;
  if (number < 0 || number >= chunks) return undefined;
  const bytes = await reader.get(keys.chunk(tenant, collection, id, writeId, number));
  return bytes === undefined ? undefined : chunkOf(preparedOf(bytes), document, number);
}
