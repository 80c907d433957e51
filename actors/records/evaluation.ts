// An evaluation: a data set is run over one or two targets, and each answer is scored. Its row is in the
// table `evaluations`; what became of each item in `evaluation-results`, under `<evaluation>.<index>`.

import type { ErrorData } from "../../runtime/errors.ts";
import { type OperationPrices, operationPricesMicros } from "../money/catalogue.ts";
import type { Usage } from "../ports.ts";
import { type Static, Type } from "../schema.ts";
import type { DatasetItem } from "./dataset.ts";

/** Limits of evaluations; texts in characters. */
export const evaluationLimits = {
  nameChars: 200,
  targets: 2,
  scorers: 20,
  scorerNameChars: 80,
  valuesMax: 50,
  valueChars: 1_000,
  rubricChars: 8_000,
  /** Items run at once; two targets are two runs each. */
  concurrency: 32,
  concurrencyDefault: 4,
  /** Items of one evaluation. */
  items: 2_000,
  /** Answers are kept up to here in results; the run has all of it. */
  answerChars: 32_000,
  reasonChars: 600,
  /** Attempts at a grade that can be read. */
  judgeAttempts: 2,
  judgeTokens: 600,
  /** Life of an item's run beside its answers: scorers and judges, ms. */
  scoringMs: 300_000,
  /** Life of an evaluation, ms. */
  lifeMs: 7 * 24 * 3_600_000,
  /** Progress events: one an item, of more items one for several. */
  events: 500,
  /** Results removed in one turn of a deletion. */
  removedAtOnce: 100,
  /** Score from which on an item has passed. */
  threshold: 0.7,
  /** Two targets are even on an item when their scores are this near. */
  tie: 0.001,
} as const;

const closed = { additionalProperties: false } as const;
const share = Type.Number({ minimum: 0, maximum: 1 });
const common = {
  /** Default: its type. Names are different from each other. */
  name: Type.Optional(Type.String({ minLength: 1, maxLength: evaluationLimits.scorerNameChars })),
  /** Of the mean that is an item's score. Default 1. */
  weight: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1_000 })),
};

/** How an answer is scored: 0 to 1, with a reason. */
export const scorer = Type.Union([
  /** The expected text, but for spaces at its ends. */
  Type.Object(
    { type: Type.Literal("exact"), ...common, ignore_case: Type.Optional(Type.Boolean()) },
    closed,
  ),
  /** JSON that fits the schema; default: the item's. */
  Type.Object(
    {
      type: Type.Literal("schema"),
      ...common,
      schema: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    },
    closed,
  ),
  /** The values, default the item's facts: the share of them (`all`), or 1 for any. */
  Type.Object(
    {
      type: Type.Literal("contains"),
      ...common,
      values: Type.Optional(
        Type.Array(Type.String({ minLength: 1, maxLength: evaluationLimits.valueChars }), {
          minItems: 1,
          maxItems: evaluationLimits.valuesMax,
        }),
      ),
      mode: Type.Optional(Type.Union([Type.Literal("all"), Type.Literal("any")])),
      /** Default true. */
      ignore_case: Type.Optional(Type.Boolean()),
    },
    closed,
  ),
  /** Cosine of the answer and the expected text; default: the embedder of new collections. */
  Type.Object(
    {
      type: Type.Literal("similarity"),
      ...common,
      embedder: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    },
    closed,
  ),
  /** Whether those answered who were expected to. */
  Type.Object({ type: Type.Literal("routing"), ...common }, closed),
  /** A model grades by a rubric. */
  Type.Object(
    {
      type: Type.Literal("judge"),
      ...common,
      rubric: Type.String({ minLength: 1, maxLength: evaluationLimits.rubricChars }),
      /** Default: the operator's. */
      model: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    },
    closed,
  ),
]);

/** What a client sends to start an evaluation. */
export const evaluationInput = Type.Object(
  {
    name: Type.Optional(Type.String({ minLength: 1, maxLength: evaluationLimits.nameChars })),
    dataset_id: Type.String({ pattern: "^ds_[A-Za-z0-9]{1,61}$" }),
    /** One, or two to be compared: side `a` and side `b`. */
    targets: Type.Array(
      Type.Object(
        {
          target: Type.String({ pattern: "^(ag|tm|wf)_[A-Za-z0-9]{1,61}$" }),
          /** Default: the current one. */
          version: Type.Optional(Type.Integer({ minimum: 1 })),
        },
        closed,
      ),
      { minItems: 1, maxItems: evaluationLimits.targets },
    ),
    scorers: Type.Array(scorer, { minItems: 1, maxItems: evaluationLimits.scorers }),
    threshold: Type.Optional(share),
    concurrency: Type.Optional(Type.Integer({ minimum: 1, maximum: evaluationLimits.concurrency })),
    /** Units that may be charged; default: no limit but the balance. */
    budget: Type.Optional(Type.Number({ minimum: 0, maximum: 1_000_000_000 })),
    /** Only items that have one of these. */
    tags: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 64 }), { minItems: 1, maxItems: 20 }),
    ),
  },
  closed,
);

/** What a client sends to start an evaluation. */
export type EvaluationInput = Static<typeof evaluationInput>;
/** How an answer is scored. */
export type Scorer = Static<typeof scorer>;

/** A target at the version that is evaluated. */
export interface EvaluationTarget {
  readonly target: string;
  readonly version: number;
  readonly name: string;
}

/** A scorer with its name and weight. */
export type NamedScorer = Scorer & { readonly name: string; readonly weight: number };

/** What an evaluation does, settled when it was started. */
export interface EvaluationPlan {
  readonly name: string;
  readonly dataset_id: string;
  readonly targets: readonly EvaluationTarget[];
  readonly scorers: readonly NamedScorer[];
  readonly threshold: number;
  readonly concurrency: number;
  readonly budgetMicros: number | null;
  readonly tags: readonly string[];
  /** Of an answer and a grade, in millionths; absent in plans from before there was a catalogue. */
  readonly pricesMicros?: EvaluationPrices;
}

/** Prices that hold from an evaluation's beginning to its end. */
export type EvaluationPrices = Pick<OperationPrices, "chat" | "evaluationJudge">;

/** Those of a plan. */
export function pricesOf({ pricesMicros }: EvaluationPlan): EvaluationPrices {
  return pricesMicros ?? operationPricesMicros;
}

/** What a scorer says of an answer. `score` null: it does not apply, or with `error` could not tell. */
export interface Score {
  readonly scorer: string;
  readonly score: number | null;
  readonly reason: string;
  readonly error?: true;
}

/** What became of an item on one side. */
export interface SideResult {
  readonly side: "a" | "b";
  /** The run that answered, for `/v2/runs/{rn}` and a replay; null when none was accepted. */
  readonly run_id: string | null;
  readonly status: "completed" | "failed";
  readonly answer: string;
  readonly routing: { readonly action_name: string; readonly sub_agent_key: string | null } | null;
  readonly model: string | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly scores: readonly Score[];
  /** Weighted mean of what applies; null when nothing does. A run that failed has 0. */
  readonly score: number | null;
  readonly passed: boolean;
  /** From accepted to ended. */
  readonly latency_ms: number | null;
  readonly usage: Usage;
  readonly judge_usage: Usage;
  /** Charged for the answer and the judges, in millionths. */
  readonly micros: number;
}

/** What became of an item. */
export interface ResultRow {
  readonly index: number;
  readonly item_id: string;
  /** As it was when it was run; null when it was deleted before. */
  readonly item: DatasetItem | null;
  readonly sides: readonly SideResult[];
}

/** Sums over the items of one side. */
export interface SideSummary {
  readonly items: number;
  readonly passed: number;
  readonly failed: number;
  /** Of items that have a score. */
  readonly scored: number;
  readonly scoreSum: number;
  readonly latencySum: number;
  readonly latencies: number;
  readonly tokens: number;
  readonly micros: number;
  readonly scorers: readonly {
    readonly name: string;
    readonly scored: number;
    readonly sum: number;
    readonly errors: number;
  }[];
}

/** How an evaluation is doing. */
export type EvaluationStatus =
  | "running"
  | "completed"
  | "budget"
  | "cancelled"
  | "failed"
  | "deleting";

/** The row of an evaluation. Times are ISO 8601. */
export interface EvaluationRow {
  readonly id: string;
  readonly plan: EvaluationPlan;
  readonly status: EvaluationStatus;
  /** Its progress as events. */
  readonly run: string;
  readonly total: number;
  readonly done: number;
  /** Deleted before they were run. */
  readonly skipped: number;
  readonly micros: number;
  readonly sides: readonly SideSummary[];
  /** Of two targets: items on which each was better. */
  readonly comparison: { readonly a: number; readonly b: number; readonly ties: number } | null;
  readonly error: Pick<ErrorData, "code" | "message"> | null;
  readonly created_at: string;
  readonly ended_at: string | null;
}

/** Tables of evaluations and of their results. */
export const evaluationsTable = "evaluations";
export const resultsTable = "evaluation-results";

/** Table of what those under way name, which stays until they have ended. */
export const runningTable = "evaluations-running";

/** An evaluation under way: its data set and its targets, each with the version, "ag_x@3". */
export interface RunningEvaluation {
  readonly name: string;
  readonly links: readonly string[];
}

/** Id of a result's row; in order of the items. */
export const resultId = (evaluation: string, index: number): string =>
  `${evaluation}.${String(index).padStart(6, "0")}`;
