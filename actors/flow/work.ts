// A node at work, whatever its type: viewers see it begin and end, its result goes into the state, and
// in a workflow a checkpoint is left behind, at which another run can be forked.

import { limits } from "../limits.ts";
import { CHECKPOINT, type Checkpoint, startedKey } from "./checkpoint.ts";
import type { GraphNode } from "./graph.ts";
import { checkValues } from "./state.ts";
import { emit, type Line, write } from "./walk.ts";

/** @param perform gives the node's result; undefined: it has none, and `last` stays. */
export async function work(
  line: Line,
  node: GraphNode,
  key: string,
  perform: () => Promise<unknown>,
): Promise<void> {
  const { walk } = line;
  emit(walk, startedKey(key), { type: "node", node: node.id, state: "started" });
  let value: unknown;
  try {
    if (walk.forkedAt?.key === key) {
      line.state = { ...line.state, ...checkValues(walk.graph, walk.forkedAt.state) };
    }
    value = await perform();
    if (value !== undefined) keep(line, node, value);
  } catch (error) {
    emit(walk, `node:${key}:failed`, { type: "node", node: node.id, state: "failed" });
    throw error;
  }
  emit(walk, `node:${key}:completed`, { type: "node", node: node.id, state: "completed" });
  if (walk.compiled === null) await checkpoint(line, node, key);
}

/** Says that a node waits for something from outside, or for a time. */
export function emitWaiting(line: Line, node: GraphNode, key: string): void {
  emit(line.walk, `node:${key}:waiting`, { type: "node", node: node.id, state: "waiting" });
}

function keep(line: Line, node: GraphNode, value: unknown): void {
  line.state = { ...line.state, last: value };
  if (node.save === null) return;
  // A list of results is replaced whole; any other reducer takes them one by one.
  const reducer = line.walk.graph.reducers.get(node.save) ?? "replace";
  const isEach = node.type === "map" && reducer !== "replace" && Array.isArray(value);
  for (const one of isEach ? (value as readonly unknown[]) : [value]) write(line, node.save, one);
}

async function checkpoint(line: Line, node: GraphNode, key: string): Promise<void> {
  const { context } = line.walk;
  const startedAtMs = line.atMs;
  const endedAtMs = await context.now(`ended:${key}`);
  line.atMs = endedAtMs;
  await context.step(
    `${CHECKPOINT}${key}`,
    (): Checkpoint => {
      const state = JSON.stringify(line.state).length <= limits.checkpointChars;
      return { node: node.id, startedAtMs, endedAtMs, ...(state && { state: line.state }) };
    },
    { repeat: "safe", local: true },
  );
}
