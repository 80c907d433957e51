// An answer as Anthropic's protocol has it: a message of blocks, with why it stopped and what it used.

import type { ToolCall } from "../../../actors/ports.ts";
import type { ChatAccepted, ChatReply } from "../../../actors/records/conversation.ts";
import { answererOf, sourcesOf } from "../answers.ts";

type Fields = Readonly<Record<string, unknown>>;

/** A message before its first block. `inputTokens`: as they are known, or estimated. */
export function messageHead(
  { run }: Pick<ChatAccepted, "run">,
  model: string,
  inputTokens: number,
): Fields {
  return {
    id: `msg_${run}`,
    type: "message",
    role: "assistant",
    model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: tokens(inputTokens, 0),
    run_id: run,
  };
}

/** A whole message. */
export function messageOf(model: string, reply: ChatReply): Fields {
  const { response, usage } = reply;
  return {
    ...messageHead({ run: reply.run_id }, model, usage.promptTokens),
    content: [
      ...(response === "" ? [] : [{ type: "text", text: response }]),
      ...(reply.tool_calls ?? []).map((call) => ({ ...toolUse(call), input: inputOf(call) })),
    ],
    ...stopOf(reply),
    usage: usageOf(reply),
    ...extrasOf(reply),
  };
}

/** A call of one of the caller's tools, without its arguments. */
export function toolUse({ id, name }: Pick<ToolCall, "id" | "name">): Fields {
  return { type: "tool_use", id, name, input: {}, caller: { type: "direct" } };
}

/** Its arguments; the text as it is of those that are no JSON, which whoever runs the tool refuses. */
export function inputOf({ arguments: given }: Pick<ToolCall, "arguments">): unknown {
  try {
    return JSON.parse(given);
  } catch {
    return given;
  }
}

/** Why an answer stopped. */
export function stopOf({ finish_reason: reason, stop_sequence: sequence }: ChatReply): Fields {
  return reason === "stop" && sequence !== undefined
    ? { stop_reason: "stop_sequence", stop_sequence: sequence }
    : { stop_reason: stopReasons[reason], stop_sequence: null };
}

/** Token counts; what a provider had read before is apart from the others, as the protocol has it. */
export function usageOf({ usage }: ChatReply): Fields {
  const { promptTokens, completionTokens, cachedTokens = 0 } = usage;
  return tokens(promptTokens - cachedTokens, completionTokens, cachedTokens);
}

/** What this server says beside the protocol's own. */
export function extrasOf(reply: ChatReply): Fields {
  const { routing_info, unperformed_calls } = reply;
  return {
    routing_info,
    ...sourcesOf(reply),
    ...answererOf(reply),
    ...(unperformed_calls && { unperformed_calls }),
  };
}

const stopReasons = {
  stop: "end_turn",
  length: "max_tokens",
  tool_calls: "tool_use",
  content_filter: "refusal",
} as const satisfies Record<ChatReply["finish_reason"], string>;

function tokens(input: number, output: number, cached = 0): Fields {
  const cache = { cache_creation_input_tokens: 0, cache_read_input_tokens: cached };
  return { input_tokens: input, output_tokens: output, ...cache };
}
