// Vector files over USearch, and the one place that calls it. It aborts the process on a garbage
// file, takes any file's dimension for its own, is killed by a change of a file it has mapped, and
// finds NaN nearest of all: so files are sealed and never changed, checked before it sees them, and
// vectors are checked before it takes them. One thread count (1) for all calls.

import { statSync } from "node:fs";
import { join } from "node:path";
import type { Index, Matches } from "usearch";
import type {
  EmbedderOf,
  NearHit,
  VectorBuild,
  VectorFiles,
  VectorHeader,
  VectorView,
} from "../../actors/knowledge/segment.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { checkFile, sealFile } from "../../runtime/store/sealed-file.ts";
import { expansionFor, expansionLimits, farFor, isScanned, Sample } from "./expansion.ts";
import { StoredVectors } from "./stored-vectors.ts";

/** Shape of the graph. How many candidates a search looks at is measured; see expansion.ts. */
export const vectorSettings = {
  /** Neighbours of a vector. */
  connectivity: 16,
  /** Candidates looked at when one is added. */
  expansionAdd: 64,
} as const;

/** How a file is searched. */
type Searched = Pick<VectorHeader, "expansion" | "far" | "measured" | "columns">;

const THREADS = 1;
const HALF = 2 ** 32;
/** While a file is made it is asked for as many candidates as it shall look at. */
const LEAST = 10;
/** Vectors given to the library in one call. */
const ADD_BATCH = 64;

/** Vector files; the library is loaded with the first one. */
export function createVectorFiles(): VectorFiles {
  return { view: openView, build: openBuild };
}

/** @param expansion candidates looked at in a search, unless it asks for more. */
async function emptyIndex(dimension: number, expansion: number): Promise<Index> {
  const usearch = await import("usearch");
  return new usearch.Index({
    dimensions: dimension,
    metric: usearch.MetricKind.Cos,
    quantization: usearch.ScalarKind.F16,
    connectivity: vectorSettings.connectivity,
    expansion_add: vectorSettings.expansionAdd,
    expansion_search: expansion,
    multi: false,
  });
}

/** Nothing is opened that is not the sealed file of this embedder. */
async function check(folder: string, header: VectorHeader, embedder: EmbedderOf): Promise<void> {
  if (header.embedder !== embedder.id || header.dimension !== embedder.dimension) {
    throw damaged(header, `holds vectors of ${header.embedder} (${header.dimension} numbers)`);
  }
  // Of a version that did not measure it.
  if (!Number.isSafeInteger(header.expansion)) throw damaged(header, "says no expansion");
  await checkFile(folder, header);
}

function checkContent(index: Index, header: VectorHeader): void {
  if (index.size() === header.count && index.dimensions() === header.dimension) return;
  throw damaged(header, `has ${index.size()} vectors of ${index.dimensions()} numbers`);
}

function damaged({ name, count, dimension }: VectorHeader, what: string): RuntimeError {
  const text = `The index file ${name} ${what}, not ${count} vectors of ${dimension}.`;
  return new RuntimeError("DATA_DAMAGED", text);
}

async function openView(
  folder: string,
  header: VectorHeader,
  embedder: EmbedderOf,
): Promise<VectorView> {
  await check(folder, header, embedder);
  const index = await emptyIndex(header.dimension, header.expansion);
  const path = join(folder, header.name);
  index.view(path);
  checkContent(index, header);
  const stored = StoredVectors.open(path, header);
  // Of another version of the library.
  if (stored === undefined) throw damaged(header, "is laid out otherwise");
  return {
    count: header.count,
    search: (vector, least) => search(index, header, vector, least),
    candidates: (vector) => candidates(index, header, vector),
    candidatesLeast: header.expansion,
    compare: async (vector, ranges, limit) => {
      checkVector(vector, header.dimension);
      return await stored.compare(vector, ranges, limit);
    },
    scan: async (vector, limit, counts) => {
      checkVector(vector, header.dimension);
      return await stored.scan(vector, limit, counts);
    },
    scanTakes: (vector, limit) => stored.scanTakes(vector, limit),
    close: () => stored.close(),
  };
}

function search(
  index: Index,
  { count, dimension, far }: VectorHeader,
  vector: Float32Array,
  least: number,
): readonly NearHit[] {
  checkVector(vector, dimension);
  const wanted = Math.min(least, count);
  if (wanted < 1) return [];
  let found = index.search(vector, wanted, THREADS);
  if (far !== undefined && wanted < far.expansion && isFar(found, far)) {
    // It looks at as many as it is asked for.
    found = index.search(vector, Math.min(far.expansion, count), THREADS);
  }
  const { keys, distances } = found;
  // By halves: a number of 64 bits is an object each.
  const halves = new Uint32Array(keys.buffer, keys.byteOffset, keys.length * 2);
  const hits: NearHit[] = [];
  for (let at = 0; at < distances.length; at += 1) {
    const slot = (halves[at * 2] ?? 0) + (halves[at * 2 + 1] ?? 0) * HALF;
    hits.push({ slot, similarity: 1 - (distances[at] ?? 0) });
  }
  return hits;
}

function candidates(
  index: Index,
  { dimension, count, expansion, far }: VectorHeader,
  vector: Float32Array,
): number {
  checkVector(vector, dimension);
  if (far === undefined || count === 0) return expansion;
  return isFar(index.search(vector, 1, THREADS), far) ? far.expansion : expansion;
}

function isFar({ distances }: Matches, far: NonNullable<VectorHeader["far"]>): boolean {
  return 1 - (distances[0] ?? 2) < far.below;
}

function checkVector(vector: Float32Array, dimension: number): void {
  if (vector.length === dimension && isAllFinite(vector)) return;
  throw new RuntimeError("INVALID", `A vector here has ${dimension} finite numbers.`);
}

function isAllFinite(vector: Float32Array): boolean {
  for (let at = 0; at < vector.length; at += 1) if (!Number.isFinite(vector[at])) return false;
  return true;
}

async function openBuild(
  folder: string,
  embedder: EmbedderOf,
  previous: VectorHeader | null,
): Promise<VectorBuild> {
  const index = await emptyIndex(embedder.dimension, LEAST);
  if (previous !== null) {
    await check(folder, previous, embedder);
    index.load(join(folder, previous.name));
    checkContent(index, previous);
  }
  return new Build(folder, embedder, index, previous);
}

class Build implements VectorBuild {
  readonly #folder: string;
  readonly #embedder: EmbedderOf;
  readonly #index: Index;
  readonly #waiting = new Map<number, Float32Array>();
  readonly #sample = new Sample();
  readonly #previous: VectorHeader | null;

  constructor(folder: string, embedder: EmbedderOf, index: Index, previous: VectorHeader | null) {
    this.#previous = previous;
    this.#folder = folder;
    this.#embedder = embedder;
    this.#index = index;
  }

  get count(): number {
    return this.#index.size() + this.#waiting.size;
  }

  add(slot: number, vector: Float32Array, question?: () => Float32Array): void {
    const { dimension } = this.#embedder;
    checkVector(vector, dimension);
    if (!Number.isSafeInteger(slot) || slot < 0) {
      throw new RuntimeError("INVALID", "A slot is a whole number below 2^53.");
    }
    // The library throws at a key it has, after it has taken a part of the batch.
    if (this.#waiting.has(slot) || this.#index.contains(BigInt(slot))) return;
    this.#waiting.set(slot, vector);
    this.#sample.add(vector, question);
    if (this.#waiting.size >= ADD_BATCH) this.#flush();
  }

  remove(slot: number): void {
    if (this.#waiting.delete(slot)) return;
    const key = BigInt(slot);
    if (this.#index.contains(key)) this.#index.remove(key);
  }

  async save(name: string): Promise<VectorHeader> {
    this.#flush();
    const temporary = `${name}.tmp`;
    // Never over a file that another thread may have mapped.
    this.#index.save(join(this.#folder, temporary));
    const { id: embedder, dimension } = this.#embedder;
    const count = this.#index.size();
    const found = await this.#measure(join(this.#folder, temporary), { dimension, count });
    const seal = await sealFile(this.#folder, temporary, name);
    return { ...seal, embedder, dimension, count, ...found };
  }

  /** How it is searched. Where little changed, or too little is new to tell, it is searched as it was. */
  async #measure(
    path: string,
    { dimension, count }: Pick<VectorHeader, "dimension" | "count">,
  ): Promise<Searched> {
    const stored = StoredVectors.open(path, { bytes: statSync(path).size, dimension, count });
    // Of another version of the library; it is refused when it is opened.
    if (stored === undefined) return { expansion: expansionLimits.smallLeast };
    try {
      const searched = this.#asItWas(count) ?? (await this.#measured(stored, count));
      if (searched.columns) await stored.appendColumns(path);
      return searched;
    } finally {
      stored.close();
    }
  }

  /** Undefined where it is to be measured. */
  #asItWas(count: number): Searched | undefined {
    const { expansion = expansionLimits.smallLeast, far, measured, columns } = this.#previous ?? {};
    const isNear =
      measured !== undefined && Math.abs(count - measured) < count * expansionLimits.change;
    if (this.#sample.of(count) !== undefined && !(isNear && columns !== undefined))
      return undefined;
    return {
      expansion,
      ...(far && { far }),
      ...(measured !== undefined && { measured }),
      ...(columns !== undefined && { columns }),
    };
  }

  async #measured(stored: StoredVectors, count: number): Promise<Searched> {
    const questions = this.#sample.of(count);
    if (questions === undefined) return { expansion: expansionLimits.smallLeast };
    const both = { index: this.#index, stored };
    const expansion = await expansionFor(both, questions);
    const far = await farFor(both, questions, expansion);
    const columns = isScanned(stored, questions, { expansion, count });
    return { expansion, measured: count, columns, ...(far && { far }) };
  }

  #flush(): void {
    if (this.#waiting.size === 0) return;
    const { dimension } = this.#embedder;
    const slots = new BigUint64Array(this.#waiting.size);
    const vectors = new Float32Array(this.#waiting.size * dimension);
    let at = 0;
    for (const [slot, vector] of this.#waiting) {
      slots[at] = BigInt(slot);
      vectors.set(vector, at * dimension);
      at += 1;
    }
    this.#waiting.clear();
    this.#index.add(slots, vectors, THREADS);
  }
}
