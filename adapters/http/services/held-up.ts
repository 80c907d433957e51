// Why a run cannot end soon: what it waits for that only people, somebody outside or much time bring, and
// for a run that is queued in its conversation the run before it.

import { setTimeout as delay } from "node:timers/promises";
import { linkPath } from "../../../actors/credentials/keys.ts";
import type { TokenWait } from "../../../actors/credentials/token-wait.ts";
import { type OpenWait, openWaits } from "../../../actors/open-waits.ts";
import type { Approval } from "../../../actors/records/approval.ts";
import { tokenTables } from "../../../actors/records/token.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { rootRunOf } from "../../../runtime/frame.ts";
import type { System } from "../../../runtime/system.ts";
import type { ApprovalService } from "./approvals.ts";
import type { ConversationService } from "./conversations.ts";
import { wholeLog } from "./run-log.ts";

/** What is shown of one wait; times in ms since the epoch, null where nobody knows. */
export interface WaitNote {
  readonly kind: "approval" | "event" | "sleep" | "budget" | "auth" | "target" | "queue";
  /** The run that waits, which may be below the one asked for; of a queue the run before it. */
  readonly run: string;
  readonly event: string | null;
  readonly sinceMs: number | null;
  readonly untilMs: number | null;
  /** Path at which it is decided, told or looked at. */
  readonly url: string;
  /** Of `auth`: what the page there asks for. Absent: nothing. */
  readonly code?: string;
}

/** What holds a run up. */
export interface HeldUp {
  /** Pending ones, newest first, at most `NOTES_MAX`. */
  readonly approvals: readonly Approval[];
  /** Never none. */
  readonly waits: readonly WaitNote[];
}

/** Approvals, and other waits, that a caller is shown; `/v2/approvals?run_id=` lists all of the first. */
const NOTES_MAX = 100;
/** A sleep, or a wait for an event, that ends by itself within so long is waited for, ms. */
const SHORT_WAIT_MS = 5_000;
/** Between two looks at a queue whose head could not be followed, or seems to be as it was, ms. */
const AGAIN_MS = 1_000;

/** What a look needs. */
export interface HeldUpParts {
  readonly system: Pick<System, "follow" | "log" | "run" | "tables">;
  readonly approvals: Pick<ApprovalService, "list">;
  readonly conversations: Pick<ConversationService, "describe">;
  nowMs(): number;
}

/** What holds a root run up now; null while it goes on, or soon will. */
export async function heldUp(
  { system, approvals, nowMs }: HeldUpParts,
  tenant: string,
  run: string,
): Promise<HeldUp | null> {
  const filter = { status: "pending", agent: null, tool: null, run } as const;
  const pending = await approvals.list(tenant, { limit: NOTES_MAX }, filter);
  const row = await system.run(tenant, run);
  const log = row === undefined || row.endedAt !== null ? [] : await wholeLog(system, row);
  const longMs = nowMs() + SHORT_WAIT_MS;
  const open = openWaits(log)
    // Pauses of a wait for an account are short; the wait is not.
    .filter(({ kind, untilMs }) => kind !== "approval" && (kind === "auth" || untilMs > longMs))
    .slice(0, NOTES_MAX);
  const waits = await Promise.all(
    open.map(async (wait): Promise<WaitNote> => {
      const account = await accountOf(system, tenant, wait);
      return { ...wait, url: urlOf(tenant, run, wait), ...account };
    }),
  );
  if (pending.items.length + waits.length === 0) return null;
  return { approvals: pending.items, waits: [...pending.items.map(noteOf), ...waits] };
}

/** What is shown of a wait for an account beside what the log says. */
async function accountOf(
  { tables }: Pick<System, "tables">,
  tenant: string,
  { run, link }: Pick<OpenWait, "run" | "link">,
): Promise<Partial<WaitNote>> {
  if (link === undefined) return {};
  const row = await tables.get(tenant, tokenTables.waitsOfRun, `${rootRunOf(run)}.${link}`);
  if (row === undefined) return {};
  const { code, remote, untilMs } = row.value as TokenWait;
  const there = remote === undefined ? {} : { url: remote.url ?? runUrl(rootRunOf(run)) };
  return { untilMs, ...there, ...(code !== undefined && { code }) };
}

function urlOf(tenant: string, run: string, { run: waiting, event, link }: OpenWait): string {
  if (link !== undefined) return linkPath(tenant, link);
  return event === null ? runUrl(run) : `${runUrl(waiting)}/events/${event}`;
}

/** The same, of a run that waits for the end of the one before it. */
export function behind({ approvals, waits }: HeldUp, ahead: string): HeldUp {
  const none = { event: null, sinceMs: null, untilMs: null };
  return {
    approvals,
    waits: [{ kind: "queue", run: ahead, ...none, url: runUrl(ahead) }, ...waits],
  };
}

/**
 * The run that is ahead of one in its conversation, each time that it has begun to wait. Ends when none
 * is ahead any more, or when `signal` aborts.
 */
export async function* pausedAhead(
  { system, conversations }: HeldUpParts,
  of: { readonly tenant: string; readonly conversation: string; readonly run: string },
  signal: AbortSignal,
): AsyncGenerator<string> {
  let last = "";
  while (!signal.aborted) {
    try {
      const { running, waiting } = await conversations.describe(of.tenant, of.conversation);
      if (running === null || !waiting.includes(of.run)) return;
      if (running === last) await delay(AGAIN_MS, undefined, { signal });
      last = running;
      const frames = system.follow(of.tenant, running, { endOnly: true, signal });
      for await (const batch of frames) {
        if (batch.some(({ type }) => type === "paused")) yield running;
      }
    } catch (error) {
      // A worker that is full of viewers, a conversation that is gone: the run's own end says the rest.
      if (signal.aborted) return;
      if (!(error instanceof RuntimeError)) throw error;
      if (error.code === "NOT_FOUND") return;
    }
  }
}

function noteOf({ id, run_id, requested_at, expires_at }: Approval): WaitNote {
  const times = { sinceMs: Date.parse(requested_at), untilMs: Date.parse(expires_at) };
  return { kind: "approval", run: run_id, event: null, ...times, url: `/v2/approvals/${id}` };
}

function runUrl(run: string): string {
  return `/v2/runs/${run}`;
}
