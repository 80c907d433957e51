// Kind `team`: the run that answers for a team. It hears the members, in the team's mode, and answers
// with the leader's conclusion or with what was said last. Every member answers in a child run, aside,
// so that viewers see who says what while only the answer is the team's.

import { defineRun, type RunContext } from "../../runtime/actor.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { restingOn, showText } from "../answer/child.ts";
import { citingAll } from "../answer/citations.ts";
import { loadAsked } from "../answer/history.ts";
import { emitSources, hasPassages } from "../answer/sources.ts";
import { keptWithin } from "../constraints/limited.ts";
import { guarded } from "../guard/guarded.ts";
import { limits } from "../limits.ts";
import { allRemembering, isTalk, remembering } from "../memory/remembering.ts";
import { noUsage } from "../money/spent.ts";
import type { Ports } from "../ports.ts";
import type { RoutingInfo, Source } from "../records/conversation.ts";
import { type Meter, metered, payerOf } from "../spend.ts";
import { repeatAnswer } from "../steering.ts";
import type { Answer, TurnInput, TurnResult } from "../turn-input.ts";
import { turnsOf } from "./check.ts";
import { concludes, discuss } from "./coordinate.ts";
import { type Crew, type Leader, loadCrew } from "./crew.ts";
import { conclude, sourcesRound, together } from "./leader.ts";
import type { Plan } from "./plan.ts";
import { doTasks, planTasks } from "./supervise.ts";
import { emitTeam, hearSteered, type Stop, type TeamWork } from "./work.ts";

/** Kind `team`. Fails with what its leader fails with, and with what a member does as the team says. */
export const teamRun = defineRun<TurnInput, TurnResult, Ports>({
  kind: "team",
  run: (input, context) =>
    keptWithin(context, input, (within, asked) =>
      metered(within, payerOf(asked), (meter) =>
        guarded(within, asked, meter, (under, given) => answerAsTeam(given, under, meter)),
      ),
    ),
});

async function answerAsTeam(
  input: TurnInput,
  context: RunContext<Ports>,
  meter: Meter,
): Promise<TurnResult> {
  if (input.adopt !== undefined) return repeatAnswer(context, input.adopt);
  const work = await begin(input, context, meter);
  const { leader, team } = work.crew;
  let plan: Plan | null = null;
  if (team.mode === "supervisor") plan = await planTasks(work, leaderOf(work.crew));
  const routing = routingOf(work, plan);
  context.emit("routing", { type: "routing", routing_info: routing });
  const stop = plan === null ? await discuss(work) : await doTasks(work, plan);
  emitTeam(work, "stop", { type: "team_stop", ...stop });
  if (concludes(work)) await hearSteered(work, "steer:end");
  const result = await finish(work, { stop, plan, leader, routing });
  return (await work.leading)?.ended(result) ?? result;
}

async function begin(
  input: TurnInput,
  context: RunContext<Ports>,
  meter: Meter,
): Promise<TeamWork> {
  const { task } = input;
  const began = await context.now("began");
  const crew = await loadCrew(context, input);
  const asked = task ?? (await loadAsked(context, input));
  const within = task?.within;
  const turnsMax = Math.min(limits.teamTurns, within?.turns ?? limits.teamTurns);
  const own = crew.team.max_tokens ?? null;
  const above = within?.tokens ?? null;
  return {
    context,
    input,
    meter,
    crew,
    leading: null,
    asked,
    before: task?.transcript ?? [],
    said: earlier(asked),
    heard: [],
    failure: null,
    usage: noUsage,
    turns: 0,
    turnsMax,
    turnsPlanned: Math.min(turnsMax, turnsOf(crew.team)),
    tokensMax: own === null || above === null ? (own ?? above) : Math.min(own, above),
    turnMs: Math.max(1, Math.floor((context.deadlineMs - began) * limits.teamTurnShare)),
    open: new Set(),
    isFailing: false,
    steered: [],
  };
}

/** What a stateless completion brings along before the message to answer. */
function earlier({ sent }: TeamWork["asked"]): TeamWork["said"] {
  const messages = sent?.messages.filter(({ role }) => role !== "system") ?? [];
  const last = messages.findLastIndex(({ role }) => role === "user");
  return messages
    .slice(0, Math.max(0, last))
    .map(({ role, content }) => ({ speaker: role, text: content }));
}

interface Outcome {
  readonly stop: Stop;
  readonly plan: Plan | null;
  readonly leader: Leader | null;
  readonly routing: RoutingInfo;
}

async function finish(work: TeamWork, outcome: Outcome): Promise<TurnResult> {
  const { heard, context, input, steered } = work;
  const isAlone = outcome.plan?.tasks.length === 0;
  // Tokens that the plan has spent already end the turns before the first, and never the conclusion.
  const isSpent = outcome.stop.by === "tokens" && work.failure === null && concludes(work);
  if (heard.length === 0 && !isAlone && !isSpent) throw nobody(work, outcome.stop);
  const rest = restingOn(heard.map(({ result }) => result));
  const show = input.task?.show ?? true;
  const { leader } = outcome;
  if (show) emitSources(context, sourcesRound(leader), rest);
  const answer = await answerOf(work, outcome, { show, all: rest.sources });
  const results = heard.map(({ result }) => result);
  return {
    ...answer,
    // Citations of the answer name these, of a leader with passages its own first.
    ...restingOn(
      leader !== null && hasPassages(leader.compiled.agent) ? [answer, rest] : [rest, answer],
    ),
    usage: work.usage,
    builtin: answer.builtin && results.every(({ builtin }) => builtin),
    data: answer.data ?? null,
    routing: outcome.routing,
    trigger: results.findLast(({ trigger }) => trigger !== null)?.trigger ?? null,
    ...(isTalk(input) && allRemembering([...results, leaderRemembers(leader, answer)])),
    ...(steered.length === 0 ? {} : { steered }),
  };
}

/** The leader has led what the user reads, whoever has written it. */
function leaderRemembers(leader: Leader | null, answer: Answer): Pick<TurnResult, "remembering"> {
  if (leader === null) return {};
  const { target, version, compiled } = leader;
  return remembering({ agent: target, version }, compiled.agent, answer);
}

async function answerOf(
  work: TeamWork,
  { plan, leader }: Outcome,
  { show, all }: { readonly show: boolean; readonly all: readonly Source[] },
): Promise<Answer> {
  const isAlone = plan?.tasks.length === 0;
  if (leader !== null && (isAlone || concludes(work))) return await conclude(work, leader, all);
  const last = work.heard.at(-1)?.result;
  // Who quotes does not go on from what was said before: what was said last is no better than the first.
  const isQuoted = work.heard.every(({ result }) => result.builtin);
  if (plan !== null || last === undefined || isQuoted) return await together(work, leader, all);
  const said = citingAll(last.text, last.sources, all);
  const text = show ? await showText(work.context, "last", said) : said;
  return { ...last, text };
}

/** Why a team of which nobody answered fails: as the last of them did. */
function nobody(work: TeamWork, stop: Stop): unknown {
  return work.failure ?? new RuntimeError("STEPS_EXHAUSTED", `No member answered. ${stop.reason}`);
}

function leaderOf({ leader, team }: Crew): Leader {
  if (leader !== null) return leader;
  throw new RuntimeError("INVALID", `Team ${team.id} has no leader.`, { pointer: "/leader" });
}

function routingOf({ crew }: TeamWork, plan: Plan | null): RoutingInfo {
  const { team, members } = crew;
  const names = members.map(({ name }) => name).join(", ");
  const rounds = team.max_rounds ?? 1;
  const parts = plan?.tasks.map(({ member, task }) => ({
    text: task,
    action_name: member,
    sub_agent_key: null,
  }));
  return {
    selected_action: "TEAM",
    action_name: team.name,
    reason:
      plan?.reason ??
      `The members take turns: ${names}, in ${rounds === 1 ? "one round" : `at most ${rounds} rounds`}.`,
    intent: team.mode,
    confidence: 1,
    threshold: 0,
    method: "team",
    candidates: members.map(({ name, target }) => ({ name, key: target, score: 1 })),
    sub_agent_key: null,
    ...(parts && { parts }),
  };
}
