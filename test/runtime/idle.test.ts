// Idle costs nothing: what a start reads does not depend on how much sleeps in the data folder, and
// what was active leaves memory. Counted in reads, rows and actors, not in time.

import { expect, test } from "vitest";
import { defineActor, defineRun } from "../../runtime/actor.ts";
import { type Address, address } from "../../runtime/address.ts";
import type { DoorItem } from "../../runtime/message.ts";
import { encodeChunk } from "../../runtime/runs/journal-codec.ts";
import { encodeRun, type StoredRun } from "../../runtime/runs/run-row.ts";
import { encode } from "../../runtime/store/codec.ts";
import { keys } from "../../runtime/store/keys.ts";
import type { Store, StoreOp } from "../../runtime/store/store.ts";
import { TestSystem, type TestSystemOptions } from "../../runtime/testkit/test-system.ts";

const TENANT = "tn_1";
const DAY_MS = 86_400_000;
const OPS_A_BATCH = 50_000;

const note = defineActor<{ words: number }, string>({
  kind: "note",
  version: 1,
  initial: () => ({ words: 0 }),
  receive(state, _, turn) {
    turn.reply(state.words + 1);
    return { words: state.words + 1 };
  },
});

const nap = defineRun<null, string, unknown>({
  kind: "nap",
  async run(_, context) {
    await context.sleep("nap", DAY_MS);
    return "slept";
  },
});

const noteAt = (root: string): Address => address({ kind: "note", tenant: TENANT, root });

/** A conversation that hibernates: its state, two records, a run that has ended, a key seen. */
function conversation(root: string, nowMs: number): StoreOp[] {
  const at = noteAt(root);
  const run = `rn_${root}`;
  const row = { id: run, kind: "nap", address: `nap:${TENANT}/${root}/${run}`, parent: at };
  const ended = {
    ...row,
    status: "completed" as const,
    input: null,
    startedAt: nowMs,
    deadlineMs: nowMs,
  };
  const log = encodeChunk([{ type: "end", run, outcome: { status: "completed", result: null } }]);
  return [
    put(keys.state(at), { version: 1, state: { words: 1 } }),
    put(keys.record(at, "m1"), "a question"),
    put(keys.record(at, "m2"), "an answer"),
    putRun({ ...ended, endedAt: nowMs, outcome: null, reply: null }),
    { op: "put", key: keys.journal(row.address, 0), value: log },
    put(keys.runEnded(Math.floor(nowMs / 3_600_000), TENANT, run), null),
    put(keys.seen(TENANT, "http", root), { bodyHash: "b", reply: null, run }),
  ];
}

/** A run that hibernates until tomorrow. */
function waitingRun(root: string, nowMs: number): StoreOp[] {
  const id = `rn_w${root}`;
  const own: Address = `nap:${TENANT}/${root}/${id}`;
  const at = nowMs + DAY_MS;
  const parent = noteAt(root);
  const row = { id, kind: "nap", address: own, parent, status: "running" as const, input: null };
  const times = { startedAt: nowMs, deadlineMs: at, endedAt: null, outcome: null, reply: null };
  const log = encodeChunk([{ type: "try", run: id, key: "nap", attempt: 1, untilMs: at }]);
  const due = keys.reminderDue(Number.parseInt(keys.inboxOf(own).slice(2, 5), 16), at, own, "run");
  return [
    putRun({ ...row, ...times }),
    { op: "put", key: keys.journal(own, 0), value: log },
    put(keys.reminder(own, "run"), { at }),
    put(due, { address: own, name: "run", at }),
  ];
}

const putRun = (row: StoredRun): StoreOp => ({
  op: "put",
  key: keys.run(TENANT, row.id),
  value: encodeRun(row),
});
const put = (key: string, value: unknown): StoreOp => ({ op: "put", key, value: encode(value) });

interface Reads {
  calls: number;
  rows: number;
}

/** Notes what every later connection reads. */
function counted(system: TestSystem): Reads {
  const reads: Reads = { calls: 0, rows: 0 };
  const connect = system.disk.connect.bind(system.disk);
  system.disk.connect = (...wire) => {
    const store = connect(...wire);
    const get: Store["get"] = store.get.bind(store);
    const range: Store["range"] = store.range.bind(store);
    store.get = async (key) => {
      const value = await get(key);
      reads.calls += 1;
      reads.rows += value === undefined ? 0 : 1;
      return value;
    };
    store.range = async (asked) => {
      const rows = await range(asked);
      reads.calls += 1;
      reads.rows += rows.length;
      return rows;
    };
    return store;
  };
  return reads;
}

/** What a start reads with `many` conversations and as many waiting runs on disk. */
async function startWith(many: number): Promise<Reads & { cells: number; runs: number }> {
  const system = await up({ limits: {} });
  const store = system.disk.connect();
  const nowMs = system.schedule.nowMs;
  const ops: StoreOp[] = [];
  for (let at = 0; at < many; at += 1) {
    ops.push(...conversation(`c${at}`, nowMs), ...waitingRun(`w${at}`, nowMs));
  }
  ops.sort((a, b) => (a.key < b.key ? -1 : 1));
  for (let from = 0; from < ops.length; from += OPS_A_BATCH) {
    store.commit({ ops: ops.slice(from, from + OPS_A_BATCH) });
    await system.schedule.settle();
  }
  system.crash("process");
  const reads = counted(system);
  await system.start();
  await system.schedule.advance(1_000);
  const figures = system.kernelOf(noteAt("c0"))?.inspect();
  return { ...reads, cells: figures?.cells ?? -1, runs: figures?.runs ?? -1 };
}

async function up(options: Partial<TestSystemOptions>): Promise<TestSystem> {
  const system = new TestSystem({ seed: 9, definitions: [note, nap], workers: 1, ...options });
  await system.start();
  return system;
}

test("a start reads no more with 20,000 sleepers than its shards ask for, and takes none up", async () => {
  const [none, few, many] = [await startWith(0), await startWith(100), await startWith(10_000)];

  // One jump to each shard that has reminders, and one look into it that finds nothing due.
  const sleepers = (reads: Reads) => ({ calls: reads.calls - none.calls, rows: reads.rows });
  expect(sleepers(few).calls).toBeLessThanOrEqual(2 * 100);
  expect(sleepers(many).calls).toBeLessThanOrEqual(2 * 1_024);
  expect(sleepers(many).rows).toBeLessThanOrEqual(1_024);
  expect(many).toMatchObject({ cells: 0, runs: 0 });
}, 60_000);

/** A message to each of some actors, at once. */
function burst(count: number): DoorItem[] {
  return Array.from({ length: count }, (_, at) => ({
    type: "request",
    id: 0,
    to: noteAt(`n${at}`),
    message: "hello",
    deadlineMs: 0,
    want: "nothing",
    level: "memory",
  }));
}

test("50,000 actors that were active leave memory when they are idle", async () => {
  const system = await up({});
  const kernel = system.kernelOf(noteAt("n0"));
  const items = burst(50_000);
  for (let at = 0; at < items.length; at += 10_000) {
    kernel?.fromDoor(items.slice(at, at + 10_000));
    await system.schedule.settle();
  }
  const active = kernel?.inspect();

  await system.schedule.advance(60_000);
  const idle = kernel?.inspect();

  expect(active?.cells).toBe(50_000);
  expect(idle?.cells).toBe(0);
  expect(idle?.kinds["note"]?.counters).toMatchObject({ turns: 50_000, hibernations: 50_000 });
}, 60_000);

test("past the limit of actors in memory the idle ones leave before their time", async () => {
  const system = await up({ limits: { cellsMax: 1_000 } });
  const kernel = system.kernelOf(noteAt("n0"));
  kernel?.fromDoor(burst(5_000));
  await system.schedule.settle();

  await system.schedule.advance(10_000);

  expect(kernel?.inspect().cells).toBeLessThanOrEqual(1_000);
}, 20_000);
