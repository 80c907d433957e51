// What agents set for themselves, as main keeps it: triggers like any other, of the conversation that they were set
// in and of whoever answers there. Only those are listed and removed that are of the same conversation.

import type { ResourceRow } from "../../actors/records/resource.ts";
import { joinedBy, type TriggerInput } from "../../actors/records/trigger.ts";
import type { Planned, PlanPlace, Schedules } from "../../actors/triggers/port.ts";
import { nextDue } from "../../actors/triggers/schedule.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { ResourceService } from "../http/resources/resource-service.ts";
import type { Caller } from "../http/services/agent-store.ts";
import type { ConversationService } from "../http/services/conversations.ts";
import { onceKey } from "../http/services/once.ts";
import { createSerial } from "../serial.ts";
import { TRIGGER_SERVICE } from "./launches.ts";

/** What it works with. */
export interface ScheduleParts {
  readonly triggers: Pick<ResourceService<TriggerInput>, "create" | "remove" | "list">;
  readonly conversations: Pick<ConversationService, "describe">;
  nowMs(): number;
}

type Row = ResourceRow<TriggerInput>;

/** Triggers of one conversation that are looked at. */
const LOOKED = 200;
/** Times of a cron expression that are looked at for the shortest wait. */
const TIMES_LOOKED = 64;
/** One that has come to pass is kept so long for its ledger, ms. */
const KEPT_MS = 24 * 3_600_000;
const NAME_CHARS = 80;

/** The port. */
export function createSchedules(parts: ScheduleParts): Schedules {
  // One after the other in a conversation: calls of one round are made at once, and are counted.
  const serial = createSerial();
  const alone = <T>({ tenant, conversation }: PlanPlace, act: () => Promise<T>): Promise<T> =>
    serial.run(`${tenant}/${conversation}`, act);
  return {
    plan: (wanted) => alone(wanted, () => planIn(parts, wanted)),
    planned: async (of) =>
      (await ofConversation(parts, of))
        .filter(({ record }) => !isPast(record, parts.nowMs()))
        .map(plannedOf),
    unplan: (of) => alone(of, () => unplanIn(parts, of)),
  };
}

async function planIn(
  parts: ScheduleParts,
  { tenant, conversation, plan, most, leastS, key }: Parameters<Schedules["plan"]>[0],
): Promise<Planned> {
  const { triggers, conversations } = parts;
  const nowMs = parts.nowMs();
  const { row } = await conversations.describe(tenant, conversation);
  const all = await ofConversation(parts, { tenant, conversation });
  const caller = callerOf(tenant);
  for (const { record: old } of all) {
    if (!isPast(old, nowMs - KEPT_MS)) continue;
    await triggers.remove(caller, old.id, null).catch(ignoreGone);
  }
  const record = recordOf(plan, { target: row.agent_key, conversation });
  // A call that comes again, or says what is set already.
  const same = all.find((one) => isSame(one.record, record));
  if (same !== undefined) return plannedOf(same);
  const coming = all.filter((one) => !isPast(one.record, nowMs));
  if (coming.length >= most) {
    const text = `This conversation has ${coming.length} schedules to come, the most it may have is ${most}: cancel one first.`;
    throw new RuntimeError("CONFLICT", text, { limit: most });
  }
  checkTimes(record, leastS, nowMs);
  return plannedOf(await triggers.create(caller, record, onceKey(key, JSON.stringify(record))));
}

async function unplanIn(
  parts: ScheduleParts,
  { id, ...of }: Parameters<Schedules["unplan"]>[0],
): Promise<boolean> {
  const own = (await ofConversation(parts, of)).find(({ record }) => record.id === id);
  if (own === undefined) return false;
  await parts.triggers.remove(callerOf(of.tenant), id, null).catch(ignoreGone);
  return true;
}

const callerOf = (tenant: string): Caller => ({ tenant, keyId: null, service: TRIGGER_SERVICE });

async function ofConversation(
  { triggers }: ScheduleParts,
  { tenant, conversation }: PlanPlace,
): Promise<readonly Row[]> {
  const { items } = await triggers.list(tenant, {
    page: { limit: LOOKED },
    list: "schedules",
    question: {
      ...{ words: [], sort: "created_at", isDescending: false },
      filters: [["conversation", [conversation]]],
    },
  });
  return items.filter(({ record }) => record.type === "schedule");
}

function recordOf(
  { text, at, every, cron, time_zone }: Omit<Planned, "id">,
  { target, conversation }: { readonly target: string; readonly conversation: string },
): TriggerInput {
  const said = text.replaceAll(/\s+/g, " ").trim();
  return {
    name: said.slice(0, NAME_CHARS).replace(/\p{Surrogate}$/u, ""),
    description: "Set by its agent in this conversation.",
    ...{ target, type: "schedule", conversation, input: text },
    ...(at !== undefined && { at }),
    ...(every !== undefined && { every }),
    ...(cron !== undefined && { cron }),
    ...(time_zone !== undefined && { time_zone }),
  };
}

/** @throws INVALID for times that are too close together, or that have passed. */
function checkTimes(record: TriggerInput, leastS: number, nowMs: number): void {
  if (record.at !== undefined && Date.parse(record.at) <= nowMs) {
    throw new RuntimeError("INVALID", "at has passed.", { pointer: "/at" });
  }
  const pointer = record.cron === undefined ? "/every" : "/cron";
  const often = `It comes more often than every ${leastS} s, which is the least here.`;
  if (record.every !== undefined && record.every < leastS) {
    throw new RuntimeError("INVALID", often, { pointer });
  }
  if (record.cron === undefined) return;
  let before: number | null = null;
  for (let at = nowMs, look = 0; look < TIMES_LOOKED; look += 1) {
    const due = dueAfter(record, at);
    if (due === null) return;
    if (before !== null && due - before < leastS * 1_000) {
      throw new RuntimeError("INVALID", often, { pointer });
    }
    before = due;
    at = due;
  }
}

/** What cannot be read is told by the rules of triggers. */
function dueAfter(record: TriggerInput, afterMs: number): number | null {
  try {
    return nextDue(record, "", afterMs)?.atMs ?? null;
  } catch {
    return null;
  }
}

const isPast = ({ at }: TriggerInput, nowMs: number): boolean =>
  at !== undefined && Date.parse(at) <= nowMs;

function isSame(one: TriggerInput, other: TriggerInput): boolean {
  const of = ({ input, at, every, cron, time_zone }: TriggerInput): string =>
    JSON.stringify([input, at, every, cron, time_zone]);
  return joinedBy(one) === joinedBy(other) && of(one) === of(other);
}

function plannedOf({ record: { id, input = "", at, every, cron, time_zone } }: Row): Planned {
  return {
    ...{ id, text: input },
    ...(at !== undefined && { at }),
    ...(every !== undefined && { every }),
    ...(cron !== undefined && { cron }),
    ...(time_zone !== undefined && { time_zone }),
  };
}

function ignoreGone(error: unknown): void {
  if (error instanceof RuntimeError && error.code === "NOT_FOUND") return;
  throw error;
}
