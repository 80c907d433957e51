// A local model in a compute thread: loads it once, turns texts into ids, runs them in batches that
// waste little on padding, and makes one unit vector of each text's tokens. It blocks its thread
// while it runs, so it is never loaded on main or a worker; and it never reaches for the network.

import { type ErrorData, RuntimeError, toErrorData } from "../../runtime/errors.ts";
import type { BatchResults } from "../../runtime/threads/batch-lane.ts";
import type { ComputeResult } from "../../runtime/threads/compute-task.ts";
import type { Pooling } from "./kinds.ts";
import { batchesOf, paddedBatch, paddingOf } from "./local-batch.ts";
import { type Library, loadLibrary, modelOptions, type RunModel } from "./local-library.ts";
import { filesVersion, type LocalModel } from "./model-folder.ts";
import { loadModelTokenizer, type ModelTokenizer } from "./tokenizers.ts";
import { saidBy, unavailable } from "./unavailable.ts";

/** One text for one model. */
export interface LocalInput {
  readonly model: LocalModel;
  readonly text: string;
}

/** Its vector. */
export interface LocalOutput {
  readonly vector: Float32Array;
  readonly tokens: number;
  readonly isTruncated: boolean;
}

/** Models a thread keeps, 150 to 250 MB each or more; the longest unused goes first. */
const MODELS_MAX = 2;
/** Characters a token can stand for, at most; the rest of a longer text is not looked at. */
const TOKEN_CHARS_MAX = 32;
/** By then whoever asks sees that the files are others. */
const ASK_AGAIN_MS = 1_000;

interface Loaded {
  readonly library: Library;
  readonly run: RunModel & { dispose(): Promise<unknown> };
  readonly tokenizer: ModelTokenizer;
  /** Ids that the model wants before and after every text. */
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly padding: number;
}

interface Encoded {
  readonly at: number;
  readonly ids: readonly number[];
  readonly isTruncated: boolean;
}

const models = new Map<string, Promise<Loaded>>();

/** The compute pool's batched function: inputs of any models, in any order. */
export async function embedLocal(inputs: unknown): Promise<BatchResults> {
  const all = inputs as readonly LocalInput[];
  const results = new Array<ComputeResult>(all.length);
  const byModel = new Map<string, number[]>();
  for (const [at, { model }] of all.entries()) {
    const name = `${model.folder}:${model.dtype}:${model.version}`;
    const places = byModel.get(name) ?? [];
    places.push(at);
    byModel.set(name, places);
  }
  for (const [name, places] of byModel) {
    const [first] = places.flatMap((at) => all[at] ?? []);
    if (first === undefined) continue;
    try {
      const loaded = await loadedModel(name, first.model);
      const texts = places.map((at) => all[at]?.text ?? "");
      for (const [place, output] of (await embed(loaded, first.model, texts)).entries()) {
        results[places[place] ?? 0] = { ok: true, value: output };
      }
    } catch (error) {
      const failed: ErrorData = toErrorData(error);
      for (const at of places) results[at] = { ok: false, error: failed };
    }
  }
  return results;
}

async function loadedModel(name: string, model: LocalModel): Promise<Loaded> {
  const known = models.get(name);
  models.delete(name);
  if (known === undefined && models.size >= MODELS_MAX) {
    const [oldest] = models;
    if (oldest !== undefined) {
      models.delete(oldest[0]);
      await (await oldest[1].catch(() => undefined))?.run.dispose();
    }
  }
  const loading = known ?? load(model);
  models.set(name, loading);
  // Files may be put right meanwhile.
  loading.catch(() => models.delete(name));
  return await loading;
}

async function load(model: LocalModel): Promise<Loaded> {
  const { folder, dtype } = model;
  const library = await loadLibrary();
  await checkFiles(model);
  const tokenizer = await loadModelTokenizer(folder);
  try {
    const run = await library.AutoModel.from_pretrained(folder, modelOptions(dtype));
    await checkFiles(model);
    const whole = tokenizer.encode("a", true);
    const bare = tokenizer.encode("a", false);
    const begins = whole.findIndex((_, at) => bare.every((id, place) => whole[at + place] === id));
    return {
      library,
      run,
      tokenizer,
      before: whole.slice(0, Math.max(0, begins)),
      after: whole.slice(Math.max(0, begins) + bare.length),
      padding: paddingOf(tokenizer),
    };
  } catch (cause) {
    if (cause instanceof RuntimeError) throw cause;
    const text = `The model in ${folder} (${dtype}) could not be loaded: ${saidBy(cause)}`;
    throw unavailable(text, { folder, dtype }, cause);
  }
}

/** Other weights than those that were asked for would give vectors that cannot be compared. */
async function checkFiles({ folder, dtype, version }: LocalModel): Promise<void> {
  if ((await filesVersion(folder, dtype)) === version) return;
  const text = `The files of the model in ${folder} (${dtype}) were replaced just now: ask again.`;
  throw new RuntimeError("WORKER_LOST", text, { folder, dtype, retryAfterMs: ASK_AGAIN_MS });
}

async function embed(
  loaded: Loaded,
  model: LocalModel,
  texts: readonly string[],
): Promise<LocalOutput[]> {
  const encoded = texts.map((text, at) => encodeText(loaded, model, text, at));
  const outputs = new Array<LocalOutput>(texts.length);
  for (const batch of batchesOf(encoded)) {
    const vectors = await runBatch(loaded, model, batch);
    for (const [place, { at, ids, isTruncated }] of batch.entries()) {
      outputs[at] = { vector: vectors[place] ?? unusable(model), tokens: ids.length, isTruncated };
    }
  }
  return outputs;
}

/** What is cut is the text's end; what the model wants after a text stays. */
function encodeText(
  { tokenizer, before, after }: Loaded,
  { inputTokensMax }: LocalModel,
  text: string,
  at: number,
): Encoded {
  const charsMax = inputTokensMax * TOKEN_CHARS_MAX;
  const ids = tokenizer.encode(text.slice(0, charsMax), false);
  const room = Math.max(1, inputTokensMax - before.length - after.length);
  const isTruncated = ids.length > room || text.length > charsMax;
  return { at, ids: [...before, ...ids.slice(0, room), ...after], isTruncated };
}

async function runBatch(
  { library, run, padding }: Loaded,
  model: LocalModel,
  batch: readonly Encoded[],
): Promise<Float32Array[]> {
  const { length, ids, mask, dims } = paddedBatch(batch, padding);
  const tensor = (data: BigInt64Array) => new library.Tensor("int64", data, dims);
  const outputs = await run({ input_ids: tensor(ids), attention_mask: tensor(mask) });
  const states = outputs["last_hidden_state"] ?? outputs["token_embeddings"];
  const width = states?.dims[2];
  if (states === undefined || width !== model.dimension) {
    const text = `The model in ${model.folder} gives no vectors of ${model.dimension} numbers.`;
    throw unavailable(text, { folder: model.folder });
  }
  return batch.map((one, row) => {
    const start = row * length * width;
    return unit(pool(states.data, start, one.ids.length, width, model.pooling), model);
  });
}

function pool(
  data: ArrayLike<number>,
  start: number,
  tokens: number,
  width: number,
  pooling: Pooling,
): Float32Array {
  const vector = new Float32Array(width);
  const first = pooling === "last" ? tokens - 1 : 0;
  const end = pooling === "cls" ? 1 : tokens;
  for (let token = first; token < end; token += 1) {
    const from = start + token * width;
    for (let at = 0; at < width; at += 1) vector[at] = (vector[at] ?? 0) + (data[from + at] ?? 0);
  }
  return vector;
}

function unit(vector: Float32Array, model: LocalModel): Float32Array {
  let sum = 0;
  for (const value of vector) sum += value * value;
  const norm = Math.sqrt(sum);
  if (!(norm > 0) || !Number.isFinite(norm)) return unusable(model);
  return vector.map((value) => value / norm);
}

function unusable({ folder, dtype }: LocalModel): never {
  const text = `The model in ${folder} (${dtype}) gave a vector that is not finite or zero.`;
  throw unavailable(text, { folder, dtype });
}
