// The side of the process that comes: it listens before it has the data folder, waits until that is given
// up, and then lets callers of the one that goes watch their runs here.

import { RuntimeError, toErrorData } from "../../runtime/errors.ts";
import { settleable } from "../../runtime/shared/settleable.ts";
import type { System } from "../../runtime/system.ts";
import { isMessage, type ToPredecessor, type ToSuccessor } from "./messages.ts";

type Runs = Pick<System, "follow" | "cancel">;

/** What of a process joins it with the one that has started it. */
export interface Channel {
  readonly connected: boolean;
  on(event: "message", take: (message: unknown) => void): unknown;
  once(event: "disconnect", take: () => void): unknown;
  send(message: ToPredecessor, sent: () => void): void;
}

/** Questions about runs that wait for the data folder; one more is refused. */
const WAITING_MAX = 100_000;

/** The process that goes, as the one that comes sees it. */
export class Predecessor {
  readonly #channel: Channel;
  readonly #port = settleable<number>();
  readonly #gaveUp = settleable<void>();
  readonly #gone = settleable<void>();
  readonly #follows = new Map<number, AbortController>();
  #waiting: ToSuccessor[] = [];
  #runs: Runs | null = null;

  constructor(channel: Channel) {
    this.#channel = channel;
    this.#port.promise.catch(() => undefined);
    channel.on("message", (message: unknown) => {
      if (isMessage(message)) this.#take(message as ToSuccessor);
    });
    channel.once("disconnect", () => this.#leave());
  }

  /** Where to listen. @throws CANCELLED when it has ended without a word. */
  get port(): Promise<number> {
    return this.#port.promise;
  }

  /** Resolves when the data folder is free: it was given up, or its owner has ended. */
  get gaveUp(): Promise<void> {
    return this.#gaveUp.promise;
  }

  /** Resolves when it has ended. */
  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  /** Requests are taken and held from now on; `relay` is the socket where the other one sends its own. */
  listening(relay: string): void {
    void this.#send({ type: "listening", relay });
  }

  /** What was held is being answered, and runs can be watched. */
  ready(runs: Runs): void {
    this.#runs = runs;
    void this.#send({ type: "ready" });
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const message of waiting) this.#take(message);
  }

  #take(message: ToSuccessor): void {
    if (message.type === "begin") this.#port.resolve(message.port);
    else if (message.type === "given-up") this.#gaveUp.resolve();
    else if (message.type === "drop") this.#drop(message.id);
    else if (message.type === "follow" || message.type === "cancel") this.#answer(message);
  }

  #answer(
    message: ToSuccessor & { readonly id: number; readonly type: "follow" | "cancel" },
  ): void {
    if (this.#runs === null) {
      if (this.#waiting.length < WAITING_MAX) this.#waiting.push(message);
      else this.#failed(message.id, new RuntimeError("SHUTTING_DOWN", "The server restarts."));
      return;
    }
    const done =
      message.type === "follow"
        ? this.#follow(this.#runs, message)
        : this.#runs.cancel(message.tenant, message.run, message.reason);
    done
      .then(() => this.#send({ type: "done", id: message.id }))
      .catch((error: unknown) => this.#failed(message.id, error));
  }

  async #follow(runs: Runs, { id, watched }: ToSuccessor & { type: "follow" }): Promise<void> {
    const over = new AbortController();
    this.#follows.set(id, over);
    const { tenant, run, ...place } = watched;
    try {
      const frames = runs.follow(tenant, run, { ...place, signal: over.signal });
      // The next frames are asked for when these have left: what waits meanwhile is bounded there.
      for await (const batch of frames) await this.#send({ type: "frames", id, frames: batch });
    } finally {
      this.#follows.delete(id);
    }
  }

  #drop(id: number): void {
    this.#follows.get(id)?.abort();
    this.#waiting = this.#waiting.filter((one) => !("id" in one) || one.id !== id);
  }

  #failed(id: number, error: unknown): void {
    void this.#send({ type: "failed", id, error: toErrorData(error) });
  }

  #send(message: ToPredecessor): Promise<void> {
    return new Promise((resolve) => {
      // Where nobody is any more nobody waits for it.
      if (this.#channel.connected) this.#channel.send(message, () => resolve());
      else resolve();
    });
  }

  #leave(): void {
    for (const over of this.#follows.values()) over.abort();
    this.#waiting = [];
    this.#port.reject(
      new RuntimeError("CANCELLED", "The server that was to be replaced has ended."),
    );
    this.#gaveUp.resolve();
    this.#gone.resolve();
  }
}
