// Takes an account's own secrets out of what is said of it: a platform may repeat them in an error, a
// library in a message.

import type { Log, LogFields } from "../../runtime/log.ts";

/** Shorter ones are no secrets, and would take words apart. */
const CHARS_MIN = 6;

/** What hides them. */
export type Hide = (text: string) => string;

/** Hides whatever of `secrets` stands in a text. */
export function hiding(secrets: readonly string[]): Hide {
  const all = secrets
    .flatMap((secret) => [secret, ...secret.split(/\s+/)])
    .filter((secret) => secret.length >= CHARS_MIN)
    .sort((a, b) => b.length - a.length);
  if (all.length === 0) return (text) => text;
  return (text) => all.reduce((said, secret) => said.replaceAll(secret, "***"), text);
}

/** A log that says of which account, and none of its secrets. */
export function hidingLog(log: Log, account: string, hide: Hide): Log {
  return {
    write: (level, message, fields = {}) =>
      log.write(level, hide(message), { ...(hidden(fields, hide, 0) as LogFields), account }),
  };
}

function hidden(value: unknown, hide: Hide, depth: number): unknown {
  if (typeof value === "string") return hide(value);
  if (value instanceof Error) return hide(value.message);
  if (typeof value !== "object" || value === null || depth > 4) return value;
  if (Array.isArray(value)) return value.map((item) => hidden(item, hide, depth + 1));
  const members = Object.entries(value);
  return Object.fromEntries(members.map(([name, item]) => [name, hidden(item, hide, depth + 1)]));
}

/** The text with whole characters only: storage takes no half of a surrogate pair. */
export function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, "\ufffd");
}
