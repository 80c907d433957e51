// The kind of resource that tools are. A file of its own: agents name tools, and records of every kind
// have versions as agents do.

import { shownTool, storedTool } from "../tools/secret-headers.ts";
import type { ResourceKind } from "./resource.ts";
import { type ToolInput, toolInput, toolLimits } from "./tool.ts";

/** Tools, `tl_...` under /v2/tools. */
export const toolKind: ResourceKind<ToolInput> = {
  name: "tool",
  path: "tools",
  prefix: "tl",
  input: toolInput,
  searched: ["name", "description"],
  filters: ["name", "type"],
  sorts: ["name", "type"],
  max: toolLimits.records,
  shown: shownTool,
  stored: (sent, before) => storedTool(sent, before, ""),
};
