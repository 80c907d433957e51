// What a run writes with its end: rows and counters that its code gave it to write then.

import type { Turn } from "../actor.ts";
import { RuntimeError } from "../errors.ts";
import { newId } from "../id.ts";
import type { Engine } from "../kernel/engine.ts";
import { encode } from "../store/codec.ts";
import { keys } from "../store/keys.ts";
import type { StoreOp } from "../store/store.ts";

/** What such code is given. */
export type EndWriter = Pick<Turn, "putRow" | "add" | "newId" | "nowMs">;

/**
 * All of it, before the first of it is written.
 * @throws what the code throws, INVALID for what is no plain data or no whole number.
 */
export function endOps(
  { engine, tenant }: { readonly engine: Engine; readonly tenant: string },
  calls: readonly ((write: EndWriter) => void)[],
): readonly StoreOp[] {
  if (calls.length === 0) return [];
  const { options } = engine;
  const nowMs = options.clock.now();
  const ops: StoreOp[] = [];
  const writer: EndWriter = {
    nowMs,
    newId: (prefix) => newId(prefix, nowMs, options.random),
    putRow: (table, id, value) => {
      const key = keys.table(tenant, table, id);
      ops.push(
        value === undefined ? { op: "remove", key } : { op: "put", key, value: encode(value) },
      );
    },
    add: (counter, delta) => {
      if (!Number.isSafeInteger(delta)) {
        throw new RuntimeError("INVALID", `A counter takes whole numbers, not ${delta}.`);
      }
      ops.push({ op: "add", key: keys.counter(tenant, counter), delta });
    },
  };
  for (const call of calls) call(writer);
  return ops;
}
