// The order of every shared queue: tenants in rotation, within a tenant its keys in rotation, within
// a key first in, first out. In a round each tenant is served as often as it has shares (tenant-weights.ts),
// one item at a time.
// A tenant that comes anew goes before those that were served in this round, so that one that asks rarely
// waits for nobody's flood. What no longer wants to wait leaves at once. (run-queue.ts is the order of
// turns, where each actor is its own key.)

import { ChurnMap } from "./churn-map.ts";
import { evenly, type WeightOf } from "./tenant-weights.ts";

/** How much may wait. */
export interface FairQueueOptions {
  /** Items in all. */
  readonly max: number;
  /** Items of one tenant; less than `max`, or one tenant could keep all others out. */
  readonly tenantMax: number;
  /** Default: every tenant has one share. */
  readonly weightOf?: WeightOf | undefined;
}

/** Where an item waits. */
export interface Place<T> {
  readonly item: T;
}

/** A bounded fair queue. */
export class FairQueue<T> {
  readonly #options: FairQueueOptions;
  readonly #weightOf: WeightOf;
  /** Tenants that wait, and those served in this round. */
  readonly #tenants = new ChurnMap<string, TenantLane<T>>();
  /** Those that came anew; those that are still to be served in this round; those that were. */
  readonly #fresh = new Ring<TenantLane<T>>();
  #due = new Ring<TenantLane<T>>();
  #served = new Ring<TenantLane<T>>();
  #round = 0;
  #size = 0;

  constructor(options: FairQueueOptions) {
    this.#options = options;
    this.#weightOf = options.weightOf ?? evenly;
  }

  get size(): number {
    return this.#size;
  }

  /** Items of one tenant that wait. */
  sizeOf(tenant: string): number {
    return this.#tenants.get(tenant)?.size ?? 0;
  }

  /** Puts an item in; null when the queue or the tenant's share of it is full. */
  push(tenant: string, key: string, item: T): Place<T> | null {
    if (this.#size >= this.#options.max) return null;
    let lane = this.#tenants.get(tenant);
    if (lane === undefined) {
      lane = new TenantLane(tenant);
      this.#tenants.set(tenant, lane);
      lane.node = this.#fresh.push(lane);
    } else if (lane.size >= this.#options.tenantMax) {
      return null;
    }
    this.#size += 1;
    return lane.push(key, item);
  }

  /** The next item in fair order. */
  shift(): T | undefined {
    for (;;) {
      const ring = this.#fresh.first === undefined ? this.#dueNow() : this.#fresh;
      const lane = ring.first;
      if (lane === undefined) return undefined;
      if (lane.node !== null) ring.remove(lane.node);
      const item = lane.shift();
      if (item === undefined) {
        // Its turn has come round again and it has nothing: next time it is fresh. Not in a round in
        // which it was served: coming anew again and again, it would have more than its shares.
        if (lane.round === this.#round) lane.node = this.#served.push(lane);
        else this.#tenants.delete(lane.tenant);
        continue;
      }
      this.#size -= 1;
      if (lane.round !== this.#round) {
        lane.round = this.#round;
        lane.shares = this.#weightOf(lane.tenant);
      }
      lane.shares -= 1;
      lane.node = (lane.shares > 0 ? this.#due : this.#served).push(lane);
      return item;
    }
  }

  /** Those whose turn it is; when all were served a round begins. */
  #dueNow(): Ring<TenantLane<T>> {
    if (this.#due.first === undefined) {
      [this.#due, this.#served] = [this.#served, this.#due];
      this.#round = (this.#round + 1) | 0;
    }
    return this.#due;
  }

  /** Takes an item out before its turn; false when it has left already. */
  remove(place: Place<T>): boolean {
    const node = place as ItemNode<T>;
    const { key } = node;
    if (key === null) return false;
    key.tenant.remove(node, key);
    this.#size -= 1;
    return true;
  }
}

interface Node<T> {
  readonly item: T;
  previous: Node<T>;
  next: Node<T>;
}

/** A circle of nodes with a first one: a queue, and a rotation when its first goes to the end. */
class Ring<T> {
  #first: Node<T> | null = null;

  get first(): T | undefined {
    return this.#first?.item;
  }

  get firstNode(): Node<T> | null {
    return this.#first;
  }

  push(item: T): Node<T> {
    const node = { item } as Node<T>;
    const first = this.#first;
    if (first === null) {
      node.previous = node;
      node.next = node;
      this.#first = node;
    } else {
      node.previous = first.previous;
      node.next = first;
      first.previous.next = node;
      first.previous = node;
    }
    return node;
  }

  remove(node: Node<T>): void {
    const { previous, next } = node;
    if (next === node) {
      this.#first = null;
      return;
    }
    previous.next = next;
    next.previous = previous;
    if (this.#first === node) this.#first = next;
    // One that has left must keep nobody alive who came after it (see churn-map.ts).
    node.previous = node;
    node.next = node;
  }

  rotate(): void {
    this.#first = this.#first?.next ?? null;
  }
}

/** An item's node knows its lane while it waits. */
interface ItemNode<T> extends Node<T> {
  key: KeyLane<T> | null;
}

interface KeyLane<T> {
  readonly key: string;
  readonly tenant: TenantLane<T>;
  readonly items: Ring<T>;
  node: Node<KeyLane<T>> | null;
}

class TenantLane<T> {
  readonly tenant: string;
  size = 0;
  node: Node<TenantLane<T>> | null = null;
  /** The round in which it was served last, and how often it may be in that one. */
  round = -1;
  shares = 0;
  readonly #keys = new ChurnMap<string, KeyLane<T>>();
  readonly #rotation = new Ring<KeyLane<T>>();

  constructor(tenant: string) {
    this.tenant = tenant;
  }

  push(key: string, item: T): Place<T> {
    let lane = this.#keys.get(key);
    if (lane === undefined) {
      lane = { key, tenant: this, items: new Ring(), node: null };
      this.#keys.set(key, lane);
      lane.node = this.#rotation.push(lane);
    }
    const node = lane.items.push(item) as ItemNode<T>;
    node.key = lane;
    this.size += 1;
    return node;
  }

  shift(): T | undefined {
    const lane = this.#rotation.first;
    const node = lane?.items.firstNode as ItemNode<T> | null | undefined;
    if (!lane || !node) return undefined;
    this.remove(node, lane);
    if (lane.node !== null) this.#rotation.rotate();
    return node.item;
  }

  remove(node: ItemNode<T>, lane: KeyLane<T>): void {
    lane.items.remove(node);
    node.key = null;
    this.size -= 1;
    if (lane.items.firstNode !== null || lane.node === null) return;
    this.#rotation.remove(lane.node);
    lane.node = null;
    this.#keys.delete(lane.key);
  }
}
