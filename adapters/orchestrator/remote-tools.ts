// Tools that reach other machines: for agents that work by themselves the operator lets there be such
// (`agents.remote_tools`, ENABLE_REMOTE_TOOLS), or the agent reaches nothing but what is local anyhow.

import { LOCAL } from "../../actors/records/constraints.ts";
import type { OrchestratedInput } from "../../actors/records/orchestrated.ts";
import type { ResourceRow } from "../../actors/records/resource.ts";
import {
  isRecordId,
  plainUse,
  type ToolInput,
  type ToolTypeName,
  type ToolUse,
} from "../../actors/records/tool.ts";
import { toolKind } from "../../actors/records/tool-kind.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { OrchestratorParts } from "./port.ts";

/** @throws INVALID with the pointer in what was said. */
export async function refuseRemote(
  { system: { tables } }: Pick<OrchestratorParts, "system">,
  tenant: string,
  { said, tools }: { readonly said: OrchestratedInput; readonly tools: readonly ToolUse[] },
): Promise<void> {
  const domains = said.constraints?.allowed_domains;
  if (domains?.every((one) => one === LOCAL)) return;
  const { builtinTools } = await import("../../actors/tools/tool-types.ts");
  const refuse = async (use: ToolUse, pointer: string): Promise<void> => {
    const record = isRecordId(use.tool)
      ? (await tables.get(tenant, toolKind.path, use.tool))?.value
      : undefined;
    const type = (record as ResourceRow<ToolInput> | undefined)?.record.type ?? plainUse(use).tool;
    const needs = builtinTools[type as ToolTypeName]?.needs ?? [];
    if (!needs.includes("network")) return;
    const text = `A ${type} reaches other machines, which agents of files and of /agents/v1 may not unless the operator sets agents.remote_tools (ENABLE_REMOTE_TOOLS=true), or their constraints.allowed_domains are ["${LOCAL}"].`;
    throw new RuntimeError("INVALID", text, { pointer });
  };
  for (const [at, use] of tools.entries()) await refuse(use, `/tools/${at}/name`);
  for (const [at, { tools: own }] of (said.sub_agents ?? []).entries()) {
    for (const [which, use] of (own ?? []).entries()) {
      await refuse(use, `/sub_agents/${at}/tools/${which}/tool`);
    }
  }
}
