// Whether a graph can run to an end: reachability, a way out of every cycle, and parallel branches
// that meet in one join and do not overwrite each other. Pure; called by compile.ts only.

import { RuntimeError } from "../../runtime/errors.ts";
import { limits } from "../limits.ts";
import { bodyOf, type GraphEdge, type GraphNode, type Reducer, type Shape } from "./graph.ts";

interface Checked extends Omit<Shape, "joins"> {
  readonly reducers: ReadonlyMap<string, Reducer>;
}

/**
 * Checks the shape of a graph, or of a body, and finds the join of every parallel node. The bodies in
 * it were checked before.
 * @throws GRAPH_INVALID with the pointer of the node or edge at fault.
 */
export function checkShape(shape: Checked): ReadonlyMap<string, string> {
  const { nodes } = shape;
  checkEdges(shape);
  const reached = reachedFrom(shape, shape.entry);
  for (const node of nodes.values()) {
    if (!reached.has(node.id)) throw invalid(node, `Node "${node.id}" cannot be reached.`);
    const onward = reachedFrom(shape, node.id);
    const canEnd = [...onward].some((id) => nodes.get(id)?.type === "end");
    if (!canEnd) throw invalid(node, `From node "${node.id}" there is no way to an end.`);
  }
  const joins = new Map<string, string>();
  for (const node of nodes.values()) {
    if (node.type === "parallel") joins.set(node.id, joinOf(shape, node, 0));
  }
  const met = new Set(joins.values());
  for (const node of nodes.values()) {
    if (node.type === "join" && !met.has(node.id)) {
      throw invalid(node, `Join "${node.id}" belongs to no parallel node.`);
    }
  }
  for (const [id, join] of joins) checkWriters(shape, id, join);
  return joins;
}

/**
 * An edge after one that is always taken is never tried; refusing it also means that every cycle
 * with a way to an end has a condition in it, so no cycle is without a bound.
 */
function checkEdges({ nodes, edges }: Checked): void {
  for (const [id, leaving] of edges) {
    const node = nodes.get(id);
    if (node?.type === "end" && leaving[0] !== undefined) {
      throw atEdge(leaving[0], `End "${id}" has no way on.`);
    }
    if (node?.type === "parallel") {
      if (leaving.length < 2) throw invalid(node, `Parallel "${id}" has at least two branches.`);
      if (leaving.length > limits.graphBranches) {
        throw invalid(node, `Parallel "${id}" has at most ${limits.graphBranches} branches.`);
      }
      continue;
    }
    const always = leaving.findIndex((edge) => edge.when === null);
    const dead = always === -1 ? undefined : leaving[always + 1];
    if (dead !== undefined)
      throw atEdge(dead, "This edge is never tried: one before it always holds.");
  }
}

/** Every node on a way from `from`, itself included; `stop` is not walked through. */
function reachedFrom({ edges }: Checked, from: string, stop?: string): ReadonlySet<string> {
  const reached = new Set([from]);
  const open = [from];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (id === stop) continue;
    for (const edge of edges.get(id) ?? []) {
      if (reached.has(edge.to)) continue;
      reached.add(edge.to);
      open.push(edge.to);
    }
  }
  return reached;
}

/** The join where all branches of `parallel` meet, with nested ones stepped over. */
function joinOf(shape: Checked, parallel: GraphNode, depth: number): string {
  if (depth > limits.graphDepth) {
    throw invalid(parallel, `Parallel nodes are at most ${limits.graphDepth} deep.`);
  }
  const found = new Set<string>();
  for (const edge of shape.edges.get(parallel.id) ?? []) {
    for (const join of branchEnds(shape, { edge, parallel, depth })) found.add(join);
  }
  const [join, other] = [...found];
  if (join === undefined || other !== undefined) {
    throw invalid(parallel, `All branches of parallel "${parallel.id}" must meet in one join.`);
  }
  return join;
}

/** The joins at which one branch ends. */
function branchEnds(
  shape: Checked,
  branch: { readonly edge: GraphEdge; readonly parallel: GraphNode; readonly depth: number },
): ReadonlySet<string> {
  const { edge, parallel, depth } = branch;
  const ends = new Set<string>();
  const seen = new Set<string>();
  const open = [edge.to];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    const node = shape.nodes.get(id);
    if (node === undefined) continue;
    if (node.type === "join") {
      ends.add(id);
      continue;
    }
    if (node.type === "end" || node.id === parallel.id) {
      throw atEdge(
        edge,
        `This branch of parallel "${parallel.id}" reaches "${id}" without a join.`,
      );
    }
    if (node.type === "parallel") {
      open.push(...(shape.edges.get(joinOf(shape, node, depth + 1)) ?? []).map(({ to }) => to));
    } else {
      open.push(...(shape.edges.get(id) ?? []).map(({ to }) => to));
    }
  }
  return ends;
}

/** Two branches that run at once must not both replace one field: which one won would be chance. */
function checkWriters(shape: Checked, parallel: string, join: string): void {
  const writers = new Map<string, number>();
  for (const [index, edge] of (shape.edges.get(parallel) ?? []).entries()) {
    for (const id of reachedFrom(shape, edge.to, join)) {
      const node = shape.nodes.get(id);
      if (node === undefined || id === join) continue;
      for (const { field, pointer } of replacedBy(node, shape.reducers)) {
        const other = writers.get(field);
        if (other !== undefined && other !== index) {
          throw new RuntimeError(
            "GRAPH_INVALID",
            `Branches of parallel "${parallel}" both replace "${field}": give it a reducer.`,
            { pointer },
          );
        }
        writers.set(field, index);
      }
    }
  }
}

/** Fields that a node, or what is in it, replaces for all that comes after. */
function replacedBy(
  node: GraphNode,
  reducers: ReadonlyMap<string, Reducer>,
): readonly { readonly field: string; readonly pointer: string }[] {
  const field = node.save;
  const isReplaced = field !== null && (reducers.get(field) ?? "replace") === "replace";
  const own = isReplaced ? [{ field, pointer: `${node.pointer}/save` }] : [];
  // What the items of a map replace is theirs alone.
  const body = node.type === "map" ? null : bodyOf(node);
  const inside = body === null ? [] : [...body.nodes.values()];
  return [...own, ...inside.flatMap((one) => replacedBy(one, reducers))];
}

function invalid(node: GraphNode, message: string): RuntimeError {
  return new RuntimeError("GRAPH_INVALID", message, { pointer: node.pointer });
}

function atEdge(edge: GraphEdge, message: string): RuntimeError {
  return new RuntimeError("GRAPH_INVALID", message, { pointer: edge.pointer });
}
