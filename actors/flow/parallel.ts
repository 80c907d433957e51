// Parallel nodes: the branches walk at once on copies of the state, and their writes are put together
// in the order of the edges, so that the outcome does not depend on who was faster.

import { RuntimeError } from "../../runtime/errors.ts";
import type { WayNode } from "./graph.ts";
import { together } from "./together.ts";
import { branchesOf, type Line, lineOf, walkFrom, write } from "./walk.ts";
import { work } from "./work.ts";

/** Walks all branches; goes on at the join. */
export async function parallelNode(line: Line, node: WayNode, key: string): Promise<string> {
  const { walk, shape } = line;
  const join = shape.joins.get(node.id);
  if (join === undefined) throw new RuntimeError("NO_EDGE", `Parallel "${node.id}" has no join.`);
  const branches = async (): Promise<void> => {
    const lines = branchesOf(line, node).map(({ edge, index }) => ({
      edge,
      branch: lineOf(walk, shape, { ...line, prefix: `${key}/${index}/` }),
    }));
    const walks = lines.map(
      ({ edge, branch }) =>
        () =>
          walkFrom(branch, edge.to, join),
    );
    await together(walk, walks, walks.length);
    for (const { field, value } of lines.flatMap(({ branch }) => branch.writes)) {
      write(line, field, value);
    }
  };
  // In an agent's graph it is only a way: its viewers see the nodes that answer.
  await (walk.compiled === null ? work(line, node, key, branches) : branches());
  return join;
}
