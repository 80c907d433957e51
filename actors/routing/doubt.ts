// The one model call of the cascade: a compact prompt with the triggers as numbered choices, and the
// decision made from the model's answer. The call itself is the caller's.

import type { PromptMessage } from "../ports.ts";
import type { SubAgent } from "../records/sub-agent.ts";
import type { Decision } from "./decision.ts";
import { threshold } from "./judge.ts";
import type { CompiledRouter } from "./router.ts";
import { intentOf, shown, snakeCase } from "./wording.ts";

/** What to send to a model in doubt: a prompt and the schema its answer must fit. */
export interface DoubtPrompt {
  readonly messages: readonly PromptMessage[];
  readonly schema: { readonly name: string; readonly schema: Readonly<Record<string, unknown>> };
  readonly maxTokens: number;
}

/** Sizes of the prompt, so that three sub-agents cost at most about 235 tokens. */
export const doubtLimits = {
  /** Sub-agents offered: the candidates first, then in order of priority. */
  choices: 40,
  choiceChars: 140,
  /** Past ten choices each gets less. */
  manyChoiceChars: 70,
  messageChars: 400,
  previousChars: 120,
  answerTokens: 30,
  answerChars: 2_000,
} as const;

/** Confidence given to a model's choice; it reports none that is calibrated. */
const MODEL_CONFIDENCE = 0.85;

/**
 * The model call that settles a doubt: choices by number, 0 for none, one small JSON object back.
 * @param doubt the router's decision: with many sub-agents its candidates are offered first.
 */
export function promptOfDoubt(
  router: CompiledRouter,
  message: string,
  doubt?: Decision,
  previous?: string,
): DoubtPrompt {
  const offered = choicesOf(router, doubt);
  const chars = offered.length > 10 ? doubtLimits.manyChoiceChars : doubtLimits.choiceChars;
  const lines = offered.map(
    ({ subAgent, number }) => `${number} ${shown(subAgent.name)}: ${aboutOf(subAgent, chars)}`,
  );
  const system = [
    "Pick the handler of the user's message. 0 = small talk or none fits.",
    ...lines,
    'Answer only {"choice":number,"intent":"snake_case"}.',
  ].join("\n");
  const before =
    previous === undefined || previous === ""
      ? ""
      : `(before: ${cut(previous, doubtLimits.previousChars)})\n`;
  return {
    messages: [
      { role: "system", content: system },
      { role: "user", content: before + cut(message, doubtLimits.messageChars) },
    ],
    schema: {
      name: "route",
      schema: {
        type: "object",
        properties: {
          choice: { type: "integer", enum: [0, ...offered.map(({ number }) => number)] },
          intent: { type: "string" },
        },
        required: ["choice", "intent"],
        additionalProperties: false,
      },
    },
    maxTokens: doubtLimits.answerTokens,
  };
}

/**
 * Settles a doubt with a model's answer (its text as it came, JSON or just a number or a name). An
 * answer that names no choice leaves the doubt's best guess.
 */
export function settleByModel(router: CompiledRouter, answer: string, doubt: Decision): Decision {
  const { number, intent } = parseAnswer(router, answer.slice(0, doubtLimits.answerChars));
  if (number === undefined) return withoutModel(doubt);
  const chosen = number === 0 ? router.fallback : router.active[number - 1];
  const settled = { ...doubt, method: "model" as const, threshold, confidence: MODEL_CONFIDENCE };
  if (number === 0) {
    const taker =
      chosen === undefined ? "the supervisor answers" : `${shown(chosen.name)} takes it`;
    return {
      ...settled,
      choice: chosen?.sub_agent_key ?? null,
      name: chosen?.name ?? router.agentName,
      reason: `The model found no trigger that fits, so ${taker}.`,
      intent: intent ?? "out_of_scope",
    };
  }
  if (chosen === undefined) return withoutModel(doubt);
  return {
    ...settled,
    choice: chosen.sub_agent_key,
    name: chosen.name,
    reason: `The words left doubt; the model chose ${shown(chosen.name)} by its trigger.`,
    intent: intent ?? intentOf(chosen),
  };
}

/** A doubt that no model can settle: its best guess stands, as `semantic`. */
export function withoutModel(doubt: Decision): Decision {
  return { ...doubt, method: "semantic" };
}

function cut(text: string, chars: number): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > chars ? `${line.slice(0, chars)}...` : line;
}

interface Choice {
  readonly subAgent: SubAgent;
  /** 1-based place among the active sub-agents: the same number means the same one in every prompt. */
  readonly number: number;
}

function choicesOf(router: CompiledRouter, doubt: Decision | undefined): Choice[] {
  const all = router.active.map((subAgent, at) => ({ subAgent, number: at + 1 }));
  if (all.length <= doubtLimits.choices) return all;
  const place = new Map(doubt?.candidates.map(({ key }, at) => [key, at]));
  const rank = ({ subAgent }: Choice): number =>
    place.get(subAgent.sub_agent_key) ?? 1_000 + subAgent.priority;
  return all.sort((a, b) => rank(a) - rank(b)).slice(0, doubtLimits.choices);
}

function aboutOf(subAgent: SubAgent, chars: number): string {
  const { trigger, description } = subAgent;
  const about = trigger?.description ?? description ?? subAgent.action?.goal?.primary ?? "";
  const keywords = (trigger?.keywords ?? []).slice(0, 5).join(", ");
  const text = about === "" ? keywords : about;
  const rest = about !== "" && text.length + keywords.length < chars - 3 && keywords !== "";
  return cut(rest ? `${text} (${keywords})` : text, chars);
}

function parseAnswer(router: CompiledRouter, answer: string): { number?: number; intent?: string } {
  const number = numberIn(router, answer);
  const label = snakeCase(/"intent"\s*:\s*"([^"]{1,80})"/.exec(answer)?.[1] ?? "");
  return {
    ...(number === undefined ? {} : { number }),
    ...(label === "" ? {} : { intent: label }),
  };
}

function numberIn(router: CompiledRouter, answer: string): number | undefined {
  const field = /"choice"\s*:\s*"?(\d{1,4})/.exec(answer) ?? /^\D{0,20}(\d{1,4})\b/.exec(answer);
  if (field?.[1] !== undefined) {
    const number = Number(field[1]);
    return number <= router.active.length ? number : undefined;
  }
  const text = answer.toLowerCase();
  const at = router.active.findIndex(({ name }) => text.includes(name.toLowerCase()));
  return at < 0 ? undefined : at + 1;
}
