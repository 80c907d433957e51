// How a graph is walked inside a run: one line of nodes at a time, with the state it has gathered.
// What the nodes of a type do stands in files of their own, which are handed in as a table.

import type { RunContext } from "../../runtime/actor.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Asked } from "../answer/history.ts";
import type { CompiledAgent } from "../compiled.ts";
import { noUsage } from "../money/spent.ts";
import type { Ports, Usage } from "../ports.ts";
import type { ChatEvent, RoutingInfo } from "../records/conversation.ts";
import type { Meter } from "../spend.ts";
import type { Answer, TurnInput } from "../turn-input.ts";
import type { Graph, GraphEdge, GraphNode, NodeType, Shape } from "./graph.ts";
import { reduceState, type State } from "./state.ts";

/** What a graph is walked with. */
export interface WalkSeed {
  readonly context: RunContext<Ports>;
  readonly input: TurnInput;
  readonly asked: Pick<Asked, "text" | "data" | "images">;
  readonly graph: Graph;
  readonly meter: Meter;
  readonly nodes: NodeTable;
  /** The agent whose graph it is, or null: a workflow of its own. */
  readonly compiled: CompiledAgent | null;
  /** Name of the agent or the workflow. */
  readonly name: string;
  /** Nodes that may be entered. */
  readonly stepsMax: number;
  /** Set in a run that was forked from another one. */
  readonly forkedAt?: { readonly key: string; readonly state: State };
}

/** A graph being run. */
export interface Walk extends WalkSeed {
  /** Nodes entered so far by all branches. */
  steps: number;
  usage: Usage;
  readonly answers: { readonly node: GraphNode; readonly answer: Answer }[];
  readonly path: string[];
  routing: RoutingInfo | null;
  /** Why a line failed, the first that did: the others go no further. */
  failure: { readonly error: unknown } | null;
  /** Keys of child runs under way, and how waits under way are cut. */
  readonly children: Set<string>;
  readonly cuts: Set<(reason: unknown) => void>;
  /** Steps that several lines may come to and that are made once. */
  readonly shared: Map<string, Promise<unknown>>;
}

/** One line of walking: the whole graph, a branch of a parallel node, an item of a map. */
export interface Line {
  readonly walk: Walk;
  readonly shape: Shape;
  /** Distinguishes the steps of branches; "" for the main line. */
  readonly prefix: string;
  state: State;
  /** When its last node ended, ms; 0 where nobody asks. */
  atMs: number;
  readonly visits: Map<string, number>;
  /** What was written, in order, to be put together at the join. */
  readonly writes: { readonly field: string; readonly value: unknown }[];
}

/**
 * What the nodes of each type do; those without an entry only choose the way on. `key` names this visit
 * of the node in the run. A node gives the id of the node to go on with, or null: the first edge that holds.
 */
export type NodeTable = {
  readonly [Type in NodeType]?: (
    line: Line,
    node: GraphNode & { readonly type: Type },
    key: string,
  ) => Promise<string | null>;
};

type Perform = (line: Line, node: GraphNode, key: string) => Promise<string | null>;

/** A walk that has not begun. */
export function walkOf(seed: WalkSeed): Walk {
  return {
    ...seed,
    steps: 0,
    usage: noUsage,
    answers: [],
    path: [],
    routing: null,
    failure: null,
    children: new Set(),
    cuts: new Set(),
    shared: new Map(),
  };
}

/** A line through a shape that has not begun, after another one. */
export function lineOf(
  walk: Walk,
  shape: Shape,
  of: Pick<Line, "prefix" | "state" | "atMs">,
): Line {
  const { prefix, state, atMs } = of;
  return { walk, shape, prefix, state, atMs, visits: new Map(), writes: [] };
}

/**
 * Walks from `start` until an end, or until `stop` (the join of this branch) is reached.
 * @throws NO_EDGE naming the node, STEPS_EXHAUSTED, what a node or another line failed with.
 */
export async function walkFrom(line: Line, start: string, stop: string | null): Promise<void> {
  const { walk, shape } = line;
  for (let id = start; id !== stop; ) {
    const node = shape.nodes.get(id);
    if (node === undefined) throw new RuntimeError("NO_EDGE", `The graph has no node "${id}".`);
    if (walk.failure !== null) throw walk.failure.error;
    count(walk);
    walk.path.push(id);
    if (node.type === "end") return;
    const visit = (line.visits.get(node.id) ?? 0) + 1;
    line.visits.set(node.id, visit);
    const key = `${line.prefix}${node.index}#${visit}`;
    // The entry for a type takes nodes of that type.
    const perform = walk.nodes[node.type] as Perform | undefined;
    const next = await perform?.(line, node, key);
    id = next ?? nextOf(line, node).to;
  }
}

/** Writes a field of the state; what a branch or an item writes is written again where it joins. */
export function write(line: Line, field: string, value: unknown): void {
  line.writes.push({ field, value });
  line.state = reduceState(line.walk.graph, line.state, field, value);
}

/** A durable event of the run. */
export function emit(walk: Walk, key: string, event: ChatEvent): void {
  walk.context.emit(key, event);
}

/** The edges of a parallel node that are taken, each with its place. @throws NO_EDGE when none is. */
export function branchesOf(
  line: Line,
  node: GraphNode,
): readonly { readonly edge: GraphEdge; readonly index: number }[] {
  const taken = (line.shape.edges.get(node.id) ?? [])
    .map((edge, index) => ({ edge, index }))
    .filter(({ edge }) => edge.when === null || edge.when(line.state) === true);
  if (taken.length > 0) return taken;
  throw noEdge(node);
}

function count(walk: Walk): void {
  walk.steps += 1;
  if (walk.steps <= walk.stepsMax) return;
  const whose =
    walk.compiled === null ? "max_steps of the workflow" : "the limit of an agent's graph";
  throw new RuntimeError(
    "STEPS_EXHAUSTED",
    `The run entered more than ${walk.stepsMax} nodes, ${whose}.`,
    { stepsMax: walk.stepsMax },
  );
}

function nextOf(line: Line, node: GraphNode): GraphEdge {
  const edge = (line.shape.edges.get(node.id) ?? []).find(
    ({ when }) => when === null || when(line.state) === true,
  );
  if (edge !== undefined) return edge;
  throw noEdge(node);
}

function noEdge({ id }: GraphNode): RuntimeError {
  return new RuntimeError("NO_EDGE", `No edge of node "${id}" holds.`, { node: id });
}
