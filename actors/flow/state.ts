// How a node's result joins the state of a graph. Pure: the same writes in the same order give the
// same state, also when a run is resumed.

import { RuntimeError } from "../../runtime/errors.ts";
import { limits } from "../limits.ts";
import type { StateFields } from "./graph.ts";

/** Fields of the graph's schema, the user's `message` and the `last` result. Never changed in place. */
export type State = Readonly<Record<string, unknown>>;

/**
 * The state after `value` was written to `field`.
 * @throws OUTPUT_INVALID when the value does not suit the reducer or the field's schema, TURN_TOO_LARGE
 *   past the limit.
 */
export function reduceState(
  graph: StateFields,
  state: State,
  field: string,
  value: unknown,
): State {
  const joined = reduced(graph, state[field], field, value);
  const wrong = graph.checks.get(field)?.(joined);
  if (wrong) throw unfit(field, wrong);
  const next = { ...state, [field]: joined };
  if (JSON.stringify(next).length <= limits.graphStateBytes) return next;
  throw new RuntimeError(
    "TURN_TOO_LARGE",
    `The state of a graph has at most ${limits.graphStateBytes} characters; "${field}" is too long.`,
  );
}

/**
 * Checks values that somebody sets by hand, whatever the reducers.
 * @returns the values. @throws INVALID for a field that the schema does not have, OUTPUT_INVALID.
 */
export function checkValues(graph: StateFields, values: State): State {
  for (const [field, value] of Object.entries(values)) {
    const pointer = `/state/${field}`;
    if (!graph.reducers.has(field)) {
      const message = `state_schema has no property "${field}".`;
      throw new RuntimeError("INVALID", message, { pointer });
    }
    const wrong = graph.checks.get(field)?.(value);
    if (wrong) throw unfit(field, wrong);
  }
  return values;
}

function reduced(graph: StateFields, old: unknown, field: string, value: unknown): unknown {
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

function unfit(field: string, wrong: string): RuntimeError {
  return new RuntimeError(
    "OUTPUT_INVALID",
    `The state field "${field}" does not take this: ${wrong}`,
    {
      pointer: `/state/${field}`,
    },
  );
}
