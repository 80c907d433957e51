// `troupe eval DATA --target TARGET`: runs a data set over an agent, a team or a workflow of a running
// server, or over two side by side, and writes the report. DATA is a data set's id or a file of items.

import { readFile, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { parseArgs } from "node:util";
import { RuntimeError } from "../../runtime/errors.ts";
import { loadConfig } from "../config.ts";
import { type ApiClient, openApi, patiently } from "./api-client.ts";
import { lineOf, reportPage } from "./eval-report.ts";
import type { EvaluationView, ResultView } from "./eval-views.ts";
import { createProgressBar } from "./progress-bar.ts";

const options = {
  target: { type: "string", multiple: true },
  scorer: { type: "string", multiple: true },
  judge: { type: "string" },
  "judge-model": { type: "string" },
  budget: { type: "string" },
  threshold: { type: "string", default: "0.7" },
  concurrency: { type: "string" },
  tag: { type: "string", multiple: true },
  report: { type: "string" },
  json: { type: "boolean" },
  url: { type: "string" },
  key: { type: "string" },
  tenant: { type: "string" },
} as const;

type Values = ReturnType<typeof read>["values"];

/** Items of one request, and of a file. */
const ITEMS_AT_ONCE = 100;
const ITEMS_MAX = 10_000;
const PAGE = 100;
const RULES = ["contains", "exact", "schema", "routing", "similarity"];

const read = (args: readonly string[]) =>
  parseArgs({ args: [...args], options, strict: true, allowPositionals: true });

/** Evaluates. Exit code 1 when the newest side is below the threshold, or not all items were run. */
export async function evaluate(args: readonly string[]): Promise<number> {
  const { values, positionals } = read(args);
  const [data, ...more] = positionals;
  const targets = (values.target ?? []).map(targetOf);
  if (data === undefined || more.length > 0 || targets.length < 1 || targets.length > 2) {
    const uses = "troupe eval DATA --target ID[@VERSION] [--target ID[@VERSION]]";
    throw new RuntimeError("INVALID", `use: ${uses}, DATA being a file of JSON lines or a ds_ id`);
  }
  if (values.report !== undefined && !values.report.toLowerCase().endsWith(".html")) {
    throw new RuntimeError("INVALID", "--report names an .html file");
  }
  const threshold = numberOf(values, "threshold") ?? 0;
  const plan = {
    ...{ targets, threshold, scorers: scorersOf(values) },
    ...numbered(values, "budget"),
    ...numbered(values, "concurrency"),
    ...(values.tag === undefined ? {} : { tags: values.tag }),
  };
  const api = await openApi(values, await loadConfig());
  // A server that is not there is said at once; from here on it is waited for when it goes away.
  await api.call(data.startsWith("ds_") ? `/v2/datasets/${data}` : "/v2/datasets?limit=1");
  const dataset_id = data.startsWith("ds_") ? data : await datasetOf(api, data);
  const begun = (await api.create("/v2/evaluations", { ...plan, dataset_id })) as EvaluationView;
  const ended = await watched(api, begun);
  const results = await resultsOf(api, begun.id);
  if (values.report !== undefined) await writeFile(values.report, reportPage(ended, results));
  if (values.json === true) console.log(JSON.stringify({ evaluation: ended, results }, null, 1));
  else print(ended, values.report);
  console.log(lineOf(ended));
  const score = ended.summary.at(-1)?.score ?? 0;
  return ended.status === "completed" && score >= threshold ? 0 : 1;
}

function targetOf(text: string): { readonly target: string; readonly version?: number } {
  const [, target, version] = /^((?:ag|tm|wf)_[A-Za-z0-9]+)(?:@([1-9]\d{0,8}))?$/.exec(text) ?? [];
  if (target === undefined) {
    throw new RuntimeError("INVALID", "--target is an id (ag_, tm_ or wf_), or ID@VERSION");
  }
  return version === undefined ? { target } : { target, version: Number(version) };
}

function scorersOf(values: Values): readonly object[] {
  const named = values.scorer ?? [];
  const wrong = named.find((name) => !RULES.includes(name));
  if (wrong !== undefined) {
    throw new RuntimeError("INVALID", `--scorer is one of ${RULES.join(", ")}; not ${wrong}`);
  }
  const model = values["judge-model"];
  const judge =
    values.judge === undefined
      ? []
      : [{ type: "judge", rubric: values.judge, ...(model === undefined ? {} : { model }) }];
  // Without any named: those that need no model, each where an item expects what it looks at.
  const rules = named.length === 0 && judge.length === 0 ? ["contains", "routing"] : named;
  return [...rules.map((type) => ({ type })), ...judge];
}

function numberOf(
  values: Values,
  name: "budget" | "threshold" | "concurrency",
): number | undefined {
  const given = values[name];
  if (given === undefined) return undefined;
  const value = Number(given);
  if (given !== "" && Number.isFinite(value) && value >= 0) return value;
  throw new RuntimeError("INVALID", `--${name} is a number`);
}

function numbered(values: Values, name: "budget" | "concurrency"): object {
  const value = numberOf(values, name);
  return value === undefined ? {} : { [name]: value };
}

/** A new data set with the items of a file: JSON lines, or an array. */
async function datasetOf(api: ApiClient, file: string): Promise<string> {
  const items = itemsOf(await readFile(file, "utf8"), file);
  const { id } = (await api.create("/v2/datasets", { name: basename(file) })) as { id: string };
  for (let from = 0; from < items.length; from += ITEMS_AT_ONCE) {
    await api.create(`/v2/datasets/${id}/items`, items.slice(from, from + ITEMS_AT_ONCE));
  }
  console.log(`${items.length} items of ${basename(file)} are the data set ${id}`);
  return id;
}

function itemsOf(text: string, file: string): readonly unknown[] {
  const items = text.trimStart().startsWith("[")
    ? (JSON.parse(text) as readonly unknown[])
    : text
        .split("\n")
        .flatMap((line, at) => (line.trim() === "" ? [] : [lineItem(line, at, file)]));
  if (items.length > 0 && items.length <= ITEMS_MAX) return items;
  throw new RuntimeError(
    "INVALID",
    `${file} has ${items.length} items; a data set has 1 to ${ITEMS_MAX}`,
  );
}

function lineItem(line: string, at: number, file: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw noJson(`${file}, line ${at + 1}`, error);
  }
}

function noJson(place: string, cause: unknown): RuntimeError {
  return new RuntimeError("BAD_JSON", `${place} is no JSON.`, {}, { cause });
}

async function watched(api: ApiClient, { id, total }: EvaluationView): Promise<EvaluationView> {
  const bar = createProgressBar();
  for await (const { event, data } of api.events(`/v2/evaluations/${id}/events`)) {
    if (event !== "event") continue;
    const { event: progress } = JSON.parse(data) as { readonly event: { readonly done: number } };
    bar.show(progress.done, total, "items");
  }
  bar.end();
  return (await patiently(() => api.call(`/v2/evaluations/${id}`))) as EvaluationView;
}

async function resultsOf(api: ApiClient, id: string): Promise<readonly ResultView[]> {
  const all: ResultView[] = [];
  for (let cursor = ""; ; ) {
    const path = `/v2/evaluations/${id}/results?limit=${PAGE}&cursor=${cursor}`;
    const { data, next_cursor } = (await patiently(() => api.call(path))) as {
      readonly data: readonly ResultView[];
      readonly next_cursor: string | null;
    };
    all.push(...data);
    if (next_cursor === null) return all;
    cursor = encodeURIComponent(next_cursor);
  }
}

function print(of: EvaluationView, report: string | undefined): void {
  for (const { side, scorers } of of.summary) {
    for (const { name, score, scored, errors } of scorers) {
      const mean = score === null ? "–" : score.toFixed(3);
      console.log(
        `${side} ${name}: ${mean} over ${scored} items${errors ? `, ${errors} errors` : ""}`,
      );
    }
  }
  if (of.error !== null) console.log(of.error.message);
  if (report !== undefined) console.log(`The page with plots is ${report}`);
}
