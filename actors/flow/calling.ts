// Nodes that call a tool, without a model: what the graph says is called, and the result is data.

import { type ErrorCode, errorTable, RuntimeError } from "../../runtime/errors.ts";
import { loadSchemas } from "../answer/output-schema.ts";
import { performCall } from "../tools/calls.ts";
import { offerTools } from "../tools/offer.ts";
import type { ToolFailure } from "../tools/result.ts";
import type { ToolNode } from "./graph.ts";
import type { Line } from "./walk.ts";
import { work } from "./work.ts";

/** Calls the tool; a call that fails fails the node, unless the graph goes on with what went wrong. */
export async function toolNode(line: Line, node: ToolNode, key: string): Promise<null> {
  const { context, input, meter } = line.walk;
  await work(line, node, key, async () => {
    await loadSchemas();
    const place = {
      ...{ context, input, meter, owner: input.agent, key: `tools:${key}` },
      ...{ collections: [], names: new Map<string, string>() },
    };
    const [tool] = await offerTools([{ tool: node.ref }], place);
    const call = {
      id: `node:${key}`,
      name: tool?.spec.name ?? node.ref,
      arguments: JSON.stringify(node.arguments?.(line.state) ?? {}),
    };
    const { result } = await performCall(context, tool, call, { name: `node:${key}`, show: true });
    if (isFailure(result) && node.onError === "fail") throw failureOf(result, node);
    return result ?? null;
  });
  return null;
}

function isFailure(result: unknown): result is ToolFailure {
  if (typeof result !== "object" || result === null) return false;
  const { error } = result as Partial<ToolFailure>;
  return typeof error?.code === "string" && typeof error.message === "string";
}

function failureOf({ error }: ToolFailure, node: ToolNode): RuntimeError {
  const code = Object.hasOwn(errorTable, error.code) ? (error.code as ErrorCode) : "INVALID";
  const pointer = error.pointer ?? `${node.pointer}/arguments`;
  return new RuntimeError(code, `Tool ${node.ref} of node "${node.id}": ${error.message}`, {
    pointer,
  });
}
