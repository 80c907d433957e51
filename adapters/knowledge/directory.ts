// The documents of a collection in one thread, by slot, for searches with filters: which slots a
// filter wants is known without reading a chunk. What the last filters want is kept, and every
// change is put into it, so that a filter goes through all documents only the first time.

import { compileFilter, type IsWantedDocument } from "../../actors/knowledge/filter.ts";
import type { Filter } from "../../actors/records/filter.ts";
import { keys } from "../../runtime/store/keys.ts";
import type { Reader } from "../../runtime/store/store.ts";
import { type DocumentRow, documentOf, type Place, type SlotRange } from "./rows.ts";
import { rowsWith, type Slices } from "./slices.ts";

/** A document's row and how long it is as stored. */
export interface DirectoryEntry {
  readonly document: DocumentRow;
  readonly bytes: number;
}

/** Documents that a filter wants, at one moment. */
export interface Wanted {
  /** Chunks of these documents, and of all. */
  readonly chunks: number;
  readonly total: number;
  /** In growing order of slots. */
  readonly documents: readonly DocumentRow[];
  has(slot: number): boolean;
}

interface Matches {
  readonly isWanted: IsWantedDocument;
  readonly documents: Map<number, DocumentRow>;
  /** Resolves when all documents have been looked at. */
  filled: Promise<void> | undefined;
  /** Made when it is asked for, until the next change. */
  wanted: Wanted | undefined;
  users: number;
}

/** Filters whose documents are kept. */
const MATCHES_MAX = 8;
/** Memory of a document: its object beside what it holds, which is twice as long as stored. */
const DOCUMENT_BYTES = 400;
const BYTES_PER_STORED = 2;
const MATCH_BYTES = 60;
/** Slots between the first and the last that a filter wants, up to which each has a bit: 1 MiB. */
const BITS_MAX = 8 * 1_024 * 1_024;

/** The documents of one collection. */
export class Directory {
  /** By first slot. Documents without chunks are never found, and not here. */
  readonly #entries = new Map<number, DirectoryEntry>();
  /** By the filter's text, the longest unused first. */
  readonly #matches = new Map<string, Matches>();
  #total = 0;
  #bytes = 0;

  /** All documents; some may be newer than what was visible when this was called. */
  static async read(
    reader: Reader,
    { tenant, collection }: Place,
    slices: Slices,
  ): Promise<Directory> {
    const entries: DirectoryEntry[] = [];
    for await (const { value } of rowsWith(reader, keys.documentsOf(tenant, collection), slices)) {
      entries.push({ document: documentOf(value), bytes: value.byteLength });
    }
    const directory = new Directory();
    entries.sort((a, b) => a.document.firstSlot - b.document.firstSlot);
    for (const entry of entries) directory.add(entry);
    return directory;
  }

  /** Estimated memory. */
  get bytes(): number {
    let bytes = this.#bytes;
    for (const { documents } of this.#matches.values()) bytes += documents.size * MATCH_BYTES;
    return bytes;
  }

  add(entry: DirectoryEntry): void {
    const { firstSlot, chunks } = entry.document;
    if (chunks === 0 || this.#entries.has(firstSlot)) return;
    this.#entries.set(firstSlot, entry);
    this.#total += chunks;
    this.#bytes += bytesOf(entry);
    for (const matches of this.#matches.values()) {
      matches.wanted = undefined;
      if (matches.isWanted(entry.document)) matches.documents.set(firstSlot, entry.document);
    }
  }

  remove([first, count]: SlotRange): void {
    const entry = count === 0 ? undefined : this.#entries.get(first);
    if (entry === undefined) return;
    this.#entries.delete(first);
    this.#total -= entry.document.chunks;
    this.#bytes -= bytesOf(entry);
    for (const matches of this.#matches.values()) {
      matches.wanted = undefined;
      matches.documents.delete(first);
    }
  }

  /**
   * Calls `search` with what the filter wants as of then; what it does before it first waits sees
   * no change in between. @throws INVALID for a filter that is none.
   */
  async use<T>(filter: Filter, slices: Slices, search: (wanted: Wanted) => Promise<T>): Promise<T> {
    const matches = this.#find(filter);
    matches.users += 1;
    try {
      matches.filled ??= this.#fill(matches, slices);
      await matches.filled;
      matches.wanted ??= wantedOf([...matches.documents.values()], this.#total);
      return await search(matches.wanted);
    } finally {
      matches.users -= 1;
      this.#shrink();
    }
  }

  #find(filter: Filter): Matches {
    const name = JSON.stringify(filter);
    const matches = this.#matches.get(name) ?? {
      isWanted: compileFilter(filter),
      documents: new Map<number, DocumentRow>(),
      ...{ filled: undefined, wanted: undefined },
      users: 0,
    };
    this.#matches.delete(name);
    this.#matches.set(name, matches);
    return matches;
  }

  async #fill({ isWanted, documents }: Matches, slices: Slices): Promise<void> {
    // What is added meanwhile is looked at by `add`, and what is removed is not met any more.
    for (const [slot, { document }] of this.#entries) {
      if (isWanted(document)) documents.set(slot, document);
      if (slices.isDue) await slices.breathe();
    }
  }

  #shrink(): void {
    for (const [name, { users }] of this.#matches) {
      if (this.#matches.size <= MATCHES_MAX) return;
      if (users === 0) this.#matches.delete(name);
    }
  }
}

function bytesOf({ bytes }: DirectoryEntry): number {
  return DOCUMENT_BYTES + bytes * BYTES_PER_STORED;
}

function wantedOf(documents: DocumentRow[], total: number): Wanted {
  // Slots grow, so that they are in order already but for those of the first reading.
  const isSorted = documents.every(
    ({ firstSlot }, at) => at === 0 || firstSlot > (documents[at - 1]?.firstSlot ?? 0),
  );
  if (!isSorted) documents.sort((a, b) => a.firstSlot - b.firstSlot);
  const has = membersOf(documents);
  const chunks = documents.reduce((sum, document) => sum + document.chunks, 0);
  return { chunks, total, documents, has };
}

/** Whether a slot is of one of these documents, which are in growing order of slots. */
function membersOf(documents: readonly DocumentRow[]): (slot: number) => boolean {
  const [first] = documents;
  const last = documents.at(-1);
  if (first === undefined || last === undefined) return () => false;
  const from = first.firstSlot;
  const span = last.firstSlot + last.chunks - from;
  if (span > BITS_MAX) return bySearch(documents);
  // Asked for every chunk that has a word of the question: a bit is there at once.
  const bits = new Uint8Array((span >> 3) + 1);
  for (const { firstSlot, chunks } of documents) {
    for (let at = firstSlot - from; at < firstSlot - from + chunks; at += 1) {
      bits[at >> 3] = (bits[at >> 3] ?? 0) | (1 << (at & 7));
    }
  }
  return (slot) => {
    const at = slot - from;
    return at >= 0 && at < span && ((bits[at >> 3] ?? 0) & (1 << (at & 7))) !== 0;
  };
}

function bySearch(documents: readonly DocumentRow[]): (slot: number) => boolean {
  const firsts = Float64Array.from(documents, ({ firstSlot }) => firstSlot);
  return (slot) => {
    let low = 0;
    let high = firsts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((firsts[middle] ?? 0) <= slot) low = middle + 1;
      else high = middle;
    }
    const at = documents[low - 1];
    return at !== undefined && slot < at.firstSlot + at.chunks;
  };
}
