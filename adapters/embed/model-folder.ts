// A folder with a model as the hub has it: which files it must hold, and what its own configuration
// says about the vectors. Read before anything heavy is loaded, so that what is missing is said in
// words and not by a library.

import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { RuntimeError } from "../../runtime/errors.ts";
import type { Dtype, Pooling } from "./kinds.ts";
import { unavailable } from "./unavailable.ts";

/** A model that is there, as plain data. */
export interface LocalModel {
  readonly folder: string;
  /** Of the files it was read from, see `filesVersion`: it is loaded from these only. */
  readonly version: string;
  readonly dtype: Dtype;
  readonly dimension: number;
  /** Tokens of one input, those included that the model adds itself. */
  readonly inputTokensMax: number;
  readonly pooling: Pooling;
  /** What the model wants before a query and before a document. */
  readonly prompts: { readonly query: string; readonly document: string };
}

/** The model's file of a dtype. */
export function weightsFile(dtype: Dtype): string {
  const suffix = dtype === "fp32" ? "" : dtype === "q8" ? "_quantized" : `_${dtype}`;
  return `onnx/model${suffix}.onnx`;
}

/** Files without which a model cannot be loaded. */
export function requiredFiles(dtype: Dtype): readonly string[] {
  return ["config.json", "tokenizer.json", "tokenizer_config.json", weightsFile(dtype)];
}

/** Small files beside them that are read when they are there. */
export const optionalFiles = [
  "special_tokens_map.json",
  "modules.json",
  "1_Pooling/config.json",
  "sentence_bert_config.json",
  "config_sentence_transformers.json",
] as const;

/** Those of the required files that are not there (or empty). */
export async function missingFiles(folder: string, dtype: Dtype): Promise<readonly string[]> {
  const missing: string[] = [];
  for (const path of requiredFiles(dtype)) {
    const found = await stat(join(folder, path)).catch(() => null);
    if (found === null || !found.isFile() || found.size === 0) missing.push(path);
  }
  return missing;
}

/** Files of a dtype's weights: those of more than 2 GB stand beside their graph. */
export async function weightsFiles(folder: string, dtype: Dtype): Promise<readonly string[]> {
  const graph = weightsFile(dtype);
  const beside = await readdir(join(folder, dirname(graph))).catch(() => []);
  const isPart = weightsPart(dtype);
  return [
    graph,
    ...beside
      .map((name) => join(dirname(graph), name))
      .filter(isPart)
      .sort(),
  ];
}

/** Tells the files that hold a dtype's weights beside its graph. */
export function weightsPart(dtype: Dtype): (path: string) => boolean {
  const start = `${weightsFile(dtype)}_data`;
  return (path) => path.startsWith(start) && /^(_\d+)?$/.test(path.slice(start.length));
}

/** Tells whether a folder's files were replaced: by their sizes, times and places, without reading them. */
export async function filesVersion(folder: string, dtype: Dtype): Promise<string> {
  const weights = await weightsFiles(folder, dtype);
  const paths = new Set([...requiredFiles(dtype), ...optionalFiles, ...weights]);
  const found = await Promise.all(
    [...paths].map((path) => stat(join(folder, path)).catch(() => undefined)),
  );
  const said = found.map((file) => [file?.size, file?.mtimeMs, file?.ctimeMs, file?.ino]);
  return createHash("sha256").update(JSON.stringify(said)).digest("hex").slice(0, VERSION_CHARS);
}

/** Tokens of one input where the model's files name no limit. */
const INPUT_TOKENS = 512;
/** Of these models' positions two are not for tokens. */
const OFFSET_POSITIONS = ["roberta", "xlm-roberta", "camembert", "mpnet"];
const VERSION_CHARS = 16;
/** What is written as a tokenizer's limit when it has none. */
const NO_LIMIT = 1_000_000;

/**
 * Reads what a model's configuration files say.
 * @param name as the operator wrote it, for the refusal.
 * @throws RuntimeError EMBEDDER_UNAVAILABLE.
 */
export async function readModelFolder(
  name: string,
  folder: string,
  dtype: Dtype,
): Promise<LocalModel> {
  const missing = await missingFiles(folder, dtype);
  if (missing.length > 0) throw filesMissing(name, folder, dtype, missing);
  const version = await filesVersion(folder, dtype);
  const read = (path: string) => readJson(name, folder, path);
  const [config, tokenizer, pooling, sentences, prompted, modules] = await Promise.all([
    read("config.json"),
    read("tokenizer_config.json"),
    read("1_Pooling/config.json"),
    read("sentence_bert_config.json"),
    read("config_sentence_transformers.json"),
    read("modules.json"),
  ]);
  const isDense = Object.values(modules).some((module) =>
    String(objectOf(module)["type"]).endsWith(".Dense"),
  );
  if (isDense) {
    const why = "it has a dense layer after its pooling, which its ONNX file does not hold";
    throw unusable(name, `cannot be used: ${why}`);
  }
  const dimension = [config["hidden_size"], config["d_model"], config["dim"]].find(isSize);
  if (dimension === undefined) throw unusable(name, "has no hidden_size in its config.json");
  const offset = OFFSET_POSITIONS.includes(String(config["model_type"])) ? 2 : 0;
  const positions = numberOf(config["max_position_embeddings"]);
  const limits = [
    sentences["max_seq_length"],
    tokenizer["model_max_length"],
    positions === undefined ? undefined : positions - offset,
  ].filter((limit): limit is number => isSize(limit) && limit < NO_LIMIT);
  const prompts = objectOf(prompted["prompts"]);
  return {
    folder,
    version,
    dtype,
    dimension,
    inputTokensMax: limits.length === 0 ? INPUT_TOKENS : Math.min(...limits),
    pooling: poolingOf(name, pooling),
    prompts: {
      query: textOf(prompts["query"]),
      document: textOf(prompts["document"] ?? prompts["passage"]),
    },
  };
}

/** As sentence-transformers writes it: one of several switches is on. */
function poolingOf(name: string, config: Json): Pooling {
  if (config["pooling_mode_cls_token"] === true) return "cls";
  if (config["pooling_mode_lasttoken"] === true) return "last";
  const other = ["pooling_mode_max_tokens", "pooling_mode_weightedmean_tokens"].find(
    (mode) => config[mode] === true,
  );
  if (other !== undefined) throw unusable(name, `cannot be used: its pooling is ${other}`);
  // Also where the mean is divided by another length: as unit vectors they are the same.
  return "mean";
}

function filesMissing(
  name: string,
  folder: string,
  dtype: Dtype,
  missing: readonly string[],
): RuntimeError {
  const files = missing.map((path) => `  ${join(folder, path)}`).join("\n");
  const text =
    `The model ${name} (${dtype}) is not complete. These files are missing:\n${files}\n` +
    `With a network, "troupe models pull ${name} --dtype ${dtype}" fetches them. Without one, copy ` +
    "them there from the model's page on the hub, under the same names.";
  return unavailable(text, { model: name, folder, missing });
}

function unusable(name: string, what: string, cause?: unknown): RuntimeError {
  return unavailable(`The model ${name} ${what}.`, { model: name }, cause);
}

type Json = Readonly<Record<string, unknown>>;

/** A file that is not there says nothing. */
async function readJson(name: string, folder: string, path: string): Promise<Json> {
  const text = await readFile(join(folder, path), "utf8").catch(() => null);
  if (text === null) return {};
  try {
    return objectOf(JSON.parse(text));
  } catch (cause) {
    throw unusable(name, `cannot be read: ${join(folder, path)} is no JSON`, cause);
  }
}

function objectOf(value: unknown): Json {
  return typeof value === "object" && value !== null ? (value as Json) : {};
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function isSize(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 1;
}
