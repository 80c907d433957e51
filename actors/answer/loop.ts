// The model loop: one call as a journaled step that streams while it is written; further ones while
// the model calls tools, and one repair when a schema was not met. Repeat is `safe`: after a crash a
// call in flight is made again.

import type { Attempt, RunContext } from "../../runtime/actor.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { rootRunOf } from "../../runtime/frame.ts";
import { callerOf } from "../caller.ts";
import { guardOf } from "../guard/guard-of.ts";
import { limits } from "../limits.ts";
import { isOneModel } from "../model-chain.ts";
import { addUsage, spentOn } from "../money/spent.ts";
import type {
  FinishReason,
  LlmRequest,
  LlmResult,
  Ports,
  PromptMessage,
  ToolCall,
  Usage,
} from "../ports.ts";
import type { ChatEvent, Source } from "../records/conversation.ts";
import type { Meter } from "../spend.ts";
import { performCalls, type RoundResult } from "../tools/calls.ts";
import type { Handoff, Tool } from "../tools/tool.ts";
import {
  type ClientTools,
  endedWith,
  offeredTools,
  type SplitCalls,
  splitCalls,
  tellCalls,
} from "./client-tools.ts";
import { messageTokens } from "./history.ts";
import { createLiveText } from "./live-text.ts";
import { type Checked, checkOutput } from "./output-schema.ts";
import { splitData } from "./parameters.ts";
import type { Frame } from "./template.ts";

/** One answer to get from a model. */
export interface ModelCall {
  /**
   * Number of the answer within its run, 1-based: steps are `model:n`, `model:n.turn` after a round of
   * tools, and `repair:n.m`.
   */
  readonly round: number;
  readonly request: LlmRequest;
  /** Whether viewers see the text. */
  readonly show: boolean;
  readonly frame: Frame;
  /** Enforced: the text is JSON that fits, and is shown only then. */
  readonly schema: Readonly<Record<string, unknown>> | null;
  /** What no schema can say of the value: a sentence for the model when it is wrong. */
  check?(value: unknown): { readonly reason: string; readonly pointer: string } | null;
  /** Calls that may try to put an answer right that does not fit. Default `limits.repairs`. */
  readonly repairs?: number;
  readonly hidesData: boolean;
  /**
   * What the model may call. Together with a schema, the rounds ask for no form (many providers let a
   * model write JSON or call tools, not choose): what it says at last is checked, and the repair asks for it.
   */
  readonly tools?: readonly Tool[];
  /** What the caller performs itself: a call of it ends the answer. */
  readonly client?: ClientTools;
  /** What the answer rests on before any tool is called: `[1]` is the first of them. */
  readonly sources?: readonly Source[];
  /** Text to put after the model's, e.g. a question for what is missing. */
  suffix?(text: string, data: Readonly<Record<string, unknown>> | null): string;
}

/** What came of it. */
export interface ModelAnswer {
  readonly text: string;
  readonly data: Readonly<Record<string, unknown>> | null;
  readonly usage: Usage;
  readonly finishReason: FinishReason;
  readonly stopSequence?: string;
  /** Set when the request left the model to the operator's default or to a chain. */
  readonly model?: string;
  readonly output?: unknown;
  /** What results of tools that were used rest on. */
  readonly toolSources?: readonly Source[];
  /** Set when the model handed the turn over: `text` is what it said before. */
  readonly handoff?: Handoff;
  /** Calls of the caller's tools, which ended it; and those of own ones beside them, not performed. */
  readonly toolCalls?: readonly ToolCall[];
  readonly unperformedCalls?: readonly ToolCall[];
  /** The rounds of own tools before them. */
  readonly ownRounds?: readonly PromptMessage[];
}

/** Stored result of a model step. `text` is for viewers, `hidden` is not. */
interface Stored {
  readonly text?: string;
  readonly hidden?: string;
  readonly usage: Usage;
  readonly finish: FinishReason;
  /** The stop sequence that ended it. */
  readonly stop?: string;
  /** The model that answered, when the request did not name one alone. */
  readonly model?: string;
  readonly data?: Readonly<Record<string, unknown>>;
  /** Tools that the model calls before it goes on. */
  readonly calls?: readonly ToolCall[];
  /** Those of them that guardrails block, by id, and what the model is told of it. */
  readonly blockedCalls?: Readonly<Record<string, string>>;
  readonly fault?: { readonly reason: string; readonly pointer: string };
}

/** An answer that does not fit: why, after all repairs, and what it has cost. */
export interface Misfit {
  readonly fault: RuntimeError;
  readonly usage: Usage;
}

/**
 * Calls the model; again with the results of the tools it calls, at most `limits.toolRounds` times; and
 * again when its answer does not fit the schema, at most `repairs` times.
 * @throws OUTPUT_INVALID naming the path after the repairs; what the model's provider threw.
 */
export async function callModel(
  context: RunContext<Ports>,
  call: ModelCall,
  meter: Meter,
): Promise<ModelAnswer> {
  const answer = await tryModel(context, call, meter);
  if ("fault" in answer) throw answer.fault;
  return answer;
}

/** As `callModel`, for who can go on without an answer that fits. @throws what the provider threw. */
export async function tryModel(
  context: RunContext<Ports>,
  call: ModelCall,
  meter: Meter,
): Promise<ModelAnswer | Misfit> {
  const options = {
    repeat: "safe",
    timeoutMs: limits.modelCallMs,
    // A provider's adapter has tried again itself until its first word; here only cut streams are left.
    retry: { times: limits.modelRetries, minMs: 500, maxMs: 10_000 },
  } as const;
  const one = (key: string, request: LlmRequest, of: ModelCall = call): Promise<Stored> =>
    meter.budgets
      .pay(key, request, (paid) =>
        context.step(
          key,
          (attempt) => perform(context, of, paid, { attempt, meter, key }),
          options,
        ),
      )
      .then((stored) => {
        meter.settle(key, stored.usage);
        return guardOf(context)?.answered(key, stored) ?? stored;
      });
  const rounds = await callRounds(context, call, one);
  let { stored, usage } = rounds;
  const { turn, data, text: shown, sources, handoff, ended } = rounds;
  const { repairs = limits.repairs } = call;
  for (let repair = 1; stored.fault !== undefined && repair <= repairs; repair += 1) {
    const request = repairRequest(turn.request, stored.hidden ?? "", stored.fault.reason);
    stored = await one(`repair:${call.round}.${repair}`, withForm(request, call));
    usage = addUsage(usage, stored.usage);
  }
  if (stored.fault !== undefined) return { usage, fault: faultOf(stored.fault, repairs) };
  const text = call.schema === null ? shown : textOf(stored);
  const answer: ModelAnswer = {
    text,
    data: data ?? null,
    usage,
    finishReason: finishOf(stored, ended),
    ...(stored.stop !== undefined && { stopSequence: stored.stop }),
    ...(stored.model === undefined ? {} : { model: stored.model }),
    ...(sources.length > 0 && { toolSources: sources }),
    ...(handoff && { handoff }),
    ...(ended && endedWith(ended, turn.request.messages.slice(call.request.messages.length))),
  };
  if (call.schema === null || handoff !== undefined || ended !== undefined) return answer;
  const checked = checkOutput(call.schema, text);
  return checked.ok ? { ...answer, output: checked.value } : answer;
}

/** Nobody else is to make the calls of a model that goes on calling its own tools. */
function finishOf({ calls, finish }: Stored, ended: SplitCalls | undefined): FinishReason {
  if (ended !== undefined) return "tool_calls";
  return calls === undefined && finish !== "tool_calls" ? finish : "stop";
}

function faultOf({ pointer, reason }: NonNullable<Stored["fault"]>, repairs: number): RuntimeError {
  const after = `also after ${repairs} ${repairs === 1 ? "repair" : "repairs"}`;
  const text = `The model's answer does not fit output_schema, ${after}. ${reason}`;
  return new RuntimeError("OUTPUT_INVALID", text, { pointer });
}

/** What the rounds of an answer have come to. */
interface Rounds extends Pick<RoundResult, "sources" | "handoff"> {
  /** The last call, with all that was said before it. */
  readonly turn: ModelCall;
  readonly stored: Stored;
  readonly usage: Usage;
  readonly data: Readonly<Record<string, unknown>> | undefined;
  /** All that was said, over the rounds. */
  readonly text: string;
  /** The calls that ended them, some of which are the caller's. */
  readonly ended?: SplitCalls;
}

/** Calls the model until it calls no tool any more or one of the caller's, hands over, or has had its rounds. */
async function callRounds(
  context: RunContext<Ports>,
  call: ModelCall,
  one: (key: string, request: LlmRequest, of: ModelCall) => Promise<Stored>,
): Promise<Rounds> {
  const { show, tools = [] } = call;
  let turn = withTools(call);
  let stored = await one(`model:${call.round}`, turn.request, turn);
  let { usage, data } = stored;
  let text = textOf(stored);
  let sources: readonly Source[] = [];
  let charsMax = roomFor(context, call.request.model);
  for (let number = 1; stored.calls !== undefined && number <= limits.toolRounds; number += 1) {
    const name = `${call.round}.${number}`;
    const { blockedCalls = {} } = stored;
    const performed = stored.calls.filter(({ id }) => blockedCalls[id] === undefined);
    const split = splitCalls(performed, call.client, rootRunOf(context.id));
    if (split.client.length > 0) {
      tellCalls(context, split, { name, show });
      return { turn, stored, usage, data, text, sources, ended: split };
    }
    const known = [...(call.sources ?? []), ...sources];
    const place = { name, show, charsMax, sources: known, blockedCalls };
    const done = await performCalls(context, tools, stored.calls, place);
    charsMax = done.messages.reduce(
      (left, { content }) => Math.max(0, left - content.length),
      charsMax,
    );
    sources = [...sources, ...done.sources];
    usage = addUsage(usage, done.usage);
    if (show) tellSources(context, name, done.sources);
    const { handoff } = done;
    if (handoff !== undefined) return { turn, stored, usage, data, text, sources, handoff };
    turn = turnAfter(turn, stored, done.messages, { call, hasText: text !== "" });
    if (number === limits.toolRounds) turn = withoutTools(turn, call);
    stored = await one(`model:${name}`, turn.request, turn);
    usage = addUsage(usage, stored.usage);
    data = stored.data ?? data;
    text += textOf(stored);
  }
  return { turn, stored, usage, data, text, sources };
}

const textOf = ({ text, hidden }: Stored): string => text ?? hidden ?? "";

/** Before the first word that rests on them. */
function tellSources(context: RunContext<Ports>, name: string, sources: readonly Source[]): void {
  if (sources.length === 0) return;
  const event: ChatEvent = { type: "sources", sources };
  context.emit(`sources:${name}`, event);
}

/** Characters that results of tools may take of a model's window, at the usual four a token. */
function roomFor(context: RunContext<Ports>, model: string): number {
  return Math.floor(context.ports.llm.windowOf(model) * limits.toolResultsShare * 4);
}

function withTools(call: ModelCall): ModelCall {
  const { request, tools = [], client } = call;
  if (tools.length === 0 && client === undefined) return call;
  const { responseFormat, ...free } = request;
  const asked = call.schema === null ? request : free;
  const offered = offeredTools(
    tools.map(({ spec }) => spec),
    client,
  );
  return { ...call, request: { ...asked, ...offered } };
}

/** The last call of an answer that has had its rounds. */
function withoutTools(turn: ModelCall, call: ModelCall): ModelCall {
  return { ...turn, request: withForm(turn.request, call) };
}

/** In the form that the answer must have; what the tools are is still said, as they stand in the messages. */
function withForm(request: LlmRequest, { request: { responseFormat } }: ModelCall): LlmRequest {
  const { tools = [] } = request;
  return {
    ...request,
    ...(tools.length > 0 && { toolChoice: "none" as const }),
    ...(responseFormat && { responseFormat }),
  };
}

/** The call after a round of tools: it goes on where the text stands. */
function turnAfter(
  turn: ModelCall,
  stored: Stored,
  answers: readonly PromptMessage[],
  { call, hasText }: { readonly call: ModelCall; readonly hasText: boolean },
): ModelCall {
  const content = call.schema === null ? textOf(stored).slice(turn.frame.before.length) : "";
  const asked: PromptMessage = { role: "assistant", content, toolCalls: stored.calls ?? [] };
  return {
    ...turn,
    request: { ...turn.request, messages: [...turn.request.messages, asked, ...answers] },
    frame: { before: hasText ? "\n\n" : call.frame.before, after: call.frame.after },
  };
}

async function perform(
  context: RunContext<Ports>,
  call: ModelCall,
  request: LlmRequest,
  step: { readonly attempt: Attempt; readonly meter: Meter; readonly key: string },
): Promise<Stored> {
  const { attempt, meter, key } = step;
  const isLive = call.show && request.stream;
  const live = createLiveText((text) => attempt.write(text), call);
  const isPushed = isLive && call.schema === null;
  meter.reserve(
    key,
    request.messages.reduce((sum, message) => sum + messageTokens(message), 0),
    attempt.number,
    request.model,
  );
  let hasText = false;
  const answered = context.ports.llm.complete(request, {
    caller: callerOf(context, meter.budgets.attempts(key)),
    signal: attempt.signal,
    onEvent(event) {
      if (event.type !== "text") return;
      hasText = true;
      meter.wrote(key, event.text);
      if (isPushed) live.push(event.text);
    },
  });
  const result = await answered.catch((error: unknown) => {
    // Refused before its first word: a provider takes nothing for that. A cut call stays reserved.
    if (!hasText && !attempt.signal.aborted) meter.release(key);
    throw error;
  });
  const usage = spentOn(context.ports.prices, request.model, result.usage, result);
  const stored = toStored(call, request, { ...result, usage });
  if (isLive && stored.text !== undefined) live.end(stored.text);
  return stored;
}

function toStored(call: ModelCall, request: LlmRequest, result: LlmResult): Stored {
  const isOffered = call.tools !== undefined || call.client !== undefined;
  const calls = isOffered ? result.toolCalls : [];
  const base = {
    usage: result.usage,
    finish: result.finishReason,
    ...(result.stopSequence !== undefined && { stop: result.stopSequence }),
    ...(isOneModel(call.request.model) ? {} : { model: result.model }),
  };
  if (call.schema !== null) {
    if (calls.length > 0 && request.toolChoice !== "none") return { ...base, hidden: "", calls };
    const checked = checkedBy(call, checkOutput(call.schema, result.text));
    if (checked.ok) return { ...base, ...shownAs(call, JSON.stringify(checked.value)) };
    const { reason, pointer } = checked;
    return { ...base, hidden: result.text, fault: { reason, pointer } };
  }
  const { shown, data } = call.hidesData
    ? splitData(result.text)
    : { shown: result.text, data: null };
  const collected = data === null ? {} : { data };
  if (calls.length > 0) {
    const begun = shown === "" ? "" : call.frame.before + shown;
    return { ...base, ...shownAs(call, begun), ...collected, calls };
  }
  const suffix = call.suffix?.(shown, data) ?? "";
  const body = suffix === "" ? shown : shown === "" ? suffix : `${shown}\n\n${suffix}`;
  const text = call.frame.before + body + call.frame.after;
  const { usage, finish, ...model } = base;
  return { usage, finish, ...model, ...shownAs(call, text), ...collected };
}

function checkedBy(call: ModelCall, checked: Checked): Checked {
  const wrong = checked.ok ? (call.check?.(checked.value) ?? null) : null;
  return wrong === null ? checked : { ok: false, ...wrong };
}

function shownAs(call: ModelCall, text: string): { text: string } | { hidden: string } {
  return call.show ? { text } : { hidden: text };
}

function repairRequest(request: LlmRequest, answer: string, reason: string): LlmRequest {
  return {
    ...request,
    messages: [
      ...request.messages,
      { role: "assistant", content: answer.slice(0, limits.outputBytes) },
      {
        role: "user",
        content: `That answer does not fit the required JSON schema. ${reason} Send the corrected JSON only.`,
      },
    ],
  };
}
