// What a run has spent at providers, for the runs that do not end well: a completed run hands its
// usage to whoever started it, a failed or cancelled one settles its own in a ledger row that commits
// with its end. A call that was cut counts at its reservation and what it had written, also when it
// was made again: by a retry, or after a crash, when nobody knows any more how far it had come. What a
// run was forked with was paid by another one, and is neither in its result's usage nor in the ledger.

import { ATTEMPTS_A_LIFE, type RunContext } from "../runtime/actor.ts";
import { rootRunOf } from "../runtime/frame.ts";
import { tokensOf } from "./answer/history.ts";
import type { Payer } from "./money/lines.ts";
import { RunBudgets } from "./money/run-budgets.ts";
import { addUsage, noUsage, spentOn } from "./money/spent.ts";
import type { Ports, Usage } from "./ports.ts";
import { freshLedgerTable, type LedgerRow } from "./records/conversation.ts";

/** Service under which ledger rows of unfinished runs stand. */
export const spendService = "spend";

/** Counts one run's spend. */
export interface Meter {
  /** What limits it. */
  readonly budgets: RunBudgets;
  /** A call to a model goes out with about so many tokens, as this attempt of its step. */
  reserve(call: string, promptTokens: number, attempt: number, model: string): void;
  /** The call has written more text. */
  wrote(call: string, text: string): void;
  /** What the call has come to so far, where it says so itself. */
  reached(call: string, usage: Usage): void;
  /** The call ended well; its reservation becomes what it really used. */
  settle(call: string, usage: Usage): void;
  /** A call that ended without an answer and is not paid. */
  release(call: string): void;
}

/** Who pays for a run, by its input. */
export function payerOf({
  agent,
  keyId,
}: {
  readonly agent: string;
  readonly keyId?: string;
}): Payer {
  return { agent, keyId: keyId ?? null };
}

/**
 * Runs `work` with a meter whose total is written down unless the work completes. The `usage` of its
 * result counts what this run has spent itself.
 */
export async function metered<T extends object>(
  context: RunContext<Ports>,
  payer: Payer,
  work: (meter: Meter) => Promise<T>,
): Promise<T> {
  let isCompleted = false;
  let settled = noUsage;
  let lost = noUsage;
  let hasCalled = false;
  let hasCopied = false;
  const open = new Map<string, Usage>();
  const { prices } = context.ports;
  // What said itself what it has cost is taken at its word.
  const cut = (usage: Usage): Usage =>
    usage.spendMicros === undefined ? spentOn(prices, usage.model ?? "", usage, null) : usage;
  context.atEnd((write) => {
    // What a completed run used is in its result; calls that were lost on the way are not.
    const unpaid = isCompleted ? [] : [...open.values()].map(cut);
    const spend = unpaid.reduce(addUsage, isCompleted ? lost : addUsage(settled, lost));
    if (spend.promptTokens + spend.completionTokens === 0) return;
    const id = write.newId("le");
    const row: LedgerRow = {
      id,
      at: new Date(write.nowMs).toISOString(),
      service: spendService,
      run_id: rootRunOf(context.id),
      key_id: payer.keyId,
      agent_id: payer.agent,
      charge: { units: 0, unitPriceMicros: 0, micros: 0 },
      spend,
      outcome: isCompleted ? "repeated" : "unfinished",
    };
    write.putRow(freshLedgerTable, id, row);
  });
  const budgets = new RunBudgets(context, payer);
  const result = await work({
    budgets,
    reserve(call, promptTokens, attempt, model) {
      budgets.begun(call);
      const reserved: Usage = { promptTokens, completionTokens: 0, estimated: true, model };
      const earlier = open.get(call);
      if (earlier !== undefined) lost = addUsage(lost, cut(earlier));
      else if (!hasCalled && attempt > ATTEMPTS_A_LIFE) lost = addUsage(lost, cut(reserved));
      hasCalled = true;
      open.set(call, reserved);
    },
    wrote(call, text) {
      const reserved = open.get(call);
      if (reserved === undefined) return;
      const completionTokens = reserved.completionTokens + tokensOf(text);
      open.set(call, { ...reserved, completionTokens });
    },
    reached(call, usage) {
      if (open.has(call)) open.set(call, usage);
    },
    settle(call, usage) {
      open.delete(call);
      if (context.isCopied(call)) hasCopied = true;
      else settled = addUsage(settled, usage);
    },
    release(call) {
      budgets.released(call);
      open.delete(call);
    },
  });
  isCompleted = true;
  return hasCopied && "usage" in result ? { ...result, usage: settled } : result;
}
