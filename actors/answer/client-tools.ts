// The caller's own tools within an answer: the model is offered them beside the agent's, and when it calls
// one the run ends and the caller performs it. What of the agent's tools was called in the same breath is
// not performed: its result would be lost, and the model, which is asked again, would call it again.

import type { RunContext } from "../../runtime/actor.ts";
import { type ErrorData, fromErrorData, RuntimeError } from "../../runtime/errors.ts";
import { clientCallId } from "../client-call.ts";
import { limits } from "../limits.ts";
import type { LlmRequest, Ports, PromptMessage, ToolCall, ToolChoice, ToolSpec } from "../ports.ts";
import type { ChatEvent, CompletionMessage } from "../records/conversation.ts";
import { targetNamed } from "../targets.ts";
import { beginningOf, failure } from "../tools/result.ts";
import type { Tool } from "../tools/tool.ts";
import type { Answer } from "../turn-input.ts";
import type { Asked } from "./history.ts";
import type { Work } from "./work.ts";

/** The tools of a caller in one answer. */
export interface ClientTools {
  readonly specs: readonly ToolSpec[];
  readonly choice: ToolChoice;
  readonly isParallel: boolean;
}

/** Calls of one word of a model, by who performs them. */
export interface SplitCalls {
  readonly client: readonly ToolCall[];
  readonly own: readonly ToolCall[];
}

/**
 * The caller's tools for this answer; undefined when there are none to offer.
 * @throws INVALID with a pointer: a name that a tool of the agent has, a call required of the built-in
 * answerer, which makes none.
 */
export function clientToolsOf(
  { asked, input, isBuiltin }: Pick<Work, "asked" | "input" | "isBuiltin">,
  own: readonly Tool[],
): ClientTools | undefined {
  const { tools = [], tool_choice: choice = "auto", ...rest } = asked.sent?.overrides ?? {};
  if (tools.length === 0 || choice === "none" || input.clientTools !== true) return undefined;
  if (isBuiltin) {
    if (choice === "auto") return undefined;
    throw invalid("The built-in answerer calls no tools, so none can be required.", "/tool_choice");
  }
  const names = new Set(own.map(({ spec }) => spec.name));
  for (const [at, { name }] of tools.entries()) {
    if (names.has(name)) throw nameTaken(name, `/tools/${at}`);
  }
  return { specs: tools, choice, isParallel: rest.parallel_tool_calls !== false };
}

/** What a model is offered. Where a caller's tool must be called there is nothing else to call. */
export function offeredTools(
  own: readonly ToolSpec[],
  client: ClientTools | undefined,
): Pick<LlmRequest, "tools" | "toolChoice" | "parallelToolCalls"> {
  if (client === undefined) return { tools: own };
  const { specs, choice, isParallel } = client;
  const isForced = choice === "required" || typeof choice === "object";
  return {
    tools: isForced ? specs : [...own, ...specs],
    ...(isForced && { toolChoice: choice }),
    ...(!isParallel && { parallelToolCalls: false as const }),
  };
}

/**
 * Who performs what; of a caller that takes one call at a time the first. The caller's have ids that name the
 * run: what it did before them is found by those when their results come.
 */
export function splitCalls(
  calls: readonly ToolCall[],
  client: ClientTools | undefined,
  run: string,
): SplitCalls {
  const names = new Set(client?.specs.map(({ name }) => name));
  const theirs = calls.filter(({ name }) => names.has(name));
  const taken = client?.isParallel === false ? theirs.slice(0, 1) : theirs;
  return {
    client: taken.map((call, at) => ({ ...call, id: clientCallId(run, at) })),
    own: calls.filter(({ name }) => !names.has(name)),
  };
}

/**
 * What an answer that ended so is given back with. `before`: what the model was sent since its first call, the
 * rounds of its own tools.
 */
export function endedWith(
  { client, own }: SplitCalls,
  before: readonly PromptMessage[],
): Pick<Answer, "toolCalls" | "unperformedCalls" | "ownRounds"> {
  return {
    toolCalls: client,
    ...(own.length > 0 && { unperformedCalls: own }),
    ...(before.length > 0 && { ownRounds: keptRounds(before) }),
  };
}

/** Results cut to their share of the room; what was said meanwhile is a part of the answer already. */
function keptRounds(rounds: readonly PromptMessage[]): readonly PromptMessage[] {
  const results = rounds.filter(({ role }) => role === "tool").length;
  const charsMax = Math.floor(limits.ownRoundsChars / Math.max(1, results));
  return rounds.map((message) => {
    if (message.role !== "tool") return { ...message, content: "" };
    const { content } = message;
    if (content.length <= charsMax) return message;
    return { ...message, content: `${beginningOf(content, charsMax)} [cut]` };
  });
}

const NOT_PERFORMED =
  "Not performed: the run has ended with calls of the caller's tools. The model may call it again.";

/** Shows the calls that end a run, and those of the agent's own tools that were not performed for it. */
export function tellCalls(
  context: RunContext<Ports>,
  { client, own }: SplitCalls,
  { name, show }: { readonly name: string; readonly show: boolean },
): void {
  if (!show) return;
  const emit = (key: string, event: ChatEvent): void => context.emit(key, event);
  for (const [at, call] of own.entries()) {
    const { id, name: tool } = call;
    const key = `${name}.own${at + 1}`;
    const about = { id, name: tool };
    emit(`tool-call:${key}`, { type: "tool_call", ...about, arguments: call.arguments });
    const result = failure("NOT_PERFORMED", NOT_PERFORMED);
    emit(`tool-result:${key}`, { type: "tool_result", ...about, result });
  }
  for (const [index, { id, name: tool, arguments: given }] of client.entries()) {
    const event = { type: "client_tool_call", index, id, name: tool, arguments: given } as const;
    emit(`client-call:${name}.${index + 1}`, event);
  }
}

/** Images are refused where the model takes none. @throws INVALID with the pointer of the first. */
export function checkTakesImages({ asked, model, context }: Work): void {
  for (const [at, message] of (asked.sent?.messages ?? []).entries()) {
    const image = message.role === "user" ? message.images?.[0] : undefined;
    if (image === undefined || context.ports.llm.takesImages(model)) continue;
    const who = model === "" ? "The model" : `The model ${model}`;
    throw invalid(`${who} takes no images.`, image.pointer ?? `/messages/${at}`);
  }
}

/** Those of an agent whose pinned version has a graph. @throws INVALID with a pointer. */
export function refuseClientParts(sent: Asked["sent"], agent: string): void {
  const fault = sent === undefined ? null : clientFault(sent, targetNamed(agent));
  if (fault !== null) throw fromErrorData(fault);
}

/** Why a team, a workflow or an agent with a graph cannot answer this: it has no way to pass it on. */
export function clientFault(sent: CompletionMessage, target: string): ErrorData | null {
  const part = clientPartOf(sent);
  if (part === null) return null;
  const message = `${target} takes no ${part.what}: several answer for it. Ask an agent without a graph.`;
  return { code: "INVALID", message, details: { pointer: part.pointer } };
}

function clientPartOf({ overrides, messages }: CompletionMessage) {
  if ((overrides.tools ?? []).length > 0) return { what: "tools", pointer: "/tools" };
  if (overrides.top_k !== undefined) return { what: "top_k", pointer: "/top_k" };
  for (const [at, message] of messages.entries()) {
    const pointer = `/messages/${at}`;
    if (message.role === "tool") return { what: "results of tools", pointer };
    if (message.role === "user" && (message.images ?? []).length > 0) {
      return { what: "images", pointer: message.images?.[0]?.pointer ?? pointer };
    }
  }
  return null;
}

/** Of a tool whose name one of the agent's own has. */
export function nameTaken(name: string, pointer: string): RuntimeError {
  return invalid(`The agent has a tool ${name} of its own: name yours otherwise.`, pointer);
}

function invalid(message: string, pointer: string): RuntimeError {
  return new RuntimeError("INVALID", message, { pointer });
}
