// The frames of a run as what one viewer is told of its answer: each piece of its text once, whatever came
// twice, late or not at all. Protocols write what comes out of this, each in its own words. Text is cut
// by its offsets, so a viewer that resumes gets exactly the rest.

import type { ChatEvent, ChatReply } from "../../actors/records/conversation.ts";
import type { ErrorData } from "../../runtime/errors.ts";
import { type Frame, isAside } from "../../runtime/frame.ts";
import { parsePlace } from "../../runtime/place.ts";

/** What a frame tells. */
export type Told =
  /** The next piece of the answer. */
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "event"; readonly event: ChatEvent }
  /** What was shown is not what is stored: the viewer has to read from the start. Nothing follows. */
  | { readonly type: "restarted" }
  /** `rest`: the part of the answer that was not shown while it was written. Nothing follows. */
  | {
      readonly type: "end";
      readonly reply: ChatReply;
      readonly rest: string;
      readonly counters: Readonly<Record<string, number>>;
    }
  /** Nothing follows. */
  | { readonly type: "failed"; readonly error: ErrorData };

/** Reads for one viewer. */
export interface AnswerReader {
  /** Null for a frame that tells nothing of the answer. */
  take(frame: Frame): Told | null;
}

/** Text of one step as far as this viewer has it. `from`: where this connection's part begins. */
interface Shown {
  readonly key: string;
  readonly from: number;
  text: string;
}

interface State {
  shown: Shown | null;
  /** All text of this connection, null when it began in the middle. */
  all: string | null;
}

/** @param after frame id that the viewer saw last: nothing before it is told again. */
export function createAnswerReader(after?: string): AnswerReader {
  const state: State = { shown: shownBefore(after), all: after === undefined ? "" : null };
  return { take: (frame) => toldBy(state, frame) };
}

function toldBy(state: State, frame: Frame): Told | null {
  // What the members of a team say among themselves is in the run's own events.
  if ("run" in frame && frame.run !== null && isAside(frame.run)) return null;
  switch (frame.type) {
    case "event":
      return { type: "event", event: frame.event as ChatEvent };
    case "text":
      return previewed(state, frame);
    case "text-end":
      return settled(state, frame);
    case "reset":
      return { type: "restarted" };
    case "end":
      return ended(state, frame);
    case "refused":
      return { type: "failed", error: frame.error };
    case "accepted":
    case "gap":
    case "paused":
      return null;
  }
}

/** New text; what comes behind a hole waits for the step's whole text. */
function previewed(state: State, frame: Extract<Frame, { type: "text" }>): Told | null {
  const shown = shownOf(state, frame, frame.offset);
  const skip = shown.from + shown.text.length - frame.offset;
  if (skip < 0 || skip >= frame.text.length) return null;
  return added(state, shown, frame.text.slice(skip));
}

function settled(state: State, frame: Extract<Frame, { type: "text-end" }>): Told | null {
  const shown = shownOf(state, frame, 0);
  const end = shown.from + shown.text.length;
  if (frame.text.slice(shown.from, end) !== shown.text) return { type: "restarted" };
  return end >= frame.text.length ? null : added(state, shown, frame.text.slice(end));
}

function shownOf(
  state: State,
  { run, step, attempt }: { readonly run: string; readonly step: string; readonly attempt: number },
  offset: number,
): Shown {
  const key = `${run}:${step}:${attempt}`;
  if (state.shown?.key === key) return state.shown;
  // A viewer that comes without a cursor has nothing before what it is first given.
  const from = state.all === null ? offset : 0;
  state.shown = { key, from, text: "" };
  return state.shown;
}

function added(state: State, shown: Shown, text: string): Told {
  shown.text += text;
  if (state.all !== null) state.all += text;
  return { type: "text", text };
}

function ended(state: State, { outcome, ...frame }: Extract<Frame, { type: "end" }>): Told {
  if (outcome.status !== "completed") return { type: "failed", error: outcome.error };
  const reply = frame.reply as ChatReply;
  // An answer that was not shown while it was written comes as one piece.
  const isWhole = state.all !== null && reply.response.startsWith(state.all);
  const rest = isWhole ? reply.response.slice(state.all?.length) : "";
  return { type: "end", reply, rest, counters: frame.counters };
}

function shownBefore(after: string | undefined): Shown | null {
  const texts = after === undefined ? undefined : parsePlace(after)?.texts;
  const text = texts?.find(({ run }) => !isAside(run));
  if (text === undefined) return null;
  return { key: `${text.run}:${text.step}:${text.attempt}`, from: text.offset, text: "" };
}
