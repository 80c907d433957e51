// Runs a script of a skill: Python and shell in a sandboxed process with a copy of the skill's files in /skill,
// JavaScript in QuickJS, as a module whose default export is called with its arguments and its input.

import type { SkillScriptOutcome, SkillScriptRequest } from "../../actors/skills/script.ts";
import { ScriptFailure } from "./outcome.ts";
import { runRunner } from "./run-python.ts";
import { runScript } from "./run-script.ts";

/** Runs it. It does not throw: what goes wrong is the outcome. */
export async function runSkillScript(
  request: SkillScriptRequest,
  hidden: readonly string[],
): Promise<SkillScriptOutcome> {
  if (request.runner === "javascript") return await inQuickJs(request);
  try {
    return await inProcess(request, hidden);
  } catch (error) {
    if (!(error instanceof ScriptFailure)) throw error;
    return { type: "failed", code: error.code, message: error.message };
  }
}

async function inProcess(
  request: SkillScriptRequest,
  hidden: readonly string[],
): Promise<SkillScriptOutcome> {
  const { runner, path, files, arguments: args, input } = request;
  const { timeoutMs, memoryMb, outputBytes, logBytes } = request;
  const told = {
    ...{ do: "script", runner, path, arguments: args, input },
    files: files.map((one) => ({
      path: one.path,
      base64: Buffer.from(one.bytes).toString("base64"),
    })),
  };
  const bounds = { timeoutMs, memoryMb, outputBytes, logBytes };
  const { type, code, output, log } = await runRunner(told, bounds, hidden);
  if (type === "time") {
    throw new ScriptFailure("DEADLINE", `The script took longer than ${timeoutMs} ms.`);
  }
  if (type === "memory") {
    const text = `The script needed more than ${memoryMb} MiB of memory.`;
    throw new ScriptFailure("TASK_MEMORY", text);
  }
  const exit_code = type === "output" ? null : code;
  return { type: "done", exit_code, stdout: output.toString(), stderr: log };
}

async function inQuickJs({
  path,
  files,
  arguments: args,
  input,
  timeoutMs,
  memoryMb,
  outputBytes,
  logBytes,
}: SkillScriptRequest): Promise<SkillScriptOutcome> {
  const code = Buffer.from(files.find((one) => one.path === path)?.bytes ?? []).toString();
  const outcome = await runScript({
    ...{ code, file: path.slice(path.lastIndexOf("/") + 1), args: { arguments: args, input } },
    ...{ tools: [], answers: [], nowMs: Date.now(), seed: 0, timeoutMs, memoryMb },
  });
  const stderr = outcome.logs.join("\n").slice(0, logBytes);
  if (outcome.type === "failed") {
    return { type: "failed", code: outcome.code, message: outcome.message };
  }
  const value = outcome.type === "done" ? outcome.value : null;
  const stdout = typeof value === "string" ? value : JSON.stringify(value);
  const isWhole = Buffer.byteLength(stdout) <= outputBytes;
  if (isWhole) return { type: "done", exit_code: 0, stdout, stderr };
  const cut = Buffer.from(stdout).subarray(0, outputBytes).toString();
  return { type: "done", exit_code: null, stdout: cut, stderr };
}
