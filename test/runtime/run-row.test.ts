// The row of a run: everything of it comes back, and a short log lies in it when the run has ended.

import { expect, test } from "vitest";
import { defineActor, defineRun, type RunEnded } from "../../runtime/actor.ts";
import { address } from "../../runtime/address.ts";
import { loadLog } from "../../runtime/runs/journal.ts";
import { LogChunks } from "../../runtime/runs/log-chunks.ts";
import { readLog } from "../../runtime/runs/run-log.ts";
import { decodeRun, encodeRun, logInRow, type StoredRun } from "../../runtime/runs/run-row.ts";
import { keys } from "../../runtime/store/keys.ts";
import type { StoreOp } from "../../runtime/store/store.ts";
import { TestSystem } from "../../runtime/testkit/test-system.ts";

const base: StoredRun = {
  id: "rn_01m7zbktwp7x5dd6z4bpg3v55e",
  kind: "supervisor",
  address: "supervisor:tn_1/cv_1/rn_01m7zbktwp7x5dd6z4bpg3v55e",
  parent: "conversation:tn_1/cv_1",
  status: "running",
  input: null,
  startedAt: 1_795_274_959_780,
  deadlineMs: 1_795_275_559_780.5,
  endedAt: null,
  outcome: null,
  reply: null,
};
const error = { code: "DEADLINE", message: "late" } as const;
const long = `rn_${"x".repeat(100)}`;
const rows: readonly StoredRun[] = [
  base,
  { ...base, status: "held", input: { some: ["input"] } },
  {
    ...base,
    status: "completed",
    endedAt: base.startedAt,
    outcome: { status: "completed", result: null },
  },
  {
    ...base,
    status: "failed",
    endedAt: 0,
    outcome: { status: "failed", error, shown: "te" },
    reply: 0,
  },
  {
    ...base,
    asker: { run: "work:tn_1/x/rn_2", key: "ask", chain: ["note:tn_1/a"] },
    trace: "00-1-2-01",
  },
  { ...base, parent: "note:tn_1/cv_1/rn_9/deep", reply: { text: "" } },
  { ...base, id: long, address: `supervisor:tn_1/cv_1/${long}` },
];

test("a row comes back as it was, whatever it holds", () => {
  for (const row of rows) {
    expect(decodeRun(keys.run("tn_1", row.id), encodeRun(row))).toStrictEqual(row);
    expect(logInRow(encodeRun(row), row.id)).toBeNull();
  }
});

test("what a row took back is written again when their batch is refused", () => {
  const written = new Map<string, string>();
  const batch = {};
  const committer = {
    current: batch,
    write: (_: unknown, { op, key }: StoreOp) => void written.set(key, op),
    takeBack: (of: object, key: string) => of === batch && written.delete(key),
  };
  const chunks = new LogChunks({ committer, owner: { shard: 1 }, row: base, next: 0 });
  const end = { type: "end", run: base.id, outcome: { status: "failed", error } } as const;
  const chunk = keys.journal(base.address, 0);

  chunks.write([end]);
  const before = [...written.keys()];
  const isMerged = chunks.settle({ shard: 1 }, base, [end]);
  const after = [...written.keys()];
  written.clear();
  chunks.restore(new Set([{}]));
  const others = [...written.keys()];
  chunks.restore(new Set([batch]));

  expect(isMerged).toBe(true);
  expect(before).toEqual([chunk]);
  expect(after).toEqual([keys.run("tn_1", base.id)]);
  expect(others).toEqual([]);
  expect([...written]).toEqual([[chunk, "put"]]);
});

const desk = defineActor<null, { steps: number } | RunEnded>({
  kind: "desk",
  version: 1,
  initial: () => null,
  receive(state, message, turn) {
    if ("run" in message) turn.reply("the whole reply");
    else {
      const run = turn.startRun({ kind: "work", input: message.steps });
      turn.reply(run, { follow: run });
    }
    return state;
  },
});

const work = defineRun<number, string, unknown>({
  kind: "work",
  async run(steps, context) {
    for (let step = 0; step < steps; step += 1) {
      await context.step(`s:${step}`, () => `result ${step}`, { repeat: "safe" });
      context.emit(`e:${step}`, { step });
    }
    return "done";
  },
});

test.each([
  [3, 0],
  [300, 1],
])(
  "a run of %i steps shows the same log after its end as before, in %i chunks or more",
  async (...of) => {
    const [steps, chunksMin] = of;
    const system = new TestSystem({ seed: 4, definitions: [desk, work] });
    await system.start();
    const at = address({ kind: "desk", tenant: "tn_1", root: "d" });
    const streaming = system.stream(at, { steps });
    await system.schedule.advance(5_000);
    const shown = await streaming;
    const first = shown[0];
    const run = first?.type === "accepted" ? `${first.run}` : "";

    const again = system.follow({ tenant: "tn_1", root: "d", run });
    await system.schedule.advance(1_000);
    const followed = await again;
    const reader = system.disk.connect();
    const own = `work:tn_1/d/${run}` as const;
    const { log } = await loadLog(reader, own);
    const read = await readLog(reader, own, { from: 0, limit: 50 });
    const chunks = system.disk.rows.filter(({ key }) => key.startsWith(keys.journalOf(own)));

    expect(followed).toEqual(shown.slice(1));
    expect(log.filter(({ type }) => type === "step")).toHaveLength(steps);
    expect(log.at(-1)).toMatchObject({ type: "end", run });
    expect(log.slice(0, read.entries.length)).toEqual(read.entries);
    expect(chunks.length === 0).toBe(chunksMin === 0);
    expect(system.disk.rows.filter(({ key }) => key.startsWith("o/"))).toEqual([]);
  },
);
