// The router: which sub-agent answers a message. A cascade that asks the cheap ways first: words of
// the triggers, then similarity, and it says `doubt` where only a model can tell. Pure computing;
// compile.ts makes a router of an agent's version, the caller keeps it and makes the model call.

import type { SubAgent } from "../records/sub-agent.ts";
import { type Word, wordsOf } from "../text/words.ts";
import { isPraise, piecesOf } from "./compound.ts";
import type { Candidate, Decision, RoutePart, RouteRequest } from "./decision.ts";
import { isFollowUp } from "./follow-up.ts";
import { type Indexes, type Judgement, judge, threshold } from "./judge.ts";
import { greetingLength, type SmallTalk, smallTalkOf } from "./small-talk.ts";
import { intentOf, kindOf, listed, shown } from "./wording.ts";

/** A router made for one version of an agent. Opaque; keep it per (agent, version). */
export interface CompiledRouter extends Indexes {
  readonly agentName: string;
  /** Small talk that a sub-agent has an example of: it is routed like any other message. */
  readonly taught: ReadonlySet<SmallTalk>;
  /** Sub-agent that takes what fits nobody, when it is active. */
  readonly fallback: SubAgent | undefined;
  readonly routesMax: number;
}

/** Limits of one message: characters and words that are read, from its start and its end. */
export const routeLimits = {
  headChars: 6_000,
  tailChars: 2_000,
  words: 1_600,
  candidates: 5,
  routes: 3,
} as const;

/** Confidence of a follow-up that stays where the conversation was. */
const FOLLOW_UP = 0.6;
const SMALL_TALK = 0.97;
/** Below it, or this near its follower, the best guess of a doubt is nobody, where nothing is calibrated. */
const GUESS = { share: 0.3, lead: 1.25 } as const;
/** What it costs to answer a stranger, beside a message refused that was meant for somebody. */
const STRANGER_COST = 0.7;

const WORDS = /[\p{L}\p{N}]/u;

/** Routes a message. Never throws, whatever the message; cost is bounded by `routeLimits`. */
export function route(router: CompiledRouter, request: RouteRequest): Decision {
  const message = bounded(request.message);
  const words = wordsOf(message, routeLimits.words);
  if (router.active.length === 0) {
    return bySupervisor(router, "only", 1, "No sub-agent is active.", "no_sub_agent");
  }
  const parts = partsOf(router, message);
  if (parts !== undefined) return compound(router, message, parts);
  const judgement = judge(router, { words, text: message, all: words });
  if (judgement.method === "keyword" && judgement.confidence >= threshold) {
    return judgement.isTied ? inDoubt(router, judgement) : decided(router, message, judgement);
  }
  const kind = smallTalkOf(words);
  const talk = kind !== undefined && router.taught.has(kind) ? undefined : kind;
  const stays = stayingWith(router, request);
  if (talk === "reply" && stays !== undefined) return followUp(router, stays, judgement);
  const isWordless = !WORDS.test(message);
  if (talk !== undefined || isWordless) {
    const reason = isWordless ? "The message has no words." : "The message is small talk.";
    return bySupervisor(router, "keyword", SMALL_TALK, reason, talk ?? "small_talk");
  }
  const greeting = greetingLength(words);
  const asked = words.slice(greeting);
  const alone =
    greeting === 0 ? judgement : judge(router, { words: asked, text: message, all: words });
  return bySimilarity(router, request, { message, words: asked, alone });
}

/** Nothing was named: likeness, the turn before, the only one there is, or doubt. */
function bySimilarity(
  router: CompiledRouter,
  request: RouteRequest,
  asked: { readonly message: string; readonly words: readonly Word[]; readonly alone: Judgement },
): Decision {
  const { message, words, alone } = asked;
  const isSure = (judgement: Judgement): boolean =>
    judgement.confidence >= threshold && !judgement.isTied;
  if (isSure(alone)) return decided(router, message, alone);
  const previous = request.previous ?? request.history?.at(-1);
  if (isFollowUp(words, alone.contentWords)) {
    const stays = stayingWith(router, request);
    if (stays !== undefined && isForNobody(alone)) return followUp(router, stays, alone);
    if (previous !== undefined) {
      const before = bounded(previous);
      const context = wordsOf(before, routeLimits.words);
      const together = judge(router, { words, text: `${before}\n${message}`, context });
      if (isSure(together)) return decided(router, message, together, true);
    }
    if (stays !== undefined) return followUp(router, stays, alone);
  }
  const only = router.active.length === 1 ? router.active[0] : undefined;
  if (only !== undefined) {
    return {
      ...named(only),
      method: "only",
      confidence: Math.max(alone.confidence, threshold),
      threshold,
      inScope: rounded(alone.inScope),
      candidates: candidatesOf(router, alone),
      reason: `${shown(only.name)} is the only active sub-agent.`,
      intent: intentOf(only),
    };
  }
  return inDoubt(router, alone);
}

function bounded(message: string): string {
  const { headChars, tailChars } = routeLimits;
  if (message.length <= headChars + tailChars) return message;
  return `${message.slice(0, headChars)}\n${message.slice(-tailChars)}`;
}

function stayingWith(router: CompiledRouter, request: RouteRequest): SubAgent | undefined {
  return router.active.find(({ sub_agent_key: key }) => key === request.previousChoice);
}

const named = (subAgent: SubAgent): { choice: string; name: string } => ({
  choice: subAgent.sub_agent_key,
  name: subAgent.name,
});

const rounded = (value: number): number => Math.round(Math.min(1, value) * 1_000) / 1_000;

function candidatesOf(router: CompiledRouter, judgement: Judgement): Candidate[] {
  return router.active
    .map(({ sub_agent_key: key, name }, owner) => ({
      key,
      name,
      score: rounded(judgement.shares[owner] ?? 0),
    }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score)
    .slice(0, routeLimits.candidates);
}

function bySupervisor(
  router: CompiledRouter,
  method: Decision["method"],
  confidence: number,
  reason: string,
  intent: string,
): Decision {
  const name = router.agentName;
  return {
    choice: null,
    name,
    method,
    confidence,
    threshold,
    inScope: 0,
    candidates: [],
    reason,
    intent,
  };
}

function decided(
  router: CompiledRouter,
  message: string,
  judgement: Judgement,
  withPrevious = false,
): Decision {
  const subAgent = router.active[judgement.best];
  if (subAgent === undefined) return inDoubt(router, judgement);
  return {
    ...named(subAgent),
    method: judgement.method,
    confidence: rounded(judgement.confidence),
    threshold,
    inScope: rounded(judgement.inScope),
    candidates: candidatesOf(router, judgement),
    reason: reasonOf(subAgent, message, judgement, withPrevious),
    intent: intentOf(subAgent, judgement.keywords[0]),
  };
}

function reasonOf(
  subAgent: SubAgent,
  message: string,
  judgement: Judgement,
  withPrevious: boolean,
): string {
  const name = shown(subAgent.name);
  const kind = kindOf(message);
  if (judgement.method === "keyword") {
    const tie = judgement.byPriority ? " and it has priority among equals" : "";
    return `${kind} fits the ${name} trigger (${listed(judgement.keywords)})${tie}.`;
  }
  const words = judgement.words.length > 0 ? ` (words: ${unique(judgement.words)})` : "";
  const together = withPrevious ? ", read with the previous message," : "";
  return `${kind}${together} is most similar to what ${name} handles${words}.`;
}

const unique = (words: readonly string[]): string => [...new Set(words)].slice(0, 5).join(", ");

function followUp(router: CompiledRouter, subAgent: SubAgent, judgement: Judgement): Decision {
  return {
    ...named(subAgent),
    method: "semantic",
    confidence: FOLLOW_UP,
    threshold,
    inScope: FOLLOW_UP,
    candidates: candidatesOf(router, judgement),
    reason: `A short follow-up to what ${shown(subAgent.name)} answered before.`,
    intent: intentOf(subAgent, "follow up"),
  };
}

/**
 * Whether it is likelier that nobody is meant than that the best one is. Between two that are equally
 * near the shares of both are small: only that the message is strange counts against them.
 */
function isForNobody({ best, shares, inScope, isCalibrated }: Judgement): boolean {
  if (best < 0) return true;
  return isCalibrated && (shares[best] ?? 0) < STRANGER_COST * (1 - inScope);
}

/** Who takes a doubt that no model settles; undefined when nobody seems to be meant. */
function guessOf(router: CompiledRouter, judgement: Judgement): SubAgent | undefined {
  const { shares, best, isCalibrated, isTied } = judgement;
  if (isForNobody(judgement)) return undefined;
  const chosen = router.active[best];
  if (isTied || isCalibrated) return chosen;
  const share = shares[best] ?? 0;
  const second = Math.max(0, ...shares.filter((_, owner) => owner !== best));
  return share >= GUESS.share && share >= second * GUESS.lead ? chosen : undefined;
}

/** Left open: the best guess if somebody seems to be meant, else the fallback, else the supervisor. */
function inDoubt(router: CompiledRouter, judgement: Judgement): Decision {
  const candidates = candidatesOf(router, judgement);
  const guess = guessOf(router, judgement);
  const chosen = guess ?? router.fallback;
  const inScope = rounded(judgement.inScope);
  const why = judgement.isCalibrated
    ? `The message is probably meant for no sub-agent (${inScope} that it is)`
    : "No trigger fits the message clearly";
  const base = { method: "doubt" as const, threshold, inScope, candidates };
  if (chosen === undefined) {
    const reason = `${why}, so the supervisor answers.`;
    return {
      choice: null,
      name: router.agentName,
      confidence: rounded(judgement.confidence),
      reason,
      intent: "out_of_scope",
      ...base,
    };
  }
  const isFallback = guess === undefined;
  return {
    confidence: rounded(Math.min(judgement.confidence, threshold)),
    ...base,
    ...named(chosen),
    reason: isFallback
      ? `${why}, so the fallback ${shown(chosen.name)} takes it.`
      : `${shown(chosen.name)} fits best, but not clearly${
          judgement.words.length > 0 ? ` (words: ${unique(judgement.words)})` : ""
        }.`,
    intent: isFallback ? "out_of_scope" : intentOf(chosen),
  };
}

function judgeAll(router: CompiledRouter, text: string): Judgement {
  const words = wordsOf(text, routeLimits.words);
  return judge(router, { words, text, all: words });
}

interface Part {
  readonly text: string;
  readonly owner: number;
  readonly judgement: Judgement;
}

/** The parts of a message that clearly asks several sub-agents, or undefined. */
function partsOf(router: CompiledRouter, message: string): readonly Part[] | undefined {
  if (router.routesMax < 2 || router.active.length < 2) return undefined;
  const pieces = piecesOf(message);
  if (pieces.length < 2) return undefined;
  const parts: Part[] = [];
  let waiting = "";
  for (const text of pieces) {
    const judgement = judgeAll(router, text);
    const isClear = judgement.confidence >= threshold && !judgement.isTied && !isPraise(text);
    const last = parts.at(-1);
    const owner = isClear ? judgement.best : (last?.owner ?? -1);
    if (owner < 0) {
      // Nothing is known yet: it belongs to what follows.
      waiting = `${waiting} ${text}`.trim();
    } else if (last !== undefined && last.owner === owner) {
      parts[parts.length - 1] = { ...last, text: `${last.text} ${text}` };
    } else {
      parts.push({ text: `${waiting} ${text}`.trim(), owner, judgement });
      waiting = "";
    }
  }
  const owners = new Set(parts.map(({ owner }) => owner));
  if (owners.size < 2) return undefined;
  return parts.slice(0, router.routesMax);
}

function compound(router: CompiledRouter, message: string, pieces: readonly Part[]): Decision {
  const whole = judgeAll(router, message);
  const parts: RoutePart[] = [];
  const reasons: string[] = [];
  for (const { text, owner, judgement } of pieces) {
    const subAgent = router.active[owner];
    if (subAgent === undefined) continue;
    parts.push({ text, ...named(subAgent), intent: intentOf(subAgent, judgement.keywords[0]) });
    const why = judgement.keywords.length > 0 ? judgement.keywords : judgement.words;
    reasons.push(`${shown(subAgent.name)} (${listed(why)})`);
  }
  const [first] = parts;
  const isNamed = pieces.every(({ judgement }) => judgement.method === "keyword");
  return {
    choice: first?.choice ?? null,
    name: first?.name ?? router.agentName,
    method: isNamed ? "keyword" : "semantic",
    confidence: rounded(Math.min(...pieces.map(({ judgement }) => judgement.confidence))),
    threshold,
    inScope: rounded(Math.max(...pieces.map(({ judgement }) => judgement.inScope))),
    candidates: candidatesOf(router, whole),
    reason: `The message asks for several things: ${reasons.join(", ")}.`,
    intent: first?.intent ?? "compound",
    parts,
  };
}
