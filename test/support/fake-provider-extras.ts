// The fake provider's other routes: the list of models and deterministic embeddings (hashed words),
// so that texts sharing words are near each other without any model.

import type { Wire } from "./fake-provider-call.ts";

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

/** POST /v1/embeddings. `base64` is what the official SDK asks for by default. */
export function embeddingsBody(body: Record<string, unknown>): string {
  const inputs = Array.isArray(body["input"]) ? body["input"].map(String) : [String(body["input"])];
  const dimensions = Number(body["dimensions"] ?? DIMENSIONS);
  const data = inputs.map((text, index) => {
    const vector = vectorOf(text, dimensions);
    const embedding =
      body["encoding_format"] === "base64"
        ? Buffer.from(vector.buffer).toString("base64")
        : Array.from(vector);
    return { object: "embedding", index, embedding };
  });
  const tokens = inputs.reduce((sum, text) => sum + Math.ceil(text.length / 4), 0);
  const usage = { prompt_tokens: tokens, total_tokens: tokens };
  return JSON.stringify({ object: "list", data, model: body["model"], usage });
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
