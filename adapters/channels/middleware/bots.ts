// Other programs: not heard unless the channel says so, and then within a budget, because two programs
// that answer each other do so for ever (openclaw's bot-loop protection has the same numbers).

import { BoundedCounts } from "./bounded-counts.ts";
import type { Middleware } from "./middleware.ts";
import { isPlatforms } from "./middleware.ts";

/** Messages of one program in one conversation within `windowMs`; then it is not heard for `restMs`. */
export const botBudget = { messages: 20, windowMs: 60_000, restMs: 60_000 } as const;

interface Pair {
  /** When its last messages came, oldest first; at most the budget. */
  times: number[];
  restsUntilMs: number;
}

/** One for each account: it counts. */
export function createBots(): Middleware {
  const pairs = new BoundedCounts<Pair>();
  return (event, { settings, nowMs }, next) => {
    if (!event.sender.isBot || isPlatforms(event)) return next(event);
    if (settings.bots !== true) return { drop: "bot" };
    const key = JSON.stringify([event.place.conversation, event.sender.id]);
    const pair = pairs.of(key, () => ({ times: [], restsUntilMs: 0 }));
    if (nowMs < pair.restsUntilMs) return { drop: "bot_budget" };
    pair.times = pair.times.filter((at) => at > nowMs - botBudget.windowMs);
    if (pair.times.length >= botBudget.messages) {
      pair.restsUntilMs = nowMs + botBudget.restMs;
      pair.times = [];
      return { drop: "bot_budget" };
    }
    pair.times.push(nowMs);
    return next(event);
  };
}
