// Scorers that need nobody else: an answer and what was expected, as a score of 0 to 1 with a reason.
// Pure. What a scorer needs and an item does not say makes it not apply: `score` null.

import { checkOutput, loadSchemas, parseJson } from "../answer/output-schema.ts";
import type { DatasetItem, ExpectedOutcome } from "../records/dataset.ts";
import { evaluationLimits, type NamedScorer, type Score } from "../records/evaluation.ts";

/** Who answered, of a run's routing. */
export interface Routed {
  readonly selected_action: string;
  readonly action_name: string;
  readonly sub_agent_key: string | null;
  readonly parts?: readonly {
    readonly action_name: string;
    readonly sub_agent_key: string | null;
  }[];
}

/** An answer to score. */
export interface Scored {
  readonly text: string;
  /** Parsed answer when the run gave one. */
  readonly output?: unknown;
  readonly routing: Routed | null;
  readonly item: Pick<DatasetItem, "expected">;
}

type Of<Type extends NamedScorer["type"]> = Extract<NamedScorer, { readonly type: Type }>;

/** Named things in a reason. */
const SHOWN = 5;

/** Scores with a scorer that asks nobody. @throws SCHEMA_INVALID for a schema that cannot be used. */
export async function scoreLocally(
  by: Of<"exact"> | Of<"schema"> | Of<"contains"> | Of<"routing">,
  of: Scored,
): Promise<Score> {
  const expected = of.item.expected ?? {};
  switch (by.type) {
    case "exact":
      return exact(by, of.text, expected);
    case "schema":
      return await fits(by, of, expected);
    case "contains":
      return contains(by, of.text, expected);
    case "routing":
      return routed(by, of.routing, expected);
  }
}

/** A score with its reason, cut to its limit. */
export function scoreOf(by: Pick<NamedScorer, "name">, score: number | null, why: string): Score {
  const most = evaluationLimits.reasonChars;
  const reason = why.length > most ? `${why.slice(0, most - 1)}…` : why;
  return {
    scorer: by.name,
    score: score === null ? null : Math.min(1, Math.max(0, score)),
    reason,
  };
}

/** The score of an item: the weighted mean of what applies; null when nothing does. */
export function weighted(
  scorers: readonly Pick<NamedScorer, "name" | "weight">[],
  scores: readonly Score[],
): number | null {
  let sum = 0;
  let weights = 0;
  for (const { scorer, score } of scores) {
    if (score === null) continue;
    const weight = scorers.find(({ name }) => name === scorer)?.weight ?? 0;
    sum += weight * score;
    weights += weight;
  }
  return weights === 0 ? null : sum / weights;
}

/** Similarity of two vectors as a score: their cosine, opposite ones are 0. */
export function cosineScore(left: Float32Array, right: Float32Array): number {
  let dot = 0;
  let one = 0;
  let other = 0;
  for (let at = 0; at < left.length; at += 1) {
    const [x, y] = [left[at] ?? 0, right[at] ?? 0];
    dot += x * y;
    one += x * x;
    other += y * y;
  }
  return one === 0 || other === 0 ? 0 : Math.min(1, Math.max(0, dot / Math.sqrt(one * other)));
}

/** A text as it is compared: one Unicode form, without spaces at its ends. */
function normal(text: string, ignoresCase: boolean): string {
  const formed = text.normalize("NFC").trim();
  return ignoresCase ? formed.toLowerCase() : formed;
}

function exact(by: Of<"exact">, text: string, { text: wanted }: ExpectedOutcome): Score {
  if (wanted === undefined) return scoreOf(by, null, "The item expects no text.");
  const ignores = by.ignore_case ?? false;
  const [given, expected] = [normal(text, ignores), normal(wanted, ignores)];
  if (given === expected) return scoreOf(by, 1, "The answer is the expected text.");
  const most = Math.min(given.length, expected.length);
  let at = 0;
  while (at < most && given[at] === expected[at]) at += 1;
  return scoreOf(by, 0, `The answer differs from the expected text at character ${at + 1}.`);
}

async function fits(by: Of<"schema">, of: Scored, expected: ExpectedOutcome): Promise<Score> {
  const schema = by.schema ?? expected.schema;
  if (schema === undefined) return scoreOf(by, null, "The item expects no schema.");
  await loadSchemas();
  const isParsed =
    of.output !== undefined && of.output !== null && parseJson(of.text) === undefined;
  const checked = checkOutput(schema, isParsed ? JSON.stringify(of.output) : of.text);
  return checked.ok
    ? scoreOf(by, 1, "The answer fits the schema.")
    : scoreOf(by, 0, checked.reason);
}

function contains(by: Of<"contains">, text: string, { facts }: ExpectedOutcome): Score {
  const values = by.values ?? facts;
  if (values === undefined) return scoreOf(by, null, "The item expects no facts.");
  const ignores = by.ignore_case ?? true;
  const given = normal(text, ignores);
  const missing = values.filter((value) => !given.includes(normal(value, ignores)));
  const found = values.length - missing.length;
  if (by.mode === "any") {
    const why = found > 0 ? `${found} of ${values.length} are there.` : "None is there.";
    return scoreOf(by, found > 0 ? 1 : 0, why);
  }
  if (missing.length === 0) return scoreOf(by, 1, `All ${values.length} are there.`);
  const named = missing.slice(0, SHOWN).map((value) => `"${value}"`);
  const more = missing.length > SHOWN ? ` and ${missing.length - SHOWN} more` : "";
  return scoreOf(by, found / values.length, `Not there: ${named.join(", ")}${more}.`);
}

/** Of several that were expected, or that answered: the share of those named by both. */
function routed(by: Of<"routing">, routing: Routed | null, { route }: ExpectedOutcome): Score {
  if (route === undefined) return scoreOf(by, null, "The item expects nobody.");
  if (routing === null) return scoreOf(by, 0, "The run says not who answered.");
  const wanted = typeof route === "string" ? [route] : [...new Set(route)];
  const answered =
    routing.parts === undefined || routing.parts.length === 0
      ? [namesOf(routing, routing.selected_action)]
      : routing.parts.map((part) => namesOf(part));
  const open = [...answered];
  let matched = 0;
  for (const one of wanted) {
    const at = open.findIndex((names) => names.includes(normal(one, true)));
    if (at === -1) continue;
    matched += 1;
    open.splice(at, 1);
  }
  const who = answered.map(([name]) => name).join(", ");
  const score = matched / Math.max(wanted.length, answered.length);
  const why = `Expected ${wanted.join(", ")}; ${who} answered.`;
  return scoreOf(by, score, why);
}

function namesOf(
  one: { readonly action_name: string; readonly sub_agent_key: string | null },
  action?: string,
): readonly string[] {
  // A sub-agent is meant by its name or key alone: "SUB_AGENT" would be any of them.
  const kinds = action === undefined || action === "SUB_AGENT" ? [] : [action];
  const key = one.sub_agent_key === null ? [] : [one.sub_agent_key];
  return [one.action_name, ...key, ...kinds].map((name) => normal(name, true));
}
