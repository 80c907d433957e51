// The log of the process: one JSON line an event, on standard error, so that standard output keeps
// what is meant for people. Secrets are removed from the finished line, wherever they stood in it.

import { createRequire } from "node:module";
import type { Logger } from "pino";
import type { LogFields } from "../../runtime/log.ts";

const levels = ["trace", "debug", "info", "warn", "error", "fatal"] as const;

/** How severe a line is. */
export type Level = (typeof levels)[number];

/** What a log needs. */
export interface LogOptions {
  /** Least severe line that is written; "silent" for none. */
  readonly level: Level | "silent";
  /** Texts that must never be written: provider keys, the admin key. Short ones (< 8) are left out. */
  readonly secrets: readonly string[];
  /** Takes each line. Default: standard error. */
  readonly write?: (line: string) => void;
  /** Takes each line as well. Default: nobody. */
  readonly also?: (line: string) => void;
}

/** The process's log. */
export interface Log {
  write(level: Level, message: string, fields?: LogFields): void;
  /** A text without the secrets and keys that may stand in it. */
  redact(text: string): string;
  /** Adds a secret that became known later. */
  addSecret(secret: string): void;
  /** Writes what is still held; before the process exits. */
  flush(): void;
}

/** Bytes of lines held while standard error does not take them; past it lines are dropped. */
const HELD_BYTES_MAX = 4 * 1024 * 1024;
const SECRET_CHARS_MIN = 8;
const REDACTED = "[redacted]";
/** API keys of this server, and bearer tokens, whatever field they came in. */
const keyPattern = /\b(?:troupe_|admin_|sk-|Bearer )[A-Za-z0-9._~+/-]{16,}/g;

/** Opens the log. */
export function createLog(options: LogOptions): Log {
  const secrets = new Set<string>();
  const addSecret = (secret: string): void => {
    if (secret.length >= SECRET_CHARS_MIN) secrets.add(JSON.stringify(secret).slice(1, -1));
  };
  for (const secret of options.secrets) addSecret(secret);
  const redact = (line: string): string => {
    let clean = line;
    for (const secret of secrets) clean = clean.replaceAll(secret, REDACTED);
    return clean.replace(keyPattern, REDACTED);
  };
  const least = options.level === "silent" ? levels.length : levels.indexOf(options.level);
  let opened: Opened | undefined;
  return {
    write(level, message, fields = {}) {
      if (levels.indexOf(level) < least) return;
      opened ??= open(options, redact);
      opened.logger[level](fields, message);
    },
    redact,
    addSecret,
    flush: () => opened?.flush(),
  };
}

interface Opened {
  readonly logger: Logger;
  flush(): void;
}

/** A quiet server never gets here, so the library is loaded with the first line, at once. */
function open(options: LogOptions, redact: (line: string) => string): Opened {
  const library = createRequire(import.meta.url)("pino") as typeof import("pino");
  const out = options.write
    ? { write: options.write, flushSync: () => undefined }
    : library.destination({ dest: 2, sync: false, minLength: 0, maxLength: HELD_BYTES_MAX });
  const { also } = options;
  const both = (line: string): void => {
    out.write(line);
    also?.(line);
  };
  const logger = library.pino(
    {
      level: options.level,
      base: null,
      timestamp: library.stdTimeFunctions.isoTime,
      hooks: { streamWrite: redact },
    },
    also === undefined ? out : { write: both },
  );
  return { logger, flush: () => out.flushSync() };
}
