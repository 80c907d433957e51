// How much the tenant has stored whose rows a copy rewrites. Its count comes before those rows and is the
// last to be known: the copy leaves it out and adds it at its end.

import { decode, decodeCounter, encode } from "./codec.ts";
import { keys } from "./keys.ts";
import type { Environment, Row } from "./store.ts";
import { bytesOfRow, type Counted } from "./stored-bytes.ts";
import { tenantOfKey } from "./tenant-rows.ts";

/** The count of one tenant in one environment, while it is copied in order of keys. */
export class CopiedCount {
  readonly #environment: Environment;
  readonly #tenant: string | undefined;
  /** Rows behind it are not counted yet; undefined: none is. */
  #through: string | null | undefined;
  #sum = 0;

  /** @param tenant undefined: nothing is rewritten. */
  constructor(environment: Environment, tenant: string | undefined) {
    this.#environment = environment;
    this.#tenant = tenant;
  }

  /** Whether a row is the count, which `last` gives. Called for every row. */
  takes({ key, value }: Row): boolean {
    if (key === keys.counted) this.#through = (decode(value) as Counted).through;
    if (this.#tenant === undefined || key !== keys.bytes(this.#tenant)) return false;
    this.#sum = decodeCounter(value);
    return true;
  }

  /** A row is copied as `value`, or left out (null). */
  copied({ key, value: before }: Row, value: Uint8Array | null): void {
    if (value === before || this.#tenant === undefined || this.#through === undefined) return;
    if (tenantOfKey(this.#environment, key) !== this.#tenant) return;
    if (this.#through !== null && key > this.#through) return;
    this.#sum += bytesOfRow(key, value?.length ?? 0) - bytesOfRow(key, before.length);
  }

  /** The row of the count; null where it would be 0. */
  get last(): Row | null {
    if (this.#tenant === undefined || this.#sum === 0) return null;
    return { key: keys.bytes(this.#tenant), value: encode(this.#sum) };
  }
}
