// One agent answers: the supervisor itself or one of its sub-agents. Retrieves when it has a
// collection, builds the prompt within the model's window, calls the model, and gathers what a
// reply needs. Runs inside a run; everything it does outside is a step.

import type { RunContext } from "../../runtime/actor.ts";
import { addressParts } from "../../runtime/address.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { CompiledAgent } from "../compiled.ts";
import type { Passage } from "../knowledge/search.ts";
import { limits } from "../limits.ts";
import { fitMemories, memoryBlock, memoryOf, recallFor } from "../memory/recall.ts";
import type { Grounding, LlmRequest, Ports, PromptMessage } from "../ports.ts";
import {
  builtinNotice,
  type ChatEvent,
  type CompletionMessage,
  type DataCollection,
} from "../records/conversation.ts";
import type { SubAgent } from "../records/sub-agent.ts";
import { type Meter, payerOf } from "../spend.ts";
import type { Answer, AnswerInput } from "../turn-input.ts";
import { answerTools, toolInstructions } from "./answer-tools.ts";
import { restingOn } from "./child.ts";
import { checkTakesImages, clientToolsOf } from "./client-tools.ts";
import { collectParameters } from "./collect-parameters.ts";
import { extractAnswer } from "./extract.ts";
import {
  type Asked,
  fitSent,
  loadAsked,
  loadHistory,
  messageTokens,
  type PictureRoom,
  tokensOf,
  withPictures,
} from "./history.ts";
import { callModel, type ModelAnswer, type ModelCall } from "./loop.ts";
import { loadSchemas } from "./output-schema.ts";
import { collect, collectInstruction, parametersOf, questionFor } from "./parameters.ts";
import { smallTalkOf } from "./phrases.ts";
import { answerLanguage, systemPrompt } from "./prompt.ts";
import { type AnswerFormat, formatOf, formWithTools, samplingOf } from "./request.ts";
import { emitSources, retrieve, toSource } from "./sources.ts";
import { frameOf } from "./template.ts";
import type { Work } from "./work.ts";

const noFrame = { before: "", after: "" };

/** What an answer needs beside its input. */
export interface AnswerOptions {
  readonly compiled: CompiledAgent;
  /** What is asked, when it is loaded already. */
  readonly asked?: Asked;
  /** Number of the answer within its run, 1-based. */
  readonly round: number;
  readonly meter: Meter;
}

/**
 * Answers with one agent.
 * @throws NOT_FOUND (pinned sub-agent or collection gone), OUTPUT_INVALID, what the provider threw.
 */
export async function answer(
  context: RunContext<Ports>,
  input: AnswerInput,
  options: AnswerOptions,
): Promise<Answer> {
  const work = await gather(context, input, options);
  checkTakesImages(work);
  const sources = work.passages.map(toSource);
  const nothingRelevant = work.usesCollection && sources.length === 0;
  const { memories, degraded } = work;
  const ground = { sources, nothingRelevant, ...(degraded && { degraded }) };
  if (input.show) emitSources(context, options.round, ground);
  if (memories.length > 0 && input.show) {
    emit(context, `memories:${options.round}`, { type: "memories", memories });
  }
  if (work.isBuiltin && input.show && options.round === 1) {
    emit(context, "notice", { type: "notice", text: builtinNotice });
  }
  const { asked, seesImages } = work;
  const sent = asked.images?.length ?? 0;
  const unseen = seesImages ? Math.max(0, sent - limits.pictures) : sent;
  const written = await write(work, options);
  const { toolSources = [] } = written;
  return {
    text: written.text,
    ...ground,
    ...(toolSources.length > 0 && restingOn([ground, { sources: toolSources }])),
    ...(work.memory === null ? {} : { memories }),
    ...(unseen > 0 && { unseenPictures: unseen }),
    usage: written.usage,
    model: written.model ?? work.model,
    builtin: work.isBuiltin,
    finishReason: written.finishReason,
    ...(written.stopSequence !== undefined && { stopSequence: written.stopSequence }),
    data: written.collection,
    ...(written.output === undefined ? {} : { output: written.output }),
    ...(written.handoff && { handoff: written.handoff }),
    ...(written.toolCalls && { toolCalls: written.toolCalls }),
    ...(written.unperformedCalls && { unperformedCalls: written.unperformedCalls }),
    ...(written.ownRounds && { ownRounds: written.ownRounds }),
  };
}

async function gather(
  context: RunContext<Ports>,
  input: AnswerInput,
  options: AnswerOptions,
): Promise<Work> {
  const { compiled, round } = options;
  const { agent } = compiled;
  const subAgent =
    input.subAgent === null ? null : (compiled.subAgents.get(input.subAgent) ?? null);
  if (input.subAgent !== null && subAgent === null) {
    throw new RuntimeError(
      "NOT_FOUND",
      `Sub-agent ${input.subAgent} is not part of ${input.agent}.`,
    );
  }
  const asked = options.asked ?? (await loadAsked(context, input));
  const question = input.text ?? asked.text;
  const model = subAgent?.model_name ?? agent.model_name ?? "";
  const isBuiltin = context.ports.llm.isBuiltin(model);
  // A greeting is answered, not looked up.
  const isTalk = subAgent === null && smallTalkOf(question) !== undefined;
  const collections = isTalk ? [] : collectionsOf(compiled, subAgent);
  const { previous } = asked;
  const memory = memoryOf(context.tenant, agent, input.user);
  const [retrieved, recalled] = await Promise.all([
    retrieve(context, { collections, question, previous, round, payer: payerOf(input) }),
    memory === null ? [] : recallFor(context, memory, { question, previous, round }),
  ]);
  const work: Work = {
    context,
    input,
    compiled,
    subAgent,
    asked,
    question,
    model,
    isBuiltin,
    seesImages: !isBuiltin && context.ports.llm.takesImages(model),
    ...retrieved,
    usesCollection: collections.length > 0,
    memory,
    memories: fitMemories(recalled, context.ports.llm.windowOf(model)),
  };
  return work.isBuiltin ? withoutUseless(work) : work;
}

/** The built-in answerer quotes: passages without a sentence that it would quote are no sources. */
function withoutUseless(work: Work): Work {
  if (!work.usesCollection || work.passages.length === 0) return work;
  const { kind } = extractAnswer(groundingOf(work));
  return kind === "nothing" ? { ...work, passages: [] } : work;
}

function collectionsOf({ agent }: CompiledAgent, subAgent: SubAgent | null): readonly string[] {
  if (subAgent === null) return agent.requires_collection ? (agent.collection_ids ?? []) : [];
  if (!subAgent.use_rag) return [];
  return subAgent.collection_key === null
    ? (agent.collection_ids ?? [])
    : [subAgent.collection_key];
}

async function write(
  work: Work,
  options: AnswerOptions,
): Promise<ModelAnswer & { readonly collection: DataCollection | null }> {
  const { input, compiled, subAgent, isBuiltin } = work;
  const { round, meter } = options;
  const { agent } = compiled;
  const { tools, skills } = await answerTools(work, options);
  const client = clientToolsOf(work, tools);
  const hasTools = tools.length > 0 || client !== undefined;
  const asked = formatOf(subAgent, agent, work.asked.sent);
  const format = hasTools ? formWithTools(asked) : asked;
  const parameters = format.schema === null ? parametersOf(agent.required_parameters) : [];
  if (format.schema !== null || parameters.length > 0) await loadSchemas();
  const before = input.collected ?? {};
  const gatherData = (data: Readonly<Record<string, unknown>> | null): DataCollection => {
    // A model that reported is believed; patterns only guess where none did.
    const schema = agent.required_parameters ?? {};
    const heard = data ?? collectParameters(schema, [work.question]).collected;
    return collect(parameters, before, heard);
  };
  const template = agent.response_template ?? "";
  const frame =
    template === "" || !input.show || format.schema !== null
      ? null
      : frameOf(template, {
          agent_name: agent.name,
          action_name: subAgent?.name ?? agent.name,
          language: answerLanguage(agent, subAgent),
        });
  const follow = round > 1 && input.show ? "\n\n" : "";
  const call: ModelCall = {
    round,
    request: await requestFor(work, {
      format,
      toolInstructions: toolInstructions({ tools, skills }, client !== undefined),
      collects: parameters.length > 0 && !isBuiltin,
    }),
    show: input.show,
    frame: { before: follow + (frame ?? noFrame).before, after: (frame ?? noFrame).after },
    schema: format.schema,
    hidesData: parameters.length > 0 && !isBuiltin,
    ...(tools.length > 0 && { tools, sources: work.passages.map(toSource) }),
    ...(client && { client }),
    // A model asks by itself, as it was told to; the built-in answerer cannot.
    ...(parameters.length > 0 && isBuiltin
      ? { suffix: (_text, data) => questionFor(parameters, gatherData(data).missing) }
      : {}),
  };
  const written = await callModel(work.context, call, meter);
  const collection = parameters.length > 0 ? gatherData(written.data) : null;
  return { collection, ...written };
}

async function requestFor(
  work: Work,
  wanted: {
    readonly format: AnswerFormat;
    /** What the prompt says of tools and skills. */
    readonly toolInstructions: readonly string[];
    /** Whether the model is to report what it collected. */
    readonly collects: boolean;
  },
): Promise<LlmRequest> {
  const { format, toolInstructions: ofTools, collects } = wanted;
  const { compiled, subAgent, input, model, isBuiltin } = work;
  const { agent } = compiled;
  const sampling = samplingOf(agent, subAgent, work.asked.sent);
  const windowTokens = work.context.ports.llm.windowOf(model);
  const passages = fitPassages(work.passages, windowTokens * limits.passagesShare);
  const system = systemPrompt({
    agent,
    subAgent,
    systemMessage: input.systemMessage,
    passages,
    usesCollection: work.usesCollection,
    isDegraded: work.degraded !== undefined,
    memories: memoryBlock(work.memories),
    instructions: [
      ...(input.instruction === undefined ? [] : [input.instruction]),
      ...(format.instruction === "" ? [] : [format.instruction]),
      ...ofTools,
      ...(collects
        ? [collectInstruction(parametersOf(agent.required_parameters), input.collected ?? {})]
        : []),
    ].filter((part) => part !== ""),
  });
  const reserve = sampling.maxTokens ?? Math.min(limits.answerTokens, windowTokens / 4);
  const messages = await conversation(work, system, windowTokens - reserve);
  return {
    model,
    messages,
    ...sampling,
    ...(format.responseFormat === undefined ? {} : { responseFormat: format.responseFormat }),
    stream: input.stream && input.show,
    ...(isBuiltin ? { grounding: groundingOf(work) } : {}),
  };
}

/** The system prompt, then as much history as fits, then what is asked. */
async function conversation(
  work: Work,
  system: string,
  budget: number,
): Promise<readonly PromptMessage[]> {
  const { input, asked } = work;
  const extra = input.extra ?? [];
  const head: PromptMessage[] = system === "" ? [] : [{ role: "system", content: system }];
  const spent = [...head, ...extra].reduce((sum, message) => sum + messageTokens(message), 0);
  if (asked.sent !== undefined) {
    const tail = sentTail(work, asked.sent, budget - spent);
    const last = Math.max(
      0,
      tail.findLastIndex(({ role }) => role === "user"),
    );
    return [...sentHead(head, asked.sent), ...tail.slice(0, last), ...extra, ...tail.slice(last)];
  }
  const { images = [] } = asked;
  const room: PictureRoom = { sees: work.seesImages, left: limits.pictures };
  const { root: conversation } = addressParts(work.context.self);
  const told = { conversation, room, why: "of which there were too many" };
  const last = withPictures(work.question, images, told);
  const rest = { ...room, left: room.left - (last.images?.length ?? 0) };
  const left = budget - spent - messageTokens(last);
  const history = await loadHistory(work.context, input, left, rest);
  return [...head, ...history, ...extra, last];
}

function sentHead(
  head: readonly PromptMessage[],
  sent: CompletionMessage,
): readonly PromptMessage[] {
  const own = head.map((message) => message.content);
  const theirs = sent.messages
    .filter(({ role }) => role === "system")
    .map(({ content }) => content);
  const content = [...own, ...theirs].join("\n");
  return content === "" ? [] : [{ role: "system", content }];
}

function sentTail(work: Work, sent: CompletionMessage, budget: number): readonly PromptMessage[] {
  const turns = sent.messages.filter(({ role }) => role !== "system");
  const { text } = work.input;
  if (text === undefined) return fitSent(turns, budget);
  // A part of a compound message stands in for the message it is a part of; calls that the whole answer
  // made, with their results, are not the part's.
  const last = turns.findLastIndex(({ role }) => role === "user");
  const asked = turns[last];
  const part: PromptMessage[] = asked?.role === "user" ? [{ ...asked, content: text }] : [];
  return fitSent([...turns.slice(0, Math.max(0, last)), ...part], budget);
}

function fitPassages(passages: readonly Passage[], budget: number): readonly Passage[] {
  let left = budget;
  return passages.filter((passage) => {
    left -= tokensOf(passage.text);
    return left >= 0;
  });
}

function groundingOf(work: Work): Grounding {
  const { compiled, subAgent } = work;
  const { agent } = compiled;
  const texts =
    subAgent === null
      ? [agent.context_prompt, agent.description]
      : [subAgent.action?.goal?.instruction ?? subAgent.description, agent.context_prompt];
  const offers = [...compiled.subAgents.values()]
    .filter((one) => one.is_active)
    .map((one) => one.description ?? one.trigger?.description ?? one.name);
  return {
    question: work.question,
    passages: work.passages,
    usesCollection: work.usesCollection,
    texts: [...work.memories.map(({ text }) => text), ...texts].filter(
      (text): text is string => typeof text === "string" && text !== "",
    ),
    examples: agent.examples ?? [],
    offers,
    agentName: subAgent?.name ?? agent.name,
  };
}

function emit(context: RunContext<Ports>, key: string, event: ChatEvent): void {
  context.emit(key, event);
}
