// The operator's folder of agents: read at the start, when a file changes and at SIGHUP. A file that is broken leaves
// its last good agent in place, and is told once with line and column.

import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { systemTables, systemTenant } from "../../actors/records/api-key.ts";
import type { Log } from "../../runtime/log.ts";
import type { Tables } from "../../runtime/system.ts";
import { lookAgain } from "../file-looks.ts";
import { agentFileLimits } from "./agent-file.ts";
import { applyFile, type FileParts, releaseGone } from "./files.ts";

/** `data-processor.yaml`; hidden ones are none. */
const AGENT_FILE = /^[^.].{0,200}\.ya?ml$/;
/** Files of one folder. */
const FILES_MAX = 500;
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
  /** Changes with the file. */
  readonly mark: string;
  readonly problems: readonly string[];
  readonly isFinal: boolean;
}

class KeptFolder {
  readonly #options: AgentFolderOptions;
  #seen: ReadonlyMap<string, Seen> = new Map();
  #told = new Map<string, string>();

  constructor(options: AgentFolderOptions) {
    this.#options = options;
  }

  tellAgain(): void {
    this.#told.clear();
  }

  /** Does not throw. */
  async look(): Promise<void> {
    const { folder, log } = this.#options;
    try {
      const tenant = await tenantOf(this.#options);
      if (tenant === null) {
        const id = this.#options.clientId;
        const problem = `There is no tenant whose id or name is "${id}" (agents.client_id, CLIENT_ID).`;
        this.#tell("", problem, "Agents of the folder are left as they are.");
        return;
      }
      const files = folder === null ? [] : await this.#files(folder);
      const present = new Set(files);
      await this.#apply(folder ?? "", tenant, present);
      for (const file of await releaseGone(this.#options, tenant, present)) {
        log.write("warn", "The file of an agent is gone: it is stopped.", { file });
      }
      this.#tell("", "", "");
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#tell("", why, "The folder of agents could not be looked at; agents stay as they are.");
    }
  }

  async #apply(folder: string, tenant: string, present: ReadonlySet<string>): Promise<void> {
    const { log, orchestrator } = this.#options;
    const names = new Map<string, string>();
    const seen = new Map<string, Seen>();
    for (const file of present) {
      const path = join(folder, file);
      const { size, mtimeMs, ctimeMs, ino } = await stat(path);
      const mark = [size, mtimeMs, ctimeMs, ino].join(" ");
      const before = this.#seen.get(file);
      if (before?.mark === mark && before.isFinal) {
        for (const [name, of] of this.#names) if (of === file) names.set(name, of);
        seen.set(file, before);
        continue;
      }
      const most = agentFileLimits.bytes;
      const text = size > most ? null : await readFile(path, "utf8");
      const { problems, isFinal } =
        text === null
          ? { problems: [`${file}: has ${size} bytes, the limit is ${most}`], isFinal: true }
          : await applyFile(this.#options, { file, text, tenant, present, names });
      seen.set(file, { mark, problems, isFinal });
      if (problems.length === 0) log.write("info", "An agent is as its file says.", { file });
      const message = "A file is no agent; what it was before stays.";
      this.#tell(file, problems.join("; "), message);
    }
    this.#seen = seen;
    this.#names = names;
    const wrong = [...seen].filter(([, { problems }]) => problems.length > 0);
    orchestrator.problems.tenant = tenant;
    orchestrator.problems.byFile = new Map(wrong.map(([file, { problems }]) => [file, problems]));
  }

  #names: ReadonlyMap<string, string> = new Map();

  async #files(folder: string): Promise<readonly string[]> {
    const all = (await readdir(folder)).filter((file) => AGENT_FILE.test(file)).sort();
    if (all.length > FILES_MAX) {
      const problem = `The folder has ${all.length} files, the limit is ${FILES_MAX}.`;
      this.#tell("/", problem, "Files of the folder of agents are left out.");
    }
    return all.slice(0, FILES_MAX);
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
