// One viewer of a run on main: an async iterator over frames with a bounded buffer. A viewer that
// reads too slowly loses what is buffered, is told so by a `gap`, and is followed again from the
// last frame it was given once it reads on; so it ends up with the whole text and nothing grows.

import { RuntimeError } from "../errors.ts";
import { type Frame, frameId } from "../frame.ts";
import { roughBytes } from "../kernel/size.ts";

/** How much of a live text the viewer has been given. */
interface Shown {
  readonly run: string;
  readonly step: string;
  readonly attempt: number;
  readonly offset: number;
}

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
  readonly #shown: Shown[] = [];
  /** Goes on after a cursor of its viewer's: what that one has is not known here. */
  readonly #isLater: boolean;
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
    this.#isLater = options.after !== undefined;
  }

  /** Whether nothing more will be pushed. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Id to follow from so that what comes continues what is buffered. */
  cursor(): string | undefined {
    for (const frame of this.#frames) this.#note(frame);
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

  /** The signal of the caller aborted. */
  handleEvent(): void {
    if (this.#isClosed) return;
    this.#host.close(this, false);
    this.fail(new RuntimeError("CANCELLED", "The caller went away."));
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
      return;
    }
    const rest = this.#unseen(frame);
    if (rest === undefined) return;
    this.#frames.push(rest);
    this.#bytes += FRAME_BYTES + rest.text.length * 2;
  }

  /**
   * The worker resets every text that a cursor does not name, because a part of it may have been
   * shown; here it is known of which text one was, and of which attempt.
   */
  #isNews({ run, step, attempt }: Frame & { type: "reset" }): boolean {
    const kept = this.#frames.findLast(
      (one) => "attempt" in one && one.run === run && one.step === step,
    );
    const known = kept ?? this.#shown.find((one) => one.step === step && one.run === run);
    if (known === undefined) return this.#isLater;
    return !("attempt" in known) || known.attempt !== attempt;
  }

  /** The part of a text that the viewer was not given before it was followed again, if any. */
  #unseen(frame: Frame & { type: "text" }): (Frame & { type: "text" }) | undefined {
    const shown = this.#shown.find((one) => one.step === frame.step && one.run === frame.run);
    if (shown === undefined) return frame;
    const { id, run, step, attempt } = frame;
    if (shown.attempt !== attempt) {
      const isTold = this.#frames.some(
        (one) =>
          "attempt" in one && one.run === run && one.step === step && one.attempt === attempt,
      );
      // Run again while nobody followed: the viewer has to forget what it has.
      if (!isTold) this.#frames.push({ type: "reset", id, run, step, attempt });
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
    const start = frameId({ run: this.run, step: "@0", attempt: 0, offset: 0 });
    const id = lastIdOf(this.#frames) ?? this.#lastId ?? start;
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
    for (const frame of value) this.#note(frame);
    if (this.#isBehind) {
      this.#isBehind = false;
      this.#host.follow(this);
    }
    return { done: false, value };
  }

  /** Notes what the viewer has, or will have before anything that comes later. */
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

/** Id of the last frame that has one. */
function lastIdOf(frames: readonly Frame[]): string | undefined {
  for (let at = frames.length - 1; at >= 0; at -= 1) {
    const frame = frames[at];
    if (frame !== undefined && "id" in frame) return frame.id;
  }
  return undefined;
}
