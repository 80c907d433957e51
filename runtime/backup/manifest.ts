// What a backup says of itself: its last block. Types that a program of the runtime sees, and so none of
// Node's.

import type { Environment } from "../store/store.ts";

/** Version of the form of backups; a file of another one is refused. */
export const BACKUP_FORMAT = 1;

/** What an environment, or a file, has in a backup. */
export interface Contents {
  readonly rows: number;
  readonly bytes: number;
  /** Of all its bytes here, in hex. */
  readonly sha256: string;
}

/** The last block: what the file holds and where it comes from. */
export interface BackupManifest {
  readonly format: typeof BACKUP_FORMAT;
  /** Of the data folder's rows. */
  readonly folderFormat: number;
  /** Of the program that wrote it, and of its Node. */
  readonly version: string;
  readonly node: string;
  /** The moment of the snapshot, ISO 8601. */
  readonly at: string;
  readonly environments: Readonly<Partial<Record<Environment, Contents>>>;
  readonly files: Readonly<Record<string, Omit<Contents, "rows">>>;
  /** Names in the data folder that are not in the backup. */
  readonly leftOut: readonly string[];
}
