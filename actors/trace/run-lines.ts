// What a run says of itself as lines of a log: that it began, what was chosen and called, what went wrong, how it
// ended. Made from its row and log, so that nothing is written twice. What was said is in none of them. Pure.

import type { Outcome } from "../../runtime/actor.ts";
import type { ErrorData } from "../../runtime/errors.ts";
import type { LogEntry } from "../../runtime/runs/log-entry.ts";
import type { RunRow } from "../../runtime/system.ts";
import { shownEvent, toolFailure } from "./shown-event.ts";
import { type Attributes, attributes } from "./span.ts";
import { requestIn, traceOfRun } from "./trace-context.ts";

/** How much a line matters, least first. */
export const lineLevels = ["debug", "info", "warn", "error"] as const;

/** One of them. */
export type LineLevel = (typeof lineLevels)[number];

/** A line. */
export interface LogLine {
  /** Of its run; the lines of one are numbered in their order. */
  readonly number: number;
  /** Ms since the epoch. */
  readonly atMs: number;
  readonly level: LineLevel;
  /** A constant text; what varies is in `attributes`. */
  readonly message: string;
  /** The run, or the one below it, that says it. */
  readonly run: string;
  /** Who answers in it, when its input says. */
  readonly agent: string | null;
  readonly traceId: string;
  /** Id of the request that began the run; null: none did. */
  readonly request: string | null;
  readonly attributes: Attributes;
}

type Said = Pick<LogLine, "level" | "message" | "attributes">;

/** Lines of a root run, oldest first. `told`: an error as who reads them is told it. */
export function linesOfRun(
  row: RunRow,
  entries: readonly LogEntry[],
  { tenant, told }: { readonly tenant: string; told(error: ErrorData, run: string): ErrorData },
): readonly LogLine[] {
  const lines: LogLine[] = [];
  const agents = new Map([[row.id, agentOf(row.input)]]);
  const { traceId } = traceOfRun(tenant, row.id, row.trace);
  const request = requestIn(row.trace);
  const say = (run: string, atMs: number, said: Said): void => {
    const agent = agents.get(run) ?? null;
    lines.push({ number: lines.length, atMs, run, agent, traceId, request, ...said });
  };
  const ended = (run: string, atMs: number, outcome: Outcome): void =>
    say(
      run,
      atMs,
      endOf(outcome, (error) => told(error, run), run === row.id),
    );
  say(row.id, row.startedAt, {
    ...{ level: "info", message: "run began" },
    attributes: { kind: row.kind },
  });
  // What a fork took over was said by another run.
  const own = entries.findLastIndex(({ type, run }) => type === "forked" && run === row.id) + 1;
  for (const [at, entry] of entries.entries()) {
    if (entry.type === "child") agents.set(entry.run, agentOf(entry.input));
    if (at < own) continue;
    const atMs = row.startedAt + (entry.afterMs ?? 0);
    if (entry.type === "end" && entry.run !== row.id) ended(entry.run, atMs, entry.outcome);
    else {
      const said = saidBy(entry, (error) => told(error, entry.run));
      if (said !== null) say(entry.run, atMs, said);
    }
  }
  if (row.endedAt !== null) ended(row.id, row.endedAt, row.outcome as Outcome);
  return lines;
}

function saidBy(entry: LogEntry, told: (error: ErrorData) => ErrorData): Said | null {
  switch (entry.type) {
    case "child":
      return {
        ...{ level: "debug", message: "run below began" },
        attributes: { kind: entry.kind, step: entry.key },
      };
    case "failed": {
      const { code, message: why } = told(entry.error);
      return {
        ...{ level: "warn", message: "step failed" },
        attributes: { step: entry.key, code, why },
      };
    }
    case "event":
      return saidByEvent(entry.event);
    case "cancel":
      return { level: "warn", message: "run is cancelled", attributes: {} };
    case "steer":
      return { level: "info", message: "run was steered", attributes: {} };
    case "resumed":
      return {
        ...{ level: "info", message: "run was taken up again" },
        attributes: { incarnation: entry.incarnation },
      };
    default:
      return null;
  }
}

/** Events that people should look at. */
const warned: ReadonlySet<string> = new Set(["guardrail", "escalated", "memory_skipped"]);
/** Events that are many and small. */
const small: ReadonlySet<string> = new Set(["sources", "memories", "memory_written", "notice"]);

function saidByEvent(event: unknown): Said | null {
  const shown = shownEvent(event);
  if (shown === null) return null;
  const type = shown.name.replace("troupe.", "");
  const failure =
    type === "tool_result" ? toolFailure((event as { result?: unknown }).result) : null;
  if (failure !== null) {
    const attributes = { ...shown.attributes, code: failure.code };
    return { level: "warn", message: "tool failed", attributes };
  }
  const level = warned.has(type) ? "warn" : small.has(type) ? "debug" : "info";
  return { level, message: type.replaceAll("_", " "), attributes: shown.attributes };
}

function endOf(outcome: Outcome, told: (error: ErrorData) => ErrorData, isRoot: boolean): Said {
  const who = isRoot ? "run" : "run below";
  if (outcome.status === "completed") {
    return { level: isRoot ? "info" : "debug", message: `${who} completed`, attributes: {} };
  }
  const { code, message: why } = told(outcome.error);
  const level = outcome.status === "cancelled" ? "warn" : "error";
  return { level, message: `${who} ${outcome.status}`, attributes: attributes({ code, why }) };
}

function agentOf(input: unknown): string | null {
  const { agent } = (input ?? {}) as { readonly agent?: unknown };
  return typeof agent === "string" ? agent : null;
}
