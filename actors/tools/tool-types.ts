// The built-in types of tools, by name.

import type { ToolTypeName } from "../records/tool.ts";
import { calculatorTool } from "./calculator.ts";
import { dateTimeTool } from "./date-time.ts";
import type { ToolType } from "./tool-type.ts";

/** All of them. */
export const builtinTools: Readonly<Record<ToolTypeName, ToolType>> = {
  calculator: calculatorTool,
  date_time: dateTimeTool,
};
