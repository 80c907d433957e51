// One call to a chain of models: each next one is asked when the one before cannot answer, as long as
// nothing of an answer has been shown. A provider that is left alone costs the call no time.

import type { LlmEvent, LlmRequest, LlmResult } from "../../actors/ports.ts";
import { type ErrorCode, errorTable, RuntimeError } from "../../runtime/errors.ts";
import type { ProviderConfig } from "./config.ts";
import type { Attempt } from "./hedge.ts";
import type { ModelChoice } from "./models.ts";
import type { LineOptions } from "./provider-line.ts";
import type { FindLine } from "./provider-lines.ts";

/** What another model may answer although this one did not. */
const othersMayAnswer: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  ...(["PROVIDER_LIMITED", "PROVIDER_UNAVAILABLE", "PROVIDER_FAILED", "DEADLINE"] as const),
  ...(["EGRESS_REFUSED", "POOL_FULL", "MODEL_UNKNOWN"] as const),
]);

/** What a chain is called with. */
export interface ChainCall extends Omit<LineOptions, "onEvent" | "hasOther" | "other"> {
  readonly onEvent: (event: LlmEvent) => void;
  readonly lineOf: FindLine;
  /** @throws RuntimeError MODEL_UNKNOWN. */
  choose(model: string): ModelChoice;
}

interface Failure {
  readonly model: string;
  readonly error: RuntimeError;
}

/**
 * The answer of the first model that has one.
 * @throws RuntimeError with the code of the last failure that may pass, else of the last; `details.models` has all.
 */
export async function askChain(
  models: readonly string[],
  request: LlmRequest,
  call: ChainCall,
): Promise<LlmResult> {
  const failures: Failure[] = [];
  let hasShown = false;
  const show = (event: LlmEvent): void => {
    hasShown = true;
    call.onEvent(event);
  };
  for (const [at, model] of models.entries()) {
    try {
      return await askOne(model, request, { ...call, onEvent: show }, models.slice(at + 1));
    } catch (error) {
      const isOver = hasShown || call.signal.aborted || !(error instanceof RuntimeError);
      if (isOver || !othersMayAnswer.has(error.code)) throw error;
      failures.push({ model, error });
    }
  }
  throw failureOf(failures);
}

async function askOne(
  model: string,
  request: LlmRequest,
  { choose, lineOf, ...options }: ChainCall,
  others: readonly string[],
): Promise<LlmResult> {
  const hasOther = others.length > 0;
  const choice = choose(model);
  // `chainProblem` keeps the built-in answerer out of chains.
  if (choice.provider === undefined) throw unknown(model);
  const line = lineOf(choice.provider);
  // A whole answer may take minutes, and a provider that hangs as long: a stream shows sooner that it lives.
  const isAside = hasOther && !request.stream;
  const asked = { ...request, model: choice.model, stream: request.stream || isAside };
  const other = (): Attempt | undefined => {
    for (const { provider, model: theirs } of othersOf(others, choice, choose)) {
      const next = { ...asked, model: theirs };
      const attempt = lineOf(provider).standIn(next, options.caller);
      if (attempt !== undefined) return attempt;
    }
    return undefined;
  };
  try {
    if (!isAside) return await line.complete(asked, { ...options, hasOther, other });
    const { onEvent, ...silent } = options;
    const result = await line.complete(asked, { ...silent, hasOther, other });
    if (result.text !== "") onEvent({ type: "text", text: result.text });
    return result;
  } catch (error) {
    if (hasOther && !options.signal.aborted) line.count("fallbacks");
    throw error;
  }
}

/** The models of other providers, in order; a name that nobody serves is passed over. */
function othersOf(
  models: readonly string[],
  { provider: own }: ModelChoice,
  choose: ChainCall["choose"],
): readonly Served[] {
  return models.flatMap((name) => {
    try {
      const { provider, model } = choose(name);
      return provider === undefined || provider === own ? [] : [{ provider, model }];
    } catch (error) {
      if (error instanceof RuntimeError && error.code === "MODEL_UNKNOWN") return [];
      throw error;
    }
  });
}

interface Served extends ModelChoice {
  readonly provider: ProviderConfig;
}

function failureOf(failures: readonly Failure[]): RuntimeError {
  const last = failures.at(-1)?.error;
  const passing = failures.findLast(({ error }) => errorTable[error.code].retryable)?.error;
  const said = failures.map(({ model, error }) => `${model}: ${error.message}`).join(" ");
  const text = `None of ${failures.length} models answered. ${said}`;
  const models = failures.map(({ model, error }) => ({ model, code: error.code }));
  const retryAfterMs = passing?.details?.["retryAfterMs"];
  return new RuntimeError(
    (passing ?? last)?.code ?? "PROVIDER_UNAVAILABLE",
    text,
    { models, ...(typeof retryAfterMs === "number" && { retryAfterMs }) },
    { cause: last },
  );
}

function unknown(model: string): RuntimeError {
  return new RuntimeError("MODEL_UNKNOWN", `No provider serves the model "${model}".`, { model });
}
