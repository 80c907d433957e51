// Runs a module of Python in a sandboxed process: as with JavaScript, a run that waits for tools ends with the calls
// that it wants and is run anew with what they gave. Whatever it does, what comes back is plain data of a limited size.

import { readFile } from "node:fs/promises";
import {
  type ScriptOutcome,
  type ScriptRequest,
  scriptLimits,
} from "../../actors/tools/script-run.ts";
import { findSandbox } from "./bubblewrap.ts";
import { callsOf, plainOf, ScriptFailure } from "./outcome.ts";
import { type EndedProcess, runProcess } from "./process.ts";

/** The worst of letters has six in JSON of ASCII; and what stands around it. */
const OUTPUT_BYTES = 6 * scriptLimits.resultChars + 64 * 1_024;
/** Four bytes a character. */
const LOG_BYTES = 4 * scriptLimits.logChars;
/** The runner beside this file's source: it is Python, which no build touches. */
const runner = new URL("../../../adapters/sandbox/runner.py", import.meta.url);

/** One tool of a module, as it says itself. */
export interface PythonTool extends Readonly<Record<string, unknown>> {
  /** Null: `run`. */
  readonly name: string | null;
}

/** Runs a function of a module. It does not throw: what goes wrong is the outcome. */
export async function runPython(
  request: ScriptRequest,
  hidden: readonly string[],
): Promise<ScriptOutcome> {
  let logs: readonly string[] = [];
  try {
    const { file, code, entry = null, args, tools, answers, nowMs, seed } = request;
    const input = { do: "call", code, file, entry, args: args ?? {}, tools, answers };
    const ended = await runRunner({ ...input, now_ms: nowMs, seed }, request, hidden);
    logs = linesOf(ended.log);
    const said = saidOf(ended, request);
    if (said["type"] === "done") return { type: "done", value: plainOf(said["value"]), logs };
    if (said["type"] === "calls") {
      return { type: "calls", calls: callsOf(said["calls"], request), logs };
    }
    throw failureOf(said, request);
  } catch (error) {
    if (!(error instanceof ScriptFailure)) throw error;
    return { type: "failed", code: error.code, message: error.message, logs };
  }
}

/** The tools of a module. @throws ScriptFailure. */
export async function describePython(
  { code, file }: Pick<ScriptRequest, "code" | "file">,
  hidden: readonly string[],
): Promise<readonly PythonTool[]> {
  const { processTimeoutMs: timeoutMs, processMemoryMb: memoryMb, moduleTools } = scriptLimits;
  const request = { file, timeoutMs, memoryMb };
  const input = { do: "describe", code, file, now_ms: Date.now(), seed: 0 };
  const said = saidOf(await runRunner(input, request, hidden), request);
  const { type, tools } = said;
  if (type !== "tools" || !Array.isArray(tools)) throw failureOf(said, request);
  if (tools.length > moduleTools) {
    const text = `It has ${tools.length} functions that are tools; a module has at most ${moduleTools}.`;
    throw new ScriptFailure("SCRIPT_FAILED", text);
  }
  return (tools as readonly Partial<PythonTool>[]).map((one) => ({
    ...one,
    name: typeof one?.name === "string" ? one.name.slice(0, 64) : null,
  }));
}

type Limits = Pick<ScriptRequest, "file" | "timeoutMs" | "memoryMb">;
type Ended = Exclude<EndedProcess, { readonly type: "absent" }>;

interface RunnerLimits extends Omit<Limits, "file"> {
  /** Of its standard output and error. */
  readonly outputBytes?: number;
  readonly logBytes?: number;
}

/** Gives the runner one request. @throws ScriptFailure where there is no sandbox. */
export async function runRunner(
  input: object,
  { timeoutMs, memoryMb, outputBytes = OUTPUT_BYTES, logBytes = LOG_BYTES }: RunnerLimits,
  hidden: readonly string[],
): Promise<Ended> {
  const found = await findSandbox(hidden);
  if (!found.ok) throw new ScriptFailure("SANDBOX_UNAVAILABLE", found.problem);
  const { calls, callChars, resultChars, errorChars } = scriptLimits;
  const { processes, openFiles: files, fileMib } = scriptLimits;
  const limits = {
    ...{ calls, call_chars: callChars, result_chars: resultChars, error_chars: errorChars },
    ...{ processes, files, file_mib: fileMib, memory_mib: memoryMb },
    cpu_seconds: Math.ceil(timeoutMs / 1_000) + 1,
  };
  const ended = await runProcess(found.sandbox, ["python3", "-c", await runnerText()], {
    ...{ input: JSON.stringify({ ...input, limits }), timeoutMs },
    ...{ outputBytes, logBytes, memoryMib: memoryMb },
  });
  if (ended.type !== "absent") return ended;
  throw new ScriptFailure("SANDBOX_UNAVAILABLE", "There is no bwrap any more.");
}

let text: Promise<string> | undefined;

/** Read once a thread. */
function runnerText(): Promise<string> {
  text ??= readFile(runner, "utf8");
  return text;
}

type Said = Readonly<Record<string, unknown>>;

/** What a process has said in its one line. @throws ScriptFailure for one that was cut or has said nothing. */
function saidOf(ended: Ended, { timeoutMs, memoryMb }: Limits): Said {
  if (ended.type === "time") {
    throw new ScriptFailure("DEADLINE", `The script took longer than ${timeoutMs} ms.`);
  }
  if (ended.type === "memory") throw tooLarge(memoryMb);
  if (ended.type === "output") {
    throw new ScriptFailure("SCRIPT_FAILED", `The script said more than ${OUTPUT_BYTES} bytes.`);
  }
  const line = ended.output.toString().split("\n", 1)[0] ?? "";
  let said: unknown;
  try {
    said = JSON.parse(line);
  } catch {
    // Ended before it had an answer: by a signal, or by itself.
  }
  if (typeof said === "object" && said !== null) return said as Said;
  const how = ended.code === null ? "" : ` with the code ${ended.code}`;
  throw new ScriptFailure("SCRIPT_FAILED", `The script ended${how} before it had a result.`);
}

function failureOf(
  { type, name, message, line, column }: Said,
  { memoryMb }: Omit<Limits, "timeoutMs">,
): ScriptFailure {
  if (type === "memory") return tooLarge(memoryMb);
  const clip = (one: unknown): string => String(one ?? "").slice(0, scriptLimits.errorChars);
  const at = (one: unknown): number | undefined =>
    typeof one === "number" && Number.isInteger(one) && one > 0 ? one : undefined;
  const [inLine, inColumn] = [at(line), at(column)];
  const behind = inColumn === undefined ? "" : `, column ${inColumn}`;
  const where = inLine === undefined ? "" : ` (line ${inLine}${behind})`;
  const what = typeof name === "string" ? `${clip(name)}: ` : "";
  return new ScriptFailure("SCRIPT_FAILED", `${what}${clip(message)}${where}`, {
    ...(inLine !== undefined && { line: inLine }),
    ...(inColumn !== undefined && { column: inColumn }),
  });
}

function tooLarge(memoryMb: number): ScriptFailure {
  return new ScriptFailure("TASK_MEMORY", `The script needed more than ${memoryMb} MiB of memory.`);
}

/** What was printed, for the log. */
export function linesOf(log: string): readonly string[] {
  const lines = log
    .slice(0, scriptLimits.logChars)
    .split("\n")
    .filter((line) => line !== "");
  return lines.slice(0, scriptLimits.logLines);
}
