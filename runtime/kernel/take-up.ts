// What a kernel does with shards it is given: open runs first, so that messages find them, then the
// inboxes, then what is due. What comes for a shard meanwhile waits (shards.ts).

import type { Data } from "../actor.ts";
import { SHARDS } from "../address.ts";
import { decode } from "../store/codec.ts";
import { addressOfKey, keys, prefixRange, shardOfKey } from "../store/keys.ts";
import type { Row } from "../store/store.ts";
import type { Engine } from "./engine.ts";

/** Rows of one page of open runs. */
const SCAN_ROWS = 1_000;
/**
 * Rows of one page of inboxes. A page is one snapshot, and within a snapshot no message is seen
 * without those its sender sent before; over several pages one could be.
 */
const INBOX_ROWS = 20_000;
/** Up to so many shards are looked into one by one. */
const FEW_SHARDS = 32;

/** Families that are kept by shard and looked into when a shard is taken. */
interface Occupied {
  readonly runs: ReadonlySet<number>;
  readonly inboxes: ReadonlySet<number>;
  readonly reminders: ReadonlySet<number>;
}

/** Takes up what is stored of these shards; each is told to `taken` when it is ready. */
export async function takeUp(
  engine: Engine,
  shards: ReadonlySet<number>,
  taken: (shard: number) => void,
): Promise<void> {
  await engine.quarantine.read(shards);
  const isFew = shards.size <= FEW_SHARDS;
  const occupied: Occupied = {
    runs: isFew ? shards : await occupiedBy(engine, keys.openRunsOf),
    inboxes: isFew ? shards : await occupiedBy(engine, keys.inboxShard),
    reminders: isFew ? shards : await occupiedBy(engine, keys.remindersDueOf),
  };
  for (const shard of shards) {
    if (occupied.runs.has(shard)) await resumeRuns(engine, shard);
    if (occupied.inboxes.has(shard)) await scanInbox(engine, shard);
    if (occupied.reminders.has(shard)) await engine.reminders.look(shard);
    else engine.reminders.begin(shard);
    taken(shard);
  }
}

/** Hands over the messages of a shard's inboxes that do not wait in memory yet. */
export async function scanInbox(engine: Engine, shard: number): Promise<void> {
  const inbox = keys.inboxShard(shard);
  for await (const row of pages(engine, inbox, INBOX_ROWS)) {
    const to = addressOfKey(row.key);
    engine.actors.found(to, row);
  }
}

/**
 * Shards that have rows of a family, found by jumping from one to the next: most are empty, and
 * looking into each would be most of a start. What is stored from here on comes with a wake-up.
 */
async function occupiedBy(
  engine: Engine,
  prefixOf: (shard: number) => string,
): Promise<ReadonlySet<number>> {
  const found = new Set<number>();
  const { to } = prefixRange(prefixOf(SHARDS - 1), 1);
  for (let shard = 0; shard < SHARDS; ) {
    const [row] = await engine.committer.range({ from: prefixOf(shard), to, limit: 1 });
    if (row === undefined) break;
    shard = shardOfKey(row.key);
    found.add(shard);
    shard += 1;
  }
  return found;
}

async function resumeRuns(engine: Engine, shard: number): Promise<void> {
  const marks = keys.openRunsOf(shard);
  for await (const row of pages(engine, marks, SCAN_ROWS)) {
    const [tenant = "", id = ""] = row.key.slice(marks.length).split("/");
    try {
      await engine.runs.resume(shard, tenant, id, decode(row.value) as { input?: Data });
    } catch {
      // A damaged run must not keep its shard from being served; it stays as it is stored.
      engine.metrics.count("rowsUnreadable");
    }
  }
}

async function* pages(engine: Engine, prefix: string, limit: number): AsyncGenerator<Row> {
  const range = prefixRange(prefix, limit);
  for (let from = range.from; ; ) {
    const rows = await engine.committer.range({ ...range, from });
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < limit) return;
    from = `${last.key}!`;
  }
}
