// Texts to vectors for callers: with the embedders that collections use, refused where a vector would be
// of something else than the text. Loaded with the first request.

import { setImmediate as nextPass } from "node:timers/promises";
import { approximateTokens } from "../../../actors/knowledge/split.ts";
import type { CallPayer } from "../../../actors/money/provider-call.ts";
import type { Embedder, Embedders, EmbedUse } from "../../../actors/ports.ts";
import { RuntimeError } from "../../../runtime/errors.ts";

/** What is asked for. */
export interface EmbedAsk {
  readonly tenant: string;
  readonly payer: CallPayer;
  /** Name or id of an embedder. */
  readonly embedder: string;
  readonly texts: readonly string[];
  readonly purpose: "query" | "document";
  /** Numbers that a vector must have; undefined: as many as the embedder gives. */
  readonly dimensions: number | undefined;
  readonly signal: AbortSignal;
}

/** Vectors in the order of the texts, and what they have cost. */
export interface Embedded {
  readonly vectors: readonly Float32Array[];
  /** Tokens that a model has read; 0 for vectors that were remembered and those of no model. */
  readonly tokens: number;
}

/** Characters that an embedder which computes on this thread is given at once: a few milliseconds. */
const SLICE_CHARS = 8_000;

/**
 * @throws NOT_FOUND with the pointer `/model`, INVALID with `/dimensions` or `/input/n` (a text that it would
 * not read to its end), and as `Embedders.find` and `Embedder.embed`.
 */
export async function embedTexts(embedders: Embedders, ask: EmbedAsk): Promise<Embedded> {
  const embedder = await found(embedders, ask.embedder);
  const { dimension, tokensMax, tokenizer } = embedder;
  if (ask.dimensions !== undefined && ask.dimensions !== dimension) {
    const text = `Vectors of this model have ${dimension} numbers, and no others.`;
    throw new RuntimeError("INVALID", text, { pointer: "/dimensions" });
  }
  if (tokenizer.kind === "approximate") {
    const long = ask.texts.findIndex((text) => approximateTokens(text) > tokensMax);
    if (long !== -1) throw tooLong(long, tokensMax);
  }
  const vectors: Float32Array[] = [];
  let tokens = 0;
  for (const slice of slicesOf(embedder, ask.texts)) {
    if (vectors.length > 0 && embedder.embedNow !== undefined) await nextPass();
    const from = vectors.length;
    const onUse = (use: EmbedUse): void => {
      tokens += use.tokens;
      const [cut] = use.truncated;
      if (cut !== undefined) throw tooLong(from + cut, tokensMax);
    };
    const { tenant, payer, purpose, signal } = ask;
    vectors.push(...(await embedder.embed(slice, { tenant, payer, purpose, signal, onUse })));
  }
  return { vectors, tokens };
}

async function found(embedders: Embedders, name: string): Promise<Embedder> {
  try {
    return await embedders.find(name);
  } catch (error) {
    throw error instanceof RuntimeError ? asModel(error) : error;
  }
}

/** In the words of who names a model. */
function asModel(error: RuntimeError): RuntimeError {
  if (error.code !== "EMBEDDER_UNKNOWN") return error;
  return new RuntimeError("NOT_FOUND", error.message, { pointer: "/model" }, { cause: error });
}

/** One slice for who computes elsewhere and makes batches of its own. */
function slicesOf(embedder: Embedder, texts: readonly string[]): readonly (readonly string[])[] {
  if (embedder.embedNow === undefined) return [texts];
  const slices: string[][] = [];
  let chars = Number.POSITIVE_INFINITY;
  for (const text of texts) {
    if (chars + text.length > SLICE_CHARS) {
      slices.push([]);
      chars = 0;
    }
    slices.at(-1)?.push(text);
    chars += text.length;
  }
  return slices;
}

function tooLong(at: number, tokensMax: number): RuntimeError {
  const text = `A text has at most ${tokensMax} tokens for this model.`;
  return new RuntimeError("INVALID", text, { pointer: `/input/${at}` });
}
