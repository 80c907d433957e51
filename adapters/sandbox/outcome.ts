// What a sandbox says of a run, read as data: a script can make it say anything of this form, and that alone.

import {
  type ScriptCall,
  type ScriptFault,
  type ScriptRequest,
  scriptLimits,
} from "../../actors/tools/script-run.ts";

/** What is wrong, where a script is told. */
export class ScriptFailure extends Error {
  readonly code: ScriptFault;
  readonly line: number | undefined;
  readonly column: number | undefined;

  constructor(code: ScriptFault, message: string, at: { line?: number; column?: number } = {}) {
    super(message);
    this.code = code;
    this.line = at.line;
    this.column = at.column;
  }
}

/** Calls that a script asks for. @throws ScriptFailure for those that it may not make. */
export function callsOf(
  said: unknown,
  { answers, tools }: Pick<ScriptRequest, "answers" | "tools">,
): readonly ScriptCall[] {
  const calls = Array.isArray(said) ? (said as readonly Partial<ScriptCall>[]) : [];
  const { calls: callsMax, callChars } = scriptLimits;
  const known = calls.flatMap(({ name, arguments: given }) =>
    typeof name === "string" && typeof given === "string" && tools.includes(name)
      ? [{ name, arguments: given }]
      : [],
  );
  const areSmall = known.every((one) => one.arguments.length <= callChars);
  const fits = calls.length > 0 && answers.length + calls.length <= callsMax;
  if (known.length === calls.length && areSmall && fits) return known;
  throw new ScriptFailure("SCRIPT_FAILED", "The script asks for calls that it may not make.");
}

/** Lines for the log. */
export function textsOf(said: unknown): readonly string[] {
  if (!Array.isArray(said)) return [];
  const { logLines, logChars } = scriptLimits;
  const texts = said.filter((one): one is string => typeof one === "string").slice(0, logLines);
  return texts.map((one) => one.slice(0, logChars));
}

/**
 * A value without members of the name __proto__: set on an object by someone who copies them, they change what it
 * inherits. @throws ScriptFailure for one that is nested too deeply.
 */
export function plainOf(value: unknown, levels: number = scriptLimits.resultDepth): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (levels === 0) {
    const text = `The result has more than ${scriptLimits.resultDepth} levels of lists and objects.`;
    throw new ScriptFailure("SCRIPT_FAILED", text);
  }
  if (Array.isArray(value)) return value.map((one) => plainOf(one, levels - 1));
  const members = Object.entries(value).filter(([name]) => name !== "__proto__");
  return Object.fromEntries(members.map(([name, one]) => [name, plainOf(one, levels - 1)]));
}
