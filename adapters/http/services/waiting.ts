// Waiting for a whole answer: to its end, or until it cannot go on before a person has decided, somebody
// outside has told it something, or a time has come, which may be in days. A caller is told then what is
// waited for, and the run goes on without it.

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
import { behind, type HeldUp, type HeldUpParts, heldUp, pausedAhead } from "./held-up.ts";
import { balanceOf } from "./money.ts";

/** What waiting for an answer came to. */
export type Waited =
  | { readonly status: "completed"; readonly reply: ChatReply; readonly balanceMicros: number }
  /** `queued`: it has not begun, since what holds it up is the run before it in its conversation. */
  | { readonly status: "waiting" | "queued"; readonly held: HeldUp };

/**
 * Between a pause and a look at what is waited for, ms: branches of a run that wait side by side are
 * shown together, and what is decided by a program at once needs no answer of its own.
 */
const LOOK_MS = 500;
/** Looks after a pause. It has ended, or is a short one, when they find nothing. */
const LOOKS_MAX = 20;

/** What a caller is told whose run is held up, under the API's names. */
export function waitingView(
  { run, conversation_key }: ChatAccepted,
  { status, held }: Exclude<Waited, { readonly status: "completed" }>,
): Readonly<Record<string, unknown>> {
  const waits = held.waits.map(({ kind, event, sinceMs, untilMs, url, run: run_id, code }) => ({
    ...{ kind, run_id, event, url, ...(code !== undefined && { code }) },
    since: timeOf(sinceMs),
    until: timeOf(untilMs),
  }));
  const approvals = held.approvals.map(approvalView);
  return { run_id: run, status, conversation_key, waits, approvals };
}

/** An approval as a resource. */
export function approvalView({ root: _, quorum, ...approval }: Approval): object {
  const { roles = null, keys = null } = quorum ?? {};
  return {
    ...approval,
    ...{ rule: approval.rule ?? null, rule_error: approval.rule_error ?? null },
    required: quorum?.required ?? 1,
    from: roles === null && keys === null ? null : { roles: roles ?? [], keys: keys ?? [] },
    not_requester: quorum?.not_requester ?? false,
    decisions: approval.decisions ?? [],
    arguments_version: approval.arguments_version ?? 0,
    proposed_arguments: approval.proposed_arguments ?? null,
  };
}

type Parts = HeldUpParts & { readonly system: System };

/** What comes first to who waits: frames of the run, a pause of the one before it, or a time to look. */
type Event =
  | { readonly type: "frames"; readonly batch: IteratorResult<readonly Frame[]> }
  | { readonly type: "ahead"; readonly run: string | null }
  | { readonly type: "look" };

/** @throws what the run ended with; CANCELLED when the connection to it ended. */
export async function waitFor(parts: Parts, caller: Caller, answering: Answering): Promise<Waited> {
  const { accepted } = answering;
  const { tenant } = caller;
  const batches = answering.frames[Symbol.asyncIterator]();
  const over = new AbortController();
  const next = async (): Promise<Event> => ({ type: "frames", batch: await batches.next() });
  const ahead = watchAhead(parts, { ...accepted, tenant }, over.signal);
  let coming = { own: next(), ahead: ahead?.() };
  let looks = { left: 0, at: accepted.run };
  try {
    for (;;) {
      const event = await firstOf([coming.own, coming.ahead], looks.left > 0);
      if (event.type === "look") {
        looks = { ...looks, left: looks.left - 1 };
        const held = await lookedAt(parts, tenant, { answering, run: looks.at });
        if (held === null) continue;
        if (looks.at === accepted.run) return { status: "waiting", held };
        return { status: "queued", held: behind(held, looks.at) };
      }
      if (event.type === "ahead") {
        const { run } = event;
        coming = { ...coming, ahead: run === null ? undefined : ahead?.() };
        if (run !== null) looks = { left: LOOKS_MAX, at: run };
        else if (looks.at !== accepted.run) looks = { left: 0, at: accepted.run };
        continue;
      }
      if (event.batch.done) break;
      const ended = await endOf(parts.system, tenant, event.batch.value);
      if (ended !== undefined) return ended;
      const isPaused = event.batch.value.some(({ type }) => type === "paused");
      if (isPaused) looks = { left: LOOKS_MAX, at: accepted.run };
      coming = { ...coming, own: next() };
    }
  } finally {
    over.abort();
    // No read is open here that would have to end before: either it has, or it was let go.
    await batches.return?.();
  }
  throw new RuntimeError("CANCELLED", `The connection to run ${accepted.run} ended.`);
}

/** Gives the next pause of the run before this one; undefined for a run that was not queued. */
function watchAhead(
  parts: Parts,
  of: ChatAccepted & { readonly tenant: string },
  signal: AbortSignal,
): (() => Promise<Event>) | undefined {
  const { tenant, run, conversation_key: conversation } = of;
  if (of.queued !== true || conversation === null) return undefined;
  const pauses = pausedAhead(parts, { tenant, conversation, run }, signal);
  return async () => {
    const { value, done } = await pauses.next();
    return { type: "ahead", run: done ? null : value };
  };
}

/** Nobody reads on when it is held up, or that cannot be read. */
async function lookedAt(
  parts: Parts,
  tenant: string,
  { answering, run }: { readonly answering: Answering; readonly run: string },
): Promise<HeldUp | null> {
  try {
    const held = await heldUp(parts, tenant, run);
    if (held !== null) answering.letGo();
    return held;
  } catch (error) {
    answering.letGo();
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

/** The first of them, or a look when it is time for one. */
async function firstOf(
  events: readonly (Promise<Event> | undefined)[],
  looks: boolean,
): Promise<Event> {
  let timer: NodeJS.Timeout | undefined;
  const coming = events.flatMap((event) => (event === undefined ? [] : [event]));
  const look = new Promise<Event>((resolve) => {
    if (looks) timer = setTimeout(() => resolve({ type: "look" }), LOOK_MS);
  });
  try {
    return await Promise.race([...coming, look]);
  } finally {
    clearTimeout(timer);
  }
}

function timeOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
