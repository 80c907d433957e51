// Records that the nodes of a graph name, of a workflow or of an agent: each is there, and is something
// that a node can ask or call.

import type { ResourceRow } from "../../../actors/records/resource.ts";
import { isRecordId, type ToolInput } from "../../../actors/records/tool.ts";
import { toolKind } from "../../../actors/records/tool-kind.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { checkExists, type RulePlace } from "./resource-rules.ts";

/** A place of a graph where it names a record. */
export interface NodeRef {
  readonly ref: string;
  readonly pointer: string;
}

/** @throws INVALID with the pointer of the first one that cannot be used. */
export async function checkNodeRefs(
  place: Pick<RulePlace, "tables" | "tenant">,
  refs: readonly NodeRef[],
): Promise<void> {
  for (const { ref, pointer } of refs) {
    await checkExists(place, ref, { prefixes: ["ag", "tm", "wf", toolKind.prefix], pointer });
    if (!isRecordId(ref)) continue;
    const row = await place.tables.get(place.tenant, toolKind.path, ref);
    const { type } = (row?.value as ResourceRow<ToolInput> | undefined)?.record ?? {};
    if (type !== "handoff") continue;
    const message = `Tool ${ref} hands over the turn, which a node cannot.`;
    throw new RuntimeError("INVALID", message, { pointer });
  }
}
