// How the chain of a tenant lies in its tables:
//
//   audit            au_...      AuditRow as it arrived, not yet chained (actors/records/audit.ts)
//   audit-log        n           ChainEntry
//   audit-content    n           AuditContent, until it is erased
//   audit-index      f.value.n   finds entries by a field, in order
//   audit-chain      head        ChainHead: the last entry
//                    anchor      ChainPlace of the last entry that was trimmed

import { createHash } from "node:crypto";
import type { ChainedRow, ChainPlace } from "./chain.ts";
import { NO_HASH } from "./chain.ts";

/** Names of the tables above. */
export const logTables = {
  entries: "audit-log",
  contents: "audit-content",
  index: "audit-index",
  chain: "audit-chain",
} as const;

/** Ids of the chain's two rows. */
export const chainRows = { head: "head", anchor: "anchor" } as const;

/** The last entry of a chain. */
export interface ChainHead extends ChainPlace {
  readonly chained_at: string;
}

/** Of a chain that has no entry. */
export const emptyHead: ChainHead = { n: 0, hash: NO_HASH, chained_at: "" };

const DIGITS = 15;

/** Id of an entry: its number, which sorts. */
export const entryId = (n: number): string => String(n).padStart(DIGITS, "0");

/** Fields that have an index, each with its letter. */
export const indexed = { action: "a", by: "b", subject: "s", run_id: "r", outcome: "o" } as const;

/** A field that has one. */
export type IndexedField = keyof typeof indexed;

const PLAIN = /^[A-Za-z0-9_:-]{1,64}$/;

/** What index rows of a value begin with. */
export function indexPrefix(field: IndexedField, value: string): string {
  const hash = () => `#${createHash("sha256").update(value).digest("hex").slice(0, 32)}`;
  // A point ends the value: "agent.update" is written with a comma.
  const part = value.replaceAll(".", ",");
  const isPlain = PLAIN.test(value.replaceAll(".", ""));
  return `${indexed[field]}.${isPlain ? part : hash()}.`;
}

/** Ids of the index rows of an entry. */
export function indexIds(row: ChainedRow, n: number): readonly string[] {
  return (Object.keys(indexed) as IndexedField[]).flatMap((field) => {
    const value = row[field] ?? null;
    // Nearly all are done: nobody looks for them by that.
    if (value === null || value === "" || value === "done") return [];
    return [`${indexPrefix(field, value)}${entryId(n)}`];
  });
}
