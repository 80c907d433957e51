// The sandboxes' work as tasks of the compute pool. A module of its own: a thread that runs scripts loads nothing else.
// Its address says what no sandboxed process may see of the folders that it is shown: `?hidden=...`, once for each.

import type { SkillScriptOutcome, SkillScriptRequest } from "../../actors/skills/script.ts";
import type { ReadScript, ScriptOutcome, ScriptRequest } from "../../actors/tools/script-run.ts";
import type { SentScript } from "./read-script.ts";

const hidden = new URL(import.meta.url).searchParams.getAll("hidden");

/** Runs a script. */
export async function runScriptTask(input: unknown): Promise<ScriptOutcome> {
  const request = input as ScriptRequest;
  if (request.language === "python") {
    return await (await import("./run-python.ts")).runPython(request, hidden);
  }
  return await (await import("./run-script.ts")).runScript(request);
}

/** Reads a file of a script. */
export async function readScriptTask(input: unknown): Promise<ReadScript> {
  return await (await import("./read-script.ts")).readScript(input as SentScript, hidden);
}

/** Runs a script of a skill. */
export async function runSkillScriptTask(input: unknown): Promise<SkillScriptOutcome> {
  const { runSkillScript } = await import("./run-skill-script.ts");
  return await runSkillScript(input as SkillScriptRequest, hidden);
}
