// `troupe eval guard FILE --rules CHAIN`: how well the rules of a chain find what they are for, each by itself,
// on labelled texts of the user's. Nobody is asked: rules that ask a model are named and left out.

import { parseArgs } from "node:util";
import { type Chain, compileChain, type Rule } from "../../actors/guard/chain.ts";
import { createPlaceholders } from "../../actors/guard/placeholders.ts";
import { checkValue } from "../../actors/guard/values.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { readGuardrails } from "../guardrails-file.ts";
import { type Line, readLines, textField } from "./eval-lines.ts";

const options = {
  rules: { type: "string" },
  text: { type: "string", default: "text" },
  label: { type: "string", default: "label" },
  json: { type: "boolean" },
} as const;

/** Texts of one evaluation. */
const TEXTS_MAX = 200_000;
/** Label of a text in which nothing is to be found, and of one in which each rule is to find something. */
const NOTHING = "ok";
const ALL = "all";

/** How well one rule does. */
export interface RuleFigures {
  readonly rule: string;
  readonly check: string;
  readonly found: number;
  readonly missed: number;
  readonly wrong: number;
  /** Share of what it has found that it was to find; null when it has found nothing. */
  readonly precision: number | null;
  /** Share of what it was to find that it has found; null when there was nothing. */
  readonly recall: number | null;
}

/** Evaluates and prints. @throws RuntimeError naming what is wrong. */
export async function evaluate(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    ...{ args: [...args], options, strict: true, allowPositionals: true },
  });
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0 || values.rules === undefined) {
    throw new RuntimeError("INVALID", "troupe eval guard FILE --rules CHAIN.json");
  }
  const chain = compileChain(await readGuardrails(values.rules), values.rules);
  const lines = await readLines(file);
  if (lines.length > TEXTS_MAX) {
    throw new RuntimeError("INVALID", `${file} has over ${TEXTS_MAX} texts.`);
  }
  const left = chain.filter(({ judge }) => judge !== null).map(({ name }) => name);
  const rules = figuresOf(chain, lines, values);
  const report = { file, texts: lines.length, rules, asking_a_model: left };
  if (values.json === true) console.log(JSON.stringify(report, null, 1));
  else print(report);
  return 0;
}

function figuresOf(
  chain: Chain,
  lines: readonly Line[],
  { text, label }: { readonly text: string; readonly label: string },
): readonly RuleFigures[] {
  const names = new Set(chain.map(({ name }) => name));
  const labelled = lines.map((line) => ({
    text: textField(line, text),
    labels: labelsOf(line, label, names),
  }));
  return chain
    .filter(({ judge }) => judge === null)
    .map((rule) => {
      const counts = { found: 0, missed: 0, wrong: 0 };
      for (const one of labelled) {
        const isMeant = one.labels.has(rule.name) || one.labels.has(ALL);
        const isFound = finds(rule, one.text);
        if (isFound) counts[isMeant ? "found" : "wrong"] += 1;
        else if (isMeant) counts.missed += 1;
      }
      const { found, missed, wrong } = counts;
      return {
        ...{ rule: rule.name, check: rule.check, ...counts },
        precision: found + wrong === 0 ? null : found / (found + wrong),
        recall: found + missed === 0 ? null : found / (found + missed),
      };
    });
}

/** Names of rules with commas between, `all`, or `ok`. */
function labelsOf(line: Line, field: string, names: ReadonlySet<string>): ReadonlySet<string> {
  const labels = textField(line, field)
    .split(",")
    .map((one) => one.trim());
  const unknown = labels.find((one) => one !== NOTHING && one !== ALL && !names.has(one));
  if (unknown === undefined) return new Set(labels);
  const known = [...names].join(", ");
  const what = `names "${unknown}", which is no rule (they are: ${known}; ${ALL}, ${NOTHING})`;
  throw new RuntimeError("INVALID", `${line.file}:${line.number} ${what}.`);
}

/** By itself, wherever it looks: what others have redacted is there. */
function finds(rule: Rule, text: string): boolean {
  const alone: Rule = { ...rule, isLate: false, action: "flag", on: new Set(["input"]) };
  const where = { on: "input", placeholders: createPlaceholders() } as const;
  return checkValue([alone], text, where).findings.length > 0;
}

function print({
  texts,
  rules,
  asking_a_model: left,
}: {
  readonly texts: number;
  readonly rules: readonly RuleFigures[];
  readonly asking_a_model: readonly string[];
}): void {
  const wide = Math.max(4, ...rules.map(({ rule }) => rule.length));
  const share = (value: number | null): string => (value === null ? "-" : value.toFixed(3));
  const row = (...cells: readonly string[]): void =>
    console.log(
      cells.map((cell, at) => (at === 0 ? cell.padEnd(wide) : cell.padStart(10))).join(""),
    );
  row("rule", "check", "precision", "recall", "found", "missed", "wrong");
  for (const { rule, check, precision, recall, found, missed, wrong } of rules) {
    row(rule, check, share(precision), share(recall), `${found}`, `${missed}`, `${wrong}`);
  }
  if (left.length > 0) console.log(`Left out, as they ask a model: ${left.join(", ")}.`);
  console.log(`${texts} texts.`);
}
