// Nodes that call a tool, a built-in one or a record, without a model: what the graph says is called, on
// the terms of the tool as a model would, and the result is data.

import { type ErrorCode, errorTable, RuntimeError } from "../../runtime/errors.ts";
import { loadSchemas } from "../answer/output-schema.ts";
import { checkedCall } from "../guard/guard-of.ts";
import { addUsage } from "../money/spent.ts";
import { performCall } from "../tools/calls.ts";
import { offerTools } from "../tools/offer.ts";
import type { ToolFailure } from "../tools/result.ts";
import type { Tool } from "../tools/tool.ts";
import type { ToolNode } from "./graph.ts";
import { childOf, shared, waiting } from "./together.ts";
import type { Line, Walk } from "./walk.ts";
import { emitWaiting, work } from "./work.ts";

/**
 * Calls the tool, where a person has to agree not before one did; a call that fails, or is declined,
 * fails the node, unless the graph goes on with what went wrong.
 */
export async function toolNode(line: Line, node: ToolNode, key: string): Promise<null> {
  const { walk } = line;
  await work(line, node, key, async () => {
    await loadSchemas();
    // One version in all visits, from the first on.
    const tool = await shared(walk, `tools:${node.ref}`, () => toolOf(walk, node.ref));
    const name = `node:${key}`;
    const asked = {
      ...{ id: name, name: tool?.spec.name ?? node.ref },
      arguments: JSON.stringify(node.arguments?.(line.state) ?? {}),
    };
    const asking = <T>(answer: Promise<T>): Promise<T> => {
      emitWaiting(line, node, key);
      return waiting(walk, answer);
    };
    const { call, blocked } = await checkedCall(walk.context, name, asked, asking);
    const place = { name, show: true, ...(blocked !== null && { blocked }), asking };
    // The work of a tool may be a child run, which has the key of its step.
    const { result, usage, handoff } = await childOf(walk, `tool:${name}`, () =>
      performCall(walk.context, tool, call, place),
    );
    if (usage !== undefined) walk.usage = addUsage(walk.usage, usage);
    if (handoff !== undefined) throw noHandoff(node);
    if (isFailure(result) && node.onError === "fail") throw failureOf(result, node);
    return result ?? null;
  });
  return null;
}

async function toolOf({ context, input, meter }: Walk, ref: string): Promise<Tool | undefined> {
  const place = {
    ...{ context, input, meter, owner: input.agent, key: `tools:${ref}` },
    ...{ collections: [], names: new Map<string, string>() },
  };
  const [tool, another] = await offerTools([{ tool: ref }], place);
  if (another === undefined) return tool;
  throw new RuntimeError("INVALID", `Tool ${ref} is several tools, and a node calls one.`);
}

/** Refused when the graph is saved; the record may have become one since. */
function noHandoff({ id, ref, pointer }: ToolNode): RuntimeError {
  const message = `Tool ${ref} of node "${id}" hands over the turn, which a node cannot.`;
  return new RuntimeError("INVALID", message, { pointer: `${pointer}/ref` });
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
