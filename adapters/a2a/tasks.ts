// The tasks of one agent as its client's key may see them: runs of its conversations, read, listed,
// cancelled.

import { type ListTasksRequest, type ListTasksResponse, type Task, TaskState } from "@a2a-js/sdk";
import {
  RequestMalformedError,
  TaskNotCancelableError,
  TaskNotFoundError,
} from "@a2a-js/sdk/errors";
import { linkPath } from "../../actors/credentials/keys.ts";
import type { TokenWait } from "../../actors/credentials/token-wait.ts";
import type { Approval } from "../../actors/records/approval.ts";
import { type MessageRecord, messageKey } from "../../actors/records/conversation.ts";
import { tokenTables } from "../../actors/records/token.ts";
import type { RunRow } from "../../runtime/system.ts";
import { conversationAddress } from "../http/services/conversations.ts";
import { cursorOf, placeIn } from "../http/services/paging.ts";
import type { Services } from "../http/services/services.ts";
import { addressOf, contextOf, stateOf, taskOf } from "./task.ts";

const PAGE_DEFAULT = 50;
const PAGE_MAX = 100;
/** Runs of the tenant that one request looks at, those of other agents among them. */
const RUNS_MAX = 2_000;
const RUNS_AT_ONCE = 200;
/** Messages that one task answers and that are shown. */
const HISTORY_MAX = 100;
const APPROVALS_MAX = 20;
/** How long the answer to a cancel waits for the end, ms. */
const CANCEL_WAIT_MS = 5_000;
const kinds = ["supervisor", "workflow", "team", "flow"];
const RUN = /^rn_[A-Za-z0-9]{1,61}$/;

/** Whose tasks. */
export interface TasksOf {
  readonly tenant: string;
  readonly agent: string;
  /** The user whom alone the caller speaks for; null or absent: any. */
  readonly boundTo?: string | null;
}

/** How much of a task is shown. Without a length: all of its history. */
export interface Shown {
  readonly historyLength?: number | undefined;
  readonly withArtifacts: boolean;
}

/** The run that is a task of this agent. @throws TaskNotFoundError, also for another tenant's. */
export async function taskRun(services: Services, of: TasksOf, id: string): Promise<RunRow> {
  const row = RUN.test(id) ? await services.system.run(of.tenant, id) : undefined;
  if (row !== undefined && isOf(row, of)) return row;
  throw new TaskNotFoundError(`Task ${id.slice(0, 64)} does not exist.`);
}

/** A task as it is now. */
export async function shownTask(
  services: Services,
  tenant: string,
  row: RunRow,
  { historyLength, withArtifacts }: Shown,
): Promise<Task> {
  const [approvals, messages] = await Promise.all([
    pendingOf(services, tenant, row),
    historyLength === 0 ? null : historyOf(services, tenant, row),
  ]);
  const history = historyLength === undefined ? messages : messages?.slice(-historyLength);
  const account = await accountOf(services, tenant, row);
  return taskOf({ row, approvals, account, history: history ?? null, withArtifacts });
}

/** The account that a run waits for, and where it is connected: an address, where this server knows its own. */
async function accountOf({ system, trust }: Services, tenant: string, row: RunRow) {
  if (row.endedAt !== null) return null;
  const page = { prefix: `${row.id}.`, limit: 1 };
  const [found] = await system.tables.list(tenant, tokenTables.waitsOfRun, page);
  const wait = found?.value as TokenWait | undefined;
  if (wait === undefined) return null;
  const { id, integration, code, remote } = wait;
  const url = remote === undefined ? linkPath(tenant, id) : (remote.url ?? `/v2/runs/${row.id}`);
  return { id, integration, url: addressOf(trust.publicUrl, url), code, reason: remote?.said };
}

/** What people have to decide about a run, newest first. */
export async function pendingOf(
  { approvals }: Services,
  tenant: string,
  row: RunRow,
): Promise<readonly Approval[]> {
  if (row.endedAt !== null) return [];
  const filter = { status: "pending", agent: null, tool: null, run: row.id } as const;
  return (await approvals.list(tenant, { limit: APPROVALS_MAX }, filter)).items;
}

/**
 * A page, newest first. `totalSize` counts among the newest `RUNS_MAX` runs of the tenant.
 * @throws RequestMalformedError.
 */
export async function listTasks(
  services: Services,
  of: TasksOf,
  request: ListTasksRequest,
): Promise<ListTasksResponse> {
  const size = request.pageSize ?? PAGE_DEFAULT;
  if (!Number.isInteger(size) || size < 1 || size > PAGE_MAX) {
    throw new RequestMalformedError(`pageSize must be a whole number from 1 to ${PAGE_MAX}.`);
  }
  const { historyLength = 0, includeArtifacts = false } = request;
  const list = `a2a ${of.agent}`;
  const after = request.pageToken === "" ? undefined : placeIn(list, request.pageToken);
  if (after === null) {
    throw new RequestMalformedError("pageToken must be the nextPageToken of an earlier page.");
  }
  const fits = filterOf(services, of, request);
  const counted = await scan(services, of.tenant, fits, { size: RUNS_MAX });
  const page =
    after === undefined
      ? { rows: counted.rows.slice(0, size), next: nextOf(counted, size) }
      : await scan(services, of.tenant, fits, { size, after });
  const shown = { historyLength, withArtifacts: includeArtifacts };
  const tasks = page.rows.map((row) => shownTask(services, of.tenant, row, shown));
  return {
    tasks: await Promise.all(tasks),
    nextPageToken: cursorOf(list, page) ?? "",
    pageSize: size,
    totalSize: counted.rows.length,
  };
}

/** Cancels it, and waits a little for its end. @throws TaskNotCancelableError for one that has ended. */
export async function cancelTask(
  services: Services,
  of: TasksOf,
  id: string,
  signal: AbortSignal,
): Promise<Task> {
  const { system } = services;
  const row = await taskRun(services, of, id);
  if (row.endedAt !== null) {
    throw new TaskNotCancelableError(`Task ${id} has ended: it is ${row.status}.`);
  }
  // One that has ended meanwhile is refused as such (RUN_ENDED).
  await system.cancel(of.tenant, id, "cancelled by its client");
  const within = AbortSignal.any([signal, AbortSignal.timeout(CANCEL_WAIT_MS)]);
  try {
    const frames = system.follow(of.tenant, id, { endOnly: true, signal: within });
    for await (const batch of frames) if (batch.at(-1)?.type === "end") break;
  } catch (error) {
    // What takes longer is shown as it is now.
    if (!within.aborted) throw error;
  }
  const now = await taskRun(services, of, id);
  return await shownTask(services, of.tenant, now, { withArtifacts: true });
}

function isOf(row: RunRow, { agent, boundTo }: Omit<TasksOf, "tenant">): boolean {
  const input = row.input as { readonly agent?: unknown; readonly user?: unknown } | null;
  const isTheirs = boundTo == null || input?.user === boundTo;
  const isOfAgent = input?.agent === agent && contextOf(row) !== null;
  return kinds.includes(row.kind) && isOfAgent && isTheirs;
}

type Fits = (rows: readonly RunRow[]) => Promise<readonly RunRow[]>;

function filterOf(services: Services, of: TasksOf, request: ListTasksRequest): Fits {
  const { tenant } = of;
  const { contextId, status, statusTimestampAfter: since } = request;
  // Date.parse alone takes much that is no time, "-1" for the year 2001.
  const isTime = since !== undefined && /^\d{4}-\d\d-\d\dT/.test(since);
  const parsedMs = isTime ? Date.parse(since) : Number.NaN;
  const sinceMs = since === undefined ? Number.NEGATIVE_INFINITY : parsedMs;
  if (Number.isNaN(sinceMs)) {
    throw new RequestMalformedError("statusTimestampAfter must be a time as ISO 8601 has it.");
  }
  if (status === TaskState.UNRECOGNIZED) {
    throw new RequestMalformedError("status must be a state of a task.");
  }
  return async (rows) => {
    const own = rows.filter(
      (row) =>
        isOf(row, of) &&
        (contextId === "" || contextOf(row) === contextId) &&
        (row.endedAt ?? row.startedAt) > sinceMs,
    );
    if (status === TaskState.TASK_STATE_UNSPECIFIED) return own;
    const waiting = await services.approvals.waiting(tenant, own);
    const stateNow = ({ id, status: now }: RunRow): TaskState => {
      const what = waiting.get(id);
      return stateOf(now, what === "approval" ? "decision" : what === "auth" ? "account" : null);
    };
    return own.filter((row) => stateNow(row) === status);
  };
}

interface Scanned {
  readonly rows: readonly RunRow[];
  /** Id after which it goes on; null at the end. */
  readonly next: string | null;
}

async function scan(
  { system }: Services,
  tenant: string,
  fits: Fits,
  { size, after }: { readonly size: number; readonly after?: string },
): Promise<Scanned> {
  const found: RunRow[] = [];
  let last = after;
  for (let read = 0; read < RUNS_MAX; read += RUNS_AT_ONCE) {
    const from = last === undefined ? {} : { after: last };
    const { rows, next } = await system.runs(tenant, { limit: RUNS_AT_ONCE, kinds, ...from });
    found.push(...(await fits(rows)));
    if (found.length > size) {
      const page = found.slice(0, size);
      return { rows: page, next: page.at(-1)?.id ?? null };
    }
    if (next === null) return { rows: found, next };
    last = next;
  }
  return { rows: found, next: last ?? null };
}

function nextOf({ rows, next }: Scanned, size: number): string | null {
  return rows.length > size ? (rows[size - 1]?.id ?? null) : next;
}

async function historyOf(
  { system }: Services,
  tenant: string,
  row: RunRow,
): Promise<readonly MessageRecord[]> {
  const { sequences = [] } = (row.input ?? {}) as { readonly sequences?: readonly number[] };
  const conversation = contextOf(row);
  const [first] = sequences;
  if (first === undefined || conversation === null) return [];
  const range = { from: messageKey(first), to: `${messageKey(Math.max(...sequences))}.` };
  const records = await system.records(conversationAddress(tenant, conversation), {
    ...range,
    limit: HISTORY_MAX,
  });
  return records
    .map(({ value }) => value as MessageRecord)
    .filter(({ sequence }) => sequences.includes(sequence));
}
