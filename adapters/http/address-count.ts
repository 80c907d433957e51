// How many connections each address has, counted as they open and close.

import { networkOf } from "./client-address.ts";

/** Counts by address; a /64 of IPv6 is one. */
export class AddressCount {
  readonly #counts = new Map<string, number>();

  /** One more; call what it gives once when it has closed. */
  enter(address: string): () => void {
    const network = networkOf(address);
    this.#counts.set(network, (this.#counts.get(network) ?? 0) + 1);
    return () => {
      const left = (this.#counts.get(network) ?? 1) - 1;
      if (left > 0) this.#counts.set(network, left);
      else this.#counts.delete(network);
    };
  }

  of(address: string): number {
    return this.#counts.get(networkOf(address)) ?? 0;
  }
}
