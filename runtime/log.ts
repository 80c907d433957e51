// The port through which the runtime says what an operator should know. Implementations live in
// adapters/; a worker's entries travel to main and are written there, so that lines never mix.

/** Importance, least first. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** Particulars of an entry: plain data, never a secret. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Where entries go. `message` is a constant sentence; what varies is in `fields`. */
export interface Log {
  write(level: LogLevel, message: string, fields?: LogFields): void;
}

/** Says nothing. */
export const silentLog: Log = { write: () => undefined };
