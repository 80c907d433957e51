// The order in which actors of one worker get their turns: tenants in rotation, first in first out
// within a tenant, so that one tenant's flood costs another at most one turn of waiting.

import { Ring } from "./ring.ts";

/** Something that can stand in the queue once. */
export interface Queued {
  readonly tenant: string;
}

/** Fair queue: one lane a tenant, served in rotation. */
export class RunQueue<T extends Queued> {
  readonly #lanes = new Map<string, Ring<T>>();
  readonly #rotation: Ring<T>[] = [];
  #next = 0;
  size = 0;

  push(item: T): void {
    let lane = this.#lanes.get(item.tenant);
    if (lane === undefined) {
      lane = new Ring();
      this.#lanes.set(item.tenant, lane);
      this.#rotation.push(lane);
    }
    lane.push(item);
    this.size += 1;
  }

  shift(): T | undefined {
    if (this.size === 0) return undefined;
    if (this.#next >= this.#rotation.length) this.#next = 0;
    const lane = this.#rotation[this.#next];
    const item = lane?.shift();
    if (lane === undefined || item === undefined) return undefined;
    this.size -= 1;
    if (lane.size === 0) {
      this.#rotation.splice(this.#next, 1);
      this.#lanes.delete(item.tenant);
    } else {
      this.#next += 1;
    }
    return item;
  }
}
