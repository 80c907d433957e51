// The leader of a team: splits the message, says when a discussion is over, concludes. Its words are
// calls of its own agent's model in the team's run, so that only the conclusion is an answer.

import { RuntimeError } from "../../runtime/errors.ts";
import { answer } from "../answer/answer.ts";
import { showText } from "../answer/child.ts";
import { citingAll } from "../answer/citations.ts";
import { type Asked, loadHistory } from "../answer/history.ts";
import { tryModel } from "../answer/loop.ts";
import { loadSchemas } from "../answer/output-schema.ts";
import { systemPrompt } from "../answer/prompt.ts";
import { samplingOf } from "../answer/request.ts";
import { hasPassages } from "../answer/sources.ts";
import { guardOf } from "../guard/guard-of.ts";
import { speakingIn } from "../guard/guarded.ts";
import type { Speaking } from "../guard/input.ts";
import { limits } from "../limits.ts";
import { fitMemories, memoryBlock, memoryOf, recallFor } from "../memory/recall.ts";
import { noUsage } from "../money/spent.ts";
import type { PromptMessage } from "../ports.ts";
import type { Source } from "../records/conversation.ts";
import type { Answer, AnswerInput } from "../turn-input.ts";
import type { Leader } from "./crew.ts";
import { type Plan, planFault, planForAll, planSchema, planWithout } from "./plan.ts";
import { concludeInstruction, judgeInstruction, planInstruction } from "./prompt.ts";
import { transcriptOf } from "./transcript.ts";
import { spend, type TeamWork } from "./work.ts";

/** What a leader says after a round. */
export interface Word {
  readonly done: boolean;
  readonly reason: string;
  /** What the members should do next, "" for nothing. */
  readonly next: string;
}

/** What a word of the leader fails with that is said and of no use. */
export const unusable: ReadonlySet<string> = new Set(["OUTPUT_INVALID", "GUARDRAIL_BLOCKED"]);

/** Numbers of the leader's calls within the run: steps are named by them. */
const CONCLUSION = 1;
const PLAN = 2;

const wordSchema = {
  type: "object",
  additionalProperties: false,
  required: ["done", "reason", "next"],
  properties: {
    done: { type: "boolean" },
    reason: { type: "string", maxLength: 2_000 },
    next: { type: "string", maxLength: 8_000 },
  },
} as const;

/** The leader in this run: what it says, and what it is asked, goes through its own chain too. */
function leading(work: TeamWork, { target, version }: Leader): Promise<Speaking<Asked>> {
  const { context, meter, asked } = work;
  work.leading ??= speakingIn(context, { id: target, version }, meter, asked);
  return work.leading;
}

/** Whether no model stands behind the leader. */
export function isBuiltin({ context }: TeamWork, { compiled }: Leader): boolean {
  return context.ports.llm.isBuiltin(compiled.agent.model_name ?? "");
}

/**
 * Splits the message. Without a model every member answers it whole; what becomes of a plan that stays
 * wrong is said by the team's `on_plan_failure`.
 * @throws OUTPUT_INVALID when the team fails with a wrong plan; what the provider threw.
 */
export async function splitMessage(work: TeamWork, leader: Leader): Promise<Plan> {
  const { team, members } = work.crew;
  const names = members.map(({ name }) => name);
  if (isBuiltin(work, leader)) return planForAll(names, work.asked.text);
  try {
    return (await askLeader(work, leader, {
      number: PLAN,
      name: "plan",
      instruction: planInstruction(work),
      schema: planSchema(names),
      check: (value) => planFault(value as Plan),
      repairs: limits.teamPlanRepairs,
      recalls: true,
    })) as Plan;
  } catch (error) {
    const policy = team.on_plan_failure ?? "members";
    const isWrong = error instanceof RuntimeError && unusable.has(error.code);
    if (!isWrong || policy === "fail") throw error;
    return planWithout(policy, names, work.asked.text);
  }
}

/**
 * Whether the discussion is over after `round`. Without a model it is: members that quote would quote
 * the same again.
 * @throws what the provider threw, OUTPUT_INVALID.
 */
export async function judgeRound(work: TeamWork, leader: Leader, round: number): Promise<Word> {
  if (isBuiltin(work, leader)) {
    return { done: true, reason: "Without a model another round would say the same.", next: "" };
  }
  return (await askLeader(work, leader, {
    number: PLAN + round,
    name: "word",
    instruction: judgeInstruction(work),
    schema: wordSchema,
  })) as Word;
}

/** Concludes from what was said, as the answer. `all`: the sources of all that was heard. */
export async function conclude(
  work: TeamWork,
  leader: Leader,
  all: readonly Source[],
): Promise<Answer> {
  const { input, meter } = work;
  const { context, asked } = await leading(work, leader);
  if (isBuiltin(work, leader) && work.heard.length > 0) {
    return await together({ ...work, context }, leader, all);
  }
  const base: AnswerInput = {
    owner: input.owner,
    agent: leader.target,
    version: leader.version,
    sequences: input.sequences,
    stream: input.stream,
    ...(input.user === undefined ? {} : { user: input.user }),
    ...(input.keyId === undefined ? {} : { keyId: input.keyId }),
    ...(leader.systemMessage === undefined ? {} : { systemMessage: leader.systemMessage }),
    text: asked.text,
    extra: [
      ...work.before,
      ...transcriptOf(work.said, hasPassages(leader.compiled.agent) ? null : all),
    ],
    subAgent: null,
    show: input.task?.show ?? true,
    instruction: concludeInstruction(work),
  };
  const { compiled } = leader;
  const said = await answer(context, base, { compiled, asked, round: CONCLUSION, meter });
  spend(work, said.usage);
  return said;
}

/** Number under which the sources of all members are shown: the conclusion's, which then shows none, or one of its own. */
export function sourcesRound(leader: Leader | null): number {
  return leader !== null && hasPassages(leader.compiled.agent) ? PLAN : CONCLUSION;
}

/**
 * The built-in answerer cannot weave texts together: what was said stands in order, each text once, and
 * of those that found nothing none where another found something.
 */
export async function together(
  work: TeamWork,
  leader: Leader | null,
  all: readonly Source[],
): Promise<Answer> {
  const found = work.heard.filter(({ result }) => result.nothingRelevant !== true);
  // In a discussion all answer the same question: passages before what stands in an agent's own texts.
  const isDiscussion = work.crew.team.mode === "coordinate";
  const quoting = isDiscussion ? found.filter(({ result }) => result.sources.length > 0) : [];
  const used = [quoting, found, work.heard].find((some) => some.length > 0) ?? [];
  const texts = new Set(used.map(({ result }) => citingAll(result.text, result.sources, all)));
  const joint = [...texts].join("\n\n");
  const model = leader?.compiled.agent.model_name ?? used.at(-1)?.result.model ?? "";
  const show = work.input.task?.show ?? true;
  const text = show
    ? await showText(work.context, "together", joint)
    : unshown(work.context, "together", joint);
  return {
    text,
    sources: [],
    usage: noUsage,
    model,
    builtin: used.every(({ result }) => result.builtin),
    finishReason: "stop",
    data: null,
  };
}

/** What guardrails leave of a text of the run that another one goes on with. */
function unshown(context: TeamWork["context"], key: string, text: string): string {
  const under = guardOf(context);
  if (under === null) return text;
  const { value, findings, blocked } = under.guard.check(text, { on: "output" }, true);
  if (findings.length > 0) under.tell(key, findings);
  return blocked ?? value;
}

interface LeaderAsk {
  readonly number: number;
  readonly name: string;
  readonly instruction: string;
  readonly schema: Readonly<Record<string, unknown>>;
  check?(value: unknown): { readonly reason: string; readonly pointer: string } | null;
  readonly repairs?: number;
  /** What it remembers of the user is recalled for it. */
  readonly recalls?: true;
}

/** What a leader with a memory remembers that is near to the message, as a block of its prompt. */
async function remembered(
  { context, asked }: Pick<Speaking<Asked>, "context" | "asked">,
  { input }: TeamWork,
  { compiled: { agent } }: Leader,
  round: number,
): Promise<string> {
  const memory = memoryOf(context.tenant, agent, input.user);
  if (memory === null) return "";
  const { text: question, previous } = asked;
  const recalled = await recallFor(context, memory, { question, previous, round });
  return memoryBlock(fitMemories(recalled, context.ports.llm.windowOf(agent.model_name ?? "")));
}

/**
 * One word of the leader as JSON that fits.
 * @throws OUTPUT_INVALID when also the repaired one does not; GUARDRAIL_BLOCKED when it was withheld.
 */
async function askLeader(work: TeamWork, leader: Leader, ask: LeaderAsk): Promise<unknown> {
  const { input, meter } = work;
  const spoken = await leading(work, leader);
  const { context, asked } = spoken;
  const { agent } = leader.compiled;
  const { schema, name } = ask;
  await loadSchemas();
  // The form of an answer is not that of a plan.
  const plain = { ...agent, response_template: null, examples: null };
  const content = systemPrompt({
    agent: plain,
    systemMessage: leader.systemMessage,
    subAgent: null,
    passages: [],
    usesCollection: false,
    memories: ask.recalls ? await remembered(spoken, work, leader, ask.number) : "",
    instructions: [
      ask.instruction,
      `Answer with JSON only, fitting this JSON Schema: ${JSON.stringify(schema)}`,
    ],
  });
  const history = await loadHistory(context, input, limits.teamHistoryTokens);
  const messages: readonly PromptMessage[] = [
    { role: "system", content },
    ...history,
    ...work.before,
    ...transcriptOf(work.said),
    { role: "user", content: asked.text },
  ];
  const call = {
    round: ask.number,
    request: {
      model: agent.model_name ?? "",
      messages,
      ...samplingOf(agent, null, undefined),
      maxTokens: limits.teamLeaderTokens,
      responseFormat: { type: "schema", name, schema },
      stream: false,
    },
    show: false,
    frame: { before: "", after: "" },
    schema,
    hidesData: false,
    ...(ask.check && { check: ask.check }),
    ...(ask.repairs !== undefined && { repairs: ask.repairs }),
  } as const;
  const written = await tryModel(context, call, meter);
  // What was of no use is paid too.
  spend(work, written.usage);
  if ("fault" in written) throw written.fault;
  if (written.output !== undefined) return written.output;
  const text = `What the leader said was withheld by a guardrail (${name}).`;
  throw new RuntimeError("GUARDRAIL_BLOCKED", text);
}
