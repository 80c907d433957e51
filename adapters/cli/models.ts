// `troupe models`: fetches models for local embeddings, and lists those that are there.

import { join } from "node:path";
import { parseArgs } from "node:util";
import { RuntimeError } from "../../runtime/errors.ts";
import { type Config, loadConfig } from "../config.ts";
import { createEgress } from "../egress.ts";
import { hostOf } from "../egress-address.ts";
import { isHubId, pullModel } from "../embed/hub.ts";
import { type Dtype, dtypes } from "../embed/kinds.ts";
import { missingFiles } from "../embed/model-folder.ts";
import { type ListedModel, listModel, listModels } from "../embed/model-list.ts";

const options = {
  dtype: { type: "string" },
  revision: { type: "string" },
  verify: { type: "boolean" },
} as const;

const MB = 1_000_000;
/** Progress is shown no more often. */
const SHOW_MS = 200;

/** `pull ID` or `list`. */
export async function run(args: readonly string[]): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      ...{ args: [...args], options, strict: true, allowPositionals: true },
    });
    const [what, id, ...more] = positionals;
    if (what === "list" && id === undefined) {
      return await list(await loadConfig(), values.verify === true);
    }
    if (what !== "pull" || id === undefined || more.length > 0) {
      throw new RuntimeError("INVALID", "say pull and one model, or list; troupe help models");
    }
    const dtype = dtypes.find((one) => one === (values.dtype ?? "q8"));
    if (dtype === undefined) {
      throw new RuntimeError("INVALID", `--dtype is one of ${dtypes.join(", ")}`);
    }
    await pull(await loadConfig(), id, dtype, values.revision ?? "main");
    return 0;
  } catch (error) {
    console.error(`troupe models: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}

async function pull(config: Config, id: string, dtype: Dtype, revision: string): Promise<void> {
  if (!isHubId(id)) throw new RuntimeError("INVALID", `"${id}" is no id of a model, like org/name`);
  const folder = join(config.models, id);
  const egress = createEgress({ allowedHosts: [hostOf(new URL(config.hub))] });
  const show = progress();
  try {
    const { commit, fetched, kept } = await pullModel({
      ...{ hub: config.hub, token: config.hubToken, id, revision, dtype, folder, egress },
      onProgress: show.step,
    });
    show.end();
    const done = fetched.length === 0 ? "nothing was missing" : `fetched ${fetched.length} files`;
    console.log(`${id} (${dtype}) at ${commit.slice(0, 12)}: ${done}, ${kept.length} were there.`);
    console.log(`It is in ${folder}. To use it, write in troupe.yaml:\n`);
    const type = dtype === "q8" ? "" : `, dtype: ${dtype}`;
    const name = (id.split("/").at(-1) ?? id).toLowerCase().replace(/[^a-z0-9_-]/g, "-");
    console.log(`embedders:\n  - { name: ${name}, model: ${id}${type} }`);
  } finally {
    show.end();
    egress.close();
  }
}

/** One line that is written over on a terminal; a line a file elsewhere. */
function progress(): { step(path: string, bytes: number, size: number): void; end(): void } {
  const isTerminal = process.stderr.isTTY === true;
  let shownAt = 0;
  let isOpen = false;
  return {
    step(path, bytes, size) {
      const isDone = bytes >= size;
      const now = Date.now();
      if (!isDone && (!isTerminal || now - shownAt < SHOW_MS)) return;
      shownAt = now;
      const line = `${path}  ${(bytes / MB).toFixed(1)} of ${(size / MB).toFixed(1)} MB`;
      process.stderr.write(isTerminal ? `\r\u001b[K${line}${isDone ? "\n" : ""}` : `${line}\n`);
      isOpen = isTerminal && !isDone;
    },
    end() {
      if (isOpen) process.stderr.write("\n");
      isOpen = false;
    },
  };
}

/** @returns 1 when a configured model cannot be used, or a file is not what was fetched. */
async function list(config: Config, verify: boolean): Promise<number> {
  const models = [...(await listModels(config.models, { verify }))];
  let isWrong = models.some(({ problems }) => problems.length > 0);
  const wanted = [
    ...config.embedders.map((one) => ({ ...one, what: "embedder" })),
    ...config.rerankers.map((one) => ({ ...one, what: "re-ranker" })),
  ];
  for (const one of wanted) {
    if (one.kind !== "local") continue;
    const { model, folder, dtype, name, what } = one;
    let found = models.find((other) => other.folder === folder);
    if (found === undefined) {
      found = await listModel(model, folder, { verify });
      models.push(found);
    }
    if (!found.dtypes.includes(dtype)) {
      isWrong = true;
      const need = `the ${what} "${name}" needs ${dtype}: troupe models pull ${model} --dtype ${dtype}`;
      const lacks = (await missingFiles(folder, dtype)).map(
        (path) => `missing: ${join(folder, path)}`,
      );
      const problems = new Set([...found.problems, ...lacks, need]);
      models[models.indexOf(found)] = { ...found, problems: [...problems] };
    }
  }
  if (models.length === 0) {
    console.log(`There are no models in ${config.models}. troupe models pull fetches one.`);
  }
  for (const model of models) console.log(lineOf(model));
  return isWrong ? 1 : 0;
}

function lineOf({ name, dtypes: whole, problems, bytes, commit }: ListedModel): string {
  const state = whole.length === 0 ? "not complete" : whole.join(", ");
  const size = bytes === 0 ? "" : `  ${(bytes / MB).toFixed(1)} MB`;
  const at = commit === null ? "" : `  at ${commit.slice(0, 12)}`;
  return [`${name}  ${state}${size}${at}`, ...problems.map((problem) => `    ${problem}`)].join(
    "\n",
  );
}
