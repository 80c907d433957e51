// Embeddings of any server that speaks OpenAI's protocol: texts in bounded batches, refusals that pass
// with time tried again, and every vector checked before it is let in. What leaves goes through the
// way out (egress.ts).

import { approximateTokens } from "../../actors/knowledge/split.ts";
import { embedTokensMax, type ProviderPurse } from "../../actors/money/provider-call.ts";
import type { Compute, Embedder, EmbedOptions, TokenizerSpec } from "../../actors/ports.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { FairSlots } from "../../runtime/shared/fair-slots.ts";
import type { WeightOf } from "../../runtime/shared/tenant-weights.ts";
import type { EmbedderConfig } from "../config-embedders.ts";
import type { Egress } from "../egress.ts";
import type { CutInput } from "./cut-task.ts";
import { type EmbeddingAnswer, readAnswer } from "./openai-answer.ts";
import {
  type CalledProvider,
  callProvider,
  callStates,
  type Paying,
  type ProviderCallParts,
} from "./provider-call.ts";
import { cutTaskName } from "./tasks.ts";

/** What it is made from. */
export interface OpenaiParts {
  readonly entry: Extract<EmbedderConfig, { kind: "openai" }>;
  readonly provider: CalledProvider;
  /** Default: of this embedder alone. */
  readonly state?: ProviderCallParts<unknown>["state"];
  readonly egress: Egress;
  /** Cuts what is too long. */
  readonly compute: Pick<Compute, "run">;
  /** A number in [0, 1) for jitter. Default Math.random. */
  readonly random?: () => number;
  /** Shares of a tenant where requests wait. Default: one each. */
  readonly weightOf?: WeightOf | undefined;
  /** Where requests are paid. Default: nowhere. */
  readonly purse?: ProviderPurse | undefined;
}

/** Limits of requests. */
export const openaiLimits = {
  /** Texts and (approximate) tokens of one request; OpenAI's own limits are 2,048 and 300,000. */
  batchTexts: 256,
  batchTokens: 100_000,
  /** Requests of one thread at once; more wait in fair order. */
  requestsMax: 8,
  requestsWaitingMax: 1_024,
  /** Bytes of one answer: 256 vectors of 3,072 numbers are 6 MB as base64 and 25 MB as text. */
  answerBytes: 64 * 1_024 * 1_024,
  cutMs: 60_000,
} as const;

interface Batch {
  readonly places: number[];
  tokens: number;
}

/** An embedder of a provider. */
export function createOpenaiEmbedder(parts: OpenaiParts): Embedder {
  const { entry, provider } = parts;
  const { state = callStates([provider], provider).embedding } = parts;
  const tokenizer: TokenizerSpec =
    entry.tokenizer === "approximate"
      ? { kind: "approximate" }
      : { kind: "bpe", encoding: entry.tokenizer };
  const slots = new FairSlots({
    name: `embedding requests to ${entry.provider}`,
    slots: openaiLimits.requestsMax,
    waitingMax: openaiLimits.requestsWaitingMax,
    weightOf: parts.weightOf,
  });
  const path = "/embeddings";
  const { answerBytes } = openaiLimits;
  return {
    id: entry.id,
    dimension: entry.dimension,
    tokensMax: entry.tokensMax,
    tokenizer,
    async embed(texts, options) {
      const { sent, truncated } = await prepare(parts, tokenizer, texts, options);
      const vectors = new Array<Float32Array>(texts.length);
      let tokens = 0;
      let estimated = false;
      // When one fails the others are not wanted any more.
      const failed = new AbortController();
      const { signal } = options;
      const stop = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]);
      const run = async (batch: Batch): Promise<void> => {
        const { places, tokens: guessed } = batch;
        const inputs = places.map((at) => sent[at] ?? "");
        const read = (text: string) => readAnswer(text, inputs.length, entry);
        const paying = payingOf(parts, inputs, options);
        const call = {
          ...parts,
          state,
          model: entry.model,
          slots,
          path,
          answerBytes,
          read,
          paying,
        };
        const whose = { tenant: options.tenant, signal: stop };
        let answer: EmbeddingAnswer;
        try {
          answer = await callProvider(call, bodyOf(entry, inputs), whose);
        } catch (error) {
          if (places.length === 1 || !isTooMuch(error)) throw error;
          for (const half of halves(batch)) await run(half);
          return;
        }
        for (const [at, place] of places.entries()) {
          const vector = answer.vectors[at];
          if (vector !== undefined) vectors[place] = vector;
        }
        tokens += answer.tokens ?? guessed;
        estimated ||= answer.tokens === undefined;
      };
      try {
        await Promise.all(batchesOf(sent).map(run));
      } catch (error) {
        failed.abort();
        throw error;
      }
      options.onUse?.({ tokens, estimated, truncated });
      return vectors;
    },
  };
}

/** @returns undefined for what the operator asks for itself. */
function payingOf(
  { entry, purse }: OpenaiParts,
  inputs: readonly string[],
  { tenant, payer }: EmbedOptions,
): Paying<EmbeddingAnswer> | undefined {
  if (purse === undefined || payer === null) return undefined;
  const model = `${entry.provider}/${entry.model}`;
  const call = { tenant, service: "embedding", model, ...(payer && { payer }) } as const;
  return {
    reserve: (signal) => purse.reserve({ ...call, tokensMax: embedTokensMax(inputs) }, signal),
    useOf: ({ tokens }) => (tokens === undefined ? {} : { tokens }),
  };
}

/** What is sent: with the prefix, never empty (which is refused), never longer than the model takes. */
async function prepare(
  { entry, compute }: OpenaiParts,
  tokenizer: TokenizerSpec,
  texts: readonly string[],
  { tenant, signal, purpose = "document" }: EmbedOptions,
): Promise<{ readonly sent: readonly string[]; readonly truncated: readonly number[] }> {
  const prefix = (purpose === "query" ? entry.queryPrefix : entry.documentPrefix) ?? "";
  const sent: string[] = [];
  const truncated: number[] = [];
  for (const [at, text] of texts.entries()) {
    const whole = prefix + text === "" ? " " : prefix + text;
    // A token is at least a byte, so that nearly every text is known to fit without counting.
    const most =
      tokenizer.kind === "approximate" ? approximateTokens(whole) : Buffer.byteLength(whole);
    if (most <= entry.tokensMax) {
      sent.push(whole);
      continue;
    }
    const input: CutInput = { tokenizer, text: whole, tokensMax: entry.tokensMax };
    const options = { tenant, timeoutMs: openaiLimits.cutMs, ...(signal && { signal }) };
    const chars = Number(await compute.run(cutTaskName, input, options));
    sent.push(whole.slice(0, chars));
    if (chars < whole.length) truncated.push(at);
  }
  return { sent, truncated };
}

function batchesOf(texts: readonly string[]): Batch[] {
  const batches: Batch[] = [];
  for (const [at, text] of texts.entries()) {
    const tokens = approximateTokens(text);
    const last = batches.at(-1);
    const isFull =
      last === undefined ||
      last.places.length >= openaiLimits.batchTexts ||
      last.tokens + tokens > openaiLimits.batchTokens;
    if (isFull) batches.push({ places: [at], tokens });
    else {
      last.places.push(at);
      last.tokens += tokens;
    }
  }
  return batches;
}

/** Servers have limits of texts and tokens that nobody tells: fewer of them may be taken. */
function isTooMuch(error: unknown): boolean {
  if (!(error instanceof RuntimeError) || error.code !== "PROVIDER_FAILED") return false;
  return TOO_MUCH.includes(Number(error.details?.["status"]));
}

const TOO_MUCH = [400, 413, 422];

function halves({ places, tokens }: Batch): readonly Batch[] {
  const middle = places.length >> 1;
  const share = tokens / places.length;
  return [places.slice(0, middle), places.slice(middle)].map((some) => ({
    places: some,
    tokens: Math.ceil(share * some.length),
  }));
}

function bodyOf(entry: OpenaiParts["entry"], inputs: readonly string[]): object {
  return {
    model: entry.model,
    input: inputs,
    // A third of the bytes of numbers in text; servers that do not know it send those.
    encoding_format: "base64",
    ...(entry.sendDimension && { dimensions: entry.dimension }),
  };
}
