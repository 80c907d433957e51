// Parallel nodes: the branches walk at once on copies of the state, and their writes are put together
// in the order of the edges, so that the outcome does not depend on who was faster.

import { RuntimeError } from "../../runtime/errors.ts";
import { limits } from "../limits.ts";
import type { GraphNode } from "./graph.ts";
import { type Line, lineOf, visitKey, walkFrom, write } from "./walk.ts";

/** Walks all branches at once; the first that fails cancels what the others have under way. */
export async function parallelNode(line: Line, node: GraphNode): Promise<string> {
  const { walk } = line;
  const join = walk.graph.joins.get(node.id);
  if (join === undefined) throw new RuntimeError("NO_EDGE", `Parallel "${node.id}" has no join.`);
  const key = visitKey(line, node);
  const taken = (walk.graph.edges.get(node.id) ?? [])
    .map((edge, index) => ({ edge, index }))
    .filter(({ edge }) => edge.when === null || edge.when(line.state) === true);
  if (taken.length === 0) {
    throw new RuntimeError("NO_EDGE", `No edge of node "${node.id}" holds.`, { node: node.id });
  }
  const branches = taken.map(({ edge, index }) => ({
    edge,
    branch: lineOf(walk, `${key}/${index}/`, line.state),
  }));
  let first: { readonly error: unknown } | null = null;
  await Promise.all(
    branches.map(async ({ edge, branch }) => {
      try {
        await walkFrom(branch, edge.to, join);
      } catch (error) {
        if (first !== null) return;
        first = { error };
        for (const { branch: other } of branches) {
          if (other === branch) continue;
          walk.steps = limits.graphSteps;
          if (other.child !== null) walk.context.cancelChild(other.child, "another branch failed");
        }
      }
    }),
  );
  const failed = first as { readonly error: unknown } | null;
  if (failed !== null) throw failed.error;
  for (const { field, value } of branches.flatMap(({ branch }) => branch.writes)) {
    write(line, field, value);
  }
  return join;
}
