// How a purse keeps a tenant's budgets: a call is reserved in all of its budgets or in none, in one turn,
// and settled in all of them in another. Counters that several purses share are judged by the storage
// thread in the turn's transaction: the floor of what is used is the limit. What is about one
// conversation or one run the purse counts itself.

import type { Loaded, ReadRequest, Turn } from "../../runtime/actor.ts";
import { addressParts } from "../../runtime/address.ts";
import { noteBudget } from "../figures.ts";
import { budgetTables } from "../records/budget.ts";
import { type Ahead, lostOf, mayGoAhead, stepOfMark } from "./ahead.ts";
import { book, bookedUse } from "./booking.ts";
import { tokensFor } from "./bound.ts";
import {
  emptyBook,
  type HeldLimits,
  isBare,
  type LimitBook,
  type LimitMessage,
  reserveUnder,
  roomUnder,
  settleUnder,
  tokensUnder,
  told,
} from "./limit-book.ts";
import { type BudgetLine, countersOf } from "./lines.ts";
import {
  type CutSpend,
  type LimitedReserved,
  type PurseCallMessage,
  type Reserved,
  type ReserveMessage,
  type TreasuryMessage,
  treasuryAddress,
} from "./messages.ts";
import type { Booking, CallUse } from "./provider-call.ts";
import { overrun, refused, tellLost } from "./purse-audit.ts";

/** Accounts of single runs that a purse remembers after them, the newest. */
const OWN_MAX = 64;
const TOKENS_OF_PRICE = 1_000_000n;

/** What must be known of a line to settle what is reserved in it. */
type HeldLine = Pick<BudgetLine, "budget" | "of" | "isOwn">;

/** A call that is reserved. */
interface Held {
  readonly lines: readonly HeldLine[];
  readonly micros: number;
  readonly limits?: HeldLimits;
  readonly booking?: Booking;
}

/** What was used of a budget that the purse counts, reserved included, and what of it is reserved. */
interface Own extends Partial<Ahead> {
  readonly used: number;
  readonly held: number;
}

/** What a line has at this moment. */
type Account = Ahead & Pick<Own, "used" | "held">;

/** State of a purse; null: nothing is reserved and nothing counted. */
export interface PurseState {
  /** By `<run>|<call>`. */
  readonly open: Readonly<Record<string, Held>>;
  /** By the line's `of`. */
  readonly own: Readonly<Record<string, Own>>;
  /** Limits of agents' runs; absent: there are none. */
  readonly limits?: LimitBook;
}

const EMPTY: PurseState = { open: {}, own: {} };

/** What must be loaded for a message. */
export function purseReads(
  message: PurseCallMessage,
  state: PurseState | null,
): Readonly<Record<string, ReadRequest>> {
  switch (message.type) {
    case "reserve":
      return { ...queueReads(message.lines), ...counterReads(message.lines) };
    case "settle":
    case "book":
      return queueReads(state?.open[openKey(message)]?.lines ?? []);
    case "close": {
      const lines = openOf(state, message.run).flatMap(([, held]) => held.lines);
      const cut: ReadRequest = { type: "row", table: budgetTables.cuts, id: message.run };
      return { ...queueReads(lines), cut };
    }
    default:
      return {};
  }
}

function queueReads(lines: readonly HeldLine[]): Record<string, ReadRequest> {
  const reads: Record<string, ReadRequest> = {};
  for (const line of lines) {
    if (line.isOwn) continue;
    reads[queueKey(line)] = { type: "row", table: budgetTables.queues, id: line.budget };
  }
  return reads;
}

function counterReads(lines: readonly BudgetLine[]): Record<string, ReadRequest> {
  const reads: Record<string, ReadRequest> = {};
  for (const line of lines) {
    if (line.isOwn) continue;
    const { used, held, ahead, mark } = countersOf(line);
    for (const name of [used, held, ahead, mark]) reads[name] = { type: "counter", name };
    reads[bootKey(line)] = { type: "row", table: budgetTables.boots, id: line.of };
  }
  return reads;
}

const bootKey = ({ of }: Pick<BudgetLine, "of">): string => `boot.${of}`;
const queueKey = ({ budget }: Pick<BudgetLine, "budget">): string => `queue.${budget}`;

const openKey = ({ run, call }: { readonly run: string; readonly call: string }): string =>
  `${run}|${call}`;

function openOf(state: PurseState | null, run: string): readonly (readonly [string, Held])[] {
  return Object.entries(state?.open ?? {}).filter(([key]) => key.startsWith(`${run}|`));
}

function accountOf(state: PurseState, line: BudgetLine, loaded: Loaded): Account {
  if (line.isOwn) {
    const { used = 0, held = 0, ahead = 0, mark = 0, boot } = state.own[line.of] ?? {};
    return { used, held, ahead, mark, boot };
  }
  const { used, held, ahead, mark } = countersOf(line);
  // Less than nothing, so that the limit is a floor.
  return {
    ...{ used: -Number(loaded[used] ?? 0), held: Number(loaded[held] ?? 0) },
    ...{ ahead: -Number(loaded[ahead] ?? 0), mark: Number(loaded[mark] ?? 0) },
    boot: loaded[bootKey(line)] as string | undefined,
  };
}

/** Reserves, or says why not yet. The reply is a `Reserved`. */
export function reserve(
  state: PurseState | null,
  message: ReserveMessage,
  turn: Turn,
): PurseState | null {
  const before = state ?? EMPTY;
  const { lines, promptMicros, known } = message;
  const needMicros = promptMicros + outputOf(message, message.tokensMin);
  const place = message.place ?? turn.newId("bw");
  const answer = (reserved: LimitedReserved): PurseState | null => {
    turn.reply(reserved);
    return state;
  };
  const { limits = [], promptTokens = 0 } = message;
  const book = before.limits ?? emptyBook;
  const need = { micros: needMicros, tokens: promptTokens + message.tokensMin };
  const room = roomUnder(book, limits, need);
  if (room.type === "limit") return answer(room);
  let free = Number.MAX_SAFE_INTEGER;
  let crowded: BudgetLine | undefined;
  const accounts = new Map<BudgetLine, Account>();
  for (const line of lines) {
    const account = accountOf(before, line, turn.loaded);
    accounts.set(line, account);
    const { held } = account;
    const used = account.used + lostOf(account, known);
    const leftMicros = Math.max(0, line.limitMicros - (used - held));
    if (needMicros > leftMicros) {
      refused(turn, message, line);
      noteBudget(turn, line, "refused", used);
      return answer({ type: "exhausted", line, leftMicros, needMicros, place });
    }
    const isQueued = !line.isOwn && turn.loaded[queueKey(line)] !== undefined;
    if (line.limitMicros - used < needMicros || (isQueued && message.place === null)) {
      crowded ??= line;
    }
    free = Math.min(free, line.limitMicros - used);
  }
  if (crowded !== undefined) return answer({ type: "wait", line: crowded, place });
  if (room.type === "wait-limit") return answer(room);
  const most = Math.min(message.tokens, tokensFor(message.outputMicros, free - promptMicros));
  const { tokens, shortBy } = tokensUnder(room, most, message);
  const micros = promptMicros + outputOf(message, tokens);
  const isAhead = lines.every((line) =>
    mayGoAhead(line.of, accounts.get(line) ?? NOTHING, known, micros),
  );
  const own = { ...before.own };
  const marks: Record<string, number> = {};
  for (const line of lines) {
    const account = accounts.get(line) ?? NOTHING;
    const taken = takenOf(line, account, { micros, known, isAhead });
    if (taken.mark > (known?.marks[line.of] ?? 0)) marks[line.of] = taken.mark;
    noteBudget(turn, line, "granted", taken.used);
    if (line.isOwn) own[line.of] = taken;
    else take(turn, line, account, { next: taken, known, isAhead });
    const lost = lostOf(account, known);
    if (lost > 0) tellLost(turn, message.run, line, lost);
  }
  const { run, call, booking } = message;
  const at = new Date(turn.nowMs).toISOString();
  const row = {
    ...{ run, call, micros, at, budgets: lines.map(budgetOf) },
    ...(booking && { life: booking.life, purse: addressParts(turn.self).root }),
  };
  if (lines.length > 0) {
    turn.putRow(budgetTables.reservations, `${message.run}.${message.call}`, row);
  }
  const short = shortBy && { shortBy };
  turn.reply({ type: "granted", micros, tokens, ...short, isAhead, marks } satisfies Reserved);
  const counted = reserveUnder(book, limits, { micros, tokens: promptTokens + tokens });
  const holding = {
    ...{ lines: lines.map(heldIn), micros, ...(booking && { booking }) },
    ...(limits.length > 0 && { limits: counted.limits }),
  };
  const open = { ...before.open, [openKey(message)]: holding };
  return withLimits({ own: bounded(own), open }, counted.book);
}

function withLimits({ open, own }: PurseState, limits: LimitBook): PurseState {
  return isBare(limits) ? { open, own } : { open, own, limits };
}

/** Nothing is left to remember, or what there is. */
const orNone = (state: PurseState): PurseState | null => (isEmpty(state) ? null : state);

/** What a purse is told of limits alone. */
export function limitTold(
  state: PurseState | null,
  message: LimitMessage,
  turn: Turn,
): PurseState | null {
  const { limits = emptyBook, ...rest } = state ?? EMPTY;
  return orNone(withLimits(rest, told(limits, message, turn)));
}

const NOTHING: Account = { used: 0, held: 0, ahead: 0, mark: 0, boot: undefined };

/** An account after a call of so much was reserved in it. */
function takenOf(
  { limitMicros }: BudgetLine,
  before: Account,
  {
    micros,
    known,
    isAhead,
  }: Pick<ReserveMessage, "known"> & {
    readonly micros: number;
    readonly isAhead: boolean;
  },
): Account {
  const lost = lostOf(before, known);
  const used = before.used + lost + micros;
  const ahead = before.ahead + lost + (isAhead ? micros : 0);
  const { mark } = before;
  const step = known === null ? 0 : stepOfMark({ ...before, ahead }, limitMicros - used, micros);
  const boot =
    known === null || (step === 0 && before.boot === undefined) ? before.boot : known.boot;
  return { used, held: before.held + micros, ahead, mark: mark + step, boot };
}

const budgetOf = ({ budget }: HeldLine): string => budget;
const heldIn = ({ budget, of, isOwn }: BudgetLine): HeldLine => ({ budget, of, isOwn });

function take(
  turn: Turn,
  line: BudgetLine,
  before: Account,
  {
    next,
    known,
    isAhead,
  }: Pick<ReserveMessage, "known"> & {
    readonly next: Account;
    readonly isAhead: boolean;
  },
): void {
  const names = countersOf(line);
  const message = `Budget ${line.budget} was taken from by others at the same moment.`;
  const otherwise = { code: "CONFLICT", message } as const;
  turn.add(names.used, before.used - next.used, { min: -line.limitMicros, otherwise });
  turn.add(names.held, next.held - before.held);
  if (next.ahead > before.ahead) {
    // What may be lost is counted once, and what goes out ahead stays below what is flushed.
    const most = isAhead ? (known?.marks[line.of] ?? 0) : before.mark;
    turn.add(names.ahead, before.ahead - next.ahead, { min: -most, otherwise });
  }
  if (next.mark > before.mark) turn.add(names.mark, next.mark - before.mark);
  if (next.boot !== before.boot) turn.putRow(budgetTables.boots, line.of, next.boot);
}

/** Settles a call: what it did not use is given back, what it used beyond is marked. */
export function settle(
  state: PurseState | null,
  of: {
    readonly run: string;
    readonly call: string;
    readonly micros: number | null;
    readonly tokens?: number;
    readonly isFree?: true;
  },
  turn: Turn,
): PurseState | null {
  const held = state?.open[openKey(of)];
  if (state === null || held === undefined) return state;
  const micros = of.micros ?? held.micros;
  const { [openKey(of)]: _, ...open } = state.open;
  const own = { ...state.own };
  for (const line of held.lines) {
    if (line.isOwn) own[line.of] = moved(own[line.of], micros - held.micros, -held.micros);
    else giveBack(turn, line, held.micros, micros);
  }
  turn.putRow(budgetTables.reservations, `${of.run}.${of.call}`, undefined);
  if (micros > held.micros) overrun(turn, of, held, micros);
  tellFreed(turn, held);
  const { limits = emptyBook } = state;
  const tokens = of.tokens ?? null;
  const spent = of.isFree ? "free" : tokens === null ? null : { micros, tokens };
  const book = held.limits === undefined ? limits : settleUnder(limits, held.limits, spent, turn);
  return orNone(withLimits({ open, own }, book));
}

/** Settles a call that stands in the ledger by itself, and writes it down there. */
export function settleBooked(
  state: PurseState | null,
  {
    use,
    isFree,
    ...of
  }: {
    readonly run: string;
    readonly call: string;
    readonly use: CallUse | null;
    readonly isFree?: true;
  },
  turn: Turn,
): PurseState | null {
  const booking = state?.open[openKey(of)]?.booking;
  if (booking === undefined) return state;
  if (isFree) return settle(state, { ...of, micros: 0 }, turn);
  const spend = bookedUse(booking, use);
  book(turn, booking, spend, use === null ? "unfinished" : "completed");
  return settle(state, { ...of, micros: spend.spendMicros ?? 0 }, turn);
}

function giveBack(turn: Turn, line: HeldLine, heldMicros: number, micros: number): void {
  const { used, held, over } = countersOf(line);
  if (heldMicros !== micros) turn.add(used, heldMicros - micros);
  turn.add(held, -heldMicros);
  if (micros > heldMicros) turn.add(over, micros - heldMicros);
}

/** Settles all that is open of a run that has ended. */
export function close(state: PurseState | null, run: string, turn: Turn): PurseState | null {
  const cut = turn.loaded["cut"] as CutSpend | undefined;
  if (cut !== undefined) turn.putRow(budgetTables.cuts, run, undefined);
  let next = state;
  for (const [key] of openOf(state, run)) {
    const call = key.slice(run.length + 1);
    const micros = cut?.[call] ?? null;
    next = settle(next, { run, call, micros, ...(micros === 0 && { isFree: true }) }, turn);
  }
  return next;
}

/** Tells those that wait for what a call held. */
function tellFreed(turn: Turn, held: Held): void {
  for (const line of held.lines) {
    if (line.isOwn || turn.loaded[queueKey(line)] === undefined) continue;
    const freed: TreasuryMessage = { type: "freed", budget: line.budget };
    turn.send(treasuryAddress(addressParts(turn.self).tenant), freed);
  }
}

function moved(own: Own | undefined, used: number, held: number): Own {
  return { ...own, used: (own?.used ?? 0) + used, held: (own?.held ?? 0) + held };
}

/** Accounts of runs that ended long ago go; those that hold something stay. */
function bounded(own: Readonly<Record<string, Own>>): Readonly<Record<string, Own>> {
  const entries = Object.entries(own);
  if (entries.length <= OWN_MAX) return own;
  const kept = entries.filter(([, { held }], at) => held > 0 || at >= entries.length - OWN_MAX);
  return Object.fromEntries(kept);
}

function isEmpty({ open, own, limits }: PurseState): boolean {
  const isNone = Object.keys(open).length === 0 && Object.keys(own).length === 0;
  return isNone && limits === undefined;
}

function outputOf({ outputMicros }: ReserveMessage, tokens: number): number {
  const product = BigInt(tokens) * BigInt(outputMicros) + TOKENS_OF_PRICE - 1n;
  return Number(product / TOKENS_OF_PRICE);
}
