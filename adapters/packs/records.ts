// How packs lie in the tenant's tables: what a pack has made and is known by, and each version of it as it
// was applied. Versions are bounded; no secret is in any of them.
//
//   packs           pk      PackRow
//   packs-by-name   name    {id}: a name is a pack's alone
//   pack-versions   pk.n    PackVersion

import type { Fields } from "./kinds/kind.ts";
import type { PackSource } from "./pack-source.ts";

/** Names of the tables above, and the counter of a tenant's packs. */
export const packTables = {
  packs: "packs",
  names: "packs-by-name",
  versions: "pack-versions",
  counter: "packs",
} as const;

/** A record that a pack made. */
export interface OwnedObject {
  /** Section of its kind. */
  readonly section: string;
  readonly id: string;
  readonly parts: Readonly<Record<string, string>>;
  /** Documents of a collection: what was sent, and what was stored, as hashes. */
  readonly documents?: Readonly<Record<string, DocumentMark>>;
}

/** A document as it was applied. */
export interface DocumentMark {
  readonly sent: string;
  /** The `content_hash` that the collection had it under. */
  readonly stored: string;
}

/** A pack. Times ISO. */
export interface PackRow {
  readonly id: string;
  readonly name: string;
  readonly label: string | null;
  readonly description: string | null;
  /** Grows with every apply that changed something, and with every rollback. */
  readonly version: number;
  readonly versions: readonly VersionMark[];
  readonly objects: Readonly<Record<string, OwnedObject>>;
  /** Names the apply that wrote the row. */
  readonly applied: string;
  readonly created_at: string;
  readonly updated_at: string;
}

/** A kept version. */
export interface VersionMark {
  readonly version: number;
  readonly label: string | null;
  readonly at: string;
  /** The version it repeats, of a rollback. */
  readonly restored: number | null;
}

/** What a version was. */
export interface PackVersion {
  readonly source: PackSource;
  /** Records as they were made, as they are shown. */
  readonly fields: Readonly<Record<string, Fields>>;
}
