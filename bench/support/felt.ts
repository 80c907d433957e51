// What quiet tenants feel of a load beside them: chats at a fixed pace, turn after turn, alone and beside it.

import { median } from "../question.ts";
import type { Load } from "./loud.ts";
import { type Pace, p99Of, pacedChats } from "./paced.ts";
import { calmly } from "./stolen.ts";
import type { Target } from "./target.ts";

/** Chats a second of a quiet tenant, and how long a turn is, s, unless a question has its own. */
const PACE: Pace = { perSecond: 1, seconds: 5 };
/** A load lasts until the last quiet tenant, which begins so much later, has its answers, s. */
const secondsOf = ({ perSecond, seconds }: Pace): number => seconds + 1 / perSecond;
export const LOUD_SECONDS: number = secondsOf(PACE);

/** What they felt, turn after turn: latencies of their chats, ms. */
export class Felt {
  readonly name: string;
  readonly pace: Pace;
  readonly turnsMs: (readonly number[])[] = [];
  readonly loudPerSecond: number[] = [];

  constructor(name: string, pace: Pace = PACE) {
    this.name = name;
    this.pace = pace;
  }

  /** The median of the turns' p99: a disk that stalls for a moment is in one turn, and with anybody. */
  p99Ms(): number {
    return median(this.turnsMs.map(p99Of));
  }

  said(): string {
    const p50 = median(this.turnsMs.flat()).toFixed(1);
    return `${this.name}: p50 ${p50}, p99 ${this.p99Ms().toFixed(1)} ms (${median(this.loudPerSecond).toFixed(0)}/s answered)`;
  }
}

/** One turn: chats of the quiet tenants beside nothing, or beside a load. */
export async function feel(
  quiet: readonly Target[],
  felt: Felt,
  load?: () => Promise<Load>,
): Promise<void> {
  const { value } = await calmly(async () => {
    const stop = await load?.();
    const chatsMs = await pacedChats(quiet, felt.pace);
    return { chatsMs, answered: (await stop?.()) ?? 0 };
  });
  felt.turnsMs.push(value.chatsMs);
  felt.loudPerSecond.push(value.answered / secondsOf(felt.pace));
}
