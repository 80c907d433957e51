// What no schema can say about a workflow: its graph hangs together, its schemas and expressions are
// safe to run, the records its nodes name are there, and it does not go on into itself.

import { limits } from "../../../actors/limits.ts";
import type { ResourceRow } from "../../../actors/records/resource.ts";
import { type WorkflowInput, workflowKind } from "../../../actors/records/workflow.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { checkObject, checkRules } from "../services/agent-checks.ts";
import { checkNodeRefs, type NodeRef } from "./node-refs.ts";
import type { ResourceRules, RulePlace } from "./resource-rules.ts";

/** Rules of workflows. */
export const workflowRules: ResourceRules<WorkflowInput> = {
  async check(input, place) {
    for (const field of ["graph_definition", "state_schema", "input_schema"] as const) {
      if (input[field]) checkObject(input[field], `/${field}`);
    }
    await checkRules(input.guardrails ?? null);
    const refs = await refsIn(input);
    for (const { ref, pointer } of refs) {
      if (place.id !== null && (await leadsTo(place, ref, place.id))) {
        const message = `Workflow ${ref} goes on into this one: it would never end.`;
        throw new RuntimeError("GRAPH_INVALID", message, { pointer });
      }
    }
  },
  async links(input, place) {
    const refs = await refsIn(input);
    await checkNodeRefs(place, refs);
    return Object.fromEntries(refs.map(({ ref, pointer }) => [pointer, ref]));
  },
};

/** @throws GRAPH_INVALID, SCHEMA_INVALID with the pointer of what is wrong with the workflow. */
async function refsIn(input: WorkflowInput): Promise<readonly NodeRef[]> {
  // The interpreter brings an expression and a schema engine with it: main loads them when first needed.
  const [{ refsOf }, { compileFlow, loadFlowLibraries }] = await Promise.all([
    import("../../../actors/flow/compile.ts"),
    import("../../../actors/flow/compile-flow.ts"),
  ]);
  await loadFlowLibraries();
  return refsOf(compileFlow(input).graph);
}

/** Whether a workflow names another one, itself or by those it names. */
async function leadsTo(
  { tables, tenant }: RulePlace,
  from: string,
  target: string,
): Promise<boolean> {
  const seen = new Set([from]);
  for (const id of seen) {
    if (id === target) return true;
    if (!id.startsWith(`${workflowKind.prefix}_`)) continue;
    if (seen.size > limits.flowsReached) return true;
    const row = await tables.get(tenant, workflowKind.path, id);
    const { links = {} } = (row?.value ?? {}) as Partial<ResourceRow<WorkflowInput>>;
    for (const named of Object.values(links)) seen.add(named);
  }
  return false;
}
