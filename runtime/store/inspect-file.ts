// Looks at an LMDB file before LMDB does: it maps the file into memory and believes what is in it, so
// that a damaged one ends the process without a word (a read past the end, a jump to a page that is
// none). What is looked at is the layout of LMDB's data format 2: two meta pages, then a tree.

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { RuntimeError } from "../errors.ts";

const MAGIC = 0xbeefc0de;
const VERSION = 2;
/** Before the rows of a page; places inside it are counted from its end. */
const PAGE_HEADER_BYTES = 24;
/** Bytes of the first page that are read before its size is known. */
const META_BYTES = 160;
const PAGE_BYTES_LEAST = 512;
const PAGE_BYTES_MOST = 65_536;
const NO_PAGE = 0xffff_ffff_ffff_ffffn;
const BRANCH = 0x01;
const LEAF = 0x02;
const OVERFLOW = 0x04;
const META = 0x08;
/** Flag of a node whose value lies on pages of its own. */
const BIG = 0x01;
/** Such a node's own bytes: first page, transaction, number of pages. */
const BIG_BYTES = 24;
const NODE_HEADER_BYTES = 8;

/** What a meta page says. */
interface Meta {
  readonly pageBytes: number;
  readonly pages: number;
  readonly transaction: bigint;
  /** Root pages of the free list and of the rows; null for an empty tree. */
  readonly roots: readonly (number | null)[];
}

/** How closely a file is looked at. */
export interface InspectionOptions {
  /** Time for the tree's pages; the order differs every time. 0: only the head is read. */
  readonly treeMs: number;
  /** The newest transaction may have been cut by it: LMDB then goes on from the one before. */
  readonly mayHaveLostPower: boolean;
}

/**
 * Checks an LMDB file: that it is one, that none of it is cut off, that its pages hang together.
 * @throws RuntimeError FOREIGN_DATA for a file of another program or version, DATA_DAMAGED.
 */
export function inspectFile(file: string, options: InspectionOptions): void {
  const descriptor = openSync(file, "r");
  try {
    const bytes = fstatSync(descriptor).size;
    // An empty file is one that was just made.
    if (bytes > 0) new Inspection(file, descriptor, bytes).run(options);
  } finally {
    closeSync(descriptor);
  }
}

class Inspection {
  readonly #file: string;
  readonly #descriptor: number;
  readonly #bytes: number;
  #page = Buffer.alloc(META_BYTES);

  constructor(file: string, descriptor: number, bytes: number) {
    this.#file = file;
    this.#descriptor = descriptor;
    this.#bytes = bytes;
  }

  run({ treeMs, mayHaveLostPower }: InspectionOptions): void {
    const metas = this.#metas();
    const { pageBytes } = metas[0];
    const pages = Math.floor(this.#bytes / pageBytes);
    const newest = metas[0].transaction > metas[1].transaction ? metas[0] : metas[1];
    const older = newest === metas[0] ? metas[1] : metas[0];
    const least = mayHaveLostPower ? Math.min(newest.pages, older.pages) : newest.pages;
    if (pages < least) {
      throw this.#damaged(`it has ${this.#bytes} bytes and should have ${least * pageBytes}`);
    }
    this.#page = Buffer.alloc(pageBytes);
    if (newest.pages <= pages) this.#walk(newest, performance.now() + treeMs);
  }

  #metas(): readonly [Meta, Meta] {
    const first = this.#meta(0);
    const second = this.#meta(first?.pageBytes ?? 4_096);
    if (first !== null && second !== null) return [first, second];
    if (first === null && second === null && !this.#isZero()) {
      throw new RuntimeError(
        "FOREIGN_DATA",
        `${this.#file} is not a store of this program: it is no LMDB file. Give another data folder.`,
      );
    }
    throw this.#damaged(`its ${first === null ? "first" : "second"} page is no head of a store`);
  }

  #meta(at: number): Meta | null {
    const page = this.#page;
    if (readSync(this.#descriptor, page, 0, META_BYTES, at) < META_BYTES) return null;
    if (page.readUInt32LE(24) !== MAGIC || (page.readUInt16LE(18) & META) === 0) return null;
    const version = page.readUInt32LE(28);
    if (version !== VERSION) {
      const text = `${this.#file} has LMDB's format ${version}; this version reads ${VERSION}.`;
      throw new RuntimeError("FOREIGN_DATA", text);
    }
    const pageBytes = page.readUInt32LE(48);
    if (pageBytes < PAGE_BYTES_LEAST || pageBytes > PAGE_BYTES_MOST) return null;
    const root = (offset: number): number | null => {
      const number = page.readBigUInt64LE(offset);
      return number === NO_PAGE ? null : Number(number);
    };
    const pages = Number(page.readBigUInt64LE(144)) + 1;
    const transaction = page.readBigUInt64LE(152);
    return { pageBytes, pages, transaction, roots: [root(88), root(136)] };
  }

  #isZero(): boolean {
    readSync(this.#descriptor, this.#page, 0, META_BYTES, 0);
    return this.#page.every((byte) => byte === 0);
  }

  #walk(meta: Meta, endMs: number): void {
    const next = meta.roots.filter((root) => root !== null);
    while (next.length > 0 && performance.now() < endMs) {
      // Any of those that are left: what this time does not reach, another may.
      const at = Math.floor(Math.random() * next.length);
      const number = next[at] as number;
      next[at] = next.at(-1) as number;
      next.pop();
      this.#visit(number, meta, next);
    }
  }

  #visit(number: number, { pageBytes, pages }: Meta, next: number[]): void {
    const page = this.#page;
    const isThere = number > 1 && number < pages;
    if (
      !isThere ||
      readSync(this.#descriptor, page, 0, pageBytes, number * pageBytes) < pageBytes
    ) {
      throw this.#damaged(`page ${number} is named and not there`);
    }
    const flags = page.readUInt16LE(18);
    const lower = page.readUInt16LE(20);
    const upper = page.readUInt16LE(22);
    const isTree = (flags & BRANCH) !== 0 || (flags & LEAF) !== 0;
    const isSound = lower <= upper && upper + PAGE_HEADER_BYTES <= pageBytes;
    if (Number(page.readBigUInt64LE(0)) !== number || !isTree || !isSound) {
      throw this.#damaged(`page ${number} holds something else`);
    }
    for (let at = 0; at + 1 < lower; at += 2) {
      const node = PAGE_HEADER_BYTES + page.readUInt16LE(PAGE_HEADER_BYTES + at);
      if (node < PAGE_HEADER_BYTES + upper || node + NODE_HEADER_BYTES > pageBytes) {
        throw this.#damaged(`page ${number} holds something else`);
      }
      this.#node(node, { number, isBranch: (flags & BRANCH) !== 0, pages, pageBytes }, next);
    }
  }

  #node(
    at: number,
    of: { number: number; isBranch: boolean; pages: number; pageBytes: number },
    next: number[],
  ): void {
    const page = this.#page;
    const [low, high, flags] = [0, 2, 4].map((offset) => page.readUInt16LE(at + offset)) as [
      number,
      number,
      number,
    ];
    const end = at + NODE_HEADER_BYTES + page.readUInt16LE(at + 6);
    if (of.isBranch) {
      next.push(low + high * 2 ** 16 + flags * 2 ** 32);
      return;
    }
    const isBig = (flags & BIG) !== 0;
    const bytes = low + high * 2 ** 16;
    if (end + (isBig ? BIG_BYTES : bytes) > of.pageBytes) {
      throw this.#damaged(`a row of page ${of.number} ends outside of it`);
    }
    if (!isBig) return;
    const count = Number(page.readBigUInt64LE(end + 16));
    this.#big(Number(page.readBigUInt64LE(end)), count, of);
  }

  /** The head of a value's own pages. */
  #big(
    number: number,
    count: number,
    of: { readonly number: number; readonly pages: number; readonly pageBytes: number },
  ): void {
    const head = Buffer.alloc(PAGE_HEADER_BYTES);
    const isThere = number > 1 && number + count <= of.pages;
    if (isThere) readSync(this.#descriptor, head, 0, head.length, number * of.pageBytes);
    const isHead = Number(head.readBigUInt64LE(0)) === number;
    if (!isThere || !isHead || (head.readUInt16LE(18) & OVERFLOW) === 0) {
      throw this.#damaged(`page ${number}, a value of page ${of.number}, holds something else`);
    }
  }

  #damaged(what: string): RuntimeError {
    return new RuntimeError(
      "DATA_DAMAGED",
      `${this.#file} is damaged: ${what}. Nothing was changed. Put a copy of the data folder from before in its place.`,
    );
  }
}
