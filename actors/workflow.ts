// The interpreter of graphs: walks the nodes of a pinned graph inside a run. Answering nodes are
// child runs, branches of a parallel node walk at once on copies of the state and their writes are
// put together in the order of the edges, so that the outcome does not depend on who was faster.

import type { RunContext } from "../runtime/actor.ts";
import { RuntimeError } from "../runtime/errors.ts";
import { childAnswer, restingOn, showText } from "./answer/child.ts";
import type { Asked } from "./answer/history.ts";
import type { CompiledAgent } from "./compiled.ts";
import type { Graph, GraphEdge, GraphNode } from "./graph.ts";
import { reduceState, type State } from "./graph-state.ts";
import { limits } from "./limits.ts";
import type { Ports, Usage } from "./ports.ts";
import type { ChatEvent, RoutingInfo } from "./records/conversation.ts";
import type { Meter } from "./spend.ts";
import {
  type Answer,
  type AnswerInput,
  addUsage,
  noUsage,
  type TurnInput,
  type TurnResult,
} from "./turn-input.ts";

interface Walk {
  readonly context: RunContext<Ports>;
  readonly input: TurnInput;
  readonly compiled: CompiledAgent;
  readonly asked: Asked;
  readonly graph: Graph;
  readonly meter: Meter;
  /** Nodes entered so far by all branches, against `max_steps`. */
  steps: number;
  usage: Usage;
  readonly answers: { readonly node: GraphNode; readonly answer: Answer }[];
  readonly path: string[];
  routing: RoutingInfo | null;
}

/** One line of walking: the whole graph, or a branch of a parallel node. */
interface Line {
  readonly walk: Walk;
  /** Distinguishes the steps of branches; "" for the main line. */
  readonly prefix: string;
  state: State;
  readonly visits: Map<string, number>;
  /** What was written, in order, to be put together at the join. */
  readonly writes: { readonly field: string; readonly value: unknown }[];
  /** Key of the child run under way, to be cancelled when another branch fails. */
  child: string | null;
}

/**
 * Runs a graph for one chat turn.
 * @throws NO_EDGE naming the node, STEPS_EXHAUSTED after 50 nodes, what a node's child failed with.
 */
export async function runGraph(
  context: RunContext<Ports>,
  input: TurnInput,
  options: {
    readonly compiled: CompiledAgent;
    readonly asked: Asked;
    readonly meter: Meter;
    readonly graph: Graph;
  },
): Promise<TurnResult> {
  const { graph, asked } = options;
  const walk: Walk = {
    context,
    input,
    ...options,
    steps: 0,
    usage: noUsage,
    answers: [],
    path: [],
    routing: null,
  };
  const state = { ...graph.initial, message: asked.text, last: null };
  const line = lineOf(walk, "", state);
  await walkFrom(line, graph.entry, null);
  return finish(walk);
}

/** Walks from `start` until an end, or until `stop` (the join of this branch) is reached. */
async function walkFrom(line: Line, start: string, stop: string | null): Promise<void> {
  const { graph } = line.walk;
  for (let id = start; id !== stop; ) {
    const node = graph.nodes.get(id);
    if (node === undefined) throw new RuntimeError("NO_EDGE", `The graph has no node "${id}".`);
    count(line.walk);
    line.walk.path.push(id);
    if (node.type === "end") return;
    if (node.type === "parallel") {
      id = await fork(line, node);
      continue;
    }
    if (node.type === "sub_agent" || node.type === "supervisor") await answerNode(line, node);
    id = nextOf(line, node).to;
  }
}

function count(walk: Walk): void {
  walk.steps += 1;
  if (walk.steps <= limits.graphSteps) return;
  throw new RuntimeError(
    "STEPS_EXHAUSTED",
    `The graph entered more than ${limits.graphSteps} nodes (max_steps).`,
  );
}

function nextOf(line: Line, node: GraphNode): GraphEdge {
  const edge = (line.walk.graph.edges.get(node.id) ?? []).find(
    ({ when }) => when === null || when(line.state) === true,
  );
  if (edge !== undefined) return edge;
  throw new RuntimeError("NO_EDGE", `No edge of node "${node.id}" holds.`, { node: node.id });
}

async function answerNode(line: Line, node: GraphNode): Promise<void> {
  const { walk } = line;
  const visit = (line.visits.get(node.id) ?? 0) + 1;
  line.visits.set(node.id, visit);
  const key = `${line.prefix}${node.index}#${visit}`;
  const isShown = walk.graph.shown.has(node.id);
  if (isShown) announce(walk, node);
  emit(walk, `node:${key}:started`, { type: "node", node: node.id, state: "started" });
  const value = node.input?.(line.state);
  line.child = `node:${key}`;
  let answer: Answer;
  try {
    const wanted = inputOf(walk, node, value, isShown);
    answer = await childAnswer(walk.context, line.child, wanted, walk.meter);
  } catch (error) {
    emit(walk, `node:${key}:failed`, { type: "node", node: node.id, state: "failed" });
    throw error;
  } finally {
    line.child = null;
  }
  emit(walk, `node:${key}:completed`, { type: "node", node: node.id, state: "completed" });
  walk.usage = addUsage(walk.usage, answer.usage);
  walk.answers.push({ node, answer });
  const result = answer.output ?? answer.text;
  line.state = { ...line.state, last: result };
  if (node.save !== null) {
    line.writes.push({ field: node.save, value: result });
    line.state = reduceState(walk.graph, line.state, node.save, result);
  }
}

function inputOf(walk: Walk, node: GraphNode, value: unknown, show: boolean): AnswerInput {
  const { owner, agent, version, sequences, stream, collected, user } = walk.input;
  const text =
    value === undefined ? undefined : typeof value === "string" ? value : JSON.stringify(value);
  return {
    owner,
    agent,
    version,
    sequences,
    stream,
    ...(collected === undefined ? {} : { collected }),
    ...(user === undefined ? {} : { user }),
    ...(text === undefined ? {} : { text }),
    subAgent: node.ref,
    show,
  };
}

/** Walks all branches at once; the first that fails cancels what the others have under way. */
async function fork(line: Line, node: GraphNode): Promise<string> {
  const { walk } = line;
  const join = walk.graph.joins.get(node.id);
  if (join === undefined) throw new RuntimeError("NO_EDGE", `Parallel "${node.id}" has no join.`);
  const visit = (line.visits.get(node.id) ?? 0) + 1;
  line.visits.set(node.id, visit);
  const taken = (walk.graph.edges.get(node.id) ?? [])
    .map((edge, index) => ({ edge, index }))
    .filter(({ edge }) => edge.when === null || edge.when(line.state) === true);
  if (taken.length === 0) {
    throw new RuntimeError("NO_EDGE", `No edge of node "${node.id}" holds.`, { node: node.id });
  }
  const branches = taken.map(({ index }) =>
    lineOf(walk, `${line.prefix}${node.index}#${visit}/${index}/`, line.state),
  );
  let first: { readonly error: unknown } | null = null;
  await Promise.all(
    taken.map(async ({ edge }, at) => {
      const branch = branches[at];
      if (branch === undefined) return;
      try {
        await walkFrom(branch, edge.to, join);
      } catch (error) {
        if (first !== null) return;
        first = { error };
        for (const other of branches) {
          if (other === branch) continue;
          walk.steps = limits.graphSteps;
          if (other.child !== null) walk.context.cancelChild(other.child, "another branch failed");
        }
      }
    }),
  );
  const failed = first as { readonly error: unknown } | null;
  if (failed !== null) throw failed.error;
  for (const { field, value } of branches.flatMap((branch) => branch.writes)) {
    line.writes.push({ field, value });
    line.state = reduceState(walk.graph, line.state, field, value);
  }
  return join;
}

function lineOf(walk: Walk, prefix: string, state: State): Line {
  return { walk, prefix, state, visits: new Map(), writes: [], child: null };
}

/** Says which action answers, before its first word. */
function announce(walk: Walk, node: GraphNode): void {
  if (walk.routing !== null) return;
  walk.routing = routingOf(walk, node);
  emit(walk, "routing", { type: "routing", routing_info: walk.routing });
}

function routingOf(walk: Walk, node: GraphNode): RoutingInfo {
  const { agent, subAgents } = walk.compiled;
  const subAgent = node.ref === null ? undefined : subAgents.get(node.ref);
  return {
    selected_action: subAgent === undefined ? "SUPERVISOR" : "SUB_AGENT",
    action_name: subAgent?.name ?? agent.name,
    reason: `The graph led to node "${node.id}" (${walk.path.join(", ")}).`,
    intent: node.id,
    confidence: 1,
    threshold: 0,
    method: "graph",
    candidates: [],
    sub_agent_key: subAgent?.sub_agent_key ?? null,
  };
}

/** The answer of the marked or the last node that answered; shown now when it was not seen yet. */
async function finish(walk: Walk): Promise<TurnResult> {
  const { context, graph, answers } = walk;
  const shown = answers.filter(({ node }) => graph.shown.has(node.id));
  const final = shown.at(-1) ?? answers.at(-1);
  if (final === undefined) {
    throw new RuntimeError("NO_EDGE", "The graph came to an end without a node that answers.");
  }
  announce(walk, final.node);
  if (shown.length === 0) await showText(context, "show", final.answer.text);
  const subAgent =
    final.node.ref === null ? undefined : walk.compiled.subAgents.get(final.node.ref);
  return {
    ...final.answer,
    // A shown node in a loop answers more than once: the text is all that viewers saw.
    ...(shown.length > 1 ? { text: shown.map(({ answer }) => answer.text).join("") } : {}),
    ...restingOn(answers.map(({ answer }) => answer)),
    usage: walk.usage,
    data:
      final.answer.data ??
      answers.findLast(({ answer }) => answer.data !== null)?.answer.data ??
      null,
    routing: walk.routing ?? routingOf(walk, final.node),
    trigger: subAgent?.action?.frontend_trigger ?? null,
  };
}

function emit(walk: Walk, key: string, event: ChatEvent): void {
  walk.context.emit(key, event);
}
