// A replay in words, for a terminal: the tree of runs with its steps, then the verdict.

import type { Usage } from "../../actors/ports.ts";
import type { TurnInput } from "../../actors/turn-input.ts";
import type { RunRecord } from "../../runtime/testkit/recording.ts";
import type { Replay } from "../../runtime/testkit/replay.ts";
import type { Divergence, ReplayEntry } from "../../runtime/testkit/replay-trace.ts";
import { type Change, type Comparison, textOf } from "./compare.ts";
import { differenceOf } from "./lines.ts";

const LINE_CHARS = 76;
const VALUE_CHARS = 2_000;
const PLACE_CHARS = 34;

/** How many things of each kind a replay had. */
export interface Counts {
  readonly steps: number;
  readonly runs: number;
  readonly events: number;
  readonly messages: number;
}

/** Counts of a replay. The root run is one. */
export function countsOf({ entries }: Pick<Replay, "entries">): Counts {
  const of = (...types: readonly string[]): number =>
    entries.filter((entry) => types.includes(entry.type)).length;
  return {
    steps: of("step", "failed"),
    runs: of("run") + 1,
    events: of("event"),
    messages: of("message"),
  };
}

/** What was replayed. */
export function headLine({ run }: RunRecord): string {
  const { agent, version } = run.input as TurnInput;
  return `${run.id}: ${run.kind} of ${agent}, version ${version}, ${run.status}`;
}

/** Every step of a replay, a line each. */
export function stepLines(replay: Replay): readonly string[] {
  return replay.entries.flatMap((entry) => {
    if (entry.type === "end" && entry.path === "") return [];
    const source = "source" in entry && entry.source === "called" ? " (called)" : "";
    return [`${placeOf(entry)} ${oneLine(textOf(entry))}${source}`];
  });
}

/** The verdict of a replay. */
export function verdictLines(replay: Replay): readonly string[] {
  const { divergence } = replay;
  if (divergence !== null) return divergenceLines(divergence);
  const { steps, runs, events, messages } = countsOf(replay);
  const counted = [
    count(steps, "step"),
    count(runs, "run"),
    count(events, "event"),
    ...(messages === 0 ? [] : [count(messages, "message")]),
  ].join(", ");
  return [
    replay.isOpen
      ? `identical so far: ${counted} (the run was under way)`
      : `identical: ${counted}`,
  ];
}

function divergenceLines(divergence: Divergence): readonly string[] {
  const { path, type, key, reason, pointer, expected, got } = divergence;
  const place = [path, key].filter((part) => part !== "").join(" > ");
  return [
    `differs at ${place === "" ? "the root run" : place} (${type}): ${reason}`,
    ...(pointer === "" ? [] : [`  at       ${pointer}`]),
    `  expected ${shownValue(expected)}`,
    `  got      ${shownValue(got)}`,
  ];
}

/** Both replays, step by step, then what the swapped one cost. */
export function comparisonLines(comparison: Comparison, swapped: Replay): readonly string[] {
  const { changes, usage, calls } = comparison;
  const lines = changes.flatMap(changeLines);
  const would = changes.filter(({ status }) => status === "would").length;
  const differing = changes.filter(({ status }) => status !== "same").length;
  const stopped = swapped.outcome === null ? "; it did not come to its end" : "";
  return [
    ...lines,
    "",
    `${count(differing, "difference")} in ${changes.length}; ${count(calls, "call")} made, ${would} not made${stopped}`,
    `tokens ${tokens(usage.before)} -> ${tokens(usage.after)}, of them paid now ${tokens(usage.called)}`,
  ];
}

function changeLines(change: Change): readonly string[] {
  const { path, key, type, status, before, after, asked, usage } = change;
  const place = placeOf({ path, key, type });
  if (status === "same") return [`= ${place} ${oneLine(after ?? "")}`];
  if (status === "gone") return [`- ${place} ${oneLine(before ?? "")}`];
  const mark = { new: "+", would: "!", changed: "~" }[status];
  const how = change.isCalled && change.call !== null ? ` (${change.call})` : "";
  const lines = [`${mark} ${place}${how}${status === "would" ? ` ${after}` : ""}`];
  if (asked !== null) lines.push(...block("asked", asked.before, asked.after));
  if (status !== "would") lines.push(...block("gave", before, after));
  const isSame = JSON.stringify(usage?.before) === JSON.stringify(usage?.after);
  if (usage && !isSame) lines.push(`    tokens ${tokens(usage.before)} -> ${tokens(usage.after)}`);
  return lines;
}

function block(name: string, before: string | null, after: string | null): readonly string[] {
  const lines =
    before === null
      ? (after?.split("\n").map((line) => `+ ${line}`) ?? [])
      : differenceOf(before, after ?? "");
  return lines.length === 0 ? [] : [`    ${name}`, ...lines.map((line) => `      ${line}`)];
}

const nouns: Readonly<Record<ReplayEntry["type"], string>> = {
  step: "step",
  failed: "step",
  would: "step",
  event: "event",
  run: "run",
  message: "message",
  end: "end",
};

function placeOf({ path, key, type }: Pick<ReplayEntry, "path" | "key" | "type">): string {
  const parts = path === "" ? [] : path.split(" > ");
  const name = type === "end" ? (parts.at(-1) ?? "") : key;
  return `${"  ".repeat(parts.length)}${nouns[type].padEnd(7)} ${name}`.padEnd(PLACE_CHARS);
}

function oneLine(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  return line.length <= LINE_CHARS ? line : `${line.slice(0, LINE_CHARS - 3)}...`;
}

function shownValue(value: unknown): string {
  const text = value === undefined ? "nothing" : JSON.stringify(value);
  return text.length <= VALUE_CHARS ? text : `${text.slice(0, VALUE_CHARS)}...`;
}

function tokens(usage: Usage | null): string {
  return usage === null ? "none" : `${usage.promptTokens}+${usage.completionTokens}`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
