// What a schema cannot say about the tools of an agent: their settings are those of their type, their
// names differ, and what a type needs is granted.

import type { ToolTypeName, ToolUse } from "../../../actors/records/tool.ts";
import { builtinTools } from "../../../actors/tools/tool-types.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { loadValidator, validate } from "../validate.ts";

/** Those of the memory. */
const RESERVED = ["remember", "recall", "forget"];

/** Checks what `tools` sets. @throws INVALID, UNKNOWN_FIELD, SCHEMA_INVALID with a pointer. */
export async function checkTools(uses: readonly ToolUse[], pointer: string): Promise<void> {
  const taken = new Set(RESERVED);
  for (const [at, use] of uses.entries()) {
    const place = `${pointer}/${at}`;
    await checkToolSettings(use.tool as ToolTypeName, use, place);
    const name = use.name ?? use.tool;
    if (taken.has(name)) {
      throw invalid(
        `There is another tool with the name ${name}; give this one its own.`,
        `${place}/name`,
      );
    }
    taken.add(name);
  }
}

/** Checks the settings of a tool of this type. */
export async function checkToolSettings(
  type: ToolTypeName,
  settings: Omit<ToolUse, "tool" | "name">,
  pointer: string,
): Promise<void> {
  const { config, needs } = builtinTools[type];
  await checkConfig(config, settings.config ?? {}, `${pointer}/config`);
  const { permissions, parameters } = settings;
  const missing = needs.find((need) => permissions?.includes(need) === false);
  if (missing !== undefined) {
    throw invalid(`A ${type} needs the permission "${missing}".`, `${pointer}/permissions`);
  }
  if (parameters) await checkParameters(parameters, `${pointer}/parameters`);
  const asks = (["requires_confirmation", "confirm_when", "approve_when"] as const).find(
    (name) => settings[name],
  );
  if (asks === undefined) return;
  throw invalid("Calls cannot be confirmed by a person yet.", `${pointer}/${asks}`);
}

async function checkConfig(
  schema: Parameters<typeof validate>[0],
  config: object,
  pointer: string,
): Promise<void> {
  await loadValidator();
  try {
    validate(schema, config);
  } catch (error) {
    throw within(error, pointer);
  }
}

/** An error of a part, as one of the whole. */
function within(error: unknown, pointer: string): unknown {
  if (!(error instanceof RuntimeError)) return error;
  const inner = String(error.details?.["pointer"] ?? "");
  const details = { ...error.details, pointer: `${pointer}${inner}` };
  const message = `${pointer}: ${error.message}`;
  return new RuntimeError(error.code, message, details, { cause: error });
}

async function checkParameters(schema: Readonly<Record<string, unknown>>, pointer: string) {
  const { compileSchema, loadSchemas } = await import("../../../actors/answer/output-schema.ts");
  await loadSchemas();
  compileSchema(schema, pointer);
  if (schema["type"] === "object") return;
  throw invalid('The schema of arguments has "type": "object".', `${pointer}/type`);
}

function invalid(message: string, pointer: string): RuntimeError {
  return new RuntimeError("INVALID", message, { pointer });
}
