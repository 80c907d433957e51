// Waiting for a whole answer: to its end, or until it cannot go on before a person has decided, which
// may be in days. A caller is told then what is to be decided, and the run goes on without it.

import type { Approval } from "../../../actors/records/approval.ts";
import {
  balanceCounter,
  type ChatAccepted,
  type ChatReply,
} from "../../../actors/records/conversation.ts";
import { fromErrorData, RuntimeError } from "../../../runtime/errors.ts";
import type { Frame } from "../../../runtime/frame.ts";
import type { System } from "../../../runtime/system.ts";
import type { Caller } from "./agent-store.ts";
import type { Answering } from "./answering.ts";
import type { ApprovalService } from "./approvals.ts";
import { balanceOf } from "./money.ts";

/** What waiting for an answer came to. */
export type Waited =
  | { readonly status: "completed"; readonly reply: ChatReply; readonly balanceMicros: number }
  /** Those of the run that are pending, newest first, at most `APPROVALS_MAX`; never none. */
  | { readonly status: "waiting"; readonly approvals: readonly Approval[] };

/** Approvals that a caller is shown; `/v2/approvals?run_id=` lists all. */
const APPROVALS_MAX = 100;
/**
 * Between a pause and a look at what is pending, ms: branches of a run that wait side by side are shown
 * together, and what is decided by a program at once needs no answer of its own.
 */
const LOOK_MS = 500;
/** Looks after a pause. What pauses a run is no approval (a time, an event) when they find none. */
const LOOKS_MAX = 20;

/** What a caller is told whose run waits, under the API's names. */
export function waitingView(
  { run, conversation_key }: ChatAccepted,
  approvals: readonly Approval[],
): Readonly<Record<string, unknown>> {
  const place = { run_id: run, status: "waiting", conversation_key };
  return { ...place, approvals: approvals.map(approvalView) };
}

/** An approval as a resource. */
export function approvalView({ root: _, ...approval }: Approval): object {
  return { ...approval, rule: approval.rule ?? null, rule_error: approval.rule_error ?? null };
}

interface Parts {
  readonly system: System;
  readonly approvals: Pick<ApprovalService, "list">;
}

/** @throws what the run ended with; CANCELLED when the connection to it ended. */
export async function waitFor(parts: Parts, caller: Caller, answering: Answering): Promise<Waited> {
  const batches = answering.frames[Symbol.asyncIterator]();
  let looks = 0;
  try {
    for (let next = batches.next(); ; ) {
      const batch = looks > 0 ? await within(next, LOOK_MS) : await next;
      if (batch === undefined) {
        looks -= 1;
        const approvals = await pendingOf(parts, caller.tenant, answering);
        if (approvals.length > 0) return { status: "waiting", approvals };
        continue;
      }
      if (batch.done) break;
      const ended = await endOf(parts.system, caller.tenant, batch.value);
      if (ended !== undefined) return ended;
      if (batch.value.some(({ type }) => type === "paused")) looks = LOOKS_MAX;
      next = batches.next();
    }
  } finally {
    // No read is open here that would have to end before: either it has, or it was let go.
    await batches.return?.();
  }
  const { run } = answering.accepted;
  throw new RuntimeError("CANCELLED", `The connection to run ${run} ended.`);
}

/** Nobody reads on when there are any, or they cannot be read. */
async function pendingOf(
  { approvals }: Parts,
  tenant: string,
  { accepted, letGo }: Answering,
): Promise<readonly Approval[]> {
  const filter = { status: "pending", agent: null, run: accepted.run } as const;
  try {
    const { items } = await approvals.list(tenant, { limit: APPROVALS_MAX }, filter);
    if (items.length > 0) letGo();
    return items;
  } catch (error) {
    letGo();
    throw error;
  }
}

async function endOf(
  system: System,
  tenant: string,
  batch: readonly Frame[],
): Promise<Waited | undefined> {
  const last = batch.at(-1);
  if (last?.type !== "end") return undefined;
  if (last.outcome.status !== "completed") throw fromErrorData(last.outcome.error);
  const balanceMicros = last.counters[balanceCounter] ?? (await balanceOf(system, tenant));
  return { status: "completed", reply: last.reply as ChatReply, balanceMicros };
}

/** Undefined when it takes longer. */
async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
