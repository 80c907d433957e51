// The frames of a run as the events of a task: text as pieces of the answer's artifact, waits for a
// person as input-required, and at the end the state that ends it. Every viewer is shown the same in
// the same order, whenever it comes.

import { type Message, type Part, type StreamResponse, TaskState } from "@a2a-js/sdk";
import type { ChatEvent, ChatReply } from "../../actors/records/conversation.ts";
import { type Frame, isAside } from "../../runtime/frame.ts";
import {
  addressOf,
  answerOf,
  artifactOf,
  connectRequest,
  failure,
  question,
  stateOf,
  textPart,
} from "./task.ts";

/** Which task. */
export interface StreamOf {
  readonly taskId: string;
  readonly contextId: string;
  /** Where this server is for others; null: it does not know. */
  readonly publicUrl: string | null;
  nowMs(): number;
}

/** Turns frames into events. */
export class TaskStream {
  readonly #of: StreamOf;
  // The same whatever the task was shown as when the stream began: all viewers see the same events.
  #state = TaskState.TASK_STATE_SUBMITTED;
  /** All text shown so far; of it the last `#shown.length` units are of the step `#key`. */
  #all = "";
  #key = "";
  #shown = "";
  /** What comes next takes the place of what was shown. */
  #isFresh = true;
  #open = new Set<string>();

  constructor(of: StreamOf) {
    this.#of = of;
  }

  /** Events of a batch. */
  take(frames: readonly Frame[]): readonly StreamResponse[] {
    return frames.flatMap((frame) => this.#eventsOf(frame));
  }

  #eventsOf(frame: Frame): readonly StreamResponse[] {
    // What the members of a team say among themselves is no part of the answer.
    if ("run" in frame && frame.run !== null && frame.type !== "event" && isAside(frame.run)) {
      return [];
    }
    switch (frame.type) {
      case "event":
        return this.#eventOf(frame.event as ChatEvent);
      case "text": {
        this.#at(`${frame.run}:${frame.step}:${frame.attempt}`);
        const skip = this.#shown.length - frame.offset;
        if (skip < 0 || skip >= frame.text.length) return [];
        return this.#text(frame.text.slice(skip));
      }
      case "text-end":
        this.#at(`${frame.run}:${frame.step}:${frame.attempt}`);
        if (!frame.text.startsWith(this.#shown)) this.#forget();
        return this.#text(frame.text.slice(this.#shown.length));
      case "reset":
        this.#forget();
        return [];
      case "end":
        return this.#endOf(frame);
      default:
        return [];
    }
  }

  /** Text of another step follows on what there is. */
  #at(key: string): void {
    if (this.#key === key) return;
    this.#key = key;
    this.#shown = "";
  }

  /** The step is done again: its text goes, that of the steps before it is shown again with what comes. */
  #forget(): void {
    this.#all = this.#all.slice(0, this.#all.length - this.#shown.length);
    this.#shown = "";
    this.#isFresh = true;
  }

  #text(text: string): readonly StreamResponse[] {
    if (text === "") return [];
    this.#all += text;
    this.#shown += text;
    const working = this.#turnTo(TaskState.TASK_STATE_WORKING);
    const append = !this.#isFresh;
    const piece = this.#artifact([textPart(append ? text : this.#all)], { append, isLast: false });
    this.#isFresh = false;
    return [...working, piece];
  }

  #eventOf(event: ChatEvent): readonly StreamResponse[] {
    if (event.type === "approval_requested") {
      this.#open.add(event.id);
      this.#state = TaskState.TASK_STATE_INPUT_REQUIRED;
      return [this.#status(this.#state, question(this.#of, event))];
    }
    if (event.type === "approval_decided") {
      this.#open.delete(event.id);
      return this.#open.size === 0 ? this.#turnTo(TaskState.TASK_STATE_WORKING) : [];
    }
    if (event.type === "auth_required") {
      this.#open.add(event.id);
      this.#state = TaskState.TASK_STATE_AUTH_REQUIRED;
      const { remote, reason, ...asked } = event;
      const url = addressOf(this.#of.publicUrl, event.url);
      const request = { ...asked, url, ...(remote && { reason }) };
      return [this.#status(this.#state, connectRequest(this.#of, request))];
    }
    if (event.type === "auth_settled") this.#open.delete(event.id);
    return this.#open.size === 0 ? this.#turnTo(TaskState.TASK_STATE_WORKING) : [];
  }

  #endOf({ outcome, reply }: Extract<Frame, { type: "end" }>): readonly StreamResponse[] {
    this.#state = stateOf(outcome.status, null);
    if (outcome.status !== "completed") {
      return [this.#status(this.#state, failure(this.#of, outcome.error))];
    }
    const { parts } = answerOf(reply as ChatReply);
    const whole = (reply as ChatReply).response;
    const isWhole = !this.#isFresh && whole.startsWith(this.#all);
    const [first, ...data] = parts;
    const rest = isWhole ? [textPart(whole.slice(this.#all.length)), ...data] : [first, ...data];
    const last = rest.filter((part) => part !== undefined);
    return [
      this.#artifact(last, { append: isWhole, isLast: true }),
      this.#status(this.#state, undefined),
    ];
  }

  #turnTo(state: TaskState): readonly StreamResponse[] {
    if (this.#state === state) return [];
    this.#state = state;
    return [this.#status(state, undefined)];
  }

  #status(state: TaskState, message: Message | undefined): StreamResponse {
    const { taskId, contextId, nowMs } = this.#of;
    const status = { state, message, timestamp: new Date(nowMs()).toISOString() };
    const value = { taskId, contextId, status, metadata: undefined };
    return { payload: { $case: "statusUpdate", value } };
  }

  #artifact(
    parts: Part[],
    { append, isLast }: { readonly append: boolean; readonly isLast: boolean },
  ): StreamResponse {
    const { taskId, contextId } = this.#of;
    const value = { taskId, contextId, append, lastChunk: isLast, metadata: undefined };
    return {
      payload: { $case: "artifactUpdate", value: { ...value, artifact: artifactOf(parts) } },
    };
  }
}
