// The fake provider's other routes: the list of models and deterministic embeddings (hashed words),
// so that texts sharing words are near each other without any model.

import type { Refusal, Wire } from "./fake-provider-call.ts";

const DIMENSIONS = 64;
const modelIds = ["gpt-5-mini", "gpt-4o-mini", "claude-haiku-4-5"];

/** GET /v1/models in the shape of the wire. */
export function modelsBody(wire: Wire): string {
  const data = modelIds.map((id) =>
    wire === "openai"
      ? { id, object: "model", created: 1_700_000_000, owned_by: "fake" }
      : { id, type: "model", display_name: id, created_at: "2025-01-01T00:00:00Z" },
  );
  if (wire === "openai") return JSON.stringify({ object: "list", data });
  const [first_id, last_id] = [modelIds[0], modelIds.at(-1)];
  return JSON.stringify({ data, has_more: false, first_id, last_id });
}

/** Texts of an embeddings call. */
export function inputsOf(body: Readonly<Record<string, unknown>>): string[] {
  return Array.isArray(body["input"]) ? body["input"].map(String) : [String(body["input"])];
}

const INPUTS_MAX = 2_048;
const INPUT_TOKENS_MAX = 8_192;
const tokensOf = (text: string): number => Math.ceil(text.length / 4);

/** What the real service would refuse about an embeddings call, or undefined. */
export async function embeddingsRefusal(
  body: Readonly<Record<string, unknown>>,
): Promise<Refusal | undefined> {
  const inputs = inputsOf(body);
  const refuse = (message: string, param: string): Refusal => ({ status: 400, message, param });
  if (inputs.length === 0 || inputs.length > INPUTS_MAX || inputs.includes("")) {
    return refuse("'$.input' is invalid. Please check the API reference.", "input");
  }
  // A token is at least a byte, and the vocabulary is large.
  const long = inputs.filter((text) => Buffer.byteLength(text) > INPUT_TOKENS_MAX);
  const { countTokens } =
    long.length > 0
      ? await import("gpt-tokenizer/encoding/cl100k_base")
      : { countTokens: tokensOf };
  const longest = Math.max(0, ...long.map((text) => countTokens(text)));
  if (longest > INPUT_TOKENS_MAX) {
    const limit = `maximum context length is ${INPUT_TOKENS_MAX} tokens`;
    return refuse(`This model's ${limit}, however you requested ${longest} tokens.`, "input");
  }
  if (body["dimensions"] !== undefined && String(body["model"]).endsWith("ada-002")) {
    return refuse("This model does not support specifying dimensions.", "dimensions");
  }
  return undefined;
}

/** An answer of the service. */
export interface EmbeddingsAnswer {
  object: "list";
  data: { object: "embedding"; index: number; embedding: string | number[] }[];
  model: unknown;
  usage: { prompt_tokens: number; total_tokens: number };
}

/** POST /v1/embeddings. `base64` is what the official SDK asks for by default. */
export function embeddingsAnswer(body: Readonly<Record<string, unknown>>): EmbeddingsAnswer {
  const inputs = inputsOf(body);
  const dimensions = Number(body["dimensions"] ?? DIMENSIONS);
  const data = inputs.map((text, index) => {
    const vector = vectorOf(text, dimensions);
    const embedding =
      body["encoding_format"] === "base64"
        ? Buffer.from(vector.buffer).toString("base64")
        : Array.from(vector);
    return { object: "embedding" as const, index, embedding };
  });
  const tokens = inputs.reduce((sum, text) => sum + tokensOf(text), 0);
  const usage = { prompt_tokens: tokens, total_tokens: tokens };
  return { object: "list", data, model: body["model"], usage };
}

function vectorOf(text: string, dimensions: number): Float32Array {
  const vector = new Float32Array(dimensions);
  for (const word of text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [text]) {
    let hash = 2_166_136_261;
    for (const char of word) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 16_777_619) >>> 0;
    const at = hash % dimensions;
    vector[at] = (vector[at] ?? 0) + 1;
  }
  const norm = Math.hypot(...vector) || 1;
  return vector.map((value) => value / norm);
}
