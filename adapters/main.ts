// The main thread's composition root: reads the configuration, builds the parts and wires them. It
// decides nothing else. `serve` runs until the process is told to stop.

import { RuntimeError } from "../runtime/errors.ts";
import { loadConfig } from "./config.ts";
import { createLog } from "./telemetry/log.ts";

/** Runs the server. Resolves to the exit code: 0 when stopped, 1 when it could not start. */
export async function serve(): Promise<number> {
  try {
    const config = await loadConfig();
    const secrets = config.providers.flatMap((one) => one.apiKey ?? []);
    const log = createLog({ level: config.logLevel, secrets });
    log.flush();
    return 0;
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    for (const line of error.message.split("\n")) process.stderr.write(`troupe: ${line}\n`);
    return 1;
  }
}
