// The log files of agents: which agent's lines go to which file, and how many files are open at once.

import { createHash } from "node:crypto";
import { join } from "node:path";
import {
  createRotatingFile,
  type RotatingFile,
  type RotatingFileOptions,
} from "./rotating-file.ts";

/** Files that are open at once; past it the one that was written to longest ago is closed. */
const OPEN_MAX = 64;
const NAME_CHARS_MAX = 100;
/** Tenant of a server that has one: its agents' files lie in the folder itself. */
const FIRST_TENANT = "tn_default";

/** Whose a line is. */
export interface LoggedAgent {
  readonly tenant: string;
  readonly id: string;
  readonly name: string;
}

/** What they are written with. */
export type AgentFilesOptions = Omit<RotatingFileOptions, "path"> & { readonly folder: string };

/** Files of agents. */
export interface AgentFiles {
  /** @param lines each ends with a line break. */
  write(agent: LoggedAgent, lines: readonly string[]): void;
  look(): Promise<void>;
  dropped(): number;
  end(): Promise<void>;
}

/**
 * Path of an agent's file below the folder: its name, and for all tenants but the first below a folder of the
 * tenant, so that agents of one name in two tenants have two files. Agents of one name in one tenant share one.
 */
export function agentFile({ tenant, id, name }: LoggedAgent): string {
  const safe = name.replace(/[^\p{L}\p{N}._ -]/gu, "_").replace(/^[. ]+/, "_");
  const short = safe.slice(0, NAME_CHARS_MAX).trimEnd();
  // Another name may be the same when what cannot be in a file's name is taken out.
  const mark =
    short === name ? "" : `-${createHash("sha256").update(name).digest("hex").slice(0, 8)}`;
  const file = `${short === "" ? id : short}${mark}.log`;
  return tenant === FIRST_TENANT ? file : join(tenant, file);
}

/** Opens none yet. */
export function createAgentFiles({ folder, ...options }: AgentFilesOptions): AgentFiles {
  const open = new Map<string, RotatingFile>();
  const ending = new Set<Promise<void>>();
  let dropped = 0;
  const close = (path: string, file: RotatingFile): Promise<void> => {
    open.delete(path);
    const ended = file.end().finally(() => {
      dropped += file.dropped();
      ending.delete(ended);
    });
    ending.add(ended);
    return ended;
  };
  return {
    write: (agent, lines) => {
      const path = join(folder, agentFile(agent));
      const file = open.get(path) ?? createRotatingFile({ ...options, path });
      // The last one of the map is the one that was written to last.
      open.delete(path);
      open.set(path, file);
      for (const line of lines) file.write(line);
      const [oldest] = open;
      if (open.size > OPEN_MAX && oldest !== undefined) void close(...oldest);
    },
    look: async () => {
      await Promise.all([...open.values()].map((file) => file.look()));
    },
    dropped: () => [...open.values()].reduce((sum, file) => sum + file.dropped(), dropped),
    end: async () => {
      for (const [path, file] of [...open]) void close(path, file);
      await Promise.all(ending);
    },
  };
}
