// `troupe eval`: how good are answers, on a data set over a running server; and `troupe eval
// routing|retrieval|guard`: how good are the answers' places, on labelled files of the user's.

import { RuntimeError } from "../../runtime/errors.ts";

/** Runs the evaluation that is named. Exit code 1 when it cannot be made. */
export async function run(args: readonly string[]): Promise<number> {
  const [kind, ...rest] = args;
  try {
    if (kind === "routing") return await (await import("./eval-routing.ts")).evaluate(rest);
    if (kind === "retrieval") return await (await import("./eval-retrieval.ts")).evaluate(rest);
    if (kind === "guard") return await (await import("./eval-guard.ts")).evaluate(rest);
    if (kind !== undefined) return await (await import("./eval-run.ts")).evaluate(args);
    const what = "routing, retrieval, guard, or a data set with --target";
    throw new RuntimeError("INVALID", `say what to evaluate: ${what}`);
  } catch (error) {
    console.error(`troupe eval: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}
