// The sandbox's work as tasks of the compute pool. A module of its own: a thread that runs scripts loads nothing else.

import type { ReadScript, ScriptOutcome, ScriptRequest } from "../../actors/tools/script-run.ts";
import type { SentScript } from "./read-script.ts";
import { runScript } from "./run-script.ts";

/** Runs a script. */
export async function runScriptTask(input: unknown): Promise<ScriptOutcome> {
  return await runScript(input as ScriptRequest);
}

/** Reads a file of a script. */
export async function readScriptTask(input: unknown): Promise<ReadScript> {
  return await (await import("./read-script.ts")).readScript(input as SentScript);
}
