// The process that takes over, and those after it: should one end before it answers, the next is started,
// and what was asked of it is asked again.

import type { Successor, WatchedRun } from "../../runtime/door/successor.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Frame } from "../../runtime/frame.ts";
import type { Log } from "../../runtime/log.ts";
import { type SuccessorOptions, SuccessorProcess } from "./successor-process.ts";

/** What they are started with. */
export interface SuccessorsOptions extends Omit<SuccessorOptions, "onGone"> {
  /** Processes, the first one included. */
  readonly attemptsMax: number;
  readonly log: Log;
  /** The last one has ended, and none answers. */
  onNone(): void;
}

/** Whoever takes over. */
export class Successors implements Successor {
  readonly #options: SuccessorsOptions;
  #current: SuccessorProcess;
  #attempts = 1;
  #hasListened = false;
  /** The data folder is free: from then on a process may have done what it was asked for. */
  isGivenUp = false;

  constructor(options: SuccessorsOptions) {
    this.#options = options;
    this.#current = this.#start();
  }

  /**
   * Resolves when the first one listens, and with its process id. @throws CANCELLED when it cannot, with
   * the reason: no other one is started then.
   */
  async listening(): Promise<number | undefined> {
    await this.#current.listening();
    this.#hasListened = true;
    return this.#current.pid;
  }

  /** The process that is asked now; null when none is left. */
  current(): SuccessorProcess | null {
    return this.#current.isGone ? null : this.#current;
  }

  /** The data folder is free. */
  giveUp(): void {
    this.isGivenUp = true;
    this.current()?.giveUp();
  }

  /** Ends the one that does not answer yet, and starts no other. */
  terminate(): void {
    this.#attempts = this.#options.attemptsMax;
    const process = this.current();
    if (process !== null && !process.isReady) process.terminate();
  }

  /** Resolves when one answers. @throws CANCELLED when none of them did. */
  async ready(): Promise<void> {
    for (;;) {
      const process = this.#current;
      try {
        return await process.ready;
      } catch (error) {
        if (process === this.#current) throw error;
      }
    }
  }

  async *follow(watched: WatchedRun, signal: AbortSignal): AsyncGenerator<readonly Frame[]> {
    let { after } = watched;
    for (;;) {
      const process = this.#asked();
      try {
        const place = after === undefined ? watched : { ...watched, after };
        for await (const frames of process.follow(place, signal)) {
          after = lastIdOf(frames) ?? after;
          yield frames;
        }
        return;
      } catch (error) {
        if (process === this.#current) throw error;
      }
    }
  }

  async cancel(tenant: string, run: string, reason: string): Promise<void> {
    await this.#asked().cancel(tenant, run, reason);
  }

  #asked(): SuccessorProcess {
    const process = this.current();
    if (process !== null) return process;
    throw new RuntimeError("SHUTTING_DOWN", "The server restarts, and the new process has ended.");
  }

  #start(): SuccessorProcess {
    const { port, env, command } = this.#options;
    const started = new SuccessorProcess({
      ...{ port, env },
      ...(command === undefined ? {} : { command }),
      onGone: (why) => {
        if (started === this.#current && !started.isReady) this.#next(why);
      },
    });
    return started;
  }

  #next(why: string): void {
    const { attemptsMax, log, onNone } = this.#options;
    log.write("error", `The new process does not take over: ${why}.`);
    if (!this.#hasListened || this.#attempts >= attemptsMax) {
      onNone();
      return;
    }
    this.#attempts += 1;
    this.#current = this.#start();
    if (this.isGivenUp) this.#current.giveUp();
  }
}

function lastIdOf(frames: readonly Frame[]): string | undefined {
  const last = frames.findLast((frame) => "id" in frame && frame.id !== "");
  return last !== undefined && "id" in last ? last.id : undefined;
}
