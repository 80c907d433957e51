// Scripts as tests run them in the sandbox, on the calling thread.

import type { ScriptOutcome, ScriptRequest } from "../../actors/tools/script-run.ts";
import { runScript } from "../../adapters/sandbox/run-script.ts";

/** What the clock of all scripts shows: 2001-09-09T01:46:40Z. */
export const SCRIPT_NOW_MS = 1_000_000_000_000;

/** A request for a whole module. */
export function scriptRequest(code: string, more: Partial<ScriptRequest> = {}): ScriptRequest {
  return {
    ...{ code, file: "script.js", args: { n: 1 }, tools: ["granted"], answers: [] },
    ...{ nowMs: SCRIPT_NOW_MS, seed: 7, timeoutMs: 5_000, memoryMb: 16 },
    ...more,
  };
}

/** Runs the body of `async function (args, host)`. */
export function runBody(body: string, more: Partial<ScriptRequest> = {}): Promise<ScriptOutcome> {
  return runScript(scriptRequest(`export default async function (args, host) {\n${body}\n}`, more));
}
