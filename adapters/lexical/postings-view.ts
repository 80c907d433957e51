// A postings file as one thread searches it: lengths and slots in memory (12 bytes a chunk), terms
// and their postings read from the file, which the system keeps in its page cache, and kept decoded for
// the next question that has them.

import type { Postings } from "../../actors/knowledge/bm25.ts";
import type { PostingsHeader, PostingsView } from "../../actors/knowledge/segment.ts";
import { termsVersion } from "../../actors/knowledge/terms.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { checkFile } from "../../runtime/store/sealed-file.ts";
import type { Sealer } from "../../runtime/store/sealer.ts";
import { openBytes, type PostingsBytes } from "./postings-bytes.ts";
import {
  bucketOf,
  type Entry,
  GONE,
  HEAD_BYTES,
  type Head,
  parseHead,
  readEntry,
  VarintReader,
} from "./postings-format.ts";
import { TermCache } from "./term-cache.ts";

/** Slot, length and score of a chunk. */
const CHUNK_BYTES = 20;

/** @throws DATA_DAMAGED. */
export async function openPostings(
  folder: string,
  header: PostingsHeader,
  sealer?: Sealer,
): Promise<PostingsView> {
  await checkPostings(folder, header);
  const file = openBytes(folder, header.name, sealer);
  try {
    return new FileView(file, headOf(file, header));
  } catch (error) {
    file.close();
    throw error;
  }
}

/** @throws DATA_DAMAGED for a file that is not the sealed one, or of other terms. */
export async function checkPostings(folder: string, header: PostingsHeader): Promise<void> {
  if (header.termsVersion !== termsVersion) throw damaged(header);
  await checkFile(folder, header);
}

/** @throws DATA_DAMAGED. */
export function headOf(file: PostingsBytes, header: PostingsHeader): Head {
  const head = parseHead(file.read(0, Math.min(HEAD_BYTES, file.length)));
  if (head?.end === file.length && head.chunks === header.chunks) return head;
  throw damaged(header);
}

function damaged({ name }: PostingsHeader): RuntimeError {
  return new RuntimeError(
    "DATA_DAMAGED",
    `The index file ${name} has no postings of this version.`,
  );
}

class FileView implements PostingsView {
  total = 0;
  lengthSum = 0;
  readonly capacity: number;
  readonly scratch: Float64Array;
  readonly lengths: Uint32Array;
  readonly #file: PostingsBytes;
  readonly #head: Head;
  readonly #slots: Float64Array;
  readonly #terms = new TermCache();

  constructor(file: PostingsBytes, head: Head) {
    const { chunks, slotsAt, lengthsAt } = head;
    this.#file = file;
    this.#head = head;
    this.capacity = chunks;
    this.#slots = new Float64Array(file.read(slotsAt, chunks * 8).buffer);
    this.lengths = new Uint32Array(file.read(lengthsAt, chunks * 4).buffer);
    this.scratch = new Float64Array(chunks);
    for (const length of this.lengths) {
      if (length === GONE) continue;
      this.total += 1;
      this.lengthSum += length;
    }
  }

  slotOf(ordinal: number): number {
    return this.#slots[ordinal] ?? 0;
  }

  get bytes(): number {
    return this.capacity * CHUNK_BYTES + this.#terms.bytes + this.#file.keptBytes;
  }

  read(term: string): Postings | undefined {
    const known = this.#terms.get(term, this.#counts);
    if (known !== undefined) return known;
    const entry = this.#find(term);
    if (entry === undefined) return undefined;
    const postings = this.#decode(entry);
    this.#terms.put(term, postings);
    return postings;
  }

  remove(slot: number): void {
    const ordinal = this.#ordinalOf(slot);
    const length = this.lengths[ordinal];
    if (length === undefined || length === GONE) return;
    this.lengths[ordinal] = GONE;
    this.total -= 1;
    this.lengthSum -= length;
    this.#terms.removed();
  }

  has(slot: number): boolean {
    const length = this.lengths[this.#ordinalOf(slot)];
    return length !== undefined && length !== GONE;
  }

  *slots(): Iterable<number> {
    for (let ordinal = 0; ordinal < this.capacity; ordinal += 1) {
      if (this.lengths[ordinal] !== GONE) yield this.slotOf(ordinal);
    }
  }

  close(): void {
    this.#file.close();
  }

  readonly #counts = (ordinal: number): boolean => this.lengths[ordinal] !== GONE;

  #decode({ chunks, at, bytes }: Entry): Postings {
    const reader = new VarintReader(this.#file.read(this.#head.postingsAt + at, bytes));
    const ordinals = new Uint32Array(chunks);
    const counts = new Uint16Array(chunks);
    let ordinal = 0;
    let size = 0;
    for (let done = 0; done < chunks; done += 1) {
      ordinal += reader.next();
      const count = reader.next();
      if (this.lengths[ordinal] === GONE) continue;
      ordinals[size] = ordinal;
      counts[size] = count;
      size += 1;
    }
    return { size, ordinals, counts };
  }

  /** -1 when it is not there. */
  #ordinalOf(slot: number): number {
    // Slots are given one after the other: most are where they would be if none was missing.
    const guess = slot - this.slotOf(0);
    if (this.#slots[guess] === slot) return guess;
    let low = 0;
    let high = this.capacity - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const there = this.slotOf(middle);
      if (there === slot) return middle;
      if (there < slot) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  #find(term: string): Entry | undefined {
    const { buckets, bucketsAt, dictionaryAt } = this.#head;
    const places = this.#file.read(bucketsAt + bucketOf(term, buckets) * 4, 8);
    const from = places.readUInt32LE(0);
    const to = places.readUInt32LE(4);
    if (from === to) return undefined;
    const reader = new VarintReader(this.#file.read(dictionaryAt + from, to - from));
    while (!reader.isAtEnd) {
      const entry = readEntry(reader);
      if (entry.term === term) return entry;
    }
    return undefined;
  }
}
