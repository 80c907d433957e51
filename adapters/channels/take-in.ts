// Takes verified events in: ids that sessions know, middleware, the session, and only then is the platform
// answered. Nothing is kept here: what a session has taken is on its disk, what it has not comes again.

import type { Inbound } from "../../actors/channels/inbound.ts";
import { inboundMessage, type Taken, type Verdict } from "../../actors/channels/session-message.ts";
import { beginTrace } from "../../actors/trace/trace-context.ts";
import { errorTable, toErrorData } from "../../runtime/errors.ts";
import type { Log } from "../../runtime/log.ts";
import type { System } from "../../runtime/system.ts";
import type { Account } from "./account.ts";
import type { Parked } from "./adapter.ts";
import { nameOfEvent, park } from "./parked.ts";

/** Latest moment a session begins to handle an event, ms: the platform waits meanwhile. */
const TAKE_MS = 10_000;

/** What it works with. */
export interface TakeInParts {
  readonly system: Pick<System, "ask" | "tables">;
  readonly log: Log;
  nowMs(): number;
}

/**
 * Takes in what came in one delivery: conversations side by side, events of one in order. @throws RuntimeError when any is to come again: those that were taken are known then.
 */
export type TakeIn = (
  account: Account,
  events: readonly Inbound[],
  parked: readonly Parked[],
) => Promise<void>;

/** Makes it. */
export function createTakeIn(parts: TakeInParts): TakeIn {
  return async (account, events, parked) => {
    const { health } = account;
    health.count("received", events.length);
    const identities = events.filter((event) => event.kind === "identity");
    // Known before anything else of the delivery, which may be under the new id already.
    for (const event of identities) await account.aliases.learn(event);
    const unfit: Parked[] = [];
    const takes = await Promise.allSettled(
      byConversation(events).map(async (group) => {
        for (const event of group) await takeOne(parts, account, event, unfit);
      }),
    );
    const failed = takes.find((take) => take.status === "rejected");
    // It comes again whole, and what is set aside with it.
    if (failed !== undefined) throw failed.reason;
    const pieces = [...parked, ...unfit].map(({ reason, raw }) => ({
      reason: account.hide(reason),
      raw: account.hide(raw),
    }));
    health.count("parked", pieces.length);
    await park(parts.system.tables, account, pieces, parts.nowMs());
  };
}

/** What was said in one conversation keeps its order; conversations do not wait for each other. */
function byConversation(events: readonly Inbound[]): readonly (readonly Inbound[])[] {
  const groups = new Map<string, Inbound[]>();
  for (const event of events) {
    if (event.kind === "identity") continue;
    const { conversation } = event.place;
    const group = groups.get(conversation);
    if (group === undefined) groups.set(conversation, [event]);
    else group.push(event);
  }
  return [...groups.values()];
}

async function takeOne(
  { system, log, nowMs }: TakeInParts,
  account: Account,
  event: Inbound,
  unfit: Parked[],
): Promise<void> {
  const { tenant, id: channel, record, adapter, scope, health } = account;
  const known = await account.people.known(await account.aliases.resolved(event));
  const context = { tenant, channel, kind: adapter.kind, settings: record, nowMs: nowMs() };
  const outcome = await account.chain(known, context);
  if ("drop" in outcome) {
    health.count("dropped");
    return;
  }
  const verdict = await verdictOf(account, outcome);
  const { dedupeHours, deliverWithinMs } = adapter.capabilities;
  const about = {
    dedupeHours,
    deliverWithinMs,
    ...(verdict && { verdict }),
  };
  const { to, message } = inboundMessage({ tenant, channel, scope }, outcome.event, about);
  // One trace from the message to what is delivered for it; the same event has the same one.
  const trace = beginTrace(`${tenant}/${channel}/${nameOfEvent(event.dedupe)}`);
  try {
    (await system.ask(to, message, { timeoutMs: TAKE_MS, trace })) as Taken;
  } catch (error) {
    const { code, message: why } = toErrorData(error);
    // The same event would be refused for ever, and with it all that come in its delivery.
    if (errorTable[code].retryable || code === "TENANT_SUSPENDED") throw error;
    unfit.push({ reason: `${code}: ${account.hide(why)}`, raw: JSON.stringify(event) });
    const of = { account: channel, event: nameOfEvent(event.dedupe), code };
    log.write("error", "An event of a channel cannot be taken in and was set aside.", of);
  }
}

/** Commands that join what a person is on several channels are answered here: codes are no session's. */
async function verdictOf(
  { linking }: Account,
  { event, verdict }: { readonly event: Inbound; readonly verdict?: Verdict },
): Promise<Verdict | undefined> {
  // What middleware has refused is not looked at.
  if (verdict?.say !== undefined && verdict.holdUntilMs === undefined) return verdict;
  const said = await linking.answer(event);
  return said === null ? verdict : { say: said };
}
