// The in-memory store: the shared suite, and the crashes the testkit makes with it.

import { expect, test } from "vitest";
import { decode, encode } from "../../../runtime/store/codec.ts";
import { MemoryDisk } from "../../../runtime/store/memory.ts";
import { conformance } from "./conformance.ts";

const put = (key: string) => ({ op: "put", key, value: encode(key) }) as const;

/** A disk whose progress is made by hand, one deferred call at a time. */
function steppedDisk(onCrash?: (commit: number) => void) {
  const calls: (() => void)[] = [];
  const defer = (call: () => void) => {
    calls.push(call);
  };
  const disk = new MemoryDisk(onCrash === undefined ? { defer } : { defer, onCrash });
  const step = async () => {
    calls.shift()?.();
    await Promise.resolve();
  };
  const run = async () => {
    while (calls.length > 0) await step();
  };
  return { disk, step, run };
}

const keysOn = (disk: MemoryDisk) => disk.rows.map((row) => row.key);

conformance(async () => {
  const disk = new MemoryDisk({ defer: setImmediate });
  return { connect: () => disk.connect(), setEpochs: (epochs) => disk.setEpochs(epochs) };
});

test("nothing happens before the scheduler says so", async () => {
  const { disk, step } = steppedDisk();
  const seen: string[] = [];
  const commit = disk.connect().commit({ ops: [put("a")] });
  void commit.committed.then(() => seen.push("committed"));
  void commit.flushed.then(() => seen.push("flushed"));

  expect(keysOn(disk)).toEqual([]);
  await step();
  expect([keysOn(disk), seen]).toEqual([["a"], []]);
  await step();
  expect(seen).toEqual(["committed"]);
  await step();
  expect(seen).toEqual(["committed"]);
  await step();
  expect(seen).toEqual(["committed", "flushed"]);
});

test("a process crash keeps what was committed, a power loss only what was flushed", async () => {
  for (const kind of ["process", "power"] as const) {
    const { disk, step, run } = steppedDisk();
    const store = disk.connect();
    store.commit({ ops: [put("flushed")] });
    await run();
    store.commit({ ops: [put("committed")] });
    await step();
    store.commit({ ops: [put("pending")] });

    disk.crash(kind);
    await run();

    const kept = kind === "process" ? ["committed", "flushed"] : ["flushed"];
    expect(keysOn(disk)).toEqual(kept);
    const bytes = await disk.connect().get("flushed");
    expect(decode(bytes ?? encode(null))).toBe("flushed");
  }
});

test("crashAfter stops the disk after that transaction, before anybody hears of it", async () => {
  const crashes: number[] = [];
  const { disk, run } = steppedDisk((commit) => crashes.push(commit));
  const store = disk.connect();
  store.commit({ ops: [put("a")] });
  await run();
  disk.crashAfter(2);
  let isAnswered = false;
  const commit = store.commit({ ops: [put("b")] });
  void commit.committed.finally(() => {
    isAnswered = true;
  });
  await run();
  store.commit({ ops: [put("c")] });
  await run();

  expect([crashes, isAnswered, disk.commits]).toEqual([[2], false, 2]);
  disk.crash("process");
  disk.connect().commit({ ops: [put("d")] });
  await run();
  expect(keysOn(disk)).toEqual(["a", "b", "d"]);
});

test("epochs follow the crash: a raise that was not flushed is lost with the power", async () => {
  const { disk, step, run } = steppedDisk();
  void disk.setEpochs(new Map([[1, 1]]));
  await run();
  void disk.setEpochs(new Map([[1, 2]]));
  await step();

  disk.crash("power");

  expect(disk.epochs).toEqual(new Map([[1, 1]]));
});

test("a newer pending write of a key outlives the commit of an older one", async () => {
  const { disk, step, run } = steppedDisk();
  const store = disk.connect();
  const write = (text: string) =>
    store.commit({
      ops: [
        { op: "put", key: "k", value: encode(text) },
        { op: "add", key: "c", delta: 1 },
      ],
    });
  const see = async () => {
    const rows = await store.range({ from: "a", to: "z", limit: 9 });
    return rows.map((row) => decode(row.value));
  };

  write("older");
  await step();
  write("newer");
  expect(await see()).toEqual([2, "newer"]);
  await step();
  expect(await see()).toEqual([2, "newer"]);
  await run();

  expect(await see()).toEqual([2, "newer"]);
});
