// One subscription to a root run. It knows what its viewer has been sent, so that whatever happens
// to a step (stored, running, run again) the viewer gets exactly the rest, or a `reset` first.

import type { Data, Outcome } from "../actor.ts";
import { type Cursor, type Frame, frameId } from "../frame.ts";
import type { WorkerItem } from "../message.ts";
import type { LogEntry } from "./log-entry.ts";

/** A text being written by a step now. */
export interface LiveText {
  readonly run: string;
  readonly step: string;
  readonly attempt: number;
  text: string;
}

/** The end of a root run as its viewers see it. */
export interface RunEnd {
  readonly outcome: Outcome;
  readonly reply: Data;
  readonly counters: Readonly<Record<string, number>>;
}

interface Sent {
  attempt: number;
  offset: number;
}

/** Where a viewer begins: the number of log entries it has seen, and how much of one text. */
export interface Start {
  readonly entries: number;
  readonly text: Cursor | null;
}

/** Reads a cursor: its step part is `key@entries`. Null when it is not one of this runtime's. */
export function startOf(cursor: Cursor | null): Start | null {
  if (cursor === null) return { entries: 0, text: null };
  const mark = cursor.step.lastIndexOf("@");
  const entries = Number(cursor.step.slice(mark + 1));
  if (mark === -1 || !Number.isSafeInteger(entries) || entries < 0) return null;
  const step = cursor.step.slice(0, mark);
  return { entries, text: step === "" ? null : { ...cursor, step } };
}

/** One subscription. */
export class Viewer {
  readonly id: number;
  readonly endOnly: boolean;
  /** Log entries seen. */
  entries: number;
  readonly #texts = new Map<string, Sent>();
  /**
   * Goes on after a cursor, which names one text at most: of others, written side by side with it,
   * the viewer may have a part already.
   */
  readonly #isLater: boolean;
  readonly #toDoor: (item: WorkerItem) => void;
  readonly #soon: (viewer: Viewer) => void;
  #pending: Frame[] = [];

  constructor(options: {
    readonly id: number;
    readonly endOnly: boolean;
    readonly start: Start;
    readonly toDoor: (item: WorkerItem) => void;
    /** Asks for `flush` at the end of this pass. */
    readonly soon: (viewer: Viewer) => void;
  }) {
    this.id = options.id;
    this.endOnly = options.endOnly;
    this.entries = options.start.entries;
    this.#toDoor = options.toDoor;
    this.#soon = options.soon;
    const text = options.start.text;
    this.#isLater = text !== null || options.start.entries > 0;
    if (text) {
      this.#texts.set(`${text.run}|${text.step}`, { attempt: text.attempt, offset: text.offset });
    }
  }

  /** Shows a frame that comes before those of the run. */
  first(frame: Frame): void {
    this.#push(frame);
  }

  /** Shows the log entry at position `at`; entries that are no frame only move the position. */
  entry(entry: LogEntry, at: number): void {
    if (at < this.entries) return;
    if (this.endOnly) {
      this.entries = at + 1;
      return;
    }
    // The text's rest still counts as seen before this entry, the entry itself only after it.
    if (entry.type === "step" && entry.streamed) this.#textRest(entry);
    this.entries = at + 1;
    if (entry.type === "event") {
      const id = frameId({ run: entry.run, step: `@${at + 1}`, attempt: 0, offset: 0 });
      this.#push({ type: "event", id, run: entry.run, event: entry.event });
    } else if (entry.type === "step" && entry.streamed) {
      this.#textEnd(entry);
    }
  }

  /** Shows a live text up to its present length. */
  live(live: LiveText): void {
    if (this.endOnly) return;
    this.#textTo(live, live.text);
  }

  /** Shows the end; nothing follows. */
  end(run: string, end: RunEnd): void {
    const id = frameId({ run, step: `@${this.entries}`, attempt: 0, offset: 0 });
    this.#push({ type: "end", id, run, ...end });
    this.flush();
  }

  /** Sends what is pending. */
  flush(): void {
    if (this.#pending.length === 0) return;
    const frames = this.#pending;
    this.#pending = [];
    this.#toDoor({ type: "frames", id: this.id, frames });
  }

  #textRest(entry: LogEntry & { type: "step" }): void {
    this.#textTo({ run: entry.run, step: entry.key, attempt: entry.attempt }, textOf(entry));
  }

  #textEnd(entry: LogEntry & { type: "step" }): void {
    const { run, key: step, attempt } = entry;
    const text = textOf(entry);
    this.#texts.delete(`${run}|${step}`);
    const id = frameId({ run, step: `@${this.entries}`, attempt, offset: text.length });
    this.#push({ type: "text-end", id, run, step, attempt, text });
  }

  #textTo(of: Omit<LiveText, "text">, text: string): void {
    const { run, step, attempt } = of;
    const key = `${run}|${step}`;
    let sent = this.#texts.get(key);
    if (sent ? sent.attempt !== attempt || sent.offset > text.length : this.#isLater) {
      this.#push({ type: "reset", id: this.#textId(of, 0), run, step, attempt });
      sent = undefined;
    }
    if (sent === undefined) {
      sent = { attempt, offset: 0 };
      this.#texts.set(key, sent);
    }
    if (sent.offset === text.length) return;
    const piece = text.slice(sent.offset);
    const offset = sent.offset;
    sent.offset = text.length;
    const id = this.#textId(of, text.length);
    const last = this.#pending.at(-1);
    if (last?.type === "text" && last.run === run && last.step === step) {
      this.#pending[this.#pending.length - 1] = { ...last, id, text: last.text + piece };
      return;
    }
    this.#push({ type: "text", id, run, step, attempt, offset, text: piece });
  }

  #textId(of: Omit<LiveText, "text">, offset: number): string {
    const { run, step, attempt } = of;
    return frameId({ run, step: `${step}@${this.entries}`, attempt, offset });
  }

  #push(frame: Frame): void {
    if (this.#pending.length === 0) this.#soon(this);
    this.#pending.push(frame);
  }
}

/** The text of a streamed step's result. */
function textOf(entry: LogEntry & { type: "step" }): string {
  return String((entry.result as { text?: unknown } | null)?.text ?? "");
}
