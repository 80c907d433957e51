// Frames of a run as chat.completion.chunk events: the stream of document 001's chat and of
// OpenAI's protocol. Text is cut by its offsets, so a viewer that resumes gets exactly the rest;
// where text was taken back the stream ends with `stream_restarted`, because a chunk cannot say so.

import type { ChatAccepted, ChatEvent, ChatReply } from "../../actors/records/conversation.ts";
import type { ErrorData } from "../../runtime/errors.ts";
import { type Frame, isAside } from "../../runtime/frame.ts";
import { parsePlace } from "../../runtime/place.ts";
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

/** Text of one step as far as this viewer has it. `from`: where this connection's part begins. */
interface Shown {
  readonly key: string;
  readonly from: number;
  text: string;
}

interface State {
  hasRole: boolean;
  isDone: boolean;
  lastId: string;
  shown: Shown | null;
  /** All text of this connection, null when it began in the middle. */
  all: string | null;
}

type Choice = { readonly delta: object; readonly finish_reason: string | null };

/** A writer for one connection. */
export function createChunkWriter(style: ChunkStyle): ChunkWriter {
  const state: State = {
    hasRole: style.after !== undefined,
    isDone: false,
    lastId: style.after ?? "",
    shown: shownBefore(style.after),
    all: style.after === undefined ? "" : null,
  };
  return {
    take: (frames) => {
      const events: SseEvent[] = [];
      for (const frame of frames) {
        if (!state.isDone) events.push(...eventsOf(style, state, frame));
      }
      return events;
    },
    fail: (error) => (state.isDone ? [] : failed(style, state, error)),
    isDone: () => state.isDone,
  };
}

function eventsOf(style: ChunkStyle, state: State, frame: Frame): readonly SseEvent[] {
  if ("id" in frame) state.lastId = frame.id;
  // What the members of a team say among themselves is in the run's own events.
  if ("run" in frame && frame.run !== null && isAside(frame.run)) return [];
  switch (frame.type) {
    case "event":
      return chatEvents(style, state, frame.event as ChatEvent);
    case "text": {
      const key = `${frame.run}:${frame.step}:${frame.attempt}`;
      return textEvents(style, state, { key, offset: frame.offset, text: frame.text });
    }
    case "text-end": {
      const key = `${frame.run}:${frame.step}:${frame.attempt}`;
      return truthEvents(style, state, key, frame.text);
    }
    case "reset":
      return restarted(style, state);
    case "end":
      return endEvents(style, state, frame);
    case "refused":
      return failed(style, state, frame.error);
    case "accepted":
    case "gap":
    case "paused":
      return [];
  }
}

/** What an answer rests on is a chunk without text, before the text. */
function chatEvents(style: ChunkStyle, state: State, event: ChatEvent): readonly SseEvent[] {
  if (event.type !== "sources") return roleOf(style, state, event);
  const { type: _, ...extra } = event;
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

/** New text; what comes behind a hole waits for the step's whole text. */
function textEvents(
  style: ChunkStyle,
  state: State,
  piece: { readonly key: string; readonly offset: number; readonly text: string },
): readonly SseEvent[] {
  const shown = shownOf(state, piece.key, piece.offset);
  const skip = shown.from + shown.text.length - piece.offset;
  if (skip < 0 || skip >= piece.text.length) return [];
  return contentEvents(style, state, shown, piece.text.slice(skip));
}

function truthEvents(
  style: ChunkStyle,
  state: State,
  key: string,
  text: string,
): readonly SseEvent[] {
  const shown = shownOf(state, key, 0);
  const end = shown.from + shown.text.length;
  if (text.slice(shown.from, end) !== shown.text) return restarted(style, state);
  return end >= text.length ? [] : contentEvents(style, state, shown, text.slice(end));
}

function shownOf(state: State, key: string, offset: number): Shown {
  if (state.shown?.key === key) return state.shown;
  // A viewer that comes without a cursor has nothing before what it is first given.
  const from = state.all === null ? offset : 0;
  state.shown = { key, from, text: "" };
  return state.shown;
}

function contentEvents(
  style: ChunkStyle,
  state: State,
  shown: Shown | null,
  text: string,
): readonly SseEvent[] {
  const events = state.hasRole ? [] : [roleEvent(style, state, style.first())];
  if (shown !== null) shown.text += text;
  if (state.all !== null) state.all += text;
  const choice = { delta: { content: text }, finish_reason: null };
  return [...events, chunkEvent(style, state, choice, {})];
}

function endEvents(
  style: ChunkStyle,
  state: State,
  frame: Extract<Frame, { type: "end" }>,
): readonly SseEvent[] {
  if (frame.outcome.status !== "completed") return failed(style, state, frame.outcome.error);
  const reply = frame.reply as ChatReply;
  // An answer that was not shown while it was written comes as one piece.
  const isWhole = state.all !== null && reply.response.startsWith(state.all);
  const rest = isWhole ? reply.response.slice(state.all?.length) : "";
  const text = rest === "" ? [] : contentEvents(style, state, null, rest);
  const role = state.hasRole ? [] : [roleEvent(style, state, style.first())];
  const usage = usageOf(reply);
  const extra = {
    ...style.last(reply, frame.counters["balance"]),
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
export function usageOf({ usage }: Pick<ChatReply, "usage">): Readonly<Record<string, number>> {
  const { promptTokens, completionTokens } = usage;
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
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
  return event(state, { ...head(style), choices, ...extra });
}

function event(state: State, value: unknown): SseEvent {
  const data = JSON.stringify(value);
  return state.lastId === "" ? { data } : { id: state.lastId, data };
}

function shownBefore(after: string | undefined): Shown | null {
  const texts = after === undefined ? undefined : parsePlace(after)?.texts;
  const text = texts?.find(({ run }) => !isAside(run));
  if (text === undefined) return null;
  return { key: `${text.run}:${text.step}:${text.attempt}`, from: text.offset, text: "" };
}
