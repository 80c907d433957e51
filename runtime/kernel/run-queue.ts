// The order in which actors of one worker get their turns: tenants in rotation, first in first out
// within a tenant, so that one tenant's flood costs another at most one visit of waiting. A tenant
// that has written its share of a commit batch is parked until the next one.

import { Ring } from "./ring.ts";

/** Lanes kept although nobody stands in them: made anew each time, they would cost more than a turn. */
const LANES_KEPT_MAX = 256;

/** Something that can stand in the queue once. */
export interface Queued<T> {
  readonly tenant: string;
  /** Its tenant's lane as it was found last: saves the look-up. */
  lane: Lane<T> | null;
}

/** Those of one tenant who wait. */
export class Lane<T> {
  readonly tenant: string;
  readonly items = new Ring<T>();
  /** Not among the lanes any more: whoever remembers it must look again. */
  isGone = false;
  isParked = false;
  /** The commit batch it wrote into last, and how much. */
  batch: object | null = null;
  rows = 0;
  bytes = 0;

  constructor(tenant: string) {
    this.tenant = tenant;
  }
}

/** Fair queue: one lane a tenant, served in rotation. */
export class RunQueue<T extends Queued<T>> {
  readonly #lanes = new Map<string, Lane<T>>();
  readonly #rotation: Lane<T>[] = [];
  #parked: Lane<T>[] = [];
  #next = 0;
  size = 0;

  /** Whether somebody stands in it who is not parked. */
  get isReady(): boolean {
    return this.#rotation.length > 0;
  }

  push(item: T): void {
    const lane = item.lane === null || item.lane.isGone ? this.#laneOf(item) : item.lane;
    if (lane.items.size === 0 && !lane.isParked) this.#rotation.push(lane);
    lane.items.push(item);
    this.size += 1;
  }

  shift(): T | undefined {
    if (this.size === 0) return undefined;
    if (this.#next >= this.#rotation.length) this.#next = 0;
    const lane = this.#rotation[this.#next];
    const item = lane?.items.shift();
    if (lane === undefined || item === undefined) return undefined;
    this.size -= 1;
    if (lane.items.size === 0) this.#leave(lane);
    else this.#next += 1;
    return item;
  }

  /** Leaves a tenant out until `unpark`. */
  park(lane: Lane<T>): void {
    if (lane.isParked || lane.isGone) return;
    lane.isParked = true;
    this.#parked.push(lane);
    const at = this.#rotation.indexOf(lane);
    if (at === -1) return;
    this.#rotation.splice(at, 1);
    if (at < this.#next) this.#next -= 1;
  }

  /** Lets the parked go on, after those that stand in the rotation. */
  unpark(): void {
    if (this.#parked.length === 0) return;
    for (const lane of this.#parked) {
      lane.isParked = false;
      if (lane.items.size > 0) this.#rotation.push(lane);
    }
    this.#parked = [];
  }

  #laneOf(item: T): Lane<T> {
    let lane = this.#lanes.get(item.tenant);
    if (lane === undefined) {
      lane = new Lane(item.tenant);
      this.#lanes.set(item.tenant, lane);
    }
    item.lane = lane;
    return lane;
  }

  /** The lane at `#next` is empty. */
  #leave(lane: Lane<T>): void {
    if (this.#rotation.length === 1) this.#rotation.pop();
    else this.#rotation.splice(this.#next, 1);
    if (this.#lanes.size <= LANES_KEPT_MAX) return;
    this.#lanes.delete(lane.tenant);
    lane.isGone = true;
  }
}
