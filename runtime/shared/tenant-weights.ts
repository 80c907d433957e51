// How many shares a tenant has wherever tenants take turns. The weights lie in memory that all threads
// share, so that a change counts in every queue at once; few tenants have one that is not 1.

import { RuntimeError } from "../errors.ts";

/** A weight is 1, the default, to this. */
export const TENANT_WEIGHT_MAX = 100;
/** Tenants whose weight is not 1. */
export const TENANT_WEIGHTS_MAX = 1_000;

/** Shares of a tenant, 1..TENANT_WEIGHT_MAX. */
export type WeightOf = (tenant: string) => number;

/** Everybody has one share. */
export const evenly: WeightOf = () => 1;

const TENANT = /^[A-Za-z0-9_]{1,64}$/;
/** `"tenant":100,` */
const ENTRY_BYTES = 64 + 7;
const SET_BYTES = 2 + TENANT_WEIGHTS_MAX * ENTRY_BYTES;
/** The generation of the set that counts, and the bytes of each of the two. */
const HEAD_NUMBERS = 3;
const HEAD_BYTES = HEAD_NUMBERS * Int32Array.BYTES_PER_ELEMENT;

/** Memory for weights, without any yet. */
export function emptyTenantWeights(): SharedArrayBuffer {
  return new SharedArrayBuffer(HEAD_BYTES + 2 * SET_BYTES);
}

/** Writes weights; one thread does. */
export class TenantWeights {
  readonly #memory: SharedArrayBuffer;
  readonly #weights = new Map<string, number>();

  constructor(memory: SharedArrayBuffer) {
    this.#memory = memory;
  }

  /** From now on, on every thread. @throws INVALID for what is none, TENANT_LIMIT when too many have one. */
  set(tenant: string, weight: number): void {
    if (!Number.isInteger(weight) || weight < 1 || weight > TENANT_WEIGHT_MAX) {
      throw new RuntimeError(
        "INVALID",
        `A weight is a whole number from 1 to ${TENANT_WEIGHT_MAX}.`,
      );
    }
    if (!TENANT.test(tenant)) throw new RuntimeError("INVALID", "Only a tenant has a weight.");
    if (weight === (this.#weights.get(tenant) ?? 1)) return;
    if (weight === 1) this.#weights.delete(tenant);
    else if (this.#weights.has(tenant) || this.#weights.size < TENANT_WEIGHTS_MAX) {
      this.#weights.set(tenant, weight);
    } else {
      const text = `${TENANT_WEIGHTS_MAX} tenants have a weight other than 1, which is the most.`;
      throw new RuntimeError("TENANT_LIMIT", text, { limit: "weights", value: TENANT_WEIGHTS_MAX });
    }
    this.#write();
  }

  // Two sets lie side by side: a thread that reads meanwhile has the old set or the new one, whole.
  #write(): void {
    const head = new Int32Array(this.#memory, 0, HEAD_NUMBERS);
    const generation = Atomics.load(head, 0) + 1;
    const bytes = new TextEncoder().encode(JSON.stringify(Object.fromEntries(this.#weights)));
    setIn(this.#memory, generation).set(bytes);
    Atomics.store(head, 1 + (generation % 2), bytes.length);
    Atomics.store(head, 0, generation);
  }
}

/** The weights in such memory, as they are at each call. */
export function weightsIn(memory: SharedArrayBuffer): WeightOf {
  const head = new Int32Array(memory, 0, HEAD_NUMBERS);
  let seen = 0;
  let weights: ReadonlyMap<string, number> = new Map();
  return (tenant) => {
    let now = Atomics.load(head, 0);
    if (now !== seen) {
      // Replaced twice meanwhile, what was read may be of both sets.
      for (let before = -1; before !== now; ) {
        before = now;
        const length = Atomics.load(head, 1 + (now % 2));
        const bytes = setIn(memory, now).slice(0, length);
        now = Atomics.load(head, 0);
        if (before === now) weights = parsed(bytes);
      }
      seen = now;
    }
    return weights.size === 0 ? 1 : (weights.get(tenant) ?? 1);
  };
}

function parsed(bytes: Uint8Array): ReadonlyMap<string, number> {
  const entries: unknown = JSON.parse(new TextDecoder().decode(bytes));
  return new Map(Object.entries(entries as Readonly<Record<string, number>>));
}

function setIn(memory: SharedArrayBuffer, generation: number): Uint8Array {
  return new Uint8Array(memory, HEAD_BYTES + (generation % 2) * SET_BYTES, SET_BYTES);
}
