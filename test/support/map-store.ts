// A store in memory with the port's rules: conditions and epochs judged as the storage thread does,
// a connection that refuses after a refusal until it is reset, committed before flushed.

import { fromErrorData, RuntimeError } from "../../runtime/errors.ts";
import { judge } from "../../runtime/store/judge.ts";
import type { Committed, Range, Row, Store } from "../../runtime/store/store.ts";

/** The rows, and connections to them. */
export interface MapStore {
  readonly rows: Map<string, Uint8Array>;
  readonly epochs: Map<number, number>;
  connect(): Store;
  /** Every connection so far is dead: what it commits from now on is lost. */
  cut(): void;
}

/** An empty one. */
export function createMapStore(): MapStore {
  const rows = new Map<string, Uint8Array>();
  const epochs = new Map<number, number>();
  let life = 0;
  return {
    rows,
    epochs,
    cut: () => {
      life += 1;
    },
    connect(): Store {
      const mine = life;
      let refused = false;
      return {
        get: (key) => rows.get(key),
        range: (range) => rangeOf(rows, range),
        reset: () => {
          refused = false;
        },
        close: async () => undefined,
        commit(batch) {
          if (mine !== life) {
            const forever = new Promise<never>(() => undefined);
            return { committed: forever, flushed: forever };
          }
          const verdict = judge(batch, {
            read: (key) => rows.get(key),
            epoch: (shard) => epochs.get(shard) ?? 0,
          });
          if (refused || verdict.type === "refused") {
            refused = true;
            const error =
              verdict.type === "refused"
                ? fromErrorData(verdict.refusal)
                : new RuntimeError("CONDITION_FAILED", "An earlier batch was refused.", {
                    index: -2,
                  });
            const committed = Promise.reject(error);
            const flushed = Promise.reject(error);
            committed.catch(() => undefined);
            flushed.catch(() => undefined);
            return { committed, flushed };
          }
          for (const { key, value } of verdict.writes) {
            if (value === undefined) rows.delete(key);
            else rows.set(key, value);
          }
          const done: Committed = { counters: verdict.counters ?? new Map() };
          const committed = Promise.resolve(done);
          const flushed = new Promise<void>((resolve) => {
            setImmediate(() => (mine === life ? resolve() : undefined));
          });
          return { committed, flushed };
        },
      };
    },
  };
}

function rangeOf(rows: ReadonlyMap<string, Uint8Array>, range: Range): readonly Row[] {
  const found = [...rows.keys()].filter((key) => key >= range.from && key < range.to).sort();
  if (range.reverse) found.reverse();
  return found.slice(0, range.limit).flatMap((key) => {
    const value = rows.get(key);
    return value === undefined ? [] : [{ key, value }];
  });
}
