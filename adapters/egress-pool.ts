// The connections to one host behind the way out: how many there may be, who waits for one, and that
// one that has just become free is used again.

import type { Pool } from "undici";

/** Requests that may wait for a connection to one host. */
const WAITING_MAX = 1_024;

/** A request that is sent when its turn has come. */
export interface Sendable {
  send(): void;
}

/** Closes the connections to hosts that have no request under way. */
export function closeIdle(hosts: Map<string, HostPool>): void {
  for (const [key, host] of hosts) {
    if (!host.isIdle) continue;
    hosts.delete(key);
    void host.pool.destroy();
  }
}

/** The connections to one host, and who waits for one. */
export class HostPool {
  readonly pool: Pool;
  readonly #connectionsMax: number;
  readonly #waiting = new Set<Sendable>();
  #connected = 0;
  #open = 0;
  /** Connections whose answer has ended in this pass of the event loop: used again in the next. */
  #resting = 0;

  constructor(pool: Pool, connectionsMax: number) {
    this.pool = pool;
    this.#connectionsMax = connectionsMax;
    pool.on("connect", () => {
      this.#connected += 1;
    });
    pool.on("disconnect", () => {
      this.#connected -= 1;
    });
  }

  /** Requests open or waiting at once. */
  get requestsMax(): number {
    return this.#connectionsMax + WAITING_MAX;
  }

  get isFull(): boolean {
    return this.#open >= this.#connectionsMax && this.#waiting.size >= WAITING_MAX;
  }

  get isIdle(): boolean {
    return this.#open === 0;
  }

  /** Sends as soon as there is a connection for it. */
  enter(exchange: Sendable): void {
    if (this.#open >= this.#connectionsMax) {
      this.#waiting.add(exchange);
      return;
    }
    const free = this.#connected - this.#open - this.#resting;
    this.#open += 1;
    // Sent at once it would open a connection beside the one that is about to be free.
    if (free <= 0 && this.#resting > 0) setImmediate(() => exchange.send());
    else exchange.send();
  }

  /** The exchange is over, sent or not. */
  leave(exchange: Sendable): void {
    if (this.#waiting.delete(exchange)) return;
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#open -= 1;
      this.#resting += 1;
      setImmediate(this.#rested);
      return;
    }
    this.#waiting.delete(next);
    next.send();
  }

  readonly #rested = (): void => {
    this.#resting -= 1;
  };
}
