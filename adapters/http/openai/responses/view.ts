// A response as it is shown, made of the note of what was asked and the state of its run.

import type { ToolCall } from "../../../../actors/ports.ts";
import { reachedConstraint } from "../../../../actors/records/constraints.ts";
import type { ChatReply } from "../../../../actors/records/conversation.ts";
import type { ResponseNote } from "../../../../actors/records/response.ts";
import type { ErrorData } from "../../../../runtime/errors.ts";
import { answererOf, sourcesOf } from "../../answers.ts";
import { callIdOf, messageIdOf, responseIdOf } from "./ids.ts";
import type { Item } from "./input.ts";
import type { ResponseState } from "./state.ts";
import { namesOf } from "./tools.ts";

type Fields = Readonly<Record<string, unknown>>;

/** A whole response. `echo` is written first: nothing a request sets can hide what is so. */
export function responseView(run: string, note: ResponseNote, state: ResponseState): Fields {
  const isCut = state.status === "completed" && cutBy(state.reply) !== null;
  return {
    ...note.echo,
    id: responseIdOf(run),
    object: "response",
    created_at: note.created,
    status: isCut ? "incomplete" : state.status,
    error: state.status === "failed" ? errorOf(state.error) : null,
    incomplete_details: isCut ? { reason: cutBy(state.reply) } : null,
    output: outputOf(run, note, state),
    usage: state.status === "completed" ? usageOf(state.reply) : null,
    run_id: run,
    ...(state.status === "completed" && {
      routing_info: state.reply.routing_info,
      ...sourcesOf(state.reply),
      ...answererOf(state.reply),
    }),
  };
}

/** The items that were answered. */
export function outputOf(run: string, note: ResponseNote, state: ResponseState): readonly Item[] {
  if (state.status === "completed") {
    const { reply } = state;
    const calls = callsOf(reply);
    const isSaid = reply.response !== "" || calls.length === 0;
    const status = cutBy(reply) === null ? "completed" : "incomplete";
    const message = isSaid ? [messageItem(run, reply.response, status)] : [];
    return [...message, ...calls.map((call, at) => callItem(run, note, { at, call }))];
  }
  const shown = "shown" in state ? state.shown : undefined;
  return shown === undefined || shown === "" ? [] : [messageItem(run, shown, "incomplete")];
}

/** Calls of the caller's tools, which end an answer. */
export function callsOf(reply: ChatReply): readonly ToolCall[] {
  return reply.tool_calls ?? [];
}

/** The message of a run. */
export function messageItem(
  run: string,
  text: string | null,
  status: "in_progress" | "completed" | "incomplete",
): Item {
  const content = text === null ? [] : [textPart(text)];
  return { id: messageIdOf(run), type: "message", status, role: "assistant", content };
}

/** Its one part. */
export function textPart(text: string): Item {
  return { type: "output_text", text, annotations: [], logprobs: [] };
}

/** A call of a caller's tool, the `at`-th; one in progress has yet to get its arguments. */
export function callItem(
  run: string,
  { echo }: ResponseNote,
  { at, call }: { readonly at: number; readonly call: ToolCall },
  status: "in_progress" | "completed" = "completed",
): Item {
  return {
    id: callIdOf(run, at),
    type: "function_call",
    status,
    call_id: call.id,
    ...namesOf(call.name, echo["tools"]),
    arguments: status === "completed" ? call.arguments : "",
  };
}

/** Why an answer ends before its end; null for one that does not. */
function cutBy({ finish_reason }: ChatReply): "max_output_tokens" | "content_filter" | null {
  if (finish_reason === "length") return "max_output_tokens";
  return finish_reason === "content_filter" ? "content_filter" : null;
}

function usageOf({ usage }: ChatReply): Fields {
  const { promptTokens, completionTokens, cachedTokens = 0, reasoningTokens = 0 } = usage;
  return {
    input_tokens: promptTokens,
    input_tokens_details: { cached_tokens: cachedTokens },
    output_tokens: completionTokens,
    output_tokens_details: { reasoning_tokens: reasoningTokens },
    total_tokens: promptTokens + completionTokens,
  };
}

/** The protocol has few codes of its own; the message says which of ours it is. */
function errorOf(error: ErrorData): Fields {
  const { code, message } = error;
  if (code === "PROVIDER_LIMITED") return { code: "rate_limit_exceeded", message };
  return { code: "server_error", message: `${code}: ${message}`, ...reachedConstraint(error) };
}
