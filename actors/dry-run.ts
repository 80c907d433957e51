// A dry run of the router that may ask the model, as a real turn would: main has no model, so a run
// on a worker chooses and nothing answers. One actor a dry run, `route:<tenant>/<id>`, which takes the
// price of a turn, gives it back when no model was asked, and writes the spend down.

import {
  defineActor,
  defineRun,
  type RunContext,
  type RunEnded,
  type Turn,
} from "../runtime/actor.ts";
import { RuntimeError } from "../runtime/errors.ts";
import { loadAgent } from "./compiled.ts";
import { guardOf } from "./guard/guard-of.ts";
import { heldTo } from "./guard/guarded.ts";
import { limits } from "./limits.ts";
import { type Charged, chargeReads, giveBack } from "./money/charges.ts";
import type { BudgetLine } from "./money/lines.ts";
import { addUsage, noUsage } from "./money/spent.ts";
import type { Ports, Usage } from "./ports.ts";
import type { Charge, RoutingInfo } from "./records/conversation.ts";
import type { Finding, GuardRef } from "./records/guardrail.ts";
import { settle, takeCharge } from "./reply.ts";
import { chooseAction } from "./route-step.ts";
import { metered, payerOf } from "./spend.ts";

/** A message to route. */
export interface DryRunInput {
  readonly agent: string;
  readonly version: number;
  readonly text: string;
  /** The user's message before it, and who answered that. */
  readonly previous?: string;
  readonly previousChoice?: string | null;
  /** API key that asked, for its budgets. */
  readonly keyId?: string;
  /** Chains that hold beside the agent's own; they have looked at the text already. */
  readonly guards?: readonly GuardRef[];
}

/** Message to the actor. */
export interface DryRunMessage {
  readonly type: "route";
  readonly input: DryRunInput;
  /** Price of a turn; taken when the model is asked. */
  readonly priceMicros: number;
  readonly service: string;
  readonly keyId?: string;
  /** Budgets that the price counts for. */
  readonly charges?: readonly BudgetLine[];
}

/** What the run found. */
export interface DryRunResult {
  readonly routing: RoutingInfo;
  /** The model that was asked; null when none was, and `routing.reason` says why. */
  readonly model: string | null;
  readonly usage: Usage;
  /** What guardrails have found in the run. */
  readonly guardrails?: readonly Finding[];
}

/** Reply at the end of the run. */
export interface DryRunReply extends DryRunResult {
  readonly charge: Charge;
}

/** The one run of a dry run; null before and after. Version 1. */
export interface DryRunState {
  readonly run:
    | (Omit<DryRunMessage, "type" | "input" | "charges"> & {
        readonly id: string;
        readonly charged?: Charged;
        /** Absent in what was stored by an earlier server. */
        readonly agent?: string;
      })
    | null;
}

/** Kind `route`. */
export const dryRunActor = defineActor<DryRunState, DryRunMessage | RunEnded>({
  kind: "route",
  version: 1,
  initial: () => ({ run: null }),
  reads: (message) => (message.type === "route" ? chargeReads(message.charges) : {}),
  receive(state, message, turn) {
    return message.type === "route" ? accept(state, message, turn) : end(state, message, turn);
  },
});

/** Kind `route-dry`: chooses and says why. */
export const dryRun = defineRun<DryRunInput, DryRunResult, Ports>({
  kind: "route-dry",
  run: (input, context) =>
    metered(context, payerOf(input), async (meter) => {
      const compiled = await loadAgent(context, input);
      const under = await heldTo(context, input, meter);
      await admitNow(under, input.text);
      const work = { compiled, asked: input, meter };
      const { routing, usage: spent } = await chooseAction(under, work, 1);
      const { findings = [], usage: judged = noUsage } = guardOf(under)?.guard ?? {};
      const usage = judged === noUsage ? spent : addUsage(spent, judged);
      const isAsked = spent.promptTokens + spent.completionTokens > 0 || routing.method === "model";
      const model = isAsked ? (compiled.agent.model_name ?? null) : null;
      return { routing, model, usage, ...(findings.length > 0 && { guardrails: findings }) };
    }),
});

/** Judges look at the text as before a turn. Nobody waits for a person: what one would decide is blocked. */
async function admitNow(context: RunContext<Ports>, text: string): Promise<void> {
  const looked = await guardOf(context)?.look("input", text, { on: "input" }, null);
  const isOpen = looked === undefined || (looked.blocked === null && looked.questions.length === 0);
  if (isOpen) return;
  const stops = ({ action }: Finding): boolean => action === "block" || action === "ask";
  const { rule = "", of = "", on = "input", reason = "" } = looked.findings.findLast(stops) ?? {};
  const message = looked.blocked ?? "A person would be asked about this message first.";
  throw new RuntimeError("GUARDRAIL_BLOCKED", message, { guardrail: { rule, of, on, reason } });
}

function accept(state: DryRunState, message: DryRunMessage, turn: Turn): DryRunState {
  if (state.run !== null) {
    turn.refuse({ code: "CONFLICT", message: "This dry run is under way already." });
    return state;
  }
  const { input, priceMicros, service, keyId } = message;
  const charged = takeCharge(turn, priceMicros, message.charges);
  const paid: DryRunInput = keyId === undefined ? input : { ...input, keyId };
  const id = turn.startRun({ kind: dryRun.kind, input: paid, timeoutMs: limits.dryRunMs });
  turn.reply({ run: id }, { follow: id });
  const kept = { id, agent: input.agent, priceMicros, service, charged };
  return { run: keyId === undefined ? kept : { ...kept, keyId } };
}

function end(state: DryRunState, ended: RunEnded, turn: Turn): DryRunState {
  const { run } = state;
  if (run?.id !== ended.run) return state;
  const { outcome } = ended;
  const result = outcome.status === "completed" ? (outcome.result as DryRunResult) : null;
  const isFree = result?.model === null;
  // What a failed run took is given back by `settle`.
  if (isFree && run.priceMicros > 0) giveBack(turn, run.priceMicros, run.charged);
  const settled = settle(
    turn,
    { ...run, agent: run.agent ?? "", run: run.id, calls: isFree ? 0 : 1 },
    outcome,
  );
  const charge = isFree ? { ...settled, units: 0, micros: 0 } : settled;
  if (result !== null) turn.reply({ ...result, charge });
  return { run: null };
}
