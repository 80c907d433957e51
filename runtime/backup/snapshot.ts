// Both environments of a data folder as they were at one moment, while others write to them.

import { existsSync } from "node:fs";
import { RuntimeError } from "../errors.ts";
import { prefixRange } from "../store/keys.ts";
import { environmentFile, READERS_MAX } from "../store/lmdb.ts";
import { open, type RootDatabase } from "../store/lmdb-library.ts";
import type { Seals, ValueSeals } from "../store/sealed-rows.ts";
import type { Environment, Row } from "../store/store.ts";

/** Times that a moment without a commit is looked for; one is between most commits. */
const ATTEMPTS_MAX = 10_000;
/** Sorts before every key. */
const FIRST = "\u0000";

/** One environment in the snapshot. */
export interface SnapshotPart {
  readonly environment: Environment;
  readonly rows: number;
  /** Pages in use, in bytes: what its rows take at most. */
  readonly bytes: number;
  /** Its rows in the order of their keys. The event loop is the caller's to let in between. */
  all(): Iterable<Row>;
  /** Those whose keys begin with `prefix`, likewise, read as they are asked for and opened. */
  under(prefix: string): Iterable<Row>;
  get(key: string): Uint8Array | undefined;
}

/** A moment that is held: what is freed since then is not used again until it is closed. */
export interface Snapshot {
  readonly parts: readonly SnapshotPart[];
  readonly at: Date;
  close(): Promise<void>;
}

/** How it is read. */
export interface SnapshotOptions {
  /** Opens what `under` and `get` find; `all` gives rows as they are stored. */
  readonly seals?: Seals | undefined;
  /** For tests: called between the two snapshots of an attempt, a commit can be made to lie there. */
  readonly between?: (attempt: number) => void;
}

type Database = RootDatabase<Uint8Array, string>;
type Held = ReturnType<Database["useReadTransaction"]>;

/**
 * Holds what is committed now. A turn's rows and the documents it speaks of lie in two environments, so
 * both must be of one moment: a commit of `hot` says what was done in `bulk` before, and what is
 * removed from `bulk` was let go by a commit of `hot` before. So neither may be newer than the other. It
 * is one moment when no commit of `hot` lies between the two snapshots, which its count of transactions
 * tells; else they are taken anew. No writer is held up.
 * @throws STORE_FAILED when commits leave no moment between them.
 */
export async function openSnapshot(
  path: string,
  { between, seals }: SnapshotOptions = {},
): Promise<Snapshot> {
  const hot = openReading(path, "hot");
  const bulk = existsSync(environmentFile(path, "bulk")) ? openReading(path, "bulk") : null;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const before = transactionOf(hot);
    const parts = [hold("hot", hot, seals?.hot)];
    between?.(attempt);
    if (bulk !== null) parts.push(hold("bulk", bulk, seals?.bulk));
    if (transactionOf(hot) === before) {
      return {
        parts: parts.map(({ part }) => part),
        at: new Date(),
        close: async () => {
          for (const { held } of parts) held.done();
          await Promise.all([hot.close(), bulk?.close()]);
        },
      };
    }
    for (const { held } of parts) held.done();
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new RuntimeError("STORE_FAILED", "The store is never still enough for a snapshot.");
}

function openReading(path: string, environment: Environment): Database {
  return open<Uint8Array, string>({
    path: environmentFile(path, environment),
    encoding: "binary",
    readOnly: true,
    maxReaders: READERS_MAX,
  });
}

function hold(
  environment: Environment,
  database: Database,
  seals: ValueSeals | undefined,
): { readonly held: Held; readonly part: SnapshotPart } {
  database.resetReadTxn();
  const held = database.useReadTransaction();
  const stats = database.getStats() as Stats;
  const pages = stats.treeBranchPageCount + stats.treeLeafPageCount + stats.overflowPages;
  const part: SnapshotPart = {
    ...{ environment, rows: stats.entryCount, bytes: pages * stats.pageSize },
    all: () => database.getRange({ start: FIRST, transaction: held }),
    under: (prefix) => {
      const { from: start, to: end } = prefixRange(prefix, 1);
      return opened(database.getRange({ start, end, transaction: held }), seals);
    },
    get: (key) => {
      const range = { start: key, end: `${key} `, limit: 1, transaction: held };
      for (const { value } of opened(database.getRange(range), seals)) return value;
      return undefined;
    },
  };
  return { held, part };
}

function* opened(rows: Iterable<Row>, seals: ValueSeals | undefined): Iterable<Row> {
  for (const { key, value } of rows) yield { key, value: seals?.open(key, value) ?? value };
}

const transactionOf = (database: Database): number => (database.getStats() as Stats).lastTxnId;

interface Stats {
  readonly lastTxnId: number;
  readonly entryCount: number;
  readonly pageSize: number;
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
}
