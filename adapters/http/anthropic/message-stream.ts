// An answer as the events of Anthropic's protocol, in its order: the message begins, blocks begin, grow
// and end one after the other, then why it stopped and what it used. Where text was taken back the stream
// ends with the error `stream_restarted`, because a block cannot shrink.

import type { ToolCall } from "../../../actors/ports.ts";
import { type ErrorData, toErrorData } from "../../../runtime/errors.ts";
import type { Frame } from "../../../runtime/frame.ts";
import { createAnswerReader, type Told } from "../answer-reader.ts";
import { type ErrorPlace, errorBody } from "../reply.ts";
import type { HttpResponse } from "../server.ts";
import type { Attached } from "../services/answering.ts";
import { eventStream, type SseEvent } from "../sse.ts";
import { restartedError } from "./errors.ts";
import { extrasOf, inputOf, messageHead, stopOf, toolUse, usageOf } from "./message.ts";

/** What a stream is written with. */
export interface MessageStyle {
  readonly model: string;
  /** Estimated: what was really used is known at the end. */
  readonly inputTokens: number;
  readonly place: ErrorPlace;
}

const PING = event({ type: "ping" });

interface Writer {
  readonly style: MessageStyle;
  readonly run: string;
  /** Index of the block that is open, or null. */
  open: number | null;
  /** Blocks begun so far, and calls among them. */
  blocks: number;
  calls: number;
  isDone: boolean;
}

/** Writes frames as they come; a slow client is waited for, a gone one leaves the run to itself. */
export function messageStream({ accepted, frames }: Attached, style: MessageStyle): HttpResponse {
  const writer: Writer = {
    style,
    run: accepted.run,
    open: null,
    blocks: 0,
    calls: 0,
    isDone: false,
  };
  const reader = createAnswerReader();
  const write = (frame: Frame): readonly SseEvent[] => {
    const told = writer.isDone ? null : reader.take(frame);
    return told === null ? [] : eventsOf(writer, told);
  };
  return eventStream(
    async ({ send, signal }) => {
      try {
        const message = messageHead(accepted, style.model, style.inputTokens);
        await send([event({ type: "message_start", message })]);
        for await (const batch of frames) {
          await send(batch.flatMap(write));
          if (signal.aborted || writer.isDone) return;
        }
      } catch (error) {
        if (!signal.aborted && !writer.isDone) await send(failed(writer, toErrorData(error)));
      }
    },
    { ping: PING },
  );
}

function eventsOf(writer: Writer, told: Told): readonly SseEvent[] {
  switch (told.type) {
    case "text":
      return textEvents(writer, told.text);
    case "event":
      return told.event.type === "client_tool_call" ? callEvents(writer, told.event) : [];
    case "restarted":
      return restarted(writer);
    case "end":
      return endEvents(writer, told);
    case "failed":
      return failed(writer, told.error);
  }
}

function textEvents(writer: Writer, text: string): readonly SseEvent[] {
  const begin = writer.open === null ? [blockStart(writer, { type: "text", text: "" })] : [];
  return [...begin, blockDelta(writer, { type: "text_delta", text })];
}

/** A call is known as a whole: its arguments come in one piece. */
function callEvents(writer: Writer, call: ToolCall): readonly SseEvent[] {
  writer.calls += 1;
  const partial_json = JSON.stringify(inputOf(call));
  return [
    ...blockStop(writer),
    blockStart(writer, toolUse(call)),
    blockDelta(writer, { type: "input_json_delta", partial_json }),
    ...blockStop(writer),
  ];
}

function endEvents(
  writer: Writer,
  { reply, rest }: Extract<Told, { type: "end" }>,
): readonly SseEvent[] {
  const text = rest === "" ? [] : textEvents(writer, rest);
  // Those that a slow viewer was not told of.
  const calls = (reply.tool_calls ?? []).slice(writer.calls);
  const blocks = calls.flatMap((call) => callEvents(writer, call));
  const stop = blockStop(writer);
  writer.isDone = true;
  return [
    ...text,
    ...blocks,
    ...stop,
    event({
      type: "message_delta",
      delta: stopOf(reply),
      usage: usageOf(reply),
      ...extrasOf(reply),
    }),
    event({ type: "message_stop" }),
  ];
}

function blockStart(writer: Writer, content_block: object): SseEvent {
  writer.open = writer.blocks;
  writer.blocks += 1;
  return event({ type: "content_block_start", index: writer.open, content_block });
}

function blockDelta(writer: Writer, delta: object): SseEvent {
  return event({ type: "content_block_delta", index: writer.open, delta });
}

function blockStop(writer: Writer): readonly SseEvent[] {
  const index = writer.open;
  writer.open = null;
  return index === null ? [] : [event({ type: "content_block_stop", index })];
}

function failed(writer: Writer, error: ErrorData): readonly SseEvent[] {
  writer.isDone = true;
  return [errorEvent(errorBody(error, writer.style.place))];
}

/** What was shown is not what is stored: the run has the answer. */
function restarted(writer: Writer): readonly SseEvent[] {
  const { run, style } = writer;
  const message = `The answer was begun again: GET /v2/runs/${run} has it when it has ended.`;
  writer.isDone = true;
  return [errorEvent(restartedError(message, style.place.requestId))];
}

function errorEvent(body: unknown): SseEvent {
  return { event: "error", data: JSON.stringify(body) };
}

function event(value: { readonly type: string; readonly [field: string]: unknown }): SseEvent {
  return { event: value.type, data: JSON.stringify(value) };
}
