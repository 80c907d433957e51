// What a trace and a log say of an event that a run has shown: names, ids and counts. What people and models
// said stays out of them.

import type { ChatEvent } from "../records/conversation.ts";
import { type Attributes, type AttributeValue, attributes } from "./span.ts";

type Type = ChatEvent["type"];

/** Fields of events that are neither what somebody said nor what was found. */
const fields: { readonly [T in Type]?: readonly (keyof Extract<ChatEvent, { type: T }>)[] } = {
  tool_call: ["id", "name"],
  tool_result: ["id", "name"],
  client_tool_call: ["id", "name"],
  node: ["node", "state"],
  approval_requested: ["id", "tool"],
  approval_decided: ["id", "tool", "decision", "by"],
  auth_required: ["id", "integration"],
  auth_settled: ["id", "integration", "outcome"],
  waiting_for_target: ["id", "target"],
  target_settled: ["id", "target", "outcome"],
  escalated: ["to"],
  handoff: ["from", "to"],
  member: ["member", "turn", "state", "depth"],
  team_stop: ["by"],
  memory_written: ["id", "status"],
  memory_skipped: ["reason"],
};

/** An event, by name. */
export interface ShownEvent {
  readonly name: string;
  readonly attributes: Attributes;
}

/** What is said of it; null: it is no event with a type. */
export function shownEvent(given: unknown): ShownEvent | null {
  const event = (given ?? {}) as ChatEvent;
  if (typeof event.type !== "string") return null;
  return { name: `troupe.${event.type}`, attributes: saidOf(event) };
}

/** Why a call of a tool came to nothing, as the model was told; null: it gave something. */
export function toolFailure(
  result: unknown,
): { readonly code: string; readonly text: string } | null {
  const { error } = (result ?? {}) as {
    readonly error?: { readonly code?: unknown; readonly message?: unknown };
  };
  if (typeof error?.code !== "string") return null;
  return { code: error.code, text: typeof error.message === "string" ? error.message : error.code };
}

function saidOf(event: ChatEvent): Attributes {
  switch (event.type) {
    case "routing": {
      const { selected_action, action_name, method, confidence } = event.routing_info;
      return attributes({ action: selected_action, name: action_name, method, confidence });
    }
    case "guardrail":
      return attributes({
        rules: event.findings.map(({ rule }) => rule),
        actions: event.findings.map(({ action }) => action),
      });
    case "sources":
      return attributes({ count: event.sources.length });
    case "memories":
      return attributes({ count: event.memories.length });
    case "team_plan":
      return attributes({ tasks: event.tasks.length });
    default: {
      const values = event as unknown as Readonly<Record<string, unknown>>;
      return attributes(
        Object.fromEntries((fields[event.type] ?? []).map((name) => [name, plain(values[name])])),
      );
    }
  }
}

function plain(value: unknown): AttributeValue | null {
  const isPlain = ["string", "number", "boolean"].includes(typeof value);
  return isPlain ? (value as AttributeValue) : null;
}
