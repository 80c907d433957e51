// One call of a script: it is run until it has a result or wants tools, these are called as steps of the run on the
// terms that hold for a model's calls, and it is run anew with what they gave. A call that a person has to agree to
// may take days, and a crash in between loses nothing.

import { createHash } from "node:crypto";
import type { Attempt } from "../../runtime/actor.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { checkedCall } from "../guard/guard-of.ts";
import { addUsage, noUsage } from "../money/spent.ts";
import type { Usage } from "../ports.ts";
import type { Permission } from "../records/tool.ts";
import { performCall } from "./calls.ts";
import { failure } from "./result.ts";
import {
  runScriptTask,
  type ScriptAnswer,
  type ScriptCall,
  type ScriptConfig,
  type ScriptFile,
  type ScriptLanguage,
  type ScriptOutcome,
  type ScriptRequest,
  scriptLimits,
} from "./script-run.ts";
import type { Arguments, RunTool } from "./tool.ts";
import type { ToolPlace, ToolTerms } from "./tool-type.ts";

/** One call. */
export interface ScriptWork {
  readonly config: ScriptConfig;
  readonly terms: ToolTerms;
  readonly given: Arguments;
  /** Prefix of the keys of its steps. */
  readonly key: string;
}

type Result = Awaited<ReturnType<RunTool["within"]>>;
type Source = NonNullable<Result["sources"]>[number];

/** Runs it to its end. What goes wrong with the script is its result. */
export async function performScript(place: ToolPlace, work: ScriptWork): Promise<Result> {
  const { context } = place;
  const { config, given, key } = work;
  checkArguments(given);
  const digest = createHash("sha256").update(`${context.id}/${key}`).digest();
  const nowMs = await context.now(`${key}:now`);
  const answers: ScriptAnswer[] = [];
  const sources: Source[] = [];
  let usage: Usage = noUsage;
  for (let round = 1; round <= scriptLimits.rounds; round += 1) {
    const request: Asked = {
      ...{ args: given, tools: config.tools ?? [] },
      ...{ answers: [...answers], nowMs, seed: digest.readInt32LE(0) },
    };
    const outcome = await runOnce(place, work, request, round);
    if (outcome.type === "done") return { result: outcome.value ?? null, usage, sources };
    if (outcome.type === "failed") {
      return { result: failure(outcome.code, outcome.message), usage, sources };
    }
    const before = answers.length;
    const called = await Promise.all(
      outcome.calls.map((call, at) => callTool(place, work, call, before + at + 1)),
    );
    for (const one of called) {
      answers.push(one.answer);
      sources.push(...one.sources);
      usage = addUsage(usage, one.usage);
    }
  }
  const text = `The script has waited for tools ${scriptLimits.rounds} times, which is the most.`;
  return { result: failure("SCRIPT_FAILED", text), usage, sources };
}

function checkArguments(given: Arguments): void {
  const { argumentChars } = scriptLimits;
  const chars = JSON.stringify(given).length;
  if (chars <= argumentChars) return;
  const text = `The arguments have ${chars} characters as JSON; a script takes ${argumentChars}.`;
  throw new RuntimeError("INVALID", text);
}

/** A request before its code is there. */
type Asked = Pick<ScriptRequest, "args" | "tools" | "answers" | "nowMs" | "seed">;

/** One run, as a step. */
async function runOnce(
  { context, owner }: ToolPlace,
  { key, config }: ScriptWork,
  asked: Asked,
  round: number,
): Promise<ScriptOutcome> {
  const { tenant, ports } = context;
  const { waitMs, threadMs, processTimeoutMs } = scriptLimits;
  const run = async ({ signal }: Attempt): Promise<ScriptOutcome> => {
    const code = await codeOf(config, context);
    if (code === null) {
      const message = `There is no script ${config.file} in the server's folder.`;
      return { type: "failed", code: "NOT_FOUND", message, logs: [] };
    }
    const bounds = boundsOf(config, code.language);
    const { timeoutMs, memoryMb } = bounds;
    const request: ScriptRequest = { ...asked, ...code, ...bounds };
    const runMs = timeoutMs + threadMs;
    const options = { tenant, key: owner, timeoutMs: waitMs + runMs, runMs };
    try {
      const outcome = await ports.compute.run(runScriptTask, request, { ...options, signal });
      return outcome as ScriptOutcome;
    } catch (error) {
      const fault = faultOf(error, { timeoutMs, memoryMb });
      if (fault === null) throw error;
      return { type: "failed", ...fault, logs: [] };
    }
  };
  return await context.step<ScriptOutcome>(
    `${key}:run:${round}`,
    async (attempt) => {
      const outcome = await run(attempt);
      const { type, logs } = outcome;
      // A run that waits for tools is repeated, with what it said so far.
      if (type !== "calls" && logs.length > 0) {
        ports.log?.write("info", "A script says:", { tenant, run: context.id, lines: logs });
      }
      return outcome;
    },
    {
      repeat: "safe",
      timeoutMs: waitMs + 2 * threadMs + (config.timeout_ms ?? processTimeoutMs),
    },
  );
}

/** What bounds one run, by what runs it. */
function boundsOf(
  { timeout_ms, memory_mb }: ScriptConfig,
  language: ScriptLanguage,
): Pick<ScriptRequest, "timeoutMs" | "memoryMb"> {
  const most = scriptLimits;
  if (language === "python") {
    const memoryMb = memory_mb ?? most.processMemoryMb;
    const timeoutMs = timeout_ms ?? most.processTimeoutMs;
    return { timeoutMs, memoryMb: Math.max(memoryMb, most.processMemoryMbMin) };
  }
  const timeoutMs = Math.min(timeout_ms ?? most.timeoutMs, most.timeoutMsMax);
  return { timeoutMs, memoryMb: Math.min(memory_mb ?? most.memoryMb, most.memoryMbMax) };
}

type Code = Pick<ScriptFile, "code" | "language" | "entry"> & Pick<ScriptRequest, "file">;

async function codeOf(
  { code: own, file: name = "" }: ScriptConfig,
  { tenant, ports }: ToolPlace["context"],
): Promise<Code | null> {
  if (own !== undefined) {
    return { code: own, language: "javascript", entry: null, file: "script.js" };
  }
  const found = await ports.scripts?.find({ tenant, name });
  if (found === undefined || found === null) return null;
  const { code, language, entry } = found;
  const [module = ""] = name.split(".");
  return { code, language, entry, file: `${module}.${language === "python" ? "py" : "js"}` };
}

/** What a script did to its thread, which is ended: only this call fails. Null: the script did nothing. */
function faultOf(
  error: unknown,
  { timeoutMs, memoryMb }: Pick<ScriptRequest, "timeoutMs" | "memoryMb">,
): Pick<Extract<ScriptOutcome, { type: "failed" }>, "code" | "message"> | null {
  if (!(error instanceof RuntimeError)) return null;
  const { code, details } = error;
  if (code === "DEADLINE" && details?.["phase"] === "running") {
    return { code, message: `The script took longer than ${timeoutMs} ms.` };
  }
  if (code === "TASK_MEMORY") {
    return { code, message: `The script needed more than ${memoryMb} MiB of memory.` };
  }
  if (code !== "INTERNAL") return null;
  return { code: "SCRIPT_FAILED", message: "The script has ended its thread." };
}

interface Called {
  readonly answer: ScriptAnswer;
  readonly usage: Usage;
  readonly sources: readonly Source[];
}

/** A call that the script makes: as a model's, it is checked, permitted, confirmed, counted and told in the audit. */
async function callTool(
  { context, others }: ToolPlace,
  { terms, key }: ScriptWork,
  wanted: ScriptCall,
  number: number,
): Promise<Called> {
  const permissions: ReadonlySet<Permission> = terms.permissions;
  const tool = others?.(wanted.name, permissions);
  const name = `${key.replace(/^tool:/, "")}.s${number}`;
  const asked = { id: name, name: wanted.name, arguments: objectText(wanted.arguments) };
  const asking = <T>(answer: Promise<T>): Promise<T> => answer;
  const { call, blocked } = await checkedCall(context, name, asked, asking);
  const place = { name, show: false, ...(blocked !== null && { blocked }) };
  const performed = await performCall(context, tool, call, place);
  const { result, usage = noUsage, sources = [] } = performed;
  const { error } = (result ?? {}) as { readonly error?: ScriptAnswer["error"] };
  const isFailed = typeof error?.code === "string" && typeof error.message === "string";
  const answer = { ...wanted, value: result ?? null, ...(isFailed && { error }) };
  return { answer, usage, sources };
}

/** What is no JSON object is told to be none by who checks the call. */
function objectText(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? text : "{}";
  } catch {
    return "{}";
  }
}
