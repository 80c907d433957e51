// The operator's folder of agents: read at the start, when a file changes and at SIGHUP. A file that is broken leaves
// its last good agent in place, and is told once with line and column.

import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { systemTables, systemTenant } from "../../actors/records/api-key.ts";
import type { Log } from "../../runtime/log.ts";
import type { Tables } from "../../runtime/system.ts";
import { lookAgain } from "../file-looks.ts";
import { agentFileLimits } from "./agent-file.ts";
import {
  type AppliedFile,
  applyFile,
  type FileParts,
  type GivenFile,
  readMarks,
  releaseGone,
} from "./files.ts";

/** `data-processor.yaml`; hidden ones are none. */
const AGENT_FILE = /^[^.].{0,200}\.ya?ml$/;
/** Set-ups have it in the same folder. */
const CONFIG_FILE = "troupe.yaml";
/** Files of one folder; agents of those that are more stay as they are. */
const FILES_MAX = 1_000;
const FILES_AT_ONCE = 16;
/** Most looks that a file is left alone for that is refused again and again. */
const REST_LOOKS = 63;
const PAGE = 200;

/** What it works with. */
export interface AgentFolderOptions extends FileParts {
  /** Null: there is none any more. */
  readonly folder: string | null;
  /** Value of CLIENT_ID; null: the agents are the first tenant's. */
  readonly clientId: string | null;
  readonly firstTenant: string;
  readonly log: Log;
}

/** Begins to look; the first look is over. @returns what ends it. */
export async function keepAgentFolder(options: AgentFolderOptions): Promise<() => void> {
  const kept = new KeptFolder(options);
  await kept.look();
  if (options.folder === null) return () => undefined;
  return lookAgain(
    () => kept.look(),
    () => kept.tellAgain(),
  );
}

interface Seen {
  /** Changes with the file; "": it could not be read. */
  readonly mark: string;
  readonly problems: readonly string[];
  readonly isFinal: boolean;
  /** Times that it was read since it changed, and looks that it is left alone for. */
  readonly tries: number;
  readonly rest: number;
}

class KeptFolder {
  readonly #options: AgentFolderOptions;
  #seen: ReadonlyMap<string, Seen> = new Map();
  /** Names of agents, and the file that each is in. */
  #names: ReadonlyMap<string, string> = new Map();
  readonly #told = new Map<string, string>();

  constructor(options: AgentFolderOptions) {
    this.#options = options;
  }

  /** Everything that is wrong is tried, and told, once more. */
  tellAgain(): void {
    this.#told.clear();
    const wrong = [...this.#seen].filter(([, { problems }]) => problems.length === 0);
    this.#seen = new Map(wrong);
  }

  /** Does not throw. */
  async look(): Promise<void> {
    const { folder, log, tables } = this.#options;
    try {
      const tenant = await tenantOf(this.#options);
      if (tenant === null) {
        const id = this.#options.clientId;
        const problem = `There is no tenant whose id or name is "${id}" (agents.client_id, CLIENT_ID).`;
        this.#tell("", problem, "Agents of the folder are left as they are.");
        return;
      }
      const files = folder === null ? [] : await agentFiles(folder);
      const present = new Set(files);
      const marks = await readMarks({ tables });
      await this.#apply(folder ?? "", { tenant, present, marks });
      for (const file of await releaseGone(this.#options, marks, { tenant, present })) {
        log.write("warn", "The file of an agent is gone: it is stopped.", { file });
      }
      this.#tell("", "", "");
    } catch (error) {
      const why = whyOf(error);
      this.#tell("", why, "The folder of agents could not be looked at; agents stay as they are.");
    }
  }

  async #apply(folder: string, of: Omit<GivenFile, "file" | "text" | "names">): Promise<void> {
    const { present, marks, tenant } = of;
    const { problems: told } = this.#options.orchestrator;
    const names = new Map([...this.#names].filter(([, file]) => present.has(file)));
    const seen = new Map<string, Seen>();
    // Whose agent is there already has its name, whatever comes beside it.
    const known = [...present].filter((file) => marks.has(file));
    const fresh = [...present].filter((file) => !marks.has(file));
    const room = Math.max(0, FILES_MAX - known.length);
    const apply = async (file: string): Promise<void> => {
      seen.set(file, await this.#applyOne(join(folder, file), { ...of, file, names }));
    };
    for (const files of [known.slice(0, FILES_MAX), fresh.slice(0, room)]) {
      for (let at = 0; at < files.length; at += FILES_AT_ONCE) {
        await Promise.all(files.slice(at, at + FILES_AT_ONCE).map(apply));
      }
    }
    const out = present.size - FILES_MAX;
    const many = `The folder has ${present.size} files of agents, the limit is ${FILES_MAX}.`;
    this.#tell("/", out > 0 ? many : "", "Files of the folder of agents are left out.");
    for (const about of this.#told.keys()) {
      if (about !== "" && about !== "/" && !present.has(about)) this.#told.delete(about);
    }
    this.#seen = seen;
    this.#names = names;
    const wrong = [...seen].filter(([, { problems }]) => problems.length > 0);
    wrong.sort(([one], [other]) => (one < other ? -1 : 1));
    told.tenant = tenant;
    told.byFile = new Map(wrong.map(([file, { problems }]) => [file, problems]));
  }

  async #applyOne(path: string, given: Omit<GivenFile, "text">): Promise<Seen> {
    const { log } = this.#options;
    const { file } = given;
    const before = this.#seen.get(file);
    const mark = await markAt(path);
    const isSame = before?.mark === mark && mark !== "";
    if (before !== undefined && isSame) {
      if (before.isFinal) return before;
      if (before.rest > 0) return { ...before, rest: before.rest - 1 };
    }
    const read = await readAgentText(path);
    if (read.text !== null && (await markAt(path)) !== mark) {
      // Written while it was read: half of it may be an agent too.
      return { mark: "", problems: before?.problems ?? [], isFinal: false, tries: 0, rest: 0 };
    }
    const { problems, isFinal } =
      read.text === null
        ? { problems: [`${file}: ${read.problem}`], isFinal: true }
        : await this.#applied({ ...given, text: read.text });
    if (problems.length === 0) log.write("info", "An agent is as its file says.", { file });
    this.#tell(file, problems.join("; "), "A file is no agent; what it was before stays.");
    const tries = isSame && before !== undefined ? before.tries + 1 : 0;
    return { mark, problems, isFinal, tries, rest: Math.min(2 ** tries - 1, REST_LOOKS) };
  }

  async #applied(given: GivenFile): Promise<AppliedFile> {
    try {
      return await applyFile(this.#options, given);
    } catch (error) {
      // Of whatever kind: it is the problem of this file, and of no other one.
      return { problems: [`${given.file}: ${whyOf(error)}`], isFinal: false };
    }
  }

  /** Once, until something else is wrong. */
  #tell(about: string, problem: string, message: string): void {
    const { log, folder } = this.#options;
    if (problem !== "" && this.#told.get(about) !== problem) {
      log.write("error", message, { folder, problem });
    }
    this.#told.set(about, problem);
  }
}

/** Names of its files of agents, in order. */
async function agentFiles(folder: string): Promise<readonly string[]> {
  const all = await readdir(folder);
  return all.filter((file) => AGENT_FILE.test(file) && file !== CONFIG_FILE).sort();
}

type Read = { readonly text: string } | { readonly text: null; readonly problem: string };

async function readAgentText(path: string): Promise<Read> {
  const most = agentFileLimits.bytes;
  try {
    const found = await stat(path);
    if (!found.isFile()) return { text: null, problem: "is no regular file" };
    const { size } = found;
    if (size > most) return { text: null, problem: `has ${size} bytes, the limit is ${most}` };
    return { text: await readFile(path, "utf8") };
  } catch (error) {
    const { code = whyOf(error) } = error as NodeJS.ErrnoException;
    return { text: null, problem: `cannot be read (${code})` };
  }
}

/** Changes with the file; "" where nothing can be said of it. */
async function markAt(path: string): Promise<string> {
  const found = await stat(path).catch(() => null);
  if (found === null) return "";
  const { size, mtimeMs, ctimeMs, ino } = found;
  return [size, mtimeMs, ctimeMs, ino].join(" ");
}

const whyOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Whose the agents are; null: nobody's of this name, where there are several tenants. */
async function tenantOf({
  tables,
  clientId,
  firstTenant,
}: Pick<AgentFolderOptions, "tables" | "clientId" | "firstTenant">): Promise<string | null> {
  if (clientId === null) return firstTenant;
  const active = await activeTenants(tables);
  for (const id of [clientId, `tn_${clientId}`]) if (active.has(id)) return id;
  for (const [id, name] of active) if (name === clientId) return id;
  // Where there is one alone, CLIENT_ID is a word in paths.
  return active.size === 1 && active.has(firstTenant) ? firstTenant : null;
}

/** Names by id. */
async function activeTenants(tables: Pick<Tables, "list">): Promise<ReadonlyMap<string, string>> {
  const all = new Map<string, string>();
  for (let after: string | undefined; ; ) {
    const page = { limit: PAGE, ...(after === undefined ? {} : { after }) };
    const rows = await tables.list(systemTenant, systemTables.tenants, page);
    for (const { id, value } of rows) {
      const { name, status = "active" } = value as { readonly name: string; status?: string };
      if (status === "active") all.set(id, name);
    }
    after = rows.at(-1)?.id;
    if (rows.length < PAGE) return all;
  }
}
