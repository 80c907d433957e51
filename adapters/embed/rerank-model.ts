// A cross-encoder in a compute thread: reads each question together with a text and gives one score.
// It blocks its thread while it runs, so it is never loaded on main or a worker.

import { type ErrorData, toErrorData } from "../../runtime/errors.ts";
import type { BatchResults } from "../../runtime/threads/batch-lane.ts";
import type { ComputeResult } from "../../runtime/threads/compute-task.ts";
import { batchesOf, paddedBatch, paddingOf } from "./local-batch.ts";
import { type Library, loadLibrary, modelOptions, type RunModel } from "./local-library.ts";
import { shareOf } from "./logistic.ts";
import type { LocalModel } from "./model-folder.ts";
import { loadModelTokenizer, type ModelTokenizer } from "./tokenizers.ts";
import { saidBy, unavailable } from "./unavailable.ts";

/** One text and the question, for one model; the result is a number, 0..1. */
export interface RerankInput {
  readonly model: LocalModel;
  readonly query: string;
  readonly text: string;
}

/** Characters a token can stand for, at most; the rest of a longer text is not looked at. */
const TOKEN_CHARS_MAX = 32;

interface Loaded {
  readonly library: Library;
  readonly run: RunModel & { dispose(): Promise<unknown> };
  readonly tokenizer: ModelTokenizer;
  readonly frame: Frame;
  readonly padding: number;
}

/** What a model wants around a pair, and of which of the two texts it takes each part to be. */
interface Frame {
  readonly before: readonly number[];
  readonly between: readonly number[];
  readonly after: readonly number[];
  readonly types: { readonly first: number; readonly second: number };
}

interface Encoded {
  readonly at: number;
  readonly ids: readonly number[];
  /** Ids of the question with what is before and between. */
  readonly head: number;
}

/** One model a thread: a server has one re-ranker. Another one takes its place. */
let kept: { readonly name: string; readonly model: Promise<Loaded> } | undefined;

/** The compute pool's batched function: inputs of any models, in any order. */
export async function rerankLocal(inputs: unknown): Promise<BatchResults> {
  const all = inputs as readonly RerankInput[];
  const results = new Array<ComputeResult>(all.length);
  const byModel = new Map<string, number[]>();
  for (const [at, { model }] of all.entries()) {
    const name = `${model.folder}:${model.dtype}`;
    byModel.set(name, [...(byModel.get(name) ?? []), at]);
  }
  for (const [name, places] of byModel) {
    const some = places.flatMap((at) => all[at] ?? []);
    const [first] = some;
    if (first === undefined) continue;
    try {
      const scores = await scoresOf(await loadedModel(name, first.model), first.model, some);
      for (const [place, value] of scores.entries()) {
        results[places[place] ?? 0] = { ok: true, value };
      }
    } catch (error) {
      const failed: ErrorData = toErrorData(error);
      for (const at of places) results[at] = { ok: false, error: failed };
    }
  }
  return results;
}

async function loadedModel(name: string, model: LocalModel): Promise<Loaded> {
  if (kept?.name !== name) {
    const before = kept;
    kept = { name, model: load(model) };
    await (await before?.model.catch(() => undefined))?.run.dispose();
  }
  const now = kept;
  try {
    return await now.model;
  } catch (error) {
    // Files may be put right meanwhile.
    if (kept === now) kept = undefined;
    throw error;
  }
}

async function load({ folder, dtype }: LocalModel): Promise<Loaded> {
  const library = await loadLibrary();
  const tokenizer = await loadModelTokenizer(folder);
  try {
    const models = library.AutoModelForSequenceClassification;
    const run = await models.from_pretrained(folder, modelOptions(dtype));
    return { library, run, tokenizer, frame: frameOf(tokenizer), padding: paddingOf(tokenizer) };
  } catch (cause) {
    const text = `The model in ${folder} (${dtype}) could not be loaded: ${saidBy(cause)}`;
    throw unavailable(text, { folder, dtype }, cause);
  }
}

/** Seen from a pair of the same text: what stands around and between the two is the model's own. */
function frameOf(tokenizer: ModelTokenizer): Frame {
  const bare = tokenizer.encode("a", false);
  const { ids, types } = tokenizer.encodePair("a", "a");
  const isHere = (at: number): boolean => bare.every((id, place) => ids[at + place] === id);
  const places = [...ids.keys()].filter(isHere);
  const [first, second] = [places[0], places.at(-1)];
  if (first === undefined || second === undefined || second === first) {
    throw new Error("its tokenizer does not take two texts");
  }
  return {
    before: ids.slice(0, first),
    between: ids.slice(first + bare.length, second),
    after: ids.slice(second + bare.length),
    types: { first: types[first] ?? 0, second: types[second] ?? 0 },
  };
}

async function scoresOf(
  loaded: Loaded,
  model: LocalModel,
  inputs: readonly RerankInput[],
): Promise<readonly number[]> {
  const encoded = inputs.map((input, at) => encodePair(loaded, model, input, at));
  const scores = new Array<number>(inputs.length);
  for (const batch of batchesOf(encoded)) {
    const logits = await runBatch(loaded, model, batch);
    for (const [row, { at }] of batch.entries()) scores[at] = logits[row] ?? 0;
  }
  return scores;
}

/** What is cut is the text's end; of a long question half of the room is left to the text. */
function encodePair(
  { tokenizer, frame: { before, between, after } }: Loaded,
  { inputTokensMax }: LocalModel,
  { query, text }: RerankInput,
  at: number,
): Encoded {
  const charsMax = inputTokensMax * TOKEN_CHARS_MAX;
  const room = Math.max(2, inputTokensMax - before.length - between.length - after.length);
  const encode = (whole: string) => tokenizer.encode(whole.slice(0, charsMax), false);
  const asked = encode(query).slice(0, Math.floor(room / 2));
  const read = encode(text).slice(0, room - asked.length);
  const head = before.length + asked.length + between.length;
  return { at, ids: [...before, ...asked, ...between, ...read, ...after], head };
}

async function runBatch(
  { library, run, padding, frame: { types } }: Loaded,
  { folder }: LocalModel,
  batch: readonly Encoded[],
): Promise<readonly number[]> {
  const { length, dims, ids, mask } = paddedBatch(batch, padding);
  const kinds = new BigInt64Array(ids.length);
  for (const [row, one] of batch.entries()) {
    const [start, end] = [row * length, row * length + one.ids.length];
    kinds.fill(BigInt(types.first), start, start + one.head);
    kinds.fill(BigInt(types.second), start + one.head, end);
  }
  const tensor = (data: BigInt64Array) => new library.Tensor("int64", data, dims);
  const outputs = await run({
    input_ids: tensor(ids),
    attention_mask: tensor(mask),
    token_type_ids: tensor(kinds),
  });
  const { logits } = outputs;
  const labels = logits?.dims[1];
  if (logits === undefined || (labels !== 1 && labels !== 2)) {
    throw unavailable(`The model in ${folder} gives no score of two texts.`, { folder });
  }
  return batch.map((_, row) => {
    const [no, yes] = [logits.data[row * labels] ?? 0, logits.data[row * labels + 1] ?? 0];
    // Of two labels the second one says that they belong together.
    const score = shareOf(labels === 1 ? no : yes - no);
    if (Number.isFinite(score)) return score;
    throw unavailable(`The model in ${folder} gave a score that is not finite.`, { folder });
  });
}
