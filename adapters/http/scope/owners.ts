// Whose something is: the agent, team or workflow that was asked, or the collection that was filled. It is
// reached by keys that reach all of those.

import { approvalTables } from "../../../actors/records/approval.ts";
import type { ConversationDescription } from "../../../actors/records/conversation.ts";
import { type EvaluationRow, evaluationsTable } from "../../../actors/records/evaluation.ts";
import { type IngestionJob, ingestionJobsTable } from "../../../actors/records/ingestion-job.ts";
import { type AllowedResources, reaches } from "../../../actors/records/resource-scope.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { rootRunOf } from "../../../runtime/frame.ts";
import type { RunRow, System } from "../../../runtime/system.ts";
import type { Principal } from "../route.ts";
import { conversationAddress } from "../services/conversations.ts";

/** Where it is looked for. */
export interface OwnerPlace {
  readonly system: Pick<System, "ask" | "run" | "tables">;
  readonly tenant: string;
}

/** Who asks, as far as it bounds what is there for it. */
export type Reacher = Pick<Principal, "allowedResources" | "boundTo">;

type Fields = Readonly<Record<string, unknown>>;

/** Whether something is reached whose owners these are. What has none is there for nobody who is limited. */
export function belongsTo(
  allowed: AllowedResources | null | undefined,
  owners: readonly string[],
): boolean {
  return allowed == null || (owners.length > 0 && owners.every((id) => reaches(allowed, id)));
}

/** Whether who asks reaches a run, or the root run of a child: whom was asked, and the user that it answers. */
export async function runIsReached(of: OwnerPlace, by: Reacher, id: string): Promise<boolean> {
  const row = await of.system.run(of.tenant, rootRunOf(id));
  return row !== undefined && (await rowIsReached(of, by, row));
}

/** The same of its row. */
export async function rowIsReached(
  of: OwnerPlace,
  { allowedResources: allowed, boundTo }: Reacher,
  row: Pick<RunRow, "input">,
): Promise<boolean> {
  if (!answersUser(row, boundTo)) return false;
  return allowed == null || belongsTo(allowed, await ownersOfRow(of, row));
}

/** @throws NOT_FOUND for a run that is not reached, as for one that is not there. */
export async function demandRun(of: OwnerPlace, by: Reacher, id: string): Promise<void> {
  if (by.allowedResources == null && by.boundTo == null) return;
  if (await runIsReached(of, by, id)) return;
  throw new RuntimeError("NOT_FOUND", `Run ${id.slice(0, 64)} does not exist.`);
}

/** Whether a run is one that somebody sees who speaks for one user alone; null: for any. */
export function answersUser({ input }: Pick<RunRow, "input">, boundTo: string | null | undefined) {
  if (boundTo == null) return true;
  const { agent, user } = (input ?? {}) as Fields;
  // What answers nobody, such as taking documents in, is no user's.
  return user === boundTo || (user === undefined && typeof agent !== "string");
}

/** Owners of a run, or of the root run of a child; none for one that is not there. */
export async function ownersOfRun(of: OwnerPlace, id: string): Promise<readonly string[]> {
  const row = await of.system.run(of.tenant, rootRunOf(id));
  return row === undefined ? [] : await ownersOfRow(of, row);
}

/** The same of its row. */
export async function ownersOfRow(
  of: OwnerPlace,
  { input }: Pick<RunRow, "input">,
): Promise<readonly string[]> {
  if (typeof input !== "object" || input === null) return [];
  const { agent, collection, evaluation, plan } = input as Fields;
  if (typeof agent === "string") return [agent];
  if (typeof collection === "string") return [collection];
  if (typeof evaluation === "string") return await ownersOfEvaluation(of, evaluation);
  return typeof plan === "object" && plan !== null
    ? ownersOfPlan(plan as EvaluationRow["plan"])
    : [];
}

/** The agent, team or workflow that it is with. */
export async function ownersOfConversation(of: OwnerPlace, id: string): Promise<readonly string[]> {
  const found = await conversationRow(of, id);
  return found === null ? [] : [found.agent_key];
}

/** Whom a conversation is with, and whose it is; null: it is not there. */
export async function conversationRow(
  of: OwnerPlace,
  id: string,
): Promise<{ readonly agent_key: string; readonly user_key: string | null } | null> {
  try {
    const described = await of.system.ask(conversationAddress(of.tenant, id), { type: "describe" });
    return (described as ConversationDescription).row;
  } catch (error) {
    if (error instanceof RuntimeError && error.code === "NOT_FOUND") return null;
    throw error;
  }
}

/** Those of the run that waits for it. */
export async function ownersOfApproval(of: OwnerPlace, id: string): Promise<readonly string[]> {
  const found = (await rowOf(of, approvalTables.approvals, id)) as Fields | undefined;
  return found === undefined ? [] : await ownersOfRun(of, String(found["root_run_id"]));
}

/** The collection that is filled. */
export async function ownersOfJob(of: OwnerPlace, id: string): Promise<readonly string[]> {
  const job = (await rowOf(of, ingestionJobsTable, id)) as IngestionJob | undefined;
  return job === undefined ? [] : [job.collection];
}

/** The data set and all that are asked. */
export async function ownersOfEvaluation(of: OwnerPlace, id: string): Promise<readonly string[]> {
  const row = (await rowOf(of, evaluationsTable, id)) as EvaluationRow | undefined;
  return row === undefined ? [] : ownersOfPlan(row.plan);
}

/** The same of its plan. */
function ownersOfPlan({
  dataset_id,
  targets,
}: Pick<EvaluationRow["plan"], "dataset_id" | "targets">): readonly string[] {
  return [dataset_id, ...targets.map(({ target }) => target)];
}

/** Ids that no table can hold are of nothing. */
async function rowOf({ system, tenant }: OwnerPlace, table: string, id: string): Promise<unknown> {
  if (!/^[A-Za-z0-9_.-]{1,100}$/.test(id)) return undefined;
  return (await system.tables.get(tenant, table, id))?.value;
}
