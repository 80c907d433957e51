// What a run is told stands in its inbox until its log has it: no step waits for that, and nothing of it is
// lost or taken twice, whatever dies between.

import { expect, test } from "vitest";
import { defineActor, defineRun } from "../../runtime/actor.ts";
import { type Address, address } from "../../runtime/address.ts";
import { keys } from "../../runtime/store/keys.ts";
import { TestSystem } from "../../runtime/testkit/test-system.ts";

const TENANT = "tn_1";
const RUN = `rn_${"a".repeat(26)}`;
const MINUTE_MS = 60_000;

const at = (kind: string): Address => address({ kind, tenant: TENANT, root: "r" });

/** Gives each who asks the next number. */
const counter = defineActor<number, string>({
  kind: "counter",
  version: 1,
  initial: () => 0,
  receive(state, _, turn) {
    turn.reply(state + 1);
    return state + 1;
  },
});

const desk = defineActor<null, { readonly type: string; readonly kind: string }>({
  kind: "desk",
  version: 1,
  initial: () => null,
  receive(state, message, turn) {
    if (message.type === "start")
      turn.reply(turn.startRun({ kind: message.kind, id: RUN, input: null }));
    return state;
  },
});

interface Seen {
  /** Answers with which the step was called. */
  readonly called: unknown[];
  /** Commits before the step was called, by its number. */
  readonly commits: number[];
  /** Time from an answer to the step that uses it, ms. */
  readonly waits: number[];
}

const nothing = (): Seen => ({ called: [], commits: [], waits: [] });

/** A run that asks and calls out with what it was told; another that also waits for somebody. */
function system(seen: Seen, onCall: () => void = () => undefined, runIdleMs = 5_000): TestSystem {
  let commits = 0;
  const asker = defineRun<null, unknown, unknown>({
    kind: "asker",
    async run(_, context) {
      for (let round = 1; round <= 3; round += 1) {
        const told = await context.ask(`ask:${round}`, at("counter"), "next");
        const toldMs = made.schedule.nowMs;
        const call = async (): Promise<unknown> => {
          seen.called.push(told);
          seen.commits.push(commits);
          seen.waits.push(made.schedule.nowMs - toldMs);
          onCall();
          await new Promise<void>((resolve) => made.schedule.after("call", 20, resolve));
          return told;
        };
        await context.step(`call:${round}`, call, { repeat: "safe" });
      }
      return "done";
    },
  });
  const caller = defineRun<null, unknown, unknown>({
    kind: "caller",
    run: (_, context) =>
      context.step("call", () => seen.called.push(made.disk.rows.some(isRun)), { repeat: "safe" }),
  });
  const waiter = defineRun<null, unknown, unknown>({
    kind: "waiter",
    run: (_, context) =>
      Promise.all([
        context.decision("go", { timeoutMs: 30 * MINUTE_MS }),
        context.ask("ask", at("counter"), "next"),
      ]).then((both) => seen.called.push(both)),
  });
  const made: TestSystem = new TestSystem({
    seed: 1,
    definitions: [counter, desk, asker, caller, waiter],
    limits: { runIdleMs },
    delayMs: 5,
    reads: "at once",
    onWrite: (_, stage) => {
      if (stage === "committed") commits += 1;
    },
  });
  return made;
}

async function start(made: TestSystem, kind: string): Promise<void> {
  await made.start();
  const started = made.ask(at("desk"), { type: "start", kind });
  await made.schedule.advance(100);
  await started;
}

const isRun = ({ key }: { readonly key: string }): boolean => key === keys.run(TENANT, RUN);

const inboxOf = (made: TestSystem): readonly string[] =>
  made.disk.rows
    .map(({ key }) => key)
    .filter((key) => key.startsWith(keys.inboxOfRun(at("desk"), RUN)));

test("an answer costs no commit between the one that brings it and the step that uses it", async () => {
  const seen = nothing();
  const made = system(seen);
  await start(made, "asker");
  await made.schedule.advance(MINUTE_MS);

  expect(seen.called).toEqual([1, 2, 3]);
  const [first = 0, second = 0, third = 0] = seen.commits;
  expect([second - first, third - second]).toEqual([1, 1]);
  expect(inboxOf(made)).toEqual([]);
});

test("a step that uses an answer waits for nobody else's commit", async () => {
  const seen = nothing();
  const made = system(seen);
  await made.start();
  for (let ms = 0; ms < 500; ms += 1) {
    const message = ms === 50 ? { type: "start", kind: "asker" } : { type: "nothing" };
    made.ask(at("desk"), message).catch(() => undefined);
    made.ask(at("counter"), "next").catch(() => undefined);
    await made.schedule.advance(1);
  }

  expect(seen.waits).toEqual([0, 0, 0]);
});

test("the first thing that a run does outside waits for the commit that starts it", async () => {
  const seen = nothing();
  await start(system(seen), "caller");

  expect(seen.called).toEqual([true]);
});

test.each(["process", "power", "rescan"] as const)(
  "an answer that the log does not have yet is given again after a crash, and was asked for once (%s)",
  async (kind) => {
    const seen = nothing();
    let crashes = 0;
    const made = system(seen, () => {
      if (crashes === 2) return;
      crashes += 1;
      const crash = (): void => made.crash(kind === "power" ? "power" : "process");
      // Power fails when the answer is on disk; the inbox may have been looked through by then.
      if (kind === "rescan")
        made
          .kernelOf(at("desk"))
          ?.rescan()
          .catch(() => undefined);
      made.schedule.after("crash", kind === "process" ? 0 : 15, crash);
    });
    await start(made, "asker");
    for (let lives = 0; lives < crashes; ) {
      lives = crashes;
      await made.start();
      await made.schedule.advance(MINUTE_MS);
    }

    expect(crashes).toBe(2);
    expect(seen.called).toEqual([1, 1, 1, 2, 3]);
    expect(inboxOf(made)).toEqual([]);
  },
);

test("what came in time stands when its time is over", async () => {
  const seen = nothing();
  const made = system(seen, () => undefined, 10 * MINUTE_MS);
  await start(made, "waiter");
  // Past the deadline of what was asked.
  await made.schedule.advance(MINUTE_MS);
  made.crash("process");
  await made.start();
  const follower = { tenant: TENANT, root: "r", run: RUN };
  const decided = made.control(follower, { type: "decide", key: "go", value: 7 });
  const frames = made.follow(follower);
  await made.schedule.advance(1_000);
  await decided;

  expect((await frames).at(-1)).toMatchObject({ outcome: { status: "completed" } });
  expect(seen.called).toEqual([[7, 1]]);
});

test("a run that was told something while it waits for somebody else still leaves memory", async () => {
  const made = system(nothing());
  await start(made, "waiter");
  expect(inboxOf(made)).toHaveLength(1);
  await made.schedule.advance(MINUTE_MS);

  expect(made.kernelOf(at("desk"))?.inspect().runs).toBe(0);
  expect(inboxOf(made)).toEqual([]);
});
