// Reads the frames of one run as a viewer does, over as many subscriptions as it takes, and says what
// a viewer should never see: an event twice or out of order, a text that does not add up, a reset of a
// text of which it has nothing, two ends.

import type { Frame } from "../../../runtime/frame.ts";
import { parsePlace } from "../../../runtime/place.ts";

/** One viewer of one run. */
export class FrameReader {
  readonly #wrong: (what: string) => void;
  readonly #texts = new Map<string, { attempt: number; text: string }>();
  /** Events seen, as JSON, by the run that emitted them. */
  readonly events = new Map<string, string[]>();
  /** Texts that have ended, by run and step. */
  readonly ended = new Map<string, string>();
  run: string | undefined;
  /** The last id seen: where to go on. */
  cursor: string | undefined;
  end: (Frame & { readonly type: "end" }) | undefined;
  #isOpen = false;
  /** It came with an id that had no room for all its texts: those it lacks may be reset, seen or not. */
  #hasOthers = false;

  constructor(wrong: (what: string) => void) {
    this.#wrong = wrong;
  }

  /** Another viewer that has seen the same. */
  copy(): FrameReader {
    const copy = new FrameReader(this.#wrong);
    for (const [key, text] of this.#texts) copy.#texts.set(key, { ...text });
    for (const [run, events] of this.events) copy.events.set(run, [...events]);
    for (const [key, text] of this.ended) copy.ended.set(key, text);
    copy.run = this.run;
    copy.cursor = this.cursor;
    return copy;
  }

  /** What it has seen was lost: it begins anew. */
  forget(): void {
    this.#texts.clear();
    this.events.clear();
    this.ended.clear();
    this.cursor = undefined;
  }

  /** Another subscription begins, after the cursor. */
  again(): void {
    this.#isOpen = true;
    this.#hasOthers = this.cursor !== undefined && parsePlace(this.cursor)?.hasOthers === true;
  }

  take(frame: Frame): void {
    if (this.end !== undefined) this.#wrong(`${frame.type} after the end`);
    if (frame.type !== "accepted" && !this.#isOpen) this.#wrong(`${frame.type} before the accept`);
    if (frame.type !== "accepted" && frame.type !== "refused") this.cursor = frame.id;
    switch (frame.type) {
      case "accepted":
        this.#isOpen = true;
        if (frame.run === null) this.#wrong("accepted without a run");
        else if (this.run !== undefined && this.run !== frame.run) this.#wrong("a second run");
        else this.run = frame.run;
        return;
      case "event":
        this.#event(frame.run, JSON.stringify(frame.event));
        return;
      case "text":
        this.#text(frame);
        return;
      case "reset":
        this.#reset(frame);
        return;
      case "text-end":
        this.#textEnd(frame);
        return;
      case "end":
        this.end = frame;
        return;
      default:
        this.#wrong(`a ${frame.type} frame`);
    }
  }

  #event(run: string, event: string): void {
    const seen = this.events.get(run) ?? [];
    if (seen.includes(event)) this.#wrong(`event ${event} twice`);
    this.events.set(run, [...seen, event]);
  }

  #text(frame: Frame & { type: "text" }): void {
    const key = `${frame.run}|${frame.step}`;
    const known = this.#texts.get(key) ?? { attempt: frame.attempt, text: "" };
    if (known.attempt !== frame.attempt) {
      this.#wrong(`text of attempt ${frame.attempt} goes on from ${known.attempt}`);
    }
    if (known.text.length !== frame.offset) {
      this.#wrong(`text at ${frame.offset} after ${known.text.length} characters`);
    }
    this.#texts.set(key, { attempt: frame.attempt, text: known.text + frame.text });
  }

  #reset({ run, step }: Frame & { type: "reset" }): void {
    const hadSome = this.#texts.delete(`${run}|${step}`);
    if (!hadSome && !this.#hasOthers) this.#wrong(`reset of unseen ${run}|${step}`);
  }

  #textEnd(frame: Frame & { type: "text-end" }): void {
    const key = `${frame.run}|${frame.step}`;
    const shown = this.#texts.get(key)?.text ?? "";
    if (shown !== frame.text) this.#wrong(`shown "${shown}" where the text is "${frame.text}"`);
    if (this.ended.has(key)) this.#wrong(`two ends of ${key}`);
    this.ended.set(key, frame.text);
    this.#texts.delete(key);
  }
}
