// How a run keeps within the budgets that its model calls count for. Before a call its purse reserves what
// it can cost at most, in every budget or in none; after it the purse is told what it did cost. Where there
// is too little the run waits: for others to give back what they hold, or until the budget is raised. With
// no budget in the tenant all of this is one read of a row in memory.
//
// A reservation is asked for under a number of its own for each try, and each life of the run: what an
// earlier life asked for and has no result counts as spent, since its call may have gone out.

import type { RunContext } from "../../runtime/actor.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { limits } from "../limits.ts";
import type { LlmRequest, Ports } from "../ports.ts";
import { budgetTables, periodEndMs } from "../records/budget.ts";
import { type CallAttempts, isUnpaid } from "./attempts.ts";
import { outputCost, promptCost, promptTokensMax } from "./bound.ts";
import {
  type CallResult,
  costOf,
  crowded,
  exhausted,
  type PricedCall,
  priceOf,
  type WorkBound,
  workAsked,
} from "./call-cost.ts";
import type { ModelPrice } from "./catalogue.ts";
import { hasBudgets, linesOf, type Payer } from "./lines.ts";
import {
  type CutSpend,
  type LimitedReserved,
  type LimitState,
  type PurseCallMessage,
  purseAddress,
  type Reserved,
  type ReserveMessage,
  type TreasuryMessage,
  treasuryAddress,
  type Waiting,
} from "./messages.ts";
import { cutCost, NOTHING, type OpenCall, type Settled, sentOf, wholly } from "./open-call.ts";
import { RunLimits, spentTokens } from "./run-limits.ts";
import { waitKey } from "./wait-key.ts";

type Granted = Reserved & { readonly type: "granted" };
type Late = Extract<Reserved, { type: "wait" | "exhausted" }>;

/** Where nothing that is counted is money. */
const FREE: ModelPrice = { inputMicros: 0, outputMicros: 0 };

const atKey = (key: string, number: number): string => `budget-at:${key}:${number}`;
const askKey = (key: string, number: number): string => `budget:${key}:${number}`;
const callOf = (key: string, number: number): string => `${key}:${number}`;

/** The budgets of one run. */
export class RunBudgets {
  readonly #context: RunContext<Ports>;
  readonly #payer: Payer;
  readonly #limits: RunLimits;
  readonly #calls = new Map<string, OpenCall>();
  #hasCut = false;

  constructor(context: RunContext<Ports>, payer: Payer) {
    this.#context = context;
    this.#payer = payer;
    this.#limits = new RunLimits(context);
  }

  /**
   * Makes a model call, whose result `call` stores under `key`, within the budgets.
   * @throws BUDGET_EXHAUSTED, PRICE_UNKNOWN, LIMIT_REACHED, and what `call` throws.
   */
  async pay<T extends CallResult>(
    key: string,
    request: LlmRequest,
    call: (request: LlmRequest) => Promise<T>,
    work?: WorkBound,
  ): Promise<T> {
    const context = this.#context;
    const isDone = context.isStored(key);
    if (!isDone) await this.#reserve(key, request, work);
    const paid = this.#calls.get(key);
    if (paid === undefined) {
      const result = await call(request);
      // An earlier life has reserved it.
      if (isDone && context.isStored(askKey(key, 1)))
        await this.#settleStored(key, request, result, work);
      await this.#limits.endIfShort(key, result, () => this.#shortBy(key));
      return result;
    }
    let result: T;
    try {
      result = await call({ ...request, maxTokens: paid.ask.tokens });
    } catch (error) {
      if (!context.signal.aborted) await this.#settle(paid, cutCost(paid));
      throw error;
    }
    await this.#settle(paid, this.#spentOn(paid, request, result, work));
    await this.#limits.endIfShort(key, result, async () => paid.shortBy);
    return result;
  }

  /**
   * Has work done that says itself what it has cost, within the budgets: what it may cost at most is reserved.
   * @throws BUDGET_EXHAUSTED; PRICE_UNKNOWN for work that a budget limits and that may cost anything.
   */
  async payWork<T extends CallResult>(
    key: string,
    bound: WorkBound,
    work: () => Promise<T>,
  ): Promise<T> {
    return await this.pay(key, { model: "", messages: [], stream: false }, work, bound);
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
      failed: (error, isSent) => {
        if (!isSent || isUnpaid(error)) call.requests -= 1;
        else call.lost += 1;
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

  async #reserve(key: string, request: LlmRequest, work?: WorkBound): Promise<void> {
    const context = this.#context;
    const { llm } = context.ports;
    if (work === undefined && llm.isBuiltin(request.model)) return;
    const isLimited = this.#limits.isAny;
    if (!isLimited && !context.isStored(atKey(key, 1)) && !(await hasBudgets(context))) return;
    let place: string | null = null;
    for (let number = 1; number <= limits.budgetTries; number += 1) {
      const isOld = context.isStored(atKey(key, number));
      const asked = await this.#asked(key, request, number, work);
      if (asked === null) return;
      const { ask, price, promptTokens } = asked;
      const isShared = ask.lines.length > 0;
      const known = (isShared && context.ports.marks?.of(context.tenant, ask.lines)) || null;
      const answer = await this.#ask(key, number, { ...ask, known, place });
      const reserved = await this.#limits.passed(key, number, answer);
      if (reserved === null) continue;
      if (reserved.type === "granted") {
        // What an earlier life was granted may have been spent, also if a cut of the power took what says
        // so. It counts so from now on: nobody is to wait for what this run would not give back before its end.
        if (isOld) {
          await this.#tell(callOf(key, number), wholly(reserved.micros));
          continue;
        }
        await this.#untilSafe(reserved);
        this.#calls.set(key, {
          ...{ key, price, promptTokens, held: [callOf(key, number)], micros: reserved.micros },
          shortBy: reserved.shortBy,
          ...{ ask: { ...ask, tokens: reserved.tokens }, next: number + 1 },
          ...{ requests: 0, lost: 0, hasBegun: false, isCounted: false, isUnpaid: false },
        });
        return;
      }
      place = reserved.place;
      await this.#wait(key, number, reserved, ask.needMicros);
    }
    throw crowded(key);
  }

  /** What is asked for now; null when nothing limits the run any more. */
  async #asked(
    key: string,
    request: LlmRequest,
    number: number,
    work: WorkBound | undefined,
  ): Promise<
    (PricedCall & { readonly ask: OpenCall["ask"] & { readonly needMicros: number } }) | null
  > {
    const context = this.#context;
    const nowMs = await context.now(atKey(key, number));
    const lines = await linesOf(context, this.#payer, nowMs);
    if (lines.length === 0 && !this.#limits.isAny) return null;
    const isPriced = lines.length > 0 || this.#limits.isPriced;
    if (work !== undefined) {
      const { ask, ...priced } = workAsked(lines, work, isPriced);
      return { ...priced, ask: { ...ask, ...this.#limits.askedOfWork() } };
    }
    const price = isPriced ? priceOf(context.ports, request.model) : FREE;
    const promptTokens = promptTokensMax(request);
    const most = request.maxTokens ?? limits.budgetAnswerTokens;
    const tokens = Math.min(most, context.ports.llm.windowOf(request.model));
    const tokensMin = Math.min(tokens, limits.budgetTokensMin);
    const promptMicros = promptCost(price, promptTokens);
    const needMicros = promptMicros + outputCost(price, tokensMin);
    const { outputMicros } = price;
    const ask = {
      ...({ type: "reserve", lines, promptMicros, outputMicros, tokens, tokensMin } as const),
      ...this.#limits.asked(request),
    };
    return { price, promptTokens, ask: { ...ask, needMicros } };
  }

  /** Null when others took it at the same moment: there is more to be known now. */
  async #ask(
    key: string,
    number: number,
    { needMicros: _, ...ask }: Omit<ReserveMessage, "run" | "call"> & { needMicros?: number },
  ): Promise<LimitedReserved | null> {
    const context = this.#context;
    const purse = purseAddress(context.self);
    this.#closeAtEnd(key, number);
    const message: ReserveMessage = { ...ask, run: context.id, call: callOf(key, number) };
    try {
      const reserved = await context.ask(askKey(key, number), purse, message, {
        timeoutMs: limits.budgetAskMs,
      });
      return reserved as LimitedReserved;
    } catch (error) {
      if (error instanceof RuntimeError && error.code === "CONFLICT") return null;
      throw error;
    }
  }

  /** A call that goes out is not forgotten when the power fails; where a mark holds, it need not wait. */
  async #untilSafe({ isAhead, marks }: Granted): Promise<void> {
    const { tenant, ports } = this.#context;
    if (isAhead && Object.keys(marks).length === 0) return;
    const learned = this.#context.flushed().then(() => ports.marks?.learn(tenant, marks));
    if (isAhead) learned.catch(() => undefined);
    else await learned;
  }

  /** What is open when the run ends, is settled by its purse: in the transaction of the end it is told. */
  #closeAtEnd(key: string, number: number): void {
    const context = this.#context;
    const message: PurseCallMessage = { type: "close", run: context.id };
    const unless = settleKey(callOf(key, number));
    context.sendAtEnd(`budget-close:${key}:${number}`, purseAddress(context.self), message, {
      unless,
    });
    if (this.#hasCut) return;
    this.#hasCut = true;
    context.atEnd((write) => {
      const cut: Record<string, number> = {};
      for (const call of this.#calls.values()) {
        const last = call.held.at(-1);
        if (last !== undefined && cutCost(call).isFree) cut[last] = 0;
        for (const held of call.held.slice(sentOf(call))) cut[held] = 0;
      }
      const spend: CutSpend = cut;
      if (Object.keys(cut).length > 0) write.putRow(budgetTables.cuts, context.id, spend);
    });
  }

  /**
   * A further request of a call under way. Those that failed and may be paid give back nothing any more. One
   * that is paused waits as long as the call may take.
   */
  async #reserveAgain(call: OpenCall): Promise<void> {
    for (const held of call.held.slice(0, call.lost)) await this.#tell(held, wholly(call.micros));
    let place: string | null = null;
    for (; call.next <= limits.budgetTries; ) {
      const number = call.next;
      call.next += 1;
      // It asks for what the first one has: its answer may be as long.
      const nowMs = await this.#context.now(atKey(call.key, number));
      const lines = await linesOf(this.#context, this.#payer, nowMs);
      const ask = { ...call.ask, lines, tokensMin: call.ask.tokens, place, known: null };
      const answer = await this.#ask(call.key, number, ask);
      const reserved = await this.#limits.passed(call.key, number, answer);
      if (reserved === null) continue;
      if (reserved.type === "granted") {
        const held = callOf(call.key, number);
        await this.#untilSafe(reserved);
        if (this.#calls.get(call.key) === call) {
          call.held.push(held);
          return;
        }
        // The call has ended while this one waited.
        await this.#tell(held, NOTHING);
        throw new RuntimeError("CANCELLED", `The call ${call.key} has ended.`);
      }
      place = reserved.place;
      await this.#wait(call.key, number, reserved, call.micros);
    }
    throw crowded(call.key);
  }

  /** Until it is worth asking again. @throws BUDGET_EXHAUSTED when it is not, or was not in time. */
  async #wait(key: string, number: number, reserved: Late, needMicros: number): Promise<void> {
    const context = this.#context;
    const isOver = reserved.type === "exhausted";
    if (isOver && reserved.line.onExhausted === "stop") throw exhausted(reserved);
    const to = treasuryAddress(context.tenant);
    const decision = waitKey(key, number);
    const nowMs = await context.now(`budget-wait-at:${key}:${number}`);
    const waiting: Waiting = {
      ...{ budget: reserved.line.budget, of: reserved.line.of, place: reserved.place },
      ...{ kind: isOver ? "pause" : "queue", purse: purseAddress(context.self) },
      ...{ run: context.id, key: decision, needMicros },
      version: reserved.line.version,
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
  async #settle(call: OpenCall, spend: Settled): Promise<void> {
    this.#calls.delete(call.key);
    const last = call.held.length - 1;
    for (const [at, held] of call.held.entries()) {
      // Requests that failed and may be paid stand as they were reserved.
      const isSpent = call.requests > 1 && at < Math.min(last, call.requests - 1);
      if (this.#context.isStored(settleKey(held))) continue;
      await this.#tell(held, at === last ? spend : isSpent ? wholly(call.micros) : NOTHING);
    }
  }

  /** Of a call whose result an earlier life has stored, and perhaps not told. */
  async #settleStored(
    key: string,
    request: LlmRequest,
    result: CallResult,
    work: WorkBound | undefined,
  ): Promise<void> {
    const context = this.#context;
    const number = this.#lastAsked(key);
    if (context.isStored(settleKey(callOf(key, number)))) return;
    this.#closeAtEnd(key, number);
    const { model } = request;
    const isFree = work !== undefined || this.#limits.isAny;
    const known = isFree ? context.ports.prices.modelPrice(model) : null;
    const price = known ?? (isFree ? FREE : priceOf(context.ports, model));
    const call = { price, promptTokens: promptTokensMax(request) };
    await this.#tell(callOf(key, number), this.#spentOn(call, request, result, work));
  }

  #lastAsked(key: string): number {
    let number = 1;
    while (this.#context.isStored(askKey(key, number + 1))) number += 1;
    return number;
  }

  /** As the stored answer to its reservation says. */
  async #shortBy(key: string): Promise<LimitState | undefined> {
    const at = askKey(key, this.#lastAsked(key));
    if (!this.#context.isStored(at)) return undefined;
    const purse = purseAddress(this.#context.self);
    return ((await this.#context.ask(at, purse, null)) as Granted).shortBy;
  }

  #spentOn(
    call: PricedCall,
    request: LlmRequest,
    result: CallResult,
    work: WorkBound | undefined,
  ): Settled {
    const micros = costOf(this.#context.ports, call, work ?? request.model, result);
    const { promptTokens = 0 } = work === undefined ? this.#limits.asked(request) : {};
    return { micros, tokens: spentTokens(result.usage, promptTokens) };
  }

  async #tell(call: string, spend: Settled): Promise<void> {
    const context = this.#context;
    const message: PurseCallMessage = { type: "settle", run: context.id, call, ...spend };
    await context.send(settleKey(call), purseAddress(context.self), message);
  }
}

const settleKey = (call: string): string => `budget-settle:${call}`;
