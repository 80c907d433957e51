// Tools in the model loop: each call is a journaled step of its own, calls of one round run side by
// side, and what a tool says, errors too, goes back to the model. A run that is resumed takes the
// stored results; what of a call was under way is decided by the tool's `repeat`.

import type { Repeat, RunContext } from "../../runtime/actor.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { limits } from "../limits.ts";
import type { Ports, PromptMessage, ToolCall, ToolSpec } from "../ports.ts";
import type { ChatEvent } from "../records/conversation.ts";

/** A call as its tool gets it. */
export interface ToolUse {
  readonly arguments: Readonly<Record<string, unknown>>;
  /** Names this call over crashes and repetitions. */
  readonly operation: string;
  readonly signal: AbortSignal;
}

/** A tool that a model may call. */
export interface Tool {
  readonly spec: ToolSpec;
  /** What a call that was under way when the process died means. */
  readonly repeat: Repeat;
  /** Plain data for the model. @throws RuntimeError: the model is told code and message. */
  perform(use: ToolUse): Promise<unknown>;
}

/** Where a round of calls stands. */
export interface ToolRound {
  /** `answer.turn`, unique within the run. */
  readonly name: string;
  /** Whether viewers are told. */
  readonly show: boolean;
}

/** Performs calls side by side; the answers as messages, in the order of the calls. */
export async function performCalls(
  context: RunContext<Ports>,
  tools: readonly Tool[],
  calls: readonly ToolCall[],
  round: ToolRound,
): Promise<readonly PromptMessage[]> {
  return await Promise.all(
    calls.map(async (call, at): Promise<PromptMessage> => {
      const content =
        at < limits.toolCalls
          ? await performCall(context, tools, call, { ...round, name: `${round.name}.${at + 1}` })
          : said({ error: { message: `At most ${limits.toolCalls} calls at once.` } });
      return { role: "tool", content, toolCallId: call.id };
    }),
  );
}

async function performCall(
  context: RunContext<Ports>,
  tools: readonly Tool[],
  call: ToolCall,
  { name, show }: ToolRound,
): Promise<string> {
  const { id } = call;
  const given = argumentsOf(call);
  const emit = (key: string, event: ChatEvent): void => {
    if (show) context.emit(key, event);
  };
  emit(`tool-call:${name}`, {
    type: "tool_call",
    id,
    name: call.name,
    arguments: given ?? call.arguments,
  });
  const tool = tools.find(({ spec }) => spec.name === call.name);
  const result =
    tool === undefined
      ? failure("NOT_FOUND", `There is no tool ${call.name}.`)
      : given === null
        ? failure("BAD_JSON", "The arguments are no JSON object.")
        : await stepOf(context, tool, `tool:${name}`, given);
  emit(`tool-result:${name}`, { type: "tool_result", id, name: call.name, result });
  return said(result);
}

async function stepOf(
  context: RunContext<Ports>,
  tool: Tool,
  key: string,
  given: Readonly<Record<string, unknown>>,
): Promise<unknown> {
  const operation = `${context.id}/${key}`;
  try {
    return await context.step(
      key,
      async ({ signal }) => {
        try {
          return await tool.perform({ arguments: given, operation, signal });
        } catch (error) {
          // What may be better later is tried again by the step.
          if (!(error instanceof RuntimeError) || error.retryable || signal.aborted) throw error;
          return failure(error.code, error.message);
        }
      },
      { repeat: tool.repeat, timeoutMs: limits.toolMs, input: { name: tool.spec.name, given } },
    );
  } catch (error) {
    const isTold = error instanceof RuntimeError && error.retryable && !context.signal.aborted;
    if (!isTold) throw error;
    return failure(error.code, error.message);
  }
}

const failure = (code: string, message: string) => ({ error: { code, message } });

function said(result: unknown): string {
  return (JSON.stringify(result) ?? "null").slice(0, limits.toolResultChars);
}

function argumentsOf(call: ToolCall): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(call.arguments === "" ? "{}" : call.arguments);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? (value as Readonly<Record<string, unknown>>) : null;
  } catch {
    return null;
  }
}
