// What one WebSocket watches: a run, its events numbered, at most as many ahead as its reader has allowed.

import type { Principal } from "./route.ts";
import { socketLimits } from "./socket-frames.ts";

/** What a subscription shows: a run that it began, or one that it follows. */
export interface Watched {
  readonly how: "chat" | "follow";
  readonly run: string;
}

/** What bounds what somebody may watch. */
export const grantsOf = ({ role, allowedServices, allowedResources, boundTo }: Principal): string =>
  JSON.stringify([role, allowedServices, allowedResources ?? null, boundTo ?? null]);

/** One of a socket. */
export class Subscription {
  readonly id: string;
  readonly abort = new AbortController();
  /** Null until it is known. */
  watched: Watched | null = null;
  /** What who asks might do when that was last looked at. */
  grants: string;
  #sequence = 0;
  #credit: number;
  #wake: (() => void) | null = null;

  constructor(id: string, grants: string, credit: number = socketLimits.credit) {
    this.id = id;
    this.grants = grants;
    this.#credit = credit;
    this.abort.signal.addEventListener("abort", () => this.#wake?.());
  }

  add(credit: number): void {
    this.#credit = Math.min(socketLimits.creditMax, this.#credit + credit);
    this.#wake?.();
  }

  /** Waits for credit and takes one; the number of the next event, or null when it has ended. */
  async take(): Promise<number | null> {
    while (this.#credit === 0 && !this.abort.signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.abort.signal.aborted) return null;
    this.#credit -= 1;
    this.#sequence += 1;
    return this.#sequence;
  }
}
