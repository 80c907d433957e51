// Brings a tenant's work to rest in one kernel, and lets it go on. What is stored stays where it is, so
// that resuming is what a start does, of that tenant alone: open runs, then inboxes, then what is due.

import type { Data } from "../actor.ts";
import { decode } from "../store/codec.ts";
import { addressOfKey, keys, prefixRange } from "../store/keys.ts";
import type { Row } from "../store/store.ts";
import type { Engine } from "./engine.ts";
import { suspendedError } from "./suspended.ts";

/** Rows of one page of a shard. */
const PAGE_ROWS = 1_000;

/**
 * Brings everything of a tenant to rest that is said to be suspended, so that no turn begins and nothing
 * is taken any more: runs stop at their
 * step boundaries, and a step that is still performed after `graceMs` is cut and counts as unfinished.
 * Resolves when nothing of it is in memory and what it has written is committed; until then it must not
 * be resumed.
 */
export async function suspendTenant(
  engine: Engine,
  tenant: string,
  graceMs: number,
): Promise<void> {
  const { rest, runs, actors, committer, options } = engine;
  rest.freezeTenant(tenant);
  await rest.tenantRested(tenant, graceMs);
  // Results of the last steps are appended in their continuations: let those run first.
  await new Promise<void>((resolve) => options.defer(resolve));
  runs.cutTenant(tenant);
  await committer.settled();
  actors.forgetTenant(tenant, suspendedError());
  runs.forgetTenant(tenant, suspendedError());
}

/** Takes up what is stored of a tenant in the shards of this kernel. */
export async function resumeTenant(engine: Engine, tenant: string): Promise<void> {
  if (!engine.suspended.delete(tenant)) return;
  engine.rest.thawTenant(tenant);
  for (const shard of engine.ownedShards()) {
    for await (const row of pages(engine, keys.openRun(shard, tenant, ""))) {
      const id = row.key.slice(row.key.lastIndexOf("/") + 1);
      try {
        await engine.runs.resume(shard, tenant, id, decode(row.value) as { input?: Data });
      } catch {
        // As at a start: a damaged run stays as it is stored.
        engine.metrics.count("rowsUnreadable");
      }
    }
    for await (const row of pages(engine, keys.inboxOfTenant(shard, tenant))) {
      engine.actors.found(addressOfKey(row.key), row);
    }
    await engine.reminders.look(shard);
  }
}

async function* pages(engine: Engine, prefix: string): AsyncGenerator<Row> {
  const range = prefixRange(prefix, PAGE_ROWS);
  for (let from = range.from; ; ) {
    const rows = await engine.committer.range({ ...range, from });
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE_ROWS) return;
    from = `${last.key}!`;
  }
}
