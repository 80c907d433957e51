// The supervisor's run on one chat turn: routes the message, lets the chosen sub-agent answer in a
// child run or answers itself, and says which and why before the first word. An agent with a graph
// is answered by its graph instead. Called by the runtime; started by the conversation.

import { defineRun, type RunContext } from "../runtime/actor.ts";
import { answer } from "./answer/answer.ts";
import { childAnswer, restingOn, showText } from "./answer/child.ts";
import { citingAll, withoutCitations } from "./answer/citations.ts";
import { refuseClientParts } from "./answer/client-tools.ts";
import { type Asked, loadAsked } from "./answer/history.ts";
import { emitSources, hasPassages } from "./answer/sources.ts";
import { type CompiledAgent, loadAgent } from "./compiled.ts";
import { limited } from "./constraints/limited.ts";
import { followHandoffs } from "./follow-handoff.ts";
import { guarded } from "./guard/guarded.ts";
import { limits } from "./limits.ts";
import { isTalk, remembering } from "./memory/remembering.ts";
import { addUsage, noUsage } from "./money/spent.ts";
import type { Ports, PromptMessage } from "./ports.ts";
import { systemMessageFor } from "./prompts/system-message.ts";
import type { ChatEvent, RoutingInfo, Source } from "./records/conversation.ts";
import { chooseAction, routingEvent } from "./route-step.ts";
import { type Meter, metered, payerOf } from "./spend.ts";
import { repeatAnswer, takeSteered } from "./steering.ts";
import type { Answer, AnswerInput, Task, TurnInput, TurnResult } from "./turn-input.ts";

/** Kind `supervisor`. */
export const supervisorRun = defineRun<TurnInput, TurnResult, Ports>({
  kind: "supervisor",
  run: answerGuarded,
});

/** Kind `workflow`: the same work for an agent whose current version has a graph. */
export const workflowRun = defineRun<TurnInput, TurnResult, Ports>({
  kind: "workflow",
  run: answerGuarded,
});

function answerGuarded(input: TurnInput, context: RunContext<Ports>): Promise<TurnResult> {
  return limited(context, input, (within, asked) =>
    metered(within, payerOf(asked), (meter) =>
      guarded(within, asked, meter, (under, given) => answerTurn(given, under, meter)),
    ),
  );
}

async function answerTurn(
  input: TurnInput,
  context: RunContext<Ports>,
  meter: Meter,
): Promise<TurnResult> {
  if (input.adopt !== undefined) return repeatAnswer(context, input.adopt);
  // Which of the two ways is decided by the pinned version, not by the one that was current when
  // the run was named: a canary may differ.
  const compiled = await loadAgent(context, input);
  const asked = await askedOf(context, input);
  const work = { compiled, asked, meter };
  const { engine } = compiled.agent;
  if (compiled.graph !== null) refuseClientParts(asked.sent, input.agent);
  const said = await systemMessageFor(context, compiled.agent, input);
  const turn = { ...input, ...said };
  if (engine != null) {
    const { engineTurn } = await import("./engines/turn.ts");
    return await engineTurn(context, turn, work);
  }
  const result =
    compiled.graph === null
      ? await supervise(context, turn, work)
      : await (await import("./flow/graph-turn.ts")).runGraph(context, turn, {
          ...{ ...work, graph: compiled.graph },
        });
  return isTalk(input) ? { ...result, ...remembering(input, compiled.agent, result) } : result;
}

async function askedOf(context: RunContext<Ports>, input: TurnInput): Promise<Asked> {
  const { task } = input;
  return task === undefined || task.asSent ? await loadAsked(context, input) : task;
}

interface Work {
  readonly compiled: CompiledAgent;
  readonly asked: Asked;
  readonly meter: Meter;
}

/** Answers, then whatever was steered in meanwhile, each as a round of its own. */
async function supervise(
  context: RunContext<Ports>,
  input: TurnInput,
  work: Work,
): Promise<TurnResult> {
  const { task } = input;
  const canSteer = input.owner === "conversation" && task === undefined;
  let result = await round(context, { ...input, ...task }, work, 1, task?.transcript ?? []);
  const steered: number[] = [];
  const extra: PromptMessage[] = [{ role: "user", content: work.asked.text }];
  for (let number = 2; canSteer && number <= limits.steerRounds; number += 1) {
    const taken = await takeSteered(context, `steer:${number}`);
    if (taken.text === "") break;
    steered.push(...taken.sequences);
    extra.push({ role: "assistant", content: result.text });
    const images = [...(work.asked.images ?? []), ...taken.images];
    const isPictured = images.length > 0;
    const asked: Asked = {
      ...work.asked,
      ...{ text: taken.text, previous: work.asked.text },
      ...(isPictured && { images }),
    };
    const next = await round(
      context,
      { ...input, text: taken.text, ...(isPictured && { steered: [...steered] }) },
      { ...work, asked },
      number,
      [...extra],
    );
    extra.push({ role: "user", content: taken.text });
    result = joined(result, next);
  }
  return steered.length === 0 ? result : { ...result, steered };
}

/** Routes one message and answers it. */
async function round(
  context: RunContext<Ports>,
  input: TurnInput & Partial<Pick<Task, "text" | "show" | "instruction" | "handovers" | "asSent">>,
  work: Work,
  number: number,
  extra: readonly PromptMessage[],
): Promise<TurnResult> {
  const { routing, usage } = await chooseAction(context, work, number);
  emit(context, routingEvent(number), { type: "routing", routing_info: routing });
  const base: AnswerInput = {
    owner: input.owner,
    agent: input.agent,
    version: input.version,
    sequences: input.sequences,
    ...(input.steered && { steered: input.steered }),
    stream: input.stream,
    ...(input.collected === undefined ? {} : { collected: input.collected }),
    ...(input.user === undefined ? {} : { user: input.user }),
    ...(input.keyId === undefined ? {} : { keyId: input.keyId }),
    ...(input.systemMessage === undefined ? {} : { systemMessage: input.systemMessage }),
    ...(input.prompts?.skills && { skills: input.prompts.skills }),
    ...(input.text === undefined || input.asSent ? {} : { text: input.text }),
    ...(extra.length === 0 ? {} : { extra }),
    ...(input.instruction === undefined ? {} : { instruction: input.instruction }),
    subAgent: routing.sub_agent_key,
    show: input.show ?? true,
    ...((input.task === undefined || input.asSent) && { clientTools: true as const }),
  };
  // Neither one of several parts nor another's task is a turn that could be handed over, unless it was.
  const fresh = input.task === undefined ? { left: limits.handoffs, made: [] } : undefined;
  const handovers = routing.parts === undefined ? (input.handovers ?? fresh) : undefined;
  const turn: Round = {
    ...{ context, work, number, routing },
    base: handovers === undefined ? base : { ...base, handovers },
  };
  const first =
    routing.parts === undefined ? await single(turn) : await compound(turn, routing.parts);
  const { compiled, meter, asked } = work;
  const { text: question, images } = asked;
  const handed = { context, base, compiled, meter, number, question, images };
  const answered = await followHandoffs(handed, first, handovers);
  return { ...answered, usage: addUsage(usage, answered.usage) };
}

interface Round {
  readonly context: RunContext<Ports>;
  readonly base: AnswerInput;
  readonly work: Work;
  readonly number: number;
  readonly routing: RoutingInfo;
}

async function single(turn: Round): Promise<TurnResult> {
  const { context, base, work, number, routing } = turn;
  const subAgent = base.subAgent === null ? undefined : work.compiled.subAgents.get(base.subAgent);
  if (subAgent === undefined) {
    const own = await answer(context, { ...base, subAgent: null }, { ...work, round: number });
    return { routing, trigger: null, ...own };
  }
  const escalate = subAgent.action?.escalate ?? null;
  const trigger = subAgent.action?.frontend_trigger ?? null;
  if (escalate === null) {
    const given = await childAnswer(context, `sub-agent:${number}`, base, work.meter);
    return { routing, trigger, ...given };
  }
  emit(context, `escalated:${number}`, {
    type: "escalated",
    to: escalate,
    reason: `"${subAgent.name}" hands over what it is asked.`,
  });
  const answered =
    escalate === "supervisor"
      ? await answer(context, { ...base, subAgent: null }, { ...work, round: number })
      : await childAnswer(
          context,
          `sub-agent:${number}`,
          {
            ...base,
            instruction: `${base.instruction ?? ""}This request is being handed over to ${escalate === "inbox" ? "a person" : escalate}. Say so in one sentence.`,
          },
          work.meter,
        );
  return { ...answered, routing, trigger, escalatedTo: escalate };
}

/** Every part by its own agent in turn, unseen; then the supervisor concludes for the viewer. */
async function compound(
  turn: Round,
  wanted: NonNullable<RoutingInfo["parts"]>,
): Promise<TurnResult> {
  const { context, base, work, number, routing } = turn;
  const parts = wanted.slice(0, routesMax(work.compiled));
  // Who concludes has the tools of the caller: a call ends the run, with all parts answered.
  const { clientTools: _, ...one } = base;
  const answers: { readonly name: string; readonly text: string; readonly answer: Answer }[] = [];
  let trigger: TurnResult["trigger"] = null;
  for (const [index, part] of parts.entries()) {
    const subAgent =
      part.sub_agent_key === null ? undefined : work.compiled.subAgents.get(part.sub_agent_key);
    trigger ??= subAgent?.action?.frontend_trigger ?? null;
    const given = await childAnswer(
      context,
      `part:${number}:${index + 1}`,
      {
        ...one,
        subAgent: subAgent?.sub_agent_key ?? null,
        text: part.text,
        show: false,
      },
      work.meter,
    );
    answers.push({ name: part.action_name, text: part.text, answer: given });
  }
  const rest = restingOn(answers.map((one) => one.answer));
  if (base.show) emitSources(context, `${number}.parts`, rest);
  const usage = answers.reduce((sum, one) => addUsage(sum, one.answer.usage), noUsage);
  const concluded = await conclude(turn, answers, rest.sources);
  return {
    ...concluded,
    // Citations of the answer name these; of a supervisor with passages its own come first.
    ...restingOn(hasPassages(work.compiled.agent) ? [concluded, rest] : [rest, concluded]),
    usage: addUsage(usage, concluded.usage),
    data: concluded.data ?? answers.find((one) => one.answer.data !== null)?.answer.data ?? null,
    routing,
    trigger,
  };
}

/** `all`: the sources of the parts together, whose places their citations are made to name. */
async function conclude(
  turn: Round,
  answers: readonly { readonly text: string; readonly answer: Answer }[],
  all: readonly Source[],
): Promise<Answer> {
  const { context, base, work, number } = turn;
  const model = work.compiled.agent.model_name ?? "";
  if (context.ports.llm.isBuiltin(model)) {
    // The built-in answerer cannot weave texts together: the parts' answers stand in order.
    const joint = answers
      .map(({ answer: { text: part, sources } }) => citingAll(part, sources, all))
      .join("\n\n");
    const text = base.show ? await showText(context, `conclude:${number}`, joint) : joint;
    return {
      text,
      sources: [],
      usage: noUsage,
      model,
      builtin: true,
      finishReason: "stop",
      data: null,
    };
  }
  const isCiting = hasPassages(work.compiled.agent);
  const notes = answers.map(({ text, answer: { text: part, sources } }) => {
    const cited = isCiting ? withoutCitations(part, sources) : citingAll(part, sources, all);
    return `Question: ${text}\nAnswer: ${cited}`;
  });
  const own = base.instruction === undefined ? "" : `${base.instruction}\n`;
  const instruction = `${own}Your specialists have answered the parts. Conclude in one answer from this only; numbers in brackets name their sources, keep them:\n${notes.join("\n")}`;
  return answer(context, { ...base, subAgent: null, instruction }, { ...work, round: number });
}

function joined(first: TurnResult, next: TurnResult): TurnResult {
  return {
    ...next,
    text: first.text + next.text,
    ...restingOn([first, next]),
    usage: addUsage(first.usage, next.usage),
    trigger: next.trigger ?? first.trigger,
    data: next.data ?? first.data,
  };
}

function routesMax(compiled: CompiledAgent): number {
  return compiled.agent.agent_config?.max_routes ?? limits.routesDefault;
}

function emit(context: RunContext<Ports>, key: string, event: ChatEvent): void {
  context.emit(key, event);
}
