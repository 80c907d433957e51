// Nodes with a body: a loop walks it again and again on the same state, a map once for each item of a
// list, several at once, each on a copy of the state.

import { RuntimeError } from "../../runtime/errors.ts";
import { limits } from "../limits.ts";
import type { LoopNode, MapNode } from "./graph.ts";
import { together } from "./together.ts";
import { type Line, lineOf, walkFrom, write } from "./walk.ts";
import { work } from "./work.ts";

/** Walks the body while its condition holds; `round` counts from 1 in it, and in the condition. */
export async function loopNode(line: Line, node: LoopNode, key: string): Promise<null> {
  await work(line, node, key, async () => {
    const outer = line.state["round"];
    for (let round = 1; ; round += 1) {
      line.state = { ...line.state, round };
      if (node.while !== null && node.while(line.state) !== true) break;
      if (round > node.max) {
        if (node.onMax === "continue") break;
        throw new RuntimeError(
          "STEPS_EXHAUSTED",
          `Loop "${node.id}" would go on after ${node.max} rounds (max).`,
          { node: node.id },
        );
      }
      const inner = lineOf(line.walk, node.body, { ...line, prefix: `${key}/${round}/` });
      await walkFrom(inner, node.body.entry, null);
      line.state = inner.state;
      line.atMs = inner.atMs;
      line.writes.push(...inner.writes);
    }
    line.state = { ...line.state, round: outer };
  });
  return null;
}

/** Walks the body for each item; the list of what they give, in the order of the items, is the result. */
export async function mapNode(line: Line, node: MapNode, key: string): Promise<null> {
  const { walk } = line;
  await work(line, node, key, async () => {
    const items = itemsOf(line, node);
    const results = new Array<unknown>(items.length);
    const lines = items.map((item, index) => {
      const state = { ...line.state, item, index, last: null };
      return lineOf(walk, node.body, { prefix: `${key}/${index}/`, state, atMs: line.atMs });
    });
    const walks = lines.map((inner, index) => async () => {
      await walkFrom(inner, node.body.entry, null);
      results[index] = node.result === null ? inner.state["last"] : node.result(inner.state);
    });
    await together(walk, walks, node.concurrency);
    for (const { field, value } of lines.flatMap(({ writes }) => writes)) {
      // What an item replaces is its own: which of them came last would be no answer.
      if ((walk.graph.reducers.get(field) ?? "replace") !== "replace") write(line, field, value);
    }
    return results;
  });
  return null;
}

function itemsOf(line: Line, node: MapNode): readonly unknown[] {
  const items = node.items(line.state);
  const pointer = `${node.pointer}/items`;
  if (!Array.isArray(items)) {
    throw new RuntimeError("INVALID", `The items of "${node.id}" are no list.`, { pointer });
  }
  if (items.length <= limits.mapItems) return items;
  const message = `"${node.id}" has ${items.length} items; a map has at most ${limits.mapItems}.`;
  throw new RuntimeError("INVALID", message, { pointer });
}
