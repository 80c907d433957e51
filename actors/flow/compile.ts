// A graph as a client defines it, parsed and checked. The door validates with it at PUT, a run
// compiles the pinned definition with it.

import { compileExpression } from "../expression.ts";
import { limits } from "../limits.ts";
import { isRecordId } from "../records/tool.ts";
import { checkShape } from "./check.ts";
import { compileNode, type NodePlace } from "./compile-node.ts";
import { compileState } from "./compile-state.ts";
import {
  allNodes,
  type Graph,
  type GraphEdge,
  type GraphNode,
  type Reducer,
  type Shape,
} from "./graph.ts";
import { type Fields, invalid, objectOf, refuseUnknown } from "./node-reader.ts";

const edgeFields = new Set(["from", "to", "when"]);
const ROOT = "/graph_definition";
/** Fields every state has; `state` names the whole in expressions. */
const builtinFields: readonly string[] = ["message", "last"];
/** Names that nodes of a type put into the expressions inside them. */
const namesInside: Readonly<Record<string, readonly string[]>> = {
  loop: ["round"],
  map: ["item", "index"],
};

/**
 * Checks an agent's graph as a whole, for PUT and create, all but whether the records it names exist.
 * @param subAgentKeys keys of the agent's sub-agents, which `ref` may name.
 * @throws GRAPH_INVALID with `details.pointer` (under /graph_definition, /state_schema, /entry_node).
 */
export function validateGraph(
  definition: Fields,
  stateSchema: Fields | null | undefined,
  entryNode: string | null | undefined,
  subAgentKeys: Iterable<string>,
): Graph {
  const graph = compileGraph(definition, stateSchema, entryNode);
  const keys = new Set(subAgentKeys);
  for (const node of allNodes(graph)) {
    if (node.type === "sub_agent" && node.ref !== null && !keys.has(node.ref)) {
      throw invalid(`${node.pointer}/ref`, `Sub-agent "${node.ref}" is not one of this agent's.`);
    }
  }
  return graph;
}

/**
 * Parses and checks a graph, all but whether its refs exist. Expressions (expression.ts) must be loaded,
 * and for a workflow schemas (output-schema.ts): what is written into its state is checked.
 * @throws GRAPH_INVALID with a pointer.
 */
export function compileGraph(
  definition: Fields,
  stateSchema: Fields | null | undefined,
  entryNode: string | null | undefined,
  owner: NodePlace["owner"] = "agent",
): Graph {
  const isFlow = owner === "workflow";
  const builtin = new Set([...builtinFields, ...(isFlow ? ["input"] : [])]);
  const state = compileState(stateSchema, builtin, isFlow);
  const entry = { id: entryNode ?? null, pointer: "/entry_node" };
  const shape = compileShape(
    definition,
    { owner, reducers: state.reducers, depth: 0 },
    ROOT,
    entry,
  );
  const nodes = allNodes(shape);
  refuseTwice(nodes);
  refuseNames(nodes, state.reducers);
  if (nodes.length > limits.graphNodes) {
    throw invalid(`${ROOT}/nodes`, `A graph has at most ${limits.graphNodes} nodes.`);
  }
  return { ...shape, ...state, shown: shownOf(shape, nodes) };
}

interface Inside {
  readonly owner: NodePlace["owner"];
  readonly reducers: ReadonlyMap<string, Reducer>;
  /** Bodies around this one. */
  readonly depth: number;
}

function compileShape(
  definition: Fields,
  inside: Inside,
  pointer: string,
  entry: { readonly id: string | null; readonly pointer: string },
): Shape {
  refuseUnknown(definition, new Set(["nodes", "edges", "entry_node"]), pointer);
  const nodes = nodesOf(definition["nodes"], placeOf(inside), `${pointer}/nodes`);
  const edges = edgesOf(definition["edges"], nodes, `${pointer}/edges`);
  const first = entry.id ?? nodes.keys().next().value ?? "";
  if (!nodes.has(first)) throw invalid(entry.pointer, `The graph has no node "${first}".`);
  const shape = { nodes, edges, entry: first };
  return { ...shape, joins: checkShape({ ...shape, reducers: inside.reducers }) };
}

function placeOf(inside: Inside): NodePlace {
  const { owner, reducers } = inside;
  const place: NodePlace = {
    owner,
    reducers,
    body(value, pointer) {
      if (inside.depth >= limits.bodyDepth) {
        throw invalid(pointer, `Loops and maps are at most ${limits.bodyDepth} deep.`);
      }
      const definition = objectOf(value, pointer);
      const id = definition["entry_node"] ?? null;
      const at = `${pointer}/entry_node`;
      if (id !== null && typeof id !== "string") throw invalid(at, "entry_node is a node's id.");
      const deeper = { ...inside, depth: inside.depth + 1 };
      return compileShape(definition, deeper, pointer, { id, pointer: at });
    },
    single(fields, pointer) {
      const node = compileNode(fields, place, { pointer, index: 0 });
      const end: GraphNode = {
        ...{ id: `${node.id.slice(-60)}.end`, type: "end", save: null, output: false },
        ...{ index: 1, pointer },
      };
      const edge = { from: node.id, to: end.id, when: null, pointer };
      return {
        nodes: new Map([node, end].map((one) => [one.id, one])),
        edges: new Map([
          [node.id, [edge]],
          [end.id, []],
        ]),
        entry: node.id,
        joins: new Map(),
      };
    },
  };
  return place;
}

function nodesOf(
  value: unknown,
  place: NodePlace,
  pointer: string,
): ReadonlyMap<string, GraphNode> {
  if (!Array.isArray(value) || value.length === 0) throw invalid(pointer, "A graph has nodes.");
  if (value.length > limits.graphNodes) {
    throw invalid(pointer, `A graph has at most ${limits.graphNodes} nodes.`);
  }
  const nodes = new Map<string, GraphNode>();
  for (const [index, item] of value.entries()) {
    const node = compileNode(item, place, { pointer: `${pointer}/${index}`, index });
    if (nodes.has(node.id)) throw twice(node);
    nodes.set(node.id, node);
  }
  return nodes;
}

/** Ids are those of the whole graph, so that an event or a fork names one node. */
function refuseTwice(nodes: readonly GraphNode[]): void {
  const seen = new Set<string>();
  for (const node of nodes) {
    if (seen.has(node.id)) throw twice(node);
    seen.add(node.id);
  }
  const second = nodes.filter((node) => node.output)[1];
  if (second === undefined) return;
  throw invalid(`${second.pointer}/output`, "Only one node is the output.");
}

function twice(node: GraphNode): Error {
  return invalid(`${node.pointer}/id`, `Node "${node.id}" is there twice.`);
}

/** A field of the state may not hide what loops and maps tell their bodies. */
function refuseNames(nodes: readonly GraphNode[], fields: ReadonlyMap<string, Reducer>): void {
  for (const node of nodes) {
    for (const name of namesInside[node.type] ?? []) {
      if (!fields.has(name)) continue;
      const message = `In a graph with a ${node.type}, "${name}" is no name for a field of the state.`;
      throw invalid(`/state_schema/properties/${name}`, message);
    }
  }
}

function edgesOf(
  value: unknown,
  nodes: ReadonlyMap<string, GraphNode>,
  pointer: string,
): ReadonlyMap<string, readonly GraphEdge[]> {
  if (!Array.isArray(value)) throw invalid(pointer, "A graph has edges.");
  if (value.length > limits.graphEdges) {
    throw invalid(pointer, `A graph has at most ${limits.graphEdges} edges.`);
  }
  const edges = new Map<string, GraphEdge[]>([...nodes.keys()].map((id) => [id, []]));
  for (const [index, item] of value.entries()) {
    const at = `${pointer}/${index}`;
    const edge = objectOf(item, at);
    refuseUnknown(edge, edgeFields, at);
    const { from, to, when } = edge as Record<string, unknown>;
    const leaving = typeof from === "string" ? edges.get(from) : undefined;
    if (typeof from !== "string" || leaving === undefined) {
      throw invalid(`${at}/from`, `The graph has no node "${String(from)}".`);
    }
    if (typeof to !== "string" || !nodes.has(to)) {
      throw invalid(`${at}/to`, `The graph has no node "${String(to)}".`);
    }
    if (when !== undefined && when !== null && typeof when !== "string") {
      throw invalid(`${at}/when`, "when is a CEL expression.");
    }
    const condition = typeof when === "string" ? compileExpression(when, `${at}/when`) : null;
    leaving.push({ from, to, when: condition, pointer: at });
  }
  return edges;
}

/** The marked output node, else every answering node that nothing but the end follows. */
function shownOf(shape: Shape, all: readonly GraphNode[]): ReadonlySet<string> {
  const marked = all.filter((node) => node.output);
  if (marked.length > 0) return new Set(marked.map((node) => node.id));
  const last = [...shape.nodes.values()].filter((node) => {
    if (!answers(node)) return false;
    const leaving = shape.edges.get(node.id) ?? [];
    return leaving.length > 0 && leaving.every((edge) => shape.nodes.get(edge.to)?.type === "end");
  });
  return new Set(last.map((node) => node.id));
}

function answers({ type }: GraphNode): boolean {
  return (
    type === "sub_agent" || type === "supervisor" || type === "agent" || type === "sub_workflow"
  );
}

/** Ids of records that nodes refer to, with the places where they do. */
export function refsOf(graph: Shape): readonly {
  readonly ref: string;
  readonly type: "agent" | "sub_workflow" | "tool";
  readonly pointer: string;
}[] {
  return allNodes(graph).flatMap((node) =>
    node.type === "agent" ||
    node.type === "sub_workflow" ||
    (node.type === "tool" && isRecordId(node.ref))
      ? [{ ref: node.ref, type: node.type, pointer: `${node.pointer}/ref` }]
      : [],
  );
}
