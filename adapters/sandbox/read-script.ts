// Reads a file of the operator's folder: what is TypeScript loses its types, the module is evaluated in the sandbox,
// and says what it is for. On a thread of the compute pool.

import { compileSchema, loadSchemas } from "../../actors/answer/output-schema.ts";
import { type Permission, permissionNames } from "../../actors/records/tool.ts";
import { type ReadScript, scriptLimits } from "../../actors/tools/script-run.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { openScript, ScriptFailure } from "./run-script.ts";

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
export async function readScript(sent: SentScript): Promise<ReadScript> {
  try {
    const code = /\.m?ts$/.test(sent.file) ? await withoutTypes(sent) : sent.text;
    const said = await exportsOf(code, sent.file);
    return { ok: true, code, ...(await termsOf(said)) };
  } catch (error) {
    if (error instanceof Unreadable) return { ok: false, problem: error.message, ...error.at };
    if (!(error instanceof ScriptFailure)) throw error;
    const { line, column, message: problem } = error;
    return { ok: false, problem, ...(line && { line }), ...(column && { column }) };
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

async function termsOf({
  description,
  parameters,
  permissions = [],
  isCallable,
}: Readonly<Record<string, unknown>>) {
  const { descriptionChars } = scriptLimits;
  const isText = typeof description === "string" && description.trim() !== "";
  if (isCallable !== true) {
    throw new Unreadable("It has no `export default async function (args, host)`.");
  }
  if (!isText || description.length > descriptionChars) {
    throw new Unreadable(
      `\`export const description\` is a text of 1 to ${descriptionChars} characters.`,
    );
  }
  const granted = Array.isArray(permissions) ? (permissions as readonly Permission[]) : null;
  if (granted === null || !granted.every((one) => permissionNames.includes(one))) {
    const names = permissionNames.join(", ");
    throw new Unreadable(`\`export const permissions\` is a list of some of ${names}.`);
  }
  return { description, parameters: await schemaOf(parameters), permissions: granted };
}

async function schemaOf(schema: unknown): Promise<Readonly<Record<string, unknown>>> {
  const fields = (schema ?? {}) as Readonly<Record<string, unknown>>;
  if (fields["type"] !== "object") {
    throw new Unreadable('`export const parameters` is a JSON Schema with "type": "object".');
  }
  await loadSchemas();
  try {
    compileSchema(fields, "/parameters");
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    throw new Unreadable(`\`export const parameters\`: ${error.message}`, { cause: error });
  }
  return fields;
}
