// Reads a file of the operator's folder: what is TypeScript loses its types, the module is evaluated in its sandbox,
// and says what it is for. On a thread of the compute pool.

import { compileSchema, loadSchemas } from "../../actors/answer/output-schema.ts";
import { type Permission, permissionNames } from "../../actors/records/tool.ts";
import {
  type ReadScript,
  type ReadTool,
  type ScriptTerms,
  scriptLimits,
} from "../../actors/tools/script-run.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { ScriptFailure } from "./outcome.ts";
import { openScript } from "./run-script.ts";

/** A file as it is. */
export interface SentScript {
  readonly text: string;
  /** Its name with its ending. */
  readonly file: string;
}

interface Place {
  readonly line?: number;
  readonly column?: number;
}

/** A file that is no script. */
class Unreadable extends Error {
  readonly at: Place;

  constructor(problem: string, options: { readonly at?: Place; readonly cause?: unknown } = {}) {
    super(problem, options);
    this.at = options.at ?? {};
  }
}

/** Reads it. It does not throw: what is wrong is told with its place. */
export async function readScript(
  sent: SentScript,
  hidden: readonly string[] = [],
): Promise<ReadScript> {
  try {
    if (sent.file.endsWith(".py")) return await readPython(sent, hidden);
    const code = /\.m?ts$/.test(sent.file) ? await withoutTypes(sent) : sent.text;
    const { isCallable, ...said } = await exportsOf(code, sent.file);
    if (isCallable !== true) {
      throw new Unreadable("It has no `export default async function (args, host)`.");
    }
    const tools = [{ entry: null, ...(await termsOf(said, wordsOf.javascript)) }];
    return { ok: true, code, language: "javascript", tools };
  } catch (error) {
    if (error instanceof Unreadable) return { ok: false, problem: error.message, ...error.at };
    if (!(error instanceof ScriptFailure)) throw error;
    const { code, line, column, message: problem } = error;
    const isUnready = code === "SANDBOX_UNAVAILABLE" && { isUnready: true as const };
    return { ok: false, problem, ...isUnready, ...(line && { line }), ...(column && { column }) };
  }
}

/** Types become spaces, so that lines and columns stay. @throws Unreadable. */
async function withoutTypes({ text, file: filename }: SentScript): Promise<string> {
  // Only a folder with such a file needs it.
  const { transformSync } = await import("amaro");
  try {
    return transformSync(text, { mode: "strip-only", filename }).code;
  } catch (error) {
    // It throws plain objects.
    const { message, startLine, startColumn } = (error ?? {}) as {
      readonly message?: string;
      readonly startLine?: number;
      readonly startColumn?: number;
    };
    const at = startLine === undefined ? {} : { line: startLine, column: (startColumn ?? 0) + 1 };
    const problem = `It is no TypeScript: ${message ?? "it cannot be read"}.`;
    throw new Unreadable(problem, { at, cause: error });
  }
}

/** What the module exports. @throws ScriptFailure. */
async function exportsOf(code: string, file: string): Promise<Readonly<Record<string, unknown>>> {
  const { timeoutMs, memoryMb } = scriptLimits;
  const space = await openScript({
    ...{ code, file, args: null, tools: [], answers: [], nowMs: 0, seed: 0, timeoutMs, memoryMb },
  });
  return space.work(() => JSON.parse(space.text("exports", space.module)));
}

/** What the parts of a file are called in it. */
const wordsOf = {
  javascript: {
    description: "`export const description`",
    parameters: "`export const parameters`",
    permissions: "`export const permissions`",
  },
  python: {
    description: "The docstring, or `description` in TOOL,",
    parameters: "`parameters` in TOOL",
    permissions: "`permissions` in TOOL",
  },
} as const;

/** @throws ScriptFailure, Unreadable. */
async function readPython(
  { text: code, file }: SentScript,
  hidden: readonly string[],
): Promise<ReadScript> {
  const { describePython } = await import("./run-python.ts");
  const tools: ReadTool[] = [];
  for (const { name, ...said } of await describePython({ code, file }, hidden)) {
    tools.push({ entry: name, ...(await termsOf(said, wordsOf.python)) });
  }
  return { ok: true, code, language: "python", tools };
}

async function termsOf(
  { description, parameters, permissions = [] }: Readonly<Record<string, unknown>>,
  words: (typeof wordsOf)[keyof typeof wordsOf],
): Promise<ScriptTerms> {
  const { descriptionChars } = scriptLimits;
  const isText = typeof description === "string" && description.trim() !== "";
  if (!isText || description.length > descriptionChars) {
    throw new Unreadable(`${words.description} is a text of 1 to ${descriptionChars} characters.`);
  }
  const granted = Array.isArray(permissions) ? (permissions as readonly Permission[]) : null;
  if (granted === null || !granted.every((one) => permissionNames.includes(one))) {
    const names = permissionNames.join(", ");
    throw new Unreadable(`${words.permissions} is a list of some of ${names}.`);
  }
  const schema = await schemaOf(parameters, words.parameters);
  return { description, parameters: schema, permissions: granted };
}

async function schemaOf(schema: unknown, name: string): Promise<Readonly<Record<string, unknown>>> {
  const fields = (schema ?? {}) as Readonly<Record<string, unknown>>;
  if (fields["type"] !== "object") {
    throw new Unreadable(`${name} is a JSON Schema with "type": "object".`);
  }
  await loadSchemas();
  try {
    compileSchema(fields, "/parameters");
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    throw new Unreadable(`${name}: ${error.message}`, { cause: error });
  }
  return fields;
}
