// Runs one script in an engine of its own, on a thread of the compute pool. It can do nothing but compute, and ask
// for calls of the tools whose names it is given. Whatever it does, what comes back is plain data of a limited size.

import type { QuickJSContext, QuickJSHandle } from "quickjs-emscripten-core";
import {
  type ScriptOutcome,
  type ScriptRequest,
  scriptLimits,
} from "../../actors/tools/script-run.ts";
import { type GuestInput, guestSource } from "./guest.ts";
import { newEngine } from "./instance.ts";
import { callsOf, plainOf, ScriptFailure, textsOf } from "./outcome.ts";

/** Jobs between two looks at the clock. */
const JOBS_AT_ONCE = 1_000;

/** Runs it. It does not throw: what goes wrong is the outcome. */
export async function runScript(request: ScriptRequest): Promise<ScriptOutcome> {
  try {
    const space = await openScript(request);
    return space.work(() => {
      space.call("start", space.module);
      space.drain();
      return outcomeOf(JSON.parse(space.text("state")), request);
    });
  } catch (error) {
    const { code, message } = error instanceof ScriptFailure ? error : brokenOf(error);
    return { type: "failed", code, message, logs: [] };
  }
}

/** A module that was evaluated, and the guest's side of it. */
export interface ScriptSpace {
  readonly module: QuickJSHandle;
  /** Does something with it. @throws ScriptFailure. */
  work<T>(what: () => T): T;
  call(name: string, argument?: QuickJSHandle): QuickJSHandle;
  text(name: string, argument?: QuickJSHandle): string;
  /** Runs what was put off. */
  drain(): void;
}

/** Evaluates the module of a script. @throws ScriptFailure. */
export async function openScript(request: ScriptRequest): Promise<ScriptSpace> {
  const clock = { endsAtMs: Number.POSITIVE_INFINITY };
  const isOver = (): boolean => performance.now() > clock.endsAtMs;
  const context = await newEngine({ memoryMib: request.memoryMb, isOver });
  const guest = guestOf(context, request);
  clock.endsAtMs = performance.now() + request.timeoutMs;

  const call = (name: string, ...of: QuickJSHandle[]): QuickJSHandle => {
    const done = context.callFunction(context.getProp(guest, name), context.undefined, ...of);
    if (!done.error) return done.value;
    if (name !== "told") throw failureOf(text("told", done.error), request);
    throw new ScriptFailure("SCRIPT_FAILED", "What the script threw cannot be read.");
  };
  const text = (name: string, ...of: QuickJSHandle[]): string =>
    context.getString(call(name, ...of));
  const work = <T>(what: () => T): T => {
    try {
      return what();
    } catch (error) {
      if (isOver()) throw tooSlow(request);
      throw error instanceof ScriptFailure ? error : brokenOf(error);
    }
  };
  const drain = (): void => {
    for (;;) {
      const done = context.runtime.executePendingJobs(JOBS_AT_ONCE);
      if (isOver()) throw tooSlow(request);
      if (done.error) throw failureOf(text("told", done.error), request);
      if (done.value === 0) return;
    }
  };
  const module = work(() => {
    const done = context.evalCode(request.code, request.file, { type: "module", strict: true });
    if (!done.error) return done.value;
    if (isOver()) throw tooSlow(request);
    throw failureOf(text("told", done.error), request);
  });
  return {
    module,
    work,
    call: (name, argument) => call(name, ...(argument ? [argument] : [])),
    text: (name, argument) => text(name, ...(argument ? [argument] : [])),
    drain,
  };
}

function guestOf(context: QuickJSContext, request: ScriptRequest): QuickJSHandle {
  const { args, tools, answers, nowMs, seed } = request;
  const { calls, callChars, resultChars, logLines, logChars, errorChars } = scriptLimits;
  const limits = { calls, callChars, resultChars, logLines, logChars, errorChars };
  const input: GuestInput = { nowMs, seed, args: args ?? null, tools, answers, limits };
  const made = context.unwrapResult(context.evalCode(guestSource, "host"));
  const given = context.newString(JSON.stringify(input));
  const done = context.callFunction(made, context.undefined, given);
  if (!done.error) return done.value;
  const text = `The arguments do not fit into the script's memory of ${request.memoryMb} MiB.`;
  throw new ScriptFailure("TASK_MEMORY", text);
}

interface GuestError {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
}

/** What the guest's side says of itself. A script can have it say anything of this form, and that alone. */
function outcomeOf(said: unknown, request: ScriptRequest): ScriptOutcome {
  const { type, value, calls, error, logs } = (said ?? {}) as Readonly<Record<string, unknown>>;
  const lines = textsOf(logs);
  if (type === "done") return { type, value: plainOf(value), logs: lines };
  if (type === "calls") return { type, calls: callsOf(calls, request), logs: lines };
  const { code, message } = failureOf(JSON.stringify(error ?? {}), request);
  return { type: "failed", code, message, logs: lines };
}

function failureOf(said: string, { file, memoryMb }: ScriptRequest): ScriptFailure {
  const { name, message, stack } = JSON.parse(said) as GuestError;
  const clip = (one: unknown): string => String(one ?? "").slice(0, scriptLimits.errorChars);
  const needed = `The script needed more than ${memoryMb} MiB of memory`;
  if (name === "InternalError" && message === "out of memory") {
    return new ScriptFailure("TASK_MEMORY", `${needed}.`);
  }
  // The engine throws it where no memory is left for an error.
  if (name === "null") return new ScriptFailure("TASK_MEMORY", `${needed}, or it threw null.`);
  const at = placeIn(clip(stack), file);
  const where = at === undefined ? "" : ` (line ${at.line}, column ${at.column})`;
  const text = `${clip(name)}: ${clip(message)}${where}`;
  return new ScriptFailure("SCRIPT_FAILED", text, at);
}

/** The first place in the script's own file. */
function placeIn(stack: string, file: string): { line: number; column: number } | undefined {
  for (const line of stack.split("\n")) {
    const at = line.lastIndexOf(`${file}:`);
    const place = at === -1 ? null : /^(\d+):(\d+)/.exec(line.slice(at + file.length + 1));
    if (place !== null) return { line: Number(place[1]), column: Number(place[2]) };
  }
  return undefined;
}

/** The engine itself has given up: it is used no more, as after every run. */
function brokenOf(error: unknown): ScriptFailure {
  const what = error instanceof RangeError ? "is nested too deeply" : "broke its engine";
  return new ScriptFailure("SCRIPT_FAILED", `What the script did ${what}.`);
}

function tooSlow({ timeoutMs }: ScriptRequest): ScriptFailure {
  return new ScriptFailure("DEADLINE", `The script took longer than ${timeoutMs} ms.`);
}
