// The tools of one answer: what an agent or a sub-agent names, made ready for the model loop.

import type { Permission, ToolTypeName, ToolUse } from "../records/tool.ts";
import type { Tool } from "./tool.ts";
import type { ToolPlace } from "./tool-type.ts";
import { builtinTools } from "./tool-types.ts";

/** Whose tools they are, and where they are used. */
export interface Offered extends Omit<ToolPlace, "permissions"> {
  /** `ag_` or `sa_`: limits of built-in tools are counted under it. */
  readonly owner: string;
}

/** The tools that `uses` name, in that order. Checked when they were saved. */
export function offerTools(uses: readonly ToolUse[], place: Offered): readonly Tool[] {
  return uses.map((use) => toolOf(use, place));
}

function toolOf(use: ToolUse, { owner, ...place }: Offered): Tool {
  const type = builtinTools[use.tool as ToolTypeName];
  const { config = {}, rate } = use;
  const permissions: ReadonlySet<Permission> = new Set(use.permissions ?? type.needs);
  return {
    ...type.make(config, { ...place, permissions }),
    spec: {
      name: use.name ?? type.type,
      description: use.description ?? type.description,
      parameters: use.parameters ?? type.parameters(config),
    },
    ...(use.timeout_ms !== undefined && { timeoutMs: use.timeout_ms }),
    ...(use.result_chars !== undefined && { resultChars: use.result_chars }),
    ...(use.serial !== undefined && { isSerial: use.serial }),
    ...(rate && {
      rate: { name: `${owner}.${use.tool}`, calls: rate.calls, perSeconds: rate.per_seconds },
    }),
  };
}
