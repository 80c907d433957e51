// How a graph is walked inside a run: one line of nodes at a time, with the state it has gathered.
// What the nodes of a type do stands in files of their own, which are handed in as a table.

import type { RunContext } from "../../runtime/actor.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Asked } from "../answer/history.ts";
import type { CompiledAgent } from "../compiled.ts";
import { limits } from "../limits.ts";
import type { Ports, Usage } from "../ports.ts";
import type { ChatEvent, RoutingInfo } from "../records/conversation.ts";
import type { Meter } from "../spend.ts";
import type { Answer, TurnInput } from "../turn-input.ts";
import type { Graph, GraphEdge, GraphNode, NodeType } from "./graph.ts";
import { reduceState, type State } from "./state.ts";

/** A graph being run. */
export interface Walk {
  readonly context: RunContext<Ports>;
  readonly input: TurnInput;
  readonly compiled: CompiledAgent;
  readonly asked: Asked;
  readonly graph: Graph;
  readonly meter: Meter;
  readonly nodes: NodeTable;
  /** Nodes entered so far by all branches, against `max_steps`. */
  steps: number;
  usage: Usage;
  readonly answers: { readonly node: GraphNode; readonly answer: Answer }[];
  readonly path: string[];
  routing: RoutingInfo | null;
}

/** One line of walking: the whole graph, or a branch of a parallel node. */
export interface Line {
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
 * What the nodes of each type do; those without an entry only choose the way on. A node gives the id
 * of the node to go on with, or null: the first edge that holds.
 */
export type NodeTable = Readonly<
  Partial<Record<NodeType, (line: Line, node: GraphNode) => Promise<string | null>>>
>;

/**
 * Walks from `start` until an end, or until `stop` (the join of this branch) is reached.
 * @throws NO_EDGE naming the node, STEPS_EXHAUSTED after 50 nodes, what a node failed with.
 */
export async function walkFrom(line: Line, start: string, stop: string | null): Promise<void> {
  const { graph, nodes } = line.walk;
  for (let id = start; id !== stop; ) {
    const node = graph.nodes.get(id);
    if (node === undefined) throw new RuntimeError("NO_EDGE", `The graph has no node "${id}".`);
    count(line.walk);
    line.walk.path.push(id);
    if (node.type === "end") return;
    const next = (await nodes[node.type]?.(line, node)) ?? null;
    id = next ?? nextOf(line, node).to;
  }
}

/** A line that has not begun. */
export function lineOf(walk: Walk, prefix: string, state: State): Line {
  return { walk, prefix, state, visits: new Map(), writes: [], child: null };
}

/** Counts a visit of the node: the name of its steps, which no other visit in this run has. */
export function visitKey(line: Line, node: GraphNode): string {
  const visit = (line.visits.get(node.id) ?? 0) + 1;
  line.visits.set(node.id, visit);
  return `${line.prefix}${node.index}#${visit}`;
}

/** Writes a field of the state; a branch's writes are written again where it joins. */
export function write(line: Line, field: string, value: unknown): void {
  line.writes.push({ field, value });
  line.state = reduceState(line.walk.graph, line.state, field, value);
}

/** A durable event of the run. */
export function emit(walk: Walk, key: string, event: ChatEvent): void {
  walk.context.emit(key, event);
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
