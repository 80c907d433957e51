// Nodes at which a person decides: what was decided is the result, and edges go by it.

import { confirm } from "../approvals/confirm.ts";
import type { ApprovalNode } from "./graph.ts";
import { waiting } from "./together.ts";
import type { Line } from "./walk.ts";
import { emitWaiting, work } from "./work.ts";

/** Waits for a person, or for the time in which one had to decide; both go on, with `approved` in the result. */
export async function approvalNode(line: Line, node: ApprovalNode, key: string): Promise<null> {
  const { walk } = line;
  await work(line, node, key, async () => {
    const given = node.arguments?.(line.state) ?? {};
    emitWaiting(line, node, key);
    const decided = await waiting(
      walk,
      confirm(walk.context, {
        key: `node:${key}`,
        agent: walk.input.agent,
        tool: node.id,
        arguments: isObject(given) ? given : { value: given },
        reason: node.reason,
        default: node.byDefault,
        expiresMs: node.timeoutMs,
        ...(node.approveWhen === null ? {} : { approveWhen: node.approveWhen }),
        ...(node.quorum === null ? {} : { quorum: node.quorum }),
      }),
    );
    return decided.approved
      ? { approved: true, arguments: decided.arguments, reason: null }
      : { approved: false, arguments: null, reason: decided.reason };
  });
  return null;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
