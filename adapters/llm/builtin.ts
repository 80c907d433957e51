// The built-in answerer behind the Llm port: no key, no network. It answers extractively from what
// the request is grounded on, and every result names it as the provider.

import { extractAnswer } from "../../actors/answer/extract.ts";
import { valueForSchema } from "../../actors/answer/schema-value.ts";
import { loadLinearPatterns } from "../../actors/linear-pattern.ts";
import type { Grounding, LlmRequest } from "../../actors/ports.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { AnswerBuilder, estimatePromptTokens, estimateTokens, type Transport } from "./answer.ts";
import { BUILTIN } from "./models.ts";

/** Words shown at once when streaming. */
const PIECE_WORDS = 3;

/** A transport that answers by itself. */
export function createBuiltin(): Transport {
  return {
    async attempt(request, { signal, onEvent }) {
      if (signal.aborted) throw new RuntimeError("CANCELLED", "The built-in answer was cancelled.");
      const text = await answerTo(request);
      const builder = new AnswerBuilder(BUILTIN, { ...request, model: BUILTIN }, onEvent);
      for (const piece of request.stream ? piecesOf(text) : [text]) builder.text(piece);
      builder.promptTokens = estimatePromptTokens(request);
      builder.completionTokens = estimateTokens(text);
      builder.finishReason = "stop";
      const result = builder.result();
      return { ...result, usage: { ...result.usage, estimated: true } };
    },
  };
}

async function answerTo(request: LlmRequest): Promise<string> {
  const grounding = request.grounding ?? groundingOf(request);
  const extract = extractAnswer(grounding);
  const format = request.responseFormat;
  if (!format || format.type === "text") return extract.text;
  if (format.type === "json") return JSON.stringify({ answer: extract.text });
  await loadLinearPatterns();
  const built = valueForSchema(format.schema, {
    answer: extract.text,
    texts: [grounding.question, extract.text],
  });
  if ("value" in built) return JSON.stringify(built.value);
  return `The built-in answerer cannot fill the output schema at ${built.pointer}: ${built.reason}.`;
}

// A caller that gave no grounding: only the conversation itself is there to work from.
function groundingOf(request: LlmRequest): Grounding {
  const ofRole = (role: string) => request.messages.filter((message) => message.role === role);
  return {
    question: ofRole("user").at(-1)?.content ?? "",
    passages: [],
    usesCollection: false,
    texts: ofRole("system").map(({ content }) => content),
    examples: [],
    offers: [],
    agentName: "the built-in answerer",
  };
}

function piecesOf(text: string): string[] {
  const words = text.match(/\s*\S+\s*$|\s*\S+/g) ?? [text];
  const pieces: string[] = [];
  for (let at = 0; at < words.length; at += PIECE_WORDS) {
    pieces.push(words.slice(at, at + PIECE_WORDS).join(""));
  }
  return pieces;
}
