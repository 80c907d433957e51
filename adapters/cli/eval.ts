// `troupe eval routing|retrieval`: how good are the answers' places, on labelled files of the user's.

import { RuntimeError } from "../../runtime/errors.ts";

/** Runs the evaluation that is named. Exit code 1 when it cannot be made. */
export async function run(args: readonly string[]): Promise<number> {
  const [kind, ...rest] = args;
  try {
    if (kind === "routing") return await (await import("./eval-routing.ts")).evaluate(rest);
    if (kind === "retrieval") return await (await import("./eval-retrieval.ts")).evaluate(rest);
    throw new RuntimeError("INVALID", "say what to evaluate: routing or retrieval");
  } catch (error) {
    console.error(`troupe eval: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}
