// The trace of a root run, made from its row and its log: a span for the run, each run below it, each call of a
// model or a tool, each wait and whatever else took time. Pure; nothing is written while a run goes on that its
// log does not hold anyway.

import type { Outcome } from "../../runtime/actor.ts";
import type { ErrorData } from "../../runtime/errors.ts";
import type { LogEntry } from "../../runtime/runs/log-entry.ts";
import type { RunRow } from "../../runtime/system.ts";
import { agentPart } from "./said-of-run.ts";
import { contentOf, partOf } from "./said-of-step.ts";
import { shownEvent, toolFailure } from "./shown-event.ts";
import { attributes, type Span, type SpanEvent, type SpanLink } from "./span.ts";
import { inOrder } from "./span-order.ts";
import { spanId, traceOfRun } from "./trace-context.ts";

/** What is wanted of it. */
export interface TraceOptions {
  readonly tenant: string;
  /** Whether what people, models and tools said is in it. */
  readonly content: boolean;
  /** An error as who asks is told it. */
  told(error: ErrorData, run: string): ErrorData;
  /** The run that it was forked from. */
  readonly origin?: SpanLink | undefined;
}

/** A run below the root, or the root, as the log tells of it. */
interface Known {
  readonly id: string;
  readonly kind: string;
  readonly input: unknown;
  readonly parent: string | null;
  readonly startMs: number;
  endMs: number | null;
  outcome: Outcome | null;
  readonly events: SpanEvent[];
  readonly tools: Map<string, Tool>;
  readonly waits: Map<string, number>;
}

/** A call of a tool. */
interface Tool {
  readonly id: string;
  readonly name: string;
  readonly startMs: number;
  readonly arguments: unknown;
  end?: { readonly atMs: number; readonly result: unknown };
}

/** Limits of a trace. */
export const runSpansLimits = {
  /** Spans that are shown of one trace. */
  spansMax: 5_000,
  /** Entries of a log that are looked at together: some ms. */
  entriesAtOnce: 200,
} as const;

const TOOL_NAME = /^[\w.-]{1,64}$/;
const CALL = "tool-call:";
const RESULT = "tool-result:";
/** Calls of tools that are shown: their step is the same work. */
const TOOL_STEP = /^tool:([\w.#-]+)$/;
/** Within a key of what a call needed: its approval, its token, its task elsewhere. */
const WITHIN_TOOL = /(?:^|:)tool:([\w.#-]+)/;

/** The spans in their order, all at once. `entries` is the whole log. */
export function spansOfRun(
  row: RunRow,
  entries: readonly LogEntry[],
  options: TraceOptions,
): readonly Span[] {
  const parts = spansInParts(row, entries, options);
  for (;;) {
    const { done, value } = parts.next();
    if (done === true) return value;
  }
}

/** The same a part at a time, so that who waits beside is not held up by a long one. */
export function* spansInParts(
  row: RunRow,
  entries: readonly LogEntry[],
  options: TraceOptions,
): Generator<void, readonly Span[]> {
  const trace = traceOfRun(options.tenant, row.id, row.trace);
  const builder = new Builder(row, options, trace);
  // What a fork has taken over was done by another run, whose trace has it.
  const own = entries.findLastIndex(({ type, run }) => type === "forked" && run === row.id) + 1;
  for (const [at, entry] of entries.entries()) {
    builder.take(entry, at < own);
    if (at % runSpansLimits.entriesAtOnce === runSpansLimits.entriesAtOnce - 1) yield;
  }
  return inOrder(builder.spans());
}

class Builder {
  readonly #row: RunRow;
  readonly #options: TraceOptions;
  readonly #trace: ReturnType<typeof traceOfRun>;
  readonly #known = new Map<string, Known>();
  readonly #spans: Span[] = [];

  constructor(row: RunRow, options: TraceOptions, trace: ReturnType<typeof traceOfRun>) {
    this.#row = row;
    this.#options = options;
    this.#trace = trace;
    const { id, kind, input, startedAt, endedAt } = row;
    const root = known({ id, kind, input, parent: null, startMs: startedAt });
    root.endMs = endedAt;
    root.outcome = row.outcome as Outcome | null;
    this.#known.set(id, root);
  }

  take(entry: LogEntry, isCopied: boolean): void {
    const { startedAt } = this.#row;
    const atMs = startedAt + (isCopied ? 0 : (entry.afterMs ?? 0));
    if (entry.type === "child") {
      const above = this.#known.get(entry.parent);
      if (above === undefined) return;
      const { run: id, kind, input, key } = entry;
      const parent = this.#spanWithin(above, key);
      this.#known.set(id, known({ id, kind, input, parent, startMs: atMs }));
      return;
    }
    const run = this.#known.get(entry.run);
    if (run === undefined) return;
    if (isCopied) {
      if (entry.type === "end") this.#known.delete(entry.run);
      return;
    }
    switch (entry.type) {
      case "try":
        if (entry.untilMs !== undefined) run.waits.set(entry.key, atMs);
        return;
      case "step":
      case "failed":
        this.#step(run, entry, atMs);
        return;
      case "event":
        this.#event(run, entry.key, entry.event, atMs);
        return;
      case "end":
        if (run.id === this.#row.id) return;
        run.endMs = atMs;
        run.outcome = entry.outcome;
        return;
      case "cancel":
        run.events.push({ name: "troupe.cancel", atMs, attributes: {} });
        return;
      case "steer":
        run.events.push({ name: "troupe.steered", atMs, attributes: {} });
        return;
      case "resumed":
        run.events.push({
          ...{ name: "troupe.resumed", atMs },
          attributes: { incarnation: entry.incarnation },
        });
        return;
      default:
        return;
    }
  }

  /** All of them, with what is still open or was cut. */
  spans(): Span[] {
    for (const run of this.#known.values()) {
      this.#spans.push(this.#runSpan(run));
      for (const [place, tool] of run.tools) this.#spans.push(this.#toolSpan(run, place, tool));
      for (const [key, startMs] of run.waits) {
        const part = partOf({ key, result: undefined, isWait: true, content: false });
        this.#add(run, key, { ...part, startMs, endMs: this.#endOf(run), error: null });
      }
    }
    return this.#spans;
  }

  #event(run: Known, key: string, event: unknown, atMs: number): void {
    if (key.startsWith(CALL)) {
      const { id, name, arguments: given } = event as Readonly<Record<string, unknown>>;
      const tool = { id: String(id), name: nameOf(name), startMs: atMs, arguments: given };
      run.tools.set(key.slice(CALL.length), tool);
      return;
    }
    if (key.startsWith(RESULT)) {
      const tool = run.tools.get(key.slice(RESULT.length));
      const { result } = event as { readonly result?: unknown };
      if (tool !== undefined) tool.end = { atMs, result };
      return;
    }
    const shown = shownEvent(event);
    if (shown !== null) run.events.push({ ...shown, atMs });
  }

  #step(run: Known, entry: LogEntry & { readonly type: "step" | "failed" }, atMs: number): void {
    const { key, tookMs = 0 } = entry;
    const began = run.waits.get(key);
    run.waits.delete(key);
    const place = TOOL_STEP.exec(key)?.[1];
    if (place !== undefined && run.tools.has(place)) return;
    // A clock that was set back would have it begin before its run.
    const startMs = Math.max(run.startMs, began ?? atMs - tookMs);
    const result = entry.type === "step" ? entry.result : undefined;
    const { content } = this.#options;
    const part =
      place === undefined
        ? partOf({ key, result, isWait: began !== undefined, content })
        : { name: "execute_tool", kind: "internal" as const, attributes: toolNamed({ key }) };
    // What took no time is only there so that it is the same after a crash.
    const isWork = "gen_ai.operation.name" in part.attributes;
    if (!isWork && startMs >= atMs && entry.type === "step") return;
    const error = entry.type === "failed" ? entry.error : null;
    this.#add(run, key, { ...part, startMs, endMs: atMs, error });
  }

  #runSpan(run: Known): Span {
    const { content, origin } = this.#options;
    const isRoot = run.id === this.#row.id;
    const { reply, parent } = this.#row;
    const part = agentPart({ ...run, content, ...(isRoot && { reply, owner: parent }) });
    const failed = run.outcome === null || run.outcome.status === "completed" ? null : run.outcome;
    return {
      traceId: this.#trace.traceId,
      spanId: spanId(run.id),
      parentId: isRoot ? this.#trace.parentId : run.parent,
      ...{ name: part.name, kind: "internal", startMs: run.startMs, endMs: this.#endOf(run) },
      ...this.#failure(run, failed?.error ?? null, part.attributes),
      events: run.events,
      ...(isRoot && origin !== undefined && { links: [origin] }),
    };
  }

  #toolSpan(run: Known, place: string, tool: Tool): Span {
    const { end, name } = tool;
    const failure = end === undefined ? null : toolFailure(end.result);
    const said = this.#options.content && {
      "gen_ai.tool.call.arguments": contentOf(tool.arguments),
      ...(end !== undefined && { "gen_ai.tool.call.result": contentOf(end.result) }),
    };
    return {
      traceId: this.#trace.traceId,
      spanId: spanId(run.id, `tool:${place}`),
      parentId: spanId(run.id),
      ...{ name: `execute_tool ${name}`, kind: "internal", startMs: tool.startMs },
      endMs: end?.atMs ?? this.#endOf(run),
      // What a tool says of its failure is what it says.
      error: this.#options.content ? (failure?.text ?? null) : null,
      attributes: {
        ...toolNamed({ ...tool, key: `tool:${place}` }),
        ...said,
        ...(failure !== null && { "error.type": failure.code }),
      },
      events: [],
    };
  }

  #add(
    run: Known,
    key: string,
    step: Pick<Span, "name" | "kind" | "attributes" | "startMs" | "endMs"> & {
      readonly error: ErrorData | null;
    },
  ): void {
    const { name, kind, startMs, endMs } = step;
    this.#spans.push({
      traceId: this.#trace.traceId,
      spanId: spanId(run.id, key),
      parentId: this.#spanWithin(run, key, true),
      ...{ name, kind, startMs, endMs },
      ...this.#failure(run, step.error, step.attributes),
      events: [],
    });
  }

  #failure(run: Known, error: ErrorData | null, of: Span["attributes"]) {
    if (error === null) return { error: null, attributes: of };
    const { code, message } = this.#options.told(error, run.id);
    return { error: message, attributes: { ...of, "error.type": code } };
  }

  /** The span of the tool's call that a step or child was needed for, else of its run. */
  #spanWithin(run: Known, key: string, isStep = false): string {
    const place = WITHIN_TOOL.exec(key)?.[1];
    const isOwn = isStep && key === `tool:${place}`;
    if (place === undefined || isOwn || !run.tools.has(place)) return spanId(run.id);
    return spanId(run.id, `tool:${place}`);
  }

  /** A run below that the log knows no end of is under way, or was cut with its root. */
  #endOf(run: Known): number | null {
    return run.endMs ?? this.#row.endedAt;
  }
}

/** A model may call what there is not, by any text. */
const nameOf = (name: unknown): string => (TOOL_NAME.test(String(name)) ? String(name) : "unknown");

function known(of: Pick<Known, "id" | "kind" | "input" | "parent" | "startMs">): Known {
  const rest = { endMs: null, outcome: null, events: [], tools: new Map(), waits: new Map() };
  return { ...of, ...rest };
}

function toolNamed({ id, name, key }: Partial<Tool> & { readonly key: string }) {
  return attributes({
    "gen_ai.operation.name": "execute_tool",
    "gen_ai.tool.name": name,
    "gen_ai.tool.call.id": id,
    "gen_ai.tool.type": "function",
    "troupe.step": key,
  });
}
