// The bytes of both protocols: whole answers, stream frames and errors, as the real services send
// them. Pure functions of an answer; the server paces, cuts and spoils them.

import type { ProviderCall, Refusal, Wire } from "./fake-provider-call.ts";

/** A tool call in an answer; `arguments` is JSON text. */
export interface AnsweredTool {
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
}

/** What the fake model answers. */
export interface Answer {
  readonly pieces: readonly string[];
  readonly tools: readonly AnsweredTool[];
  readonly finish: "stop" | "length" | "tool_calls" | "content_filter";
  /** `none`: not reported at all. `odd`: in the shapes of careless servers. */
  readonly usage:
    | {
        readonly promptTokens: number;
        readonly completionTokens: number;
        /** Parts of them. Default 0. */
        readonly cachedTokens?: number;
        readonly reasoningTokens?: number;
      }
    | "none"
    | "odd";
}

const TOOL_FRAGMENT_CHARS = 7;

const fragmentsOf = (text: string): string[] =>
  text.match(new RegExp(`[^]{1,${TOOL_FRAGMENT_CHARS}}`, "g")) ?? [];

const stopReasons = {
  stop: "end_turn",
  length: "max_tokens",
  tool_calls: "tool_use",
  content_filter: "refusal",
} as const;

const errorTypes: Record<Wire, Record<number, string>> = {
  openai: {
    400: "invalid_request_error",
    401: "invalid_request_error",
    403: "permission_error",
    404: "invalid_request_error",
    429: "rate_limit_error",
  },
  anthropic: {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
  },
};

/** An error body in the provider's shape. */
export function errorBody(wire: Wire, refusal: Refusal): string {
  const fallback = wire === "openai" ? "server_error" : "api_error";
  const type = refusal.type ?? errorTypes[wire][refusal.status] ?? fallback;
  const { message } = refusal;
  if (wire === "anthropic") {
    return JSON.stringify({ type: "error", error: { type, message }, request_id: "req_fake" });
  }
  const { param = null, code = null } = refusal;
  return JSON.stringify({ error: { message, type, param, code } });
}

/** A whole answer. */
export function answerBody(call: ProviderCall, answer: Answer, number: number): string {
  return call.wire === "openai"
    ? openaiBody(call, answer, number)
    : anthropicBody(call, answer, number);
}

/** The frames of a streamed answer, one for each write. */
export function answerFrames(call: ProviderCall, answer: Answer, number: number): Frames {
  return call.wire === "openai"
    ? openaiFrames(call, answer, number)
    : anthropicFrames(call, answer, number);
}

/** Frames before the first token, one per token, and after the last. */
export interface Frames {
  readonly head: readonly string[];
  readonly tokens: readonly string[];
  readonly tail: readonly string[];
}

/** An error frame in the middle of a stream. */
export function errorFrame(wire: Wire, refusal: Refusal): string {
  const data = errorBody(wire, refusal);
  return wire === "openai" ? `data: ${data}\n\n` : `event: error\ndata: ${data}\n\n`;
}

function openaiUsage(answer: Answer): Record<string, unknown> | null {
  if (answer.usage === "none") return null;
  if (answer.usage === "odd") return { prompt_tokens: null, completion_tokens: "7" };
  const { promptTokens, completionTokens, cachedTokens = 0, reasoningTokens = 0 } = answer.usage;
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: reasoningTokens, audio_tokens: 0 },
  };
}

function openaiBody(call: ProviderCall, answer: Answer, number: number): string {
  const text = answer.pieces.join("");
  const message = {
    role: "assistant",
    content: answer.tools.length > 0 && text === "" ? null : text,
    refusal: null,
    annotations: [],
    ...(answer.tools.length > 0 && {
      tool_calls: answer.tools.map(({ id, name, arguments: args }) => ({
        id,
        type: "function",
        function: { name, arguments: args },
      })),
    }),
  };
  const usage = openaiUsage(answer);
  return JSON.stringify({
    id: `chatcmpl-fake${number}`,
    object: "chat.completion",
    created: Math.floor(call.at / 1000),
    model: call.model,
    choices: [{ index: 0, message, logprobs: null, finish_reason: answer.finish }],
    ...(usage && { usage }),
    service_tier: "default",
    system_fingerprint: "fp_fake",
  });
}

function openaiFrames(call: ProviderCall, answer: Answer, number: number): Frames {
  const base = {
    id: `chatcmpl-fake${number}`,
    object: "chat.completion.chunk",
    created: Math.floor(call.at / 1000),
    model: call.model,
    service_tier: "default",
    system_fingerprint: "fp_fake",
  };
  // A usage member (null) is on every chunk only when usage was asked for.
  const tail = call.wantsUsage ? { usage: null } : {};
  const chunk = (delta: unknown, finish: string | null = null) => {
    const choices = [{ index: 0, delta, logprobs: null, finish_reason: finish }];
    return `data: ${JSON.stringify({ ...base, choices, ...tail })}\n\n`;
  };
  const tools = answer.tools.flatMap(({ id, name, arguments: args }, index) => [
    chunk({ tool_calls: [{ index, id, type: "function", function: { name, arguments: "" } }] }),
    ...fragmentsOf(args).map((part) =>
      chunk({ tool_calls: [{ index, function: { arguments: part } }] }),
    ),
  ]);
  const usage = call.wantsUsage ? openaiUsage(answer) : null;
  return {
    head: [chunk({ role: "assistant", content: "", refusal: null })],
    tokens: [...answer.pieces.map((content) => chunk({ content })), ...tools],
    tail: [
      chunk({}, answer.finish),
      ...(usage ? [`data: ${JSON.stringify({ ...base, choices: [], usage })}\n\n`] : []),
      "data: [DONE]\n\n",
    ],
  };
}

/** What was read before is no part of its `input_tokens`. */
function anthropicUsage(answer: Answer): { input: unknown; output: unknown; cached: number } {
  if (answer.usage === "none") return { input: undefined, output: undefined, cached: 0 };
  if (answer.usage === "odd") return { input: null, output: "7", cached: 0 };
  const { promptTokens, completionTokens, cachedTokens: cached = 0 } = answer.usage;
  return { input: promptTokens - cached, output: completionTokens, cached };
}

function anthropicBody(call: ProviderCall, answer: Answer, number: number): string {
  const text = answer.pieces.join("");
  const { input, output, cached } = anthropicUsage(answer);
  return JSON.stringify({
    id: `msg_fake${number}`,
    type: "message",
    role: "assistant",
    model: call.model,
    content: [
      ...(text === "" ? [] : [{ type: "text", text }]),
      ...answer.tools.map((tool) => ({
        type: "tool_use",
        id: tool.id,
        name: tool.name,
        input: JSON.parse(tool.arguments),
      })),
    ],
    stop_reason: stopReasons[answer.finish],
    stop_sequence: null,
    ...(answer.usage !== "none" && {
      usage: {
        input_tokens: input,
        cache_creation_input_tokens: 0,
        cache_read_input_tokens: cached,
        output_tokens: output,
        service_tier: "standard",
      },
    }),
  });
}

function anthropicFrames(call: ProviderCall, answer: Answer, number: number): Frames {
  const event = (type: string, rest: object) =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...rest })}\n\n`;
  const { input, output, cached } = anthropicUsage(answer);
  const message = {
    id: `msg_fake${number}`,
    type: "message",
    role: "assistant",
    model: call.model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    ...(answer.usage !== "none" && {
      usage: {
        ...{ input_tokens: input, output_tokens: 1 },
        ...(cached > 0 && { cache_read_input_tokens: cached }),
      },
    }),
  };
  const delta = (index: number, inner: object) =>
    event("content_block_delta", { index, delta: inner });
  const hasText = answer.pieces.length > 0;
  const start = event("content_block_start", {
    index: 0,
    content_block: { type: "text", text: "" },
  });
  const stop = (index: number) => event("content_block_stop", { index });
  const texts = answer.pieces.map((text) => delta(0, { type: "text_delta", text }));
  const tools = answer.tools.flatMap(({ id, name, arguments: args }, at) => {
    const index = at + (hasText ? 1 : 0);
    const content_block = { type: "tool_use", id, name, input: {} };
    const parts = fragmentsOf(args).map((partial_json) =>
      delta(index, { type: "input_json_delta", partial_json }),
    );
    return [event("content_block_start", { index, content_block }), ...parts, stop(index)];
  });
  const final = {
    delta: { stop_reason: stopReasons[answer.finish], stop_sequence: null },
    // The count is cumulative: it replaces that of message_start.
    ...(answer.usage !== "none" && { usage: { output_tokens: output } }),
  };
  return {
    head: [event("message_start", { message }), ...(hasText ? [start] : []), event("ping", {})],
    tokens: [...texts, ...(hasText ? [stop(0)] : []), ...tools],
    tail: [event("message_delta", final), event("message_stop", {})],
  };
}
