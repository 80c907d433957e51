// How a node's result joins the state of a graph. Pure: the same writes in the same order give the
// same state, also when a run is resumed.

import { RuntimeError } from "../../runtime/errors.ts";
import { limits } from "../limits.ts";
import type { Graph } from "./graph.ts";

/** Fields of the graph's schema, the user's `message` and the `last` result. Never changed in place. */
export type State = Readonly<Record<string, unknown>>;

/**
 * The state after `value` was written to `field`.
 * @throws OUTPUT_INVALID when the value does not suit the reducer, TURN_TOO_LARGE past the limit.
 */
export function reduceState(graph: Graph, state: State, field: string, value: unknown): State {
  const next = { ...state, [field]: reduced(graph, state[field], field, value) };
  if (JSON.stringify(next).length <= limits.graphStateBytes) return next;
  throw new RuntimeError(
    "TURN_TOO_LARGE",
    `The state of a graph has at most ${limits.graphStateBytes} characters; "${field}" is too long.`,
  );
}

function reduced(graph: Graph, old: unknown, field: string, value: unknown): unknown {
  switch (graph.reducers.get(field) ?? "replace") {
    case "replace":
      return value;
    case "append":
      return [...(Array.isArray(old) ? old : []), value];
    case "merge":
      if (!isObject(value))
        throw unsuited(field, "an object (give the sub-agent an output_schema)");
      return { ...(isObject(old) ? old : {}), ...value };
    case "sum": {
      const number = typeof value === "number" ? value : Number(String(value).trim() || "NaN");
      if (!Number.isFinite(number)) throw unsuited(field, "a number");
      return (typeof old === "number" ? old : 0) + number;
    }
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function unsuited(field: string, wanted: string): RuntimeError {
  return new RuntimeError("OUTPUT_INVALID", `The state field "${field}" takes ${wanted}.`, {
    pointer: `/state/${field}`,
  });
}
