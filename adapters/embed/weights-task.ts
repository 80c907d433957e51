// The compute pool's function that tells a model's weights by its files: a hash of those that its
// vectors come from. What was hashed is remembered beside the vectors, so that a start reads no
// gigabytes: a file of the same size, times and place in the file system is the same.

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import type { LocalModel } from "./model-folder.ts";
import { filesVersion, weightsFiles } from "./model-folder.ts";
import { readSmall, writeSmall } from "./small-file.ts";
import { saidBy, unavailable } from "./unavailable.ts";

/** A model and where its hash is remembered. */
export interface WeightsInput {
  readonly model: LocalModel;
  readonly memory: string;
}

interface Remembered {
  readonly version: string;
  readonly hash: string;
}

/** Bytes read at a time. */
const PIECE_BYTES = 1_024 * 1_024;

/** Hash of the weights, the tokenizer and how a vector is made of a text's tokens. */
export async function hashWeights(input: unknown): Promise<string> {
  const { model, memory } = input as WeightsInput;
  const { folder, version, dtype, pooling, prompts } = model;
  const known = (await readSmall(memory)) as Partial<Remembered> | null;
  let files = known?.version === version ? known.hash : undefined;
  if (files === undefined) {
    files = await hashFiles(model);
    if ((await filesVersion(folder, dtype)) !== version) {
      throw unavailable(`The files of the model in ${folder} are being replaced.`, { folder });
    }
    await writeSmall(memory, { version, hash: files } satisfies Remembered);
  }
  const { query, document } = prompts;
  const said = JSON.stringify([files, pooling, query, document]);
  return createHash("sha256").update(said).digest("hex");
}

async function hashFiles({ folder, dtype }: LocalModel): Promise<string> {
  const all = createHash("sha256");
  const weights = await weightsFiles(folder, dtype);
  for (const path of [...weights, "tokenizer.json", "tokenizer_config.json"]) {
    const one = createHash("sha256");
    try {
      const pieces = createReadStream(join(folder, path), { highWaterMark: PIECE_BYTES });
      for await (const piece of pieces) one.update(piece as Buffer);
    } catch (cause) {
      const text = `The model's file ${join(folder, path)} cannot be read: ${saidBy(cause)}`;
      throw unavailable(text, { folder, path }, cause);
    }
    all.update(`${path}\0${one.digest("hex")}\0`);
  }
  return all.digest("hex");
}
