// Makes the next postings file: the previous one's rows as they are, each followed by what is new.
// Runs in a compute thread; the previous file and all that is new are in its memory.

import type { PostingsBuild, PostingsHeader } from "../../actors/knowledge/segment.ts";
import { countsOf, lexicalLimits, termsOf, termsVersion } from "../../actors/knowledge/terms.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { sealFile } from "../../runtime/store/sealed-file.ts";
import type { Sealer } from "../../runtime/store/sealer.ts";
import { createBytes, openBytes, type PostingsSink } from "./postings-bytes.ts";
import {
  bucketOf,
  bucketsFor,
  type Entry,
  GONE,
  type Head,
  headBytes,
  layoutOf,
  readEntry,
  VarintReader,
  VarintWriter,
  writeEntry,
} from "./postings-format.ts";
import { checkPostings, headOf } from "./postings-view.ts";

/** Bytes written in one call. */
const WRITE_BYTES = 1_048_576;

/** New postings of one term: all but the first ordinal are differences. */
interface Row {
  readonly first: number;
  last: number;
  chunks: number;
  readonly pairs: VarintWriter;
}

/** What the file before holds. */
interface Old {
  readonly bytes: Buffer;
  readonly head: Head;
  readonly entries: ReadonlyMap<string, Entry>;
}

/** @throws DATA_DAMAGED when `previous` is not what it was. */
export async function buildPostings(
  folder: string,
  previous: PostingsHeader | null,
  sealer?: Sealer,
): Promise<PostingsBuild> {
  if (previous === null) return new Build(folder, { old: null, sealer });
  await checkPostings(folder, previous);
  const { bytes, head } = readWhole(folder, previous, sealer);
  const reader = new VarintReader(bytes.subarray(head.dictionaryAt, head.postingsAt));
  const entries = new Map<string, Entry>();
  while (!reader.isAtEnd) {
    const entry = readEntry(reader);
    entries.set(entry.term, entry);
  }
  return new Build(folder, { old: { bytes, head, entries }, sealer });
}

function readWhole(
  folder: string,
  previous: PostingsHeader,
  sealer: Sealer | undefined,
): Pick<Old, "bytes" | "head"> {
  const file = openBytes(folder, previous.name, sealer);
  try {
    return { head: headOf(file, previous), bytes: file.read(0, file.length) };
  } finally {
    file.close();
  }
}

class Build implements PostingsBuild {
  readonly #folder: string;
  readonly #old: Old | null;
  readonly #sealer: Sealer | undefined;
  readonly #rows = new Map<string, Row>();
  readonly #slots: number[] = [];
  readonly #lengths: number[] = [];
  readonly #ordinals = new Map<number, number>();

  constructor(
    folder: string,
    { old, sealer }: { readonly old: Old | null; readonly sealer: Sealer | undefined },
  ) {
    this.#folder = folder;
    this.#old = old;
    this.#sealer = sealer;
    if (old === null) return;
    const { chunks, slotsAt, lengthsAt } = old.head;
    for (let ordinal = 0; ordinal < chunks; ordinal += 1) {
      const slot = old.bytes.readDoubleLE(slotsAt + ordinal * 8);
      const length = old.bytes.readUInt32LE(lengthsAt + ordinal * 4);
      this.#slots.push(slot);
      this.#lengths.push(length);
      if (length !== GONE) this.#ordinals.set(slot, ordinal);
    }
  }

  has(slot: number): boolean {
    return this.#ordinals.has(slot);
  }

  add(slot: number, text: string): void {
    if (slot <= (this.#slots.at(-1) ?? -1)) {
      throw new RuntimeError("INVALID", "Slots are added in growing order.");
    }
    const ordinal = this.#slots.length;
    const terms = termsOf(text, lexicalLimits.textWords);
    this.#slots.push(slot);
    this.#lengths.push(terms.length);
    this.#ordinals.set(slot, ordinal);
    for (const [term, count] of countsOf(terms)) {
      let row = this.#rows.get(term);
      if (row === undefined) {
        row = { first: ordinal, last: ordinal, chunks: 0, pairs: new VarintWriter() };
        this.#rows.set(term, row);
      } else row.pairs.push(ordinal - row.last);
      row.pairs.push(count);
      row.last = ordinal;
      row.chunks += 1;
    }
  }

  remove(slot: number): void {
    const ordinal = this.#ordinals.get(slot);
    if (ordinal === undefined) return;
    this.#ordinals.delete(slot);
    this.#lengths[ordinal] = GONE;
  }

  async save(name: string): Promise<PostingsHeader> {
    const temporary = `${name}.tmp`;
    const file = createBytes(this.#folder, { temporary, name }, this.#sealer);
    try {
      this.#write(file);
    } finally {
      file.close();
    }
    const seal = await sealFile(this.#folder, temporary, name);
    return { ...seal, termsVersion, chunks: this.#slots.length, alive: this.#ordinals.size };
  }

  #write(file: PostingsSink): void {
    const terms = this.#byBucket();
    const dictionary = new VarintWriter(1_024);
    const places: number[] = [];
    let postingsBytes = 0;
    for (const bucket of terms) {
      places.push(dictionary.size);
      for (const term of bucket) {
        const entry = this.#entryOf(term, postingsBytes);
        writeEntry(dictionary, entry);
        postingsBytes += entry.bytes;
      }
    }
    places.push(dictionary.size);
    const head = layoutOf({
      chunks: this.#slots.length,
      terms: terms.reduce((sum, bucket) => sum + bucket.length, 0),
      dictionaryBytes: dictionary.size,
      postingsBytes,
    });
    file.write(headBytes(head));
    file.write(bytesOf(new Float64Array(this.#slots)));
    file.write(bytesOf(new Uint32Array(this.#lengths)));
    file.write(bytesOf(new Uint32Array(places)));
    file.write(dictionary.written());
    this.#writePostings(file, terms);
  }

  #byBucket(): readonly (readonly string[])[] {
    const all = new Set([...(this.#old?.entries.keys() ?? []), ...this.#rows.keys()]);
    const buckets: string[][] = Array.from({ length: bucketsFor(all.size) }, () => []);
    for (const term of all) buckets[bucketOf(term, buckets.length)]?.push(term);
    return buckets;
  }

  /** How far the first new ordinal is from the last old one. */
  #gapOf(term: string, row: Row): number {
    return row.first - (this.#old?.entries.get(term)?.last ?? 0);
  }

  #entryOf(term: string, at: number): Entry {
    const old = this.#old?.entries.get(term);
    const row = this.#rows.get(term);
    if (row === undefined) return { term, chunks: 0, last: 0, bytes: 0, ...old, at };
    const gap = new VarintWriter();
    gap.push(this.#gapOf(term, row));
    const bytes = (old?.bytes ?? 0) + gap.size + row.pairs.size;
    return { term, chunks: (old?.chunks ?? 0) + row.chunks, last: row.last, at, bytes };
  }

  #writePostings(file: PostingsSink, terms: readonly (readonly string[])[]): void {
    let waiting = new VarintWriter(WRITE_BYTES);
    for (const term of terms.flat()) {
      const old = this.#old?.entries.get(term);
      if (this.#old !== null && old !== undefined) {
        const from = this.#old.head.postingsAt + old.at;
        waiting.append(this.#old.bytes.subarray(from, from + old.bytes));
      }
      const row = this.#rows.get(term);
      if (row !== undefined) {
        waiting.push(this.#gapOf(term, row));
        waiting.append(row.pairs.written());
      }
      if (waiting.size < WRITE_BYTES) continue;
      file.write(waiting.written());
      waiting = new VarintWriter(WRITE_BYTES);
    }
    file.write(waiting.written());
  }
}

function bytesOf(numbers: Float64Array | Uint32Array): Uint8Array {
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
}
