// What a span says of a step: a model's call, a search in a collection, a wait, or something else that took
// time. Told by what the step gave, for its key names only where it stands in its run.

import type { Usage } from "../ports.ts";
import { type Attributes, attributes, type Span } from "./span.ts";

/** The parts of a span that its step decides. */
export type StepPart = Pick<Span, "name" | "kind" | "attributes">;

/** A step, as far as its part is decided by it. */
export interface StepGiven {
  readonly key: string;
  /** Undefined: it failed, or is under way. */
  readonly result: unknown;
  /** It is one that waits for something stored: a time, a decision, an answer of an actor. */
  readonly isWait: boolean;
  readonly content: boolean;
}

/** Characters of a text in a span. */
const CONTENT_CHARS_MAX = 20_000;
const MODEL_KEY = /^(model|repair):/;

/** The part. */
export function partOf(step: StepGiven): StepPart {
  const { key, result, isWait } = step;
  const { usage, passages } = (result ?? {}) as {
    readonly usage?: Usage;
    readonly passages?: unknown;
  };
  if (typeof usage?.promptTokens === "number" || MODEL_KEY.test(key)) return chatPart(step, usage);
  if (Array.isArray(passages)) return searchPart(key, passages.length);
  const name = key.slice(0, key.search(/[:#]|$/));
  return {
    name: `${isWait ? "wait" : "step"} ${name}`,
    kind: "internal",
    attributes: { "troupe.step": key },
  };
}

function chatPart({ key, result, content }: StepGiven, usage: Usage | undefined): StepPart {
  const {
    finish,
    model = usage?.model,
    text,
    hidden,
  } = (result ?? {}) as {
    readonly [field: string]: string | undefined;
  };
  const slash = model?.indexOf("/") ?? -1;
  const said = text ?? hidden;
  return {
    name: model === undefined ? "chat" : `chat ${model}`,
    kind: "client",
    attributes: {
      ...attributes({
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": slash > 0 ? model?.slice(0, slash) : null,
        "gen_ai.request.model": slash > 0 ? model?.slice(slash + 1) : model,
        "gen_ai.response.finish_reasons": finish === undefined ? null : [finish],
        "troupe.step": key,
      }),
      ...usageOf(usage),
      ...(content && said !== undefined && { "gen_ai.output.messages": messages(said, finish) }),
    },
  };
}

/** Tokens and what they cost. */
export function usageOf(usage: Usage | undefined): Attributes {
  return attributes({
    "gen_ai.usage.input_tokens": usage?.promptTokens,
    "gen_ai.usage.output_tokens": usage?.completionTokens,
    "gen_ai.usage.cache_read.input_tokens": usage?.cachedTokens,
    "gen_ai.usage.cache_creation.input_tokens": usage?.cacheWriteTokens,
    "troupe.spend_micros": usage?.spendMicros,
  });
}

/** Of `retrieval:<collection>` and the like: what comes behind the first colon names where it was looked. */
function searchPart(key: string, passages: number): StepPart {
  const place = /\bcl_[A-Za-z0-9]{1,61}/.exec(key)?.[0];
  return {
    name: place === undefined ? "retrieval" : `retrieval ${place}`,
    kind: "internal",
    attributes: attributes({
      "gen_ai.operation.name": "retrieval",
      "gen_ai.data_source.id": place,
      "troupe.passages": passages,
      "troupe.step": key,
    }),
  };
}

/** A text as the conventions write what a model said. */
export function messages(content: string, finish?: string): string {
  const parts = [{ type: "text", content: content.slice(0, CONTENT_CHARS_MAX) }];
  return JSON.stringify([
    { role: "assistant", parts, ...(finish === undefined ? {} : { finish_reason: finish }) },
  ]);
}

/** A value as text, cut. */
export const contentOf = (value: unknown): string =>
  (JSON.stringify(value) ?? "null").slice(0, CONTENT_CHARS_MAX);
