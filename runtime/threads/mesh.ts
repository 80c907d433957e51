// A worker's ports to the other workers: one each, never relayed by main. Knows which worker owns
// which shard; what is for a shard without an owner waits here until it has one.

import type { MessagePort } from "node:worker_threads";
import { SHARDS, shardOfAddress } from "../address.ts";
import type { PeerItem } from "../message.ts";
import { Wire } from "./wire.ts";

/** What a mesh needs. */
export interface MeshOptions {
  readonly worker: number;
  readonly itemsMax: number;
  /** Items that may wait, for one peer or for owners. */
  readonly backlogMax: number;
  readonly receive: (items: readonly PeerItem[]) => void;
  /** Wake-ups had to be left out; their rows are on disk. */
  readonly overflow: () => void;
  /** A peer has taken everything: the door may be heard again. */
  readonly drained: () => void;
}

/** Ports between workers as one of them sees them. */
export class Mesh {
  readonly #options: MeshOptions;
  readonly #peers: (Wire<PeerItem, PeerItem> | undefined)[] = [];
  #owners: Int16Array = new Int16Array(SHARDS).fill(-1);
  #held: PeerItem[] = [];

  constructor(options: MeshOptions) {
    this.#options = options;
  }

  /** Whether some peer is so far behind that nothing new should be begun. */
  get isCongested(): boolean {
    const { backlogMax } = this.#options;
    return this.#peers.some((peer) => peer !== undefined && peer.backlog > backlogMax);
  }

  /** Sends to the owner of `shard`, another worker, first in first out. */
  send(shard: number, item: PeerItem): void {
    const peer = this.#peers[this.#owners[shard] ?? -1];
    if (peer !== undefined) peer.push(item);
    else this.#hold(item);
  }

  /**
   * Sends by these owners from here on, what is held and what has not left yet included. Resolves
   * when those who lost shards have taken all that was sent to them before.
   */
  async place(owners: Int16Array): Promise<void> {
    const losers = new Set<Wire<PeerItem, PeerItem>>();
    this.#owners.forEach((before, shard) => {
      const peer = this.#peers[before];
      if (before !== owners[shard] && peer !== undefined) losers.add(peer);
    });
    this.#owners = owners;
    const held = this.#held;
    this.#held = [];
    for (const peer of losers) held.push(...peer.takeUnsent());
    for (const item of held) {
      const shard = shardOfAddress(item.to);
      if (owners[shard] === this.#options.worker) this.#options.receive([item]);
      else this.send(shard, item);
    }
    await Promise.all([...losers].map((peer) => peer.settled()));
  }

  /** Resolves when the peer has taken everything sent to it before. */
  async settled(worker: number): Promise<void> {
    await this.#peers[worker]?.emptied();
  }

  connect(worker: number, port: MessagePort): void {
    this.disconnect(worker);
    const { itemsMax, receive, drained } = this.#options;
    this.#peers[worker] = new Wire<PeerItem, PeerItem>({ port, itemsMax, receive, drained });
  }

  disconnect(worker: number): void {
    const peer = this.#peers[worker];
    if (peer === undefined) return;
    this.#peers[worker] = undefined;
    peer.takeArrived();
    for (const item of peer.takeUnsent()) this.#hold(item);
    peer.close();
  }

  flush(): void {
    for (const peer of this.#peers) peer?.flush();
  }

  #hold(item: PeerItem): void {
    if (this.#held.length < this.#options.backlogMax) this.#held.push(item);
    // A tell is at most once; a stored message is found by looking into the inboxes again.
    else if (item.type === "stored") this.#options.overflow();
  }
}
