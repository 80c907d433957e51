// Making the router of one version of an agent. The indexes are built in slices and the classifier is
// trained in the compute pool where that takes more than a moment, so that a new version never
// holds up the turns of others; who waits is the first turn that needs it. What comes out depends
// on the records alone: a version has the same router on every worker, built here or aside.

import { createHash } from "node:crypto";
import type { Agent } from "../records/agent.ts";
import type { SubAgent } from "../records/sub-agent.ts";
import { classifierOf, trainingInputOf, trainingInputSteps } from "./classifier.ts";
import { type KeywordEntry, type KeywordIndex, keywordBuilder, keywordLimits } from "./keyword.ts";
import { partOf } from "./parts.ts";
import { type CompiledRouter, routeLimits } from "./router.ts";
import { type SemanticIndex, semanticBuilder } from "./semantic.ts";
import type { SmallTalk } from "./small-talk.ts";
import { type TrainingInput, trainWeights, type Weights } from "./training.ts";

/** Limits of building aside. */
export const compileLimits = {
  /** Texts that are trained on at once, on the calling thread: about a millisecond. */
  inlineTexts: 48,
  /** Milliseconds of work between two pauses. */
  sliceMs: 3,
  /** Trained weights kept by one thread, for versions that differ in other things than triggers. */
  weights: 64,
} as const;

/** Ways off the calling thread's hot path. */
export interface Aside {
  /** Trains on another thread. A failure is survived: then it is done here. */
  train(input: TrainingInput): Promise<Weights>;
  /** Lets the event loop have a turn. */
  pause(): Promise<void>;
}

/** Builds the router of an agent with its sub-agents at once; inactive ones are left out. */
export function compile(agent: Agent, subAgents: readonly SubAgent[]): CompiledRouter {
  const active = subAgents.filter((subAgent) => subAgent.is_active);
  const indexes = indexSteps(active);
  let step = indexes.next();
  while (step.done !== true) step = indexes.next();
  const input = trainingInputOf(active);
  return assembled(agent, active, step.value, input === undefined ? undefined : here(input));
}

/** The same without holding up the calling thread. Equal records give an equal router. */
export async function compileAside(
  agent: Agent,
  subAgents: readonly SubAgent[],
  aside: Aside,
): Promise<CompiledRouter> {
  const active = subAgents.filter((subAgent) => subAgent.is_active);
  const input = await inSlices(trainingInputSteps(active), aside);
  const training = input === undefined ? undefined : weightsOf(input, aside);
  const indexes = await inSlices(indexSteps(active), aside);
  return assembled(agent, active, indexes, await training);
}

/** What steps come to, with a turn of the event loop between slices of them. */
async function inSlices<Result>(
  steps: Generator<undefined, Result>,
  aside: Aside,
): Promise<Result> {
  let begun = performance.now();
  let step = steps.next();
  while (step.done !== true) {
    if (performance.now() - begun > compileLimits.sliceMs) {
      await aside.pause();
      begun = performance.now();
    }
    step = steps.next();
  }
  return step.value;
}

interface Built {
  readonly keywords: KeywordIndex;
  readonly semantic: SemanticIndex;
  readonly taught: ReadonlySet<SmallTalk>;
}

/** A step is a text, or the keywords of a sub-agent. */
function* indexSteps(active: readonly SubAgent[]): Generator<undefined, Built> {
  const perOwner = Math.max(1, Math.floor(keywordLimits.keywords / Math.max(1, active.length)));
  const keywords = keywordBuilder();
  const semantic = semanticBuilder(active.length);
  const taught = new Set<SmallTalk>();
  for (const [owner, subAgent] of active.entries()) {
    const written = (subAgent.trigger?.keywords ?? []).slice(0, perOwner);
    keywords.add(written.map((keyword): KeywordEntry => ({ owner, keyword })));
    yield;
    const part = yield* partOf(subAgent);
    semantic.add(owner, part.semantic);
    for (const kind of part.taught) taught.add(kind);
    yield;
  }
  return { keywords: keywords.done(), semantic: semantic.done(), taught };
}

function assembled(
  agent: Agent,
  active: readonly SubAgent[],
  indexes: Built,
  weights: Weights | undefined,
): CompiledRouter {
  return {
    agentName: agent.name,
    active,
    ...indexes,
    ...(weights === undefined ? {} : { classifier: classifierOf(weights) }),
    fallback: active.find(({ sub_agent_key: key }) => key === agent.agent_config?.fallback),
    routesMax: agent.agent_config?.max_routes ?? routeLimits.routes,
  };
}

/** By the texts they were trained on; a promise while they are being trained. */
const trained = new Map<string, Weights | Promise<Weights>>();

function here(input: TrainingInput): Weights {
  const key = digestOf(input);
  const known = trained.get(key);
  if (known !== undefined && !(known instanceof Promise)) return known;
  const weights = trainWeights(input);
  remember(key, weights);
  return weights;
}

async function weightsOf(input: TrainingInput, aside: Aside): Promise<Weights> {
  if (input.texts.length <= compileLimits.inlineTexts) return here(input);
  const key = digestOf(input);
  const known = trained.get(key);
  if (known !== undefined) return known;
  // A full pool or one that is closing costs time here, never another decision.
  const coming = aside.train(input).catch(() => trainWeights(input));
  remember(key, coming);
  const weights = await coming;
  remember(key, weights);
  return weights;
}

function remember(key: string, weights: Weights | Promise<Weights>): void {
  trained.delete(key);
  trained.set(key, weights);
  const oldest = trained.size > compileLimits.weights ? trained.keys().next().value : undefined;
  if (oldest !== undefined) trained.delete(oldest);
}

/** One that nobody finds two inputs for: what one tenant writes must not train the router of another. */
function digestOf({ owners, texts }: TrainingInput): string {
  const hash = createHash("sha256").update(`${owners}`);
  for (const { owner, text } of texts) {
    hash.update(`\n${owner} ${text.length} `).update(text, "utf16le");
  }
  return hash.digest("base64");
}
