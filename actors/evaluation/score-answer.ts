// All scorers on one answer, within the run of its item. What a scorer cannot tell (no model to judge
// with, an embedder that is away, a judge that writes nonsense) is an error of that score and of no other.

import type { RunContext } from "../../runtime/actor.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { messageTokens } from "../answer/history.ts";
import { callerOf } from "../caller.ts";
import { guardOf } from "../guard/guard-of.ts";
import { limits } from "../limits.ts";
import { addUsage, noUsage, spentOn } from "../money/spent.ts";
import type { LlmRequest, Ports, Usage } from "../ports.ts";
import type { DatasetItem } from "../records/dataset.ts";
import {
  evaluationLimits,
  type NamedScorer,
  type Score,
  type SideResult,
} from "../records/evaluation.ts";
import type { WithFindings } from "../records/guardrail.ts";
import type { Meter } from "../spend.ts";
import { checkedGrade, gradeOf, type Judge, judgeRequest } from "./judge.ts";
import { type JudgeBooks, payJudge } from "./judge-books.ts";
import { cosineScore, type Routed, scoreLocally, scoreOf } from "./scorers.ts";

/** One side of an item as it is answered and scored. */
export interface Scoring {
  readonly context: RunContext<Ports>;
  readonly meter: Meter;
  readonly books: JudgeBooks;
  readonly scorers: readonly NamedScorer[];
  readonly side: SideResult["side"];
  readonly item: DatasetItem;
}

/** What is scored. */
export interface Answered {
  readonly text: string;
  readonly output: unknown;
  readonly routing: Routed;
}

/** The scores, in the order of the scorers, and what the judges used. */
export interface ScoredAnswer {
  readonly scores: readonly Score[];
  readonly usage: Usage;
  readonly graded: number;
}

/** Scores an answer. */
export async function scoreAnswer(work: Scoring, answered: Answered): Promise<ScoredAnswer> {
  let usage = noUsage;
  let graded = 0;
  const scores: Score[] = [];
  for (const [at, by] of work.scorers.entries()) {
    try {
      if (by.type !== "judge") {
        scores.push(await scoreBy(work, by, at, answered));
        continue;
      }
      const judged = await judge(work, by, `${work.side}:${at}`, answered.text);
      usage = addUsage(usage, judged.usage);
      if (judged.isGraded) graded += 1;
      scores.push(judged.score);
    } catch (error) {
      if (work.context.signal.aborted || !(error instanceof RuntimeError)) throw error;
      scores.push(unknown(by, error.message));
    }
  }
  work.books.usage = addUsage(work.books.usage, usage);
  return { scores, usage, graded };
}

/** A score that could not be told. */
function unknown(by: NamedScorer, why: string): Score {
  return { ...scoreOf(by, null, why), error: true };
}

async function scoreBy(
  { context, item, side }: Scoring,
  by: Exclude<NamedScorer, { readonly type: "judge" }>,
  at: number,
  answered: Answered,
): Promise<Score> {
  if (by.type !== "similarity") return await scoreLocally(by, { ...answered, item });
  const wanted = item.expected?.text;
  if (wanted === undefined) return scoreOf(by, null, "The item expects no text.");
  if (answered.text.trim() === "" || wanted.trim() === "") {
    return scoreOf(by, answered.text.trim() === wanted.trim() ? 1 : 0, "One of them is empty.");
  }
  const { embedders } = context.ports;
  const name = by.embedder ?? embedders.defaultName;
  const score = await context.step(
    `similar:${side}:${at}`,
    async ({ signal }) => {
      const embedder = await embedders.find(name);
      const options = { tenant: context.tenant, signal };
      const [given, expected] = await embedder.embed([answered.text, wanted], options);
      if (given === undefined || expected === undefined) return 0;
      return cosineScore(given, expected);
    },
    { repeat: "safe" },
  );
  return scoreOf(by, score, `Cosine ${score.toFixed(3)} by the embedder ${name}.`);
}

interface Judged {
  readonly score: Score;
  readonly usage: Usage;
  readonly isGraded: boolean;
}

async function judge(work: Scoring, by: Judge, key: string, answer: string): Promise<Judged> {
  const { context, books, item } = work;
  const none = (why: string): Judged => ({
    ...{ score: unknown(by, why), usage: noUsage, isGraded: false },
  });
  if (context.ports.llm.isBuiltin(by.model ?? "")) {
    return none("There is no model to judge with: the built-in answerer does not grade.");
  }
  if (!(await payJudge(context, key, books))) return none("The balance does not cover the judge.");
  let usage = noUsage;
  const before: { readonly text: string; readonly wrong: string }[] = [];
  for (let attempt = 1; attempt <= evaluationLimits.judgeAttempts; attempt += 1) {
    const request = judgeRequest(by, { item, answer }, before);
    const asked = await ask(work, by, { key: `judge:${key}:${attempt}`, request });
    usage = addUsage(usage, asked.usage);
    const grade = gradeOf(by, asked.text);
    if (grade.ok) {
      books.graded += 1;
      return { score: grade.score, usage, isGraded: true };
    }
    before.push({ text: asked.text, wrong: grade.wrong });
  }
  const [wrong = ""] = before.slice(-1).map((one) => one.wrong);
  const times = `${evaluationLimits.judgeAttempts} times`;
  return { ...none(`The judge was asked ${times} and gave no grade. ${wrong}`), usage };
}

/** What a judge wrote, as far as guardrails let it be kept. */
interface Asked extends WithFindings {
  readonly text: string;
  readonly usage: Usage;
}

async function ask(
  { context, meter }: Scoring,
  by: Judge,
  { key, request }: { readonly key: string; readonly request: ReturnType<typeof judgeRequest> },
): Promise<Asked> {
  const tokens = request.messages.reduce((sum, message) => sum + messageTokens(message), 0);
  const call = (paid: LlmRequest) =>
    context.step(
      key,
      async (attempt) => {
        meter.reserve(key, tokens, attempt.number, request.model);
        const caller = callerOf(context, meter.budgets.attempts(key));
        const { llm, prices } = context.ports;
        const result = await llm.complete(paid, { caller, signal: attempt.signal });
        const usage = spentOn(prices, request.model, result.usage, result);
        return { ...checkedGrade(by, result.text, guardOf(context)?.guard), usage };
      },
      { repeat: "safe", timeoutMs: limits.modelCallMs },
    );
  const asked = await meter.budgets.pay(key, request, call);
  meter.settle(key, asked.usage);
  return asked;
}
