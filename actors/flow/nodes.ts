// What nodes do, by type. Conditions, joins and ends are not here: they only choose the way on.

import { answeringNode, targetNode } from "./answering.ts";
import { approvalNode } from "./approving.ts";
import { toolNode } from "./calling.ts";
import { parallelNode } from "./parallel.ts";
import { loopNode, mapNode } from "./repeating.ts";
import { setNode } from "./set.ts";
import { eventNode, sleepNode } from "./waits.ts";
import type { NodeTable } from "./walk.ts";

/** All types. */
export const nodes: NodeTable = {
  sub_agent: answeringNode,
  supervisor: answeringNode,
  agent: targetNode,
  sub_workflow: targetNode,
  tool: toolNode,
  set: setNode,
  sleep: sleepNode,
  event: eventNode,
  approval: approvalNode,
  loop: loopNode,
  map: mapNode,
  parallel: parallelNode,
};
