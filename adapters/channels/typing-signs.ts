// Signs that an answer is being written: shown again before each runs out, until something is sent to
// where it is shown. Best effort and bounded: nobody misses one that could not be given.

import type { ChannelData } from "../../actors/channels/inbound.ts";
import type { Account } from "./account.ts";

/** Signs of a server at once; one more is shown once and not renewed. */
const SIGNS_MAX = 5_000;
/** A sign that nothing ended: the answer may never come. */
const LONGEST_MS = 10 * 60_000;
/** How long one may take to be given, ms. */
const CALL_MS = 5_000;
/** How much of its life a sign has when it is renewed. */
const RENEWED_AT = 0.8;

/** All of them. */
export class TypingSigns {
  readonly #shown = new Map<string, NodeJS.Timeout>();

  /** Shows one now, and again. */
  begin(account: Account, address: ChannelData): void {
    const { typingMs } = account.adapter.capabilities;
    if (typingMs === 0 || account.instance.typing === undefined) return;
    this.once(account, address);
    const key = keyOf(account, address);
    if (this.#shown.has(key) || this.#shown.size >= SIGNS_MAX) return;
    let left = Math.floor(LONGEST_MS / typingMs);
    const timer = setInterval(() => {
      left -= 1;
      if (left <= 0) this.end(account, address);
      else this.once(account, address);
    }, typingMs * RENEWED_AT);
    timer.unref();
    this.#shown.set(key, timer);
  }

  once({ instance }: Pick<Account, "instance">, address: ChannelData): void {
    instance.typing?.(address, AbortSignal.timeout(CALL_MS)).catch(() => undefined);
  }

  /** Something is sent there: it ends the sign by itself. */
  end(account: Pick<Account, "id">, address: ChannelData): void {
    const key = keyOf(account, address);
    clearInterval(this.#shown.get(key));
    this.#shown.delete(key);
  }

  close(): void {
    for (const timer of this.#shown.values()) clearInterval(timer);
    this.#shown.clear();
  }
}

function keyOf({ id }: Pick<Account, "id">, address: ChannelData): string {
  return `${id} ${JSON.stringify(address)}`;
}
