// Power loss on a real data file: at each flushed mark the file is cloned, and when the power fails
// the newest clone replaces it. Whatever was acknowledged until then must be there.

import { copyFileSync, rmSync } from "node:fs";
import { expect, test } from "vitest";
import { defineActor } from "../../../runtime/actor.ts";
import { type Address, address } from "../../../runtime/address.ts";
import { environmentFile } from "../../../runtime/store/lmdb.ts";
import type { Batch, Commit, Committed, Store } from "../../../runtime/store/store.ts";
import { seeded } from "../../../runtime/testkit/schedule.ts";
import { startOneKernel } from "../../support/one-kernel.ts";

const ROUNDS = 6;
const MESSAGES_A_ROUND = 60;
const ACTORS = 7;

const list = defineActor<readonly number[], { type: "put"; number: number } | { type: "all" }>({
  kind: "list",
  version: 1,
  initial: () => [],
  receive(state, message, turn) {
    if (message.type === "all") {
      turn.reply(state);
      return state;
    }
    turn.reply("kept");
    // Every third passes a copy on: what it sent is acknowledged with it.
    if (message.number % 3 === 0 && turn.from === null) {
      turn.send(listAt(ACTORS), message);
    }
    return [...state, message.number];
  },
});

const listAt = (at: number): Address => address({ kind: "list", tenant: "tn_1", root: `l${at}` });

/**
 * Hands one batch at a time to the store and clones the file at its flushed mark, while nobody
 * writes; only then is the mark passed on.
 */
class ClonedStore {
  readonly store: Store;
  #last: Promise<unknown> = Promise.resolve();
  #isCut = false;

  constructor(inner: Store, clone: () => void) {
    this.store = {
      committed: inner.committed,
      get: (key) => inner.get(key),
      range: (range) => inner.range(range),
      reset: () => inner.reset(),
      close: () => inner.close(),
      commit: (batch) => this.#commit(inner, batch, clone),
    };
  }

  /** Nothing more is written or heard of. */
  cut(): void {
    this.#isCut = true;
  }

  #commit(inner: Store, batch: Batch, clone: () => void): Commit {
    let flushed: (() => void) | undefined;
    const flush = new Promise<void>((resolve) => {
      flushed = resolve;
    });
    const committed = new Promise<Committed>((resolve, reject) => {
      this.#last = this.#last.then(async () => {
        if (this.#isCut) return;
        const commit = inner.commit(batch);
        commit.committed.then(resolve, reject);
        await commit.flushed.catch(() => undefined);
        if (this.#isCut) return;
        clone();
        flushed?.();
      });
    });
    return { committed, flushed: flush };
  }
}

test("after power loss on a real file every acknowledged message is there", async () => {
  const random = seeded(7);
  const kept = new Map<number, number[]>();
  let path: string | undefined;
  let number = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const cloned: { store?: ClonedStore; file?: string; hasClone: boolean } = { hasClone: false };
    const kernel = await startOneKernel({
      definitions: [list],
      ...(path === undefined ? {} : { path }),
      wrapStore: (store, folder) => {
        const file = environmentFile(folder, "hot");
        cloned.file = file;
        cloned.store = new ClonedStore(store, () => {
          copyFileSync(file, `${file}.clone`);
          cloned.hasClone = true;
        });
        return cloned.store.store;
      },
    });
    path = kernel.path;
    const copies = (await kernel.ask(listAt(ACTORS), { type: "all" })) as readonly number[];
    for (const [at, numbers] of kept) {
      const there = (await kernel.ask(listAt(at), { type: "all" })) as readonly number[];
      expect(there, `round ${round}, actor ${at}`).toEqual(expect.arrayContaining(numbers));
      expect(new Set(there).size).toBe(there.length);
      const passed = numbers.filter((one) => one % 3 === 0);
      expect(copies, `round ${round}, passed on by ${at}`).toEqual(expect.arrayContaining(passed));
    }
    const acks = 1 + Math.floor(random() * MESSAGES_A_ROUND);
    await new Promise<void>((failed) => {
      let answered = 0;
      for (let message = 0; message < MESSAGES_A_ROUND; message += 1) {
        number += 1;
        const own = number;
        const at = own % ACTORS;
        void kernel.ask(listAt(at), { type: "put", number: own }).then(() => {
          if (answered >= acks) return;
          kept.set(at, [...(kept.get(at) ?? []), own]);
          answered += 1;
          if (answered === acks) {
            cloned.store?.cut();
            failed();
          }
        });
      }
    });
    await kernel.crash();
    if (cloned.hasClone && cloned.file !== undefined) {
      copyFileSync(`${cloned.file}.clone`, cloned.file);
      rmSync(`${cloned.file}-lock`, { force: true });
    }
  }
  if (path !== undefined) rmSync(path, { recursive: true, force: true });
  expect([...kept.values()].flat().length).toBeGreaterThan(ROUNDS);
}, 60_000);
