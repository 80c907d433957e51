// A run as the chunks of an AI SDK UI message: one assistant message whose parts grow in order. Own tools
// are dynamic ones that the provider executes, so that a client shows them and runs nothing; the caller's
// are static ones, which it runs.

import type { ToolCall } from "../../../actors/ports.ts";
import type { ChatEvent, ChatReply, Source } from "../../../actors/records/conversation.ts";
import { type ErrorData, toldOfRun } from "../../../runtime/errors.ts";
import { type EndedCall, type OwnCall, OwnCalls } from "./own-calls.ts";
import type { Shown } from "./shown.ts";

/** A chunk of the stream, as `uiMessageChunkSchema` of the package `ai` has it. */
export interface Chunk {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** Which message. */
export interface ChunkStyle {
  readonly run: string;
  readonly conversation: string | null;
  /** Id of the message that grows. */
  readonly messageId: string;
}

const finishReasons: Readonly<Record<ChatReply["finish_reason"], string>> = {
  stop: "stop",
  length: "length",
  tool_calls: "tool-calls",
  content_filter: "content-filter",
};

/** Of an own call, in every chunk that may say so. */
const own = { dynamic: true, providerExecuted: true } as const;

/** Writes what is shown. Every chunk of a run is the same on every connection. */
export class ChunkWriter {
  readonly #style: ChunkStyle;
  readonly #calls: OwnCalls;
  #chunks: Chunk[] = [];
  #text: string | null = null;
  #texts = 0;
  #clientCalls = 0;
  #isStepOpen = false;
  /** The calls of the step have results: what comes next is the model's again. */
  #isAnswered = false;

  constructor(style: ChunkStyle) {
    this.#style = style;
    this.#calls = new OwnCalls(style.run);
  }

  /** The first chunk of a connection. */
  begin(): readonly Chunk[] {
    const { run: run_id, conversation: conversation_key, messageId } = this.#style;
    return [{ type: "start", messageId, messageMetadata: { run_id, conversation_key } }];
  }

  /** Where an earlier connection ended. */
  cut(): void {
    this.#closeStep();
    this.#chunks = [];
  }

  /** The chunks of one thing. */
  take(shown: Shown): readonly Chunk[] {
    switch (shown.type) {
      case "text":
        this.#write(shown.text);
        break;
      case "event":
        this.#event(shown.event);
        break;
      case "interrupted":
        this.#closeStep();
        this.#push({ type: "finish", finishReason: "tool-calls" });
        break;
      case "restarted":
        this.#restarted();
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
  fail(error: ErrorData): readonly Chunk[] {
    this.#fail(error);
    return this.#taken();
  }

  #taken(): readonly Chunk[] {
    const chunks = this.#chunks;
    this.#chunks = [];
    return chunks;
  }

  #push(chunk: Chunk): void {
    this.#chunks.push(chunk);
  }

  #write(text: string): void {
    // A part begins without what parts it from the one before.
    const delta = this.#text === null && this.#texts > 0 ? text.replace(/^\n+/, "") : text;
    if (delta === "") return;
    this.#openStep();
    if (this.#text === null) {
      this.#texts += 1;
      this.#text = `text-${this.#texts}`;
      this.#push({ type: "text-start", id: this.#text });
    }
    this.#push({ type: "text-delta", id: this.#text, delta });
  }

  #event(event: ChatEvent): void {
    switch (event.type) {
      case "tool_call":
        this.#called(this.#calls.began(event));
        break;
      case "tool_result":
        this.#ended(this.#calls.ended(event), event.result);
        break;
      case "client_tool_call":
        this.#clientCall(event);
        break;
      case "approval_requested":
        this.#asked(event);
        break;
      case "approval_decided": {
        const { decision } = event;
        this.#ended(this.#calls.decided(event), { decision });
        break;
      }
      case "sources":
        for (const source of event.sources) this.#push(sourcePart(source));
        break;
      case "routing":
        this.#push({ type: "data-routing", id: "routing", data: event.routing_info });
        break;
      default: {
        const { type, ...data } = event;
        this.#push({ type: `data-${type.replaceAll("_", "-")}`, ...idOf(event), data });
      }
    }
  }

  #called({ id: toolCallId, name: toolName, arguments: input }: OwnCall): void {
    this.#openStep();
    this.#closeText();
    const call = { toolCallId, toolName, ...own };
    this.#push({ type: "tool-input-start", ...call });
    this.#push({ type: "tool-input-available", ...call, input });
  }

  #ended(call: EndedCall | undefined, output: unknown): void {
    if (call === undefined) return;
    this.#isAnswered = this.#calls.openCount === 0;
    const { id: toolCallId, isRejected } = call;
    const errorText = errorOf(output);
    if (isRejected) this.#push({ type: "tool-output-denied", toolCallId });
    else if (errorText !== null) {
      this.#push({ type: "tool-output-error", toolCallId, errorText, ...own });
    } else this.#push({ type: "tool-output-available", toolCallId, output, ...own });
  }

  #asked(event: Extract<ChatEvent, { type: "approval_requested" }>): void {
    const { call, isNew } = this.#calls.asked(event);
    if (isNew) this.#called(call);
    const { id: approvalId, reason, expires_at } = event;
    const approvalDescriptor = { reason, expires_at };
    const of = { approvalId, toolCallId: call.id, approvalDescriptor };
    this.#push({ type: "tool-approval-request", ...of });
  }

  #clientCall({ id: toolCallId, name: toolName, arguments: given }: ToolCall): void {
    this.#openStep();
    this.#closeText();
    this.#clientCalls += 1;
    this.#push({ type: "tool-input-start", toolCallId, toolName });
    if (given !== "") {
      this.#push({ type: "tool-input-delta", toolCallId, inputTextDelta: given });
    }
    const input = parsed(given);
    if (input !== undefined) {
      this.#push({ type: "tool-input-available", toolCallId, toolName, input });
      return;
    }
    const errorText = "The arguments are no JSON.";
    this.#push({ type: "tool-input-error", toolCallId, toolName, input: given, errorText });
  }

  #end(reply: ChatReply, rest: string): void {
    this.#write(rest);
    // Those that a slow viewer was not told of.
    for (const call of (reply.tool_calls ?? []).slice(this.#clientCalls)) this.#clientCall(call);
    if (reply.output !== undefined) this.#push({ type: "data-output", data: reply.output });
    if (reply.frontend_trigger !== null) {
      this.#push({ type: "data-frontend-trigger", data: reply.frontend_trigger });
    }
    if (reply.data_collection !== null) {
      this.#push({ type: "data-collection", data: reply.data_collection });
    }
    this.#closeStep();
    const { promptTokens, completionTokens } = reply.usage;
    const usage = {
      inputTokens: promptTokens,
      outputTokens: completionTokens,
      totalTokens: promptTokens + completionTokens,
    };
    const { message_id, model } = reply;
    const finishReason = finishReasons[reply.finish_reason];
    this.#push({ type: "finish", finishReason, messageMetadata: { message_id, model, usage } });
  }

  #fail(error: ErrorData): void {
    const { code, message } = toldOfRun(error, this.#style.run);
    this.#closeStep();
    if (code === "CANCELLED") this.#push({ type: "abort", reason: message });
    else this.#push({ type: "error", errorText: message });
  }

  #restarted(): void {
    const errorText = "The answer was begun again: resume the stream for it from its start.";
    this.#push({ type: "error", errorText });
  }

  #openStep(): void {
    if (this.#isAnswered) this.#closeStep();
    if (this.#isStepOpen) return;
    this.#isStepOpen = true;
    this.#push({ type: "start-step" });
  }

  #closeStep(): void {
    this.#closeText();
    this.#isAnswered = false;
    if (this.#isStepOpen) this.#push({ type: "finish-step" });
    this.#isStepOpen = false;
  }

  #closeText(): void {
    if (this.#text !== null) this.#push({ type: "text-end", id: this.#text });
    this.#text = null;
  }
}

/** A part of the same id takes the place of the one before. */
function idOf(event: ChatEvent): { readonly id?: string } {
  if (event.type === "node") return { id: `node-${event.node}` };
  return event.type === "member" ? { id: `member-${event.turn}-${event.member}` } : {};
}

/** A source as a chunk, and as the part of a message that it becomes. */
export function sourcePart({ chunk_id, title, text, ...source }: Source): Chunk {
  const { document_id, collection_key, score, relevance, headings, span, page } = source;
  const place = { document_id, collection_key, score, relevance, headings, span, text };
  return {
    type: "source-document",
    sourceId: chunk_id,
    mediaType: "text/plain",
    title,
    providerMetadata: { troupe: { ...place, ...(page !== undefined && { page }) } },
  };
}

/** What a tool's failure says; null for a result. */
function errorOf(output: unknown): string | null {
  const { error } = (output ?? {}) as { readonly error?: { readonly message?: unknown } };
  return typeof error?.message === "string" ? error.message : null;
}

function parsed(text: string): unknown {
  try {
    return text === "" ? {} : JSON.parse(text);
  } catch {
    return undefined;
  }
}
