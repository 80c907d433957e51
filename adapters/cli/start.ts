// `troupe start`: runs the server in this process until it is told to stop.

import { serve } from "../main.ts";

/** Resolves when the server has stopped (exit code 0) or could not start (1). */
export function run(): Promise<number> {
  return serve();
}
