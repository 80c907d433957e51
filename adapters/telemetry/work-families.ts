// The metrics of work that is not a model's: deliveries, triggers, scripts, engines, budgets, the line of agents
// that work by themselves, and the disk.

import type { NotedKind } from "../../actors/figures.ts";
import type { HistogramData } from "../../runtime/shared/metrics.ts";
import { type Family, family, type Sample } from "./family.ts";
import { countOf } from "./work-figures.ts";

/** All of them. */
export function workFamilies(): readonly Family[] {
  return [
    counts(
      "delivery",
      ["platform", "outcome"],
      "troupe_deliveries_total",
      "Answers and other messages to channels, and how their delivery ended.",
    ),
    values(
      "delivery",
      "platform",
      "troupe_delivery_seconds",
      "From a message that is there to its arrival at the platform; of those that were sent.",
      "sent",
    ),
    counts(
      "occurrence",
      ["cause", "outcome"],
      "troupe_trigger_occurrences_total",
      "Occurrences of triggers: begun, and what became of them; `skipped_` with the reason.",
    ),
    values(
      "occurrence",
      "cause",
      "troupe_trigger_lateness_seconds",
      "How long after its time, or after what happened, an occurrence began.",
      "begun",
    ),
    counts(
      "script",
      ["kind", "outcome"],
      "troupe_sandbox_runs_total",
      "Runs of scripts in the sandbox; `timeout` and `memory` were killed, `calls` wait for tools and are run anew.",
    ),
    values("script", "kind", "troupe_sandbox_seconds", "Time of a run of a script."),
    counts(
      "engine",
      ["engine", "outcome"],
      "troupe_engine_work_total",
      "Work of engines, commands and shells; `lost`: the target was away, and the run waits for it.",
    ),
    values("engine", "engine", "troupe_engine_work_seconds", "Time of such work."),
    counts(
      "budget",
      ["scope", "outcome"],
      "troupe_budget_calls_total",
      "Calls that a budget counts: granted, or refused because it is used up.",
    ),
    values(
      "budget",
      "scope",
      "troupe_budget_used_ratio",
      "Share of its budget that was used, reserved included, when a call was granted.",
      "granted",
    ),
    ...slotFamilies(),
    ...diskFamilies(),
  ];
}

function slotFamilies(): readonly Family[] {
  return [
    family(
      "gauge",
      "troupe_autonomous_runs",
      "Runs of agents that work by themselves (triggers, start): at work, or waiting in line.",
      ["state"],
      ({ slots }) =>
        slots === null
          ? []
          : [
              [["running"], slots.running],
              [["waiting"], slots.waiting],
            ],
    ),
    family(
      "gauge",
      "troupe_autonomous_runs_limit",
      "So many of them work at once (MAX_AGENTS).",
      [],
      ({ slots }) => (slots === null ? [] : [[[], slots.limit]]),
    ),
  ];
}

function diskFamilies(): readonly Family[] {
  return [
    family(
      "gauge",
      "troupe_storage_file_bytes",
      "Size of the file of an environment; it has room for what comes, and does not shrink by itself.",
      ["environment"],
      ({ disk }) =>
        Object.entries(disk?.files ?? {}).map(([name, bytes]): Sample => [[name], bytes]),
    ),
    family(
      "gauge",
      "troupe_data_disk_free_bytes",
      "Room that is left on the disk of the data.",
      [],
      ({ disk }) => (disk === null ? [] : [[[], disk.freeBytes]]),
    ),
    family("gauge", "troupe_data_disk_bytes", "Size of the disk of the data.", [], ({ disk }) =>
      disk === null ? [] : [[[], disk.totalBytes]],
    ),
    family(
      "counter",
      "troupe_agent_log_lines_dropped_total",
      "Lines and runs that the log files of agents did not take: the disk was full, or too slow.",
      [],
      ({ logDropped }) => (logDropped === undefined ? [] : [[[], logDropped]]),
    ),
  ];
}

function counts(
  kind: NotedKind,
  labels: readonly [string, string],
  name: string,
  help: string,
): Family {
  return family("counter", name, help, labels, ({ work }) =>
    work
      .rows(kind)
      .flatMap(({ row, columns }) =>
        columns.map(([column, data]): Sample => [[row, column], countOf(data)]),
      ),
  );
}

/** @param only of this column; default: of all. */
function values(kind: NotedKind, label: string, name: string, help: string, only?: string): Family {
  const made = family("histogram", name, help, [label], ({ work }) =>
    work.rows(kind).map(({ row, columns }): Sample => {
      const wanted = columns.filter(([column]) => only === undefined || column === only);
      return [[row], wanted.map(([, data]) => data).reduce(added)];
    }),
  );
  return name.endsWith("_ratio") ? { ...made, scale: 0.001 } : made;
}

const added = (one: HistogramData, other: HistogramData): HistogramData => ({
  bounds: one.bounds,
  counts: one.counts.map((count, at) => count + (other.counts[at] ?? 0)),
  sum: one.sum + other.sum,
});
