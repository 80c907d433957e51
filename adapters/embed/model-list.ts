// What is in the models folder: each model's dtypes, and what keeps one from being used.

import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { hashOfFile } from "./hub.ts";
import { type Dtype, dtypes } from "./kinds.ts";
import { missingFiles, weightsFile } from "./model-folder.ts";
import { readManifest } from "./model-manifest.ts";

/** A model that is there, whole or in part. */
export interface ListedModel {
  /** Its folder under the models folder: the hub id. */
  readonly name: string;
  readonly folder: string;
  /** Dtypes whose files are all there. */
  readonly dtypes: readonly Dtype[];
  /** Files without which no dtype can be used, and those that are not what was fetched. */
  readonly problems: readonly string[];
  readonly bytes: number;
  /** The commit it was fetched at. */
  readonly commit: string | null;
}

/**
 * The models of a folder, by name. A folder that is not there has none.
 * @param options.verify whether every file is read and compared with its hash.
 */
export async function listModels(
  models: string,
  options: { readonly verify: boolean },
): Promise<readonly ListedModel[]> {
  const found: ListedModel[] = [];
  for (const first of await foldersIn(models)) {
    const inner = await foldersIn(join(models, first));
    const isModel = await isFile(join(models, first, "config.json"));
    const names =
      isModel || inner.includes("onnx") ? [first] : inner.map((name) => `${first}/${name}`);
    for (const name of names) found.push(await listModel(name, join(models, name), options));
  }
  return found;
}

/** One model. */
export async function listModel(
  name: string,
  folder: string,
  { verify }: { readonly verify: boolean },
): Promise<ListedModel> {
  const whole: Dtype[] = [];
  let missing: readonly string[] | undefined;
  for (const dtype of dtypes) {
    const lacks = await missingFiles(folder, dtype);
    if (lacks.length === 0) whole.push(dtype);
    const others = lacks.filter((path) => path !== weightsFile(dtype));
    missing ??= others.length > 0 ? others : undefined;
  }
  const problems = (missing ?? []).map((path) => `missing: ${join(folder, path)}`);
  if (missing === undefined && whole.length === 0) {
    problems.push(`missing: ${join(folder, weightsFile("q8"))} (or another onnx/model*.onnx)`);
  }
  const manifest = await readManifest(folder);
  let bytes = 0;
  for (const file of manifest?.files ?? []) {
    const path = join(folder, file.path);
    const size = (await stat(path).catch(() => null))?.size;
    bytes += size ?? 0;
    if (size === undefined) {
      if (!problems.includes(`missing: ${path}`)) problems.push(`missing: ${path}`);
    } else if (size !== file.size) problems.push(`${path} has ${size} bytes of ${file.size}`);
    else if (verify && file.hash !== null && (await hashOfFile(path, file)) !== file.hash) {
      problems.push(`${path} has other bytes than were fetched`);
    }
  }
  return { name, folder, dtypes: whole, problems, bytes, commit: manifest?.commit ?? null };
}

async function foldersIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isFile() === true;
}
