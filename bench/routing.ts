// How well and how fast does the router choose, without any model call? Accuracy on public intent
// sets where their folder exists (`--data DIR`), cost on made-up sub-agents always.
// usage: node dist/bench/routing.js [--data DIR] [--rows]   (--rows: as JSON, for bench/main.ts)

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { compile } from "../actors/routing/compile.ts";
import { type CompiledRouter, route } from "../actors/routing/router.ts";
import { auroc, calibrationError, type Graded, quantile } from "../adapters/cli/eval-measures.ts";
import { foldsOf } from "../adapters/cli/eval-router.ts";
import { agentRecord, subAgentRecord } from "./routing-records.ts";

interface Row {
  readonly text: string;
  readonly intent: string;
  readonly domain?: string;
}

interface Figure {
  readonly question: string;
  readonly figure: number;
  readonly goal: string;
  readonly holds: boolean;
}

const OUT_OF_SCOPE = "oos";
const COST_RUNS = 2_000;
const CHANGES = 9;

function read(data: string, file: string): Row[] | undefined {
  const path = join(data, "routing", file);
  if (!existsSync(path)) return undefined;
  const lines = readFileSync(path, "utf8").trim().split("\n");
  return lines.map((line) => JSON.parse(line) as Row);
}

/** One sub-agent an intent: its name and its examples, nothing else. */
function routerOf(rows: readonly Row[]): CompiledRouter {
  const examples = new Map<string, string[]>();
  for (const { text, intent } of rows) {
    if (intent === OUT_OF_SCOPE) continue;
    examples.set(intent, [...(examples.get(intent) ?? []), text]);
  }
  const subAgents = [...examples].map(([intent, texts]) =>
    subAgentRecord(intent, intent.replaceAll("_", " "), { examples: texts }),
  );
  return compile(agentRecord(), subAgents);
}

interface Score {
  readonly accuracy: number;
  readonly auroc: number;
  readonly calibrationError: number;
  readonly outOfScopeRecall: number;
  readonly falseRejects: number;
}

type Owner = (row: Row) => string;

/** The best candidate without rejection, its confidence, and what the threshold refuses. */
function scoreOf(
  router: CompiledRouter,
  rows: readonly Row[],
  ownerOf: Owner = (row) => row.intent,
): Score {
  const inside: number[] = [];
  const outside: number[] = [];
  const graded: Graded[] = [];
  let right = 0;
  let refused = 0;
  let rejected = 0;
  for (const row of rows) {
    const { candidates, method, choice, inScope } = route(router, { message: row.text });
    const score = candidates[0]?.score ?? 0;
    const isUnsure = method === "doubt" || choice === null;
    if (row.intent === OUT_OF_SCOPE) {
      outside.push(inScope);
      refused += isUnsure ? 1 : 0;
      continue;
    }
    inside.push(inScope);
    rejected += isUnsure ? 1 : 0;
    const isRight = candidates[0]?.key === `sa_${ownerOf(row)}`;
    right += isRight ? 1 : 0;
    graded.push({ probability: score, isRight });
  }
  return {
    accuracy: (100 * right) / Math.max(1, inside.length),
    auroc: auroc(inside, outside),
    calibrationError: calibrationError(graded),
    outOfScopeRecall: (100 * refused) / Math.max(1, outside.length),
    falseRejects: (100 * rejected) / Math.max(1, inside.length),
  };
}

const figureOf = (question: string, figure: number, goal: number): Figure => ({
  question,
  figure: Math.round(figure * 1_000) / 1_000,
  goal: `>= ${goal}`,
  holds: figure >= goal,
});

/** A figure without a goal of its own. */
const printedOnly = (question: string, figure: number): Figure => ({
  question,
  figure: Math.round(figure * 1_000) / 1_000,
  goal: "printed",
  holds: true,
});

/** HWU64 has no evaluation part there: folds of the ten-shot part, nine shots each, and five-shot halves. */
function crossValidated(data: string): Figure[] {
  const ten = read(data, "hwu64/train_10.jsonl");
  if (ten === undefined) return [];
  const rows = ten.map((row) => ({ ...row, label: row.intent }));
  const accuracy = (folds: number): number => {
    const scores = foldsOf(rows, folds).map(({ train, test }) => {
      return scoreOf(routerOf(train.map(asRow)), test.map(asRow)).accuracy;
    });
    return scores.reduce((sum, one) => sum + one, 0) / scores.length;
  };
  return [
    figureOf("HWU64 5-shot accuracy (2 halves), %", accuracy(2), 67),
    figureOf("HWU64 10-shot accuracy (10 folds of 9 shots), %", accuracy(10), 75),
  ];
}

const asRow = ({ text, label }: { text: string; label: string | null }): Row => ({
  text,
  intent: label ?? OUT_OF_SCOPE,
});

/** The ten domains of CLINC150 by the names of their intents as keywords. */
function withoutExamples(data: string): Figure[] {
  const rows = read(data, "clinc150/val.jsonl");
  if (rows === undefined) return [];
  const topics = new Map<string, Set<string>>();
  for (const { intent, domain } of rows) {
    if (intent === OUT_OF_SCOPE || domain === undefined) continue;
    topics.set(domain, (topics.get(domain) ?? new Set()).add(intent.replaceAll("_", " ")));
  }
  const router = compile(
    agentRecord(),
    [...topics].map(([domain, names]) =>
      subAgentRecord(domain, domain.replaceAll("_", " "), { keywords: [...names] }),
    ),
  );
  const score = scoreOf(router, rows, ({ domain }) => domain ?? OUT_OF_SCOPE);
  return [
    figureOf("10 CLINC domains by keywords only, %", score.accuracy, 70),
    printedOnly("10 CLINC domains by keywords only, ECE", score.calibrationError),
  ];
}

function quality(data: string): Figure[] {
  const figures: Figure[] = [];
  const add = (question: string, figure: number, goal: number): void => {
    figures.push(figureOf(question, figure, goal));
  };
  const clinc = read(data, "clinc150/train_10.jsonl");
  const validation = read(data, "clinc150/val.jsonl");
  if (clinc !== undefined && validation !== undefined) {
    const score = scoreOf(routerOf(clinc), validation);
    add("CLINC150 10-shot accuracy, %", score.accuracy, 84);
    add("CLINC150 10-shot out-of-scope AUROC", score.auroc, 0.94);
    figures.push(
      printedOnly("CLINC150 10-shot calibration error (ECE)", score.calibrationError),
      printedOnly("CLINC150 10-shot out-of-scope recall, %", score.outOfScopeRecall),
      printedOnly("CLINC150 10-shot false rejects, %", score.falseRejects),
      ...changeOf(clinc),
    );
    const banking = new Set(
      validation.filter(({ domain }) => domain === "banking").map(({ intent }) => intent),
    );
    const some = (rows: readonly Row[]): Row[] => rows.filter(({ intent }) => banking.has(intent));
    const fifteen = scoreOf(routerOf(some(clinc)), some(validation));
    add("CLINC banking, 15 sub-agents, accuracy, %", fifteen.accuracy, 89);
  }
  const valid = read(data, "banking77/valid.jsonl");
  for (const [shots, goal] of [
    [5, 71],
    [10, 79],
  ] as const) {
    const rows = read(data, `banking77/train_${shots}.jsonl`);
    if (rows === undefined || valid === undefined) continue;
    add(`BANKING77 ${shots}-shot accuracy, %`, scoreOf(routerOf(rows), valid).accuracy, goal);
  }
  figures.push(...crossValidated(data), ...withoutExamples(data));
  return figures;
}

/**
 * Milliseconds to have the router back after one of 150 sub-agents with ten examples each left: as a
 * thread that has done it before takes, and as it takes the first time.
 */
function changeOf(rows: readonly Row[]): Figure[] {
  const intents = [...new Set(rows.map(({ intent }) => intent))];
  routerOf(rows);
  const changes = intents.slice(0, 1 + CHANGES).map((left) => {
    const others = rows.filter(({ intent }) => intent !== left);
    const begun = performance.now();
    routerOf(others);
    return performance.now() - begun;
  });
  const ms = quantile(changes.slice(1), 0.5);
  const question = "ms to remove one of 150 sub-agents with 10 examples (in the pool, p50)";
  const router = routerOf(rows);
  const times = rows.map(({ text }) => {
    const asked = performance.now();
    route(router, { message: text });
    return 1_000 * (performance.now() - asked);
  });
  const us = Math.round(quantile(times, 0.5));
  return [
    { question, figure: Math.round(ms), goal: "< 50", holds: ms < 50 },
    printedOnly("ms to remove the first one", changes[0] ?? 0),
    {
      ...{ question: "us a message (p50) at 150 sub-agents with 10 examples", figure: us },
      ...{ goal: "< 1000", holds: us < 1_000 },
    },
  ];
}

/** Microseconds a message and milliseconds to build, with keywords and a description each. */
function cost(count: number, goalUs: number): Figure[] {
  const subAgents = Array.from({ length: count }, (_, at) =>
    subAgentRecord(`n${at}`, `Desk ${at}`, {
      keywords: [`invoice${at}`, `refund ${at}`, `topic${at}`, "how to", `error ${at}`],
      description: `Routes when the user asks about matter${at}, its setup or its price.`,
    }),
  );
  const started = performance.now();
  const router = compile(agentRecord(), subAgents);
  const builtMs = performance.now() - started;
  const messages = [
    "How do I export matter7 to a file?",
    "please check topic3",
    "what a day it was",
  ];
  for (let at = 0; at < COST_RUNS; at += 1) route(router, { message: messages[at % 3] ?? "" });
  const times = Array.from({ length: COST_RUNS }, (_, at) => {
    const begun = performance.now();
    route(router, { message: messages[at % 3] ?? "" });
    return 1_000 * (performance.now() - begun);
  });
  const us = quantile(times, 0.5);
  return [
    {
      question: `us a message (p50) at ${count} sub-agents`,
      figure: Math.round(us),
      goal: `< ${goalUs}`,
      holds: us < goalUs,
    },
    {
      question: `ms to compile ${count} sub-agents`,
      figure: Math.round(builtMs),
      goal: "< 50",
      holds: builtMs < 50,
    },
  ];
}

const flag = process.argv.indexOf("--data");
const data = flag < 0 ? undefined : process.argv[flag + 1];
const figures = [
  ...cost(15, 100),
  ...cost(150, 1_000),
  ...(data === undefined ? [] : quality(data)),
];
if (process.argv.includes("--rows")) console.log(JSON.stringify(figures));
else console.table(figures);
