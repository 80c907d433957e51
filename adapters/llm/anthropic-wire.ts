// Anthropic's messages as data: our request to their body, their answer or events to ours. Used by
// the direct and by the SDK transport.

import type { FinishReason, LlmRequest, PromptMessage } from "../../actors/ports.ts";
import type { ImageRef } from "../../actors/records/image.ts";
import { type AnswerBuilder, countOf, isObject, type Json } from "./answer.ts";

/** The protocol's version, a required header. */
export const anthropicVersion = "2023-06-01";

/** Anthropic requires a limit; this one is within what every current model allows. */
const MAX_TOKENS_DEFAULT = 8_192;

/** The tool whose input is the answer when JSON is asked for. */
const ANSWER_TOOL = "answer";

/** The body of POST /v1/messages. Penalties do not exist there and are left out. */
export function anthropicBody(request: LlmRequest): Json {
  const system = request.messages
    .filter((message) => message.role === "system")
    .map((message) => message.content)
    .join("\n\n");
  const { temperature, topP, topK, stop } = request;
  return {
    model: request.model,
    max_tokens: request.maxTokens ?? MAX_TOKENS_DEFAULT,
    ...(system !== "" && { system }),
    messages: mergedMessages(request.messages),
    // Newer models refuse both at once; the range ends at 1.
    ...(temperature !== undefined
      ? { temperature: Math.min(temperature, 1) }
      : topP !== undefined && { top_p: topP }),
    ...(topK !== undefined && { top_k: topK }),
    ...(stop && stop.length > 0 && { stop_sequences: stop.filter((text) => text.trim() !== "") }),
    ...toolsOf(request),
    ...(request.stream && { stream: true }),
  };
}

const block = (message: PromptMessage): Json[] => {
  if (message.role === "tool") {
    return [{ type: "tool_result", tool_use_id: message.toolCallId, content: message.content }];
  }
  const text = message.content.trim() === "" ? [] : [{ type: "text", text: message.content }];
  if (message.role === "user") return [...(message.images ?? []).map(imageOf), ...text];
  if (message.role !== "assistant") return text;
  const calls = (message.toolCalls ?? []).map(({ id, name, arguments: args }) => ({
    type: "tool_use",
    id,
    name,
    input: inputOf(args),
  }));
  return [...text, ...calls];
};

const IMAGE_DATA = /^data:([^;]+);base64,/;

function imageOf({ url }: ImageRef): Json {
  const type = IMAGE_DATA.exec(url);
  const source =
    type === null
      ? { type: "url", url }
      : { type: "base64", media_type: type[1], data: url.slice(type[0].length) };
  return { type: "image", source };
}

function inputOf(args: string): unknown {
  try {
    const value: unknown = JSON.parse(args);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

// Roles alternate, the first is the user's, and no content is empty.
function mergedMessages(messages: readonly PromptMessage[]): Json[] {
  const merged: { role: "user" | "assistant"; content: Json[] }[] = [];
  for (const message of messages) {
    if (message.role === "system") continue;
    const role = message.role === "assistant" ? "assistant" : "user";
    const content = block(message);
    if (content.length === 0) continue;
    const last = merged.at(-1);
    if (last?.role === role) last.content.push(...content);
    else merged.push({ role, content });
  }
  if (merged[0]?.role !== "user") {
    merged.unshift({ role: "user", content: [{ type: "text", text: "(start)" }] });
  }
  return merged;
}

function toolsOf(request: LlmRequest): Json {
  const own = (request.tools ?? []).map(({ name, description, parameters }) => ({
    name,
    description,
    input_schema: { type: "object", ...parameters },
  }));
  const answer = answerToolOf(request.responseFormat);
  const tools = answer ? [...own, answer] : own;
  if (tools.length === 0) return calledBefore(request.messages);
  if (answer) {
    // With tools of its own the model may call those first; it ends by calling the answer tool.
    const isOpen = own.length > 0 && request.toolChoice !== "none";
    const tool_choice = isOpen ? { type: "any" } : { type: "tool", name: ANSWER_TOOL };
    return { tools, tool_choice };
  }
  const choice = choiceOf(request);
  return { tools, ...(choice && { tool_choice: choice }) };
}

function choiceOf({ toolChoice, parallelToolCalls }: LlmRequest): Json | undefined {
  if (toolChoice === "none") return { type: "none" };
  const single = parallelToolCalls === false ? { disable_parallel_tool_use: true } : {};
  if (toolChoice === undefined) {
    return parallelToolCalls === false ? { type: "auto", ...single } : undefined;
  }
  if (typeof toolChoice === "object") return { type: "tool", ...toolChoice, ...single };
  return { type: toolChoice === "required" ? "any" : toolChoice, ...single };
}

/** Messages with calls are refused where no tools are declared: those that were called stand for them. */
function calledBefore(messages: readonly PromptMessage[]): Json {
  const calls = messages.flatMap((one) => (one.role === "assistant" ? (one.toolCalls ?? []) : []));
  const names = [...new Set(calls.map(({ name }) => name))];
  if (names.length === 0) return {};
  const description = "Not available any more.";
  const tools = names.map((name) => ({ name, description, input_schema: { type: "object" } }));
  return { tools, tool_choice: { type: "none" } };
}

function answerToolOf(format: LlmRequest["responseFormat"]): Json | undefined {
  if (!format || format.type === "text") return undefined;
  const schema = format.type === "schema" ? format.schema : {};
  const description = "Give the answer. Its input is the whole answer to the user.";
  return { name: ANSWER_TOOL, description, input_schema: { ...schema, type: "object" } };
}

/** Reads one answer: which blocks are text, tool calls, or the answer tool's input. */
export class AnthropicAnswer {
  readonly #builder: AnswerBuilder;
  readonly #wantsJson: boolean;
  /** Number of each block's tool call; -1 for the block whose input is the answer. */
  readonly #calls = new Map<number, number>();
  #callCount = 0;
  #answered = false;
  /** Whether the protocol's own end has come. */
  isComplete = false;

  constructor(builder: AnswerBuilder, request: LlmRequest) {
    this.#builder = builder;
    this.#wantsJson = answerToolOf(request.responseFormat) !== undefined;
  }

  /** Takes a whole answer. */
  takeMessage(message: Json): void {
    this.#takeHead(message);
    const blocks = Array.isArray(message["content"]) ? message["content"].filter(isObject) : [];
    for (const [index, content] of blocks.entries()) {
      this.#startBlock(index, content);
      if (content["type"] === "tool_use") {
        this.#input(index, JSON.stringify(content["input"] ?? {}));
      }
    }
    this.#finish(message);
    this.isComplete = true;
  }

  /** Takes one event of a stream; its name is also its `type`. Unknown ones mean nothing. */
  takeEvent(event: Json): void {
    const type = event["type"];
    const index = Number(event["index"] ?? 0);
    const delta = isObject(event["delta"]) ? event["delta"] : {};
    if (type === "content_block_delta") {
      if (delta["type"] === "text_delta") this.#text(String(delta["text"]));
      else if (delta["type"] === "input_json_delta") {
        this.#input(index, String(delta["partial_json"]));
      }
    } else if (type === "content_block_start" && isObject(event["content_block"])) {
      this.#startBlock(index, event["content_block"]);
    } else if (type === "message_start" && isObject(event["message"])) {
      this.#takeHead(event["message"]);
    } else if (type === "message_delta") {
      this.#takeUsage(event["usage"]);
      this.#finish(delta);
    } else if (type === "message_stop") {
      this.isComplete = true;
    }
  }

  #takeHead(message: Json): void {
    const { model } = message;
    if (typeof model === "string" && model !== "") this.#builder.model = model;
    this.#takeUsage(message["usage"]);
  }

  // Counts are cumulative: the last one counts. Cached input is input that was paid for, too.
  #takeUsage(usage: unknown): void {
    if (!isObject(usage)) return;
    const input = countOf(usage["input_tokens"]);
    if (input !== undefined) {
      const cached = ["cache_creation_input_tokens", "cache_read_input_tokens"] as const;
      const sum = cached.reduce((total, name) => total + (countOf(usage[name]) ?? 0), input);
      this.#builder.promptTokens = sum;
      this.#builder.cachedTokens = countOf(usage["cache_read_input_tokens"]);
      const written = countOf(usage["cache_creation_input_tokens"]) ?? 0;
      const parts = usage["cache_creation"];
      const long = isObject(parts) ? (countOf(parts["ephemeral_1h_input_tokens"]) ?? 0) : 0;
      this.#builder.cacheWriteLongTokens = Math.min(long, written);
      this.#builder.cacheWriteTokens = written - Math.min(long, written);
    }
    // Without a usable final count the one of message_start (1) would be taken for the whole.
    this.#builder.completionTokens = countOf(usage["output_tokens"]);
  }

  #startBlock(index: number, content: Json): void {
    if (content["type"] === "text") this.#text(String(content["text"] ?? ""));
    if (content["type"] !== "tool_use") return;
    const name = String(content["name"]);
    if (this.#wantsJson && name === ANSWER_TOOL) {
      this.#calls.set(index, -1);
      this.#answered = true;
      return;
    }
    this.#calls.set(index, this.#callCount);
    this.#builder.toolCall(this.#callCount, { id: String(content["id"]), name });
    this.#callCount += 1;
  }

  // Where JSON is asked for, words around it would spoil it.
  #text(text: string): void {
    if (!this.#wantsJson) this.#builder.text(text);
  }

  #input(index: number, json: string): void {
    if (json === "") return;
    const call = this.#calls.get(index);
    if (call === -1) this.#builder.text(json);
    else if (call !== undefined) this.#builder.toolCall(call, { argumentsDelta: json });
  }

  #finish({ stop_reason: reason, stop_sequence: stop }: Json): void {
    if (typeof stop === "string") this.#builder.stopSequence = stop;
    if (typeof reason !== "string") return;
    const isAnswer = reason === "tool_use" && this.#answered && this.#callCount === 0;
    this.#builder.finishReason = isAnswer ? "stop" : (reasons[reason] ?? "stop");
  }
}

const reasons: Readonly<Record<string, FinishReason>> = {
  end_turn: "stop",
  stop_sequence: "stop",
  max_tokens: "length",
  model_context_window_exceeded: "length",
  tool_use: "tool_calls",
  refusal: "content_filter",
};
