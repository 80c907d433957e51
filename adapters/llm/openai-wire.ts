// OpenAI's chat completions as data: our request to their body, their answer or chunks to ours. Used
// by the direct and by the SDK transport, which differ only in who moves the bytes.

import type { FinishReason, LlmRequest, PromptMessage } from "../../actors/ports.ts";
import { type AnswerBuilder, countOf, isObject, type Json } from "./answer.ts";

// Reasoning models refuse sampling settings and the old name of the token limit
// (platform.openai.com/docs/guides/reasoning).
const namesNewLimit = /^(o\d|gpt-5)/;
const refusesSampling = /^(o\d|gpt-5(?!\.\d|-chat))/;

/** The body of POST /chat/completions. Usage is always asked for. */
export function openaiBody(request: LlmRequest): Json {
  const { model, maxTokens, tools } = request;
  const isSampled = !refusesSampling.test(model);
  return {
    model,
    messages: request.messages.map(toMessage),
    ...(maxTokens !== undefined && {
      [namesNewLimit.test(model) ? "max_completion_tokens" : "max_tokens"]: maxTokens,
    }),
    ...(isSampled && samplingOf(request)),
    ...(tools &&
      tools.length > 0 && {
        tools: tools.map((tool) => ({ type: "function", function: { ...tool } })),
        ...(request.toolChoice !== undefined && { tool_choice: toolChoiceOf(request.toolChoice) }),
        ...(request.parallelToolCalls === false && { parallel_tool_calls: false }),
      }),
    ...formatOf(request.responseFormat),
    ...(request.stream && { stream: true, stream_options: { include_usage: true } }),
  };
}

function samplingOf(request: LlmRequest): Json {
  const { temperature, topP, frequencyPenalty, presencePenalty, stop } = request;
  return {
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { top_p: topP }),
    ...(frequencyPenalty !== undefined && { frequency_penalty: frequencyPenalty }),
    ...(presencePenalty !== undefined && { presence_penalty: presencePenalty }),
    ...(stop && stop.length > 0 && { stop }),
  };
}

function toMessage(message: PromptMessage): Json {
  const { role, content } = message;
  if (role === "tool") return { role, content, tool_call_id: message.toolCallId };
  if (role === "user" && message.images?.length) {
    const text = content === "" ? [] : [{ type: "text", text: content }];
    const images = message.images.map(({ url, detail }) => ({
      type: "image_url",
      image_url: { url, ...(detail && { detail }) },
    }));
    return { role, content: [...text, ...images] };
  }
  if (role !== "assistant" || !message.toolCalls?.length) return { role, content };
  const tool_calls = message.toolCalls.map(({ id, name, arguments: args }) => ({
    id,
    type: "function",
    // Some servers read them for the model's template and fail on what is no JSON.
    function: { name, arguments: isJsonObject(args) ? args : "{}" },
  }));
  return { role, content: content === "" ? null : content, tool_calls };
}

function isJsonObject(text: string): boolean {
  try {
    return isObject(JSON.parse(text));
  } catch {
    return false;
  }
}

function toolChoiceOf(choice: NonNullable<LlmRequest["toolChoice"]>): unknown {
  return typeof choice === "string" ? choice : { type: "function", function: choice };
}

function formatOf(format: LlmRequest["responseFormat"]): Json {
  if (!format || format.type === "text") return {};
  if (format.type === "json") return { response_format: { type: "json_object" } };
  // Not `strict`: that mode takes only a part of JSON Schema and refuses the rest with a 400; the
  // answer is validated by us in any case.
  const { name, schema } = format;
  return { response_format: { type: "json_schema", json_schema: { name, schema, strict: false } } };
}

/** Takes a whole answer. */
export function takeOpenaiAnswer(answer: Json, builder: AnswerBuilder): void {
  takeHead(answer, builder);
  const choice = firstChoice(answer);
  const message = isObject(choice?.["message"]) ? choice["message"] : {};
  takeDelta(message, builder);
  takeFinish(choice, builder);
}

/** Takes one chunk of a stream. Members we do not know, and careless usage chunks, do no harm. */
export function takeOpenaiChunk(chunk: Json, builder: AnswerBuilder): void {
  takeHead(chunk, builder);
  const choice = firstChoice(chunk);
  if (!choice) return;
  if (isObject(choice["delta"])) takeDelta(choice["delta"], builder);
  takeFinish(choice, builder);
}

function firstChoice(answer: Json): Json | undefined {
  const choice: unknown = Array.isArray(answer["choices"]) ? answer["choices"][0] : undefined;
  return isObject(choice) ? choice : undefined;
}

function takeHead(answer: Json, builder: AnswerBuilder): void {
  const { model, usage } = answer;
  if (typeof model === "string" && model !== "") builder.model = model;
  if (!isObject(usage)) return;
  builder.promptTokens = countOf(usage["prompt_tokens"]) ?? builder.promptTokens;
  builder.completionTokens = countOf(usage["completion_tokens"]) ?? builder.completionTokens;
  const { prompt_tokens_details: read, completion_tokens_details: written } = usage;
  if (isObject(read)) builder.cachedTokens = countOf(read["cached_tokens"]);
  if (isObject(written)) builder.reasoningTokens = countOf(written["reasoning_tokens"]);
}

function takeDelta(delta: Json, builder: AnswerBuilder): void {
  const { content, refusal, tool_calls: calls } = delta;
  if (typeof content === "string") builder.text(content);
  if (typeof refusal === "string" && refusal !== "") builder.text(refusal);
  if (!Array.isArray(calls)) return;
  for (const [at, call] of calls.entries()) {
    if (!isObject(call)) continue;
    const fn = isObject(call["function"]) ? call["function"] : {};
    const { id } = call;
    const { name, arguments: args } = fn;
    builder.toolCall(typeof call["index"] === "number" ? call["index"] : at, {
      ...(typeof id === "string" && id !== "" && { id }),
      ...(typeof name === "string" && name !== "" && { name }),
      ...(typeof args === "string" && args !== "" && { argumentsDelta: args }),
    });
  }
}

function takeFinish(choice: Json | undefined, builder: AnswerBuilder): void {
  const reason = choice?.["finish_reason"];
  if (typeof reason !== "string" || reason === "") return;
  // Of the protocol's servers vLLM and SGLang say it, each under a name of its own.
  const stop = choice?.["stop_reason"] ?? choice?.["matched_stop"];
  if (typeof stop === "string") builder.stopSequence = stop;
  builder.finishReason = reasons[reason] ?? "stop";
}

const reasons: Readonly<Record<string, FinishReason>> = {
  stop: "stop",
  length: "length",
  tool_calls: "tool_calls",
  function_call: "tool_calls",
  content_filter: "content_filter",
};
