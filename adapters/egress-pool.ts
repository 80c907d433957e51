// The connections to one host behind the way out: how many there may be, that who waits for one does so
// in fair order (tenants ask the same hosts with their tools), and that one that has just become free is
// used again.

import type { Pool } from "undici";
import { FairQueue, type Place } from "../runtime/shared/fair-queue.ts";
import type { WeightOf } from "../runtime/shared/tenant-weights.ts";

/** Requests that may wait for a connection to one host, and those of one tenant. */
const WAITING_MAX = 1_024;
const TENANT_WAITING_MAX = WAITING_MAX / 2;

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
  readonly #waiting: FairQueue<Sendable>;
  readonly #places = new Map<Sendable, Place<Sendable>>();
  #connected = 0;
  #open = 0;
  /** Connections whose answer has ended in this pass of the event loop: used again in the next. */
  #resting = 0;

  /** @param weightOf shares of a tenant among those that wait. */
  constructor(pool: Pool, connectionsMax: number, weightOf?: WeightOf) {
    this.pool = pool;
    this.#connectionsMax = connectionsMax;
    const limits = { max: WAITING_MAX, tenantMax: TENANT_WAITING_MAX };
    this.#waiting = new FairQueue({ ...limits, weightOf });
    pool.on("connect", () => {
      this.#connected += 1;
    });
    pool.on("disconnect", () => {
      this.#connected -= 1;
    });
  }

  /** How many requests wait, when one more of this tenant is one too many; else undefined. */
  fullFor(tenant: string): { readonly waiting: number; readonly limit: number } | undefined {
    if (this.#open < this.#connectionsMax) return undefined;
    const [all, own] = [this.#waiting.size, this.#waiting.sizeOf(tenant)];
    if (all >= WAITING_MAX) return { waiting: all, limit: WAITING_MAX };
    return own >= TENANT_WAITING_MAX ? { waiting: own, limit: TENANT_WAITING_MAX } : undefined;
  }

  get isIdle(): boolean {
    return this.#open === 0;
  }

  /** Sends as soon as there is a connection for it and it is its tenant's turn. */
  enter(exchange: Sendable, tenant: string): void {
    if (this.#open >= this.#connectionsMax) {
      const place = this.#waiting.push(tenant, "", exchange);
      if (place !== null) this.#places.set(exchange, place);
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
    const place = this.#places.get(exchange);
    if (place !== undefined) {
      this.#places.delete(exchange);
      this.#waiting.remove(place);
      return;
    }
    const next = this.#waiting.shift();
    if (next === undefined) {
      this.#open -= 1;
      this.#resting += 1;
      setImmediate(this.#rested);
      return;
    }
    this.#places.delete(next);
    next.send();
  }

  readonly #rested = (): void => {
    this.#resting -= 1;
  };
}
