// What is asked of the sandbox and what comes of it, as plain data. A run of a script is a function of what it is
// given: where it waits for tools it ends with the calls that it wants, and is run anew, from its beginning, with
// what they gave. So nothing is held while a person decides about a call, or while the server is down.

import type { ErrorCode } from "../../runtime/errors.ts";
import type { Permission } from "../records/tool.ts";

/** Names of the tasks in the compute pool. */
export const runScriptTask = "script.run";
export const readScriptTask = "script.read";

/** Limits of scripts. */
export const scriptLimits = {
  /** A script in a configuration, and a file of one, characters. */
  codeChars: 64_000,
  fileChars: 256 * 1_024,
  /** One run of a script: default and most, ms. */
  timeoutMs: 1_000,
  timeoutMsMax: 30_000,
  /** So much longer it has to begin, and where it does not listen; then its thread is ended, ms. */
  threadMs: 3_000,
  /** Memory of one run: default, least and most, MiB. */
  memoryMb: 32,
  memoryMbMin: 1,
  memoryMbMax: 256,
  /** The same of a process: default, least and most. */
  processTimeoutMs: 10_000,
  processTimeoutMsMax: 60_000,
  processMemoryMb: 256,
  processMemoryMbMin: 64,
  processMemoryMbMax: 2_048,
  /** Processes and threads at once, open files, and bytes of one file, in MiB. */
  processes: 32,
  openFiles: 256,
  fileMib: 64,
  /** Its arguments and its result, characters of JSON. */
  argumentChars: 256 * 1_024,
  resultChars: 256 * 1_024,
  /** Levels of lists and objects within each other in a result. */
  resultDepth: 64,
  /** Tools granted to one, calls that it makes, times that it waits for some, and characters of the arguments of one. */
  tools: 16,
  calls: 32,
  rounds: 16,
  callChars: 64 * 1_024,
  /** What it logs in one run. */
  logLines: 100,
  logChars: 10_000,
  /** Of an error that it throws, or its stack. */
  errorChars: 1_000,
  /** A run may wait so long for a thread, ms. */
  waitMs: 30_000,
  /** Files of the operator's folder. */
  files: 500,
  /** Functions of one module that are tools. */
  moduleTools: 32,
  descriptionChars: 4_000,
} as const;

/** Configuration of a script: its code, or the name of one of the operator's. */
export interface ScriptConfig {
  readonly code?: string;
  readonly file?: string;
  readonly timeout_ms?: number;
  readonly memory_mb?: number;
  readonly tools?: readonly string[];
}

/** A call that a script makes. */
export interface ScriptCall {
  readonly name: string;
  /** As JSON. */
  readonly arguments: string;
}

/** What a call gave. */
export interface ScriptAnswer extends ScriptCall {
  readonly value: unknown;
  /** Set when it failed. */
  readonly error?: { readonly code: string; readonly message: string };
}

/** What a script is written in: JavaScript runs in QuickJS, Python in a sandboxed process. */
export type ScriptLanguage = "javascript" | "python";

/** One run. */
export interface ScriptRequest {
  /** A module: of JavaScript with a default export, of Python with a function. */
  readonly code: string;
  /** Default JavaScript. */
  readonly language?: ScriptLanguage;
  /** Of Python: the function; null: `run`. */
  readonly entry?: string | null;
  /** Of its stacks and messages. */
  readonly file: string;
  readonly args: unknown;
  readonly tools: readonly string[];
  readonly answers: readonly ScriptAnswer[];
  /** What its clock shows, and what its random numbers come from. */
  readonly nowMs: number;
  readonly seed: number;
  readonly timeoutMs: number;
  readonly memoryMb: number;
}

/** Why a script gave nothing. */
export type ScriptFault = Extract<
  ErrorCode,
  "SCRIPT_FAILED" | "DEADLINE" | "TASK_MEMORY" | "NOT_FOUND" | "SANDBOX_UNAVAILABLE"
>;

/** What came of a run. */
export type ScriptOutcome =
  | { readonly type: "done"; readonly value: unknown; readonly logs: readonly string[] }
  | {
      readonly type: "calls";
      readonly calls: readonly ScriptCall[];
      readonly logs: readonly string[];
    }
  | {
      readonly type: "failed";
      readonly code: ScriptFault;
      readonly message: string;
      readonly logs: readonly string[];
    };

/** What a script of the operator's folder says of itself. */
export interface ScriptTerms {
  readonly description: string;
  /** JSON Schema of its arguments. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Without these it is not called; its calls of tools have no others. */
  readonly permissions: readonly Permission[];
}

/** A tool of a file of the operator's folder. */
export interface ScriptFile extends ScriptTerms {
  readonly code: string;
  readonly language: ScriptLanguage;
  /** Of Python: its function; null: `run`. */
  readonly entry: string | null;
}

/** The scripts of the operator's folder, for the tenants that have them. */
export interface Scripts {
  /** Null: there is none for this tenant. */
  find(of: { readonly tenant: string; readonly name: string }): Promise<ScriptFile | null>;
}

/** One of the tools of a file: those that are functions of a module have names of their own. */
export interface ReadTool extends ScriptTerms {
  readonly entry: string | null;
}

/** What reading a file of a script gives. */
export type ReadScript =
  | {
      readonly ok: true;
      readonly code: string;
      readonly language: ScriptLanguage;
      readonly tools: readonly ReadTool[];
    }
  | {
      readonly ok: false;
      readonly problem: string;
      /** Counted from 1, where it is known. */
      readonly line?: number;
      readonly column?: number;
      /** The machine lacks what it needs: it may be readable later, as it is. */
      readonly isUnready?: true;
    };
