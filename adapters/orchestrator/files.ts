// From the files of the folder to agents: which agent a file has become is kept by the file's name, so that a start
// makes none twice, and one whose file is gone is taken up again when it comes back, under this name or another.

import { createHash, randomUUID } from "node:crypto";
import { systemTenant } from "../../actors/records/api-key.ts";
import {
  type FileMark,
  type OrchestratedInput,
  type OrchestratedRow,
  orchestratedTables,
} from "../../actors/records/orchestrated.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Tables } from "../../runtime/system.ts";
import { byServer } from "../audit/act.ts";
import { auditWrites } from "../audit/audit-writes.ts";
import type { Caller } from "../http/services/agent-store.ts";
import { onceKey } from "../http/services/once.ts";
import { FILES_BY } from "../http/services/orchestrated-by.ts";
import { isSame } from "../http/services/same.ts";
import { readAgentFile } from "./agent-file.ts";
import type { Orchestrated, Orchestrator, Source } from "./port.ts";
import { type Variables, withoutValues } from "./variables.ts";

/** What it works with. */
export interface FileParts {
  readonly tables: Pick<Tables, "get" | "list" | "write">;
  readonly orchestrator: Orchestrator;
  readonly variables: Variables;
}

/** A file as it is now, among the others. */
export interface GivenFile {
  readonly file: string;
  readonly text: string;
  readonly tenant: string;
  /** Names of all files that are there. */
  readonly present: ReadonlySet<string>;
  /** Names of agents, and the file that each is in; this one's is put there. */
  readonly names: Map<string, string>;
  readonly marks: FileMarks;
}

/** What became of a file. */
export interface AppliedFile {
  readonly problems: readonly string[];
  /** Nothing comes of reading it again. */
  readonly isFinal: boolean;
}

/** Which agents files have become, by the files' names: as it is stored, read once for all files. */
export type FileMarks = Map<string, FileMark>;

const table = orchestratedTables.files;
const PAGE = 200;

/** Makes its agent what a file says. */
export async function applyFile(parts: FileParts, given: GivenFile): Promise<AppliedFile> {
  const { problems, isFinal } = await applied(parts, given);
  return { problems: problems.map((one) => withoutValues(one, parts.variables)), isFinal };
}

async function applied(parts: FileParts, given: GivenFile): Promise<AppliedFile> {
  const { file, text, names } = given;
  const { said, problems, placeOf } = await readAgentFile(file, text, parts.variables);
  if (said === null) return { problems, isFinal: true };
  const other = names.get(said.name);
  if (other !== undefined && other !== file) {
    const problem = `${placeOf("/name")}: the file ${other} has an agent of the name "${said.name}" already`;
    return { problems: [problem], isFinal: false };
  }
  for (const [name, of] of names) if (of === file) names.delete(name);
  names.set(said.name, file);
  try {
    await settle(parts, given, said);
    return { problems: [], isFinal: true };
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    const pointer = String(error.details?.["pointer"] ?? "");
    return { problems: [`${placeOf(pointer)}: ${error.message}`], isFinal: false };
  }
}

/** Makes its agent, or changes it. */
async function settle(parts: FileParts, given: GivenFile, said: OrchestratedInput): Promise<void> {
  const { file, text, tenant, marks } = given;
  const source: Source = { origin: "file", file };
  const caller = callerIn(tenant);
  const hash = createHash("sha256").update(text).digest("hex");
  const mark = marks.get(file) ?? (await left(parts, given, said.name));
  if (mark !== null && mark.tenant !== tenant && mark.isGone !== true) {
    await releaseOne(parts, mark);
  }
  const id = mark?.tenant === tenant ? mark.agent : null;
  const agent = id === null ? null : await found(parts, tenant, id);
  if (mark === null || agent === null) {
    const key = mark?.agent === null && mark.tenant === tenant ? mark.key : randomUUID();
    await put(parts, marks, { file, tenant, agent: null, key });
    const of = { said, source, status: said.status ?? "running" };
    const made = await refusing(parts.orchestrator.create(caller, of, onceKey(key, "")), () =>
      // Nothing is left of it: the next one is made under another key.
      remove(parts, marks, file),
    );
    await put(parts, marks, { file, tenant, agent: made.row.agent.agent_key, key, hash });
    return;
  }
  const isBack = agent.state.file === null;
  const status = isBack ? (said.status ?? "running") : said.status;
  await parts.orchestrator.change(caller, agent.row.agent.agent_key, {
    ...{ said, source, ifMatch: null, always: false },
    // Whoever stopped it meant it so, until the file says something else.
    ...((isBack || mark.hash !== hash) && { status }),
  });
  const { isGone: _, ...rest } = mark;
  await put(parts, marks, { ...rest, file, hash });
  if (mark.file !== file) await remove(parts, marks, mark.file);
}

/** @param refused is over before the refusal is thrown. */
async function refusing<T>(work: Promise<T>, refused: () => Promise<void>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof RuntimeError) await refused();
    throw error;
  }
}

/** Stops the agents whose files are gone, or are another tenant's now. @returns the files. */
export async function releaseGone(
  parts: FileParts,
  marks: FileMarks,
  { tenant, present }: Pick<GivenFile, "tenant" | "present">,
): Promise<readonly string[]> {
  const released: string[] = [];
  for (const mark of [...marks.values()]) {
    if (mark.isGone === true || (mark.tenant === tenant && present.has(mark.file))) continue;
    const agent = await releaseOne(parts, mark);
    await put(parts, marks, { ...mark, agent, isGone: true });
    released.push(mark.file);
  }
  return released;
}

/** @returns the agent. */
async function releaseOne(parts: FileParts, mark: FileMark): Promise<string | null> {
  const agent = mark.agent ?? (await agentOf(parts, mark));
  if (agent !== null) await parts.orchestrator.release(callerIn(mark.tenant), agent);
  return agent;
}

/** The agent of a file that was made and not marked: the server had ended. */
async function agentOf(
  { tables }: FileParts,
  { tenant, file }: Pick<FileMark, "tenant" | "file">,
): Promise<string | null> {
  for (let after: string | undefined; ; ) {
    const page = { limit: PAGE, ...(after === undefined ? {} : { after }) };
    const rows = await tables.list(tenant, orchestratedTables.agents, page);
    const found = rows.find(({ value }) => (value as OrchestratedRow).file === file);
    if (found !== undefined) return found.id;
    after = rows.at(-1)?.id;
    if (rows.length < PAGE) return null;
  }
}

/** The mark of a file that is gone, whose agent has this name. */
async function left(
  parts: FileParts,
  { tenant, present, marks }: GivenFile,
  name: string,
): Promise<FileMark | null> {
  for (const mark of [...marks.values()]) {
    if (mark.agent === null || mark.tenant !== tenant || present.has(mark.file)) continue;
    const agent = await found(parts, tenant, mark.agent);
    if (agent === null) await remove(parts, marks, mark.file);
    else if (agent.row.agent.name === name) return mark;
  }
  return null;
}

async function found(
  { orchestrator }: FileParts,
  tenant: string,
  id: string,
): Promise<Orchestrated | null> {
  try {
    return await orchestrator.get(tenant, id);
  } catch (error) {
    if (error instanceof RuntimeError && error.code === "NOT_FOUND") return null;
    throw error;
  }
}

const idOf = (file: string): string => createHash("sha256").update(file).digest("hex").slice(0, 32);

async function put({ tables }: FileParts, marks: FileMarks, value: FileMark): Promise<void> {
  const { file, tenant, hash, agent, isGone = false } = value;
  const before = shownOf(marks.get(file));
  const after = shownOf(value);
  const isChange = hash !== undefined && !isSame(before, after);
  const subject = agent ?? file;
  await tables.write(systemTenant, [
    ...(isChange || isGone
      ? auditWrites(byServer, {
          ...{ action: "agent.file", subject, details: { file, tenant } },
          ...{ before, after },
        })
      : []),
    { type: "put", table, id: idOf(file), value },
  ]);
  marks.set(file, value);
}

/** As the audit shows what a file is; undefined: it is no agent. */
function shownOf(mark: FileMark | undefined): { readonly sha256: string } | undefined {
  return mark?.hash === undefined || mark.isGone === true ? undefined : { sha256: mark.hash };
}

async function remove({ tables }: FileParts, marks: FileMarks, file: string): Promise<void> {
  await tables.write(systemTenant, [{ type: "remove", table, id: idOf(file) }]);
  marks.delete(file);
}

/** All that are stored. */
export async function readMarks({ tables }: Pick<FileParts, "tables">): Promise<FileMarks> {
  const all: FileMarks = new Map();
  for (let after: string | undefined; ; ) {
    const page = { limit: PAGE, ...(after === undefined ? {} : { after }) };
    const rows = await tables.list(systemTenant, table, page);
    for (const { value } of rows) all.set((value as FileMark).file, value as FileMark);
    after = rows.at(-1)?.id;
    if (rows.length < PAGE) return all;
  }
}

const callerIn = (tenant: string): Caller => ({
  ...{ tenant, keyId: null, service: FILES_BY, role: "server" },
});
