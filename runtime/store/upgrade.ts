// A data folder of an older format becomes one of this version's, in place, before anybody reads it: one
// step for each format since, each row in slices. A slice and how far it is are one transaction, so that a
// start that is cut goes on where it was, and no row is changed twice. Loaded where there is something to do.

import { decode, encode } from "./codec.ts";
import type { Header } from "./folder.ts";
import { keys } from "./keys.ts";
import type { Environment } from "./store.ts";

/** From one format to the next. */
export interface UpgradeStep {
  /** The format it leads to, from the one before. */
  readonly to: number;
  /** What has changed, for who reads this file. */
  readonly what: string;
  /**
   * The row as it is from then on: the same bytes, others, or null to remove it. It is called once for each
   * row that is stored, in order of keys, and sees the bytes as they lie there. Absent: no row changes.
   */
  readonly row?: (environment: Environment, key: string, value: Uint8Array) => Uint8Array | null;
}

/** Every step, in order. A new format adds one, and a folder of the format before as a fixture. */
export const upgradeSteps: readonly UpgradeStep[] = [
  { to: 4, what: "The header says from which formats its environment was upgraded, and when." },
];

/** Rows of one transaction. */
const SLICE_ROWS = 1_000;

/** A header in the middle of a step. */
interface Upgrading extends Header {
  /** Rows up to this key have been through the step that leads to this format. */
  readonly upgrading?: { readonly to: number; readonly after: string };
}

/** What is used of an environment that is open for writing. */
export interface Upgradable {
  getRange(range: {
    readonly start: string;
    readonly limit: number;
  }): Iterable<{ readonly key: string; readonly value: Uint8Array }>;
  getBinary(key: string): Uint8Array | undefined;
  /** One transaction; what is thrown in it leaves nothing. */
  transactionSync(write: () => void): void;
  putSync(key: string, value: Uint8Array): unknown;
  removeSync(key: string): unknown;
  /** What was written is on the disk. */
  readonly flushed: Promise<unknown>;
  resetReadTxn(): void;
}

/**
 * Brings an environment to this version's format; one that has it, or is new, is left alone.
 * @throws what a step throws: the environment is as far as the last whole slice then.
 */
export async function upgrade(
  database: Upgradable,
  { steps = upgradeSteps, nowMs = Date.now() }: UpgradeOptions = {},
): Promise<void> {
  for (const step of steps) {
    const header = headerOf(database);
    if (header === null || header.format >= step.to) continue;
    while (slice(database, step)) {
      // Each is a transaction of its own.
    }
    const { upgrading: _, format: from, ...rest } = headerOf(database) ?? header;
    const upgraded = [...(rest.upgraded ?? []), { from, atMs: nowMs }];
    const next: Header = { ...rest, format: step.to, upgraded };
    database.transactionSync(() => database.putSync(keys.header, encode(next)));
  }
  await database.flushed;
  database.resetReadTxn();
}

/** For tests. */
export interface UpgradeOptions {
  /** Default: those of this version. */
  readonly steps?: readonly UpgradeStep[];
  readonly nowMs?: number;
}

/** Changes the next rows. @returns whether there may be more. */
function slice(database: Upgradable, { to, row }: UpgradeStep): boolean {
  const header = headerOf(database);
  if (header === null || row === undefined) return false;
  const after = header.upgrading?.to === to ? header.upgrading.after : "";
  const rows = [...database.getRange({ start: `${after} `, limit: SLICE_ROWS })];
  const last = rows.at(-1);
  if (last === undefined) return false;
  database.transactionSync(() => {
    // How much a tenant has stored is counted anew: its sums are of the rows as they were.
    database.removeSync(keys.counted);
    for (const { key, value } of rows) {
      if (key === keys.header || key === keys.counted) continue;
      const next = row(header.environment, key, value);
      if (next === null) database.removeSync(key);
      else if (next !== value) database.putSync(key, next);
    }
    const upgrading = { to, after: last.key };
    database.putSync(keys.header, encode({ ...header, upgrading } satisfies Upgrading));
  });
  return rows.length === SLICE_ROWS;
}

function headerOf(database: Upgradable): Upgrading | null {
  const stored = database.getBinary(keys.header);
  return stored === undefined ? null : (decode(stored) as Upgrading);
}
