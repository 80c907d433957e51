// In which conversations an answer is being written. Shown and forgotten: nothing of it is kept.

import { webChatLimits } from "./limits.ts";

/** The signs of an account. */
export class Typing {
  readonly #untilMs = new Map<string, number>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Somebody writes there. */
  begin(box: string): void {
    this.#untilMs.delete(box);
    this.#untilMs.set(box, this.#nowMs() + webChatLimits.typingMs);
    if (this.#untilMs.size <= webChatLimits.typing) return;
    for (const [oldest] of this.#untilMs) {
      this.#untilMs.delete(oldest);
      return;
    }
  }

  /** It has been said. */
  end(box: string): void {
    this.#untilMs.delete(box);
  }

  /** Until when, ms since the epoch and from now; 0: nobody writes. */
  of(box: string): { readonly untilMs: number; readonly leftMs: number } {
    const untilMs = this.#untilMs.get(box) ?? 0;
    const leftMs = untilMs - this.#nowMs();
    if (leftMs > 0) return { untilMs, leftMs };
    this.#untilMs.delete(box);
    return { untilMs: 0, leftMs: 0 };
  }
}
