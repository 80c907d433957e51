// What a rule makes the fake provider do, and the answer that follows from it and from the call.

import { instanceOf, type ProviderCall, type Refusal } from "./fake-provider-call.ts";
import type { EmbeddingsAnswer } from "./fake-provider-extras.ts";
import type { Answer, AnsweredTool } from "./fake-provider-wire.ts";

/** What the provider does with a call. Everything unset is as a healthy service would do it. */
export interface Behaviour {
  /** The answer. Default: an echo of the last user message, or what tools and schema ask for. */
  readonly text?: string | ((call: ProviderCall) => string);
  /** The answer as the pieces it is streamed in. */
  readonly pieces?: readonly string[];
  /** The answer as JSON. */
  readonly json?: unknown;
  /** Tool calls; `arguments` as an object or as raw text (which may be invalid JSON). */
  readonly tools?: readonly { name: string; arguments: unknown; id?: string }[];
  readonly finish?: Answer["finish"];
  readonly usage?: Answer["usage"];
  /** Refuses with this status in the provider's own error shape. */
  readonly error?: Partial<Refusal> & {
    readonly status: number;
    readonly retryAfterS?: number | string;
    readonly retryAfterMs?: number;
    /** Sent instead of the error object, e.g. a proxy's HTML page. */
    readonly rawBody?: string;
  };
  /** Milliseconds before the response's head. */
  readonly firstByteMs?: number;
  /** Milliseconds between the head and the first token. */
  readonly firstTokenMs?: number;
  /** Milliseconds between tokens. Default 0: all at once. */
  readonly tokenMs?: number;
  /** Destroys the socket after so many tokens (or, unstreamed, in the middle of the body). */
  readonly cutAfter?: number;
  /** Ends the body properly after so many tokens, without the protocol's own end. */
  readonly endAfter?: number;
  /** Says nothing more: at once, after the head, or after so many tokens. */
  readonly hang?: "at-once" | "after-head" | number;
  /** Sends a frame that is no JSON after so many tokens (or, unstreamed, a broken body). */
  readonly garbageAfter?: number;
  /** Sends an error frame after so many tokens. */
  readonly errorAfter?: number;
  /** Writes the stream in pieces of so many bytes, across frames and characters. */
  readonly sliceBytes?: number;
  /** Changes the answer of an embeddings call. */
  readonly embeddings?: (answer: EmbeddingsAnswer) => unknown;
  /** Headers added to the response. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The rule serves so many calls, then the next rule is asked. Default: no end. */
  readonly times?: number;
}

/** The answer a behaviour gives to a call. */
export function answerOf(call: ProviderCall, behaviour: Behaviour, number: number): Answer {
  const tools = toolsOf(call, behaviour, number);
  const pieces = tools.length > 0 && behaviour.text === undefined ? [] : piecesOf(call, behaviour);
  const promptTokens = Math.ceil(call.prompt.length / 4);
  const written = pieces.length + tools.reduce((sum, tool) => sum + tool.arguments.length, 0);
  return {
    pieces,
    tools,
    finish: behaviour.finish ?? (tools.length > 0 ? "tool_calls" : "stop"),
    usage: behaviour.usage ?? { promptTokens, completionTokens: written },
  };
}

function piecesOf(call: ProviderCall, behaviour: Behaviour): readonly string[] {
  if (behaviour.pieces) return behaviour.pieces;
  const echo = `Echo: ${call.lastUser}`;
  const scripted = typeof behaviour.text === "function" ? behaviour.text(call) : behaviour.text;
  const json = behaviour.json ?? (call.schema && instanceOf(call.schema, echo));
  const text =
    scripted ?? (json !== undefined || call.wantsJson ? JSON.stringify(json ?? { echo }) : echo);
  return text.match(/\s*\S+\s*$|\s*\S+/g) ?? [text];
}

function toolsOf(call: ProviderCall, behaviour: Behaviour, number: number): AnsweredTool[] {
  const name = call.forcedTool === "any" ? call.tools[0]?.name : call.forcedTool;
  const spec = call.tools.find((tool) => tool.name === name);
  const echo = `Echo: ${call.lastUser}`;
  const value =
    behaviour.json ?? (typeof behaviour.text === "string" ? parse(behaviour.text) : undefined);
  const forced = spec && [
    { name: spec.name, arguments: value ?? instanceOf({ type: "object", ...spec.schema }, echo) },
  ];
  return (behaviour.tools ?? forced ?? []).map((tool, index) => ({
    id: ("id" in tool && tool.id) || `call_fake${number}_${index}`,
    name: tool.name,
    arguments: typeof tool.arguments === "string" ? tool.arguments : JSON.stringify(tool.arguments),
  }));
}

/** JSON or, for what is none, undefined (which `refusalOf` refuses). */
export function parse(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text);
  } catch {
    return undefined as unknown as Record<string, unknown>;
  }
}
