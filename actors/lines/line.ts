// A line of runs: so many of them work at once, the others wait in the order in which they came, over restarts
// too. One actor for each agent with `concurrency`, and one for all agents that work by themselves. It knows
// names of runs alone; who has started one enters it, lets it go when it is told to, and says when it has ended.

import { defineActor, type ReadRequest, type RecordRow, type Turn } from "../../runtime/actor.ts";
import { type Address, address, addressParts } from "../../runtime/address.ts";

/** What a line is told. */
export type LineMessage =
  /** `most`: runs at once, as it is said now. */
  | { readonly type: "enter"; readonly run: string; readonly most: number }
  /** So many may be at once from now on. */
  | { readonly type: "most"; readonly most: number }
  /** Answered with LineView. */
  | { readonly type: "describe" }
  /** It has ended, or waits no more. */
  | { readonly type: "leave"; readonly run: string }
  /** A tenant is gone with all of its runs. `from`: it goes on behind this key. */
  | { readonly type: "forget"; readonly tenant: string; readonly from?: string };

/** How a line is. */
export type LineView = Record<"running" | "waiting", number>;

/** Told to who has entered a run: it works from now on. */
export interface Go {
  readonly type: "go";
  readonly run: string;
}

/** State. Version 1. Those that wait are records, `w.<number>` in order and `r.<run>` with the number. */
export interface LineState {
  readonly most: number;
  readonly running: readonly Running[];
  readonly waiting: number;
  /** Number of the one that came last. */
  readonly last: number;
}

interface Running {
  readonly run: string;
  readonly tenant: string;
}

interface Waiter {
  readonly run: string;
  readonly to: Address;
}

const KIND = "run-line";
/** Of those that wait, let go in one turn. */
const PAGE = 32;
/** Of those of a tenant that is gone, looked at in one turn. */
const FORGOTTEN = 200;
const DIGITS = 12;

const waiterKey = (number: number): string => `w.${`${number}`.padStart(DIGITS, "0")}`;
const placeKey = (run: string): string => `r.${run}`;

/** The line of what has this name: an agent, or all of them. */
export function lineAddress(tenant: string, of: string): Address {
  return address({ kind: KIND, tenant, root: of });
}

/** Kind `run-line`. */
export const lineActor = defineActor<LineState, LineMessage>({
  kind: KIND,
  version: 1,
  initial: () => ({ most: 0, running: [], waiting: 0, last: 0 }),
  reads(message): Readonly<Record<string, ReadRequest>> {
    const next: ReadRequest = { type: "records", from: "w.", to: "w/", limit: PAGE };
    if (message.type === "describe") return {};
    if (message.type === "enter" || message.type === "most") return { next };
    if (message.type === "forget") {
      const { from = "w." } = message;
      return { next, page: { type: "records", from, to: "w/", limit: FORGOTTEN } };
    }
    const key = placeKey(message.run);
    return { next, place: { type: "records", from: key, to: `${key}.`, limit: 1 } };
  },
  receive(state, message, turn) {
    switch (message.type) {
      case "enter":
        return entered(state, message, turn);
      case "most":
        return changed(state, message, turn);
      case "describe":
        turn.reply({ running: state.running.length, waiting: state.waiting } satisfies LineView);
        return state;
      case "leave":
        return letGo(left(state, message.run, turn), turn, (one) => one.run === message.run);
      case "forget":
        return forgotten(state, message, turn);
    }
  },
});

function entered(
  state: LineState,
  { run, most }: LineMessage & { readonly type: "enter" },
  turn: Turn,
): LineState {
  const { from: to } = turn;
  if (to === null) return state;
  const next = letGo({ ...state, most }, turn, () => false);
  if (next.waiting === 0 && next.running.length < most) {
    turn.send(to, { type: "go", run } satisfies Go);
    return { ...next, running: [...next.running, { run, tenant: tenantOf(to) }] };
  }
  const last = next.last + 1;
  turn.put(waiterKey(last), { run, to } satisfies Waiter);
  turn.put(placeKey(run), last);
  return { ...next, last, waiting: next.waiting + 1 };
}

/** Of an empty line whoever enters says it anyway. */
function changed(
  state: LineState,
  message: LineMessage & { readonly type: "most" },
  turn: Turn,
): LineState {
  if (turn.from === null) turn.reply(null);
  if (state.waiting === 0) return state;
  const next = letGo({ ...state, most: message.most }, turn, () => false);
  const isMore = next.waiting > 0 && next.running.length < next.most;
  if (isMore) turn.send(turn.self, message);
  return next;
}

function left(state: LineState, run: string, turn: Turn): LineState {
  const running = state.running.filter((one) => one.run !== run);
  const [place] = turn.loaded["place"] as readonly RecordRow[];
  if (place === undefined) return { ...state, running };
  turn.remove(place.key);
  turn.remove(waiterKey(place.value as number));
  return { ...state, running, waiting: state.waiting - 1 };
}

/** Nobody is left of a tenant to say that its runs have ended. */
function forgotten(
  state: LineState,
  { tenant, from }: LineMessage & { readonly type: "forget" },
  turn: Turn,
): LineState {
  const page = turn.loaded["page"] as readonly RecordRow[];
  const theirs = page.filter(({ value }) => tenantOf((value as Waiter).to) === tenant);
  for (const { key, value } of theirs) {
    turn.remove(key);
    turn.remove(placeKey((value as Waiter).run));
  }
  const last = page.at(-1);
  if (last !== undefined && page.length === FORGOTTEN) {
    const more: LineMessage = { type: "forget", tenant, from: `${last.key}.` };
    turn.send(turn.self, more);
  }
  if (from === undefined) turn.reply(null);
  const running = state.running.filter((one) => one.tenant !== tenant);
  const rest = { ...state, running, waiting: state.waiting - theirs.length };
  return letGo(rest, turn, ({ to }) => tenantOf(to) === tenant);
}

const tenantOf = (to: Address): string => addressParts(to).tenant;

/** As many as there is room for, the first first. @param isGone waits no more. */
function letGo(state: LineState, turn: Turn, isGone: (waiter: Waiter) => boolean): LineState {
  const running = [...state.running];
  let { waiting } = state;
  for (const { key, value } of turn.loaded["next"] as readonly RecordRow[]) {
    const waiter = value as Waiter;
    const { run, to } = waiter;
    if (running.length >= state.most) break;
    if (isGone(waiter)) continue;
    turn.remove(key);
    turn.remove(placeKey(run));
    turn.send(to, { type: "go", run } satisfies Go);
    running.push({ run, tenant: tenantOf(to) });
    waiting -= 1;
  }
  return { ...state, running, waiting };
}
