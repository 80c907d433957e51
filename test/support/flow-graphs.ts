// Graphs of workflows, written shortly, and what becomes of them.

import type { ChatReply } from "../../actors/records/conversation.ts";
import type { WorkflowInput } from "../../actors/records/workflow.ts";
import type { FlowSystem } from "./flow-system.ts";

/** The end of a graph. */
export const end = { id: "end", type: "end" };
/** A node that computes. */
export const set = (id: string, value: string, save: string) => ({ id, type: "set", value, save });
/** Edges through nodes in turn. */
export const through = (...ids: string[]) =>
  ids.slice(1).map((to, at) => ({ from: ids[at] as string, to }));

/** How a run ended, and what it gave. */
export interface Ended {
  readonly status: string;
  readonly output?: unknown;
  readonly text?: string;
  readonly error?: { readonly code: string; readonly message: string; readonly details?: unknown };
}

/** Runs a workflow from its start to its end. */
export async function runFlow(
  flows: FlowSystem,
  record: Partial<WorkflowInput>,
  data: Readonly<Record<string, unknown>> = {},
  ms = 1_000,
): Promise<Ended> {
  await flows.putFlow("wf_1", record);
  const run = await flows.start("wf_1", "cv_1", data);
  const { outcome, reply } = await flows.end("cv_1", run, ms);
  if (outcome.status !== "completed") return outcome;
  const { output, response } = reply as ChatReply;
  return { status: outcome.status, output, text: response };
}
