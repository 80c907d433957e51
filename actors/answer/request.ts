// The settings of a model call: sampling fields and the form of the answer, from the sub-agent, the
// agent and, for a completion, the request itself, which counts first.

import type { LlmRequest } from "../ports.ts";
import type { Agent } from "../records/agent.ts";
import type { CompletionMessage } from "../records/conversation.ts";
import type { SubAgent } from "../records/sub-agent.ts";

type Schema = Readonly<Record<string, unknown>>;
type Sampling = Pick<
  LlmRequest,
  "temperature" | "topP" | "topK" | "maxTokens" | "frequencyPenalty" | "presencePenalty" | "stop"
>;

/** The form an answer must have. */
export interface AnswerFormat {
  /** Enforced when set. */
  readonly schema: Schema | null;
  readonly responseFormat?: NonNullable<LlmRequest["responseFormat"]>;
  /** What the prompt must say about it, "" for nothing. */
  readonly instruction: string;
}

/** Sampling fields; unset ones are left to the provider. */
export function samplingOf(
  agent: Agent,
  subAgent: SubAgent | null,
  sent: CompletionMessage | undefined,
): Sampling {
  const asked = sent?.overrides ?? {};
  const fields = {
    temperature: asked.temperature ?? subAgent?.temperature ?? agent.temperature,
    topP: asked.top_p ?? agent.top_p,
    topK: asked.top_k,
    maxTokens: asked.max_tokens ?? agent.max_tokens,
    frequencyPenalty: asked.frequency_penalty ?? agent.frequency_penalty,
    presencePenalty: asked.presence_penalty ?? agent.presence_penalty,
    stop: asked.stop,
  };
  // Unset fields are left out, not sent as null: providers refuse a null.
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== null && value !== undefined),
  ) as Sampling;
}

/** The form of the answer: output_schema first, then what the request asks, then response_format. */
export function formatOf(
  subAgent: SubAgent | null,
  agent: Agent,
  sent: CompletionMessage | undefined,
): AnswerFormat {
  const schema = subAgent?.output_schema;
  if (schema !== null && schema !== undefined) return enforced("output", schema);
  const format = sent?.overrides.response_format ?? agent.response_format;
  const type = typeof format === "string" ? format : isObject(format) ? format["type"] : undefined;
  if (type === "json" || type === "json_object") {
    const instruction = "Answer with one JSON object only.";
    return { schema: null, responseFormat: { type: "json" }, instruction };
  }
  if (type === "json_schema" && isObject(format)) {
    const inner = format["json_schema"];
    const wanted = isObject(inner) ? inner["schema"] : format["schema"];
    const name = isObject(inner) ? inner["name"] : undefined;
    if (isObject(wanted)) return enforced(typeof name === "string" ? name : "output", wanted);
  }
  return { schema: null, instruction: "" };
}

/**
 * The form of an answer that tools are used for: any JSON object is one too that is checked at last, since
 * what was said between calls would spoil it.
 */
export function formWithTools(format: AnswerFormat): AnswerFormat {
  if (format.responseFormat?.type !== "json") return format;
  return { ...format, schema: { type: "object" } };
}

function enforced(name: string, schema: Schema): AnswerFormat {
  return {
    schema,
    responseFormat: { type: "schema", name, schema },
    instruction: `Answer with JSON only, fitting this JSON Schema: ${JSON.stringify(schema)}`,
  };
}

function isObject(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
