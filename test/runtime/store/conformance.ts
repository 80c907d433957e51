// What every store must do, as one suite: run over LMDB and over memory, so that a test that passes
// on the one in memory means something for the real one.

import { expect, test } from "vitest";
import { RuntimeError } from "../../../runtime/errors.ts";
import { decode, encode } from "../../../runtime/store/codec.ts";
import type { Range, Store } from "../../../runtime/store/store.ts";

/** A store under test: connections to one environment, and its control side. */
export interface Subject {
  connect(): Store;
  setEpochs(epochs: ReadonlyMap<number, number>): Promise<void>;
}

const put = (key: string, value: unknown) => ({ op: "put", key, value: encode(value) }) as const;
const insert = (key: string, value: unknown) =>
  ({ op: "insert", key, value: encode(value) }) as const;
const remove = (key: string) => ({ op: "remove", key }) as const;

async function read(store: Store, key: string): Promise<unknown> {
  const bytes = await store.get(key);
  return bytes === undefined ? undefined : decode(bytes);
}

async function keysOf(store: Store, range: Range): Promise<readonly string[]> {
  return (await store.range(range)).map((row) => row.key);
}

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => "no error",
    (error: unknown) => (error instanceof RuntimeError ? error.code : error),
  );
}

/** Declares the suite. `subject` gives a fresh empty store for each test. */
export function conformance(subject: () => Promise<Subject>): void {
  test("a connection reads its own writes at once and others after the commit", async () => {
    const { connect } = await subject();
    const [own, other] = [connect(), connect()];

    const commit = own.commit({ ops: [put("a", 1), put("b", 2), remove("b")] });
    const committed = own.committed.get("a");
    const range = own.committed.range({ from: "a", to: "c", limit: 9 });
    const before = [await read(own, "a"), await read(own, "b")];
    await commit.committed;

    expect(before).toEqual([1, undefined]);
    expect([await committed, await range]).toEqual([undefined, []]);
    expect(decode((await own.committed.get("a")) ?? encode(null))).toBe(1);
    expect([await read(own, "a"), await read(other, "a"), await read(other, "b")]).toEqual([
      1,
      1,
      undefined,
    ]);
  });

  test("a range merges pending and committed rows, both ways and within its limit", async () => {
    const store = (await subject()).connect();
    await store.commit({ ops: ["b", "d", "f", "h"].map((key) => put(key, key)) }).committed;
    const pending = store.commit({
      ops: [put("a", 1), put("c", 1), remove("d"), put("f", "new"), put("z", 1)],
    });

    const all = { from: "a", to: "z", limit: 10 };
    expect(await keysOf(store, all)).toEqual(["a", "b", "c", "f", "h"]);
    expect(await keysOf(store, { ...all, reverse: true })).toEqual(["h", "f", "c", "b", "a"]);
    expect(await keysOf(store, { ...all, limit: 2 })).toEqual(["a", "b"]);
    expect(await keysOf(store, { ...all, limit: 2, reverse: true })).toEqual(["h", "f"]);
    expect(await keysOf(store, { from: "b", to: "f", limit: 10 })).toEqual(["b", "c"]);
    const [row] = await store.range({ from: "f", to: "g", limit: 1 });
    expect(decode(row?.value ?? encode(null))).toBe("new");

    await pending.committed;
    expect(await keysOf(store, all)).toEqual(["a", "b", "c", "f", "h"]);
    expect(await keysOf(store, { ...all, limit: 3, reverse: true })).toEqual(["h", "f", "c"]);
    expect(await keysOf(store, { from: "f", to: "b", limit: 3 })).toEqual([]);
  });

  test("an insert into a taken key refuses the whole batch and names the op", async () => {
    const store = (await subject()).connect();
    await store.commit({ ops: [insert("seen", 1)] }).flushed;

    const error = await store
      .commit({ ops: [put("x", 1), insert("seen", 2)] })
      .committed.catch((each: unknown) => each);

    expect(error).toMatchObject({ code: "CONDITION_FAILED", details: { index: 1, key: "seen" } });
    store.reset();
    expect([await read(store, "x"), await read(store, "seen")]).toEqual([undefined, 1]);
  });

  test("of two connections that insert one key, one wins", async () => {
    const { connect } = await subject();
    const [left, right] = [connect(), connect()];

    const codes = await Promise.all([
      codeOf(left.commit({ ops: [insert("k", "left")] }).flushed),
      codeOf(right.commit({ ops: [insert("k", "right")] }).flushed),
    ]);

    expect(codes.toSorted()).toEqual(["CONDITION_FAILED", "no error"]);
    const winner = codes[0] === "no error" ? "left" : "right";
    for (const store of [left, right]) {
      store.reset();
      expect(await read(store, "k")).toBe(winner);
    }
  });

  test("a swap writes or removes only what it expects", async () => {
    const store = (await subject()).connect();
    await store.commit({ ops: [put("k", 1)] }).committed;

    const swap = { op: "swap", key: "k", expected: encode(1) } as const;
    await store.commit({ ops: [{ ...swap, value: encode(2) }] }).committed;
    expect(await read(store, "k")).toBe(2);
    expect(await codeOf(store.commit({ ops: [swap] }).committed)).toBe("CONDITION_FAILED");
    store.reset();
    await store.commit({ ops: [{ ...swap, expected: encode(2) }] }).committed;

    expect(await read(store, "k")).toBeUndefined();
    const absent = store.commit({ ops: [swap] });
    expect(await codeOf(absent.committed)).toBe("CONDITION_FAILED");
  });

  test("a counter adds up over connections, shows pending sums, and never falls below its min", async () => {
    const { connect } = await subject();
    const [left, right] = [connect(), connect()];
    await left.commit({ ops: [{ op: "add", key: "c", delta: 10 }] }).committed;

    const pending = left.commit({ ops: [{ op: "add", key: "c", delta: -4, min: 0 }] });
    expect(await read(left, "c")).toBe(6);
    expect((await pending.committed).counters).toEqual(new Map([["c", 6]]));
    const more = right.commit({ ops: [{ op: "add", key: "c", delta: -6, min: 0 }] });
    expect((await more.committed).counters).toEqual(new Map([["c", 0]]));
    const below = right.commit({ ops: [put("x", 1), { op: "add", key: "c", delta: -1, min: 0 }] });

    expect(await codeOf(below.committed)).toBe("CONDITION_FAILED");
    right.reset();
    expect([await read(right, "c"), await read(left, "c"), await read(right, "x")]).toEqual([
      0,
      0,
      undefined,
    ]);
  });

  test("counter adds in flight on two connections are each counted once in every read", async () => {
    const { connect } = await subject();
    const [left, right] = [connect(), connect()];
    const add = (delta: number) => ({ ops: [{ op: "add", key: "c", delta } as const] });
    const done: Promise<unknown>[] = [];
    const own: number[] = [];

    for (let round = 1; round <= 50; round += 1) {
      done.push(left.commit(add(1)).committed, right.commit(add(1000)).committed);
      own.push(Number(await read(left, "c")) % 1000);
      if (round % 7 === 0) await done.at(-2);
    }
    await Promise.all(done);

    expect(own).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
    expect(await read(left, "c")).toBe(50_050);
  });

  test("a batch may rest on an earlier one that is not committed yet", async () => {
    const store = (await subject()).connect();

    const first = store.commit({ ops: [insert("k", 1)] });
    const second = store.commit({
      ops: [{ op: "swap", key: "k", expected: encode(1), value: encode(2) }, put("n", 1)],
    });
    const inOne = store.commit({
      ops: [put("m", 1), { op: "swap", key: "m", expected: encode(1), value: encode(2) }],
    });
    await Promise.all([first.committed, second.committed, inOne.committed]);

    expect([await read(store, "k"), await read(store, "m")]).toEqual([2, 2]);
  });

  test("after a refusal every later batch is refused until reset, and other connections go on", async () => {
    const { connect } = await subject();
    const [store, other] = [connect(), connect()];
    await store.commit({ ops: [put("taken", 1)] }).committed;

    const good = store.commit({ ops: [put("before", 1)] });
    const refused = store.commit({ ops: [insert("taken", 2)] });
    const resting = store.commit({ ops: [put("after", 1)] });
    await Promise.resolve();
    await Promise.resolve();
    const inNextMessage = store.commit({ ops: [put("next", 1)] });
    const independent = other.commit({ ops: [put("other", 1)] });
    await good.flushed;
    expect(await codeOf(refused.committed)).toBe("CONDITION_FAILED");
    expect(await codeOf(resting.flushed)).toBe("CONDITION_FAILED");
    expect(await codeOf(inNextMessage.flushed)).toBe("CONDITION_FAILED");
    expect(await codeOf(store.commit({ ops: [put("late", 1)] }).flushed)).toBe("CONDITION_FAILED");
    await independent.flushed;

    store.reset();
    await store.commit({ ops: [put("again", 1)] }).flushed;
    const rows = await keysOf(store, { from: "a", to: "~", limit: 10 });
    expect(rows).toEqual(["again", "before", "other", "taken"]);
  });

  test("a batch under an older epoch is refused from the moment the epoch was raised", async () => {
    const { connect, setEpochs } = await subject();
    const [store, other] = [connect(), connect()];
    await store.commit({ ops: [put("a", 1)], epochs: new Map([[7, 0]]) }).committed;

    await setEpochs(new Map([[7, 2]]));
    const stale = store.commit({ ops: [put("b", 1)], epochs: new Map([[7, 1]]) });
    const current = other.commit({ ops: [put("c", 1)], epochs: new Map([[7, 2]]) });
    const elsewhere = other.commit({ ops: [put("d", 1)], epochs: new Map([[8, 0]]) });

    await expect(stale.committed).rejects.toMatchObject({
      code: "STALE_EPOCH",
      details: { index: -1, shard: 7 },
    });
    await Promise.all([current.committed, elsewhere.committed]);
    await setEpochs(new Map([[7, 1]]));
    other.reset();
    expect(await codeOf(other.commit({ ops: [], epochs: new Map([[7, 1]]) }).committed)).toBe(
      "STALE_EPOCH",
    );
  });

  test("commits of one connection settle in order, each committed before it is flushed", async () => {
    const store = (await subject()).connect();
    const seen: string[] = [];

    const flushed = Array.from({ length: 20 }, (_, index) => {
      const commit = store.commit({ ops: [put(`k${index}`, index), put("last", index)] });
      void commit.committed.then(() => seen.push(`c${index}`));
      return commit.flushed.then(() => seen.push(`f${index}`));
    });
    await Promise.all(flushed);

    const order = (letter: string) => seen.filter((each) => each.startsWith(letter));
    expect(order("c")).toEqual(Array.from({ length: 20 }, (_, index) => `c${index}`));
    expect(order("f")).toEqual(Array.from({ length: 20 }, (_, index) => `f${index}`));
    for (let index = 0; index < 20; index += 1) {
      expect(seen.indexOf(`c${index}`)).toBeLessThan(seen.indexOf(`f${index}`));
    }
    expect(await read(store, "last")).toBe(19);
  });

  test("an empty batch is committed and flushed after what was sent before it", async () => {
    const store = (await subject()).connect();
    const seen: string[] = [];

    const first = store.commit({ ops: [put("a", 1)] }).flushed.then(() => seen.push("first"));
    const empty = store.commit({ ops: [] }).flushed.then(() => seen.push("empty"));
    await Promise.all([first, empty]);

    expect(seen).toEqual(["first", "empty"]);
  });

  test("keys and values no store could keep are refused before they are sent", async () => {
    const store = (await subject()).connect();
    const value = encode(1);
    const bad = [
      { op: "put", key: "", value },
      { op: "put", key: "ä", value },
      { op: "put", key: "k".repeat(1025), value },
      { op: "put", key: "k", value: new Uint8Array(0) },
      { op: "put", key: "k", value: new Uint8Array([1, 1, 1, 9]) },
      { op: "add", key: "k", delta: 0.5 },
    ] as const;

    for (const op of bad) expect(() => store.commit({ ops: [op] })).toThrow(RuntimeError);
    await store.commit({ ops: [put("k".repeat(1024), 1)] }).flushed;
    expect(await read(store, "k".repeat(1024))).toBe(1);
  });

  test("close waits for what was sent, and a closed store refuses", async () => {
    const { connect } = await subject();
    const [store, other] = [connect(), connect()];

    const commit = store.commit({ ops: [put("a", 1)] });
    await store.close();

    await commit.flushed;
    expect(await read(other, "a")).toBe(1);
    expect(await codeOf(store.commit({ ops: [put("b", 1)] }).committed)).toBe("SHUTTING_DOWN");
  });
}
