// Rows that were found by looking into inboxes. The wake-up of such a row may come later, from a
// peer that was far behind or held it back while the shard moved: it must not be taken again.

import type { Address } from "../address.ts";
import type { Clock } from "../clock.ts";
import type { InboxRow, PeerItem } from "../message.ts";

/** A wake-up later than this after its row was found is dead with its sender. */
const WAKE_UP_MS_MAX = 60_000;

/** Found rows whose wake-ups may still come: two generations, the older one dropped in time. */
export class Found {
  readonly #clock: Clock;
  #young = new Set<string>();
  #old = new Set<string>();
  #bornMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(key: string): void {
    const nowMs = this.#clock.elapsed();
    if (nowMs - this.#bornMs > WAKE_UP_MS_MAX) {
      this.#old = this.#young;
      this.#young = new Set();
      this.#bornMs = nowMs;
    }
    this.#young.add(key);
  }

  /** Whether the wake-up of this row is one too many; each row has one. */
  takes(key: string): boolean {
    if (this.#young.size === 0 && this.#old.size === 0) return false;
    return this.#young.delete(key) || this.#old.delete(key);
  }
}

/** The wake-up of an inbox row for another worker. */
export function peerItem(to: Address, row: InboxRow, key: string): PeerItem {
  const { message, from, deadlineMs, ask, system, trace } = row;
  return {
    type: "stored",
    to,
    from: from ?? to,
    sequence: key.slice(key.lastIndexOf("/") + 1),
    message,
    deadlineMs,
    ...(ask ? { ask } : {}),
    ...(system ? { system } : {}),
    ...(trace ? { trace } : {}),
  };
}
