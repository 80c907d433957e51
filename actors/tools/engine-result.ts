// What a model is told of a command that has ended.

import type { CommandEnd } from "../engines/port.ts";
import { failure } from "./result.ts";

const why = {
  timeout: "It took longer than it may, and was ended.",
  output: "It wrote more than it may, and was ended.",
  json: "What it wrote is no JSON.",
} as const;

/** Its output; of one that did not go well a failure, with what there is of its output. */
export function resultOfCommand(end: CommandEnd): unknown {
  const { ok, fault, output, errors, exitCode } = end;
  if (ok && fault === null) return { output, ...(errors !== "" && { errors }) };
  const code = fault === "timeout" ? "DEADLINE" : "PROVIDER_FAILED";
  const said = fault === null ? `It ended with the code ${exitCode ?? end.signal}.` : why[fault];
  return { ...failure(code, said), output, errors };
}
