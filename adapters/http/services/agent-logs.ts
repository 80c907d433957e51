// The lines of an agent's log: of the runs that it was asked in, made from what is stored of these, as long as
// that is kept. Loaded with the first log that is read.

import {
  type LineLevel,
  type LogLine,
  lineLevels,
  linesOfRun,
} from "../../../actors/trace/run-lines.ts";
import type { ErrorData } from "../../../runtime/errors.ts";
import { idsFrom } from "../../../runtime/id.ts";
import type { RunRow, System } from "../../../runtime/system.ts";
import { wholeLog } from "./run-log.ts";

/** Limits of reading a log. */
export const agentLogLimits = {
  /** Rows of runs of the tenant that are looked at, the newest first. */
  rows: 5_000,
  /** Of them runs of the agent whose lines are read. */
  runs: 200,
  linesDefault: 100,
  lines: 1_000,
  /** How often who follows is shown what is new, and how far back it looks each time, ms. */
  followMs: 1_000,
  followBackMs: 60_000,
  /** Rows that it looks at. */
  followRows: 1_000,
  queryChars: 200,
} as const;

const ROWS_AT_ONCE = 200;

/** What is read. */
export interface LogRequest {
  readonly tenant: string;
  /** Id of who was asked. */
  readonly agent: string;
  readonly level: LineLevel;
  /** Lines from then on, ms since the epoch; null: the newest. */
  readonly sinceMs: number | null;
  /** A text that a line has, in upper or lower case; null: any. */
  readonly text: string | null;
  readonly limit: number;
  /** Rows of runs that are looked at. Default `agentLogLimits.rows`. */
  readonly rows?: number;
}

/** Where lines are read from. */
export interface LogSource {
  readonly system: Pick<System, "runs" | "log">;
  sees(row: RunRow): Promise<boolean>;
  told(error: ErrorData, run: string): ErrorData;
}

/** Lines, and whether there are more. */
export interface LogPage {
  readonly lines: readonly LogLine[];
  readonly isCut: boolean;
}

/** Reads lines, oldest first: the first of those since a time, else the last that there are. */
export async function readLines(source: LogSource, request: LogRequest): Promise<LogPage> {
  const { sinceMs, limit } = request;
  const lines: LogLine[] = [];
  let runs = 0;
  let isCut = false;
  for await (const row of runsOf(source, request)) {
    if (row === null || runs >= agentLogLimits.runs) {
      isCut = true;
      break;
    }
    runs += 1;
    // What was trimmed has its beginning and its end left.
    const log = await wholeLog(source.system, row).catch(() => []);
    const all = linesOfRun(row, log, { tenant: request.tenant, told: source.told });
    lines.push(...all.filter((line) => isWanted(line, request)));
    // Older runs may have younger lines, but not many: those at the end are right.
    if (sinceMs === null && lines.length >= 4 * limit) {
      isCut = true;
      break;
    }
  }
  lines.sort((a, b) => a.atMs - b.atMs || (a.run < b.run ? -1 : 1) || a.number - b.number);
  const shown = sinceMs === null ? lines.slice(-limit) : lines.slice(0, limit);
  return { lines: shown, isCut: isCut || shown.length < lines.length };
}

/** Id of a line: places in a log are named by it. */
export const idOfLine = ({ atMs, run, number }: LogLine): string => `${atMs}.${run}.${number}`;

/** A line as it is shown and written. */
export function lineView(line: LogLine): object {
  const { level, message, run, agent, traceId, request, attributes, atMs } = line;
  return {
    ...{ id: idOfLine(line), time: new Date(atMs).toISOString(), level, message },
    ...{ run_id: run, agent_key: agent, trace_id: traceId, request_id: request, attributes },
  };
}

/** Rows of the agent's runs, newest first; null: there are more that are not looked at. */
async function* runsOf(
  { system, sees }: LogSource,
  { tenant, agent, sinceMs, rows: rowsMax = agentLogLimits.rows }: LogRequest,
): AsyncGenerator<RunRow | null> {
  let after: string | undefined;
  for (let read = 0; read < rowsMax; read += ROWS_AT_ONCE) {
    const { rows, next } = await system.runs(tenant, {
      limit: ROWS_AT_ONCE,
      ...(after !== undefined && { after }),
    });
    for (const row of rows) {
      const { agent: asked } = (row.input ?? {}) as { readonly agent?: unknown };
      const isOver = sinceMs !== null && row.endedAt !== null && row.endedAt < sinceMs;
      if (asked === agent && answers.has(row.kind) && !isOver && (await sees(row))) yield row;
    }
    if (next === null) return;
    after = next;
    // A run works for half an hour at most; one that waits for longer is found without a time.
    if (sinceMs !== null && next < idsFrom("rn", Math.max(0, sinceMs - RUN_MS))) return;
  }
  yield null;
}

const RUN_MS = 3_600_000;
/** Kinds of root runs that have lines. */
export const answers: ReadonlySet<string> = new Set(["supervisor", "workflow", "team", "flow"]);

function isWanted(line: LogLine, { level, sinceMs, text }: LogRequest): boolean {
  if (lineLevels.indexOf(line.level) < lineLevels.indexOf(level)) return false;
  if (sinceMs !== null && line.atMs < sinceMs) return false;
  if (text === null) return true;
  const all = `${line.message} ${line.run} ${JSON.stringify(line.attributes)}`;
  return all.toLowerCase().includes(text.toLowerCase());
}
