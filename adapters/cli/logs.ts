// `troupe logs [AGENT]`: what the runs of an agent did, from the API, or the server's own log, from its file.

import { parseArgs } from "node:util";
import { RuntimeError } from "../../runtime/errors.ts";
import { loadConfig } from "../config.ts";
import { type ApiClient, openApi } from "./api-client.ts";
import { type FileLine, logFileLines } from "./log-file.ts";
import { printable } from "./printable.ts";

const options = {
  follow: { type: "boolean", short: "f" },
  level: { type: "string" },
  since: { type: "string" },
  search: { type: "string" },
  limit: { type: "string" },
  json: { type: "boolean" },
  url: { type: "string" },
  key: { type: "string" },
  tenant: { type: "string" },
} as const;

/** Agents among which one is looked for by its name. */
const AGENTS_MAX = 1_000;
const LINES_MAX = 1_000;
const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const levels = ["debug", "info", "warn", "error"] as const;

interface Line {
  readonly id: string;
  readonly time: string;
  readonly level: string;
  readonly message: string;
  readonly run_id: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** What is asked for. */
interface Wanted {
  readonly level: (typeof levels)[number];
  readonly since: string | undefined;
  readonly search: string | undefined;
  readonly limit: number;
  readonly isFollowed: boolean;
  readonly isJson: boolean;
}

/** Prints them; with `--follow` until it is told to stop. */
export async function run(args: readonly string[]): Promise<number> {
  try {
    const parsed = parseArgs({ args: [...args], options, strict: true, allowPositionals: true });
    const { values } = parsed;
    const [agent, ...more] = parsed.positionals;
    if (more.length > 0) throw new RuntimeError("INVALID", "name one agent, or none.");
    const wanted = wantedOf(values);
    const config = await loadConfig();
    if (agent === undefined) await serverLog(config.logs.file, wanted);
    else await agentLog(await openApi(values, config), agent, wanted);
    return 0;
  } catch (error) {
    console.error(`troupe logs: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}

function wantedOf(values: {
  readonly follow?: boolean;
  readonly level?: string;
  readonly since?: string;
  readonly search?: string;
  readonly limit?: string;
  readonly json?: boolean;
}): Wanted {
  const level = levels.find((one) => one === (values.level ?? "info"));
  if (level === undefined) {
    throw new RuntimeError("INVALID", `--level must be one of ${levels.join(", ")}.`);
  }
  const limit = Number(values.limit ?? "100");
  if (!Number.isInteger(limit) || limit < 1 || limit > LINES_MAX) {
    throw new RuntimeError("INVALID", `--limit must be a whole number from 1 to ${LINES_MAX}.`);
  }
  return {
    ...{ level, limit, since: sinceOf(values.since), search: values.search },
    ...{ isFollowed: values.follow === true, isJson: values.json === true },
  };
}

/** A time, or how long ago, as ISO 8601. */
function sinceOf(written: string | undefined): string | undefined {
  if (written === undefined) return undefined;
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(written) ?? [];
  const ms =
    count === undefined
      ? Date.parse(written)
      : Date.now() - Number(count) * unitMs[unit as keyof typeof unitMs];
  if (Number.isNaN(ms)) {
    throw new RuntimeError(
      "INVALID",
      "--since must be a time (ISO 8601) or like 90s, 10m, 2h, 1d.",
    );
  }
  return new Date(ms).toISOString();
}

async function agentLog(api: ApiClient, named: string, wanted: Wanted): Promise<void> {
  const id = await idOf(api, named);
  const path = `/v2/agents/${encodeURIComponent(id)}/logs`;
  const { level, since, search, limit } = wanted;
  const query = new URLSearchParams({ level, ...(search !== undefined && { q: search }) });
  const page = new URLSearchParams(query);
  page.set("limit", String(limit));
  if (since !== undefined) page.set("since", since);
  const { data, truncated } = (await api.call(`${path}?${page}`)) as {
    readonly data: readonly Line[];
    readonly truncated: boolean;
  };
  const show = (line: Line): void =>
    console.log(wanted.isJson ? JSON.stringify(line) : printable(textOf(line)));
  if (truncated) console.error("There are more lines than are shown: --since, --limit.");
  for (const line of data) show(line);
  if (!wanted.isFollowed) return;
  const last = data.at(-1);
  const shown = new Set(data.map((line) => line.id));
  query.set("follow", "true");
  query.set("since", last?.time ?? since ?? new Date().toISOString());
  for await (const event of api.events(`${path}?${query}`)) {
    const line = JSON.parse(event.data) as Line;
    // Those of the moment of the last one are sent again.
    if (!shown.delete(line.id)) show(line);
  }
}

/** An id is taken as it is; a name must be that of one agent. */
async function idOf(api: ApiClient, named: string): Promise<string> {
  if (/^(ag|tm|wf)_/.test(named)) {
    await api.findTenant(`/v2/agents/${encodeURIComponent(named)}`);
    return named;
  }
  const found: string[] = [];
  for (let cursor = "", seen = 0; seen < AGENTS_MAX; ) {
    const page = (await api.call(`/v2/agents?limit=100${cursor}`)) as {
      readonly data: readonly { readonly id: string; readonly name: string }[];
      readonly next_cursor: string | null;
    };
    found.push(...page.data.flatMap(({ id, name }) => (name === named ? [id] : [])));
    if (page.next_cursor === null) break;
    cursor = `&cursor=${encodeURIComponent(page.next_cursor)}`;
    seen += page.data.length;
  }
  const [id, ...others] = found;
  if (id === undefined) {
    throw new RuntimeError("NOT_FOUND", `there is no agent "${named}"; troupe status lists them.`);
  }
  if (others.length === 0) return id;
  const ids = found.join(", ");
  throw new RuntimeError(
    "INVALID",
    `there are ${found.length} agents "${named}": name one of ${ids}.`,
  );
}

function textOf({ time, level, message, run_id: run, attributes }: Line): string {
  return `${time} ${level.toUpperCase().padEnd(5)} ${message} ${run}${pairsOf(attributes)}`;
}

async function serverLog(file: string | null, wanted: Wanted): Promise<void> {
  if (file === null) {
    throw new RuntimeError(
      "INVALID",
      "the server's log goes to standard error; set logs.file in troupe.yaml, or name an agent.",
    );
  }
  for await (const line of logFileLines(file, wanted)) {
    console.log(wanted.isJson ? line.text : printable(serverText(line)));
  }
}

function serverText({ time, level, msg, fields, text }: FileLine): string {
  if (time === null) return text;
  return `${time} ${level.toUpperCase().padEnd(5)} ${msg}${pairsOf(fields)}`;
}

function pairsOf(fields: Readonly<Record<string, unknown>>): string {
  const pairs = Object.entries(fields).map(([name, value]) => {
    const text =
      typeof value === "string" && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
    return ` ${name}=${text}`;
  });
  return pairs.join("");
}
