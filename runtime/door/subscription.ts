// One viewer of a run on main: an async iterator over frames with a bounded buffer. A viewer that
// reads too slowly loses what is buffered, is told so by a `gap`, and is followed again from the
// last frame it was given once it reads on; so it ends up with the whole text and nothing grows.

import { RuntimeError } from "../errors.ts";
import { type Frame, frameId, parseFrameId } from "../frame.ts";
import { roughBytes } from "../kernel/size.ts";
import { parsePlace, placeId, type SeenText, START } from "../place.ts";

type Batch = IteratorResult<readonly Frame[], undefined>;

const DONE: Batch = { done: true, value: undefined };
/** Rough size of what a frame holds beside its text. */
const FRAME_BYTES = 256;

/** What a subscription asks of the door. */
export interface SubscriptionHost {
  /** Sends what opens the subscription. */
  open(subscription: Subscription): void;
  /** Follows the run again after the last frame given. */
  follow(subscription: Subscription): void;
  /** Forgets it, here and, unless it has ended, at the worker. */
  close(subscription: Subscription, hasEnded: boolean): void;
}

/** A subscription, in the order of its life: opened, accepted, following, closed. */
export class Subscription implements AsyncIterator<readonly Frame[], undefined> {
  readonly endOnly: boolean;
  /** The root run; known once accepted. */
  run: string | undefined;
  readonly #host: SubscriptionHost;
  readonly #bytesMax: number;
  #frames: Frame[] = [];
  #bytes = 0;
  #isOpen = false;
  #isClosed = false;
  /** Frames were left out; followed again when what is buffered has been read. */
  #isBehind = false;
  #error: RuntimeError | undefined;
  #resolve: ((batch: Batch) => void) | undefined;
  #reject: ((error: RuntimeError) => void) | undefined;
  /**
   * How much of each text that has not ended the viewer has: what it came with, and what it was given
   * or will be before anything that comes later.
   */
  readonly #shown: SeenText[];
  /** It came with parts of more texts than its id could name. */
  readonly #hasOthers: boolean;
  /** Id of the last frame given to the viewer. */
  #lastId: string | undefined;

  constructor(
    host: SubscriptionHost,
    options: { bytesMax: number; endOnly: boolean; run?: string; after?: string },
  ) {
    this.#host = host;
    this.#bytesMax = options.bytesMax;
    this.endOnly = options.endOnly;
    this.run = options.run;
    this.#lastId = options.after;
    const place = options.after === undefined ? null : parsePlace(options.after);
    const { texts, hasOthers } = place ?? START;
    this.#shown = [...texts];
    this.#hasOthers = hasOthers;
  }

  /** Whether nothing more will be pushed. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Id to follow from so that what comes continues what is buffered. */
  cursor(): string | undefined {
    return lastIdOf(this.#frames) ?? this.#lastId;
  }

  next(): Promise<Batch> {
    if (!this.#isOpen) {
      this.#isOpen = true;
      this.#host.open(this);
    }
    if (this.#frames.length > 0) return Promise.resolve(this.#hand());
    if (this.#error !== undefined) {
      const error = this.#error;
      this.#error = undefined;
      return Promise.reject(error);
    }
    if (this.#isClosed) return Promise.resolve(DONE);
    if (this.#resolve) {
      return Promise.reject(
        new Error("Frames are read one batch at a time: await the last next()."),
      );
    }
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  return(): Promise<Batch> {
    this.#frames = [];
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#host.close(this, false);
      this.#settle();
    }
    return Promise.resolve(DONE);
  }

  /** The signal of the caller aborted: with an error of ours, which says why, or as it went away. */
  handleEvent({ target }: Pick<Event, "target">): void {
    if (this.#isClosed) return;
    this.#host.close(this, false);
    const reason: unknown = (target as AbortSignal | null)?.reason;
    const gone = (): RuntimeError => new RuntimeError("CANCELLED", "The caller went away.");
    this.fail(reason instanceof RuntimeError ? reason : gone());
  }

  /** Ends with an error after what is buffered. */
  fail(error: RuntimeError): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#reject) {
      this.#reject(error);
      this.#reject = undefined;
      this.#resolve = undefined;
    } else {
      this.#error = error;
    }
  }

  /** Frames from the worker, in order. */
  push(frames: readonly Frame[]): void {
    if (this.#isClosed) return;
    if (this.#isBehind || this.#bytes > this.#bytesMax) {
      this.#fallBehind(frames.length);
      return;
    }
    for (const frame of frames) this.#push(frame);
    this.#settle();
  }

  #push(frame: Frame): void {
    switch (frame.type) {
      case "text":
        this.#pushText(frame);
        return;
      case "accepted":
        this.run = frame.run ?? undefined;
        this.#keep(frame);
        if (frame.run === null) this.#close();
        return;
      case "end":
      case "refused":
        this.#keep(frame);
        this.#close();
        return;
      case "reset":
        if (this.#isNews(frame)) this.#keep(frame);
        return;
      case "gap":
        // Without an id: the worker had to leave frames out, because main was slow.
        if (frame.id === "") this.#fallBehind(frame.frames);
        else this.#keep(frame);
        return;
      default:
        this.#keep(frame);
    }
  }

  #keep(frame: Frame): void {
    this.#frames.push(frame);
    this.#note(frame);
    // A reader that waits takes it at once; only what is kept is measured.
    if (this.#resolve === undefined) this.#bytes += FRAME_BYTES + roughBytes(frame);
  }

  #pushText(frame: Frame & { type: "text" }): void {
    const last = this.#frames.at(-1);
    if (
      last?.type === "text" &&
      last.run === frame.run &&
      last.step === frame.step &&
      last.attempt === frame.attempt &&
      last.offset + last.text.length === frame.offset
    ) {
      const text = last.text + frame.text;
      this.#frames[this.#frames.length - 1] = { ...last, id: frame.id, text };
      this.#bytes += frame.text.length * 2;
      this.#note(frame);
      return;
    }
    const rest = this.#unseen(frame);
    if (rest === undefined) return;
    this.#frames.push(rest);
    this.#bytes += FRAME_BYTES + rest.text.length * 2;
    this.#note(rest);
  }

  /**
   * The worker knows of its viewer what an id says, and an id has room for some texts only: of others
   * it resets each. Here it is known of which the viewer has a part, and of which attempt; unless it
   * came with such an id itself.
   */
  #isNews({ run, step, attempt }: Frame & { type: "reset" }): boolean {
    const shown = this.#shown.find((one) => one.step === step && one.run === run);
    return shown === undefined ? this.#hasOthers : shown.attempt !== attempt;
  }

  /** The part of a text that the viewer was not given before it was followed again, if any. */
  #unseen(frame: Frame & { type: "text" }): (Frame & { type: "text" }) | undefined {
    const shown = this.#shown.find((one) => one.step === frame.step && one.run === frame.run);
    if (shown === undefined) return frame;
    const { id, run, step, attempt } = frame;
    if (shown.attempt !== attempt) {
      // Run again while nobody followed: the viewer has to forget what it has.
      if (shown.offset > 0) this.#keep({ type: "reset", id: idAtStart(id), run, step, attempt });
      return frame;
    }
    const seen = shown.offset - frame.offset;
    if (seen <= 0) return frame;
    if (seen >= frame.text.length) return undefined;
    return { ...frame, offset: shown.offset, text: frame.text.slice(seen) };
  }

  #close(): void {
    this.#isClosed = true;
    this.#host.close(this, true);
  }

  /** Leaves frames out: what is buffered stays, a gap stands for what is not. */
  #fallBehind(frames: number): void {
    if (this.run === undefined) return;
    const last = this.#frames.at(-1);
    if (this.#isBehind && last?.type === "gap") {
      this.#frames[this.#frames.length - 1] = { ...last, frames: last.frames + frames };
      return;
    }
    const id = lastIdOf(this.#frames) ?? this.#lastId ?? placeId(this.run, START);
    this.#frames.push({ type: "gap", id, run: this.run, frames });
    this.#isBehind = true;
    this.#host.close(this, false);
    this.#settle();
  }

  #settle(): void {
    if (this.#resolve === undefined) return;
    if (this.#frames.length === 0 && !this.#isClosed) return;
    const resolve = this.#resolve;
    this.#resolve = undefined;
    this.#reject = undefined;
    resolve(this.#frames.length > 0 ? this.#hand() : DONE);
  }

  #hand(): Batch {
    const value = this.#frames;
    this.#frames = [];
    this.#bytes = 0;
    this.#lastId = lastIdOf(value) ?? this.#lastId;
    if (this.#isBehind) {
      this.#isBehind = false;
      this.#host.follow(this);
    }
    return { done: false, value };
  }

  /** Notes what the viewer has with this frame. */
  #note(frame: Frame): void {
    if (frame.type !== "text" && frame.type !== "reset" && frame.type !== "text-end") return;
    const { run, step, attempt } = frame;
    const at = this.#shown.findIndex((one) => one.step === step && one.run === run);
    if (frame.type === "text-end") {
      if (at !== -1) this.#shown.splice(at, 1);
      return;
    }
    const offset = frame.type === "reset" ? 0 : frame.offset + frame.text.length;
    this.#shown[at === -1 ? this.#shown.length : at] = { run, step, attempt, offset };
  }
}

/** The id of a text frame with nothing of its text: whoever has it and not the frame has no more. */
function idAtStart(id: string): string {
  const cursor = parseFrameId(id);
  return cursor === null ? id : frameId({ ...cursor, offset: 0 });
}

/** Id of the last frame that has one. */
function lastIdOf(frames: readonly Frame[]): string | undefined {
  for (let at = frames.length - 1; at >= 0; at -= 1) {
    const frame = frames[at];
    if (frame !== undefined && "id" in frame) return frame.id;
  }
  return undefined;
}
