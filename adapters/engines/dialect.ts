// What tells one coding agent's command line from another's: its arguments, what it is told on its standard input,
// and what its lines mean. One file a dialect.

import type { WorkUsage } from "../../actors/engines/works.ts";
import type { Json } from "./json-lines.ts";

/** What a line said. */
export type Said =
  /** Where this work can be gone on with. */
  | { readonly type: "session"; readonly id: string }
  /** More of what viewers see. */
  | { readonly type: "text"; readonly text: string }
  | {
      readonly type: "tool_call";
      readonly id: string;
      readonly name: string;
      readonly arguments: unknown;
    }
  | {
      readonly type: "tool_result";
      readonly id: string;
      readonly name: string;
      readonly result: unknown;
    }
  | { readonly type: "notice"; readonly text: string }
  /** Used so far, all of it, and what that cost in US dollars where it says so. */
  | { readonly type: "usage"; readonly usage: WorkUsage; readonly costUsd?: number }
  /** To be written to its standard input. */
  | { readonly type: "reply"; readonly line: Json }
  | TurnEnd;

/** A turn is over. There may be another one, of what was said meanwhile. */
export interface TurnEnd {
  readonly type: "end";
  /** What it said at last. */
  readonly answer: string;
  /** Why it did not end well. */
  readonly fault?: { readonly why: string; readonly limit?: "max_turns" | "max_cost" };
}

/** Which process, as the engine's record says. */
export interface AgentOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly model?: string;
  readonly maxTurns?: number;
  readonly maxCostUsd?: number;
  /** As the dialect has them: a permission mode, or a sandbox. */
  readonly permissionMode?: string;
  readonly allowedTools?: readonly string[];
  readonly disallowedTools?: readonly string[];
  readonly instruction?: string;
  readonly session?: string;
}

/** One life of a process, as its lines are read. */
export interface Conversation {
  /** What a line means; nothing for what is not known. */
  read(line: Json): readonly Said[];
}

/** A command line's language. */
export interface Dialect {
  readonly command: string;
  argv(options: AgentOptions): readonly string[];
  /** What its standard input is given first. */
  task(text: string, options: AgentOptions): string;
  /** Whether its input stays open while it works: it can be told more, and asked to stop. */
  readonly isOpen: boolean;
  /** One more message of the user; of those whose input stays open. */
  more?(text: string): string;
  /** Asks it to stop and to say what it has used. */
  interrupt?(): string;
  converse(): Conversation;
}

/** Names of sessions that may stand in a command: never an option. */
const SESSION = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,199}$/;

/** Whether a session's name is one. */
export function isSession(text: string): boolean {
  return SESSION.test(text);
}

/** An option and its value, where there is one. */
export function option(name: string, value: string | number | undefined): readonly string[] {
  return value === undefined || value === "" ? [] : [name, String(value)];
}
