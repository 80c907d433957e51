// The workflow record: a graph of its own, that agents, teams, waits and other workflows are nodes of.
// What its nodes are is said in actors/flow.

import { type Static, Type } from "../schema.ts";
import { onBusy, onDisconnect } from "./agent.ts";
import { guardrails } from "./guardrail.ts";
import type { ResourceKind } from "./resource.ts";

/** Limits of workflows; texts in characters. */
export const workflowLimits = {
  nameChars: 200,
  descriptionChars: 4_000,
  outputChars: 2_000,
  /** The most `max_steps`: with more a run comes to its own steps (server setting `stepsMax`) first. */
  steps: 10_000,
  /** Workflows of a tenant. */
  records: 2_000,
} as const;

const jsonObject = Type.Record(Type.String(), Type.Unknown());

/** What a client sets. */
export const workflowInput = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: workflowLimits.nameChars }),
    description: Type.Optional(Type.String({ maxLength: workflowLimits.descriptionChars })),
    /** `{nodes, edges}`. */
    graph_definition: jsonObject,
    /** JSON Schema of the state; its properties may have a `reducer`. What is written must fit. */
    state_schema: Type.Optional(jsonObject),
    /** Default: the first node. */
    entry_node: Type.Optional(Type.String({ maxLength: 64 })),
    /** JSON Schema of the object that a run is started with. */
    input_schema: Type.Optional(jsonObject),
    /** CEL over the state at the end: what a run gives. Default: the last result. */
    output: Type.Optional(Type.String({ maxLength: workflowLimits.outputChars })),
    /** Nodes that one run may enter. Default `limits.flowSteps`. */
    max_steps: Type.Optional(Type.Integer({ minimum: 1, maximum: workflowLimits.steps })),
    on_busy: Type.Optional(onBusy),
    on_disconnect: Type.Optional(onDisconnect),
    /** What is checked of what it is told and shows, in order; of all that answer for it too. */
    guardrails: Type.Optional(guardrails),
  },
  { additionalProperties: false },
);

/** What a client sends to create a workflow. */
export type WorkflowInput = Static<typeof workflowInput>;

/** Workflows, `wf_...` under /v2/workflows. */
export const workflowKind: ResourceKind<WorkflowInput> = {
  name: "workflow",
  path: "workflows",
  prefix: "wf",
  input: workflowInput,
  searched: ["name", "description"],
  filters: ["name"],
  sorts: ["name"],
  max: workflowLimits.records,
};
