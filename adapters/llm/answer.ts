// What both wires have in common: the answer as it is assembled, the form of a transport, and an
// estimate of tokens for providers that report none.

import { limits } from "../../actors/limits.ts";
import type {
  FinishReason,
  LlmEvent,
  LlmRequest,
  LlmResult,
  PromptMessage,
  ToolCall,
  Usage,
} from "../../actors/ports.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { StopCut } from "./stop-cut.ts";

/** One attempt at one provider. */
export interface Transport {
  /**
   * Sends the request once. `request.model` is the provider's own name of the model.
   * @throws RuntimeError PROVIDER_LIMITED, PROVIDER_UNAVAILABLE, PROVIDER_FAILED, DEADLINE, CANCELLED.
   */
  attempt(
    request: LlmRequest,
    options: { readonly signal: AbortSignal; readonly onEvent: (event: LlmEvent) => void },
  ): Promise<LlmResult>;
}

/** Any JSON object. */
export type Json = Record<string, unknown>;

/** Whether a value is a JSON object. */
export const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Parsed JSON object. @throws RuntimeError PROVIDER_UNAVAILABLE: such bytes are a passing fault. */
export function parseObject(text: string, provider: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw unreadable(provider, error);
  }
  if (!isObject(value)) throw unreadable(provider);
  return value;
}

/** The error for an answer that is no JSON. */
export function unreadable(provider: string, cause?: unknown): RuntimeError {
  const text = `${provider} sent an answer that is not readable JSON.`;
  return new RuntimeError("PROVIDER_UNAVAILABLE", text, { provider }, { cause });
}

/** The error for a stream that ended before the answer did. */
export function cutShort(provider: string): RuntimeError {
  const text = `${provider} ended its stream before the answer was complete.`;
  return new RuntimeError("PROVIDER_UNAVAILABLE", text, { provider });
}

interface CallInProgress {
  id: string;
  name: string;
  arguments: string;
}

/** Limit of tool calls in one answer; more is a fault of the provider. */
const TOOL_CALLS_MAX = 128;
/** What both protocols take as a name when the call is sent back to them. */
const NAME_CHARS_MAX = 64;

/** Assembles an answer from its pieces and tells each piece to the caller. */
export class AnswerBuilder {
  readonly #provider: string;
  readonly #request: LlmRequest;
  readonly #onEvent: (event: LlmEvent) => void;
  readonly #calls: CallInProgress[] = [];
  readonly #cut: StopCut;
  #text = "";
  finishReason: FinishReason | undefined;
  /** Which sequence the provider has stopped at, if it says so. */
  stopSequence: string | undefined;
  promptTokens: number | undefined;
  completionTokens: number | undefined;
  /** Parts of those, as far as the provider says. */
  cachedTokens: number | undefined;
  cacheWriteTokens: number | undefined;
  cacheWriteLongTokens: number | undefined;
  reasoningTokens: number | undefined;
  model: string;

  constructor(provider: string, request: LlmRequest, onEvent: (event: LlmEvent) => void) {
    this.#provider = provider;
    this.#request = request;
    this.#onEvent = onEvent;
    this.#cut = new StopCut(request.stop ?? []);
    this.model = request.model;
  }

  text(piece: string): void {
    this.#show(this.#cut.push(piece));
  }

  #show(text: string): void {
    if (text === "") return;
    this.#text += text;
    this.#onEvent({ type: "text", text });
  }

  toolCall(index: number, part: { id?: string; name?: string; argumentsDelta?: string }): void {
    if (!(index >= 0 && index < TOOL_CALLS_MAX)) {
      const text = `${this.#provider} asked for more than ${TOOL_CALLS_MAX} tool calls.`;
      throw new RuntimeError("PROVIDER_FAILED", text, { provider: this.#provider });
    }
    let call = this.#calls[index];
    if (!call) {
      call = { id: "", name: "", arguments: "" };
      this.#calls[index] = call;
    }
    if (part.id) call.id = part.id;
    if (part.name) call.name = part.name;
    call.arguments += part.argumentsDelta ?? "";
    this.#onEvent({ type: "tool-call", index, ...part });
  }

  /** Estimated where the provider reported no usable numbers. */
  usage(): Usage {
    // Nothing was counted where there was something: some servers say 0 of a prompt that they had cached.
    const promptTokens = this.promptTokens || undefined;
    const isSilent = this.#text === "" && this.#calls.length === 0;
    const completionTokens = isSilent ? this.completionTokens : this.completionTokens || undefined;
    if (promptTokens !== undefined && completionTokens !== undefined) {
      const [cachedTokens = 0, reasoningTokens = 0] = [this.cachedTokens, this.reasoningTokens];
      const { cacheWriteTokens = 0, cacheWriteLongTokens = 0 } = this;
      return {
        ...{ promptTokens, completionTokens },
        // A part is no more than the whole.
        ...(cachedTokens > 0 && { cachedTokens: Math.min(cachedTokens, promptTokens) }),
        ...(cacheWriteTokens > 0 && { cacheWriteTokens }),
        ...(cacheWriteLongTokens > 0 && { cacheWriteLongTokens }),
        ...(reasoningTokens > 0 && {
          reasoningTokens: Math.min(reasoningTokens, completionTokens),
        }),
      };
    }
    const written = this.#calls.map((call) => call.name + call.arguments).join("");
    return {
      promptTokens: promptTokens ?? estimatePromptTokens(this.#request),
      completionTokens: completionTokens ?? estimateTokens(this.#text + written),
      estimated: true,
    };
  }

  /** @throws RuntimeError PROVIDER_UNAVAILABLE for one without anything, not even why it ended. */
  result(): LlmResult {
    this.#show(this.#cut.end());
    const isCut = this.#cut.by !== null;
    const stopSequence = this.#request.stop?.find(
      (stop) => stop === (this.#cut.by ?? this.stopSequence),
    );
    // A provider may leave gaps in its numbering of calls.
    const calls = isCut ? [] : this.#calls.filter(() => true);
    if (this.#text === "" && calls.length === 0 && this.finishReason === undefined && !isCut) {
      const text = `${this.#provider} sent an answer with nothing in it.`;
      throw new RuntimeError("PROVIDER_UNAVAILABLE", text, { provider: this.#provider });
    }
    const taken = new Set<string>();
    const toolCalls: ToolCall[] = calls.map((call, at) => ({
      id: ownId(call.id, at, taken),
      name: callName(call.name),
      arguments: call.arguments || "{}",
    }));
    return {
      text: this.#text,
      toolCalls,
      finishReason: isCut
        ? "stop"
        : (this.finishReason ?? (toolCalls.length > 0 ? "tool_calls" : "stop")),
      ...(stopSequence !== undefined && { stopSequence }),
      usage: this.usage(),
      provider: this.#provider,
      model: this.model,
    };
  }
}

/** The id of a call, its own in this answer: results are sent back under it, and one for two is refused. */
function ownId(id: string, at: number, taken: Set<string>): string {
  let own = id === "" ? `call_${at}` : id;
  while (taken.has(own)) own = `${own}_${at}`;
  taken.add(own);
  return own;
}

/** A name that may be sent back: a model that makes one up is told so, its provider must not refuse it. */
function callName(name: string): string {
  return name.replace(/[^a-zA-Z0-9_-]/g, "_").slice(0, NAME_CHARS_MAX) || "unnamed";
}

/** A count the provider reported, or undefined where it is none, or more than any call has. */
export function countOf(value: unknown): number | undefined {
  const isCount = typeof value === "number" && Number.isInteger(value);
  return isCount && value >= 0 && value <= limits.countedTokens ? value : undefined;
}

/** Tokens of a text, roughly: a quarter of its letters, one for each Chinese, Japanese or Korean sign. */
export function estimateTokens(text: string): number {
  const wide = text.match(/[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]/g)?.length ?? 0;
  return wide + Math.ceil((text.length - wide) / 4);
}

/** Tokens of a whole request, roughly. */
export function estimatePromptTokens(request: LlmRequest): number {
  const perMessage = 4;
  const texts = request.messages.reduce(
    (sum, message) => sum + perMessage + estimateTokens(textOf(message)) + imagesOf(message),
    0,
  );
  return texts + (request.tools ? estimateTokens(JSON.stringify(request.tools)) : 0);
}

function textOf(message: PromptMessage): string {
  if (message.role !== "assistant") return message.content;
  const calls = message.toolCalls ?? [];
  return message.content + calls.map((call) => call.name + call.arguments).join("");
}

function imagesOf(message: PromptMessage): number {
  return message.role === "user" ? (message.images?.length ?? 0) * limits.imageTokens : 0;
}
