// `troupe status`: whether the server is up, and how its agents, their runs and their triggers are.

import { parseArgs } from "node:util";
import { RuntimeError } from "../../runtime/errors.ts";
import { ownerOf } from "../../runtime/store/folder.ts";
import { type Config, loadClientConfig, loadConfig } from "../config.ts";
import { type ApiClient, openApi } from "./api-client.ts";
import { printable } from "./printable.ts";
import { serverUrl } from "./server-url.ts";

const options = {
  json: { type: "boolean" },
  url: { type: "string" },
  key: { type: "string" },
  tenant: { type: "string" },
} as const;

/** Agents, runs and triggers that are looked at: the first, and of runs the newest. */
const AGENTS_MAX = 100;
const RUNS_MAX = 100;
const TRIGGERS_MAX = 50;

interface Listed<T> {
  readonly data: readonly T[];
  readonly next_cursor?: string | null;
}
interface Named {
  readonly id: string;
  readonly name: string;
}
interface Run {
  readonly id: string;
  readonly agent_key: string | null;
  readonly status: string;
  readonly started_at?: string;
  readonly ended_at?: string | null;
}
interface Trigger extends Named {
  readonly target: string;
  readonly type: string;
  readonly is_active?: boolean;
}

/** What it found. */
interface Status {
  readonly url: string;
  readonly status: string;
  readonly version: string | null;
  /** Of the folder that this configuration names. */
  readonly data: string;
  readonly process: number | null;
  readonly agents: readonly (Named & {
    readonly status: "running" | "idle" | "stopped";
    readonly last_run: Run | null;
  })[];
  readonly triggers: readonly (Trigger & { readonly next_at: string | null })[];
  /** What is wrong with files of agents. */
  readonly problems: readonly string[];
  /** There are more agents, runs or triggers than were looked at. */
  readonly truncated: boolean;
}

/** Prints it. Exit code 1: no server answers, or it is not ready. */
export async function run(args: readonly string[]): Promise<number> {
  try {
    const { values } = parseArgs({ args: [...args], options, strict: true });
    const config = await loadConfig();
    const url = (values.url ?? loadClientConfig().url ?? serverUrl(config)).replace(/\/$/, "");
    const found = await statusOf(url, config, () => openApi(values, config));
    console.log(
      values.json ? JSON.stringify(found, null, 2) : linesOf(found).map(printable).join("\n"),
    );
    return found.status === "ok" ? 0 : 1;
  } catch (error) {
    console.error(`troupe status: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}

async function statusOf(
  url: string,
  { data }: Config,
  open: () => Promise<ApiClient>,
): Promise<Status> {
  const health = await fetch(`${url}/health/ready`).catch((cause: unknown) => {
    const start = "start one: troupe start";
    throw new RuntimeError("WORKER_LOST", `No server answers at ${url}; ${start}.`, {}, { cause });
  });
  const { status = "unknown" } = (await health.json().catch(() => ({}))) as { status?: string };
  const where = { url, status, data, process: ownerOf(data)?.pid ?? null };
  if (status !== "ok") return { ...where, ...nothing };
  const api = await open();
  const [agents, runs, triggers, { stopped, problems }, described] = await Promise.all([
    api.call(`/v2/agents?limit=${AGENTS_MAX}`) as Promise<Listed<Named>>,
    api.call(`/v2/runs?limit=${RUNS_MAX}`) as Promise<Listed<Run>>,
    api.call(`/v2/triggers?limit=${TRIGGERS_MAX}`) as Promise<Listed<Trigger>>,
    orchestrated(api),
    api.call("/openapi.json") as Promise<{ info?: { version?: string } }>,
  ]);
  return {
    ...where,
    version: described.info?.version ?? null,
    agents: agents.data.map(({ id, name }) => {
      const own = runs.data.filter(({ agent_key: agent }) => agent === id);
      const isWorking = own.some((one) => one.status === "running" || one.status === "waiting");
      const status = stopped.has(id) ? "stopped" : isWorking ? "running" : "idle";
      return { id, name, status, last_run: own[0] ?? null };
    }),
    triggers: await Promise.all(triggers.data.map((one) => withNext(api, one))),
    problems,
    truncated: [agents, runs, triggers].some(({ next_cursor: next }) => next != null),
  };
}

const nothing = {
  version: null,
  agents: [],
  triggers: [],
  problems: [],
  truncated: false,
} as const;

async function withNext(api: ApiClient, { id, name, target, type, is_active = true }: Trigger) {
  const path = `/v2/triggers/${encodeURIComponent(id)}/status`;
  const { next_at = null } = (await api.call(path).catch(() => ({}))) as {
    readonly next_at?: string | null;
  };
  return { id, name, target, type, is_active, next_at };
}

/** Agents that the orchestrator's API has stopped (their triggers are at rest), and files that are none. */
async function orchestrated(
  api: ApiClient,
): Promise<{ readonly stopped: ReadonlySet<string>; readonly problems: readonly string[] }> {
  const { data, problems = [] } = (await api
    .call(`/agents/v1/agents?limit=${AGENTS_MAX}`)
    .catch(() => ({ data: [] }))) as Listed<Named & { readonly status?: string }> & {
    readonly problems?: readonly { readonly problem: string }[];
  };
  const stopped = data.filter(({ status }) => status === "stopped").map(({ id }) => id);
  return { stopped: new Set(stopped), problems: problems.map(({ problem }) => problem) };
}

function linesOf({ url, status, version, data, process: pid, ...rest }: Status): string[] {
  const { agents, triggers, problems, truncated } = rest;
  const nameOf = (target: string): string => agents.find(({ id }) => id === target)?.name ?? target;
  if (status !== "ok") return [`The server at ${url} is not ready: ${status}.`];
  const atWork = agents.filter((one) => one.status === "running").length;
  const own = pid === null ? "" : ` (process ${pid})`;
  return [
    `Troupe ${version ?? "of an unknown version"} is up at ${url}${own}`,
    ...(pid === null ? [] : [`data      ${data}`]),
    `agents    ${agents.length}, ${atWork} at work`,
    ...agents.map(({ id, name, status: how, last_run: last }) => {
      const end = last === null ? "no run" : `last run ${last.id} ${last.status}${timeOf(last)}`;
      return `  ${how.padEnd(8)} ${name} (${id}): ${end}`;
    }),
    `triggers  ${triggers.length}`,
    ...triggers.map(({ name, target, type, is_active: isActive, next_at: next }) => {
      const when = isActive === false ? "paused" : next === null ? "waits" : `next ${next}`;
      return `  ${type.padEnd(12)} ${name} of ${nameOf(target)}: ${when}`;
    }),
    ...(problems.length === 0 ? [] : ["files that are no agent as they are"]),
    ...problems.map((problem) => `  ${problem}`),
    ...(truncated
      ? ["There are more than are shown: GET /v2/agents, /v2/runs, /v2/triggers."]
      : []),
  ];
}

function timeOf({ started_at: began, ended_at: ended }: Run): string {
  const at = ended ?? began;
  return at === undefined || at === null ? "" : ` at ${at}`;
}
