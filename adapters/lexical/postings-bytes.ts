// The bytes of a postings file, in clear or sealed: its words are a tenant's text. A sealed file is a row of
// blocks, each sealed for its place, so that a question reads and opens only the blocks it needs.

import { closeSync, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Sealer } from "../../runtime/store/sealer.ts";

/** Bytes of a block before it is sealed; the last one may be shorter. */
export const BLOCK_BYTES = 16 * 1024;
/** Opened blocks that a file keeps: the next question is often about the same words. */
const BLOCKS_MAX = 64;

/** A file that is read. */
export interface PostingsBytes {
  /** Of what was written, without what sealing adds. */
  readonly length: number;
  /** Memory that it takes. */
  readonly keptBytes: number;
  /** @throws DATA_DAMAGED when there is less, or it cannot be opened. */
  read(at: number, length: number): Buffer;
  close(): void;
}

/** A file that is written from its beginning to its end. */
export interface PostingsSink {
  write(bytes: Uint8Array): void;
  close(): void;
}

/** Whose file it is: the folder of a collection lies in that of its tenant (`indexFolder`). */
const tenantOf = (folder: string): string => basename(dirname(folder));
const placeOf = (name: string, block: number): string => `index/${name}/${block}`;

/** Opens a file. @param sealer absent: it is in clear. */
export function openBytes(folder: string, name: string, sealer: Sealer | undefined): PostingsBytes {
  const file = openSync(join(folder, name), "r");
  try {
    const { size } = fstatSync(file);
    if (sealer === undefined) return new ClearBytes(file, size);
    return new SealedBytes(file, size, (block, sealed) =>
      sealer.open(tenantOf(folder), placeOf(name, block), sealed),
    );
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

/** Makes a file that is written as `temporary` and will be called `name`. */
export function createBytes(
  folder: string,
  { temporary, name }: { readonly temporary: string; readonly name: string },
  sealer: Sealer | undefined,
): PostingsSink {
  const file = openSync(join(folder, temporary), "w", 0o600);
  if (sealer === undefined) {
    return { write: (bytes) => writeAll(file, bytes), close: () => closeSync(file) };
  }
  return new SealedSink(file, (block, bytes) =>
    sealer.seal(tenantOf(folder), placeOf(name, block), bytes),
  );
}

class ClearBytes implements PostingsBytes {
  readonly length: number;
  readonly keptBytes = 0;
  readonly #file: number;

  constructor(file: number, length: number) {
    this.#file = file;
    this.length = length;
  }

  read(at: number, length: number): Buffer {
    return readAt(this.#file, at, length);
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** What sealing adds to a block stands in the last four bytes of the file. */
const TRAILER_BYTES = 4;

class SealedBytes implements PostingsBytes {
  readonly length: number;
  readonly #file: number;
  readonly #open: (block: number, sealed: Uint8Array) => Uint8Array | undefined;
  readonly #stride: number;
  readonly #end: number;
  readonly #blocks = new Map<number, Buffer>();

  constructor(
    file: number,
    size: number,
    open: (block: number, sealed: Uint8Array) => Uint8Array | undefined,
  ) {
    this.#file = file;
    this.#open = open;
    this.#end = size - TRAILER_BYTES;
    const added = this.#end < 0 ? 0 : readAt(file, this.#end, TRAILER_BYTES).readUInt32LE(0);
    this.#stride = BLOCK_BYTES + added;
    const blocks = Math.ceil(this.#end / this.#stride);
    this.length = Math.max(0, this.#end - blocks * added);
  }

  read(at: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafeSlow(length);
    for (let done = 0; done < length; ) {
      const block = Math.floor((at + done) / BLOCK_BYTES);
      const from = (at + done) % BLOCK_BYTES;
      const copied = this.#block(block).copy(bytes, done, from, from + length - done);
      if (copied === 0) throw cut();
      done += copied;
    }
    return bytes;
  }

  get keptBytes(): number {
    return this.#blocks.size * BLOCK_BYTES;
  }

  close(): void {
    closeSync(this.#file);
  }

  #block(block: number): Buffer {
    const known = this.#blocks.get(block);
    if (known !== undefined) return known;
    const at = block * this.#stride;
    const length = Math.min(this.#stride, this.#end - at);
    if (length <= 0) throw cut();
    const opened = this.#open(block, readAt(this.#file, at, length));
    if (opened === undefined) {
      throw new RuntimeError(
        "DATA_DAMAGED",
        "An index file cannot be opened with its tenant's key.",
      );
    }
    const bytes = Buffer.from(opened.buffer, opened.byteOffset, opened.byteLength);
    if (this.#blocks.size >= BLOCKS_MAX) {
      const [first] = this.#blocks.keys();
      if (first !== undefined) this.#blocks.delete(first);
    }
    this.#blocks.set(block, bytes);
    return bytes;
  }
}

class SealedSink implements PostingsSink {
  readonly #file: number;
  readonly #seal: (block: number, bytes: Uint8Array) => Uint8Array;
  readonly #waiting = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  #size = 0;
  #blocks = 0;
  #added = 0;

  constructor(file: number, seal: (block: number, bytes: Uint8Array) => Uint8Array) {
    this.#file = file;
    this.#seal = seal;
  }

  write(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      const taken = bytes.subarray(done, done + BLOCK_BYTES - this.#size);
      this.#waiting.set(taken, this.#size);
      this.#size += taken.length;
      done += taken.length;
      if (this.#size === BLOCK_BYTES) this.#flush();
    }
  }

  close(): void {
    try {
      if (this.#size > 0) this.#flush();
      const trailer = Buffer.alloc(TRAILER_BYTES);
      trailer.writeUInt32LE(this.#added);
      writeAll(this.#file, trailer);
    } finally {
      closeSync(this.#file);
    }
  }

  #flush(): void {
    const sealed = this.#seal(this.#blocks, this.#waiting.subarray(0, this.#size));
    this.#added = sealed.length - this.#size;
    writeAll(this.#file, sealed);
    this.#blocks += 1;
    this.#size = 0;
  }
}

function readAt(file: number, at: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(length);
  let done = 0;
  while (done < length) {
    const read = readSync(file, bytes, done, length - done, at + done);
    if (read === 0) throw cut();
    done += read;
  }
  return bytes;
}

function writeAll(file: number, bytes: Uint8Array): void {
  let done = 0;
  while (done < bytes.length) done += writeSync(file, bytes, done, bytes.length - done);
}

const cut = (): RuntimeError => new RuntimeError("DATA_DAMAGED", "An index file was cut.");
