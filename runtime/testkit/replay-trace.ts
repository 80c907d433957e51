// The account of a replay: what happened, in order, and where it left the record for the first time.

import type { Data, Outcome } from "../actor.ts";
import { type ErrorData, isInside } from "../errors.ts";
import { fingerprint } from "../runs/journal.ts";
import type { RecordedRun, Recording } from "./recording.ts";
import type { AskedStep } from "./replay-step.ts";

/** How a replay differs from the record for the first time. */
export interface Divergence {
  /** Path of the run, "" for the root run. */
  readonly path: string;
  readonly type: "step" | "event" | "run" | "message" | "end" | "reply";
  /** Key of the step or event; "" for an end. */
  readonly key: string;
  readonly reason: string;
  /** JSON pointer to the first difference inside; "" for the whole. */
  readonly pointer: string;
  readonly expected: Data;
  readonly got: Data;
}

/** One thing that happened in a replay. */
export type ReplayEntry = { readonly path: string; readonly key: string } & (
  | { readonly type: "step"; readonly result: Data; readonly source: "record" | "called" }
  | { readonly type: "failed"; readonly error: ErrorData; readonly source: "record" | "called" }
  | { readonly type: "event"; readonly event: Data }
  | { readonly type: "run"; readonly kind: string; readonly input: Data }
  | { readonly type: "message"; readonly to: string; readonly message: Data }
  /** A step that was not performed: its branch stops here. */
  | { readonly type: "would"; readonly what: string }
  | { readonly type: "end"; readonly outcome: Outcome }
);

type Of<T extends ReplayEntry["type"]> = Extract<ReplayEntry, { readonly type: T }>;

/** Gathers entries and compares them with a recording. */
export class ReplayTrace {
  readonly entries: ReplayEntry[] = [];
  divergence: Divergence | null = null;
  readonly #recording: Recording;
  readonly #compares: boolean;
  readonly #isOptional: (key: string) => boolean;
  readonly #seen = new Set<string>();
  #missing: Divergence | null = null;

  /** @param compares whether differences from the record are looked for. */
  constructor(
    recording: Recording,
    compares: boolean,
    { isOptional }: { isOptional(key: string): boolean } = { isOptional: () => false },
  ) {
    this.#isOptional = isOptional;
    this.#recording = recording;
    this.#compares = compares;
  }

  /** Whether a branch waits for a step that is not performed. */
  get isStopped(): boolean {
    return this.#missing !== null || this.entries.some(({ type }) => type === "would");
  }

  step(entry: Of<"step"> | Of<"failed">): void {
    this.#seen.add(nameOf("step", entry));
    this.entries.push(entry);
  }

  /** A step was asked for with this fingerprint of its input. */
  print({ path, key, stored }: AskedStep, print: string): void {
    if (stored === undefined || stored.print === print) return;
    this.#differs({
      ...{ path, key, type: "step", pointer: "" },
      reason: "the step was given another input",
      expected: stored.print,
      got: print,
    });
  }

  /** A step was asked for that the record does not hold: its branch waits. */
  missing({ path, key, what }: AskedStep): void {
    this.#missing ??= {
      ...{ path, key, type: "step", pointer: "" },
      reason: `a ${what} that is not in the record`,
      expected: undefined,
      got: key,
    };
  }

  would(path: string, key: string, what: string): void {
    this.entries.push({ type: "would", path, key, what });
  }

  event(path: string, key: string, event: Data): void {
    const name = nameOf("event", { path, key });
    if (this.#seen.has(name)) return;
    const recorded = this.#run(path)?.events.get(key);
    if (recorded === undefined && this.#isBeyond(path)) return;
    this.#seen.add(name);
    this.entries.push({ type: "event", path, key, event });
    if (recorded) this.#compare("event", { path, key }, recorded.value, event);
    else this.#unexpected("event", { path, key }, event);
  }

  child(path: string, key: string, child: { readonly kind: string; readonly input: Data }): void {
    const name = nameOf("run", { path, key });
    if (this.#seen.has(name)) return;
    const recorded = this.#run(path)?.children.get(key);
    if (recorded === undefined && this.#isBeyond(path)) return;
    this.#seen.add(name);
    this.entries.push({ type: "run", path, key, ...child });
    if (recorded) this.#compare("run", { path, key }, recorded.value, child);
    else this.#unexpected("run", { path, key }, child);
  }

  message({ path, key, what }: AskedStep, to: string, message: Data): void {
    const name = nameOf("message", { path, key });
    if (this.#seen.has(name)) return;
    this.#seen.add(name);
    this.entries.push({ type: "message", path, key, to, message });
    const run = this.#run(path);
    const stored = run?.steps.get(key)?.value;
    const sent =
      what === "ask" ? run?.asks.get(key) : stored?.type === "step" ? stored.sent : undefined;
    if (sent === undefined || sent === fingerprint([to, message])) return;
    this.#differs({
      ...{ path, key, type: "message", pointer: "" },
      reason: `the ${what} carries another message`,
      expected: sent,
      got: { to, message },
    });
  }

  end(path: string, outcome: Outcome): void {
    this.entries.push({ type: "end", path, key: "", outcome });
    const recorded = this.#run(path)?.end;
    if (!recorded) return;
    // A completed root's result is not in the record; its reply is, and is compared by finish().
    const isBare = path === "" && outcome.status === "completed";
    const got = isBare ? { ...outcome, result: null } : outcome;
    this.#compare("end", { path, key: "" }, settled(recorded.value), settled(got));
  }

  /** The replay is over: whatever the record holds and nobody asked for is a difference too. */
  finish(outcome: Outcome | null, reply?: (result: Data) => Data): void {
    if (outcome === null) {
      if (!this.#recording.isOpen) this.#differs(this.#missing ?? stuck);
      return;
    }
    const expected = this.#recording.record.run.reply;
    if (outcome.status === "completed" && reply !== undefined && expected !== null) {
      this.#compare("reply", { path: "", key: "" }, expected, reply(outcome.result));
    }
    this.#unasked();
  }

  #unasked(): void {
    let first: { readonly position: number; readonly divergence: Divergence } | null = null;
    for (const run of this.#recording.runs.values()) {
      const of = { event: run.events, run: run.children, step: run.steps } as const;
      for (const type of ["event", "run", "step"] as const) {
        for (const [key, { position, value }] of of[type]) {
          const isAsked = this.#seen.has(nameOf(type, { path: run.path, key }));
          if (isAsked || (type === "step" && this.#isOptional(key))) continue;
          if (first !== null && first.position <= position) continue;
          const reason = "it is in the record and did not happen again";
          const what = { path: run.path, key, type, reason, pointer: "" } as const;
          first = { position, divergence: { ...what, expected: value, got: undefined } };
        }
      }
    }
    if (first !== null) this.#differs(first.divergence);
  }

  /**
   * Whether the record ends here for this run: it was taken while the run was under way, or the run
   * was cut. A replay, where nothing takes time, comes a little further; that is no difference.
   */
  #isBeyond(path: string): boolean {
    if (!this.#compares) return false;
    const run = this.#run(path);
    // Of a child that is beyond the record itself.
    if (run === undefined) return true;
    const status = run.end?.value.status;
    const isCut = status === undefined || status === "cancelled" || status === "expired";
    if (!isCut) return false;
    const of = { event: run.events, run: run.children, step: run.steps } as const;
    return (["event", "run", "step"] as const).every((type) =>
      [...of[type].keys()].every((key) => this.#seen.has(nameOf(type, { path, key }))),
    );
  }

  #run(path: string): RecordedRun | undefined {
    return this.#recording.runs.get(path);
  }

  #unexpected(
    type: Divergence["type"],
    at: { readonly path: string; readonly key: string },
    got: Data,
  ): void {
    this.#differs({
      ...at,
      type,
      pointer: "",
      reason: "it is not in the record",
      expected: undefined,
      got,
    });
  }

  #compare(
    type: Divergence["type"],
    at: { readonly path: string; readonly key: string },
    expected: Data,
    got: Data,
  ): void {
    const found = firstDifference(plain(expected), plain(got), "");
    if (found === null) return;
    this.#differs({ ...at, type, reason: "it differs from the record", ...found });
  }

  #differs(divergence: Divergence): void {
    if (this.#compares) this.divergence ??= divergence;
  }
}

const stuck: Divergence = {
  path: "",
  key: "",
  type: "end",
  reason: "the run does not end",
  pointer: "",
  expected: undefined,
  got: undefined,
};

const nameOf = (type: string, at: { readonly path: string; readonly key: string }): string =>
  `${type}\n${at.path}\n${at.key}`;

/**
 * An end without the preview text that a cut step had shown: previews are not recorded. Nor is what a
 * programmer's error says, in the record of whoever is not the operator.
 */
function settled(outcome: Outcome): Data {
  if (outcome.status === "completed") return outcome;
  const { status, error } = outcome;
  return { status, code: error.code, message: isInside(error) ? "" : error.message };
}

/** Data as JSON has it: the form in which a record may have travelled. */
function plain(value: Data): Data {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

/** The first place at which two pieces of plain data differ, as a JSON pointer, or null. */
export function firstDifference(
  expected: Data,
  got: Data,
  pointer = "",
): { readonly pointer: string; readonly expected: Data; readonly got: Data } | null {
  if (Object.is(expected, got)) return null;
  if (!isObject(expected) || !isObject(got) || Array.isArray(expected) !== Array.isArray(got)) {
    return { pointer, expected, got };
  }
  for (const name of new Set([...Object.keys(expected), ...Object.keys(got)])) {
    const at = `${pointer}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    const found = firstDifference(expected[name], got[name], at);
    if (found !== null) return found;
  }
  return null;
}

function isObject(value: Data): value is Readonly<Record<string, Data>> {
  return typeof value === "object" && value !== null;
}
