// A workflow at one version, ready to run. Versions never change, so each worker keeps the compiled
// form under (tenant, id, version).

import type { RunContext } from "../../runtime/actor.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { compileSchema, loadSchemas } from "../answer/output-schema.ts";
import { compileExpression, type Expression, loadExpressions } from "../expression.ts";
import { limits } from "../limits.ts";
import type { Ports } from "../ports.ts";
import { versionId } from "../records/agent-version.ts";
import { type ResourceRow, resourceTables } from "../records/resource.ts";
import { type WorkflowInput, workflowKind } from "../records/workflow.ts";
import { compileGraph } from "./compile.ts";
import type { Graph } from "./graph.ts";

/** A workflow, ready for use. */
export interface CompiledFlow {
  readonly name: string;
  readonly graph: Graph;
  /** What a run gives; null: the last result. */
  readonly output: Expression | null;
  /** Nodes that a run may enter. */
  readonly stepsMax: number;
  /** @throws INVALID with the pointer when the input does not fit input_schema. */
  checkInput(input: Readonly<Record<string, unknown>>): void;
}

const cache = new Map<string, CompiledFlow>();

/** Loads what `compileFlow` needs. */
export async function loadFlowLibraries(): Promise<void> {
  await Promise.all([loadExpressions(), loadSchemas()]);
}

/** Compiles a workflow, for its run and for the door. @throws GRAPH_INVALID, SCHEMA_INVALID with a pointer. */
export function compileFlow(record: WorkflowInput): CompiledFlow {
  const { name, graph_definition: definition, state_schema, entry_node, input_schema } = record;
  const whole = compileGraph(definition, state_schema, entry_node, "workflow");
  const output = record.output ? compileExpression(record.output, "/output") : null;
  const validate = input_schema ? compileSchema(input_schema, "/input_schema") : null;
  // A text that was shown on the way is the answer, unless the workflow says what its answer is.
  const graph: Graph = output === null ? whole : { ...whole, shown: new Set() };
  return {
    name,
    graph,
    output,
    stepsMax: record.max_steps ?? limits.flowSteps,
    checkInput(input) {
      if (validate === null || validate(input)) return;
      const first = validate.errors?.[0];
      const pointer = `/input${first?.instancePath ?? ""}`;
      const what = `The input of workflow "${name}" does not fit: ${first?.message ?? "it is wrong"}.`;
      throw new RuntimeError("INVALID", what, { pointer });
    },
  };
}

/** The compiled form of a workflow's version. @throws NOT_FOUND when that version is not stored. */
export async function loadFlow(
  context: RunContext<Ports>,
  pinned: { readonly agent: string; readonly version: number },
): Promise<CompiledFlow> {
  const id = versionId(pinned.agent, pinned.version);
  const cacheKey = `${context.tenant}/${id}`;
  const known = cache.get(cacheKey);
  // Taken out and put in again: the map's order is the order of use.
  cache.delete(cacheKey);
  const compiled = known ?? (await read(context, id));
  cache.set(cacheKey, compiled);
  if (cache.size > limits.compiledFlows) {
    const oldest = cache.keys().next().value;
    if (oldest !== undefined) cache.delete(oldest);
  }
  return compiled;
}

async function read(context: RunContext<Ports>, id: string): Promise<CompiledFlow> {
  const row = await context.row(resourceTables(workflowKind).versions, id);
  if (row === undefined) {
    throw new RuntimeError("NOT_FOUND", `Workflow version ${id} does not exist.`);
  }
  await loadFlowLibraries();
  return compileFlow((row as ResourceRow<WorkflowInput>).record);
}
