// The indexes of one thread, by collection: opened when first searched, brought up to the head
// before each search, moved to the next segment in the background, forgotten when memory is short.

import type { SegmentFiles } from "../../actors/knowledge/segment.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { keys } from "../../runtime/store/keys.ts";
import type { Reader } from "../../runtime/store/store.ts";
import { CollectionIndex, type OpenSegment } from "./collection-index.ts";
import { areEditionsOfOne } from "./editions.ts";
import { remembered } from "./remembered.ts";
import { type CollectionHead, headOf, type Place, type SegmentRow, segmentOf } from "./rows.ts";

/** What the indexes of a thread are read from. */
export interface IndexSources {
  /** The bulk environment. */
  readonly reader: Reader;
  /** Index files; without them every collection is read into memory. */
  readonly segments?: {
    readonly files: SegmentFiles;
    /** Folder of a collection's files. */
    folderOf(place: Place): string;
    /** The files are missing or damaged: they should be made anew. Called once a row. */
    damaged(place: Place, error: RuntimeError): void;
  };
}

interface Cached {
  index: CollectionIndex | undefined;
  /** Opening, refreshing or moving under way; a search that needs it waits. */
  changing: Promise<void> | undefined;
  /** Opening the next segment, which no search waits for. */
  moving: Promise<void> | undefined;
  /** Segment that could not be opened: everything is in memory until there is another. */
  bad: string | undefined;
  /** Searches under way; the files stay open for them. */
  users: number;
  isForgotten: boolean;
  readonly headOf: (bytes: Uint8Array | undefined) => CollectionHead;
  readonly segmentOf: (bytes: Uint8Array | undefined) => SegmentRow | undefined;
}

/** Times that a segment row is read again because its files had gone for newer ones. */
const OPENS_MAX = 3;

/** The indexes of a thread. */
export class IndexCache {
  readonly #options: IndexSources;
  readonly #bytesMax: number;
  /** In order of use, the longest unused first. */
  readonly #cache = new Map<string, Cached>();

  constructor(options: IndexSources, bytesMax: number) {
    this.#options = options;
    this.#bytesMax = bytesMax;
  }

  /**
   * Calls `search` with an index that has all that was visible when this was called; with its
   * documents for a search with a filter. Its files stay open for as long as the search takes.
   */
  async use<T>(
    place: Place,
    search: (index: CollectionIndex) => Promise<T>,
    { withDocuments = false } = {},
  ): Promise<T> {
    const cached = this.#find(place);
    cached.users += 1;
    let index: CollectionIndex | undefined;
    try {
      index = await this.#fresh(cached, place, withDocuments);
      index.hold();
      return await search(index);
    } finally {
      index?.release();
      cached.users -= 1;
      if (cached.isForgotten && cached.users === 0) cached.index?.close();
      this.#shrink(nameOf(place));
    }
  }

  forget(place: Place): void {
    const cached = this.#cache.get(nameOf(place));
    this.#cache.delete(nameOf(place));
    if (cached === undefined) return;
    cached.isForgotten = true;
    if (cached.users === 0) cached.index?.close();
  }

  /** Forgets all editions of a collection, but `place` itself unless `withItself`. */
  forgetEditions(place: Place, { withItself }: { readonly withItself: boolean }): void {
    for (const name of [...this.#cache.keys()]) {
      const [tenant = "", collection = ""] = name.split("/");
      if (tenant !== place.tenant || !areEditionsOfOne(collection, place.collection)) continue;
      if (withItself || collection !== place.collection) this.forget({ tenant, collection });
    }
  }

  #find(place: Place): Cached {
    const name = nameOf(place);
    // Another edition counts now: nobody searches the one before, and its files are being removed.
    if (!this.#cache.has(name)) this.forgetEditions(place, { withItself: false });
    const cached = this.#cache.get(name) ?? {
      ...{ index: undefined, changing: undefined, moving: undefined, bad: undefined },
      users: 0,
      isForgotten: false,
      headOf: remembered(headOf),
      segmentOf: remembered((bytes) => (bytes === undefined ? undefined : segmentOf(bytes))),
    };
    this.#cache.delete(name);
    this.#cache.set(name, cached);
    return cached;
  }

  async #fresh(cached: Cached, place: Place, withDocuments: boolean): Promise<CollectionIndex> {
    const { reader } = this.#options;
    for (;;) {
      // What is under way may have read an older head than this search must see.
      await cached.changing;
      const { tenant, collection } = place;
      // Asked for at once they are read from one snapshot.
      const [headRow, segmentRow] = await Promise.all([
        reader.get(keys.collectionHead(tenant, collection)),
        reader.get(keys.segment(tenant, collection)),
      ]);
      const head = cached.headOf(headRow);
      const row = cached.segmentOf(segmentRow);
      const { index } = cached;
      const isNew = index !== undefined && index.generation >= head.generation;
      if (isNew && (index.hasDocuments || !withDocuments)) {
        if (this.#isBehind(cached, index, row)) this.#move(cached, place);
        return index;
      }
      cached.changing ??= this.#change(cached, place, withDocuments).finally(() => {
        cached.changing = undefined;
      });
    }
  }

  #isBehind(cached: Cached, index: CollectionIndex, row: SegmentRow | undefined): boolean {
    if (this.#options.segments === undefined || row === undefined) return false;
    return row.id !== index.segment?.row.id && row.id !== cached.bad;
  }

  async #change(cached: Cached, place: Place, withDocuments: boolean): Promise<void> {
    if (cached.index !== undefined && (await cached.index.refresh({ withDocuments }))) return;
    this.#replace(cached, await this.#open(cached, place, withDocuments));
  }

  /** The index at hand stays right while the next segment is opened beside it. */
  #move(cached: Cached, place: Place): void {
    cached.moving ??= this.#open(cached, place, cached.index?.hasDocuments ?? false)
      .then((index) => this.#replace(cached, index))
      // The next search begins it again; the index at hand has all that is visible.
      .catch(() => undefined)
      .finally(() => {
        cached.moving = undefined;
      });
  }

  #replace(cached: Cached, index: CollectionIndex): void {
    const before = cached.index;
    cached.index = index;
    if (cached.isForgotten) index.close();
    // A search that was given it holds it by then.
    if (before !== undefined) setImmediate(() => before.close());
  }

  async #open(cached: Cached, place: Place, withDocuments: boolean): Promise<CollectionIndex> {
    const { reader } = this.#options;
    const segment = await this.#openSegment(cached, place);
    if (segment !== null) {
      const index = await CollectionIndex.openFiles(reader, place, segment, { withDocuments });
      if (index !== undefined) return index;
      const text = "The index files are older than the changes that are kept.";
      this.#refuse(cached, place, segment.row, new RuntimeError("DATA_DAMAGED", text));
    }
    return await CollectionIndex.open(reader, place, { withDocuments });
  }

  /** Files that are not used; others are made. */
  #refuse(cached: Cached, place: Place, row: SegmentRow, error: RuntimeError): void {
    cached.bad = row.id;
    this.#options.segments?.damaged(place, error);
  }

  async #openSegment(cached: Cached, place: Place): Promise<OpenSegment | null> {
    const { segments } = this.#options;
    if (segments === undefined) return null;
    for (let opens = 1; ; opens += 1) {
      const row = await this.#segmentRow(place);
      if (row === undefined || row.id === cached.bad) return null;
      try {
        return await this.#openFiles(row, segments, place);
      } catch (error) {
        if (!(error instanceof RuntimeError) || error.code !== "DATA_DAMAGED") throw error;
        const now = await this.#segmentRow(place);
        if (now?.id !== row.id && opens < OPENS_MAX) continue;
        this.#refuse(cached, place, row, error);
        return null;
      }
    }
  }

  async #openFiles(
    row: SegmentRow,
    { files, folderOf }: NonNullable<IndexSources["segments"]>,
    place: Place,
  ): Promise<OpenSegment> {
    const folder = folderOf(place);
    const vectors = await files.vectors.view(folder, row.vectors, row.embedder);
    try {
      return { row, vectors, postings: await files.postings.view(folder, row.postings) };
    } catch (error) {
      vectors.close();
      throw error;
    }
  }

  async #segmentRow({ tenant, collection }: Place): Promise<SegmentRow | undefined> {
    const stored = await this.#read(keys.segment(tenant, collection));
    return stored === undefined ? undefined : segmentOf(stored);
  }

  async #read(key: string): Promise<Uint8Array | undefined> {
    return await this.#options.reader.get(key);
  }

  /** Forgets the longest unused until the rest fits; the one in use stays whatever its size. */
  #shrink(inUse: string): void {
    let bytes = 0;
    for (const { index } of this.#cache.values()) bytes += index?.bytes ?? 0;
    for (const [name, cached] of this.#cache) {
      if (bytes <= this.#bytesMax) return;
      if (name === inUse || cached.users > 0 || cached.changing !== undefined) continue;
      bytes -= cached.index?.bytes ?? 0;
      this.#cache.delete(name);
      cached.isForgotten = true;
      cached.index?.close();
    }
  }
}

const nameOf = ({ tenant, collection }: Place): string => `${tenant}/${collection}`;
