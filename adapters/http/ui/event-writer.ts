// A run as events of AG-UI, within the rules that its clients check: messages, calls and steps are begun
// once and ended before the run is.

import type { ToolCall } from "../../../actors/ports.ts";
import type { Approval } from "../../../actors/records/approval.ts";
import type { ChatEvent, ChatReply, MessageRecord } from "../../../actors/records/conversation.ts";
import { type ErrorData, toldOfRun } from "../../../runtime/errors.ts";
import { type EndedCall, OwnCalls } from "./own-calls.ts";
import type { Shown } from "./shown.ts";

/** An event, as the package @ag-ui/core has it. */
export interface AgUiEvent {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** Which run, as both sides name it. */
export interface EventStyle {
  readonly threadId: string;
  readonly runId: string;
  /** Null: there is none of ours. */
  readonly run: string | null;
  readonly conversation: string | null;
}

/** What resolves an interrupt. */
const responseSchema = {
  type: "object",
  properties: {
    approved: { type: "boolean" },
    note: { type: "string", description: "Why, for the agent." },
    arguments: { type: "object", description: "In place of the call's own." },
  },
  required: ["approved"],
} as const;

/** Writes what is shown. */
export class EventWriter {
  readonly #style: EventStyle;
  readonly #calls: OwnCalls;
  readonly #steps = new Set<string>();
  #events: AgUiEvent[] = [];
  /** Message that grows. */
  #text: string | null = null;
  /** Message that holds the calls of this round. */
  #round: string | null = null;
  #messages = 0;
  #clientCalls = 0;
  /** Step of who answers. */
  #answerer: string | null = null;

  constructor(style: EventStyle) {
    this.#style = style;
    this.#calls = new OwnCalls(style.run ?? "");
  }

  /** The first events of a connection. */
  begin(): readonly AgUiEvent[] {
    const { threadId, runId, run: run_id, conversation: conversation_key } = this.#style;
    const started = { type: "RUN_STARTED", threadId, runId };
    if (run_id === null) return [started];
    return [started, { type: "CUSTOM", name: "run", value: { run_id, conversation_key } }];
  }

  /** The messages that are kept here. */
  snapshot(messages: readonly MessageRecord[]): AgUiEvent {
    const shown = messages.map(({ id, role, content }) => ({ id, role, content }));
    return { type: "MESSAGES_SNAPSHOT", messages: shown };
  }

  /** The end of a connection on which nothing was under way. */
  idle(): AgUiEvent {
    return this.#finished({ outcome: { type: "success" } });
  }

  /** Where an earlier connection ended. */
  cut(): void {
    this.#close();
    this.#events = [];
  }

  /** The events of one thing. */
  take(shown: Shown): readonly AgUiEvent[] {
    switch (shown.type) {
      case "text":
        this.#write(shown.text);
        break;
      case "event":
        this.#event(shown.event);
        break;
      case "interrupted": {
        this.#close();
        const interrupts = shown.approvals.map((approval) => this.#interruptOf(approval));
        this.#push(this.#finished({ outcome: { type: "interrupt", interrupts } }));
        break;
      }
      case "restarted":
        this.#push({
          type: "RUN_ERROR",
          code: "STREAM_RESTARTED",
          message:
            "The answer was begun again: run the thread without messages to have it from its start.",
        });
        break;
      case "failed":
        this.#fail(shown.error);
        break;
      case "end":
        this.#end(shown.reply, shown.rest);
        break;
    }
    return this.#taken();
  }

  /** The end of a connection whose run could not be followed. */
  fail(error: ErrorData): readonly AgUiEvent[] {
    this.#fail(error);
    return this.#taken();
  }

  #taken(): readonly AgUiEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  #push(event: AgUiEvent): void {
    this.#events.push(event);
  }

  #write(text: string): void {
    // A message begins without what parts it from the one before.
    const delta = this.#text === null && this.#messages > 0 ? text.replace(/^\n+/, "") : text;
    if (delta === "") return;
    if (this.#text === null) {
      this.#text = this.#newMessage();
      this.#round = this.#text;
      this.#push({ type: "TEXT_MESSAGE_START", messageId: this.#text, role: "assistant" });
    }
    this.#push({ type: "TEXT_MESSAGE_CONTENT", messageId: this.#text, delta });
  }

  #event(event: ChatEvent): void {
    switch (event.type) {
      case "tool_call": {
        const call = this.#calls.began(event);
        this.#call({ ...call, arguments: said(call.arguments) });
        break;
      }
      case "tool_result":
        this.#ended(this.#calls.ended(event), event.result);
        break;
      case "client_tool_call":
        this.#clientCalls += 1;
        this.#call(event);
        break;
      case "approval_requested": {
        const { call, isNew } = this.#calls.asked(event);
        if (isNew) this.#call({ ...call, arguments: said(call.arguments) });
        break;
      }
      case "approval_decided": {
        const { decision } = event;
        this.#ended(this.#calls.decided(event), { decision });
        break;
      }
      default:
        this.#stepOf(event);
        this.#custom(event);
    }
  }

  /** A call is known as a whole: its arguments come in one piece. */
  #call({ id: toolCallId, name: toolCallName, arguments: delta }: ToolCall): void {
    this.#closeText();
    this.#round ??= this.#newMessage();
    const parentMessageId = this.#round;
    this.#push({ type: "TOOL_CALL_START", toolCallId, toolCallName, parentMessageId });
    if (delta !== "") this.#push({ type: "TOOL_CALL_ARGS", toolCallId, delta });
    this.#push({ type: "TOOL_CALL_END", toolCallId });
  }

  #ended(call: EndedCall | undefined, result: unknown): void {
    if (call === undefined) return;
    const { id: toolCallId } = call;
    const messageId = `${toolCallId}-result`;
    const content = said(result);
    this.#push({ type: "TOOL_CALL_RESULT", messageId, toolCallId, content, role: "tool" });
    if (this.#calls.openCount === 0) this.#round = null;
  }

  #stepOf(event: ChatEvent): void {
    if (event.type === "routing") this.#answeredBy(event.routing_info.action_name);
    else if (event.type === "handoff") this.#answeredBy(event.name);
    else if (event.type === "node") {
      this.#step(event.node, event.state === "started" || event.state === "waiting");
    } else if (event.type === "member") {
      this.#step(`${event.member} ${event.turn}`, event.state === "started");
    }
  }

  #answeredBy(name: string): void {
    if (this.#answerer !== null) this.#step(this.#answerer, false);
    this.#answerer = name;
    this.#step(name, true);
  }

  #step(stepName: string, isOpen: boolean): void {
    if (this.#steps.has(stepName) === isOpen) return;
    if (isOpen) this.#steps.add(stepName);
    else this.#steps.delete(stepName);
    this.#push({ type: isOpen ? "STEP_STARTED" : "STEP_FINISHED", stepName });
  }

  #custom(event: ChatEvent): void {
    const { type: name, ...value } = event;
    this.#push({
      type: "CUSTOM",
      name,
      value: event.type === "routing" ? event.routing_info : value,
    });
  }

  #end(reply: ChatReply, rest: string): void {
    this.#write(rest);
    // Those that a slow viewer was not told of.
    const calls = reply.tool_calls ?? [];
    for (const call of calls.slice(this.#clientCalls)) this.#call(call);
    this.#close();
    const { promptTokens: inputTokens, completionTokens: outputTokens } = reply.usage;
    const { run_id, conversation_key, message_id, finish_reason, model } = reply;
    const { output, data_collection, frontend_trigger } = reply;
    const ids = calls.map(({ id }) => id);
    this.#push(
      this.#finished({
        outcome: { type: "success", ...(ids.length > 0 && { pendingToolCallIds: ids }) },
        result: {
          ...{ run_id, conversation_key, message_id, finish_reason },
          ...(output !== undefined && { output }),
          ...(data_collection !== null && { data_collection }),
          ...(frontend_trigger !== null && { frontend_trigger }),
        },
        usage: [{ model, inputTokens, outputTokens, totalTokens: inputTokens + outputTokens }],
      }),
    );
  }

  #fail(error: ErrorData): void {
    const { code, message } = toldOfRun(error, this.#style.run ?? "");
    this.#close();
    if (code === "CANCELLED") this.#push(this.#finished({ outcome: { type: "cancelled" } }));
    else this.#push({ type: "RUN_ERROR", code, message });
  }

  #finished(fields: Readonly<Record<string, unknown>>): AgUiEvent {
    const { threadId, runId } = this.#style;
    return { type: "RUN_FINISHED", threadId, runId, ...fields };
  }

  #interruptOf({ id, tool, arguments: given, reason, expires_at, run_id }: Approval): object {
    const call = this.#calls.ofApproval(id);
    return {
      id,
      reason: "tool_call",
      message: `${reason} Approve or reject ${tool}.`.trim(),
      ...(call && { toolCallId: call.id }),
      responseSchema,
      expiresAt: expires_at,
      metadata: { tool, arguments: given, reason, run_id },
    };
  }

  #newMessage(): string {
    this.#messages += 1;
    return `msg_${this.#style.run}_${this.#messages}`;
  }

  #close(): void {
    this.#closeText();
    this.#round = null;
    this.#answerer = null;
    for (const stepName of this.#steps) this.#push({ type: "STEP_FINISHED", stepName });
    this.#steps.clear();
  }

  #closeText(): void {
    if (this.#text !== null) this.#push({ type: "TEXT_MESSAGE_END", messageId: this.#text });
    this.#text = null;
  }
}

function said(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "null");
}
