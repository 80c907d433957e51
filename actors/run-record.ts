// The record of a run as it is handed out: its row, its log, the messages it answers with those
// before them, and the versions of the agent it reads. Pages of a bounded size, the same over HTTP
// and from a data folder; joined again they are all that a replay needs.

import type { Data, RecordRow, RunContext } from "../runtime/actor.ts";
import { RuntimeError } from "../runtime/errors.ts";
import type { LogPage } from "../runtime/runs/run-log.ts";
import type { RunRow } from "../runtime/system.ts";
import type { RunRecord } from "../runtime/testkit/recording.ts";
import { guardrailVersionsTable, isForAll } from "./guard/stored.ts";
import { limits } from "./limits.ts";
import { loadPrompt, type PinnedPrompts, pinPrompts, referenceText } from "./prompts/prompt.ts";
import {
  type AgentRow,
  agentTables,
  type SubAgentRow,
  versionId,
} from "./records/agent-version.ts";
import { messageKey } from "./records/conversation.ts";
import { type ResourceRow, resourceTables } from "./records/resource.ts";
import { skillLinks } from "./records/skill.ts";
import { skillKind } from "./records/skill-kind.ts";
import type { ToolInput } from "./records/tool.ts";
import { toolKind } from "./records/tool-kind.ts";
import { pinnedSkills, rowsOfPins, skillVersionsOf } from "./skills/pins.ts";
import { PIN_PREFIX, type TargetPin, targetNamed, targetPlace } from "./targets.ts";
import { toolVersionsOf } from "./tools/found.ts";
import { shownTool, shownUses } from "./tools/secret-headers.ts";
import { ownerOf, sentKey, type TurnInput } from "./turn-input.ts";

/** Where records come from. */
export interface RecordSource {
  row(table: string, id: string): Promise<Data>;
  records(...of: Parameters<RunContext["records"]>): Promise<readonly RecordRow[]>;
  log(run: RunRow, from: number, limit: number): Promise<LogPage>;
}

/** One piece of a record. */
export type RecordItem =
  | { readonly type: "run"; readonly run: RunRow }
  | { readonly type: "log"; readonly entries: LogPage["entries"] }
  | { readonly type: "row"; readonly row: RunRecord["rows"][number] }
  | { readonly type: "record"; readonly record: RunRecord["records"][number] };

/** A page of a record. `next` is the cursor of the next one, null on the last. */
export interface RecordPage {
  readonly items: readonly RecordItem[];
  readonly next: string | null;
}

/** What is asked for. */
export interface RecordRequest {
  readonly run: RunRow;
  /** Version to add, so that the run can be replayed on it. */
  readonly version?: number;
  /** Whose version that is. Default: of what answers the run. */
  readonly target?: string;
  /** `next` of the page before. */
  readonly cursor?: string;
}

/** Where a page goes on: a section, and the place in it. */
interface Place {
  readonly section: "log" | "row" | "record";
  readonly at: string;
}

const skillRows = resourceTables(skillKind);
const toolTables = resourceTables(toolKind);
const CURSOR = /^(log|row|record)\.([A-Za-z0-9_-]{0,64})$/;

/**
 * One page: whole items until it has about 1 MiB of JSON, at least one.
 * @throws INVALID for a cursor that is none and a version of a team's own, NOT_FOUND for one that is not kept,
 *   EVENTS_TRIMMED when the record's time is over.
 */
export async function recordPage(
  source: RecordSource,
  request: RecordRequest,
): Promise<RecordPage> {
  inputOf(request.run);
  const items: RecordItem[] = [];
  let bytes = 0;
  let place: Place | null = placeOf(request.cursor);
  if (request.cursor === undefined) items.push({ type: "run", run: request.run });
  while (place !== null && bytes < limits.recordPageBytes) {
    const part: Part = await readers[place.section](source, request, place.at);
    place = part.next;
    for (const [index, item] of part.items.entries()) {
      items.push(item);
      bytes += JSON.stringify(item).length;
      if (bytes < limits.recordPageBytes || index === part.items.length - 1) continue;
      place = part.after(index);
      break;
    }
  }
  return { items, next: place === null ? null : `${place.section}.${place.at}` };
}

/** A whole record from its pages. @throws NOT_FOUND without a first page. */
export function joinRecord(items: readonly RecordItem[]): RunRecord {
  let run: RunRow | undefined;
  const log: LogPage["entries"][number][] = [];
  const rows: RunRecord["rows"][number][] = [];
  const records: RunRecord["records"][number][] = [];
  for (const item of items) {
    if (item.type === "run") run = item.run;
    else if (item.type === "log") log.push(...item.entries);
    else if (item.type === "row") rows.push(item.row);
    else records.push(item.record);
  }
  if (run === undefined) throw new RuntimeError("NOT_FOUND", "The record names no run.");
  return { run, log, rows, records };
}

interface Part {
  readonly items: readonly RecordItem[];
  readonly next: Place | null;
  /** Where to go on when only the items up to this one fit. */
  after(index: number): Place;
}

type Reader = (source: RecordSource, request: RecordRequest, at: string) => Promise<Part>;

const readers: Readonly<Record<Place["section"], Reader>> = {
  log: async (source, { run }, at) => {
    const { entries, next } = await source.log(run, Number.parseInt(at, 36), 1);
    const place: Place =
      next === null ? { section: "row", at: "0" } : { section: "log", at: next.toString(36) };
    const items: RecordItem[] = entries.length === 0 ? [] : [{ type: "log", entries }];
    return { items, next: place, after: () => place };
  },
  row: async (source, request, at) => {
    const wanted = await rowsOf(source, request);
    const from = Number.parseInt(at, 36);
    const found = await Promise.all(
      wanted.slice(from, from + limits.recordRows).map(async ({ table, id }) => {
        const value = await source.row(table, id);
        if (value === undefined) throw gone(id);
        return { type: "row", row: { table, id, value: withoutSecrets(table, value) } } as const;
      }),
    );
    const to = from + limits.recordRows;
    const hasMore = to < wanted.length;
    const rowAt = (index: number): Place => ({ section: "row", at: index.toString(36) });
    const next: Place = hasMore ? rowAt(to) : { section: "record", at: "" };
    return { items: found, next, after: (index) => rowAt(from + index + 1) };
  },
  record: async (source, { run }, at) => {
    const input = inputOf(run);
    const owner = ownerOf(run.parent, input.owner);
    const range = rangeOf(input);
    const limit = limits.recordRows;
    const from = at === "" ? range.from : `${at}.`;
    const found = await source.records(owner, { ...range, from, limit });
    const recordAt = (index: number): Place => ({
      section: "record",
      at: found[index]?.key ?? "",
    });
    return {
      items: found.map(({ key, value }) => ({ type: "record", record: { owner, key, value } })),
      next: found.length < limit ? null : recordAt(found.length - 1),
      after: recordAt,
    };
  },
};

/** The versions that the run reads, and those asked for: of what answers, and of whom that asked. */
async function rowsOf(
  source: RecordSource,
  { run, version, target }: RecordRequest,
): Promise<readonly { readonly table: string; readonly id: string }[]> {
  const input = inputOf(run);
  const wanted = new Map<string, { readonly table: string; readonly id: string }>();
  const want = (table: string, id: string): void => {
    wanted.set(`${table}/${id}`, { table, id });
  };
  // One that was deleted since is none of what the run has now: it goes on without it.
  const wantSkill = async (id: string): Promise<void> => {
    if ((await source.row(skillRows.versions, id)) !== undefined) want(skillRows.versions, id);
  };
  const added = version === undefined ? [] : [{ target: target ?? input.agent, version }];
  const found = await foundBy(source, run);
  if (version !== undefined && target === undefined) checkOwn(input.agent, found.pins);
  for (const id of found.tools) want(toolTables.versions, id);
  for (const id of [...found.skills, ...rowsOfPins(input.prompts?.skills)]) await wantSkill(id);
  for (const { prompts } of found.pins) {
    for (const id of rowsOfPins(prompts?.skills)) await wantSkill(id);
  }
  for (const { id, version } of input.guards ?? []) {
    if (isForAll(id)) want(guardrailVersionsTable, versionId(id, version));
  }
  for (const pin of [{ target: input.agent, version: input.version }, ...added, ...found.pins]) {
    const { kind, versions } = targetPlace(pin.target);
    const id = versionId(pin.target, pin.version);
    const row = await source.row(versions, id);
    if (row === undefined) throw gone(id);
    want(versions, id);
    if (kind !== "agent") continue;
    for (const link of skillsNamed(row as AgentRow)) await wantSkill(link.replace("@", "."));
    if (added.some((one) => one.target === pin.target && one.version === pin.version)) {
      const recorded = found.pins.find(({ target: asked }) => asked === pin.target) ?? input;
      await promptRows(source, (row as AgentRow).agent, { prompts: recorded.prompts, want });
      const newest = await pinnedSkills((table, of) => source.row(table, of), row as AgentRow);
      for (const of of Object.keys(newest ?? {})) want(skillRows.current, of);
      for (const of of rowsOfPins(newest)) await wantSkill(of);
    }
    for (const sub of (row as AgentRow).subAgents) {
      want(agentTables.subAgentVersions, versionId(sub.key, sub.version));
    }
  }
  return [...wanted.values()];
}

/** Versions of skills that an agent and its sub-agents name, as "id@3". */
function skillsNamed({ agent, subAgents }: AgentRow): readonly string[] {
  const own = Object.values(skillLinks(agent.skills ?? [], ""));
  const all = [...own, ...subAgents.flatMap(({ names = [] }) => names)];
  return all.filter((link) => link.startsWith("sk_") && link.includes("@"));
}

/** @throws INVALID for a team or a workflow: on another version others would take part, who were not recorded. */
function checkOwn(answering: string, pins: readonly TargetPin[]): void {
  if (targetPlace(answering).kind === "agent") return;
  const agents = pins.filter(({ target }) => targetPlace(target).kind === "agent");
  const ids = [...new Set(agents.map(({ target }) => target))].join(", ");
  const named = targetNamed(answering);
  const text = `${named} is not run again on another version of its own. Name the agent whose version it is, as AGENT.VERSION, one of them: ${ids}.`;
  throw new RuntimeError("INVALID", text);
}

/** What the prompt of a version that is asked for is filled from: the run has it of its own only. */
async function promptRows(
  source: RecordSource,
  agent: AgentRow["agent"],
  {
    prompts,
    want,
  }: {
    readonly prompts: PinnedPrompts | undefined;
    want(table: string, id: string): void;
  },
): Promise<void> {
  const { promptOf } = await import("./prompts/system-message.ts");
  const reference = promptOf(agent);
  if (reference === null) return;
  const read = async (table: string, id: string): Promise<Data> => {
    const row = await source.row(table, id);
    if (row !== undefined) want(table, id);
    return row;
  };
  const isSame = prompts?.of === referenceText(reference);
  const versions = isSame ? prompts.versions : await pinPrompts(read, reference);
  await loadPrompt(read, reference, versions);
}

/** What a run has looked up. Ids of versions. */
interface Found {
  readonly pins: readonly TargetPin[];
  readonly tools: readonly string[];
  readonly skills: readonly string[];
}

/** The versions that the run, or one below it, has looked up while it went on. */
async function foundBy(source: RecordSource, run: RunRow): Promise<Found> {
  const pins: TargetPin[] = [];
  const tools: string[] = [];
  const skills: string[] = [];
  let from: number | null = 0;
  while (from !== null) {
    const page: LogPage = await source.log(run, from, limits.recordRows);
    for (const entry of page.entries) {
      if (entry.type !== "step") continue;
      if (entry.key.startsWith(PIN_PREFIX)) pins.push(entry.result as TargetPin);
      tools.push(...toolVersionsOf(entry.result));
      skills.push(...skillVersionsOf(entry.result));
    }
    from = page.next;
  }
  return { pins, tools, skills };
}

/** Messages the run may have read: those it answers, those steered into it, and its history. */
function rangeOf(input: TurnInput): { readonly from: string; readonly to: string } {
  if (input.owner === "completion") return { from: sentKey, to: `${sentKey}_` };
  const first = input.sequences[0] ?? 1;
  const last = Math.max(first, ...input.sequences, input.adopt?.sequence ?? 0);
  // Each waiting message keeps a place for its answer.
  const steered = 2 * (limits.conversationWaiting + 1);
  return {
    from: messageKey(Math.max(1, first - limits.historyMessages)),
    to: messageKey(last + steered),
  };
}

/** The input of a run that answers. @throws INVALID for another kind of run, EVENTS_TRIMMED. */
function inputOf(run: RunRow): TurnInput {
  const input = run.input as Partial<TurnInput> | null;
  if (typeof input?.agent === "string" && Array.isArray(input.sequences)) {
    return input as TurnInput;
  }
  if (run.input === null && run.endedAt !== null) {
    throw new RuntimeError("EVENTS_TRIMMED", `The record of ${run.id} is not kept any more.`);
  }
  throw new RuntimeError("INVALID", `The run ${run.id} is not one that answers a message.`);
}

function placeOf(cursor: string | undefined): Place {
  if (cursor === undefined) return { section: "log", at: "0" };
  const [, section, at = ""] = CURSOR.exec(cursor) ?? [];
  if (section !== undefined) return { section: section as Place["section"], at };
  throw new RuntimeError("INVALID", "cursor must be the next_cursor of an earlier page.", {
    parameter: "cursor",
  });
}

/** A row without the secrets of its tools: a replay does not ask anybody. */
function withoutSecrets(table: string, value: Data): Data {
  const row = value as object;
  if (table === toolTables.versions) {
    const { record } = row as ResourceRow<ToolInput>;
    return { ...row, record: shownTool(record) } as Data;
  }
  if (table === agentTables.agentVersions) {
    const { agent } = row as AgentRow;
    return { ...row, agent: { ...agent, tools: shownUses(agent.tools) } } as Data;
  }
  if (table !== agentTables.subAgentVersions) return value;
  const { subAgent } = row as SubAgentRow;
  return { ...row, subAgent: { ...subAgent, tools: shownUses(subAgent.tools) } } as Data;
}

function gone(id: string): RuntimeError {
  return new RuntimeError("NOT_FOUND", `The version ${id} is not kept any more.`);
}
