// A replay and a swapped one, step by step: what stayed, what changed, what is new, what is gone,
// and what the swapped one would have done.

import { addUsage, noUsage } from "../../actors/money/spent.ts";
import type { LlmRequest, Usage } from "../../actors/ports.ts";
import type { ReplayEntry } from "../../runtime/testkit/replay-trace.ts";
import { nameOf, type PortCall } from "./ports.ts";
import { described, type SwappedReplay, type Watched } from "./replay.ts";

/** One line of a comparison. */
export interface Change {
  readonly path: string;
  readonly key: string;
  readonly type: ReplayEntry["type"];
  readonly status: "same" | "changed" | "new" | "gone" | "would";
  /** What the step gave, the event or the end, as text; null when there was none. */
  readonly before: string | null;
  readonly after: string | null;
  /** Prompt or query, when the step asked the outside. */
  readonly asked: { readonly before: string | null; readonly after: string | null } | null;
  readonly usage: { readonly before: Usage | null; readonly after: Usage | null } | null;
  /** Performed now instead of taken from the record. */
  readonly isCalled: boolean;
  /** What was called or would be: "call gpt-5". */
  readonly call: string | null;
}

/** Both replays compared. */
export interface Comparison {
  readonly changes: readonly Change[];
  readonly usage: { readonly before: Usage; readonly after: Usage; readonly called: Usage };
  /** Calls of models and searches that were made. */
  readonly calls: number;
}

type Fields = Readonly<Record<string, unknown>>;

/** Compares entries by path and key, in the order of the swapped replay. */
export function compareReplays({ base, swapped }: SwappedReplay): Comparison {
  const before = entriesOf(base);
  const after = entriesOf(swapped);
  const names = [...after.keys(), ...[...before.keys()].filter((name) => !after.has(name))];
  const changes = names.map((name) => changeOf(before.get(name), after.get(name), base, swapped));
  const called = swapped.replay.entries.filter((entry) => isCalled(entry, swapped));
  return {
    changes,
    calls: called.length,
    usage: {
      before: sum(base.replay.entries),
      after: sum(swapped.replay.entries),
      called: sum(called),
    },
  };
}

function changeOf(
  before: ReplayEntry | undefined,
  after: ReplayEntry | undefined,
  base: Watched,
  swapped: Watched,
): Change {
  const entry = after ?? before;
  if (entry === undefined) throw new Error("A change is of something.");
  const { path, key, type } = entry;
  const [was, is] = [before && textOf(before), after && textOf(after)];
  const calls = [base.calls.get(nameOf(entry)), swapped.calls.get(nameOf(entry))] as const;
  const asked = { before: promptOf(calls[0]), after: promptOf(calls[1]) };
  const isStep = type === "step" || type === "failed" || type === "would";
  const [spent, spends] = [before && usageOf(before), after && usageOf(after)];
  const isSame =
    was === is && before?.type === after?.type && (!isStep || asked.before === asked.after);
  return {
    ...{ path, key, type },
    status:
      type === "would"
        ? "would"
        : before === undefined
          ? "new"
          : after === undefined
            ? "gone"
            : isSame
              ? "same"
              : "changed",
    before: was ?? null,
    after: is ?? null,
    asked: isStep && (asked.before !== null || asked.after !== null) ? asked : null,
    usage: spent || spends ? { before: spent ?? null, after: spends ?? null } : null,
    isCalled: after !== undefined && isCalled(after, swapped),
    call: calls[1] === undefined ? null : described(calls[1]),
  };
}

/** Entries by name. A step that would be done stands where it was done. */
function entriesOf({ replay }: Watched): ReadonlyMap<string, ReplayEntry> {
  return new Map(
    replay.entries.map((entry) => {
      const isStep = entry.type === "failed" || entry.type === "would";
      return [`${isStep ? "step" : entry.type}\n${nameOf(entry)}`, entry];
    }),
  );
}

/** Local computing is done again and is no call. */
const isCalled = (entry: ReplayEntry, { calls }: Watched): boolean =>
  (entry.type === "step" || entry.type === "failed") &&
  entry.source === "called" &&
  calls.has(nameOf(entry));

/** An entry in words, the same in both replays when nothing of it has changed. */
export function textOf(entry: ReplayEntry): string {
  switch (entry.type) {
    case "step":
      return resultText(entry.result);
    case "failed":
      return `failed: ${entry.error.code}: ${entry.error.message}`;
    case "event":
      return eventText(entry.event);
    case "run":
      return inputText(entry.kind, entry.input);
    case "message":
      return `to ${entry.to}: ${JSON.stringify(entry.message)}`;
    case "would":
      return `would ${entry.what}`;
    case "end":
      return entry.outcome.status === "completed"
        ? `completed${entry.path === "" ? resultOf(entry.outcome.result) : ""}`
        : `${entry.outcome.status}: ${entry.outcome.error.code}: ${entry.outcome.error.message}`;
  }
}

function resultText(result: unknown): string {
  if (Array.isArray(result)) return passagesText(result);
  if (!isObject(result)) return JSON.stringify(result) ?? "nothing";
  // A version that stands in for another one has a number that nobody knows.
  if (typeof result["runKind"] === "string") {
    const { target, version, madeOf = version } = result;
    return `${String(target)}, version ${String(madeOf)}`;
  }
  if (typeof result["choice"] === "string") return result["choice"];
  if (typeof result["failed"] === "string") return `failed: ${result["failed"]}`;
  const text = result["text"] ?? result["hidden"];
  return typeof text === "string" ? text : JSON.stringify(result);
}

function passagesText(found: readonly unknown[]): string {
  const lines = found.map((one) => {
    const { documentTitle, text } = (isObject(one) ? one : {}) as Fields;
    const first = String(text ?? "").split("\n", 1)[0] ?? "";
    return `${String(documentTitle ?? "passage")}: ${first.slice(0, PASSAGE_CHARS)}`;
  });
  return [`${found.length} passages`, ...lines].join("\n");
}

const PASSAGE_CHARS = 80;

function eventText(event: unknown): string {
  if (!isObject(event)) return JSON.stringify(event) ?? "";
  const info = event["routing_info"];
  if (event["type"] === "routing" && isObject(info)) {
    const { action_name, method, confidence, reason } = info;
    const sure = typeof confidence === "number" ? ` (${confidence.toFixed(2)})` : "";
    return `to ${String(action_name)} by ${String(method)}${sure}\n${String(reason)}`;
  }
  if (event["type"] === "sources" && Array.isArray(event["sources"])) {
    const titles = event["sources"].map((one) => String((isObject(one) ? one : {})["title"]));
    return `sources: ${titles.join(", ")}`;
  }
  const { type, ...rest } = event;
  return `${String(type)} ${JSON.stringify(rest)}`;
}

/** A child's input without the version, which is what was swapped. */
function inputText(kind: string, input: unknown): string {
  if (!isObject(input)) return `${kind} ${JSON.stringify(input)}`;
  const { subAgent, text, instruction } = input;
  const parts = [subAgent ?? "the supervisor", text, instruction];
  const said = parts.filter((part) => typeof part === "string").join(" | ");
  return `${kind} of ${said}`;
}

function resultOf(result: unknown): string {
  const text = isObject(result) ? result["text"] : undefined;
  return typeof text === "string" ? `\n${text}` : "";
}

/** A request as a person reads it. */
export function promptOf(call: PortCall | undefined): string | null {
  if (call === undefined) return null;
  if (call.port !== "llm") return JSON.stringify(call.request);
  const { messages, grounding, stream, ...settings } = call.request as LlmRequest;
  const lines = messages.map(({ role, content }) => `${role}: ${content}`);
  return [JSON.stringify(settings), ...lines].join("\n");
}

function usageOf(entry: ReplayEntry): Usage | null {
  const usage = entry.type === "step" && isObject(entry.result) ? entry.result["usage"] : null;
  return isObject(usage) ? (usage as unknown as Usage) : null;
}

function sum(entries: readonly ReplayEntry[]): Usage {
  return entries.reduce((all, entry) => addUsage(all, usageOf(entry) ?? noUsage), noUsage);
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
