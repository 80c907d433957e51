// POST /v1/embeddings: the embedders of this server, built-in and configured, as models.

import { type Static, Type } from "../../../actors/schema.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { answers } from "../openapi/responses.ts";
import { json } from "../reply.ts";
import { defineRoute, type Route } from "../route.ts";
import type { Services } from "../services/services.ts";
import { nullable } from "./messages.ts";
import { embedderOfModel } from "./model.ts";
import { embeddingListSchema } from "./schemas.ts";

/** Texts of one request, as in the protocol; the body's own limit bounds their size. */
const TEXTS_MAX = 2_048;

const text = Type.String({ minLength: 1 });
const tokens = Type.Array(Type.Integer());

const embeddingsBody = Type.Object(
  {
    model: Type.String({ minLength: 1, maxLength: 200 }),
    input: Type.Union([
      text,
      Type.Array(text, { minItems: 1, maxItems: TEXTS_MAX }),
      tokens,
      Type.Array(tokens, { maxItems: TEXTS_MAX }),
    ]),
    encoding_format: nullable(Type.Union([Type.Literal("float"), Type.Literal("base64")])),
    dimensions: nullable(Type.Integer({ minimum: 1, maximum: 100_000 })),
    /** Not of the protocol: some models want questions marked. */
    input_type: nullable(Type.Union([Type.Literal("query"), Type.Literal("document")])),
    user: nullable(Type.String({ maxLength: 1_000 })),
  },
  { additionalProperties: true },
);

type Body = Static<typeof embeddingsBody>;

/** The route. */
export function embeddingsRoute({ embedders }: Pick<Services, "embedders">): Route {
  return defineRoute({
    summary: "Embed texts",
    description:
      "OpenAI's protocol: `model` is `embedder:<name>` or the bare name of an embedder that collections may have, as `GET /v1/models` lists them. Texts alone are taken, no tokens, up to 2,048; one that the model would not read to its end is refused. What a provider takes for it counts for the budgets of the tenant and the key.",
    responses: answers(200, embeddingListSchema, "The vectors, in the order of the texts."),
    method: "POST",
    pattern: "/v1/embeddings",
    service: "embeddings",
    errors: "openai",
    body: embeddingsBody,
    handler: async ({ body, principal, request }) => {
      const { embedTexts } = await import("../services/embedding.ts");
      const { vectors, tokens: used } = await embedTexts(embedders, {
        tenant: principal.tenant,
        payer: { keyId: principal.keyId, agent: "" },
        embedder: embedderOfModel(body.model) ?? body.model,
        texts: textsOf(body.input),
        purpose: body.input_type ?? "document",
        dimensions: body.dimensions ?? undefined,
        signal: request.signal,
      });
      const write = body.encoding_format === "base64" ? base64Of : numbersOf;
      const data = vectors.map((vector, index) => {
        return { object: "embedding", index, embedding: write(vector) };
      });
      const usage = { prompt_tokens: used, total_tokens: used };
      return json(200, { object: "list", data, model: body.model, usage });
    },
  });
}

function textsOf(input: Body["input"]): readonly string[] {
  const texts = typeof input === "string" ? [input] : input;
  const isTexts = (of: Exclude<Body["input"], string>): of is string[] =>
    of.length > 0 && of.every((one) => typeof one === "string");
  if (isTexts(texts)) return texts;
  const why =
    "input is a text or a list of texts: tokens are not taken, as they are one model's own.";
  throw new RuntimeError("INVALID", why, { pointer: "/input" });
}

/** 32-bit floats, little-endian, as the protocol has them. */
function base64Of(vector: Float32Array): string {
  const bytes = Buffer.alloc(vector.length * Float32Array.BYTES_PER_ELEMENT);
  for (const [at, value] of vector.entries()) {
    bytes.writeFloatLE(value, at * Float32Array.BYTES_PER_ELEMENT);
  }
  return bytes.toString("base64");
}

function numbersOf(vector: Float32Array): readonly number[] {
  return Array.from(vector);
}
