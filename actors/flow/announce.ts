// Which node of a graph answers, in the terms of routing.

import type { RoutingInfo } from "../records/conversation.ts";
import type { GraphNode } from "./graph.ts";
import { emit, type Walk } from "./walk.ts";

/** Says which action answers, before its first word. */
export function announce(walk: Walk, node: GraphNode | undefined): RoutingInfo {
  if (walk.routing !== null) return walk.routing;
  walk.routing = routingOf(walk, node);
  emit(walk, "routing", { type: "routing", routing_info: walk.routing });
  return walk.routing;
}

function routingOf(walk: Walk, node: GraphNode | undefined): RoutingInfo {
  const key = node?.type === "sub_agent" ? node.ref : null;
  const subAgent = key === null ? undefined : walk.compiled?.subAgents.get(key);
  const id = node?.id ?? walk.path.at(-1) ?? "";
  return {
    selected_action: subAgent === undefined ? "SUPERVISOR" : "SUB_AGENT",
    action_name: subAgent?.name ?? walk.name,
    reason: `The graph led to node "${id}" (${walk.path.join(", ")}).`,
    intent: id,
    confidence: 1,
    threshold: 0,
    method: "graph",
    candidates: [],
    sub_agent_key: subAgent?.sub_agent_key ?? null,
  };
}
