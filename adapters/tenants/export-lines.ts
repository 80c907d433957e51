// Everything that a tenant has, as JSON lines (README.md beside it says which): written from one snapshot, a
// row at a time, and closed by a line with counts and a checksum, so that one that was cut is known.

import { createHash } from "node:crypto";
import { type ApiKey, systemTables, systemTenant } from "../../actors/records/api-key.ts";
import { type AuditRow, auditTable } from "../../actors/records/audit.ts";
import { readTenant, type StoredTenant } from "../../actors/records/tenant.ts";
import { tokenTables } from "../../actors/records/token.ts";
import type { Snapshot } from "../../runtime/backup/snapshot.ts";
import { type TenantPart, tableRows, tenantParts } from "../../runtime/backup/tenant-parts.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { AuditContent, ChainEntry } from "../audit/chain.ts";
import { logTables } from "../audit/log-tables.ts";
import { exported, exportedKey } from "./export-values.ts";

/** Version of the lines. */
export const EXPORT_FORMAT = 1;
/** Text that is given on at once, unless one line is longer. */
const PIECE_CHARS = 64 * 1024;

/** What an export is made of. */
export interface ExportSource {
  readonly snapshot: Snapshot;
  readonly tenant: string;
  /** Of the program. */
  readonly version: string;
  /** Without what the operator's audit tells of the tenant. Default: with it. */
  readonly isForOwner?: boolean | undefined;
}

/** Tables that say nothing of what a tenant has: what proves who somebody is, and what answers a repeated request. */
const leftOut: ReadonlySet<string> = new Set([
  ...[tokenTables.secrets, tokenTables.states, tokenTables.links],
  ...["idempotency", "idempotency-due", logTables.index],
]);

/**
 * The export as pieces of text of about 64 KiB.
 * @throws NOT_FOUND when there is no such tenant.
 */
export function* exportPieces(source: ExportSource): Iterable<string> {
  const sum = createHash("sha256");
  const counts: Record<string, number> = {};
  let piece = "";
  for (const { kind, ...rest } of linesOf(source)) {
    counts[kind] = (counts[kind] ?? 0) + 1;
    piece += `${lineText({ kind, ...rest })}\n`;
    if (piece.length < PIECE_CHARS) continue;
    sum.update(piece);
    yield piece;
    piece = "";
  }
  sum.update(piece);
  const lines = Object.values(counts).reduce((all, count) => all + count, 0);
  yield `${piece}${JSON.stringify({ kind: "end", lines, counts, sha256: sum.digest("hex") })}\n`;
}

/** What some readers take for the end of a line is escaped. */
function lineText(line: Line): string {
  return JSON.stringify(line).replace(/[\u2028\u2029]/g, (end) =>
    end === "\u2028" ? "\\u2028" : "\\u2029",
  );
}

interface Line {
  readonly kind: string;
  readonly [field: string]: unknown;
}

function* linesOf(source: ExportSource): Iterable<Line> {
  const { snapshot, tenant, version } = source;
  yield {
    ...{ kind: "export", format: EXPORT_FORMAT, version, at: snapshot.at.toISOString() },
    tenant: readTenant(tenantRow(source)),
  };
  yield* keyLines(source);
  for (const part of tenantParts(snapshot, tenant)) {
    if (part.kind !== "record" || !leftOut.has(part.of)) yield lineOf(tenant, part);
  }
  if (source.isForOwner !== true) yield* operatorLines(source);
}

function tenantRow({ snapshot, tenant }: ExportSource): StoredTenant {
  for (const { id, value } of tableRows(snapshot, systemTenant, systemTables.tenants)) {
    if (id === tenant) return value as StoredTenant;
  }
  throw new RuntimeError("NOT_FOUND", `There is no tenant ${tenant.slice(0, 64)}.`);
}

function* keyLines({ snapshot, tenant }: ExportSource): Iterable<Line> {
  const used = new Map<string, number>();
  const own = new Map<string, ApiKey>();
  for (const { id, value } of tableRows(snapshot, systemTenant, systemTables.apiKeys)) {
    if ((value as ApiKey).tenant === tenant) own.set(id, value as ApiKey);
  }
  for (const { id, value } of tableRows(snapshot, systemTenant, systemTables.keysUsed)) {
    if (own.has(id)) used.set(id, Number(value));
  }
  for (const [id, key] of own) {
    yield { kind: "key", id, value: exportedKey(key, used.get(id) ?? null) };
  }
}

function lineOf(tenant: string, { kind, of, id, value: stored }: TenantPart): Line {
  const value = exported(tenant, kind === "record" ? of : "", stored);
  switch (kind) {
    case "record":
      return { kind, table: of, id, value };
    case "actor-record":
      return of.startsWith("conversation:") && /^m\d+$/.test(id)
        ? { kind: "message", conversation: of.slice(of.indexOf("/") + 1), value }
        : { kind, actor: of, id, value };
    case "actor":
    case "inbox":
    case "reminder":
      return { kind, actor: of, ...(id === "" ? {} : { id }), value };
    case "run":
      return { kind, id, value };
    case "run-log":
      return { kind, run: of, chunk: Number(id), value };
    case "document":
      return { kind, collection: of, id, value };
    default:
      return { kind, ...(of === "" ? {} : { of }), id, value };
  }
}

/** What the audit of the operator tells of the tenant: what was done to it, to its keys and its balance. */
function* operatorLines({ snapshot, tenant }: ExportSource): Iterable<Line> {
  const isOf = ({ subject, details }: Pick<AuditRow, "subject" | "details">): boolean =>
    subject === tenant || details["tenant"] === tenant;
  const numbers = new Set<string>();
  for (const { id, value } of tableRows(snapshot, systemTenant, logTables.entries)) {
    const { row } = value as ChainEntry;
    if (!isOf(row)) continue;
    numbers.add(id);
    yield { kind: "operator-act", id: row.id, value: exported(tenant, "", row) };
  }
  for (const { id, value } of tableRows(snapshot, systemTenant, logTables.contents)) {
    if (!numbers.has(id)) continue;
    const { before, after } = value as AuditContent;
    yield { kind: "operator-act-content", id, value: exported(tenant, "", { before, after }) };
  }
  for (const { value } of tableRows(snapshot, systemTenant, auditTable)) {
    const row = value as AuditRow;
    if (isOf(row)) yield { kind: "operator-act", id: row.id, value: exported(tenant, "", row) };
  }
}
