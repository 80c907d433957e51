// What is asked of the sandbox to run a script of a skill, and what comes of it, as plain data.

import type { ScriptFault } from "../tools/script-run.ts";

/** Name of the task in the compute pool. */
export const skillScriptTask = "skill.script";

/** Limits of one run; the rest is as for scripts in processes. */
export const skillScriptLimits = {
  /** Arguments, characters of one, and characters for its standard input. */
  arguments: 64,
  argumentChars: 4_000,
  inputChars: 64 * 1_024,
  /** Of the characters that a model is shown, for its standard output and error; with more output it is ended. */
  outputShare: 5 / 8,
  logShare: 1 / 8,
  /** Default and most, ms. */
  timeoutMs: 30_000,
  timeoutMsMax: 60_000,
} as const;

/** Folder of a skill that its scripts lie in. */
export const SCRIPTS = "scripts/";

/** What runs a script, by the end of its name: JavaScript in QuickJS, the others in a sandboxed process. */
export const scriptRunners = {
  py: "python",
  sh: "shell",
  js: "javascript",
  mjs: "javascript",
} as const;

/** One of them. */
export type ScriptRunner = (typeof scriptRunners)[keyof typeof scriptRunners];

/** What runs a file of a skill; null: it is no script. */
export function runnerOf(path: string): ScriptRunner | null {
  const ending = path.slice(path.lastIndexOf(".") + 1);
  if (!path.startsWith(SCRIPTS) || !Object.hasOwn(scriptRunners, ending)) return null;
  return scriptRunners[ending as keyof typeof scriptRunners];
}

/** A file of a skill. */
export interface SkillBytes {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** One run. */
export interface SkillScriptRequest {
  readonly runner: ScriptRunner;
  readonly path: string;
  /** All of the skill, or of JavaScript the script alone. */
  readonly files: readonly SkillBytes[];
  readonly arguments: readonly string[];
  readonly input: string;
  readonly outputBytes: number;
  readonly logBytes: number;
  readonly timeoutMs: number;
  readonly memoryMb: number;
}

/** What came of it. */
export type SkillScriptOutcome =
  | {
      readonly type: "done";
      /** Null: it was ended, as it wrote too much. */
      readonly exit_code: number | null;
      readonly stdout: string;
      readonly stderr: string;
    }
  | { readonly type: "failed"; readonly code: ScriptFault; readonly message: string };
