// `troupe eval routing FILE`: routes every labelled message without a model and prints how good the
// decisions are, which sub-agents collide, and a page with plots.

import { readFile } from "node:fs/promises";
import { threshold } from "../../actors/routing/judge.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { loadConfig } from "../config.ts";
import { openApi } from "./api-client.ts";
import { parsedJson, readLines, textField } from "./eval-lines.ts";
import { deliver, evalArgs, reportOptions } from "./eval-options.ts";
import {
  type Collision,
  collisionsOf,
  figuresOf,
  foldsOf,
  type Labelled,
  type LabelledRouter,
  type Outcome,
  routed,
  routerOfMessages,
  routerOfRecords,
  type SubAgentFields,
  subAgentOf,
} from "./eval-router.ts";
import { routingPage } from "./eval-routing-page.ts";
import { figureRows, type RoutingReport, sharedBy } from "./eval-routing-words.ts";

const options = {
  train: { type: "string" },
  agent: { type: "string" },
  folds: { type: "string" },
  text: { type: "string", default: "text" },
  label: { type: "string", default: "intent" },
  "out-of-scope": { type: "string", default: "oos" },
  ...reportOptions,
  url: { type: "string" },
  key: { type: "string" },
  tenant: { type: "string" },
} as const;

/** Limits of one evaluation. */
export const routingEvalLimits = { messages: 200_000, folds: 20, labels: 1_000 } as const;
const FOLDS = 5;

interface Fields {
  readonly text: string;
  readonly label: string;
  readonly nobody: string;
}

/** Evaluates and prints. @throws RuntimeError naming what is wrong. */
export async function evaluate(args: readonly string[]): Promise<number> {
  const { values, positionals } = evalArgs(args, options);
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0) {
    throw new RuntimeError("INVALID", "name one labelled file: troupe eval routing FILE");
  }
  if ([values.train, values.agent, values.folds].filter((one) => one !== undefined).length > 1) {
    throw new RuntimeError("INVALID", "--train, --agent and --folds exclude each other");
  }
  const fields = { text: values.text, label: values.label, nobody: values["out-of-scope"] };
  const rows = await labelledOf(file, fields);
  const found = await decisions(rows, values, fields);
  const figures = figuresOf(found.outcomes, threshold);
  const report = { file, figures, ...found };
  await deliver(
    {
      data: { ...report, outcomes: undefined },
      print: () => print(report),
      page: () => routingPage(report),
    },
    values,
  );
  return 0;
}

async function labelledOf(file: string, { text, label, nobody }: Fields): Promise<Labelled[]> {
  const lines = await readLines(file);
  if (lines.length > routingEvalLimits.messages) {
    const most = routingEvalLimits.messages;
    throw new RuntimeError("INVALID", `${file} has ${lines.length} messages; at most ${most}.`);
  }
  return lines.map((line) => {
    const own = textField(line, label);
    return { text: textField(line, text), label: own === nobody ? null : own };
  });
}

interface Decisions {
  readonly from: string;
  readonly outcomes: Outcome[];
  readonly collisions: Collision[];
}

async function decisions(
  rows: readonly Labelled[],
  values: {
    readonly train?: string;
    readonly agent?: string;
    readonly folds?: string;
    readonly url?: string;
    readonly key?: string;
    readonly tenant?: string;
  },
  fields: Fields,
): Promise<Decisions> {
  if (values.train !== undefined) {
    const router = checked(routerOfMessages(await labelledOf(values.train, fields)), rows);
    return by(router, rows, `one sub-agent a label, examples from ${values.train}`);
  }
  if (values.agent !== undefined) {
    const labels = new Set(rows.flatMap(({ label }) => (label === null ? [] : [label])));
    const records = (await recordsOf(values.agent, values)).map(subAgentOf);
    const router = checked(routerOfRecords(records, labels), rows);
    return by(router, rows, `the sub-agents of ${values.agent}`);
  }
  return crossValidated(rows, values.folds === undefined ? FOLDS : Number(values.folds));
}

function by(router: LabelledRouter, rows: readonly Labelled[], from: string): Decisions {
  const outcomes = routed(rows, router);
  return { from, outcomes, collisions: collisionsOf(outcomes, router) };
}

function crossValidated(rows: readonly Labelled[], folds: number): Decisions {
  if (!Number.isInteger(folds) || folds < 2 || folds > routingEvalLimits.folds) {
    throw new RuntimeError("INVALID", `--folds is 2 to ${routingEvalLimits.folds}`);
  }
  const outcomes = foldsOf(rows, folds).flatMap(({ train, test }) =>
    routed(test, checked(routerOfMessages(train), test)),
  );
  // Explained by a router of all rows but the message's own text would find itself: the fold's is gone.
  const whole = routerOfMessages(rows);
  const collisions = collisionsOf(outcomes, whole);
  return { from: `${folds} folds of the file itself`, outcomes, collisions };
}

/** @throws when nothing of the file can be routed to. */
function checked(router: LabelledRouter, rows: readonly Labelled[]): LabelledRouter {
  const known = new Set(router.router.active.map((one) => router.labelOf(one.sub_agent_key)));
  if (known.size > routingEvalLimits.labels) {
    const most = routingEvalLimits.labels;
    throw new RuntimeError("INVALID", `There are ${known.size} labels; at most ${most}.`);
  }
  if (rows.some(({ label }) => label !== null && known.has(label))) return router;
  if (rows.every(({ label }) => label === null)) return router;
  const some = [...known].slice(0, 5).join(", ");
  throw new RuntimeError("INVALID", `No label of the file is one of the sub-agents' (${some}).`);
}

/** Sub-agents of a record file {sub_agents: [...]} or [...], or of an agent of a running server. */
async function recordsOf(
  agent: string,
  values: { readonly url?: string; readonly key?: string; readonly tenant?: string },
): Promise<SubAgentFields[]> {
  let found: unknown;
  if (agent.startsWith("ag_")) {
    const api = await openApi(values, await loadConfig());
    const path = `/v2/agents/${encodeURIComponent(agent)}`;
    await api.findTenant(path);
    found = ((await api.call(`${path}/sub-agents`)) as { readonly data: unknown }).data;
  } else {
    const text = await readFile(agent, "utf8").catch(() => {
      throw new RuntimeError("NOT_FOUND", `There is no file ${agent}.`);
    });
    found = parsedJson(text, agent);
  }
  const list = Array.isArray(found) ? found : (found as { sub_agents?: unknown })?.sub_agents;
  if (!Array.isArray(list) || list.length === 0) {
    throw new RuntimeError("INVALID", `${agent} has no field "sub_agents" with sub-agents in it.`);
  }
  for (const [at, one] of list.entries()) {
    if (typeof (one as SubAgentFields | null)?.name === "string") continue;
    throw new RuntimeError("INVALID", `${agent}: sub_agents[${at}] has no field "name".`);
  }
  return list as SubAgentFields[];
}

function print({ file, from, figures, collisions }: RoutingReport): void {
  console.log(`${file}: ${from}\n`);
  for (const [name, value] of figureRows(figures)) console.log(`  ${name.padEnd(42)} ${value}`);
  console.log("\n  confidence   messages   said   right");
  for (const { from: low, to, count, probability, accuracy } of figures.bins) {
    if (count === 0) continue;
    const range = `${low.toFixed(1)}-${to.toFixed(1)}`;
    console.log(
      `  ${range.padEnd(10)} ${String(count).padStart(10)}   ${probability.toFixed(2)}   ${accuracy.toFixed(2)}`,
    );
  }
  if (collisions.length > 0) console.log("\n  wanted -> got: what collides");
  for (const { wanted, got, count, messages } of collisions) {
    console.log(`  ${wanted} -> ${got}: ${count}`);
    for (const message of messages) {
      console.log(`    "${message.text}" (${message.score.toFixed(2)})`);
      for (const line of sharedBy({ ...message, wanted, got })) console.log(`      ${line}`);
    }
  }
}
