// An answer as chat.completion.chunk events: the stream of document 001's chat and of OpenAI's
// protocol. Where text was taken back the stream ends with `stream_restarted`, because a chunk cannot
// say so.

import type { ChatAccepted, ChatEvent, ChatReply } from "../../actors/records/conversation.ts";
import type { ErrorData } from "../../runtime/errors.ts";
import type { Frame } from "../../runtime/frame.ts";
import { createAnswerReader, type Told } from "./answer-reader.ts";
import type { SseEvent } from "./sse.ts";

/** How a surface writes chunks. */
export interface ChunkStyle {
  readonly accepted: ChatAccepted;
  readonly model: string;
  /** Seconds since the epoch. */
  readonly created: number;
  /** Delta of the first chunk: OpenAI's has an empty content, document 001's has none. */
  readonly roleDelta: Readonly<Record<string, string>>;
  /** Where usage goes: on the chunk with finish_reason, in a chunk of its own, or nowhere. */
  readonly usage: "with-finish" | "own-chunk" | "none";
  /** Extra members of the first and of the last chunk. */
  first(): Readonly<Record<string, unknown>>;
  last(reply: ChatReply, balanceMicros: number | undefined): Readonly<Record<string, unknown>>;
  /** The value of a `data:` line that ends a stream with an error. */
  error(error: ErrorData): StreamError;
  /** Frame id the viewer saw last: nothing before it is written again. */
  readonly after?: string;
}

/** An error as a surface shows it. */
export interface StreamError {
  readonly error: Readonly<Record<string, unknown>>;
}

/** Turns frames into events. */
export interface ChunkWriter {
  /** Events of some frames; [] when they show nothing. */
  take(frames: readonly Frame[]): readonly SseEvent[];
  /** The event of an error that is no frame; [] when the last event has been given. */
  fail(error: ErrorData): readonly SseEvent[];
  /** Whether the last event has been given. */
  isDone(): boolean;
}

interface State {
  hasRole: boolean;
  isDone: boolean;
  lastId: string;
}

/** Said while an answer waits for a target, and when it goes on. */
const AWAY = "A target is away: the answer goes on when it is back.";
const BACK = "The target is back.";

type Choice = { readonly delta: object; readonly finish_reason: string | null };

/** A writer for one connection. */
export function createChunkWriter(style: ChunkStyle): ChunkWriter {
  const state: State = {
    hasRole: style.after !== undefined,
    isDone: false,
    lastId: style.after ?? "",
  };
  const reader = createAnswerReader(style.after);
  return {
    take: (frames) => {
      const events: SseEvent[] = [];
      for (const frame of frames) {
        if (state.isDone) break;
        if ("id" in frame) state.lastId = frame.id;
        const told = reader.take(frame);
        if (told !== null) events.push(...eventsOf(style, state, told));
      }
      return events;
    },
    fail: (error) => (state.isDone ? [] : failed(style, state, error)),
    isDone: () => state.isDone,
  };
}

function eventsOf(style: ChunkStyle, state: State, told: Told): readonly SseEvent[] {
  switch (told.type) {
    case "event":
      return chatEvents(style, state, told.event);
    case "text":
      return contentEvents(style, state, told.text);
    case "restarted":
      return restarted(style, state);
    case "end":
      return endEvents(style, state, told);
    case "failed":
      return failed(style, state, told.error);
  }
}

/** What an answer rests on, and that it waits for a target, are chunks without text. */
function chatEvents(style: ChunkStyle, state: State, event: ChatEvent): readonly SseEvent[] {
  if (event.type === "client_tool_call") return callEvents(style, state, event);
  if (event.type === "waiting_for_target") return besideText(style, state, { notice: AWAY });
  if (event.type === "target_settled" && event.outcome === "back") {
    return besideText(style, state, { notice: BACK });
  }
  if (event.type !== "sources") return roleOf(style, state, event);
  const { type: _, ...extra } = event;
  return besideText(style, state, extra);
}

/** A chunk without text. */
function besideText(style: ChunkStyle, state: State, extra: object): readonly SseEvent[] {
  const role = state.hasRole ? [] : [roleEvent(style, state, style.first())];
  return [...role, chunkEvent(style, state, { delta: {}, finish_reason: null }, extra)];
}

/** The role chunk is sent when routing is known, once. */
function roleOf(style: ChunkStyle, state: State, event: ChatEvent): readonly SseEvent[] {
  if (event.type !== "routing" || state.hasRole) return [];
  const extra = { ...style.first(), routing_info: event.routing_info };
  return [roleEvent(style, state, extra)];
}

function roleEvent(style: ChunkStyle, state: State, extra: object): SseEvent {
  state.hasRole = true;
  return chunkEvent(style, state, { delta: style.roleDelta, finish_reason: null }, extra);
}

function contentEvents(style: ChunkStyle, state: State, text: string): readonly SseEvent[] {
  const events = state.hasRole ? [] : [roleEvent(style, state, style.first())];
  const choice = { delta: { content: text }, finish_reason: null };
  return [...events, chunkEvent(style, state, choice, {})];
}

/** A call of the caller's: in one delta, as its arguments are whole. */
function callEvents(
  style: ChunkStyle,
  state: State,
  { index, id, name, arguments: given }: Extract<ChatEvent, { type: "client_tool_call" }>,
): readonly SseEvent[] {
  const role = state.hasRole ? [] : [roleEvent(style, state, style.first())];
  const call = { index, id, type: "function", function: { name, arguments: given } };
  const choice = { delta: { tool_calls: [call] }, finish_reason: null };
  return [...role, chunkEvent(style, state, choice, {})];
}

function endEvents(
  style: ChunkStyle,
  state: State,
  { reply, rest, counters }: Extract<Told, { type: "end" }>,
): readonly SseEvent[] {
  const text = rest === "" ? [] : contentEvents(style, state, rest);
  const role = state.hasRole ? [] : [roleEvent(style, state, style.first())];
  const usage = usageOf(reply);
  const extra = {
    ...style.last(reply, counters["balance"]),
    ...(style.usage === "with-finish" ? { usage } : {}),
  };
  const finish = { delta: {}, finish_reason: reply.finish_reason };
  const own =
    style.usage === "own-chunk" ? [event(state, { ...head(style), choices: [], usage })] : [];
  state.isDone = true;
  return [
    ...role,
    ...text,
    chunkEvent(style, state, finish, extra),
    ...own,
    { id: state.lastId, data: "[DONE]" },
  ];
}

/** Token counts as both surfaces show them. */
export function usageOf({ usage }: Pick<ChatReply, "usage">): Readonly<Record<string, unknown>> {
  const { promptTokens, completionTokens, cachedTokens, reasoningTokens } = usage;
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    ...(cachedTokens !== undefined && { prompt_tokens_details: { cached_tokens: cachedTokens } }),
    ...(reasoningTokens !== undefined && {
      completion_tokens_details: { reasoning_tokens: reasoningTokens },
    }),
  };
}

function failed(style: ChunkStyle, state: State, error: ErrorData): readonly SseEvent[] {
  state.isDone = true;
  return [event(state, style.error(error))];
}

/** What was shown is not what is stored: the client attaches again and reads from the start. */
function restarted(style: ChunkStyle, state: State): readonly SseEvent[] {
  state.isDone = true;
  const body = style.error({
    code: "WORKER_LOST",
    message: "The answer was begun again: attach to its run again for the text from the start.",
  });
  const error = { ...body.error, code: "stream_restarted", run_id: style.accepted.run };
  return [event(state, { ...body, error })];
}

function head(style: ChunkStyle): object {
  return {
    id: `chatcmpl-${style.accepted.run}`,
    object: "chat.completion.chunk",
    created: style.created,
    model: style.model,
  };
}

function chunkEvent(style: ChunkStyle, state: State, choice: Choice, extra: object): SseEvent {
  const { delta, finish_reason } = choice;
  const choices = [{ index: 0, delta, finish_reason }];
  // Who asked for usage in a chunk of its own is told in the others that it is not there.
  const usage = style.usage === "own-chunk" ? { usage: null } : {};
  return event(state, { ...head(style), choices, ...usage, ...extra });
}

function event(state: State, value: unknown): SseEvent {
  const data = JSON.stringify(value);
  return state.lastId === "" ? { data } : { id: state.lastId, data };
}
