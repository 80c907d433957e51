// The layout of a postings file. Little-endian:
//   head        16 numbers of 64 bits: mark, version, chunks, terms, buckets, and where parts begin
//   slots       64-bit float by ordinal, growing
//   lengths     32 bits by ordinal: terms of the chunk, or GONE
//   buckets     32 bits: where each bucket's entries begin in the dictionary, and the end
//   dictionary  entries by bucket (hash of the term): length, term, chunks, last ordinal, place, bytes
//   postings    by entry: ordinal minus the one before (the first: itself), count
// Numbers of dictionary and postings are varints. What is removed keeps its postings and is GONE.

import { hashText } from "../../actors/text/vector.ts";

/** Bytes of the head. */
export const HEAD_BYTES = 128;
export const MARK = 0x74727031;
export const VERSION = 1;
/** In the place of a length: the chunk does not count. */
export const GONE = 0xffffffff;
const TERMS_A_BUCKET = 8;

/** The head as numbers. */
export interface Head {
  readonly chunks: number;
  readonly terms: number;
  readonly buckets: number;
  readonly slotsAt: number;
  readonly lengthsAt: number;
  readonly bucketsAt: number;
  readonly dictionaryAt: number;
  readonly postingsAt: number;
  readonly end: number;
}

/** A term of the dictionary. `at` counts from the beginning of the postings. */
export interface Entry {
  readonly term: string;
  readonly chunks: number;
  readonly last: number;
  readonly at: number;
  readonly bytes: number;
}

/** Places of all parts. */
export function layoutOf(of: {
  readonly chunks: number;
  readonly terms: number;
  readonly dictionaryBytes: number;
  readonly postingsBytes: number;
}): Head {
  const buckets = bucketsFor(of.terms);
  const slotsAt = HEAD_BYTES;
  const lengthsAt = slotsAt + of.chunks * 8;
  const bucketsAt = lengthsAt + of.chunks * 4;
  const dictionaryAt = bucketsAt + (buckets + 1) * 4;
  const postingsAt = dictionaryAt + of.dictionaryBytes;
  const end = postingsAt + of.postingsBytes;
  const { chunks, terms } = of;
  return {
    ...{ chunks, terms, buckets, slotsAt, lengthsAt, bucketsAt, dictionaryAt, postingsAt, end },
  };
}

/** Number of buckets for so many terms. */
export function bucketsFor(terms: number): number {
  return Math.max(1, Math.ceil(terms / TERMS_A_BUCKET));
}

/** The bucket of a term. */
export function bucketOf(term: string, buckets: number): number {
  return hashText(term, 0) % buckets;
}

/** The head's bytes. */
export function headBytes(head: Head): Buffer {
  const bytes = Buffer.alloc(HEAD_BYTES);
  const { chunks, terms, buckets, slotsAt, lengthsAt } = head;
  const { bucketsAt, dictionaryAt, postingsAt, end } = head;
  const numbers = [MARK, VERSION, chunks, terms, buckets, slotsAt, lengthsAt];
  for (const [at, value] of [...numbers, bucketsAt, dictionaryAt, postingsAt, end].entries()) {
    bytes.writeDoubleLE(value, at * 8);
  }
  return bytes;
}

/** The head in these bytes, or undefined when they are not of such a file. */
export function parseHead(bytes: Buffer): Head | undefined {
  if (bytes.length < HEAD_BYTES) return undefined;
  const number = (at: number): number => bytes.readDoubleLE(at * 8);
  if (number(0) !== MARK || number(1) !== VERSION) return undefined;
  return {
    chunks: number(2),
    terms: number(3),
    buckets: number(4),
    slotsAt: number(5),
    lengthsAt: number(6),
    bucketsAt: number(7),
    dictionaryAt: number(8),
    postingsAt: number(9),
    end: number(10),
  };
}

/** Reads varints one after the other. */
export class VarintReader {
  readonly #bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.at = at;
  }

  get isAtEnd(): boolean {
    return this.at >= this.#bytes.length;
  }

  /** Up to 2^53. */
  next(): number {
    const first = this.#bytes[this.at] ?? 0;
    if (first < 0x80) {
      this.at += 1;
      return first;
    }
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.#bytes[this.at] ?? 0;
      this.at += 1;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
  }

  text(length: number): string {
    const from = this.at;
    this.at += length;
    return Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset + from, length).toString();
  }
}

/** Bytes that grow; numbers are written as varints. */
export class VarintWriter {
  #bytes: Uint8Array;
  size = 0;

  constructor(room = 8) {
    this.#bytes = new Uint8Array(room);
  }

  push(value: number): void {
    if (this.size + 8 > this.#bytes.length) this.#grow(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.size] = (rest % 128) | 0x80;
      this.size += 1;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.size] = rest;
    this.size += 1;
  }

  append(bytes: Uint8Array): void {
    if (this.size + bytes.length > this.#bytes.length) this.#grow(bytes.length);
    this.#bytes.set(bytes, this.size);
    this.size += bytes.length;
  }

  written(): Uint8Array {
    return this.#bytes.subarray(0, this.size);
  }

  #grow(room: number): void {
    const bytes = new Uint8Array(Math.max(this.#bytes.length * 2, this.size + room));
    bytes.set(this.written());
    this.#bytes = bytes;
  }
}

/** One entry from the dictionary. */
export function readEntry(reader: VarintReader): Entry {
  const term = reader.text(reader.next());
  const chunks = reader.next();
  const last = reader.next();
  const at = reader.next();
  return { term, chunks, last, at, bytes: reader.next() };
}

/** One entry into the dictionary. */
export function writeEntry(writer: VarintWriter, entry: Entry): void {
  const term = Buffer.from(entry.term);
  writer.push(term.length);
  writer.append(term);
  writer.push(entry.chunks);
  writer.push(entry.last);
  writer.push(entry.at);
  writer.push(entry.bytes);
}
