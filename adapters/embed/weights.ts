// What tells the weights of an embedder apart from others under the same id. Files have a hash. What a
// provider runs under a name is asked: it embeds a fixed text, and a sketch of that vector is kept,
// because the same weights give it a little differently each time, on other machines or in other batches.

/** What is embedded. Two models that agree on the direction of this text are taken for one. */
export const probeText =
  "Twelve violet kites drifted over the harbour while an old clockmaker counted copper coins; nobody asked why the seventh gate was closed on Thursdays.";

const FILES = "files:";
const PROBE = "probe:";
/** Numbers of a sketch: for vectors of cosine .99 it is told to within .002. */
const SKETCH = 128;
const WORD_BITS = 32;
/** Cosine of two sketches from which their vectors are of the same weights. */
const SAME = 0.99;
const HEX_CHARS = 32;

/** Weights that are known by their files. */
export function weightsOfFiles(hash: string): string {
  return `${FILES}${hash.slice(0, HEX_CHARS)}`;
}

/** Weights that are known by the vector they give `probeText`. */
export function weightsOfProbe(vector: Float32Array): string {
  const sums = new Float64Array(SKETCH);
  const next = signs();
  for (const value of vector) {
    for (let word = 0; word < SKETCH; word += WORD_BITS) {
      let bits = next();
      for (let at = word; at < word + WORD_BITS; at += 1, bits >>>= 1) {
        sums[at] = (sums[at] ?? 0) + ((bits & 1) === 1 ? value : -value);
      }
    }
  }
  const most = sums.reduce((max, sum) => Math.max(max, Math.abs(sum)), Number.MIN_VALUE);
  const sketch = Int8Array.from(sums, (sum) => Math.round((sum / most) * 127));
  return PROBE + Buffer.from(sketch.buffer).toString("base64");
}

/** Whether two descriptions are of the same weights. */
export function areSameWeights(one: string, other: string): boolean {
  if (one === other) return true;
  const [left, right] = [sketchOf(one), sketchOf(other)];
  return left !== null && right !== null && cosine(left, right) >= SAME;
}

function sketchOf(weights: string): Int8Array | null {
  if (!weights.startsWith(PROBE)) return null;
  const bytes = Buffer.from(weights.slice(PROBE.length), "base64");
  return bytes.length === SKETCH ? Int8Array.from(bytes) : null;
}

function cosine(left: Int8Array, right: Int8Array): number {
  let [product, first, second] = [0, 0, 0];
  for (const [at, value] of left.entries()) {
    const other = right[at] ?? 0;
    product += value * other;
    first += value * value;
    second += other * other;
  }
  return product / Math.sqrt(first * second || 1);
}

/** Signs, 32 at a time, the same at every time and everywhere (xorshift). */
function signs(): () => number {
  let state = 0x2545f491;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state;
  };
}
