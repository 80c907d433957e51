// Records that the nodes of a graph name, of a workflow or of an agent: each is there, and is something
// that a node can ask or call.

import { toolNames } from "../../../actors/mcp/names.ts";
import type { ResourceRow } from "../../../actors/records/resource.ts";
import { isRecordId, type ToolInput } from "../../../actors/records/tool.ts";
import { toolKind } from "../../../actors/records/tool-kind.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { checkExists, type RulePlace } from "./resource-rules.ts";

/** A place of a graph where it names a record. */
export interface NodeRef {
  readonly ref: string;
  /** Of the node: an `agent` is asked, a `tool` is called. */
  readonly type: "agent" | "sub_workflow" | "tool";
  readonly pointer: string;
}

/** @throws INVALID with the pointer of the first one that cannot be used. */
export async function checkNodeRefs(
  place: Pick<RulePlace, "tables" | "tenant">,
  refs: readonly NodeRef[],
): Promise<void> {
  for (const { ref, type, pointer } of refs) {
    await checkExists(place, ref, { prefixes: ["ag", "tm", "wf", toolKind.prefix], pointer });
    if (!isRecordId(ref)) continue;
    const stored = await toolOf(place, ref);
    const tool = stored?.type;
    if (type === "agent" && tool !== "remote_agent") {
      const message = `Tool ${ref} is a ${tool}: a node of type tool calls it; an agent node asks a remote_agent.`;
      throw new RuntimeError("INVALID", message, { pointer });
    }
    if (stored !== undefined && toolNames(stored, stored.name).length > 1) {
      const message = `Tool ${ref} is several tools of a server; a node calls a record that has one.`;
      throw new RuntimeError("INVALID", message, { pointer });
    }
    if (tool !== "handoff") continue;
    const message = `Tool ${ref} hands over the turn, which a node cannot.`;
    throw new RuntimeError("INVALID", message, { pointer });
  }
}

/** What a stored tool is; undefined for none. */
export async function toolTypeOf(
  place: Pick<RulePlace, "tables" | "tenant">,
  id: string,
): Promise<ToolInput["type"] | undefined> {
  return (await toolOf(place, id))?.type;
}

async function toolOf(
  { tables, tenant }: Pick<RulePlace, "tables" | "tenant">,
  id: string,
): Promise<ToolInput | undefined> {
  const row = await tables.get(tenant, toolKind.path, id);
  return (row?.value as ResourceRow<ToolInput> | undefined)?.record;
}
