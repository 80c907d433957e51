// One call of a platform for a delivery, and what became of it. Where its answer was lost the platform is asked;
// one that cannot be asked just now is asked again later, after waits that survive restarts, up to a limit.
// Meanwhile the delivery holds its place in the lane: nothing overtakes what may still have to be said.

import type { RunContext } from "../../runtime/actor.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Ports } from "../ports.ts";
import { channelLimits } from "./limits.ts";
import type { Reconciled, SendResult } from "./outgoing.ts";
import type { PartSend } from "./port.ts";

type Context = RunContext<Pick<Ports, "channels">>;
type Later = Extract<Reconciled, { state: "later" }>;

/** Beyond the platform's own time: rates are waited for in it too. */
const STEP_MS = 2 * channelLimits.callMs;
const REASON_CHARS = 300;
const STOPPED = "The server stopped while it was sent.";

/**
 * One call; whether it has happened is known when it returns, or it says that nobody knows.
 * @param deliverByMs after it nothing is sent; what was sent is asked about at any time.
 */
export async function attempt(
  context: Context,
  step: string,
  send: PartSend,
  deliverByMs = Number.POSITIVE_INFINITY,
): Promise<SendResult> {
  const result = await called(context, step, { ...send, deliverByMs });
  if (result.ok || result.class !== "unknown") return result;
  const found = await asked(context, step, send, result.retryAfterMs);
  const { reason } = result;
  switch (found.state) {
    case "sent":
      return { ok: true, receipt: found.receipt };
    case "not_sent":
      return { ok: false, class: "retry", reason };
    case "later":
      return unknown(`${reason} The platform cannot be asked about it: ${found.reason}`);
    case "unknown":
      return unknown(reason);
  }
}

/** The call itself. Begun before a crash, it is asked about, and made again only when it did not arrive. */
async function called(context: Context, step: string, send: PartSend): Promise<SendResult> {
  const { channels } = context.ports;
  try {
    return await context.step<SendResult>(step, async ({ signal }) => channels.send(send, signal), {
      repeat: "reconcile",
      timeoutMs: STEP_MS,
      reconcile: async ({ signal }) => {
        const found = await channels.reconcile(send, signal);
        if (found.state === "sent") return { ok: true, receipt: found.receipt };
        if (found.state === "not_sent") return undefined;
        const wait = found.state === "later" ? found.retryAfterMs : undefined;
        return { ...unknown(STOPPED), ...(wait !== undefined && { retryAfterMs: wait }) };
      },
    });
  } catch (error) {
    return unknown(said(context, error));
  }
}

/**
 * What the platform says of a call; "later" when it could not be asked within `reconcileAttempts` and
 * `reconcileMs`.
 * @param afterMs not before then, as the platform wished.
 */
export async function asked(
  context: Context,
  step: string,
  send: PartSend,
  afterMs?: number,
): Promise<Reconciled> {
  const { reconcileAttempts, reconcileMs } = channelLimits;
  let found: Reconciled = { state: "later", reason: "", ...wished(afterMs) };
  let sinceMs: number | null = null;
  for (let number = afterMs === undefined ? 1 : 0; ; number += 1) {
    if (number > 0) found = await askedOnce(context, `${step}:ask:${number}`, send);
    if (found.state !== "later" || number >= reconcileAttempts) return found;
    const nowMs: number = await context.now(`${step}:ask-now:${number}`);
    sinceMs ??= nowMs;
    const waitMs = waitOf(found, Math.max(1, number));
    if (nowMs + waitMs > sinceMs + reconcileMs) return found;
    await context.sleep(`${step}:ask-wait:${number}`, waitMs);
  }
}

async function askedOnce(context: Context, step: string, send: PartSend): Promise<Reconciled> {
  const { channels } = context.ports;
  try {
    return await context.step(step, ({ signal }) => channels.reconcile(send, signal), {
      repeat: "safe",
      timeoutMs: STEP_MS,
    });
  } catch (error) {
    return { state: "later", reason: said(context, error) };
  }
}

/** What the platform asks for, bounded; else twice as long each time. */
export function waitOf({ retryAfterMs }: Pick<Later, "retryAfterMs">, number: number): number {
  const { retryMinMs, retryMaxMs, retryAfterMaxMs } = channelLimits;
  const own = Math.min(retryMaxMs, retryMinMs * 2 ** (number - 1));
  if (retryAfterMs === undefined || !Number.isFinite(retryAfterMs)) return own;
  return Math.max(retryMinMs, Math.min(retryAfterMs, retryAfterMaxMs));
}

/** @throws what is no operating error. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof RuntimeError)) throw error;
  return error.message.slice(0, REASON_CHARS);
}

/** @throws what ended the run. */
function said(context: Context, error: unknown): string {
  if (context.signal.aborted) throw error;
  return reasonOf(error);
}

function unknown(reason: string): SendResult & { readonly ok: false } {
  return { ok: false, class: "unknown", reason: reason.slice(0, REASON_CHARS) };
}

function wished(retryAfterMs: number | undefined): Pick<Later, "retryAfterMs"> {
  return retryAfterMs === undefined ? {} : { retryAfterMs };
}
