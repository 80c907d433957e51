// `troupe start`: runs the server in this process until it is told to stop.

import { serve } from "../main.ts";

/**
 * Ends the process when the server has stopped (exit code 0) or could not start (1). It would not end by
 * itself after a hand-over: what joins it with the process before or after it is still open.
 */
export async function run(): Promise<never> {
  process.exit(await serve());
}
