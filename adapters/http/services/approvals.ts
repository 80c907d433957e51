// Approvals as the door has them: listed, looked at, decided. What decides is their actor; here is
// what can be known before it is asked.

import { approvalsAddress } from "../../../actors/approvals/approval.ts";
import { targetTables } from "../../../actors/engines/wait-key.ts";
import { limits } from "../../../actors/limits.ts";
import {
  type Approval,
  type ApprovalStatus,
  approvalStatuses,
  approvalTables,
  type DecisionInput,
} from "../../../actors/records/approval.ts";
import { budgetTables } from "../../../actors/records/budget.ts";
import type { AllowedResources } from "../../../actors/records/resource-scope.ts";
import { tokenTables } from "../../../actors/records/token.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { rootRunOf } from "../../../runtime/frame.ts";
import type { RunRow, System, Tables } from "../../../runtime/system.ts";
import type { runIsReached } from "../scope/owners.ts";
import type { Caller } from "./agent-store.ts";
import { KEY_HOURS, type OnceKey } from "./once.ts";
import type { HiddenPlaces, Page, PageRequest } from "./paging.ts";

/** Rows read for one page; where more were passed over, the page is short and has a cursor. */
const ROWS_MAX = 2_000;
const ROWS_AT_ONCE = 200;
/** Who has no key of its own: the server's admin key, and the sessions of its page. */
const NO_KEY = "admin";
const ID = /^ap_[0-9a-z]{26}$/;
const RUN_ID = /^[A-Za-z0-9_.-]{1,200}$/;

/** Which approvals are asked for. */
export interface ApprovalFilter {
  readonly status: ApprovalStatus | null;
  readonly agent: string | null;
  /** Name of the tool or node. */
  readonly tool: string | null;
  /** A root run with all below it, or a child run. */
  readonly run: string | null;
  /** What who asks reaches: those of runs of anything else are left out. */
  readonly allowed?: AllowedResources | null | undefined;
}

/** A decision of a person; an account that somebody connects; a budget that is raised or begins anew; a target that is back. */
export const waitsFor = ["approval", "auth", "budget", "target"] as const;
export type WaitsFor = (typeof waitsFor)[number];

/** The approvals of a system. */
export interface ApprovalService {
  /** Newest first. */
  list(tenant: string, page: PageRequest, filter: ApprovalFilter): Promise<Page<Approval>>;
  /** @throws NOT_FOUND. */
  get(tenant: string, id: string): Promise<Approval>;
  /**
   * Decides, once. With a key, the same decision again gets the same answer.
   * @throws NOT_FOUND, INVALID for arguments that do not fit, CONFLICT with `details.current`: what was
   *   decided; KEY_REUSED.
   */
  decide(caller: Caller, id: string, input: DecisionInput, once: OnceKey | null): Promise<Approval>;
  /** For what those of the runs wait that wait for somebody. */
  waiting(tenant: string, runs: readonly RunRow[]): Promise<ReadonlyMap<string, WaitsFor>>;
}

/** Whether a key has approved what stands, where others have to agree too: it is not asked again. */
export function hasApproved({ decisions = [] }: Approval, keyId: string | null): boolean {
  const isOwn = ({ by }: { readonly by: string }): boolean => by === (keyId ?? NO_KEY);
  return decisions.some((one) => isOwn(one) && one.decision === "approve" && !one.is_void);
}

/** Reads a filter of a query. @throws INVALID. */
export function approvalFilter(query: URLSearchParams): ApprovalFilter {
  const status = query.get("status");
  const known = approvalStatuses.find((one) => one === status) ?? null;
  if (status !== null && known === null) {
    const all = approvalStatuses.join(", ");
    throw new RuntimeError("INVALID", `status must be one of ${all}.`, { parameter: "status" });
  }
  const run = query.get("run_id");
  if (run !== null && !RUN_ID.test(run)) {
    throw new RuntimeError("INVALID", "run_id must be the id of a run.", { parameter: "run_id" });
  }
  return { status: known, agent: query.get("agent_key"), tool: query.get("tool"), run };
}

/** The service over a system. */
export function createApprovalService(
  system: Pick<System, "ask" | "tables" | "run">,
  hidden: HiddenPlaces,
): ApprovalService {
  const { tables } = system;
  const get = async (tenant: string, id: string): Promise<Approval> => {
    const row = ID.test(id) ? await tables.get(tenant, approvalTables.approvals, id) : undefined;
    if (row !== undefined) return row.value as Approval;
    throw new RuntimeError("NOT_FOUND", `Approval ${id.slice(0, 64)} does not exist.`);
  };
  return {
    get,
    list: async (tenant, asked, filter) => {
      const page = await listed(system, tenant, hidden.from(tenant, asked), filter);
      const shown = page.items.at(-1)?.id;
      const isShown = shown !== undefined && page.next?.endsWith(shown);
      return isShown ? page : { ...page, next: hidden.next(tenant, page.next, undefined) };
    },
    decide: async ({ tenant, keyId, service, source, role }, id, input, once) => {
      const approval = await get(tenant, id);
      if (input.arguments !== undefined) await checkArguments(approval, input);
      const message = {
        type: "decide",
        id,
        decision: input.decision,
        by: keyId ?? NO_KEY,
        note: input.note ?? null,
        arguments: input.arguments ?? null,
        ...(source && { source }),
        ...(role !== undefined && { role }),
        ...(input.arguments_version !== undefined && { argumentsVersion: input.arguments_version }),
        ...(approval.quorum?.not_requester === true && {
          requester: await requesterOf(system, tenant, approval.root_run_id),
        }),
      };
      // Of each decider: the second one who says the same is not the first one once more.
      const place = `${service}\n${keyId ?? NO_KEY}`;
      const key = once === null ? {} : { key: keyOf(place, id, once) };
      return (await system.ask(approvalsAddress(tenant, approval.root), message, key)) as Approval;
    },
    waiting: async (tenant, runs) => {
      const open = runs.filter(({ endedAt }) => endedAt === null);
      const found = await Promise.all(
        open.map(async ({ id }): Promise<readonly (readonly [string, WaitsFor])[]> => {
          const prefix = `${id}.`;
          const page = { prefix, limit: ROWS_AT_ONCE, reverse: true };
          const rows = await tables.list(tenant, approvalTables.byRun, page);
          if (rows.some(({ value }) => value === "pending")) return [[id, "approval"]];
          const has = async (table: string): Promise<boolean> =>
            (await tables.list(tenant, table, { prefix, limit: 1 })).length > 0;
          if (await has(tokenTables.waitsOfRun)) return [[id, "auth"]];
          if (await has(targetTables.waitsOfRun)) return [[id, "target"]];
          return (await has(budgetTables.pauses)) ? [[id, "budget"]] : [];
        }),
      );
      return new Map(found.flat());
    },
  };
}

/** Who started a run, as deciders are named; null: it is not known. */
async function requesterOf(
  system: Pick<System, "run">,
  tenant: string,
  run: string,
): Promise<string | null> {
  const input = (await system.run(tenant, run))?.input;
  if (typeof input !== "object" || input === null) return null;
  const { keyId } = input as { readonly keyId?: unknown };
  return typeof keyId === "string" ? keyId : NO_KEY;
}

function keyOf(service: string, id: string, { key, bodyHash }: OnceKey) {
  return { source: "http", key: `${service}\n${id}\n${key}`, bodyHash, hours: KEY_HOURS };
}

/** @throws INVALID with a pointer. */
async function checkArguments(approval: Approval, input: DecisionInput): Promise<void> {
  const { decision, arguments: given } = input;
  const pointer = "/arguments";
  if (decision === "reject") {
    throw new RuntimeError("INVALID", "arguments go with approve only.", { pointer });
  }
  if (JSON.stringify(given).length > limits.approvalBytes) {
    const message = `arguments have at most ${limits.approvalBytes} characters as JSON.`;
    throw new RuntimeError("INVALID", message, { pointer });
  }
  if (approval.parameters === null) return;
  const { checkValue, loadSchemas } = await import("../../../actors/answer/output-schema.ts");
  await loadSchemas();
  const checked = checkValue(approval.parameters, given);
  if (checked.ok) return;
  throw new RuntimeError(
    "INVALID",
    `The arguments do not fit the parameters of ${approval.tool}. ${checked.reason}`,
    { pointer: `${pointer}${checked.pointer}` },
  );
}

/** Where a filter is read from: the rows, those that are pending, or those of a run. */
function sourceOf({ status, run }: ApprovalFilter): { table: string; prefix?: string } {
  if (run !== null) return { table: approvalTables.byRun, prefix: `${rootRunOf(run)}.` };
  const { approvals, pending } = approvalTables;
  return { table: status === "pending" ? pending : approvals };
}

async function listed(
  system: Pick<System, "ask" | "tables" | "run">,
  tenant: string,
  { limit, after }: PageRequest,
  filter: ApprovalFilter,
): Promise<Page<Approval>> {
  const { tables } = system;
  const { table, ...prefix } = sourceOf(filter);
  const sees = async ({ root_run_id: run }: Approval): Promise<boolean> =>
    filter.allowed == null ||
    (await reachesRun({ system, tenant }, { allowedResources: filter.allowed }, run));
  const items: Approval[] = [];
  let last = after;
  for (let read = 0; read < ROWS_MAX; read += ROWS_AT_ONCE) {
    const from = last === undefined ? {} : { after: last };
    const page = { ...prefix, ...from, limit: ROWS_AT_ONCE, reverse: true };
    const rows = await tables.list(tenant, table, page);
    for (const { id, value } of rows) {
      const approval =
        table === approvalTables.approvals
          ? (value as Approval)
          : await approvalOf(tables, tenant, id);
      if (approval !== null && fits(approval, filter) && (await sees(approval))) {
        // There is one more, so the cursor is of the last that was looked at: hidden where nobody sees that.
        if (items.length === limit) return { items, next: last ?? null };
        items.push(approval);
      }
      last = id;
    }
    if (rows.length < ROWS_AT_ONCE) return { items, next: null };
  }
  return { items, next: last ?? null };
}

/** Loaded with the first key that is limited. */
const reachesRun: typeof runIsReached = async (...of) =>
  await (await import("../scope/owners.ts")).runIsReached(...of);

/** Null for one that was removed since its index was read. */
async function approvalOf(tables: Tables, tenant: string, at: string): Promise<Approval | null> {
  const id = at.slice(at.lastIndexOf(".") + 1);
  const row = await tables.get(tenant, approvalTables.approvals, id);
  return row === undefined ? null : (row.value as Approval);
}

function fits(approval: Approval, { status, agent, tool, run }: ApprovalFilter): boolean {
  if (status !== null && approval.status !== status) return false;
  if (agent !== null && approval.agent_key !== agent) return false;
  if (tool !== null && approval.tool !== tool) return false;
  return run === null || approval.run_id === run || approval.root_run_id === run;
}
