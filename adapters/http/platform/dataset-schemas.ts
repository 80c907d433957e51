// What items of data sets and evaluations look like when they are shown, as schemas and as JSON.

import type { Usage } from "../../../actors/ports.ts";
import { type DatasetItem, itemInput, runItemInput } from "../../../actors/records/dataset.ts";
import {
  type EvaluationRow,
  evaluationInput,
  type ResultRow,
  type SideResult,
  type SideSummary,
} from "../../../actors/records/evaluation.ts";
import { unitsOf } from "../../../actors/records/price.ts";
import { type TSchema, Type } from "../../../actors/schema.ts";
import { eventStreamOf } from "../openapi/event-streams.ts";
import { named } from "../openapi/named.ts";
import { count, orNull, shownRecord, time, toldError } from "../openapi/responses.ts";

const closed = { additionalProperties: false } as const;
const text = Type.String();
const any = { additionalProperties: true } as const;
const amount = Type.Number({ minimum: 0 });
const mean = orNull(Type.Number());

/** One item as it is sent. */
export const itemBody: TSchema = named("DatasetItemInput", itemInput);

/** Items as they are sent: one, several, or a run. */
export const itemsBody: TSchema = named(
  "DatasetItemsInput",
  Type.Union([itemBody, Type.Array(itemBody), named("DatasetRunInput", runItemInput)]),
);

/** Items a line. */
export const itemLines: TSchema = {
  ...text,
  contentMediaType: "application/jsonl",
  contentSchema: { type: "array", items: itemBody },
};

/** A stored item. */
export const itemSchema: TSchema = named(
  "DatasetItem",
  shownRecord(itemInput, { id: text, dataset_id: text, run_id: orNull(text) }),
);

/** Items that were added. */
export const addedItems: TSchema = Type.Union([
  itemSchema,
  Type.Object({ data: Type.Array(itemSchema) }, closed),
]);

/** An item as it is shown. */
export function itemView(item: DatasetItem): object {
  const { id, dataset_id, run_id, version, created_at, updated_at, ...set } = item;
  const { messages = null, input = null, expected = null, variables = null, tags = null } = set;
  const fields = { messages, input, expected, variables, tags };
  return { id, dataset_id, run_id, ...fields, version, created_at, updated_at };
}

/** What is sent to start an evaluation. */
export const evaluationBody: TSchema = named("EvaluationInput", evaluationInput);

const usage = Type.Object({ prompt_tokens: count, completion_tokens: count }, any);

const summary = Type.Object(
  {
    side: text,
    items: count,
    passed: count,
    failed: count,
    pass_rate: mean,
    score: mean,
    latency_ms: mean,
    tokens: count,
    units: amount,
    scorers: Type.Array(
      Type.Object({ name: text, score: mean, scored: count, errors: count }, closed),
    ),
  },
  closed,
);

/** An evaluation. */
export const evaluationSchema: TSchema = named(
  "Evaluation",
  Type.Object(
    {
      id: text,
      name: text,
      dataset_id: text,
      targets: Type.Array(Type.Object({ target: text, version: count, name: text }, closed)),
      scorers: Type.Array(Type.Object({ type: text, name: text, weight: amount }, any)),
      threshold: amount,
      concurrency: count,
      budget: orNull(amount),
      tags: Type.Array(text),
      status: Type.String({
        enum: ["running", "completed", "budget", "cancelled", "failed", "deleting"],
      }),
      run_id: text,
      total: count,
      done: count,
      skipped: count,
      units: amount,
      summary: Type.Array(summary),
      comparison: orNull(Type.Object({ a: count, b: count, ties: count }, closed)),
      error: orNull(toldError),
      created_at: time,
      ended_at: orNull(time),
    },
    closed,
  ),
);

const score = Type.Object(
  { scorer: text, score: mean, reason: text, error: Type.Optional(Type.Literal(true)) },
  closed,
);

const side = Type.Object(
  {
    side: Type.String({ enum: ["a", "b"] }),
    run_id: orNull(text),
    status: Type.String({ enum: ["completed", "failed"] }),
    answer: text,
    routing: orNull(Type.Object({ action_name: text, sub_agent_key: orNull(text) }, closed)),
    model: orNull(text),
    error: orNull(toldError),
    scores: Type.Array(score),
    score: mean,
    passed: Type.Boolean(),
    latency_ms: mean,
    usage,
    judge_usage: usage,
    units: amount,
  },
  closed,
);

/** What became of an item. */
export const resultSchema: TSchema = named(
  "EvaluationResult",
  Type.Object(
    { index: count, item_id: text, item: orNull(itemSchema), sides: Type.Array(side) },
    closed,
  ),
);

/** An evaluation as it is shown. */
export function evaluationView(row: EvaluationRow): object {
  const { id, plan, run, micros, sides, ...rest } = row;
  const { budgetMicros, pricesMicros: _, tags, ...planned } = plan;
  const { status, total, done, skipped, comparison, error, created_at, ended_at } = rest;
  return {
    id,
    ...planned,
    budget: budgetMicros === null ? null : unitsOf(budgetMicros),
    tags,
    ...{ status, run_id: run, total, done, skipped, units: unitsOf(micros) },
    summary: sides.map((one, at) => summaryView(one, at === 0 ? "a" : "b")),
    ...{ comparison, error, created_at, ended_at },
  };
}

function summaryView(one: SideSummary, of: string): object {
  const { items, passed, failed, tokens } = one;
  return {
    ...{ side: of, items, passed, failed },
    pass_rate: meanOf(passed, items),
    score: meanOf(one.scoreSum, one.scored),
    latency_ms: meanOf(one.latencySum, one.latencies),
    tokens,
    units: unitsOf(one.micros),
    scorers: one.scorers.map(({ name, scored, sum, errors }) => ({
      ...{ name, score: meanOf(sum, scored), scored, errors },
    })),
  };
}

const meanOf = (sum: number, number: number): number | null => (number === 0 ? null : sum / number);

/** A result as it is shown. */
export function resultView({ index, item_id, item, sides }: ResultRow): object {
  const shown = item === null ? null : itemView(item);
  return { index, item_id, item: shown, sides: sides.map(sideView) };
}

function sideView({ usage: used, judge_usage: judges, micros, ...rest }: SideResult): object {
  const units = unitsOf(micros);
  return { ...rest, usage: usageView(used), judge_usage: usageView(judges), units };
}

function usageView({ promptTokens, completionTokens, estimated }: Usage): object {
  return {
    ...{ prompt_tokens: promptTokens, completion_tokens: completionTokens },
    ...(estimated && { estimated }),
  };
}

const progress = named(
  "EvaluationProgress",
  Type.Object(
    {
      type: Type.Literal("evaluation_progress"),
      status: text,
      total: count,
      done: count,
      passed: Type.Array(count),
      units: amount,
    },
    closed,
  ),
);

/** The stream of an evaluation. */
export const evaluationEvents: TSchema = eventStreamOf(
  "First the evaluation as it is, then how far it has come. Ids are for Last-Event-ID; after `end` nothing follows.",
  [
    ["evaluation", evaluationSchema],
    ["event", Type.Object({ type: text, event: progress }, any)],
    ["end", Type.Object({ type: text }, any)],
    ["gap", Type.Object({ type: text }, any)],
    ["error", Type.Object({ code: text, detail: text, status: count }, any)],
  ],
);
