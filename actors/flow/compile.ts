// A graph as a client defines it, parsed and checked. The door validates with it at PUT, a run
// compiles the pinned definition with it.

import { RuntimeError } from "../../runtime/errors.ts";
import { compileExpression } from "../expression.ts";
import { limits } from "../limits.ts";
import { checkShape } from "./check.ts";
import type { Graph, GraphEdge, GraphNode, NodeType, Reducer } from "./graph.ts";

const nodeTypes: readonly string[] = [
  "sub_agent",
  "supervisor",
  "condition",
  "parallel",
  "join",
  "end",
];
const reducers: readonly string[] = ["replace", "append", "merge", "sum"];
const nodeFields = new Set(["id", "type", "ref", "input", "save", "output"]);
const edgeFields = new Set(["from", "to", "when"]);
const ID = /^[A-Za-z0-9_.-]{1,64}$/;
const FIELD = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;
/** Fields every state has; `state` names the whole in expressions. */
const builtinFields = new Set(["message", "last"]);
const forbiddenFields = new Set(["state", "__proto__", "constructor", "prototype"]);

type Fields = Readonly<Record<string, unknown>>;

/**
 * Checks a graph as a whole, for PUT and create.
 * @param subAgentKeys keys of the agent's sub-agents, which `ref` may name.
 * @throws GRAPH_INVALID with `details.pointer` (under /graph_definition, /state_schema, /entry_node).
 */
export function validateGraph(
  definition: Fields,
  stateSchema: Fields | null | undefined,
  entryNode: string | null | undefined,
  subAgentKeys: Iterable<string>,
): void {
  const graph = compileGraph(definition, stateSchema, entryNode);
  const known = new Set(subAgentKeys);
  for (const node of graph.nodes.values()) {
    if (node.ref !== null && !known.has(node.ref)) {
      throw invalid(`${node.pointer}/ref`, `Sub-agent "${node.ref}" is not one of this agent's.`);
    }
  }
}

/** Parses and checks a graph, all but whether its refs exist. @throws GRAPH_INVALID with a pointer. */
export function compileGraph(
  definition: Fields,
  stateSchema: Fields | null | undefined,
  entryNode: string | null | undefined,
): Graph {
  const root = "/graph_definition";
  refuseUnknown(definition, new Set(["nodes", "edges"]), root);
  const state = stateOf(stateSchema);
  const nodes = nodesOf(definition["nodes"], state.reducers, `${root}/nodes`);
  const edges = edgesOf(definition["edges"], nodes, `${root}/edges`);
  const first = nodes.keys().next().value ?? "";
  const entry = entryNode ?? first;
  if (!nodes.has(entry)) throw invalid("/entry_node", `The graph has no node "${entry}".`);
  const joins = checkShape({ nodes, edges, entry, reducers: state.reducers });
  return { nodes, edges, entry, ...state, joins, shown: shownOf(nodes, edges) };
}

function nodesOf(
  value: unknown,
  fields: ReadonlyMap<string, Reducer>,
  pointer: string,
): ReadonlyMap<string, GraphNode> {
  if (!Array.isArray(value) || value.length === 0) throw invalid(pointer, "A graph has nodes.");
  if (value.length > limits.graphNodes) {
    throw invalid(pointer, `A graph has at most ${limits.graphNodes} nodes.`);
  }
  const nodes = new Map<string, GraphNode>();
  for (const [index, item] of value.entries()) {
    const node = { ...nodeOf(item, fields, `${pointer}/${index}`), index };
    if (nodes.has(node.id))
      throw invalid(`${node.pointer}/id`, `Node "${node.id}" is there twice.`);
    nodes.set(node.id, node);
  }
  const outputs = [...nodes.values()].filter((node) => node.output);
  const second = outputs[1];
  if (second !== undefined)
    throw invalid(`${second.pointer}/output`, "Only one node is the output.");
  return nodes;
}

function nodeOf(
  value: unknown,
  fields: ReadonlyMap<string, Reducer>,
  pointer: string,
): Omit<GraphNode, "index"> {
  const node = objectOf(value, pointer);
  refuseUnknown(node, nodeFields, pointer);
  const { id, type, ref, input, save, output } = node as Record<string, unknown>;
  if (typeof id !== "string" || !ID.test(id)) {
    throw invalid(`${pointer}/id`, "A node's id is 1 to 64 of A-Z a-z 0-9 _ . -");
  }
  if (typeof type !== "string" || !nodeTypes.includes(type)) {
    throw invalid(`${pointer}/type`, `A node's type is one of ${nodeTypes.join(", ")}.`);
  }
  const answers = type === "sub_agent" || type === "supervisor";
  if (type === "sub_agent" && typeof ref !== "string") {
    throw invalid(`${pointer}/ref`, "A sub_agent node names its sub-agent in ref.");
  }
  if (type !== "sub_agent" && ref !== undefined && ref !== null) {
    throw invalid(`${pointer}/ref`, "Only sub_agent nodes have a ref.");
  }
  for (const [name, given] of Object.entries({ input, save, output })) {
    if (!answers && given !== undefined && given !== null && given !== false) {
      throw invalid(`${pointer}/${name}`, `Only nodes that answer have ${name}.`);
    }
  }
  if (input !== undefined && input !== null && typeof input !== "string") {
    throw invalid(`${pointer}/input`, "input is a CEL expression.");
  }
  if (save !== undefined && save !== null && (typeof save !== "string" || !fields.has(save))) {
    throw invalid(`${pointer}/save`, `state_schema has no property "${String(save)}".`);
  }
  if (output !== undefined && typeof output !== "boolean") {
    throw invalid(`${pointer}/output`, "output is true or false.");
  }
  return {
    id,
    type: type as NodeType,
    ref: typeof ref === "string" ? ref : null,
    input: typeof input === "string" ? compileExpression(input, `${pointer}/input`) : null,
    save: typeof save === "string" ? save : null,
    output: output === true,
    pointer,
  };
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

function stateOf(schema: Fields | null | undefined): {
  readonly reducers: ReadonlyMap<string, Reducer>;
  readonly initial: Fields;
} {
  const properties = schema?.["properties"] ?? {};
  const found = new Map<string, Reducer>();
  const initial: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(objectOf(properties, "/state_schema/properties"))) {
    const pointer = `/state_schema/properties/${name}`;
    if (!FIELD.test(name) || forbiddenFields.has(name) || builtinFields.has(name)) {
      throw invalid(pointer, `"${name}" is no name for a field of the state.`);
    }
    const property = objectOf(value, pointer);
    const reducer = property["reducer"] ?? "replace";
    if (typeof reducer !== "string" || !reducers.includes(reducer)) {
      throw invalid(`${pointer}/reducer`, `A reducer is one of ${reducers.join(", ")}.`);
    }
    found.set(name, reducer as Reducer);
    initial[name] = property["default"] ?? emptyOf(reducer as Reducer);
  }
  return { reducers: found, initial };
}

function emptyOf(reducer: Reducer): unknown {
  if (reducer === "append") return [];
  if (reducer === "merge") return {};
  return reducer === "sum" ? 0 : null;
}

/** The marked output node, else every answering node that nothing but the end follows. */
function shownOf(
  nodes: ReadonlyMap<string, GraphNode>,
  edges: ReadonlyMap<string, readonly GraphEdge[]>,
): ReadonlySet<string> {
  const all = [...nodes.values()];
  const marked = all.filter((node) => node.output);
  if (marked.length > 0) return new Set(marked.map((node) => node.id));
  const last = all.filter((node) => {
    if (node.type !== "sub_agent" && node.type !== "supervisor") return false;
    const leaving = edges.get(node.id) ?? [];
    return leaving.length > 0 && leaving.every((edge) => nodes.get(edge.to)?.type === "end");
  });
  return new Set(last.map((node) => node.id));
}

function objectOf(value: unknown, pointer: string): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  throw invalid(pointer, "An object is expected here.");
}

function refuseUnknown(value: Fields, known: ReadonlySet<string>, pointer: string): void {
  const unknown = Object.keys(value).find((key) => !known.has(key));
  if (unknown === undefined) return;
  throw invalid(
    `${pointer}/${unknown}`,
    `"${unknown}" is unknown; known are ${[...known].join(", ")}.`,
  );
}

function invalid(pointer: string, message: string): RuntimeError {
  return new RuntimeError("GRAPH_INVALID", message, { pointer });
}
