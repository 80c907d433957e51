// The log of a server's process, by its settings.

import type { Config } from "./config.ts";
import { createLog, type Log } from "./telemetry/log.ts";

/** Opens it, and says what of the settings has no effect. */
export function processLog({ adminKey, providers, logLevel, unused }: Config): Log {
  const secrets = [adminKey, ...providers.flatMap(({ apiKeys }) => apiKeys)];
  const log = createLog({
    level: logLevel,
    secrets: secrets.flatMap((secret) => secret ?? []),
  });
  if (unused.length > 0) {
    log.write("warn", "Variables that are set have no effect.", { variables: unused });
  }
  return log;
}
