// Answers of models that are given again to the same call of the same tenant. Least recently used ones
// go first; one tenant has half of the room at most, so that it does not push out everybody else's.

import type { LlmResult } from "../../actors/ports.ts";

/** Bytes of an entry beside its text: its key, its places in maps. */
const ENTRY_BYTES = 500;
const BYTES_A_CHAR = 2;

interface Entry {
  readonly tenant: string;
  readonly result: LlmResult;
  readonly bytes: number;
  readonly untilMs: number;
}

/** The answers that are kept. */
export class AnswerCache {
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry>();
  readonly #bytesOf = new Map<string, number>();
  readonly #ttlMs: number;
  readonly #bytesMax: number;
  readonly #nowMs: () => number;
  #bytes = 0;

  /** @param nowMs a clock that nobody sets. */
  constructor(limits: { readonly ttlMs: number; readonly bytesMax: number }, nowMs: () => number) {
    this.#ttlMs = limits.ttlMs;
    this.#bytesMax = limits.bytesMax;
    this.#nowMs = nowMs;
  }

  /** Bytes held, about. */
  get bytes(): number {
    return this.#bytes;
  }

  get(tenant: string, key: string): LlmResult | undefined {
    const place = placeOf(tenant, key);
    const entry = this.#entries.get(place);
    if (entry === undefined) return undefined;
    this.#entries.delete(place);
    if (this.#nowMs() >= entry.untilMs) {
      this.#forget(entry);
      return undefined;
    }
    this.#entries.set(place, entry);
    return entry.result;
  }

  /** One that alone is larger than a tenant's share is not kept. */
  put(tenant: string, key: string, result: LlmResult): void {
    const bytes = ENTRY_BYTES + JSON.stringify(result).length * BYTES_A_CHAR;
    const tenantMax = this.#bytesMax / 2;
    if (bytes > tenantMax) return;
    this.#remove(placeOf(tenant, key));
    this.#shrink(tenantMax - bytes, tenant);
    this.#shrink(this.#bytesMax - bytes);
    const untilMs = this.#nowMs() + this.#ttlMs;
    this.#entries.set(placeOf(tenant, key), { tenant, result, bytes, untilMs });
    this.#bytes += bytes;
    this.#bytesOf.set(tenant, (this.#bytesOf.get(tenant) ?? 0) + bytes);
  }

  /** Drops the oldest, of one tenant or of all, until so many bytes are left. */
  #shrink(bytes: number, tenant?: string): void {
    const held = () => (tenant === undefined ? this.#bytes : (this.#bytesOf.get(tenant) ?? 0));
    if (held() <= bytes) return;
    for (const [place, entry] of this.#entries) {
      if (tenant !== undefined && entry.tenant !== tenant) continue;
      this.#remove(place);
      if (held() <= bytes) return;
    }
  }

  #remove(place: string): void {
    const entry = this.#entries.get(place);
    if (entry === undefined) return;
    this.#entries.delete(place);
    this.#forget(entry);
  }

  #forget({ tenant, bytes }: Entry): void {
    this.#bytes -= bytes;
    const left = (this.#bytesOf.get(tenant) ?? 0) - bytes;
    if (left > 0) this.#bytesOf.set(tenant, left);
    else this.#bytesOf.delete(tenant);
  }
}

function placeOf(tenant: string, key: string): string {
  return `${tenant}\0${key}`;
}
