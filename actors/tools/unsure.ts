// What is said of a call of which nobody knows whether it happened.

import type { Repeat } from "../../runtime/actor.ts";
import { RuntimeError } from "../../runtime/errors.ts";

/** For whoever would make the call again. */
export const MAY_HAVE_HAPPENED =
  "It may have happened and was not repeated: find out before you call it again.";

/** After these nobody knows what the other side has done. */
const cut: ReadonlySet<string> = new Set(["DEADLINE", "PROVIDER_UNAVAILABLE"]);

/** The error, which says so where the call may have happened and was not made again. */
export function unsure(error: unknown, repeat: Repeat): unknown {
  if (!(error instanceof RuntimeError) || !cut.has(error.code) || repeat === "safe") return error;
  const { code, message, details } = error;
  return new RuntimeError(code, `${message} ${MAY_HAVE_HAPPENED}`, details, { cause: error });
}
