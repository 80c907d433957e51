// How a run keeps its model calls within the limits of its agent and of those above it: what a call reserves
// of them, how it waits while others of the same run hold what is left, and how an answer that a limit has cut
// ends the run.

import type { RunContext } from "../../runtime/actor.ts";
import { limitsOf } from "../constraints/of-context.ts";
import { limitLines, stateReached } from "../constraints/scope.ts";
import { limits } from "../limits.ts";
import type { LlmRequest, Usage } from "../ports.ts";
import type { LimitScope } from "../records/constraints.ts";
import { promptTokensLikely } from "./bound.ts";
import type { CallResult } from "./call-cost.ts";
import {
  type LimitedReserved,
  type LimitLine,
  type LimitState,
  type PurseCallMessage,
  purseAddress,
  type Reserved,
  type ReserveMessage,
} from "./messages.ts";
import { waitKey } from "./wait-key.ts";

/** The limits of one run. */
export class RunLimits {
  readonly #context: RunContext<unknown>;
  readonly #scopes: readonly LimitScope[];
  readonly #lines: readonly LimitLine[];

  constructor(context: RunContext<unknown>) {
    this.#context = context;
    this.#scopes = limitsOf(context);
    this.#lines = limitLines(this.#scopes);
  }

  /** Whether model calls count for any. */
  get isAny(): boolean {
    return this.#lines.length > 0;
  }

  /** Whether what they cost does. */
  get isPriced(): boolean {
    return this.#lines.some(({ limit }) => limit === "max_cost");
  }

  /** What a call says of itself when it is reserved. */
  asked(request: LlmRequest): Pick<ReserveMessage, "limits" | "promptTokens"> {
    if (!this.isAny) return {};
    return { limits: this.#lines, promptTokens: promptTokensLikely(request) };
  }

  /** The same of work that is no call of a model: what it takes is known when it is done. */
  askedOfWork(): Pick<ReserveMessage, "limits" | "promptTokens"> {
    return this.isAny ? { limits: this.#lines, promptTokens: 0 } : {};
  }

  /** What became of a reservation, as far as limits go; null when it is to be asked for again. @throws LIMIT_REACHED. */
  async passed(
    key: string,
    number: number,
    reserved: LimitedReserved | null,
  ): Promise<Reserved | null> {
    if (reserved?.type === "limit") throw stateReached(reserved.state, this.#scopes);
    if (reserved?.type !== "wait-limit") return reserved;
    const context = this.#context;
    const decision = waitKey(key, number);
    const waiting = { of: reserved.of, run: context.id, key: decision };
    const message: PurseCallMessage = { type: "await-limit", ...waiting };
    await context.send(`budget-limit:${key}:${number}`, purseAddress(context.self), message);
    await context.decision(decision, { timeoutMs: limits.budgetQueueMs });
    return null;
  }

  /**
   * An answer that a limit has cut ends the run; what was written is kept.
   * @param state of the limit that left too little for a whole answer, when the call was reserved.
   * @throws LIMIT_REACHED.
   */
  async endIfShort(
    key: string,
    result: CallResult,
    state: () => Promise<LimitState | undefined>,
  ): Promise<void> {
    const { finish, usage } = result as CallResult & { readonly finish?: unknown };
    if (!this.isAny || finish !== "length" || this.#context.isCopied(key)) return;
    const short = await this.#context.step(
      `limit-short:${key}`,
      async (): Promise<LimitState | null> => {
        const before = await state();
        if (before === undefined) return null;
        const { spendMicros = 0 } = usage;
        const more = before.limit === "max_cost" ? spendMicros : tokensOf(usage);
        return { ...before, used: before.used + more };
      },
      { repeat: "safe", local: true },
    );
    if (short !== null) throw stateReached(short, this.#scopes);
  }
}

const tokensOf = ({ promptTokens, completionTokens }: Usage): number =>
  promptTokens + completionTokens;

/** Tokens that a call came to: as its provider counts, or where that does not, as many as is likely. */
export function spentTokens(usage: Usage, promptTokens: number): number {
  const counted = tokensOf(usage);
  if (usage.estimated !== true) return counted;
  return Math.max(counted, promptTokens + usage.completionTokens);
}
