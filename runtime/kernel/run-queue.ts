// The order in which actors of one worker get their turns: tenants in rotation, first in first out
// within a tenant, so that one tenant's flood costs another at most one visit of waiting. In a round each
// tenant has as many visits as it has shares (tenant-weights.ts), one at a time: the more it has, the
// later it sits out. A tenant that has written its share of a commit batch is parked until the next one.

import { evenly, type WeightOf } from "../shared/tenant-weights.ts";
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
  /** The round in which it had its last visit, and how many more it may have in that one. */
  round = -1;
  shares = 0;
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
  readonly #weightOf: WeightOf;
  readonly #lanes = new Map<string, Lane<T>>();
  /** Of this round: lanes whose visits come now, from `#next` on; those that have more; those that had all. */
  #rotation: Lane<T>[] = [];
  #again: Lane<T>[] = [];
  #served: Lane<T>[] = [];
  #parked: Lane<T>[] = [];
  #next = 0;
  #round = 0;
  size = 0;

  constructor(weightOf: WeightOf = evenly) {
    this.#weightOf = weightOf;
  }

  /** Whether somebody stands in it who is not parked. */
  get isReady(): boolean {
    return this.#next < this.#rotation.length || this.#again.length > 0 || this.#served.length > 0;
  }

  push(item: T): void {
    const lane = item.lane === null || item.lane.isGone ? this.#laneOf(item) : item.lane;
    if (lane.items.size === 0 && !lane.isParked) this.#enter(lane);
    lane.items.push(item);
    this.size += 1;
  }

  shift(): T | undefined {
    if (this.size === 0) return undefined;
    if (this.#next >= this.#rotation.length) this.#goRound();
    const lane = this.#rotation[this.#next];
    const item = lane?.items.shift();
    if (lane === undefined || item === undefined) return undefined;
    this.#next += 1;
    this.size -= 1;
    if (lane.round !== this.#round) this.#allot(lane);
    lane.shares -= 1;
    if (lane.items.size > 0) (lane.shares > 0 ? this.#again : this.#served).push(lane);
    return item;
  }

  /** Leaves a tenant out until `unpark`. */
  park(lane: Lane<T>): void {
    if (lane.isParked || lane.isGone) return;
    lane.isParked = true;
    this.#parked.push(lane);
    for (const lanes of [this.#rotation, this.#again, this.#served]) {
      // Before `#next` stand those that have had their visit.
      const at = lanes.lastIndexOf(lane);
      if (at >= (lanes === this.#rotation ? this.#next : 0)) lanes.splice(at, 1);
    }
  }

  /** Lets the parked go on, after those that stand in the rotation. */
  unpark(): void {
    if (this.#parked.length === 0) return;
    for (const lane of this.#parked) {
      lane.isParked = false;
      if (lane.items.size > 0) this.#enter(lane);
    }
    this.#parked = [];
  }

  /** Behind those that wait: for this round when it has had less than its shares. */
  #enter(lane: Lane<T>): void {
    const isOver = lane.round === this.#round && lane.shares === 0;
    (isOver ? this.#served : this.#rotation).push(lane);
  }

  #allot(lane: Lane<T>): void {
    lane.round = this.#round;
    lane.shares = this.#weightOf(lane.tenant);
  }

  /** All have had a visit: those that have more go on, and when there is none a round begins. */
  #goRound(): void {
    const had = this.#rotation;
    had.length = 0;
    this.#next = 0;
    if (this.#again.length > 0) {
      this.#rotation = this.#again;
      this.#again = had;
      return;
    }
    this.#rotation = this.#served;
    this.#served = had;
    // It may come round again: whoever was not there for so long loses one visit at most.
    this.#round = (this.#round + 1) | 0;
    if (this.#lanes.size > LANES_KEPT_MAX) this.#forgetEmpty();
  }

  /** Not within a round: whoever came with a new lane each time would have more than its shares. */
  #forgetEmpty(): void {
    for (const [tenant, lane] of this.#lanes) {
      if (lane.items.size > 0 || lane.isParked) continue;
      this.#lanes.delete(tenant);
      lane.isGone = true;
    }
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
}
