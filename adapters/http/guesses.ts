// Slows down who guesses keys: by the address it comes from, by the key that is guessed at, and by both.
// A key that is right is never kept out by what others have guessed wrongly, so nothing here refuses to
// look at a key that may be right unless the same address has guessed at that very key before; what is
// wrong is answered late, and later each time. All tables are bounded: past the bound the entry that
// was made first is forgotten.

import { RuntimeError } from "../../runtime/errors.ts";
import { networkOf } from "./client-address.ts";

/** Entries remembered at once, of each of the tables. */
export const GUESS_ENTRIES_MAX = 50_000;
/** Wrong secrets for one key, from wherever, that are answered at once. */
export const KEY_GUESSES_FREE = 5;
/** The first time that an address waits, ms; each time after it is twice as long, up to the longest. */
const FIRST_WAIT_MS = 60_000;
const LONGEST_WAIT_MS = 60 * 60_000;
/** After so long without a wrong key nothing is remembered of it, ms. */
const FORGET_MS = 2 * 60 * 60_000;
const WINDOW_MS = 60_000;
/** How late the answer to a wrong secret of a key is at first, ms; twice as late with each, up to the latest. */
const FIRST_DELAY_MS = 50;
const LATEST_MS = 5_000;
/** Answers that are held back at once, of all; one more is given at once. */
const HELD_MAX = 256;
/** Set back, the machine's clock would hold up who has waited. */
const monotonic = (): number => performance.now();

/** Wrong keys. `key` is the id inside a key, "admin" for what has none. */
export interface Guesses {
  /** Before a key is looked at. @throws RATE_LIMITED when this address has guessed at this key too often. */
  check(address: string, key: string): void;
  /**
   * It was wrong; resolves when that may be said. `isKnown`: whether there is such a key.
   * @throws RATE_LIMITED when the address has guessed wrongly too often.
   */
  wrong(address: string, key: string, isKnown: boolean): Promise<void>;
}

interface Entry {
  count: number;
  /** Begin of the minute that is counted in. */
  sinceMs: number;
  strikes: number;
  untilMs: number;
}

/** @param perMinute wrong keys of one address, and of it for one key, within a minute, before it waits. */
export function createGuesses(
  perMinute: number,
  {
    now = monotonic,
    hold = held,
  }: { now?: () => number; hold?: (ms: number) => Promise<void> } = {},
): Guesses {
  const addresses = new Map<string, Entry>();
  const pairs = new Map<string, Entry>();
  const keys = new Map<string, Entry>();
  let waiting = 0;

  return {
    check: (address, key) => refuse(pairs.get(`${networkOf(address)} ${key}`), now()),
    wrong: async (address, key, isKnown) => {
      const nowMs = now();
      const network = networkOf(address);
      const of = entryOf(addresses, network, nowMs);
      refuse(of, nowMs);
      note(of, perMinute, nowMs);
      if (!isKnown) return;
      note(entryOf(pairs, `${network} ${key}`, nowMs), perMinute, nowMs);
      const guessed = entryOf(keys, key, nowMs);
      guessed.count += 1;
      guessed.sinceMs = nowMs;
      const late = delayOf(guessed.count);
      if (late === 0 || waiting >= HELD_MAX) return;
      waiting += 1;
      await hold(late).finally(() => {
        waiting -= 1;
      });
    },
  };
}

function delayOf(count: number): number {
  if (count <= KEY_GUESSES_FREE) return 0;
  return Math.min(LATEST_MS, FIRST_DELAY_MS * 2 ** Math.min(20, count - KEY_GUESSES_FREE - 1));
}

function refuse(entry: Entry | undefined, nowMs: number): void {
  if (entry === undefined || entry.untilMs <= nowMs) return;
  throw new RuntimeError("RATE_LIMITED", "Too many wrong keys came from this address.", {
    retryAfterMs: Math.ceil(entry.untilMs - nowMs),
  });
}

/** Counts one; past what is free it waits, twice as long as the time before. */
function note(entry: Entry, free: number, nowMs: number): void {
  if (nowMs - entry.sinceMs >= WINDOW_MS) {
    entry.count = 0;
    entry.sinceMs = nowMs;
  }
  entry.count += 1;
  if (entry.count < free) return;
  const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(20, entry.strikes));
  entry.count = 0;
  entry.strikes += 1;
  entry.untilMs = nowMs + wait;
  entry.sinceMs = entry.untilMs;
}

function entryOf(table: Map<string, Entry>, name: string, nowMs: number): Entry {
  const known = table.get(name);
  if (known !== undefined && nowMs - Math.max(known.sinceMs, known.untilMs) < FORGET_MS)
    return known;
  if (known === undefined && table.size >= GUESS_ENTRIES_MAX) {
    const first = table.keys().next().value;
    if (first !== undefined) table.delete(first);
  }
  const entry = { count: 0, sinceMs: nowMs, strikes: 0, untilMs: 0 };
  table.set(name, entry);
  return entry;
}

function held(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
