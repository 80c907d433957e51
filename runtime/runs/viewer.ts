// One subscription to a root run. It knows what its viewer has, so that whatever happens to a step
// (stored, running, run again) the viewer gets exactly the rest, or a `reset` first.

import type { Data, Outcome } from "../actor.ts";
import type { Frame } from "../frame.ts";
import type { WorkerItem } from "../message.ts";
import { type Place, placeId, type SeenText } from "../place.ts";
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

/** A text that the viewer has a part of. */
interface Sent extends SeenText {
  attempt: number;
  offset: number;
}

/**
 * One subscription, from the beginning of a run or from the place that an id names.
 *
 * Every frame's id names every text that the viewer has a part of and not the end: the one that is
 * shown, and on an event too those that were being written beside it. So what a viewer has is known
 * exactly, whoever wrote the text (another attempt, a worker that died, this process before a restart)
 * and whatever came between. A text that is to be shown is
 * - continued from its offset, when the viewer has a part of this attempt of it;
 * - reset and given from 0, when the viewer has a part of another attempt;
 * - given from 0 without a reset, when the viewer has nothing of it. How far it was shown to others,
 *   and in how many attempts, does not matter.
 * A position in the log cannot decide this: previews are shown ahead of the log, and an event may be
 * committed before, while or after a text is written. Where more texts are open than an id has room
 * for, it says that there are others (`@*`), and those it does not name are reset, had or not.
 */
export class Viewer {
  readonly id: number;
  readonly endOnly: boolean;
  /** Log entries seen. */
  entries: number;
  /** Mark of the life in which the last of them was written. */
  #life: string;
  /** The one shown last is the last. */
  readonly #texts = new Map<string, Sent>();
  #last: Sent | undefined;
  readonly #hasOthers: boolean;
  readonly #toDoor: (item: WorkerItem) => void;
  readonly #soon: (viewer: Viewer) => void;
  #pending: Frame[] = [];

  constructor(options: {
    readonly id: number;
    readonly endOnly: boolean;
    readonly start: Place;
    readonly toDoor: (item: WorkerItem) => void;
    /** Asks for `flush` at the end of this pass. */
    readonly soon: (viewer: Viewer) => void;
  }) {
    this.id = options.id;
    this.endOnly = options.endOnly;
    this.entries = options.start.entries;
    this.#life = options.start.life;
    this.#toDoor = options.toDoor;
    this.#soon = options.soon;
    this.#hasOthers = options.start.hasOthers;
    for (const text of options.start.texts.toReversed()) this.#has({ ...text });
  }

  /** Shows a frame that comes before those of the run. */
  first(frame: Frame): void {
    this.#push(frame);
  }

  /**
   * Whether a log begins with what it has seen. Frames are shown when they are committed, and what is
   * not flushed then goes with the power: the log may end before, or have another life in that place.
   */
  continues(log: readonly LogEntry[]): boolean {
    if (this.entries > log.length) return false;
    let life = "";
    for (let at = 0; at < this.entries; at += 1) life = lifeFrom(log[at], life);
    return life === this.#life;
  }

  /** Shows the log entry at position `at`; entries that are no frame only move the position. */
  entry(entry: LogEntry, at: number): void {
    if (at < this.entries) return;
    this.#life = lifeFrom(entry, this.#life);
    if (this.endOnly) {
      this.entries = at + 1;
      const { run } = entry;
      const isPause = entry.type === "try" && entry.sinceMs !== undefined;
      if (isPause) this.#push({ type: "paused", id: this.#id(run), run });
      return;
    }
    // The text's rest still counts as seen before this entry, the entry itself only after it.
    if (entry.type === "step" && entry.streamed) this.#textRest(entry);
    this.entries = at + 1;
    if (entry.type === "event") {
      const { run, event } = entry;
      this.#push({ type: "event", id: this.#id(run), run, event });
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
    this.#push({ type: "end", id: this.#id(run), run, ...end });
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
    const key = `${run}|${step}`;
    const isLast = this.#texts.get(key) === this.#last;
    this.#texts.delete(key);
    if (isLast) this.#last = [...this.#texts.values()].at(-1);
    this.#push({ type: "text-end", id: this.#id(run), run, step, attempt, text: textOf(entry) });
  }

  #textTo(of: Omit<LiveText, "text">, text: string): void {
    const { run, step, attempt } = of;
    const known = this.#texts.get(`${run}|${step}`);
    const isAnother = known?.attempt !== attempt || known.offset > text.length;
    const sent = isAnother ? { run, step, attempt, offset: 0 } : known;
    if (isAnother && (known ? known.offset > 0 : this.#hasOthers)) {
      this.#has(sent);
      this.#push({ type: "reset", id: this.#id(run), run, step, attempt });
    }
    if (sent.offset === text.length) return;
    this.#has(sent);
    const piece = text.slice(sent.offset);
    const offset = sent.offset;
    sent.offset = text.length;
    const id = this.#id(run);
    const last = this.#pending.at(-1);
    if (last?.type === "text" && last.run === run && last.step === step) {
      this.#pending[this.#pending.length - 1] = { ...last, id, text: last.text + piece };
      return;
    }
    this.#push({ type: "text", id, run, step, attempt, offset, text: piece });
  }

  /** Notes what the viewer has of a text, as the one shown last. */
  #has(sent: Sent): void {
    if (this.#last === sent) return;
    const key = `${sent.run}|${sent.step}`;
    this.#texts.delete(key);
    this.#texts.set(key, sent);
    this.#last = sent;
  }

  /** The id of where the viewer is now; `run` is named when it has no text in part. */
  #id(run: string): string {
    const entries = this.entries;
    const life = this.#life;
    const last = this.#last === undefined ? [] : [this.#last];
    const texts = this.#texts.size > 1 ? [...this.#texts.values()].reverse() : last;
    return placeId(run, { entries, life, texts, hasOthers: this.#hasOthers });
  }

  #push(frame: Frame): void {
    if (this.#pending.length === 0) this.#soon(this);
    this.#pending.push(frame);
  }
}

/** The life that goes on after an entry. */
function lifeFrom(entry: LogEntry | undefined, before: string): string {
  return entry?.type === "resumed" ? (entry.mark ?? String(entry.incarnation)) : before;
}

/** The text of a streamed step's result. */
function textOf(entry: LogEntry & { type: "step" }): string {
  return String((entry.result as { text?: unknown } | null)?.text ?? "");
}
