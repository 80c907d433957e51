// How a purse counts what agents' runs are limited in: tokens, calls and money of one run and all below it,
// which lie under one root, so that nobody else counts there. A call is reserved at what it may come to at
// most, and settled at what it came to. What a loss of power takes with it, it takes with the record of the run.

import type { Turn } from "../../runtime/actor.ts";
import { tokensFor } from "./bound.ts";
import type {
  CountCallsMessage,
  CountedCalls,
  LimitLine,
  LimitState,
  PurseCallMessage,
  ReserveMessage,
  Spent,
} from "./messages.ts";

/** An account: what was used, reserved included, and what of it is reserved. */
interface Account {
  readonly used: number;
  readonly held: number;
}

/** A run that waits for room. */
interface Waiter {
  readonly run: string;
  readonly key: string;
}

/** What a purse knows of limits: accounts and who waits, by `<limit>.<run>`. */
export interface LimitBook {
  readonly accounts: Readonly<Record<string, Account>>;
  readonly waiting: Readonly<Record<string, readonly Waiter[]>>;
}

/** What a call holds. */
export type HeldLimits = Readonly<
  Record<string, { readonly line: LimitLine; readonly amount: number }>
>;

export const emptyBook: LimitBook = { accounts: {}, waiting: {} };
const NOTHING: Account = { used: 0, held: 0 };

const nameOf = ({ limit, run }: Pick<LimitLine, "limit" | "run">): string => `${limit}.${run}`;

function amountOf({ limit }: LimitLine, { micros, tokens }: Spent): number {
  return limit === "max_cost" ? micros : limit === "max_tokens" ? tokens : 1;
}

/** What there is room for. */
export type Room =
  | { readonly type: "limit"; readonly state: LimitState }
  | { readonly type: "wait-limit"; readonly of: string }
  /** Of each line what is free. */
  | { readonly type: "free"; readonly free: readonly (readonly [LimitState, number])[] };

/** Whether a call that needs so much at least has room under all limits. */
export function roomUnder(book: LimitBook, lines: readonly LimitLine[], need: Spent): Room {
  let crowded: string | null = null;
  const free: (readonly [LimitState, number])[] = [];
  for (const line of lines) {
    const { used, held } = book.accounts[nameOf(line)] ?? NOTHING;
    const state = { ...line, used: used - held };
    const needed = amountOf(line, need);
    if (needed > line.most - state.used) return { type: "limit", state };
    if (needed > line.most - used) crowded ??= nameOf(line);
    free.push([state, line.most - used]);
  }
  return crowded === null ? { type: "free", free } : { type: "wait-limit", of: crowded };
}

/** The book with a call reserved, and what it holds. */
export function reserveUnder(
  book: LimitBook,
  lines: readonly LimitLine[],
  spent: Spent,
): { readonly book: LimitBook; readonly limits: HeldLimits } {
  const accounts = { ...book.accounts };
  const limits: Record<string, HeldLimits[string]> = {};
  for (const line of lines) {
    const name = nameOf(line);
    const amount = amountOf(line, spent);
    accounts[name] = moved(accounts[name] ?? NOTHING, amount, amount);
    limits[name] = { line, amount };
  }
  return { book: { ...book, accounts }, limits };
}

/** The book after a call came to this; null: to what was reserved. Who waits for what it gives back goes on. */
export function settleUnder(
  book: LimitBook,
  limits: HeldLimits,
  spent: Spent | "free" | null,
  turn: Pick<Turn, "decideRun">,
): LimitBook {
  const accounts = { ...book.accounts };
  const waiting = { ...book.waiting };
  for (const [name, { line, amount }] of Object.entries(limits)) {
    const before = accounts[name];
    // Its run has ended.
    if (before === undefined) continue;
    const used = spent === null ? amount : spent === "free" ? 0 : amountOf(line, spent);
    accounts[name] = moved(before, used - amount, -amount);
    for (const { run, key } of waiting[name] ?? []) turn.decideRun(run, key, null);
    delete waiting[name];
  }
  return { accounts, waiting };
}

function moved({ used, held: before }: Account, more: number, reserved: number): Account {
  return { used: used + more, held: before + reserved };
}

/** The book with one more that waits; where nobody holds anything it goes on at once. */
function awaited(
  book: LimitBook,
  { of, run, key }: Waiter & { readonly of: string },
  turn: Pick<Turn, "decideRun">,
): LimitBook {
  if ((book.accounts[of] ?? NOTHING).held > 0) {
    const others = book.waiting[of] ?? [];
    return { ...book, waiting: { ...book.waiting, [of]: [...others, { run, key }] } };
  }
  turn.decideRun(run, key, null);
  return book;
}

/** Counts calls of tools, as many as there is room for. */
function countCalls(
  book: LimitBook,
  { wanted, accounts: of }: CountCallsMessage,
): { readonly book: LimitBook; readonly counted: CountedCalls } {
  let granted = wanted;
  let full: CountedCalls["full"] = null;
  for (const one of of) {
    const { used } = book.accounts[nameOf({ limit: "max_tool_calls", ...one })] ?? NOTHING;
    if (one.most - used >= granted) continue;
    granted = Math.max(0, one.most - used);
    full = one;
  }
  const accounts = { ...book.accounts };
  for (const one of of) {
    const name = nameOf({ limit: "max_tool_calls", ...one });
    accounts[name] = moved(accounts[name] ?? NOTHING, granted, 0);
  }
  return { book: { ...book, accounts }, counted: { granted, full } };
}

/** The book without a run that has ended. */
function unlimited(book: LimitBook, run: string): LimitBook {
  const kept = <V>(all: Readonly<Record<string, V>>): Record<string, V> =>
    Object.fromEntries(
      Object.entries(all).filter(([name]) => name.slice(name.indexOf(".") + 1) !== run),
    );
  return { accounts: kept(book.accounts), waiting: kept(book.waiting) };
}

/** Whether nothing is counted. */
export function isBare({ accounts, waiting }: LimitBook): boolean {
  return Object.keys(accounts).length === 0 && Object.keys(waiting).length === 0;
}

/** What a purse is told of limits alone. */
export type LimitMessage = Extract<
  PurseCallMessage,
  { type: "count-calls" | "await-limit" | "unlimit" }
>;

/** The book after it was told. */
export function told(book: LimitBook, message: LimitMessage, turn: Turn): LimitBook {
  switch (message.type) {
    case "count-calls": {
      const { book: after, counted } = countCalls(book, message);
      turn.reply(counted);
      return after;
    }
    case "await-limit":
      return awaited(book, message, turn);
    case "unlimit":
      return unlimited(book, message.run);
  }
}

/** Tokens of an answer that limits leave of `most`, and which of them left fewer. */
export function tokensUnder(
  { free }: Extract<Room, { type: "free" }>,
  most: number,
  { outputMicros, promptMicros, promptTokens = 0 }: ReserveMessage,
): { readonly tokens: number; readonly shortBy?: LimitState } {
  let least: { readonly tokens: number; readonly shortBy?: LimitState } = { tokens: most };
  for (const [shortBy, left] of free) {
    if (shortBy.limit === "max_steps") continue;
    const isMoney = shortBy.limit === "max_cost";
    const tokens = isMoney ? tokensFor(outputMicros, left - promptMicros) : left - promptTokens;
    if (tokens < least.tokens) least = { tokens, shortBy };
  }
  return least;
}
