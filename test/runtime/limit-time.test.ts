// The end of a run's own time: it is named by the run whose time it was, whoever was at work when it came, and
// what a run has started has as long as that run.

import { expect, test } from "vitest";
import { defineActor, defineRun, type RunContext, type RunEnded } from "../../runtime/actor.ts";
import { type Address, address } from "../../runtime/address.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import { TestSystem } from "../../runtime/testkit/test-system.ts";

const HOUR_MS = 3_600_000;
const deskAt: Address = address({ kind: "desk", tenant: "tn_1", root: "d" });
const never = (): Promise<never> => new Promise(() => undefined);

const desk = defineActor<null, { readonly start: string; readonly timeoutMs: number } | RunEnded>({
  kind: "desk",
  version: 1,
  initial: () => null,
  receive(state, message, turn) {
    if ("type" in message) return state;
    const run = turn.startRun({ kind: message.start, input: null, timeoutMs: message.timeoutMs });
    turn.reply({ run }, { follow: run });
    return state;
  },
});

const runOf = (kind: string, run: (context: RunContext<unknown>) => Promise<unknown>) =>
  defineRun<null, unknown, unknown>({ kind, run: (_input, context) => run(context) });

async function limitedTo(context: RunContext<unknown>, seconds: number): Promise<void> {
  const begun = await context.now("begun");
  context.limitTime(begun + seconds * 1_000, new RuntimeError("LIMIT_REACHED", "Time is over."));
}

async function begin(seed: number, runs: readonly ReturnType<typeof runOf>[]) {
  const system = new TestSystem({ seed, definitions: [desk, ...runs] });
  await system.start();
  return system;
}

test("it is named although a run three below was at work, whose time ended at the same moment", async () => {
  const busy = runOf("busy", async (context) => {
    // Times of all that are above begin anew when it is over, the innermost first.
    await context.sleep("pause", 20_000, { pausing: true });
    await context.step("s", never);
  });
  const middle = runOf("middle", async (context) => {
    await context.child("busy", { kind: "busy", input: null });
  });
  const top = runOf("top", async (context) => {
    await limitedTo(context, 5);
    const { error } = (await context.child("middle", { kind: "middle", input: null })) as never;
    throw error;
  });
  for (let seed = 1; seed <= 10; seed += 1) {
    const system = await begin(seed, [busy, middle, top]);

    const frames = system.stream(deskAt, { start: "top", timeoutMs: 600_000 });
    await system.schedule.advance(30_100);

    const error = { code: "LIMIT_REACHED", message: "Time is over." };
    expect((await frames).at(-1)).toMatchObject({ outcome: { status: "expired", error } });
  }
});

test("a run that is started has as long as the one that started it", async () => {
  const slow = runOf("slow", async (context) => {
    await context.sleep("work", HOUR_MS);
    return "done";
  });
  let ended: unknown = null;
  const top = runOf("top", async (context) => {
    ended = await context.child("slow", { kind: "slow", input: null });
  });
  const system = await begin(1, [slow, top]);

  system.stream(deskAt, { start: "top", timeoutMs: 2 * HOUR_MS }).catch(() => undefined);
  await system.schedule.advance(HOUR_MS + 1_000);

  expect(ended).toMatchObject({ status: "completed", result: "done" });
});

test("one that is started beside a wait has not the time that the wait may take", async () => {
  const wait = runOf("wait", (context) =>
    context.decision("d", { timeoutMs: 24 * HOUR_MS, pausing: true }),
  );
  const busy = runOf("busy", (context) => context.step("s", never));
  const ended: unknown[] = [];
  const top = runOf("top", async (context) => {
    await limitedTo(context, 60);
    const waits = context.child("wait", { kind: "wait", input: null });
    await context.sleep("meanwhile", 10_000);
    ended.push(await context.child("busy", { kind: "busy", input: null }));
    return await waits;
  });
  const system = await begin(1, [wait, busy, top]);

  system.stream(deskAt, { start: "top", timeoutMs: 600_000 }).catch(() => undefined);
  await system.schedule.advance(30_000);
  expect(ended).toEqual([]);
  await system.schedule.advance(60_000);

  expect(ended).toMatchObject([{ status: "expired", error: { code: "DEADLINE" } }]);
});
