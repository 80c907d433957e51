// What a server says of an evaluation, as far as the command and its report read it.

/** One side's sums. */
export interface SideView {
  readonly side: "a" | "b";
  readonly items: number;
  readonly passed: number;
  readonly failed: number;
  readonly pass_rate: number | null;
  readonly score: number | null;
  readonly latency_ms: number | null;
  readonly tokens: number;
  readonly units: number;
  readonly scorers: readonly {
    readonly name: string;
    readonly score: number | null;
    readonly scored: number;
    readonly errors: number;
  }[];
}

/** An evaluation. */
export interface EvaluationView {
  readonly id: string;
  readonly name: string;
  readonly dataset_id: string;
  readonly targets: readonly {
    readonly target: string;
    readonly version: number;
    readonly name: string;
  }[];
  readonly threshold: number;
  readonly status: string;
  readonly total: number;
  readonly done: number;
  readonly skipped: number;
  readonly units: number;
  readonly summary: readonly SideView[];
  readonly comparison: { readonly a: number; readonly b: number; readonly ties: number } | null;
  readonly error: { readonly message: string } | null;
  readonly created_at: string;
}

/** What became of an item on one side. */
export interface SideResultView {
  readonly side: "a" | "b";
  readonly run_id: string | null;
  readonly answer: string;
  readonly routing: { readonly action_name: string } | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly scores: readonly {
    readonly scorer: string;
    readonly score: number | null;
    readonly reason: string;
    readonly error?: true;
  }[];
  readonly score: number | null;
  readonly passed: boolean;
  readonly latency_ms: number | null;
  readonly units: number;
}

/** What became of an item. */
export interface ResultView {
  readonly index: number;
  readonly item: {
    readonly messages: readonly { readonly role: string; readonly content: string }[] | null;
    readonly input: unknown;
    readonly expected: unknown;
    readonly tags: readonly string[] | null;
  } | null;
  readonly sides: readonly SideResultView[];
}
