// A run whose code is loaded when one of its kind is first called: most servers have no team and no
// workflow, and each file is half a millisecond of every worker's start.

import { type Data, defineRun, type RunDefinition } from "../runtime/actor.ts";

/** A definition of `kind` that stands in for the one that `load` gives. */
export function laterRun(
  kind: string,
  load: () => Promise<RunDefinition<never, Data, never>>,
): RunDefinition {
  return defineRun({
    kind,
    run: async (input, context) => (await load()).run(input as never, context as never),
  });
}
