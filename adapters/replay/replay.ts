// Replays of runs that answer messages: as they were, and with something swapped. A swapped replay
// asks a model only where its prompt has changed, reads only what is safe to read, and repeats no
// effect: what it would have to do is said and its branch stops there.

import { loadSchemas } from "../../actors/answer/output-schema.ts";
import { catalog } from "../../actors/catalog.ts";
import { loadExpressions } from "../../actors/expression.ts";
import { loadLinearPatterns } from "../../actors/linear-pattern.ts";
import { isBudgetStep } from "../../actors/money/wait-key.ts";
import type { LlmRequest, Ports } from "../../actors/ports.ts";
import { versionId } from "../../actors/records/agent-version.ts";
import type { ChatReply } from "../../actors/records/conversation.ts";
import { replyOf } from "../../actors/reply.ts";
import { PIN_PREFIX, type TargetPin } from "../../actors/targets.ts";
import type { TurnInput, TurnResult } from "../../actors/turn-input.ts";
import type { Definition } from "../../runtime/actor.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { RunRecord } from "../../runtime/testkit/recording.ts";
import { type Replay, replayRun } from "../../runtime/testkit/replay.ts";
import type { Answer, Answerer, AskedStep } from "../../runtime/testkit/replay-step.ts";
import { type ModelFacts, nameOf, type PortCall, type WatchedPorts, watchPorts } from "./ports.ts";
import { modelsOf, type StandIn, type Swap, swapRecord } from "./swap.ts";

/** The model that is always there. */
const BUILTIN = "builtin";
/** Steps that read and may be performed again; all others with an effect are never. */
const readingPorts = ["llm", "retriever", "embedder", "embedders", "compute"];

/** A replay, with what each of its steps asked the outside. */
export interface Watched {
  readonly replay: Replay;
  readonly calls: ReadonlyMap<string, PortCall>;
}

/** A replay as it was, and one with something swapped. */
export interface SwappedReplay {
  readonly base: Watched;
  readonly swapped: Watched;
}

/** How a swapped replay reaches the outside. */
export interface Outside {
  readonly ports: Ports;
  /** Nothing is called: what would be is said. */
  readonly isDry: boolean;
}

/** Runs a run again as it was. @throws NOT_FOUND when the messages it read are gone. */
export async function replayRecord(record: RunRecord): Promise<Watched> {
  checkMessages(record);
  await loadCode();
  return await watch(record, factsOf(record, null), catalog);
}

/** Runs a run again with something swapped, to be compared with `base`. */
export async function replayWith(
  record: RunRecord,
  swap: Swap,
  outside: Outside,
  definitions: readonly Definition[] = catalog,
): Promise<SwappedReplay> {
  checkMessages(record);
  const { record: other, input, pins } = swapRecord(record, swap);
  await loadCode();
  const facts = factsOf(record, { real: outside.ports, swap });
  const real = builtinAsRecorded(outside.ports, facts);
  const base = await watch(record, facts, definitions);
  const watched = watchPorts(facts, real);
  const calls = new Map<string, PortCall>();
  const answer = swappedAnswers(watched, {
    ...{ calls, pins, before: base.calls, isDry: outside.isDry },
    refuses: (request) => refusal(request, facts, outside.ports),
  });
  const replay = await replayRun({
    ...{ record: other, input, definitions, ports: watched.ports, answer },
    compares: false,
  });
  return { base, swapped: { replay, calls } };
}

/** A replay by the record alone that looks at what steps would ask. */
async function watch(
  record: RunRecord,
  facts: ModelFacts,
  definitions: readonly Definition[],
): Promise<Watched> {
  const watched = watchPorts(facts, null);
  const calls = new Map<string, PortCall>();
  const recorded = record.run.reply as ChatReply | null;
  const isChat = recorded !== null && typeof recorded.response === "string";
  const replay = await replayRun({
    ...{ record, definitions, ports: watched.ports, compares: true, isOptional: isBudgetStep },
    ...(isChat ? { reply: (result) => replyAgain(result as TurnResult, recorded) } : {}),
    answer: async (step) => {
      if (step.stored === undefined) return { type: "missing" };
      if (isReading(step)) {
        const call = await watched.look(step).catch(() => null);
        if (call !== null) calls.set(nameOf(step), call);
      }
      return { type: "stored" };
    },
  });
  return { replay, calls };
}

/** The reply for a result, with what only the conversation knew taken from the recorded one. */
function replyAgain(result: TurnResult, recorded: ChatReply): ChatReply {
  const { agent_key, conversation_key, message_id, run_id, charge } = recorded;
  return replyOf(result, { agent_key, conversation_key, message_id, run_id, charge });
}

/** A pin on a version that stands in for another one. */
interface SwappedPin extends TargetPin, StandIn {}

interface SwappedParts {
  readonly calls: Map<string, PortCall>;
  readonly before: ReadonlyMap<string, PortCall>;
  readonly isDry: boolean;
  readonly pins: ReadonlyMap<string, StandIn>;
  /** Why a model cannot be asked, or null. */
  refuses(request: LlmRequest): string | null;
}

function swappedAnswers(watched: WatchedPorts, parts: SwappedParts): Answerer {
  return async (step) => {
    if (step.what === "step" && step.isLocal) return await performed(step.call());
    if (step.what === "now" && step.stored === undefined) return await performed(step.call());
    // Nobody waits for a nap on virtual time.
    if (step.what === "sleep") return { type: "called", result: null };
    const pinned = pinnedAnew(step, parts.pins);
    if (pinned !== null) return { type: "called", result: pinned };
    if (!isReading(step)) return effect(step);
    const call = await watched.look(step).catch((error: unknown) => {
      // It reads rows that the record does not hold, and gave what is stored.
      if (step.stored !== undefined && !step.isChanged) return null;
      throw error;
    });
    const isKnown = step.stored !== undefined && !step.isChanged;
    // It asks nobody: what it makes of another input is made of the record.
    if (call === null && !isKnown) return await performed(step.call());
    if (call === null || !readingPorts.includes(call.port)) return effect(step);
    parts.calls.set(nameOf(step), call);
    const before = parts.before.get(nameOf(step));
    const isSame = before !== undefined && JSON.stringify(before) === JSON.stringify(call);
    if (isSame && step.stored !== undefined) return { type: "stored" };
    const refused = call.port === "llm" ? parts.refuses(call.request as LlmRequest) : null;
    if (refused !== null) return { type: "would", what: `${described(call)}: ${refused}` };
    if (parts.isDry) return { type: "would", what: described(call) };
    return await performed(watched.perform(step));
  };
}

/** The version that stands in for the one that the run was pinned to, if one does. */
function pinnedAnew({ key, stored }: AskedStep, pins: SwappedParts["pins"]): SwappedPin | null {
  if (!key.startsWith(PIN_PREFIX) || stored?.type !== "step") return null;
  const pin = stored.result as TargetPin;
  const other = pins.get(versionId(pin.target, pin.version));
  return other === undefined ? null : { ...pin, ...other };
}

/** What is not only read gives what is stored and is never done again. */
function effect(step: AskedStep): Answer {
  if (step.stored !== undefined && !step.isChanged) return { type: "stored" };
  const verbs = { send: "send", ask: "ask", decision: "wait for a decision on" } as const;
  const verb = step.what in verbs ? verbs[step.what as keyof typeof verbs] : "call";
  const why = step.stored === undefined ? "" : " with another input";
  return { type: "would", what: `${verb} ${step.key}${why}` };
}

async function performed(result: Promise<unknown>): Promise<Answer> {
  try {
    return { type: "called", result: await result };
  } catch (error) {
    return { type: "failed", error };
  }
}

const isReading = (step: AskedStep): boolean =>
  step.what === "step" && step.repeat === "safe" && !step.isLocal;

/** A call in words. */
export function described({ port, method, request }: PortCall): string {
  const of = (request ?? {}) as { readonly model?: unknown; readonly collection?: unknown };
  if (port === "llm") return `call ${of.model === "" ? "the default model" : String(of.model)}`;
  if (port === "retriever") return `search ${String(of.collection)}`;
  return `call ${port}.${method}`;
}

/** A model nobody serves here would be answered by the built-in answerer: that is no answer. */
function refusal({ model }: LlmRequest, facts: ModelFacts, real: Ports): string | null {
  if (facts.isBuiltin(model) || !real.llm.isBuiltin(model)) return null;
  return "no provider is configured here";
}

/** What is known of models: of those the record names, what was so then. */
function factsOf(
  record: RunRecord,
  now: { readonly real: Ports; readonly swap: Swap } | null,
): ModelFacts {
  const named = modelsOf(record);
  const were = wereBuiltin(record);
  const llm = now?.real.llm;
  return {
    isBuiltin: (model) => {
      if (model === BUILTIN) return true;
      if (named.has(model) || now === null) return were;
      // A model that was asked for by name is not stood in for.
      return were && model !== now.swap.model && llm?.isBuiltin(model) === true;
    },
    windowOf: (model) => llm?.windowOf(model) ?? WINDOW_TOKENS,
    // Who could see no pictures then sees none again.
    takesImages: (model) => llm?.takesImages(model) ?? !wereUnseen(record),
  };
}

const WINDOW_TOKENS = 128_000;

/** The real ports, with a model that the built-in answerer stood in for answered by it again. */
function builtinAsRecorded(real: Ports, facts: ModelFacts): Ports {
  const { llm } = real;
  return {
    ...real,
    llm: {
      complete: (request, options) =>
        llm.complete(
          facts.isBuiltin(request.model) ? { ...request, model: BUILTIN } : request,
          options,
        ),
      windowOf: (model) => llm.windowOf(model),
      isBuiltin: facts.isBuiltin,
      takesImages: (model) => llm.takesImages(model),
    },
  };
}

/** Whether the server had no provider when the run was recorded, as far as the record shows. */
function wereBuiltin({ run, log }: RunRecord): boolean {
  const reply = run.reply as Partial<ChatReply> | null;
  if (typeof reply?.builtin === "boolean" && reply.model !== BUILTIN) return reply.builtin;
  return log.some(
    (entry) =>
      entry.type === "event" && (entry.event as { readonly type?: unknown }).type === "notice",
  );
}

function wereUnseen({ run }: RunRecord): boolean {
  const reply = run.reply as Partial<ChatReply> | null;
  return (reply?.unseen_pictures ?? 0) > 0;
}

function checkMessages({ run, records }: RunRecord): void {
  if (records.length > 0) return;
  const { owner } = run.input as TurnInput;
  const why =
    owner === "completion"
      ? "the messages of a completion without a conversation are not kept"
      : "its conversation was deleted";
  throw new RuntimeError("NOT_FOUND", `The run ${run.id} cannot be replayed: ${why}.`);
}

/** What a run may load when it is first needed: a replay has no time of its own for that. */
async function loadCode(): Promise<void> {
  await Promise.all([loadExpressions(), loadSchemas(), loadLinearPatterns()]);
  await Promise.all([
    import("../../actors/flow/graph-turn.ts"),
    import("../../actors/flow/compile.ts"),
    import("../../actors/flow/flow-run.ts"),
    import("../../actors/team/team.ts"),
    import("../../actors/tools/offer.ts"),
  ]);
}
