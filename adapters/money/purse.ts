// Where calls of embedders and re-rankers are paid, on main: it reads which budgets a call counts for, has
// their purse (actors/purse.ts) reserve it, and tells it what the call came to. Workers ask it over their
// line (purse-line.ts).

import { setTimeout as pause } from "node:timers/promises";
import { exhausted } from "../../actors/money/call-cost.ts";
import { unpriced } from "../../actors/money/call-price.ts";
import type { CallPrice, Prices } from "../../actors/money/catalogue.ts";
import { type BudgetLine, linesOf } from "../../actors/money/lines.ts";
import {
  type PurseCallMessage,
  purseAddress,
  type Reserved,
  type ReserveMessage,
} from "../../actors/money/messages.ts";
import {
  type Booking,
  type CallPayer,
  type CallUse,
  callMicros,
  type ProviderCall,
  type ProviderPurse,
  type ReservedCall,
} from "../../actors/money/provider-call.ts";
import { unitsOf } from "../../actors/records/price.ts";
import { type Address, address } from "../../runtime/address.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { newId } from "../../runtime/id.ts";
import { type Log, silentLog } from "../../runtime/log.ts";
import type { System, Tables } from "../../runtime/system.ts";

/** Limits of paying. */
export const purseLimits = {
  /** Others hold what is left of a budget: it is asked for again, each time later, for so long. */
  waitMs: 2_000,
  againMs: 25,
  againMsMax: 400,
  askMs: 30_000,
  /** Purses of a tenant for what lies under no root of a run: calls at once do not wait for one. */
  purses: 8,
} as const;

/** What it works with. */
export interface PurseParts {
  readonly system: Pick<System, "ask" | "send"> & { readonly tables: Pick<Tables, "get"> };
  readonly prices: Prices;
  /** Tells this start of the server from others. */
  readonly life: string;
  nowMs(): number;
  readonly log?: Log;
}

/** Beginning of the ids of calls, which stand where runs stand in reservations. */
export const CALL = "pc";

/** The purse of a server. */
export function createProviderPurse(parts: PurseParts): ProviderPurse {
  const { system, prices, life, nowMs, log = silentLog } = parts;
  const { askMs, purses } = purseLimits;
  let next = 0;

  const ask = async (to: Address, message: PurseCallMessage, isSafe: boolean): Promise<unknown> => {
    // What is not reserved, and what is settled, may be lost with the power: it counts as it was reserved.
    return await system.ask(to, message, {
      timeoutMs: askMs,
      level: isSafe ? "flushed" : "committed",
    });
  };

  const linesFor = async (call: ProviderCall, to: Address): Promise<readonly BudgetLine[]> => {
    const { tenant, payer = nobody } = call;
    const row = async (table: string, id: string): Promise<unknown> =>
      (await system.tables.get(tenant, table, id))?.value;
    const lines = await linesOf({ row, self: to, id: payer.run ?? CALL }, payer, nowMs());
    return payer.run === undefined ? lines.filter(({ scope }) => scope !== "run") : lines;
  };

  /** Asks once; "conflict": others took it at the same moment. */
  const once = async (
    call: ProviderCall,
    to: Address,
    id: string,
  ): Promise<Reserved | "conflict"> => {
    const lines = await linesFor(call, to);
    const booking = bookingOf(call, prices, life, lines.length > 0);
    const { tokensMax: tokens, searchesMax: searches } = booking;
    const message: ReserveMessage = {
      ...{ type: "reserve", run: id, call: "1", lines, booking },
      promptMicros: callMicros(booking.price, { tokens, searches }),
      ...{ outputMicros: 0, tokens: 0, tokensMin: 0, place: null, known: null },
    };
    try {
      return (await ask(to, message, lines.length > 0)) as Reserved;
    } catch (error) {
      if (error instanceof RuntimeError && error.code === "CONFLICT") return "conflict";
      // Its reply may be all that was lost.
      await end(to, { type: "book", run: id, call: "1", use: {}, isFree: true });
      throw error;
    }
  };

  const end = async (to: Address, message: PurseCallMessage): Promise<void> => {
    try {
      await ask(to, message, false).catch(() => system.send(to, message));
    } catch (error) {
      // It stays reserved, and counts so when it is found (open-calls.ts).
      log.write("warn", "A call of a provider could not be settled.", { err: error });
    }
  };

  return {
    async reserve(call, signal) {
      const { tenant, payer } = call;
      const root = payer?.root ?? `calls-${next++ % purses}`;
      const to = purseAddress(address({ kind: "purse", tenant, root }));
      const id = newId(CALL, nowMs());
      const endsAt = performance.now() + purseLimits.waitMs;
      for (let waitMs: number = purseLimits.againMs; ; ) {
        if (signal?.aborted) throw new RuntimeError("CANCELLED", "The call was cancelled.");
        const reserved = await once(call, to, id);
        if (reserved === "conflict") {
          if (performance.now() >= endsAt) throw crowded();
          continue;
        }
        if (reserved.type === "granted") return reservedCall((message) => end(to, message), id);
        if (reserved.type === "exhausted") throw exhausted(reserved);
        if (performance.now() + waitMs >= endsAt) throw held(reserved.line);
        await pause(waitMs, undefined, { ...(signal && { signal }) }).catch(() => undefined);
        waitMs = Math.min(waitMs * 2, purseLimits.againMsMax);
      }
    },
  };
}

const nobody: CallPayer = { keyId: null, agent: "" };

/** @throws PRICE_UNKNOWN under a budget, for a model without a price of its own. */
function bookingOf(
  { service, model, tokensMax, searchesMax = 0, payer }: ProviderCall,
  prices: Prices,
  life: string,
  isLimited: boolean,
): Booking {
  const known = prices.callPrice(model);
  if (isLimited && (known === null || known.guess !== null)) throw unpriced(model, known?.guess);
  const price: CallPrice | null = known?.price ?? null;
  const { keyId, agent, run = null } = payer ?? nobody;
  // As agents name it, so that usage by model is one.
  const bare = model.slice(model.indexOf("/") + 1);
  return { service, keyId, agent, runId: run, model: bare, price, tokensMax, searchesMax, life };
}

function reservedCall(
  end: (message: PurseCallMessage) => Promise<void>,
  run: string,
): ReservedCall {
  let isEnded = false;
  const once = async (use: CallUse, isFree: boolean): Promise<void> => {
    if (isEnded) return;
    isEnded = true;
    await end({ type: "book", run, call: "1", use, ...(isFree && { isFree }) });
  };
  return { settle: (use) => once(use, false), release: () => once({}, true) };
}

function crowded(): RuntimeError {
  const text = `Calls at the same moment were reserved before this one for ${purseLimits.waitMs} ms; ask again.`;
  return new RuntimeError("POOL_FULL", text);
}

function held({ budget, scope, subject, limitMicros }: BudgetLine): RuntimeError {
  const text = `What is left of budget ${budget} is reserved by calls under way; ask again when they have ended.`;
  const limit = { budget, scope, subject, limit: unitsOf(limitMicros) };
  return new RuntimeError("POOL_FULL", text, { limit });
}
