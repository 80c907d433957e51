// How a run keeps within the budgets that its model calls count for. Before a call its purse reserves what
// it can cost at most, in every budget or in none; after it the purse is told what it did cost. Where there
// is too little the run waits: for others to give back what they hold, or until the budget is raised. With
// no budget in the tenant all of this is one read of a row in memory.
//
// A reservation is asked for under a number of its own for each try, and each life of the run: what an
// earlier life was granted and has no result counts as spent, since its call may have gone out.

import type { RunContext } from "../../runtime/actor.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { limits } from "../limits.ts";
import { modelsOfChain } from "../model-chain.ts";
import type { LlmRequest, Ports, Usage } from "../ports.ts";
import { budgetTables, periodEndMs } from "../records/budget.ts";
import { unitsOf } from "../records/price.ts";
import { type CallAttempts, isUnpaid } from "./attempts.ts";
import { estimatedCost, outputCost, promptCost, promptTokensMax } from "./bound.ts";
import type { ModelPrice } from "./catalogue.ts";
import { spendMicros } from "./catalogue.ts";
import { hasBudgets, linesOf, type Payer } from "./lines.ts";
import {
  type CutSpend,
  type PurseCallMessage,
  purseAddress,
  type Reserved,
  type ReserveMessage,
  type TreasuryMessage,
  treasuryAddress,
  type Waiting,
} from "./messages.ts";
import { waitKey } from "./wait-key.ts";

/** What a model call came to. `model`: the one of a chain that answered. */
export interface CallResult {
  readonly usage: Usage;
  readonly model?: string;
}

type Granted = Reserved & { readonly type: "granted" };

/** A call under way, in this life of its run. */
interface Call {
  readonly key: string;
  readonly ask: Omit<ReserveMessage, "run" | "call" | "place">;
  readonly price: ModelPrice;
  readonly promptTokens: number;
  /** Reservations that stand, by their calls: one for each request that may be paid. */
  readonly held: string[];
  readonly micros: number;
  /** The number of the next try. */
  next: number;
  /** Requests that are out or may be paid. */
  requests: number;
  hasBegun: boolean;
  /** Whether they are counted where they are sent. */
  isCounted: boolean;
  isUnpaid: boolean;
}

const askKey = (key: string, number: number): string => `budget:${key}:${number}`;
const callOf = (key: string, number: number): string => `${key}:${number}`;

/** The budgets of one run. */
export class RunBudgets {
  readonly #context: RunContext<Ports>;
  readonly #payer: Payer;
  readonly #calls = new Map<string, Call>();
  #hasClose = false;

  constructor(context: RunContext<Ports>, payer: Payer) {
    this.#context = context;
    this.#payer = payer;
  }

  /**
   * Makes a model call, whose result `call` stores under `key`, within the budgets.
   * @throws BUDGET_EXHAUSTED, PRICE_UNKNOWN, and what `call` throws.
   */
  async pay<T extends CallResult>(
    key: string,
    request: LlmRequest,
    call: (request: LlmRequest) => Promise<T>,
  ): Promise<T> {
    const context = this.#context;
    const isDone = context.isStored(key);
    if (!isDone) await this.#reserve(key, request);
    const paid = this.#calls.get(key);
    if (paid === undefined) {
      const result = await call(request);
      // An earlier life has reserved it.
      if (isDone && context.isStored(askKey(key, 1)))
        await this.#settleStored(key, request, result);
      return result;
    }
    let result: T;
    try {
      result = await call({ ...request, maxTokens: paid.ask.tokens });
    } catch (error) {
      if (!context.signal.aborted) await this.#settle(paid, cutCost(paid));
      throw error;
    }
    await this.#settle(paid, costOf(context.ports, paid, request.model, result));
    return result;
  }

  /** The requests of a call that is being made; undefined when nothing limits it. */
  attempts(key: string): CallAttempts | undefined {
    const call = this.#calls.get(key);
    if (call === undefined) return undefined;
    return {
      begin: async () => {
        call.isCounted = true;
        call.requests += 1;
        if (call.requests <= call.held.length) return;
        try {
          await this.#reserveAgain(call);
        } catch (error) {
          call.requests -= 1;
          throw error;
        }
      },
      failed: (error) => {
        if (isUnpaid(error)) call.requests -= 1;
      },
    };
  }

  /** The call is being made. */
  begun(key: string): void {
    const call = this.#calls.get(key);
    if (call === undefined) return;
    call.hasBegun = true;
    call.isUnpaid = false;
  }

  /** It failed before its first word, and nobody takes anything for it. */
  released(key: string): void {
    const call = this.#calls.get(key);
    if (call !== undefined) call.isUnpaid = true;
  }

  async #reserve(key: string, request: LlmRequest): Promise<void> {
    const context = this.#context;
    const { llm } = context.ports;
    if (llm.isBuiltin(request.model)) return;
    if (!context.isStored(askKey(key, 1)) && !(await hasBudgets(context))) return;
    let place: string | null = null;
    for (let number = 1; number <= limits.budgetTries; number += 1) {
      const isOld = context.isStored(askKey(key, number));
      const asked = await this.#asked(key, request, number);
      if (asked === null) return;
      const { ask, price, promptTokens } = asked;
      const reserved = await this.#ask(key, number, { ...ask, place });
      if (reserved === null) continue;
      if (reserved.type === "granted") {
        // What an earlier life was granted may have been spent: it is settled with the run's end.
        if (isOld) continue;
        await this.#untilFlushed(key, number);
        this.#calls.set(key, {
          ...{ key, price, promptTokens, held: [callOf(key, number)], micros: reserved.micros },
          ...{ ask: { ...ask, tokens: reserved.tokens }, next: number + 1 },
          ...{ requests: 0, hasBegun: false, isCounted: false, isUnpaid: false },
        });
        return;
      }
      place = reserved.place;
      await this.#wait(key, number, reserved, ask.needMicros);
    }
    throw new RuntimeError(
      "BUDGET_EXHAUSTED",
      `The call ${key} found no room in its budgets, asked for ${limits.budgetTries} times.`,
    );
  }

  /** What is asked for now; null when nothing limits the run any more. */
  async #asked(
    key: string,
    request: LlmRequest,
    number: number,
  ): Promise<
    | (Pick<Call, "price" | "promptTokens"> & {
        readonly ask: Call["ask"] & { readonly needMicros: number };
      })
    | null
  > {
    const context = this.#context;
    const nowMs = await context.now(`budget-at:${key}:${number}`);
    const lines = await linesOf(context, this.#payer, nowMs);
    if (lines.length === 0 && !context.isStored(askKey(key, number))) return null;
    const price = priceOf(context.ports, request.model);
    const promptTokens = promptTokensMax(request);
    const most = request.maxTokens ?? limits.budgetAnswerTokens;
    const tokens = Math.min(most, context.ports.llm.windowOf(request.model));
    const tokensMin = Math.min(tokens, limits.budgetTokensMin);
    const promptMicros = promptCost(price, promptTokens);
    const needMicros = promptMicros + outputCost(price, tokensMin);
    const { outputMicros } = price;
    const ask = { type: "reserve", lines, promptMicros, outputMicros, tokens, tokensMin } as const;
    return { price, promptTokens, ask: { ...ask, needMicros } };
  }

  /** Null when others took it at the same moment: there is more to be known now. */
  async #ask(
    key: string,
    number: number,
    { needMicros: _, ...ask }: Omit<ReserveMessage, "run" | "call"> & { needMicros?: number },
  ): Promise<Reserved | null> {
    const context = this.#context;
    const purse = purseAddress(context.self);
    this.#closeAtEnd();
    const message: ReserveMessage = { ...ask, run: context.id, call: callOf(key, number) };
    try {
      const reserved = await context.ask(askKey(key, number), purse, message, {
        timeoutMs: limits.budgetAskMs,
      });
      return reserved as Reserved;
    } catch (error) {
      if (error instanceof RuntimeError && error.code === "CONFLICT") return null;
      throw error;
    }
  }

  /** A call that goes out is not forgotten when the power fails. */
  async #untilFlushed(key: string, number: number): Promise<void> {
    await this.#context.step(`budget-flushed:${key}:${number}`, () => null, {
      repeat: "reconcile",
    });
  }

  /** What is open when the run ends, is settled by its purse: in the transaction of the end it is told. */
  #closeAtEnd(): void {
    if (this.#hasClose) return;
    this.#hasClose = true;
    const context = this.#context;
    const message: PurseCallMessage = { type: "close", run: context.id };
    context.sendAtEnd("budget-close", purseAddress(context.self), message);
    context.atEnd((write) => {
      const cut: Record<string, number> = {};
      for (const call of this.#calls.values()) {
        const last = call.held.at(-1);
        if (last !== undefined) cut[last] = cutCost(call);
        for (const held of call.held.slice(sentOf(call))) cut[held] = 0;
      }
      const spend: CutSpend = cut;
      if (Object.keys(cut).length > 0) write.putRow(budgetTables.cuts, context.id, spend);
    });
  }

  /** A further request of a call under way: at once, or not at all. */
  async #reserveAgain(call: Call): Promise<void> {
    const number = call.next;
    call.next += 1;
    const reserved = await this.#ask(call.key, number, {
      ...call.ask,
      // It asks for what the first one has: its answer may be as long.
      ...{ tokensMin: call.ask.tokens, place: null },
    });
    if (reserved?.type === "granted") {
      await this.#untilFlushed(call.key, number);
      call.held.push(callOf(call.key, number));
      return;
    }
    if (reserved?.type === "exhausted") throw exhausted(reserved);
    const text = `A further attempt of the call ${call.key} found no room in its budgets.`;
    throw new RuntimeError("BUDGET_EXHAUSTED", text);
  }

  /** Until it is worth asking again. @throws BUDGET_EXHAUSTED when it is not, or was not in time. */
  async #wait(
    key: string,
    number: number,
    reserved: Exclude<Reserved, Granted>,
    needMicros: number,
  ): Promise<void> {
    const context = this.#context;
    const isOver = reserved.type === "exhausted";
    if (isOver && reserved.line.onExhausted === "stop") throw exhausted(reserved);
    const to = treasuryAddress(context.tenant);
    const decision = waitKey(key, number);
    const nowMs = await context.now(`budget-wait-at:${key}:${number}`);
    const waiting: Waiting = {
      ...{ budget: isOver ? reserved.line.budget : reserved.budget, place: reserved.place },
      ...{ kind: isOver ? "pause" : "queue", purse: purseAddress(context.self) },
      ...{ run: context.id, key: decision, needMicros },
      version: isOver ? reserved.line.version : 0,
    };
    const turnsAtMs = isOver ? periodEndMs(reserved.line.period, nowMs) : null;
    const over: TreasuryMessage = { type: "over", waiting };
    context.sendAtEnd(`budget-over:${key}:${number}`, to, over, { unless: decision });
    const message: TreasuryMessage = { type: "wait", waiting, turnsAtMs };
    await context.send(`budget-wait:${key}:${number}`, to, message);
    try {
      const timeoutMs = isOver ? limits.budgetPauseMs : limits.budgetQueueMs;
      await context.decision(decision, { timeoutMs, ...(isOver && { pausing: true }) });
    } catch (error) {
      const isLate = error instanceof RuntimeError && error.code === "DEADLINE";
      if (!isLate || context.signal.aborted || !isOver) throw error;
      throw exhausted(reserved);
    }
  }

  /** The last reservation gets what the call has cost; those of requests that cost nothing, nothing. */
  async #settle(call: Call, micros: number): Promise<void> {
    this.#calls.delete(call.key);
    const last = call.held.length - 1;
    for (const [at, held] of call.held.entries()) {
      // Requests that failed and may be paid stand as they were reserved.
      const isSpent = call.requests > 1 && at < Math.min(last, call.requests - 1);
      await this.#tell(held, at === last ? micros : isSpent ? call.micros : 0);
    }
  }

  /** Of a call whose result an earlier life has stored, and perhaps not told. */
  async #settleStored(key: string, request: LlmRequest, result: CallResult): Promise<void> {
    const context = this.#context;
    let number = 1;
    while (context.isStored(askKey(key, number + 1))) number += 1;
    if (context.isStored(settleKey(callOf(key, number)))) return;
    this.#closeAtEnd();
    const price = priceOf(context.ports, request.model);
    const promptTokens = promptTokensMax(request);
    const micros = costOf(context.ports, { price, promptTokens }, request.model, result);
    await this.#tell(callOf(key, number), micros);
  }

  async #tell(call: string, micros: number): Promise<void> {
    const context = this.#context;
    const message: PurseCallMessage = { type: "settle", run: context.id, call, micros };
    await context.send(settleKey(call), purseAddress(context.self), message);
  }
}

const settleKey = (call: string): string => `budget-settle:${call}`;

/** The dearest of a chain. @throws PRICE_UNKNOWN naming the first model that has none. */
function priceOf({ prices }: Pick<Ports, "prices">, model: string): ModelPrice {
  const all = modelsOfChain(model).map((one): ModelPrice => {
    const price = prices.modelPrice(one);
    if (price !== null) return price;
    const named = one === "" ? "the default model" : `model "${one}"`;
    const text = `A budget limits this call, and there is no price for ${named}: set input_micros and output_micros of it under known_models in the configuration.`;
    throw new RuntimeError("PRICE_UNKNOWN", text, { model: one });
  });
  return all.reduce((left, right) => ({
    inputMicros: Math.max(left.inputMicros, right.inputMicros),
    outputMicros: Math.max(left.outputMicros, right.outputMicros),
    cachedInputMicros: Math.max(
      left.cachedInputMicros ?? left.inputMicros,
      right.cachedInputMicros ?? right.inputMicros,
    ),
  }));
}

/** What an answer has cost: as its provider counts, or where that does not, at most. */
function costOf(
  { prices }: Pick<Ports, "prices">,
  { price, promptTokens }: Pick<Call, "price" | "promptTokens">,
  asked: string,
  { usage, model }: CallResult,
): number {
  const answered = modelsOfChain(asked).length > 1 && model !== undefined ? model : asked;
  const counted = spendMicros(prices.modelPrice(answered) ?? price, usage);
  if (usage.estimated !== true) return counted;
  const { completionTokens: completion } = usage;
  return Math.max(counted, estimatedCost(price, { prompt: promptTokens, completion }));
}

/** How many of its reservations are for requests that may be paid. */
function sentOf({ hasBegun, isCounted, requests, held }: Call): number {
  if (!hasBegun) return 0;
  return isCounted ? requests : held.length;
}

/**
 * What a call without an end counts as. What was seen of its answer says little: a model may have thought
 * before, and written what did not come. So all that was reserved, unless nothing can have been paid.
 */
function cutCost({ hasBegun, isCounted, requests, isUnpaid: isFree, micros }: Call): number {
  return !hasBegun || (isCounted ? requests === 0 : isFree) ? 0 : micros;
}

function exhausted({
  line,
  leftMicros,
  needMicros,
}: Reserved & { readonly type: "exhausted" }): RuntimeError {
  const { budget: id, scope, subject, period, limitMicros } = line;
  const [limit, left, needed] = [limitMicros, leftMicros, needMicros].map(unitsOf);
  const whose = subject === null ? "this tenant" : `${scope} ${subject}`;
  const inTime = period === "total" ? "" : ` a ${period}`;
  const text = `The budget of ${whose} is used up: ${limit}${inTime} may be spent, ${left} is left, and this call may cost ${needed} at least.`;
  return new RuntimeError("BUDGET_EXHAUSTED", text, {
    limit: { budget: id, scope, subject, period, limit, left, needed },
  });
}
