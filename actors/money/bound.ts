// What a model call can cost at most, before it is made. No tokenizer makes more tokens of a text than it
// has bytes in UTF-8: every token of a byte-level or byte-falling-back vocabulary stands for one byte or
// more. So bytes bound the prompt for any provider, and what we ask for bounds the answer.

import type { LlmRequest, PromptMessage } from "../ports.ts";
import type { ModelPrice } from "./catalogue.ts";

/** Tokens that a provider's template puts around a message, and around a prompt as a whole. */
const MESSAGE_TOKENS = 16;
const PROMPT_TOKENS = 64;
/** The same for a tool or a schema, and what some providers tell a model of tools as such. */
const TOOL_TOKENS = 64;
const TOOLS_TOKENS = 1_024;
/**
 * An image: more than 8 tiles of 512 pixels in high detail, whose tiles the dearest-counting models
 * reckon at 5,667 tokens each.
 */
const IMAGE_TOKENS = 50_000;
/** What an estimate of tokens may be short of: it takes four characters for one, of one byte at least. */
const ESTIMATE_FACTOR = 4;
const TOKENS_OF_PRICE = 1_000_000;

/** Tokens that a provider may count for the prompt of a request, at most. */
export function promptTokensMax(request: LlmRequest): number {
  const { messages, tools = [], responseFormat } = request;
  const said = messages.reduce((sum, message) => sum + messageTokensMax(message), PROMPT_TOKENS);
  const offered = tools.reduce(
    (sum, tool) => sum + bytesOf(JSON.stringify(tool)) + TOOL_TOKENS,
    tools.length > 0 ? TOOLS_TOKENS : 0,
  );
  const form =
    responseFormat?.type === "schema"
      ? bytesOf(JSON.stringify(responseFormat)) + TOOL_TOKENS + TOOLS_TOKENS
      : 0;
  return said + offered + form;
}

function messageTokensMax(message: PromptMessage): number {
  const text = bytesOf(message.content) + MESSAGE_TOKENS;
  switch (message.role) {
    case "user":
      return text + (message.images?.length ?? 0) * IMAGE_TOKENS;
    case "assistant":
      return (message.toolCalls ?? []).reduce(
        (sum, { id, name, arguments: given }) => sum + bytesOf(id + name + given) + MESSAGE_TOKENS,
        text,
      );
    case "tool":
      return text + bytesOf(message.toolCallId);
    default:
      return text;
  }
}

/**
 * Tokens that a provider will hardly count more of for the prompt of a request, by what its text is made of:
 * what most tokenizers make of usual text is less by a third and more. Its bytes, which none goes beyond, are four
 * times what they are, and a limit of tokens would end runs that have used a quarter of it.
 */
export function promptTokensLikely(request: LlmRequest): number {
  const { messages, tools = [], responseFormat } = request;
  const said = messages.reduce(
    (sum, message) => sum + messageTokensLikely(message),
    LIKELY_MESSAGE,
  );
  const offered = tools.reduce(
    (sum, tool) => sum + textTokensLikely(JSON.stringify(tool)) + LIKELY_MESSAGE,
    tools.length > 0 ? LIKELY_TOOLS : 0,
  );
  const form =
    responseFormat?.type === "schema" ? textTokensLikely(JSON.stringify(responseFormat)) : 0;
  return Math.min(said + offered + form, promptTokensMax(request));
}

/** What templates put around a message, and what most providers tell a model of tools as such. */
const LIKELY_MESSAGE = 16;
const LIKELY_TOOLS = 384;
/** A large image in high detail. */
const LIKELY_IMAGE = 6_000;

function messageTokensLikely(message: PromptMessage): number {
  const text = textTokensLikely(message.content) + LIKELY_MESSAGE;
  if (message.role === "user") return text + (message.images?.length ?? 0) * LIKELY_IMAGE;
  if (message.role !== "assistant") return text;
  return (message.toolCalls ?? []).reduce(
    (sum, { name, arguments: given }) => sum + textTokensLikely(name + given) + LIKELY_MESSAGE,
    text,
  );
}

/** Letters, or blanks, of one token. */
const LETTERS = 3;
const BLANKS = 4;

function textTokensLikely(text: string): number {
  let tokens = 0;
  let letters = 0;
  let blanks = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a) {
      letters += 1;
      continue;
    }
    tokens += Math.ceil(letters / LETTERS);
    letters = 0;
    // A token begins with the blank before it.
    if (code <= 0x20) blanks += 1;
    // Digits and signs are at most one each; of other scripts a letter is one, a sign of thousands two.
    else tokens += code < 0x800 ? 1 : 2;
  }
  return tokens + Math.ceil(letters / LETTERS) + Math.ceil(blanks / BLANKS);
}

function bytesOf(text: string): number {
  return Buffer.byteLength(text, "utf8");
}

/** Millionths that so many tokens of an answer cost, rounded up. */
export function outputCost(price: ModelPrice, tokens: number): number {
  return costOf(price.outputMicros, tokens);
}

/**
 * Millionths of a prompt, rounded up; what a provider takes less for is not counted on. That it keeps a prompt
 * is not asked for: it is counted on where the operator has given a price of it.
 */
export function promptCost(price: ModelPrice, tokens: number): number {
  const { inputMicros, cachedInputMicros = 0, cacheWriteMicros = 0 } = price;
  const { cacheWriteLongMicros = 0 } = price;
  const dearest = Math.max(inputMicros, cachedInputMicros, cacheWriteMicros, cacheWriteLongMicros);
  return costOf(dearest, tokens);
}

/** Tokens of an answer that an amount pays for. */
export function tokensFor(outputMicros: number, micros: number): number {
  if (outputMicros === 0) return Number.MAX_SAFE_INTEGER;
  return Number((BigInt(Math.max(0, micros)) * BigInt(TOKENS_OF_PRICE)) / BigInt(outputMicros));
}

/** Millionths of tokens that nobody has counted: as many as there may have been. */
export function estimatedCost(
  price: ModelPrice,
  { prompt, completion }: { readonly prompt: number; readonly completion: number },
): number {
  return promptCost(price, prompt) + outputCost(price, completion * ESTIMATE_FACTOR);
}

function costOf(micros: number, tokens: number): number {
  const product = BigInt(Math.ceil(tokens)) * BigInt(micros) + BigInt(TOKENS_OF_PRICE - 1);
  return Number(product / BigInt(TOKENS_OF_PRICE));
}
