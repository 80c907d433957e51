// Nodes of an agent's graph that answer: a sub-agent, or the supervisor itself, as a child run.

import { childAnswer } from "../answer/child.ts";
import type { RoutingInfo } from "../records/conversation.ts";
import { type Answer, type AnswerInput, addUsage } from "../turn-input.ts";
import type { GraphNode } from "./graph.ts";
import { emit, type Line, visitKey, type Walk, write } from "./walk.ts";

/** Lets a sub-agent or the supervisor answer; its output, or its text, is the node's result. */
export async function answeringNode(line: Line, node: GraphNode): Promise<null> {
  const { walk } = line;
  const key = visitKey(line, node);
  const isShown = walk.graph.shown.has(node.id);
  if (isShown) announce(walk, node);
  emit(walk, `node:${key}:started`, { type: "node", node: node.id, state: "started" });
  const value = node.input?.(line.state);
  line.child = `node:${key}`;
  let answer: Answer;
  try {
    const wanted = inputOf(walk, node, value, isShown);
    answer = await childAnswer(walk.context, line.child, wanted, walk.meter);
  } catch (error) {
    emit(walk, `node:${key}:failed`, { type: "node", node: node.id, state: "failed" });
    throw error;
  } finally {
    line.child = null;
  }
  emit(walk, `node:${key}:completed`, { type: "node", node: node.id, state: "completed" });
  walk.usage = addUsage(walk.usage, answer.usage);
  walk.answers.push({ node, answer });
  const result = answer.output ?? answer.text;
  line.state = { ...line.state, last: result };
  if (node.save !== null) write(line, node.save, result);
  return null;
}

/** Says which action answers, before its first word. */
export function announce(walk: Walk, node: GraphNode): void {
  if (walk.routing !== null) return;
  walk.routing = routingOf(walk, node);
  emit(walk, "routing", { type: "routing", routing_info: walk.routing });
}

/** Why a node answers, in the terms of routing. */
export function routingOf(walk: Walk, node: GraphNode): RoutingInfo {
  const { agent, subAgents } = walk.compiled;
  const subAgent = node.ref === null ? undefined : subAgents.get(node.ref);
  return {
    selected_action: subAgent === undefined ? "SUPERVISOR" : "SUB_AGENT",
    action_name: subAgent?.name ?? agent.name,
    reason: `The graph led to node "${node.id}" (${walk.path.join(", ")}).`,
    intent: node.id,
    confidence: 1,
    threshold: 0,
    method: "graph",
    candidates: [],
    sub_agent_key: subAgent?.sub_agent_key ?? null,
  };
}

function inputOf(walk: Walk, node: GraphNode, value: unknown, show: boolean): AnswerInput {
  const { owner, agent, version, sequences, stream, collected, user } = walk.input;
  const { task } = walk.input;
  const wanted = value ?? task?.text;
  const text = wanted === undefined || typeof wanted === "string" ? wanted : JSON.stringify(wanted);
  return {
    owner,
    agent,
    version,
    sequences,
    stream,
    ...(collected === undefined ? {} : { collected }),
    ...(user === undefined ? {} : { user }),
    ...(text === undefined ? {} : { text }),
    ...(task?.transcript === undefined ? {} : { extra: task.transcript }),
    ...(task?.instruction === undefined ? {} : { instruction: task.instruction }),
    subAgent: node.ref,
    show: show && task?.show !== false,
  };
}
