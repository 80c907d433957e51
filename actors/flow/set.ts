// Nodes that compute a value of the state from the state.

import type { SetNode } from "./graph.ts";
import type { Line } from "./walk.ts";
import { work } from "./work.ts";

/** Writes what its expression gives. */
export async function setNode(line: Line, node: SetNode, key: string): Promise<null> {
  await work(line, node, key, async () => node.value(line.state) ?? null);
  return null;
}
