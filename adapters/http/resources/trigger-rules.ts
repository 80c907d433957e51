// What a trigger must be beside its schema: it has the fields of its type and no others, its times can be read,
// and whom it sets to work exists.

import { joinedBy, type TriggerInput, triggerLimits } from "../../../actors/records/trigger.ts";
import type { ListenersRow } from "../../../actors/triggers/listeners.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import {
  checkExists,
  checkSecretsGiven,
  type ResourceRules,
  type RulePlace,
} from "./resource-rules.ts";

const working = ["ag", "tm", "wf"] as const;
/** Exactly one of them says when. */
const whens = ["cron", "every", "at"] as const;
/** Fields that some types alone have. */
const fieldsOf = {
  schedule: [...whens, "time_zone", "from", "jitter", "missed"],
  webhook: ["secrets", "signature_header"],
  event: ["on"],
  file_change: ["path", "globs", "recursive", "events", "settle", "batch", "poll"],
} as const;
/** Fields beside `when` that belong to one of them. */
const belongs = { time_zone: "cron", from: "every" } as const;

/** Rules of triggers. */
export const triggerRules: ResourceRules<TriggerInput> = {
  async check(input, place) {
    checkFields(input);
    if (input.type === "schedule") await checkSchedule(input, place);
    if (input.type === "webhook") await checkWebhook(input);
    if (input.type === "event") await checkEvent(input, place);
    if (input.type === "file_change") await checkFiles(input, place);
    await checkExists(place, input.target, { prefixes: working, pointer: "/target" });
    const joined = joinedBy(input);
    if (joined !== null) await checkConversation(place, input.target, joined);
  },
  links: ({ target, on }) => ({ target, ...(on !== undefined && { "on/of": on.of }) }),
};

async function checkConversation(place: RulePlace, target: string, conversation: string) {
  const { conversationsTable } = await import("../../../actors/records/conversation.ts");
  const row = await place.tables.get(place.tenant, conversationsTable, `${target}.${conversation}`);
  if (row !== undefined) return;
  throw invalid(`${target} has no conversation ${conversation}.`, "/conversation");
}

/** No field of another type. */
function checkFields(input: TriggerInput): void {
  for (const [type, names] of Object.entries(fieldsOf)) {
    if (input.type === type) continue;
    const other = names.find((name) => input[name] !== undefined);
    if (other === undefined) continue;
    throw invalid(`${other} belongs to triggers of type ${type}.`, `/${other}`);
  }
}

async function checkWebhook(input: TriggerInput): Promise<void> {
  checkSecretsGiven(input.secrets);
  // Loaded with the first webhook.
  const { hookRules } = await import("../../triggers/hook-rules.ts");
  hookRules(input);
}

async function checkFiles({ path, globs = [] }: TriggerInput, place: RulePlace): Promise<void> {
  if (path === undefined) throw invalid("A trigger of type file_change names a folder.", "/path");
  // Loaded with the first one that watches files.
  const { grantedPlace, grantsOf } = await import("../../../actors/tools/folders.ts");
  grantedPlace(path, grantsOf(place.folders, place.tenant));
  if (globs.length === 0) return;
  const { loadLinearPatterns } = await import("../../../actors/linear-pattern.ts");
  const { globOf } = await import("../../files/glob.ts");
  await loadLinearPatterns();
  for (const [at, glob] of globs.entries()) {
    const fault = faultOf(() => globOf(glob));
    if (fault !== null) throw invalid(fault, `/globs/${at}`);
  }
}

/** Of which kinds of records something is told. */
const heeded = { run: working, channel_message: ["ch"], document: ["cl"] } as const;

async function checkEvent({ on, target }: TriggerInput, place: RulePlace): Promise<void> {
  if (on === undefined) throw invalid("A trigger of type event says what it listens to.", "/on");
  const { what, of, outcome } = on;
  if (of === target) {
    throw invalid("A trigger that listens to its own target would never come to rest.", "/on/of");
  }
  if (what === "channel_message" && outcome !== undefined) {
    throw invalid("A message of a channel has no outcome.", "/on/outcome");
  }
  await checkExists(place, of, { prefixes: heeded[what], pointer: "/on/of" });
  // Loaded with the first one that listens.
  const { listenersTable } = await import("../../../actors/triggers/listeners.ts");
  const row = await place.tables.get(place.tenant, listenersTable, of);
  const { listeners } = (row?.value as ListenersRow | undefined) ?? { listeners: [] };
  const others = listeners.filter(({ trigger }) => trigger !== place.id);
  if (others.length < triggerLimits.listeners) return;
  const message = `${triggerLimits.listeners} triggers listen to ${of} already, the most that may.`;
  throw invalid(message, "/on/of");
}

async function checkSchedule(input: TriggerInput, { id }: RulePlace): Promise<void> {
  const given = whens.filter((name) => input[name] !== undefined);
  const [when] = given;
  if (when === undefined || given.length > 1) {
    const pointer = `/${given[1] ?? "cron"}`;
    throw invalid("A schedule has one of cron, every and at.", pointer);
  }
  for (const [name, of] of Object.entries(belongs)) {
    if (input[name as keyof typeof belongs] !== undefined && of !== when) {
      throw invalid(`${name} belongs to ${of}, which this schedule does not have.`, `/${name}`);
    }
  }
  for (const name of ["at", "from"] as const) checkMoment(input[name], `/${name}`);
  if (input.at !== undefined && id === null && Date.parse(input.at) <= Date.now()) {
    throw invalid("at has passed: it would never come.", "/at");
  }
  const { cron, time_zone } = input;
  if (cron === undefined) return;
  if (time_zone !== undefined && faultOf(() => zoned(time_zone)) !== null) {
    const text = `time_zone "${time_zone}" is no IANA time zone, such as Europe/Berlin.`;
    throw invalid(text, "/time_zone");
  }
  // Loaded with the first schedule.
  const { readCron } = await import("../../../actors/triggers/schedule.ts");
  let next: Date | null = null;
  const fault = faultOf(() => {
    next = readCron(cron, time_zone).nextRun();
  });
  if (fault !== null) throw invalid(`cron cannot be read: ${fault}`, "/cron");
  if (next === null) throw invalid("cron names a time that never comes.", "/cron");
}

/** A second 60 is in the format, and no clock shows it. */
function checkMoment(moment: string | undefined, pointer: string): void {
  if (moment === undefined || !Number.isNaN(Date.parse(moment))) return;
  throw invalid(`"${moment}" is no time that a clock shows.`, pointer);
}

const zoned = (timeZone: string): unknown => new Intl.DateTimeFormat("en", { timeZone });

/** What a library says against something, without its name; null where it takes it. */
function faultOf(read: () => unknown): string | null {
  try {
    read();
    return null;
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return text.replace(/^Cron\w*: /, "").slice(0, 300);
  }
}

const invalid = (message: string, pointer: string): RuntimeError =>
  new RuntimeError("INVALID", message, { pointer });
