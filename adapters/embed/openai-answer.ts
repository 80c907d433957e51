// Reads an answer of `/embeddings`: the vectors in the order of the texts, whatever order they came in,
// of the pinned dimension, finite, and of unit length. Anything else is the provider's failure, never a
// vector in an index.

import { limits } from "../../actors/limits.ts";
import { RuntimeError } from "../../runtime/errors.ts";

/** Whose answer it is, and what it must hold. */
export interface Expected {
  readonly provider: string;
  readonly model: string;
  readonly dimension: number;
}

/** An answer; `tokens` is undefined when the provider reported none. */
export interface EmbeddingAnswer {
  readonly vectors: readonly Float32Array[];
  readonly tokens: number | undefined;
}

/** @throws RuntimeError PROVIDER_FAILED; PROVIDER_UNAVAILABLE when the answer is cut short. */
export function readAnswer(text: string, count: number, expected: Expected): EmbeddingAnswer {
  const answer = parse(text, expected);
  const data = answer["data"];
  if (!Array.isArray(data)) throw wrong(expected, "an answer without data");
  if (data.length !== count) {
    throw wrong(expected, `${data.length} vectors for ${count} texts`);
  }
  const vectors = new Array<Float32Array>(count);
  for (const [at, item] of data.entries()) {
    const { index = at, embedding } = (item ?? {}) as { index?: unknown; embedding?: unknown };
    const isPlace = typeof index === "number" && Number.isInteger(index);
    if (!isPlace || index < 0 || index >= count || vectors[index] !== undefined) {
      throw wrong(expected, `a vector with the index ${JSON.stringify(index)}`);
    }
    vectors[index] = unitOf(numbersOf(embedding, expected), expected);
  }
  return { vectors, tokens: tokensOf(answer["usage"]) };
}

function parse(text: string, expected: Expected): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch (cause) {
    throw unreadable(expected, cause);
  }
  throw wrong(expected, "an answer that is no object");
}

/** Little-endian floats as base64, or numbers. */
function numbersOf(embedding: unknown, expected: Expected): Float32Array {
  if (Array.isArray(embedding)) {
    // What is no number would be made one: null, of which JSON makes NaN, is zero.
    if (embedding.every((value) => typeof value === "number")) return Float32Array.from(embedding);
    throw wrong(expected, "a vector that is not finite");
  }
  if (typeof embedding !== "string") throw wrong(expected, "a vector that is none");
  const bytes = Buffer.from(embedding, "base64");
  if (bytes.length % 4 !== 0) throw wrong(expected, `a vector of ${bytes.length} bytes`);
  return Float32Array.from({ length: bytes.length / 4 }, (_, at) => bytes.readFloatLE(at * 4));
}

function unitOf(vector: Float32Array, expected: Expected): Float32Array {
  if (vector.length !== expected.dimension) {
    const text =
      `${expected.provider} gave vectors of ${vector.length} numbers for ${expected.model}; ` +
      `the embedder is configured for ${expected.dimension}.`;
    throw new RuntimeError("EMBEDDER_MISMATCH", text, {
      dimension: expected.dimension,
      found: vector.length,
    });
  }
  let sum = 0;
  for (const value of vector) sum += value * value;
  const norm = Math.sqrt(sum);
  if (!Number.isFinite(norm)) throw wrong(expected, "a vector that is not finite");
  if (norm === 0) throw wrong(expected, "a vector of zeros");
  return vector.map((value) => value / norm);
}

function tokensOf(usage: unknown): number | undefined {
  const { total_tokens, prompt_tokens } = (usage ?? {}) as Readonly<Record<string, unknown>>;
  const tokens = prompt_tokens ?? total_tokens;
  const isCount = typeof tokens === "number" && tokens >= 0 && tokens <= limits.countedTokens;
  return isCount ? tokens : undefined;
}

function unreadable({ provider }: Expected, cause: unknown): RuntimeError {
  const text = `${provider} sent an answer that cannot be read.`;
  return new RuntimeError("PROVIDER_UNAVAILABLE", text, { provider }, { cause });
}

function wrong({ provider, model }: Expected, what: string): RuntimeError {
  return new RuntimeError("PROVIDER_FAILED", `${provider} gave ${what} for ${model}.`, {
    provider,
  });
}
