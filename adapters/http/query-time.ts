// Times of query parameters.

import { RuntimeError } from "../../runtime/errors.ts";

/** A parameter's time in ms since the epoch, null when it is not there. @throws INVALID. */
export function timeOf(query: URLSearchParams, name: string): number | null {
  const text = query.get(name);
  if (text === null) return null;
  const ms = Date.parse(text);
  if (Number.isFinite(ms) && ms >= 0) return ms;
  throw new RuntimeError("INVALID", `${name} must be a time in ISO 8601.`, { parameter: name });
}
