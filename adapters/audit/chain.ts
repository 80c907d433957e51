// The chain: what an entry is, and how each holds the one before. Whoever changes, drops, moves or adds an
// entry changes a hash that the next one has. With a key there is a code (HMAC) beside each hash, so that
// who has the file alone cannot make the whole chain anew.

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { AuditFields, AuditRow } from "../../actors/records/audit.ts";
import { canonicalHash } from "./canonical.ts";

/** What the first entry has for the one before. */
export const NO_HASH = "0".repeat(64);

/** Where a chain stands: `n` counts from 1; 0 and `NO_HASH` is an empty one. */
export interface ChainPlace {
  readonly n: number;
  /** SHA-256, hex. */
  readonly hash: string;
}

/** The part of a row that can be erased; the chain has its SHA-256. */
export interface AuditContent {
  /** Random, so that an erased content cannot be found by trying. */
  readonly salt: string;
  readonly before: AuditFields | null;
  readonly after: AuditFields | null;
}

/** A row as it is hashed. */
export type ChainedRow = Omit<AuditRow, "before" | "after" | "tenant"> & {
  /** SHA-256 of the canonical content; null: it has none. */
  readonly content: string | null;
};

/** One entry. */
export interface ChainEntry extends ChainPlace {
  /** Hash of the entry before. */
  readonly prev: string;
  /** HMAC-SHA-256 of the hash under the key of that id, hex; null: no key was there. */
  readonly mac: string | null;
  readonly key: string | null;
  /** ISO 8601; never before that of the entry before. */
  readonly chained_at: string;
  readonly row: ChainedRow;
}

/** Of the last entry that was trimmed: what stays follows it. */
export type ChainAnchor = Omit<ChainEntry, "row" | "prev">;

/** A key that entries are signed by. */
export interface ChainKey {
  readonly id: string;
  readonly bytes: Uint8Array;
}

/** The hash of an entry: of the tenant, its number, the hash before, its time and its row. */
export function hashOfEntry(
  tenant: string,
  { n, prev, chained_at, row }: Pick<ChainEntry, "n" | "prev" | "chained_at" | "row">,
): string {
  return canonicalHash({ tenant, n, prev, chained_at, row });
}

/** The code of a hash. */
export function macOf(key: ChainKey, hash: string): string {
  return createHmac("sha256", key.bytes).update(hash).digest("hex");
}

/** Compares in a time that does not tell how much was right. */
export function isMacOf(key: ChainKey, { hash, mac }: Pick<ChainEntry, "hash" | "mac">): boolean {
  const right = Buffer.from(macOf(key, hash));
  const given = Buffer.from(mac ?? "");
  return given.length === right.length && timingSafeEqual(given, right);
}

/** A row apart from what can be erased of it. */
export function splitRow(row: AuditRow): {
  readonly row: ChainedRow;
  readonly content: AuditContent | null;
} {
  const { before = null, after = null, tenant: _, ...rest } = row;
  if (before === null && after === null) return { row: { ...rest, content: null }, content: null };
  const content = { salt: randomBytes(16).toString("hex"), before, after };
  return { row: { ...rest, content: canonicalHash(content) }, content };
}

/** The entry that follows a place. */
export function nextEntry(
  tenant: string,
  last: ChainPlace & { readonly chained_at: string },
  of: { readonly row: ChainedRow; readonly nowMs: number; readonly key: ChainKey | null },
): ChainEntry {
  const now = new Date(of.nowMs).toISOString();
  const isBack = now < last.chained_at;
  const body = {
    n: last.n + 1,
    prev: last.hash,
    chained_at: isBack ? last.chained_at : now,
    row: of.row,
  };
  const hash = hashOfEntry(tenant, body);
  const { key } = of;
  return { ...body, hash, mac: key && macOf(key, hash), key: key?.id ?? null };
}
