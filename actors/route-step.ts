// Choosing the action for one message: the router's cheap ways at once, and one small model call
// only where they leave doubt. A provider that is down does not stop the turn: the best guess
// stands and the reason says so.

import type { RunContext } from "../runtime/actor.ts";
import { RuntimeError } from "../runtime/errors.ts";
import { type Asked, messageTokens } from "./answer/history.ts";
import { callerOf } from "./caller.ts";
import type { CompiledAgent } from "./compiled.ts";
import { guardOf } from "./guard/guard-of.ts";
import { limits } from "./limits.ts";
import { noUsage, spentOn } from "./money/spent.ts";
import type { LlmRequest, Ports, Usage } from "./ports.ts";
import type { ChatEvent, RoutingInfo } from "./records/conversation.ts";
import type { WithFindings } from "./records/guardrail.ts";
import { type Decision, toRoutingInfo } from "./routing/decision.ts";
import { promptOfDoubt, settleByModel } from "./routing/doubt.ts";
import { route } from "./routing/router.ts";
import type { Meter } from "./spend.ts";

/** The choice, and what the model call for it cost. */
export interface Chosen {
  readonly routing: RoutingInfo;
  readonly usage: Usage;
}

/** Key of the event that shows the choice of a round, and that is its record. */
export const routingEvent = (round: number): string => `routing:${round}`;
const modelStep = (round: number): string => (round === 1 ? "route-model" : `route-model:${round}`);

/** What is routed, and where its spend is counted. */
export interface RouteWork {
  readonly compiled: CompiledAgent;
  readonly asked: Pick<Asked, "text" | "previous" | "previousChoice">;
  readonly meter: Meter;
}

/**
 * Routes `asked.text`. `round` numbers the answers of one run. Never fails because of a provider. What
 * an earlier life of the run has shown stands, also where a newer router would decide otherwise.
 */
export async function chooseAction(
  context: RunContext<Ports>,
  work: RouteWork,
  round: number,
): Promise<Chosen> {
  const event = context.emitted(routingEvent(round)) as ChatEvent | undefined;
  const shown = event?.type === "routing" ? event.routing_info : undefined;
  if (shown === undefined) {
    const { decision, usage } = await decide(context, work, round);
    return { routing: toRoutingInfo(decision), usage };
  }
  if (!context.isStored(modelStep(round))) return { routing: shown, usage: noUsage };
  const doubt = doubtOf(shown);
  const model = work.compiled.agent.model_name ?? "";
  const { text, usage } = await askModel(context, work, { model, round, decision: doubt });
  if (text === undefined) return { routing: shown, usage };
  return { routing: toRoutingInfo(settleByModel(work.compiled.router, text, doubt)), usage };
}

/** A choice as it was shown, for the model's stored answer to settle once more. */
function doubtOf(shown: RoutingInfo): Decision {
  const { sub_agent_key: choice, action_name: name, confidence, threshold } = shown;
  const { candidates, reason, intent } = shown;
  const rest = { confidence, threshold, candidates, reason, intent, inScope: confidence };
  return { ...rest, choice, name, method: "doubt" };
}

/** What the cheap ways of the cascade say. */
function routed({ compiled, asked }: RouteWork): Decision {
  return route(compiled.router, {
    message: asked.text,
    ...(asked.previous === undefined ? {} : { previous: asked.previous }),
    ...(asked.previousChoice === undefined ? {} : { previousChoice: asked.previousChoice }),
  });
}

async function decide(
  context: RunContext<Ports>,
  work: RouteWork,
  round: number,
): Promise<{ readonly decision: Decision; readonly usage: Usage }> {
  const { compiled } = work;
  // Pure computing over pinned input: no step before it is shown.
  const decision = routed(work);
  if (decision.method !== "doubt") return { decision, usage: noUsage };
  const model = compiled.agent.model_name ?? "";
  if (context.ports.llm.isBuiltin(model)) {
    return { decision: bestGuess(decision, "no model is configured"), usage: noUsage };
  }
  const settled = await askModel(context, work, { model, round, decision });
  if (settled.text === undefined) {
    const why = `the model could not be asked (${settled.failed ?? "PROVIDER_FAILED"})`;
    return { decision: bestGuess(decision, why), usage: settled.usage };
  }
  const usage = settled.usage;
  return { decision: settleByModel(compiled.router, settled.text, decision), usage };
}

/** What is stored of a call. */
type StoredChoice =
  | (WithFindings & { readonly choice: string; readonly usage: Usage })
  | { readonly failed: string; readonly usage: Usage };

interface Settled {
  readonly text?: string;
  readonly failed?: string;
  readonly usage: Usage;
}

async function askModel(
  context: RunContext<Ports>,
  work: RouteWork,
  wanted: {
    readonly model: string;
    readonly round: number;
    readonly decision: Decision;
  },
): Promise<Settled> {
  const { compiled, asked, meter } = work;
  const { model, round, decision } = wanted;
  const key = modelStep(round);
  const { llm, prices } = context.ports;
  const { messages, schema, maxTokens } = promptOfDoubt(
    compiled.router,
    asked.text,
    decision,
    asked.previous,
  );
  // Named `choice`, not `text`: what a step calls `text` is shown to viewers.
  const request: LlmRequest = {
    ...{ model, messages, temperature: 0, stream: false },
    maxTokens: Math.min(maxTokens, limits.routeTokens),
    responseFormat: { type: "schema", ...schema },
  };
  const ask = (paid: LlmRequest): Promise<StoredChoice> =>
    context.step(
      key,
      async (attempt) => {
        meter.reserve(
          key,
          messages.reduce((sum, message) => sum + messageTokens(message), 0),
          attempt.number,
          model,
        );
        try {
          const result = await llm.complete(paid, {
            caller: callerOf(context, meter.budgets.attempts(key)),
            signal: attempt.signal,
          });
          const usage = spentOn(prices, model, result.usage, result);
          return { ...choiceOf(context, result.text), usage };
        } catch (error) {
          // Only a provider's failure is survivable here; a cancel or a bug is not a routing doubt.
          if (context.signal.aborted || !isProviderFailure(error)) throw error;
          return { failed: error.code, usage: noUsage };
        }
      },
      { repeat: "safe", timeoutMs: limits.routeCallMs },
    );
  const stored = await meter.budgets.pay(key, request, ask);
  meter.settle(key, stored.usage);
  return "choice" in stored ? { text: stored.choice, usage: stored.usage } : stored;
}

/** What guardrails leave of a model's choice, whose intent users read; one that is blocked is none. */
function choiceOf(
  context: RunContext<Ports>,
  text: string,
): WithFindings & { readonly choice: string } {
  const checked = guardOf(context)?.guard.check(text, { on: "output", at: "routing" }, true);
  if (checked === undefined || checked.findings.length === 0) return { choice: text };
  const { value, findings, blocked } = checked;
  return { choice: blocked === null ? value : "", guardrails: findings };
}

function isProviderFailure(error: unknown): error is RuntimeError {
  return (
    error instanceof RuntimeError &&
    (error.code.startsWith("PROVIDER_") ||
      error.code === "DEADLINE" ||
      error.code === "EGRESS_REFUSED" ||
      error.code === "MODEL_UNKNOWN")
  );
}

/** The router's guess (a leading candidate, the fallback or the supervisor), with why it had to stand. */
function bestGuess(doubt: Decision, why: string): Decision {
  return { ...doubt, reason: `${doubt.reason} Kept without asking a model: ${why}.` };
}
