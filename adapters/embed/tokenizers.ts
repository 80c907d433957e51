// Token counts as each embedder counts them, on the thread that splits a document. Loaded by data, so
// that a task can be told which; kept for the thread's life, because a vocabulary takes a while to read.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { approximateTokens } from "../../actors/knowledge/split.ts";
import type { Tokenizer, TokenizerSpec } from "../../actors/ports.ts";
import { saidBy, unavailable } from "./unavailable.ts";

/**
 * Texts are counted in pieces of this many characters, cut at white space where there is any: an
 * unbroken piece takes time by the square of its length. A cut inside a word may add a token.
 */
const PIECE_CHARS = 1_000;
/** Tokenizers a thread keeps; the longest unused goes first. */
const KEPT_MAX = 4;

const kept = new Map<string, Promise<Tokenizer>>();

/** The tokenizer of a description. @throws RuntimeError EMBEDDER_UNAVAILABLE. */
export function loadTokenizer(spec: TokenizerSpec): Promise<Tokenizer> {
  const id = idOf(spec);
  const known = kept.get(id);
  kept.delete(id);
  const loading = known ?? load(spec, id);
  kept.set(id, loading);
  loading.catch(() => kept.delete(id));
  const [oldest] = kept.keys();
  if (kept.size > KEPT_MAX && oldest !== undefined) kept.delete(oldest);
  return loading;
}

function idOf(spec: TokenizerSpec): string {
  if (spec.kind === "bpe") return `bpe:${spec.encoding}`;
  return spec.kind === "model" ? `model:${spec.folder}` : "approximate";
}

async function load(spec: TokenizerSpec, id: string): Promise<Tokenizer> {
  if (spec.kind === "approximate") return { id, count: approximateTokens };
  if (spec.kind === "bpe") {
    const { countTokens } = await loadBpe(spec.encoding);
    // Names of control tokens in a document are text.
    const options = { disallowedSpecial: new Set<string>() };
    return { id, count: (text) => countInPieces(text, (piece) => countTokens(piece, options)) };
  }
  const { encode } = await loadModelTokenizer(spec.folder);
  return { id, count: (text) => countInPieces(text, (piece) => encode(piece, false).length) };
}

async function loadBpe(encoding: "cl100k_base" | "o200k_base") {
  if (encoding === "o200k_base") return await import("gpt-tokenizer/encoding/o200k_base");
  return await import("gpt-tokenizer/encoding/cl100k_base");
}

/** A model's own tokenizer. */
export interface ModelTokenizer {
  /** Ids of a text, with what the model wants around it or without. */
  encode(text: string, withSpecial: boolean): number[];
  /** Ids of two texts with what the model wants around them, and to which of the two each belongs. */
  encodePair(first: string, second: string): { ids: number[]; types: number[] };
  idOf(token: string): number | undefined;
}

/** Reads a model folder's tokenizer. @throws RuntimeError EMBEDDER_UNAVAILABLE. */
export async function loadModelTokenizer(folder: string): Promise<ModelTokenizer> {
  const { Tokenizer: Made } = await import("@huggingface/tokenizers");
  try {
    const [json, config] = await Promise.all(
      ["tokenizer.json", "tokenizer_config.json"].map(
        async (name): Promise<object> => JSON.parse(await readFile(join(folder, name), "utf8")),
      ),
    );
    const tokenizer = new Made(json ?? {}, config ?? {});
    return {
      encode: (text, withSpecial) =>
        tokenizer.encode(text, { add_special_tokens: withSpecial }).ids,
      encodePair: (first, second) => {
        const asked = { text_pair: second, return_token_type_ids: true } as const;
        const { ids, token_type_ids: types } = tokenizer.encode(first, asked);
        return { ids, types };
      },
      idOf: (token) => tokenizer.token_to_id(token),
    };
  } catch (cause) {
    const text = `The tokenizer in ${folder} could not be read (${saidBy(cause)}).`;
    throw unavailable(text, { folder }, cause);
  }
}

function countInPieces(text: string, count: (piece: string) => number): number {
  let tokens = 0;
  let start = 0;
  while (text.length - start > PIECE_CHARS) {
    const end = cutBefore(text, start + PIECE_CHARS, start);
    tokens += count(text.slice(start, end));
    start = end;
  }
  return tokens + count(text.slice(start));
}

/** The last place up to `end` before which white space begins, or `end` itself in a long word. */
function cutBefore(text: string, end: number, start: number): number {
  for (let at = end; at > start + 1; at -= 1) {
    if (isSpace(text.charCodeAt(at)) && !isSpace(text.charCodeAt(at - 1))) return at;
  }
  const isPair = (text.charCodeAt(end - 1) & 0xfc00) === 0xd800;
  return isPair ? end - 1 : end;
}

function isSpace(code: number): boolean {
  return code === 32 || (code >= 9 && code <= 13);
}
