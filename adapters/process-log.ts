// The log of a server's process, by its settings.

import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { RuntimeError } from "../runtime/errors.ts";
import type { Config } from "./config.ts";
import { createLog, type Log } from "./telemetry/log.ts";
import type { RotatingFile } from "./telemetry/rotating-file.ts";

/** It, and what ends it. */
export interface ProcessLog {
  readonly log: Log;
  /** Lines that its file did not take; undefined: it has none. */
  dropped(): number | undefined;
  /** Writes what is held; before the process exits. */
  end(): Promise<void>;
}

/**
 * Opens it, and says what of the settings has no effect.
 * @throws CONFIG_INVALID when its file cannot be written.
 */
export async function processLog(config: Config): Promise<ProcessLog> {
  const { adminKey, providers, logLevel, unused, logs } = config;
  const secrets = [adminKey, ...providers.flatMap(({ apiKeys }) => apiKeys)];
  const file = logs.file === null ? null : await fileOf(logs.file, logs, () => log);
  const log: Log = createLog({
    level: logLevel,
    secrets: secrets.flatMap((secret) => secret ?? []),
    ...(file !== null && { also: (line: string) => file.write(line) }),
  });
  if (unused.length > 0) {
    log.write("warn", "Variables that are set have no effect.", { variables: unused });
  }
  const stop = file === null ? () => undefined : await lookedAt(file);
  const end = async (): Promise<void> => {
    stop();
    log.flush();
    await file?.end();
  };
  return { log, dropped: () => file?.dropped(), end };
}

/** What engines tell main of runs. */
export function toldOf({ logs, telemetry }: Pick<Config, "logs" | "telemetry">) {
  if (logs.agents !== null) return "all";
  const { otlp, traces } = telemetry;
  return otlp.endpoint === null && traces.runsMax === 0 ? undefined : "ends";
}

/** Loaded where there is one. */
async function fileOf(
  path: string,
  { fileBytesMax: bytesMax, filesMax }: Config["logs"],
  log: () => Log,
): Promise<RotatingFile> {
  try {
    mkdirSync(dirname(path), { recursive: true });
    closeSync(openSync(path, "a"));
  } catch (error) {
    throw unwritable(path, error as Error);
  }
  const { createRotatingFile } = await import("./telemetry/rotating-file.ts");
  const failed = (_: string, { message: why }: Error): void =>
    log().write("error", "The server's log file cannot be written.", { path, why });
  return createRotatingFile({ path, bytesMax, filesMax, failed });
}

async function lookedAt(file: RotatingFile): Promise<() => void> {
  const { lookAgain } = await import("./file-looks.ts");
  return lookAgain(
    () => file.look(),
    () => undefined,
  );
}

const unwritable = (path: string, cause: Error): RuntimeError =>
  new RuntimeError(
    "CONFIG_INVALID",
    `logs.file: ${path} cannot be written: ${cause.message}`,
    {},
    { cause },
  );
