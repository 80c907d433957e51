// A second attempt beside one that is slow: whichever speaks first gives the answer, and the other is cut.
// What was cut is counted: the provider has read its prompt.

import type { LlmEvent, LlmRequest, LlmResult } from "../../actors/ports.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { estimatePromptTokens } from "./answer.ts";

/** One attempt at a provider. */
export type Attempt = (options: {
  readonly signal: AbortSignal;
  readonly onEvent: (event: LlmEvent) => void;
}) => Promise<LlmResult>;

/** How a call is hedged. */
export interface Hedge {
  readonly request: LlmRequest;
  readonly signal: AbortSignal;
  /** Without a word for so long, the second attempt is begun. */
  readonly afterMs: number;
  readonly onEvent: (event: LlmEvent) => void;
  /** The second attempt; undefined when there is no room for one. */
  second(): Attempt | undefined;
  /** The second one spoke first. */
  onWon(): void;
}

/** An attempt under way. */
interface Racer {
  readonly cut: AbortController;
  isOver: boolean;
}

/** The answer of whichever attempt speaks first. @throws what the first one threw, when both fail. */
export function hedged(first: Attempt, hedge: Hedge): Promise<LlmResult> {
  return new Race(hedge).run(first);
}

class Race {
  readonly #hedge: Hedge;
  readonly #racers: Racer[] = [];
  #winner: Racer | undefined;
  /** Attempts that were cut. */
  #lost = 0;
  #failure: { readonly error: unknown } | undefined;
  #resolve: (result: LlmResult) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;

  constructor(hedge: Hedge) {
    this.#hedge = hedge;
  }

  async run(first: Attempt): Promise<LlmResult> {
    const { signal, afterMs, second } = this.#hedge;
    const onAbort = (): void => {
      for (const { cut } of this.#racers) cut.abort(signal.reason);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    const timer = setTimeout(() => {
      const attempt = this.#winner === undefined && !signal.aborted ? second() : undefined;
      if (attempt !== undefined) this.#start(attempt);
    }, afterMs);
    try {
      return await new Promise<LlmResult>((resolve, reject) => {
        this.#resolve = resolve;
        this.#reject = reject;
        this.#start(first);
        if (signal.aborted) onAbort();
      });
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
    }
  }

  #start(attempt: Attempt): void {
    const racer: Racer = { cut: new AbortController(), isOver: false };
    this.#racers.push(racer);
    attempt({
      signal: racer.cut.signal,
      onEvent: (event) => {
        if (this.#winner === undefined) this.#win(racer);
        if (this.#winner === racer) this.#hedge.onEvent(event);
      },
    }).then(
      (result) => {
        racer.isOver = true;
        if (this.#winner === undefined) this.#win(racer);
        if (this.#winner === racer) this.#resolve(this.#counted(result));
      },
      (error: unknown) => {
        racer.isOver = true;
        this.#failed(racer, error);
      },
    );
  }

  #win(racer: Racer): void {
    this.#winner = racer;
    const reason = new RuntimeError("CANCELLED", "Another attempt of this call spoke first.");
    for (const other of this.#racers) if (other !== racer) this.#cut(other, reason);
    if (this.#racers.indexOf(racer) > 0) this.#hedge.onWon();
  }

  #cut(racer: Racer, reason: RuntimeError): void {
    if (racer.isOver) return;
    this.#lost += 1;
    racer.cut.abort(reason);
  }

  #failed(racer: Racer, error: unknown): void {
    if (this.#winner !== undefined && this.#winner !== racer) return;
    this.#failure ??= { error };
    const isAlone = this.#winner === racer || this.#racers.every(({ isOver }) => isOver);
    if (isAlone) this.#reject(this.#winner === racer ? error : this.#failure.error);
  }

  /** With what the attempt that was cut has cost: its prompt was read, it had not spoken. */
  #counted(result: LlmResult): LlmResult {
    if (this.#lost === 0) return result;
    const lostTokens = this.#lost * estimatePromptTokens(this.#hedge.request);
    const promptTokens = result.usage.promptTokens + lostTokens;
    return { ...result, usage: { ...result.usage, promptTokens, estimated: true } };
  }
}
