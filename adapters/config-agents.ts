// The settings of agents from files and of the API `/agents/v1`, and of log files: part of config-schema.ts.

import { statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { type Fields, flag, integer, type ValuesOf } from "./config-field.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

const folderText = {
  type: "text",
  default: null as string | null,
  charsMax: 4_000,
} as const;

const agentFields = {
  folder: {
    ...folderText,
    text: "Folder of YAML files that are agents. Default: `agents` beside `troupe.yaml`, where it is there.",
    env: "TROUPE_AGENTS",
  },
  maxRunning: integer(
    "Runs at once that triggers or `start` begin of agents from files and of `/agents/v1`; the rest wait in order.",
    "runs",
    [10, 1, 100_000],
    { env: "MAX_AGENTS" },
  ),
  timeout: integer(
    "Longest run of those of them that say no `max_runtime`.",
    "s",
    [300, 1, 86_400],
    {
      env: "DEFAULT_AGENT_TIMEOUT",
    },
  ),
  remoteTools: flag(
    "Whether those of them that name no `allowed_domains` may reach other hosts than this one.",
    false,
    "ENABLE_REMOTE_TOOLS",
  ),
  clientId: {
    type: "text",
    text: "Value of the variable CLIENT_ID in their files.",
    env: "CLIENT_ID",
    default: null as string | null,
    charsMax: 128,
    // It stands in paths.
    pattern: /^[A-Za-z0-9][A-Za-z0-9._-]*$/,
    expected: "letters, digits, -, _ and ., the first a letter or a digit",
  },
} as const satisfies Fields;

const logFields = {
  file: {
    ...folderText,
    text: "File that the server's log is written to, beside standard error.",
    env: "TROUPE_LOG_FILE",
  },
  agents: {
    ...folderText,
    text: "Folder of a file for each agent, with what its runs did.",
    env: "TROUPE_AGENT_LOGS",
  },
  fileBytesMax: integer("Size at which a log file is put aside for a new one.", "bytes", [
    16 * MIB,
    64 * KIB,
    4_096 * MIB,
  ]),
  filesMax: integer(
    "Files of one log with those that were put aside (`.1` is the newest); older ones are removed.",
    "files",
    [5, 1, 100],
  ),
} as const satisfies Fields;

/** The group `agents`. */
export const agentsGroup = {
  type: "group",
  text: "Agents from YAML files, and those of `/agents/v1`.",
  fields: agentFields,
} as const;

/** The group `logs`. */
export const logsGroup = {
  type: "group",
  text: "Logs as files. Their lines are JSON; secrets are in none of them.",
  fields: logFields,
} as const;

type AgentValues = ValuesOf<typeof agentFields>;
type LogValues = ValuesOf<typeof logFields>;

/** Variables of other products' set-ups that are taken without an effect: there is nothing behind them here. */
const withoutEffect = ["LANGCHAIN_API_URL", "VECTOR_DB_URL"] as const;

/** Those of them that are set. */
export const unusedVariables = (
  env: Readonly<Record<string, string | undefined>>,
): readonly string[] => withoutEffect.filter((name) => env[name] !== undefined);

/** With absolute paths. @param file path of the configuration file, if there is one. */
export function agentsOf(
  agents: AgentValues,
  logs: LogValues,
  { folder, file }: { readonly folder: string; readonly file: string | null },
): { readonly agents: AgentValues; readonly logs: LogValues } {
  const absolute = (path: string | null): string | null =>
    path === null ? null : resolve(folder, path);
  return {
    agents: { ...agents, folder: absolute(agents.folder) ?? besideOf(file) },
    logs: { ...logs, file: absolute(logs.file), agents: absolute(logs.agents) },
  };
}

function besideOf(file: string | null): string | null {
  if (file === null) return null;
  const path = resolve(dirname(file), "agents");
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ? path : null;
}
