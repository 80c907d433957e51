// `troupe init`: makes a project folder in which a server starts and runs as it stands.

import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { RuntimeError } from "../../runtime/errors.ts";
import { CONFIG_FILE } from "../config.ts";
import { readConfigFile } from "../config-file.ts";
import { FURTHER_FILE } from "../config-further.ts";
import { configFields } from "../config-schema.ts";
import { exampleAgent, exampleSettings, exampleTool, projectSettings } from "./init-files.ts";

const options = {
  domain: { type: "string" },
  "client-id": { type: "string" },
  force: { type: "boolean" },
  "with-deps": { type: "boolean" },
} as const;

/** Folders that it makes. */
const folders = ["agents", "tools", "files", "files/incoming", "data", "logs"] as const;

/** Makes it; exit code 1 when files are there and `--force` is not said. */
export async function run(args: readonly string[]): Promise<number> {
  try {
    const parsed = parseArgs({ args: [...args], options, strict: true, allowPositionals: true });
    const { values } = parsed;
    const [named = ".", ...more] = parsed.positionals;
    if (more.length > 0) throw new RuntimeError("INVALID", "name one folder, or none.");
    const folder = resolve(named);
    const files = filesOf(values.domain, values["client-id"]);
    await check(files);
    const there = [...files.keys()].filter((file) => existsSync(join(folder, file)));
    if (there.length > 0 && values.force !== true) {
      const list = there.join(", ");
      throw new RuntimeError("INVALID", `${list} in ${folder} would be overwritten: --force.`);
    }
    for (const one of folders) await mkdir(join(folder, one), { recursive: true });
    for (const [file, text] of files) await writeFile(join(folder, file), text);
    if (values["with-deps"] === true) {
      console.log("--with-deps: there is nothing to install; models and vectors come with Troupe.");
    }
    console.log(madeText(folder, [...files.keys()]));
    return 0;
  } catch (error) {
    console.error(`troupe init: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}

/** Texts by their paths. */
function filesOf(
  domain: string | undefined,
  client: string | undefined,
): ReadonlyMap<string, string> {
  const publicUrl =
    domain === undefined ? null : /^https?:\/\//.test(domain) ? domain : `https://${domain}`;
  return new Map([
    [CONFIG_FILE, projectSettings({ publicUrl, client: client ?? null })],
    [FURTHER_FILE, exampleSettings],
    ["agents/data-processor.yaml", exampleAgent],
    ["tools/row_count.mjs", exampleTool],
  ]);
}

/** What is written must be what a start takes. @throws INVALID. */
async function check(files: ReadonlyMap<string, string>): Promise<void> {
  for (const name of [CONFIG_FILE, FURTHER_FILE]) {
    const { problems } = await readConfigFile(name, files.get(name) ?? "", configFields, {});
    if (problems.length > 0) {
      const said = problems.map((one) => one.replace(/^\S+ /, "")).join("; ");
      throw new RuntimeError("INVALID", `--domain or --client-id cannot be taken: ${said}`);
    }
  }
}

function madeText(folder: string, files: readonly string[]): string {
  const place = relative(process.cwd(), folder);
  return [
    `Made in ${folder}:`,
    ...files.map((file) => `  ${file}`),
    "",
    "What to do next:",
    ...(place === "" ? [] : [`  cd ${place}`]),
    "  troupe start                      the server, the page to chat on, and its admin key",
    "  troupe status                     agents, their runs and their triggers",
    "  troupe logs data-processor -f     what the agent does",
    "  cp some.csv files/incoming/       sets it to work",
    "",
    "Without a provider the built-in answerer answers. A model: OPENAI_API_KEY or ANTHROPIC_API_KEY in the",
    "environment, or `providers:` in troupe.yaml (Ollama: base_url http://127.0.0.1:11434/v1), and `model:` in",
    "agents/data-processor.yaml.",
  ].join("\n");
}
