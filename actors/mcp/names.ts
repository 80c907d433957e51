// Names by which a model knows what a record offers: a record of type mcp is several tools, any other one is one.

import { RuntimeError } from "../../runtime/errors.ts";

const CHARS_MAX = 64;

/** What of a tool its names come from. */
interface Named {
  readonly type: string;
  readonly config?: Readonly<Record<string, unknown>> | undefined;
}

/** @param name of the record, or what its user calls it. One name for each tool, in the order of the record. */
export function toolNames({ type, config = {} }: Named, name: string): readonly string[] {
  if (type !== "mcp") return [name];
  const { tools, prefix } = config as { readonly tools?: unknown; readonly prefix?: unknown };
  const all = Array.isArray(tools) ? tools : [];
  return all.map((tool) => mcpName(String(tool), prefix === false ? "" : `${name}_`));
}

/** Servers may use characters that models' providers do not take. */
function mcpName(tool: string, prefix: string): string {
  return `${prefix}${tool.replaceAll(/[^a-zA-Z0-9_-]/g, "_")}`;
}

/** @throws INVALID for names that are too long or alike. @param pointerOf where that of a tool comes from. */
export function checkMcpNames(names: readonly string[], pointerOf: (at: number) => string): void {
  for (const [at, name] of names.entries()) {
    const place = pointerOf(at);
    if (name.length > CHARS_MAX) {
      const text = `A model would know it as ${name}, which has more than ${CHARS_MAX} characters: give the tool a shorter name, or set prefix to false.`;
      throw new RuntimeError("INVALID", text, { pointer: place });
    }
    if (names.indexOf(name) === at) continue;
    const text = `A model would know two of these tools as ${name}.`;
    throw new RuntimeError("INVALID", text, { pointer: place });
  }
}
