// A run is recorded on one simulated system and run again from its record on another: the functions
// of its steps are counted, and none of them may be called by the replay.

import { expect, test } from "vitest";
import { type Data, defineActor, defineRun, type RunContext } from "../../../runtime/actor.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { loadLog } from "../../../runtime/runs/journal.ts";
import type { LogEntry } from "../../../runtime/runs/log-entry.ts";
import { decodeRun } from "../../../runtime/runs/run-row.ts";
import { keys } from "../../../runtime/store/keys.ts";
import type { RunRecord } from "../../../runtime/testkit/recording.ts";
import { replayRun } from "../../../runtime/testkit/replay.ts";
import { TestSystem } from "../../../runtime/testkit/test-system.ts";

const home = "desk:tn_1/d_1";
const other = "other:tn_1/o_1";

/** A world of actors and runs; `calls` is what reached the outside. */
function world(
  work: (context: RunContext<Data>, call: (what: string) => string) => Promise<Data>,
  atPartsEnd = async (_input: string): Promise<void> => {},
) {
  const calls: string[] = [];
  const call = (what: string): string => {
    calls.push(what);
    return `${what} done`;
  };
  const desk = defineActor<Data, { readonly type: string; readonly outcome?: Data }>({
    kind: "desk",
    version: 1,
    initial: () => null,
    receive(state, message, turn) {
      if (message.type !== "start") return message.outcome ?? state;
      turn.reply(null, { follow: turn.startRun({ kind: "work", id: "rn_1", input: "in" }) });
      return state;
    },
  });
  const answering = defineActor<number, Data>({
    kind: "other",
    version: 1,
    initial: () => 0,
    receive(state, message, turn) {
      turn.reply({ heard: message });
      return state + 1;
    },
  });
  const definitions = [
    desk,
    answering,
    defineRun<string, Data, Data>({ kind: "work", run: (_, context) => work(context, call) }),
    defineRun<string, Data, Data>({
      kind: "part",
      run: async (input, context) => {
        const got = await context.step(`part:${input}`, () => call(`part ${input}`));
        context.emit("part", { got });
        await atPartsEnd(input);
        if (input === "bad") throw new RuntimeError("INVALID", "This part is bad.");
        return got;
      },
    }),
  ] as never;
  return { definitions, calls };
}

async function record(
  definitions: never,
  during?: (system: TestSystem) => Promise<void>,
): Promise<RunRecord> {
  const system = new TestSystem({ seed: 3, definitions });
  await system.start();
  const streaming = system.stream(home, { type: "start" });
  await system.schedule.settle();
  await during?.(system);
  await system.schedule.advance(100_000);
  await streaming;
  const row = system.disk.rows.find(({ key }) => key === keys.run("tn_1", "rn_1"));
  const run = decodeRun(row?.key ?? "", row?.value ?? new Uint8Array());
  const { log } = await loadLog(system.disk.connect(), run.address);
  return { run, log, rows: [], records: [] };
}

const everything = async (
  context: RunContext<Data>,
  call: (what: string) => string,
): Promise<Data> => {
  const at = await context.now("now");
  const slow = context.sleep("nap", 30).then(() => context.step("slow", () => call("slow")));
  const [, quick] = await Promise.all([
    slow,
    context.step("quick", () => call("quick"), { repeat: "safe" }),
  ]);
  context.emit("first", { quick });
  const parts = await Promise.all([
    context.child("one", { kind: "part", input: "good" }),
    context.child("two", { kind: "part", input: "bad" }),
  ]);
  const heard = await context.ask("ask", other, { question: quick });
  await context.send("send", other, { note: at });
  const failed = await context
    .step("fails", () => {
      call("fails");
      throw new RuntimeError("PROVIDER_FAILED", "No.");
    })
    .catch((error: RuntimeError) => error.code);
  return { parts: parts.map(({ status }) => status), heard, failed };
};

test("a run with steps of every kind, messages and children is identical in its replay", async () => {
  const { definitions, calls } = world(everything);
  const recorded = await record(definitions);
  const before = [...calls];

  const replay = await replayRun({ record: recorded, definitions, ports: {} });

  expect(recorded.run.status).toBe("completed");
  expect(replay.divergence).toBeNull();
  expect(replay.outcome).toMatchObject({
    status: "completed",
    result: { parts: ["completed", "failed"], failed: "PROVIDER_FAILED" },
  });
  expect(calls).toEqual(before);
  expect(before).toEqual(["quick", "slow", "part good", "part bad", "fails"]);
  const count = (type: string): number =>
    replay.entries.filter((entry) => entry.type === type).length;
  expect([count("step"), count("failed"), count("event"), count("run")]).toEqual([8, 1, 3, 2]);
});

test("what was recorded as cancelled is cancelled at the same place", async () => {
  const { definitions, calls } = world(async (context, call) => {
    await context.step("before", () => call("before"));
    await context.child("one", { kind: "part", input: "good" });
    await context.step("waits", () => new Promise(() => call("waits")));
  });
  const recorded = await record(definitions, async (system) => {
    const at = { tenant: "tn_1", root: "d_1", run: "rn_1" };
    const cancelled = system.control(at, { type: "cancel", reason: "enough" });
    await system.schedule.settle();
    await cancelled;
  });
  calls.length = 0;

  const replay = await replayRun({ record: recorded, definitions, ports: {} });

  expect(recorded.run.status).toBe("cancelled");
  expect(replay.divergence).toBeNull();
  expect(replay.outcome).toMatchObject({ status: "cancelled", error: { message: "enough" } });
  expect(calls).toEqual([]);
});

test("when one branch cancels another, the one that ended first ends first again", async () => {
  const ends = new Set<string>();
  for (const order of [
    ["bad", "good"],
    ["good", "bad"],
  ] as const) {
    for (const ticks of [0, 2, 6, 30]) {
      const { definitions } = world(
        async (context) =>
          Promise.all(
            order.map(async (key) => {
              const { status } = await context.child(key, { kind: "part", input: key });
              if (status === "failed") context.cancelChild("good", "the other failed");
              return status;
            }),
          ),
        // The good part takes its time after its last step.
        async (input) => {
          for (let tick = 0; input === "good" && tick < ticks; tick += 1) await Promise.resolve();
        },
      );
      const recorded = await record(definitions);

      const replay = await replayRun({ record: recorded, definitions, ports: {} });

      expect(replay.divergence).toBeNull();
      const { outcome } = replay;
      if (outcome?.status === "completed") ends.add(String(outcome.result));
    }
  }
  expect([...ends].sort()).toEqual(
    ["cancelled,failed", "completed,failed", "failed,cancelled", "failed,completed"].sort(),
  );
});

test("a run that waited past its deadline expires in its replay", async () => {
  const { definitions } = world(async (context, call) => {
    await context.step("before", () => call("before"));
    await context.sleep("long", 10_000_000);
  });
  const system = new TestSystem({ seed: 3, definitions });
  await system.start();
  const streaming = system.stream(home, { type: "start" });
  await system.schedule.advance(700_000);
  await streaming;
  const row = system.disk.rows.find(({ key }) => key === keys.run("tn_1", "rn_1"));
  const run = decodeRun(row?.key ?? "", row?.value ?? new Uint8Array());
  const { log } = await loadLog(system.disk.connect(), run.address);

  const replay = await replayRun({
    record: { run, log, rows: [], records: [] },
    definitions,
    ports: {},
  });

  expect(run.status).toBe("expired");
  expect(replay.divergence).toBeNull();
  expect(replay.outcome?.status).toBe("expired");
});

/** The record with one entry of its log changed. */
function changed(
  record: RunRecord,
  which: (entry: LogEntry) => boolean,
  change: (entry: LogEntry) => LogEntry | null,
): RunRecord {
  const log = record.log.flatMap((entry) => {
    const next = which(entry) ? change(entry) : entry;
    return next === null ? [] : [next];
  });
  expect(log).not.toEqual(record.log);
  return { ...record, log };
}

const isStep =
  (key: string) =>
  (entry: LogEntry): boolean =>
    (entry.type === "step" || entry.type === "event") && entry.key === key;

test("a changed result is found where the run first decides otherwise", async () => {
  const { definitions } = world(everything);
  const recorded = changed(await record(definitions), isStep("quick"), (entry) =>
    entry.type === "step" ? { ...entry, result: "something else" } : entry,
  );

  const { divergence } = await replayRun({ record: recorded, definitions, ports: {} });

  expect(divergence).toMatchObject({
    type: "event",
    path: "",
    key: "first",
    pointer: "/quick",
    expected: "quick done",
    got: "something else",
  });
});

test("a changed result of a child is found in the child", async () => {
  const { definitions } = world(everything);
  const recorded = changed(await record(definitions), isStep("part:good"), (entry) =>
    entry.type === "step" ? { ...entry, result: "forged" } : entry,
  );

  const { divergence } = await replayRun({ record: recorded, definitions, ports: {} });

  expect(divergence).toMatchObject({ type: "event", path: "one", key: "part", got: "forged" });
});

test("a message that would carry something else is a difference", async () => {
  const { definitions } = world(everything);
  const recorded = changed(await record(definitions), isStep("now"), (entry) =>
    entry.type === "step" ? { ...entry, result: 12 } : entry,
  );

  const { divergence } = await replayRun({ record: recorded, definitions, ports: {} });

  expect(divergence).toMatchObject({
    type: "message",
    key: "send",
    got: { message: { note: 12 } },
  });
});

test("a step that the record lacks stops the replay instead of being performed", async () => {
  const { definitions, calls } = world(everything);
  const recorded = changed(await record(definitions), isStep("quick"), () => null);
  calls.length = 0;

  const { divergence, outcome } = await replayRun({ record: recorded, definitions, ports: {} });

  expect(outcome).toBeNull();
  expect(divergence).toMatchObject({ type: "step", key: "quick", expected: undefined });
  expect(calls).toEqual([]);
});

test("what the record holds and nobody asks for is a difference", async () => {
  const { definitions } = world(everything);
  const recorded = await record(definitions);
  const extra = { type: "event", run: "rn_1", key: "ghost", event: { boo: 1 } } as const;
  const log = [...recorded.log.slice(0, 3), extra, ...recorded.log.slice(3)];

  const { divergence } = await replayRun({ record: { ...recorded, log }, definitions, ports: {} });

  expect(divergence).toMatchObject({ type: "event", key: "ghost", expected: { boo: 1 } });
});

test("the record of a run under way is identical as far as it goes", async () => {
  const { definitions } = world(everything);
  const whole = await record(definitions);
  const at = whole.log.findIndex((entry) => entry.type === "step" && entry.key === "ask");
  const open = { ...whole.run, endedAt: null, outcome: null, status: "running" } as const;

  const replay = await replayRun({
    record: { ...whole, run: open, log: whole.log.slice(0, at) },
    definitions,
    ports: {},
  });

  expect(replay).toMatchObject({ divergence: null, outcome: null, isOpen: true });
});
