// The log files of agents: engines tell which runs begin and end, and what these say is written as it is stored, the
// same lines that GET /v2/agents/{id}/logs gives. Loaded only where the settings name a folder.

import { setTimeout as pause } from "node:timers/promises";
import { targetName, targetPlace } from "../actors/targets.ts";
import { type LogLine, lineLevels, linesOfRun } from "../actors/trace/run-lines.ts";
import type { Log } from "../runtime/log.ts";
import type { RunRow, System } from "../runtime/system.ts";
import type { Config } from "./config.ts";
import { readSmall, writeSmall } from "./data-folder.ts";
import { lookAgain } from "./file-looks.ts";
import { answers, lineView } from "./http/services/agent-logs.ts";
import { wholeLog } from "./http/services/run-log.ts";
import { type AgentFiles, createAgentFiles, type LoggedAgent } from "./telemetry/agent-files.ts";
import { type EndedBatch, type EndedRun, GATHER_MS } from "./telemetry/ended-runs.ts";

/** Limits of what is followed. */
const limits = {
  /** Runs at once, those that wait among them; past it new ones are counted and left out. */
  runs: 10_000,
  /** Between two looks which of them are due, and how many are read then. */
  tickMs: 250,
  reads: 200,
  /** A run that says something is read again after the first, one that does not later and later, ms. */
  workingMs: 1_000,
  restingMs: 30_000,
  /** An end is told before it is committed, and read so often. */
  endReads: 10,
  /** How long a name is known, and of how many agents. */
  nameMs: 30_000,
  names: 10_000,
  /** How long the last look may take, ms. */
  endMs: 3_000,
  /** How often it is kept which runs are followed, ms. */
  keepMs: 10_000,
} as const;

/** In the data folder: runs that are followed, and how many of their lines were written. */
const FILE = "agent-logs.json";

/** What it stands on. */
export interface AgentLogsOptions {
  readonly config: Pick<Config, "logs" | "logLevel" | "data">;
  readonly system: Pick<System, "run" | "log" | "tables">;
  readonly log: Log;
  /** Takes secrets out of a text. */
  redact(text: string): string;
}

/** Files of agents that are written. */
export interface AgentLogs {
  take(batch: EndedBatch): void;
  /** Lines and runs that were left out. */
  dropped(): number;
  /** Writes what is stored by now, and keeps where the next start goes on. */
  end(): Promise<void>;
}

/** A run whose lines are written. */
interface Followed extends EndedRun {
  written: number;
  dueMs: number;
  waitMs: number;
  /** Whether its end was told. */
  isEnding: boolean;
  /** Reads that have not found what was told of it. */
  misses: number;
}

/** Begins, with the runs that were followed at the last stop. */
export async function keepAgentLogs(options: AgentLogsOptions): Promise<AgentLogs> {
  const kept = parsed(await readSmall(options.config.data, FILE).catch(() => null));
  return new Keeper(options, kept);
}

class Keeper implements AgentLogs {
  readonly #options: AgentLogsOptions;
  readonly #files: AgentFiles;
  readonly #runs = new Map<string, Followed>();
  readonly #names = new Map<string, { readonly name: string; readonly untilMs: number }>();
  readonly #timer: NodeJS.Timeout;
  readonly #stopLooks: () => void;
  #dropped = 0;
  #working: Promise<void> | null = null;
  #keptAtMs = Date.now();
  #kept = "";

  constructor(options: AgentLogsOptions, kept: readonly KeptRun[]) {
    this.#options = options;
    const { agents: folder, fileBytesMax: bytesMax, filesMax } = options.config.logs;
    const failed = (path: string, { message: why }: Error): void =>
      options.log.write("error", "The log file of an agent cannot be written.", { path, why });
    this.#files = createAgentFiles({ folder: folder ?? "", bytesMax, filesMax, failed });
    for (const one of kept) this.#follow(one, one.written);
    this.#timer = setInterval(() => this.#tick(), limits.tickMs);
    this.#timer.unref();
    this.#stopLooks = lookAgain(
      () => this.#files.look(),
      () => undefined,
    );
  }

  take({ runs, begun = [], dropped }: EndedBatch): void {
    this.#dropped += dropped;
    for (const one of begun) this.#follow(one, 0);
    for (const one of runs) {
      const followed = this.#follow(one, 0);
      if (followed === null) continue;
      followed.isEnding = true;
      followed.dueMs = Date.now() + limits.tickMs;
    }
  }

  dropped(): number {
    return this.#dropped + this.#files.dropped();
  }

  async end(): Promise<void> {
    clearInterval(this.#timer);
    this.#stopLooks();
    // What engines have gathered comes.
    await pause(GATHER_MS + limits.tickMs);
    await this.#working;
    const untilMs = Date.now() + limits.endMs;
    for (const one of [...this.#runs.values()]) {
      if (Date.now() > untilMs) break;
      await this.#read(one).catch(() => undefined);
    }
    await this.#keep();
    await this.#files.end();
  }

  #follow({ tenant, run }: EndedRun, written: number): Followed | null {
    const key = `${tenant}/${run}`;
    const known = this.#runs.get(key);
    if (known !== undefined) return known;
    if (this.#runs.size >= limits.runs) {
      this.#dropped += 1;
      return null;
    }
    const { workingMs: waitMs } = limits;
    const times = { waitMs, dueMs: Date.now() + waitMs };
    const one = { tenant, run, written, ...times, isEnding: false, misses: 0 };
    this.#runs.set(key, one);
    return one;
  }

  #tick(): void {
    this.#working ??= this.#work()
      .catch((error: unknown) => {
        this.#options.log.write("error", "The log files of agents wait.", { err: error });
      })
      .finally(() => {
        this.#working = null;
      });
  }

  async #work(): Promise<void> {
    const now = Date.now();
    let reads = 0;
    for (const one of [...this.#runs.values()]) {
      if (one.dueMs > now) continue;
      if (reads >= limits.reads) break;
      reads += 1;
      await this.#read(one);
    }
    if (now - this.#keptAtMs >= limits.keepMs) await this.#keep();
  }

  async #read(one: Followed): Promise<void> {
    const { tenant, run } = one;
    one.dueMs = Date.now() + limits.workingMs;
    const row = await this.#options.system.run(tenant, run);
    if (row === undefined) return this.#miss(one);
    const { agent } = (row.input ?? {}) as { readonly agent?: unknown };
    if (!answers.has(row.kind) || typeof agent !== "string") return this.#leave(one);
    const hasNews = await this.#writeNew(one, row, agent);
    if (row.endedAt !== null) return this.#leave(one);
    if (one.isEnding) return this.#miss(one);
    one.waitMs = hasNews ? limits.workingMs : Math.min(limits.restingMs, one.waitMs * 2);
    one.dueMs = Date.now() + one.waitMs;
  }

  async #writeNew(one: Followed, row: RunRow, agent: string): Promise<boolean> {
    const { tenant } = one;
    const entries = await wholeLog(this.#options.system, row).catch(() => []);
    const lines = linesOfRun(row, entries, { tenant, told: (error) => error });
    const fresh = lines.slice(one.written);
    if (fresh.length === 0) return false;
    this.#write({ tenant, id: agent, name: await this.#nameOf(tenant, agent) }, fresh);
    one.written = lines.length;
    return true;
  }

  /** What was told of it is not stored yet, or never will be. */
  #miss(one: Followed): void {
    one.misses += 1;
    if (one.misses >= limits.endReads) this.#leave(one);
  }

  #leave({ tenant, run }: EndedRun): void {
    this.#runs.delete(`${tenant}/${run}`);
  }

  #write(agent: LoggedAgent, lines: readonly LogLine[]): void {
    const { config, redact } = this.#options;
    const showsAll = config.logLevel === "trace" || config.logLevel === "debug";
    const least = lineLevels.indexOf(showsAll ? "debug" : "info");
    const shown = lines.filter(({ level }) => lineLevels.indexOf(level) >= least);
    const whose = { tenant: agent.tenant, agent: agent.id, agent_name: agent.name };
    const texts = shown.map(
      (line) => `${redact(JSON.stringify({ ...lineView(line), ...whose }))}\n`,
    );
    if (texts.length > 0) this.#files.write(agent, texts);
  }

  async #nameOf(tenant: string, id: string): Promise<string> {
    const key = `${tenant}/${id}`;
    const known = this.#names.get(key);
    if (known !== undefined && known.untilMs > Date.now()) return known.name;
    const row = await this.#options.system.tables.get(tenant, targetPlace(id).current, id);
    // One that is gone keeps its file.
    const found = targetName(row?.value) ?? known?.name ?? id;
    if (this.#names.size >= limits.names) this.#names.clear();
    this.#names.set(key, { name: found, untilMs: Date.now() + limits.nameMs });
    return found;
  }

  async #keep(): Promise<void> {
    this.#keptAtMs = Date.now();
    const runs = [...this.#runs.values()].map(({ tenant, run, written }) => [tenant, run, written]);
    const text = JSON.stringify({ runs });
    if (text === this.#kept) return;
    this.#kept = text;
    const { config, log } = this.#options;
    await writeSmall(config.data, FILE, text).catch((error: Error) => {
      log.write("warn", "It could not be kept which runs are followed.", { why: error.message });
    });
  }
}

interface KeptRun extends EndedRun {
  readonly written: number;
}

function parsed(text: string | null): readonly KeptRun[] {
  try {
    const { runs } = JSON.parse(text ?? "{}") as { readonly runs?: unknown };
    if (!Array.isArray(runs)) return [];
    return runs.slice(0, limits.runs).flatMap((one: unknown): readonly KeptRun[] => {
      const [tenant, run, written] = Array.isArray(one) ? one : [];
      const isRight = typeof tenant === "string" && typeof run === "string";
      return isRight && Number.isInteger(written) ? [{ tenant, run, written }] : [];
    });
  } catch {
    return [];
  }
}
