// Frames of a run as events of the Responses protocol, each with a sequence number that is always the
// same: the events follow from the run's log alone, however its text came and whoever reads it when. So
// `starting_after` needs no state: the events are made again from the first frame on, and those up to
// that number are left out.
//
// A number is the place among the events, and 1,000,000 more for every attempt at a text before the one
// that counts: a call of a model that a crash has cut is made anew, and what a client has of the lost
// text has numbers that no event has any more. It is told so (`stream_restarted`), and never given the
// end of one text behind the beginning of another.

import type { ToolCall } from "../../../../actors/ports.ts";
import type { ChatReply } from "../../../../actors/records/conversation.ts";
import type { ResponseNote } from "../../../../actors/records/response.ts";
import type { ErrorData } from "../../../../runtime/errors.ts";
import { type Frame, isAside } from "../../../../runtime/frame.ts";
import type { SseEvent } from "../../sse.ts";
import { messageIdOf } from "./ids.ts";
import type { Item } from "./input.ts";
import { segmentEnd } from "./segments.ts";
import { type ResponseState, stateOfOutcome } from "./state.ts";
import { callItem, callsOf, messageItem, responseView, textPart } from "./view.ts";

/** Between the numbers of two attempts at one text: more than an answer has events. */
export const ATTEMPT_NUMBERS = 1_000_000;

/** An error as the protocol's error objects have it. */
export interface WireError {
  readonly type: string;
  readonly code: string;
  readonly message: string;
  readonly param: string | null;
}

/** What a connection is sent. */
export interface WriterOptions {
  readonly run: string;
  readonly note: ResponseNote;
  /** Number of the last event that the client has; null: none. */
  readonly after: number | null;
  error(error: ErrorData): WireError;
}

/** A text being shown. */
interface Text {
  readonly key: string;
  attempt: number;
  text: string;
  /** How much of it has been made into deltas. */
  at: number;
  isWhole: boolean;
}

type Fields = Readonly<Record<string, unknown>>;

/** Turns frames, from the first of a run on, into events. */
export class ResponseWriter {
  readonly #options: WriterOptions;
  #events: SseEvent[] = [];
  #place = 0;
  /** Attempts that were lost, of all texts so far. */
  #lost = 0;
  #isDone = false;
  /** Whether the event before the next one is what the client has seen last. */
  #hasJoined: boolean;
  /** Those that are not shown to their end, in the order in which they began. */
  readonly #texts: Text[] = [];
  /** Text of the message; null while there is none. */
  #said: string | null = null;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#hasJoined = options.after === null;
    const response = responseView(options.run, options.note, { status: "in_progress" });
    this.#emit("response.created", { response });
    this.#emit("response.in_progress", { response });
  }

  /** Whether the last event has been given. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** Events of some frames, and those that were made before. */
  take(frames: readonly Frame[]): readonly SseEvent[] {
    for (const frame of frames) if (!this.#isDone) this.#frame(frame);
    const events = this.#events;
    this.#events = [];
    return events;
  }

  /** The event of an error that is no frame; [] when the last event has been given. */
  fail(error: ErrorData): readonly SseEvent[] {
    if (!this.#isDone) this.#error(this.#options.error(error));
    return this.take([]);
  }

  #frame(frame: Frame): void {
    if ("run" in frame && frame.run !== null && isAside(frame.run)) return;
    switch (frame.type) {
      case "text": {
        const text = this.#textOf(frame);
        // Behind a hole nothing is known before the text's end.
        if (frame.offset <= text.text.length) {
          text.text += frame.text.slice(text.text.length - frame.offset);
        }
        this.#drain();
        return;
      }
      case "text-end": {
        const text = this.#textOf(frame);
        if (!frame.text.startsWith(text.text.slice(0, text.at))) {
          this.#restarted();
          return;
        }
        text.text = frame.text;
        text.isWhole = true;
        this.#drain();
        return;
      }
      case "reset": {
        const text = this.#texts.find(({ key }) => key === keyOf(frame));
        if (text === undefined || text.at > 0) {
          this.#restarted();
          return;
        }
        text.attempt = frame.attempt;
        text.text = "";
        return;
      }
      case "end":
        this.#end(frame);
        return;
      default:
        return;
    }
  }

  #textOf(frame: Frame & { readonly type: "text" | "text-end" }): Text {
    const key = keyOf(frame);
    const known = this.#texts.find((text) => text.key === key);
    if (known !== undefined) {
      if (known.at === 0 && known.attempt !== frame.attempt) {
        known.attempt = frame.attempt;
        known.text = "";
      }
      return known;
    }
    const text: Text = { key, attempt: frame.attempt, text: "", at: 0, isWhole: false };
    this.#texts.push(text);
    return text;
  }

  /** Texts one after the other: of two at once the second waits for the end of the first. */
  #drain(): void {
    for (let text = this.#texts[0]; text !== undefined && !this.#isDone; text = this.#texts[0]) {
      this.#deltas(text);
      if (!text.isWhole) return;
      this.#texts.shift();
    }
  }

  #deltas(text: Text): void {
    for (;;) {
      const end = segmentEnd(text.text, text.at, text.isWhole);
      if (end === -1 || this.#isDone) return;
      if (this.#said === null) this.#openMessage();
      if (text.at === 0) this.#lost += text.attempt - 1;
      const delta = text.text.slice(text.at, end);
      text.at = end;
      this.#said = (this.#said ?? "") + delta;
      this.#emit("response.output_text.delta", { ...this.#ofText(), delta, logprobs: [] });
    }
  }

  #openMessage(): void {
    const { run } = this.#options;
    this.#said = "";
    const item = messageItem(run, null, "in_progress");
    this.#emit("response.output_item.added", { output_index: 0, item });
    this.#emit("response.content_part.added", { ...this.#ofText(), part: textPart("") });
  }

  #ofText(): Fields {
    return { item_id: messageIdOf(this.#options.run), output_index: 0, content_index: 0 };
  }

  #end(frame: Frame & { readonly type: "end" }): void {
    const { run, note } = this.#options;
    const state = stateOfOutcome(run, frame.outcome, frame.reply);
    if ("shown" in state && state.shown !== undefined) this.#cut(state.shown);
    if (this.#isDone) return;
    if (state.status === "completed") this.#answered(state);
    if (this.#isDone) return;
    const response = responseView(run, note, state);
    this.#emit(lastEvent(response), { response });
    if (!this.#hasJoined && !this.#isDone) this.#notKnown();
    this.#isDone = true;
  }

  /** A text that was cut has no end of its own: the run's end says how far all of them were shown. */
  #cut(shown: string): void {
    const said = this.#said ?? "";
    if (!shown.startsWith(said) || shown === said) return;
    const open = this.#texts.find(({ isWhole }) => !isWhole);
    const text = open ?? { key: "", attempt: 1, text: "", at: 0, isWhole: false };
    text.text = text.text.slice(0, text.at) + shown.slice(said.length);
    text.isWhole = true;
    if (open === undefined) this.#texts.push(text);
    this.#drain();
  }

  #answered(state: ResponseState & { readonly status: "completed" }): void {
    const { reply } = state;
    const calls = callsOf(reply);
    this.#rest(reply, calls);
    let index = this.#said === null ? 0 : 1;
    if (this.#said !== null) this.#closeMessage(reply);
    for (const [at, call] of calls.entries()) {
      this.#call(at, index, call);
      index += 1;
    }
  }

  /** What was not shown while it was written, which is all of it when nobody was to watch. */
  #rest({ response }: ChatReply, calls: readonly ToolCall[]): void {
    const said = this.#said ?? "";
    if (!response.startsWith(said)) return;
    const text = response.slice(said.length);
    if (this.#said === null && (text !== "" || calls.length === 0)) this.#openMessage();
    this.#deltas({ key: "", attempt: 1, text, at: 0, isWhole: true });
  }

  #closeMessage({ response: text, finish_reason }: ChatReply): void {
    const of = this.#ofText();
    const isCut = finish_reason === "length" || finish_reason === "content_filter";
    const item = messageItem(this.#options.run, text, isCut ? "incomplete" : "completed");
    this.#emit("response.output_text.done", { ...of, text, logprobs: [] });
    this.#emit("response.content_part.done", { ...of, part: textPart(text) });
    this.#emit("response.output_item.done", { output_index: 0, item });
  }

  #call(at: number, output_index: number, call: ToolCall): void {
    const { run, note } = this.#options;
    const added: Item = callItem(run, note, { at, call }, "in_progress");
    const of = { item_id: added["id"], output_index };
    this.#emit("response.output_item.added", { output_index, item: added });
    if (call.arguments !== "") {
      this.#emit("response.function_call_arguments.delta", { ...of, delta: call.arguments });
    }
    this.#emit("response.function_call_arguments.done", {
      ...of,
      name: added["name"],
      arguments: call.arguments,
    });
    const item = callItem(run, note, { at, call });
    this.#emit("response.output_item.done", { output_index, item });
  }

  #restarted(): void {
    this.#error({
      type: "server_error",
      code: "stream_restarted",
      message: `The answer was begun again: read the stream of ${this.#options.run} from its start.`,
      param: null,
    });
  }

  #notKnown(): void {
    this.#error({
      type: "invalid_request_error",
      code: "invalid",
      message: "This response has no event with the number that starting_after names.",
      param: "starting_after",
    });
  }

  /** Both forms that clients read: flat as OpenAI documents it, and under `error`. */
  #error(error: WireError): void {
    const { type: _, ...flat } = error;
    this.#isDone = true;
    this.#push("error", { sequence_number: this.#next(), ...flat, error });
  }

  #emit(type: string, fields: Fields): void {
    const { after } = this.#options;
    const sequence_number = this.#next();
    this.#place += 1;
    if (after !== null && sequence_number <= after) {
      this.#hasJoined = sequence_number === after;
      return;
    }
    if (!this.#hasJoined) {
      // The event it has seen last is not among those of this run any more.
      this.#restarted();
      return;
    }
    this.#push(type, { sequence_number, ...fields });
  }

  #next(): number {
    return this.#place + this.#lost * ATTEMPT_NUMBERS;
  }

  #push(type: string, fields: Fields): void {
    this.#events.push({ event: type, data: JSON.stringify({ type, ...fields }) });
  }
}

function keyOf({ run, step }: { readonly run: string; readonly step: string }): string {
  return `${run}:${step}`;
}

/** The protocol has no event of a response that was cancelled: what it says of itself tells. */
function lastEvent({ status }: Fields): string {
  if (status === "completed" || status === "incomplete") return `response.${status}`;
  return "response.failed";
}
