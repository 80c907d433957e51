// The port of engines of a run.

import { RuntimeError } from "../../runtime/errors.ts";
import type { Ports } from "../ports.ts";
import type { Engines } from "./port.ts";

/** @throws NOT_FOUND where there is none, as in a replay. */
export function enginesOf({ engines }: Pick<Ports, "engines">): Engines {
  if (engines !== undefined) return engines;
  throw new RuntimeError("NOT_FOUND", "There are no engines here.");
}
