// The index files of a large collection, as types: what the knowledge adapter asks of whoever knows
// the file formats. Files are written once, in a folder of the collection, and are only a cache.

import type { FileSeal } from "../../runtime/store/sealed-file.ts";
import type { LexicalPart } from "./bm25.ts";

/** A vector file: whose vectors, how many, how it is searched, and its seal. */
export interface VectorHeader extends FileSeal {
  readonly embedder: string;
  readonly dimension: number;
  readonly count: number;
  /** Candidates that a search looks at, so that it finds nearly all of the nearest. */
  readonly expansion: number;
  /** A question whose nearest is less similar looks at so many; absent: no question does. */
  readonly far?: { readonly below: number; readonly expansion: number };
  /** Vectors that it had when this was measured by comparing with them. */
  readonly measured?: number;
  /** Whether all of it can be scanned; absent: of a version that could not. */
  readonly columns?: boolean;
}

/** A chunk near to a question. `similarity` is the cosine, -1..1. */
export interface NearHit {
  readonly slot: number;
  readonly similarity: number;
}

/** A vector file as one thread searches it. */
export interface VectorView {
  readonly count: number;
  /**
   * Nearest first, at least `least` where there are so many: what was found beside them is given too.
   * @param vector unit length, of the file's dimension.
   */
  search(vector: Float32Array, least: number): readonly NearHit[];
  /** Candidates that this question must have so that nearly all of its nearest are among them. */
  candidates(vector: Float32Array): number;
  /** The same of a question like those that the file was made for; others have more. */
  readonly candidatesLeast: number;
  /** The nearest of these slots, each compared, nearest first. Slots that are not there are none. */
  compare(
    vector: Float32Array,
    ranges: Iterable<readonly [first: number, count: number]>,
    limit: number,
  ): Promise<readonly NearHit[]>;
  /**
   * The nearest of all that count, nearest first. It goes through all vectors, and may let others work
   * meanwhile: what begins or ceases to count then is found or not.
   */
  scan(
    vector: Float32Array,
    limit: number,
    counts: (slot: number) => boolean,
  ): Promise<readonly NearHit[]>;
  /** Vectors compared one by one in the time that `scan` takes; infinite where there is no such way. */
  scanTakes(vector: Float32Array, limit: number): number;
  /** Nothing of it is compared any more. */
  close(): void;
}

/** The next vector file, in the thread that makes it. */
export interface VectorBuild {
  readonly count: number;
  /**
   * A slot that is there already keeps its vector.
   * @param question the vector of a short question about it, asked for where it shall be measured with.
   * @throws INVALID for a vector of other size or not finite.
   */
  add(slot: number, vector: Float32Array, question?: () => Float32Array): void;
  remove(slot: number): void;
  /** Writes it aside, then seals it as `name`. */
  save(name: string): Promise<VectorHeader>;
}

/** Vector files. */
export interface VectorFiles {
  /** @throws DATA_DAMAGED for a file that is missing, not the sealed one, or of another embedder. */
  view(folder: string, header: VectorHeader, embedder: EmbedderOf): Promise<VectorView>;
  /** Goes on from `previous`, or begins with nothing. @throws as `view`. */
  build(folder: string, embedder: EmbedderOf, previous: VectorHeader | null): Promise<VectorBuild>;
}

/** Whose vectors. */
export interface EmbedderOf {
  readonly id: string;
  readonly dimension: number;
}

/** A postings file: by which computation of terms it was made, and its seal. */
export interface PostingsHeader extends FileSeal {
  readonly termsVersion: number;
  /** Chunks in the file, and those of them that count. */
  readonly chunks: number;
  readonly alive: number;
}

/** A postings file as one thread searches it. */
export interface PostingsView extends LexicalPart {
  /** Memory that it takes. */
  readonly bytes: number;
  /** The chunk does not count any more, for this view. */
  remove(slot: number): void;
  has(slot: number): boolean;
  /** Slots that count, growing. */
  slots(): Iterable<number>;
  close(): void;
}

/** The next postings file, in the thread that makes it. */
export interface PostingsBuild {
  /** Slots that count. */
  has(slot: number): boolean;
  /** Slots come in growing order. */
  add(slot: number, text: string): void;
  remove(slot: number): void;
  save(name: string): Promise<PostingsHeader>;
}

/** Postings files. */
export interface PostingsFiles {
  /** @throws DATA_DAMAGED for a file that is missing, not the sealed one, or of other terms. */
  view(folder: string, header: PostingsHeader): Promise<PostingsView>;
  /** Goes on from `previous`, or begins with nothing. @throws as `view`. */
  build(folder: string, previous: PostingsHeader | null): Promise<PostingsBuild>;
}

/** Everything about files that a collection's index needs. */
export interface SegmentFiles {
  readonly vectors: VectorFiles;
  readonly postings: PostingsFiles;
}
