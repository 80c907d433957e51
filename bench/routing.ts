// How well and how fast does the router choose, without any model call? Accuracy on public intent
// sets where their folder exists (`--data DIR`), cost on made-up sub-agents always.
// usage: node dist/bench/routing.js [--data DIR] [--rows]   (--rows: as JSON, for bench/main.ts)

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { compile } from "../actors/routing/compile.ts";
import { type CompiledRouter, route } from "../actors/routing/router.ts";
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
}

/** Accuracy of the best candidate without rejection, and how well its score tells strangers apart. */
function scoreOf(router: CompiledRouter, rows: readonly Row[]): Score {
  const inside: number[] = [];
  const outside: number[] = [];
  let right = 0;
  for (const { text, intent } of rows) {
    const [best] = route(router, { message: text }).candidates;
    (intent === OUT_OF_SCOPE ? outside : inside).push(best?.score ?? 0);
    if (best?.key === `sa_${intent}`) right += 1;
  }
  let above = 0;
  for (const own of inside) {
    for (const other of outside) above += own > other ? 1 : own === other ? 0.5 : 0;
  }
  return {
    accuracy: (100 * right) / Math.max(1, inside.length),
    auroc: above / Math.max(1, inside.length * outside.length),
  };
}

function quality(data: string): Figure[] {
  const figures: Figure[] = [];
  const add = (question: string, figure: number, goal: number): void => {
    const rounded = Math.round(figure * 1_000) / 1_000;
    figures.push({ question, figure: rounded, goal: `>= ${goal}`, holds: figure >= goal });
  };
  const clinc = read(data, "clinc150/train_10.jsonl");
  const validation = read(data, "clinc150/val.jsonl");
  if (clinc !== undefined && validation !== undefined) {
    const { accuracy, auroc } = scoreOf(routerOf(clinc), validation);
    add("CLINC150 10-shot accuracy, %", accuracy, 84);
    add("CLINC150 10-shot out-of-scope AUROC", auroc, 0.94);
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
  // HWU64 has no evaluation part there: what the ten-shot part has beyond the five-shot one.
  const five = read(data, "hwu64/train_5.jsonl");
  const ten = read(data, "hwu64/train_10.jsonl");
  if (five !== undefined && ten !== undefined) {
    const known = new Set(five.map(({ text }) => text));
    const rest = ten.filter(({ text }) => !known.has(text));
    add("HWU64 5-shot accuracy, %", scoreOf(routerOf(five), rest).accuracy, 67);
  }
  return figures;
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
  const begun = performance.now();
  for (let at = 0; at < COST_RUNS; at += 1) route(router, { message: messages[at % 3] ?? "" });
  const us = (1_000 * (performance.now() - begun)) / COST_RUNS;
  return [
    {
      question: `us a message at ${count} sub-agents`,
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
