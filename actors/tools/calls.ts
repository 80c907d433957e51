// The calls of one round: each is checked, counted and performed as steps of its own, those that do not
// depend on each other side by side, and what a tool says, errors too, goes back to the model. A run
// that is resumed takes the stored results; what of a call was under way is decided by its `repeat`.

import type { Attempt, RunContext } from "../../runtime/actor.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { restingOn } from "../answer/child.ts";
import { citingAll } from "../answer/citations.ts";
import { checkValue, loadSchemas } from "../answer/output-schema.ts";
import { endsRun } from "../constraints/scope.ts";
import { countCalls } from "../constraints/tool-calls.ts";
import type { RenewedToken, UsedToken } from "../credentials/use.ts";
import {
  type CheckedAt,
  type GuardedResult,
  guardedResult,
  guardOf,
  openedResult,
} from "../guard/guard-of.ts";
import { limits } from "../limits.ts";
import { addUsage, noUsage } from "../money/spent.ts";
import type { Ports, PromptMessage, ToolCall, Usage } from "../ports.ts";
import type { ChatEvent, Source } from "../records/conversation.ts";
import { authorized } from "./authorized.ts";
import { noteCall } from "./call-audit.ts";
import { type ConfirmPlace, confirmed } from "./confirmed.ts";
import { takeCall } from "./rate.ts";
import { bounded, failure, saidOf } from "./result.ts";
import type { Arguments, Handoff, RunTool, StepTool, Tool } from "./tool.ts";
import { MAY_HAVE_HAPPENED, unsure } from "./unsure.ts";

/** Where a call stands. */
export interface CallPlace {
  /** `answer.turn`, unique within the run; of a call with its number. */
  readonly name: string;
  /** Whether viewers are told. */
  readonly show: boolean;
  /** Given what a person is asked: it may leave before there is an answer. */
  asking?<T>(answer: Promise<T>): Promise<T>;
}

/** Where a round of calls stands. */
export interface ToolRound extends CallPlace {
  /** Room for all results together, characters. */
  readonly charsMax: number;
  /** What the answer rests on already. Default nothing. */
  readonly sources?: readonly Source[];
  /** Calls that guardrails block, by id, and what the model is told of each. */
  readonly blockedCalls?: Readonly<Record<string, string>>;
}

/** What came of a round. */
export interface RoundResult {
  /** The answers as messages, in the order of the calls. */
  readonly messages: readonly PromptMessage[];
  /** What the results rest on, in the same order. */
  readonly sources: readonly Source[];
  /** What models used for the calls. */
  readonly usage: Usage;
  /** Set when a call hands the turn over; of several the first. */
  readonly handoff?: Handoff;
}

/** What came of one call. */
export interface Performed {
  readonly result: unknown;
  readonly sources?: readonly Source[];
  /** `[n]` in a text of `result.answer` names the n-th of its sources. */
  readonly isCiting?: boolean;
  readonly usage?: Usage;
  readonly handoff?: Handoff;
}

/**
 * Performs the calls of one round; where a limit leaves room for some alone, these.
 * @throws what ends the run: CANCELLED, its deadline, exhaustion, LIMIT_REACHED.
 */
export async function performCalls(
  context: RunContext<Ports>,
  tools: readonly Tool[],
  calls: readonly ToolCall[],
  round: ToolRound,
): Promise<RoundResult> {
  await loadSchemas();
  const isBegun = ({ id }: ToolCall): boolean => round.blockedCalls?.[id] === undefined;
  const room = await countCalls(context, round.name, calls.filter(isBegun).length);
  const made = room.error === null ? calls : calls.filter(isBegun).slice(0, room.granted);
  let line: Promise<unknown> = Promise.resolve();
  const performed = await Promise.all(
    made.map((call, at) => {
      const tool = tools.find(({ spec }) => spec.name === call.name);
      const blocked = round.blockedCalls?.[call.id];
      const place = {
        ...{ ...round, name: `${round.name}.${at + 1}`, isExtra: at >= limits.toolCalls },
        ...(blocked !== undefined && { blocked }),
      };
      const start = () => performOne(context, tool, call, place);
      if (tool?.isSerial !== true) return start();
      const mine = line.then(start);
      line = mine.catch(() => undefined);
      return mine;
    }),
  );
  if (room.error !== null) throw room.error;
  const handoff = performed.find((one) => one.handoff !== undefined)?.handoff;
  const results = citing(performed, round.sources ?? []);
  let left = round.charsMax;
  return {
    messages: calls.map((call, at) => {
      const tool = tools.find(({ spec }) => spec.name === call.name);
      const content = saidOf(call.name, bounded(results[at], left), tool?.isGuidance);
      left = Math.max(0, left - content.length);
      return { role: "tool", content, toolCallId: call.id };
    }),
    sources: performed.flatMap(({ sources = [] }) => sources),
    usage: performed.reduce((sum, { usage = noUsage }) => addUsage(sum, usage), noUsage),
    ...(handoff && { handoff }),
  };
}

/** The results, with what they cite counted as the sources of the whole answer are: before them, and in order. */
function citing(performed: readonly Performed[], before: readonly Source[]): readonly unknown[] {
  let all = before;
  return performed.map(({ result, sources = [], isCiting = false }) => {
    all = restingOn([{ sources: all }, { sources }]).sources;
    const { answer } = (result ?? {}) as { readonly answer?: unknown };
    if (!isCiting || typeof answer !== "string") return result;
    return { ...(result as object), answer: citingAll(answer, sources, all) };
  });
}

/** Where one call stands. */
interface OneCall extends CallPlace {
  /** One more than are made at once. */
  readonly isExtra?: boolean;
  /** What the model is told of one that guardrails block. */
  readonly blocked?: string;
}

/** One call for callers that are no model: a node of a graph. Its result or a failure. @throws LIMIT_REACHED. */
export async function performCall(
  context: RunContext<Ports>,
  tool: Tool | undefined,
  call: ToolCall,
  place: OneCall,
): Promise<Performed> {
  const wanted = place.blocked === undefined ? 1 : 0;
  const { error } = await countCalls(context, place.name, wanted);
  if (error !== null) throw error;
  return await performOne(context, tool, call, place);
}

async function performOne(
  context: RunContext<Ports>,
  tool: Tool | undefined,
  call: ToolCall,
  { name, show, asking, isExtra = false, blocked }: OneCall,
): Promise<Performed> {
  const { id } = call;
  const given = argumentsOf(call);
  const emit = (key: string, event: ChatEvent): void => {
    if (show) context.emit(key, event);
  };
  emit(`tool-call:${name}`, {
    ...{ type: "tool_call", id, name: call.name },
    arguments: given ?? call.arguments,
  });
  const came = noteCall(context, call, `tool:${name}`);
  const refusal = isExtra
    ? failure("INVALID", `At most ${limits.toolCalls} calls are made at once.`)
    : blocked === undefined
      ? null
      : failure("GUARDRAIL_BLOCKED", blocked);
  const performed =
    refusal !== null
      ? { result: refusal }
      : await checkedCall(context, tool, {
          ...{ name: call.name, given, show, key: `tool:${name}` },
          ...(asking && { asking }),
        });
  const { result } = performed;
  came(result);
  emit(`tool-result:${name}`, { type: "tool_result", id, name: call.name, result });
  return performed;
}

interface Wanted extends CallPlace {
  /** Null: no JSON object. */
  readonly given: Arguments | null;
  /** Of its step. */
  readonly key: string;
}

/** What must hold before a tool is touched: it exists, its arguments fit, it is permitted. */
async function checkedCall(
  context: RunContext<Ports>,
  tool: Tool | undefined,
  { name, given, ...place }: Wanted,
): Promise<Performed> {
  if (tool === undefined) return { result: failure("NOT_FOUND", `There is no tool ${name}.`) };
  if (given === null) return { result: failure("BAD_JSON", "The arguments are no JSON object.") };
  const checked = checkValue(tool.spec.parameters, given);
  if (!checked.ok) {
    const { pointer, reason } = checked;
    return { result: failure("INVALID", `The arguments do not fit. ${reason}`, pointer) };
  }
  const refusal = tool.refuses?.(given) ?? null;
  if (refusal !== null) return { result: failure("FORBIDDEN", refusal) };
  const agreed = await confirmed(context, tool, given, place);
  if (!agreed.approved) return { result: failure("FORBIDDEN", agreed.reason) };
  const changed = tool.refuses?.(agreed.arguments) ?? null;
  if (changed !== null) return { result: failure("FORBIDDEN", changed) };
  return await told(context, () => perform(context, tool, agreed.arguments, place));
}

async function perform(
  context: RunContext<Ports>,
  tool: Tool,
  given: Arguments,
  { key, show }: ConfirmPlace,
): Promise<Performed> {
  if (tool.rate !== undefined) await takeCall(context, tool.rate, `rate:${key}`);
  if ("target" in tool) {
    const reason = typeof given["reason"] === "string" ? given["reason"] : "";
    return {
      result: { handed_over_to: tool.target.name },
      handoff: { ...tool.target, reason },
    };
  }
  const call = (of: Omit<CallAs, "show">) => performAs(context, tool, given, { ...of, show });
  return await authorized(context, tool, { key, given, show }, call);
}

/** Of which steps a call is made, whose account it is made with, and whether viewers are told of it. */
interface CallAs {
  readonly key: string;
  readonly show: boolean;
  readonly token?: UsedToken;
  readonly renewed?: RenewedToken;
}

async function performAs(
  context: RunContext<Ports>,
  tool: StepTool | RunTool,
  asked: Arguments,
  as: CallAs,
): Promise<Performed> {
  if ("within" in tool) {
    const { result: raw, usage, sources = [] } = await tool.within({ arguments: asked, ...as });
    const step = { key: as.key, attempt: null };
    const given = await guardedResult(context, raw, placesOf(tool), step);
    const result = await openedResult(context, as.key, given);
    const more = sources.length > 0 && { sources, isCiting: true };
    return { result: bounded(result, charsOf(tool)), usage, ...more };
  }
  const result = await opened(context, as.key, await stepOf(context, tool, as, asked));
  const sources = tool.sourcesOf?.(result) ?? [];
  return { result, ...(sources.length > 0 && { sources }) };
}

async function stepOf(
  context: RunContext<Ports>,
  tool: StepTool,
  { key, show: _, ...as }: CallAs,
  given: Arguments,
): Promise<unknown> {
  const operation = `${context.id}/${key}`;
  const repeat = typeof tool.repeat === "function" ? tool.repeat(given) : tool.repeat;
  const { reconcile } = tool;
  const timeoutMs = tool.timeoutMs ?? limits.toolMs;
  try {
    return await context.step<unknown>(
      key,
      async (attempt) => {
        const { signal } = attempt;
        const store = (result: unknown) => stored(context, tool, result, { key, attempt });
        try {
          return await store(await tool.perform({ arguments: given, operation, signal, ...as }));
        } catch (error) {
          // What may be better later is tried again by the step, where it may be repeated.
          if (!(error instanceof RuntimeError) || error.retryable || signal.aborted) throw error;
          return await store(failureOf(error));
        }
      },
      {
        repeat,
        timeoutMs,
        input: { name: tool.spec.name, given },
        ...(reconcile && {
          reconcile: async (attempt) => {
            const { signal } = attempt;
            const known = await reconcile.call(tool, {
              arguments: given,
              operation,
              signal,
              ...as,
            });
            if (known === undefined) return undefined;
            return await stored(context, tool, known, { key, attempt });
          },
        }),
      },
    );
  } catch (error) {
    throw context.signal.aborted ? error : unsure(error, repeat);
  }
}

async function stored(
  context: RunContext<Ports>,
  tool: Tool,
  result: unknown,
  step: { readonly key: string; readonly attempt: Attempt },
): Promise<unknown> {
  const given = await guardedResult(context, result, placesOf(tool), step);
  const checked = bounded(given.checked, charsOf(tool));
  // Always so under guardrails: what a tool gives may look like anything.
  return guardOf(context) === null ? checked : ({ ...given, checked } satisfies GuardedResult);
}

async function opened(context: RunContext<Ports>, key: string, result: unknown): Promise<unknown> {
  if (guardOf(context) === null) return result;
  return await openedResult(context, key, result as GuardedResult);
}

/** A tool that finds passages is one way to retrieve them. Skills are instructions of the tenant's own. */
function placesOf({ spec: { name: at }, sourcesOf, isGuidance }: Tool): readonly CheckedAt[] {
  if (isGuidance) return [];
  const all: readonly CheckedAt[] = [
    { on: "tool_results", at },
    { on: "retrieved", at },
  ];
  return sourcesOf === undefined ? all.slice(0, 1) : all;
}

/** What ends a run is thrown on; everything else the model is told. */
async function told(
  context: RunContext<Ports>,
  call: () => Promise<Performed>,
): Promise<Performed> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof RuntimeError) || context.signal.aborted) throw error;
    if (error.code === "STEP_UNKNOWN") {
      const text = `The server stopped while this call was under way. ${MAY_HAVE_HAPPENED}`;
      return { result: failure("STEP_UNKNOWN", text) };
    }
    if (ending.has(error.code) || endsRun(context.id, error)) throw error;
    return { result: failureOf(error) };
  }
}

const ending: ReadonlySet<string> = new Set(["STEP_CHANGED", "STEPS_EXHAUSTED", "INTERNAL"]);

function failureOf({ code, message, details }: RuntimeError) {
  return failure(code, message, details?.["pointer"]);
}

const charsOf = (tool: Tool): number => tool.resultChars ?? limits.toolResultChars;

function argumentsOf(call: ToolCall): Arguments | null {
  try {
    const value: unknown = JSON.parse(call.arguments === "" ? "{}" : call.arguments);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? (value as Arguments) : null;
  } catch {
    return null;
  }
}
