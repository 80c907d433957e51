// What is stuck is cut at its deadline, and everybody else goes on.

import { expect, test } from "vitest";
import { defineActor, defineRun, type RunContext, type RunEnded } from "../../runtime/actor.ts";
import { type Address, address } from "../../runtime/address.ts";
import { TestSystem } from "../../runtime/testkit/test-system.ts";

const desk = defineActor<number, { readonly start: string } | { readonly count: true } | RunEnded>({
  kind: "desk",
  version: 1,
  initial: () => 0,
  receive(state, message, turn) {
    if ("count" in message) {
      turn.reply(state);
      return state;
    }
    if ("type" in message) {
      turn.reply(null);
      return state + 1;
    }
    const run = turn.startRun({ kind: message.start, input: null });
    turn.reply({ run }, { follow: run });
    return state;
  },
});

const deskAt: Address = address({ kind: "desk", tenant: "tn_1", root: "d" });
const never = (): Promise<never> => new Promise(() => undefined);

const runOf = (kind: string, run: (context: RunContext<unknown>) => Promise<unknown>) =>
  defineRun<null, unknown, unknown>({ kind, run: (_input, context) => run(context) });

/** Steps that never settle and take no notice of their signal. */
const stuck = [
  runOf("effect", (context) => context.step("s", never, { timeoutMs: 1_000 })),
  runOf("safe", (context) =>
    context.step("s", never, {
      ...{ repeat: "safe", timeoutMs: 1_000, retry: { times: 0, minMs: 1, maxMs: 1 } },
    }),
  ),
  runOf("local", (context) =>
    context.step("s", never, {
      ...{ local: true, timeoutMs: 1_000, retry: { times: 0, minMs: 1, maxMs: 1 } },
    }),
  ),
] as const;

async function begin(runs: readonly ReturnType<typeof runOf>[]): Promise<TestSystem> {
  const system = new TestSystem({ seed: 1, definitions: [desk, ...runs] });
  await system.start();
  return system;
}

test.each(["effect", "safe", "local"])("a stuck step (%s) is cut at its deadline", async (kind) => {
  const system = await begin(stuck);

  const frames = system.stream(deskAt, { start: kind });
  await system.schedule.advance(900);
  const meanwhile = system.ask(deskAt, { count: true });
  await system.schedule.advance(50);
  expect(await meanwhile).toBe(0);
  await system.schedule.advance(100);

  expect((await frames).at(-1)).toMatchObject({
    outcome: {
      status: "failed",
      error: { code: "DEADLINE", message: expect.stringContaining("1000 ms") },
    },
  });
  const after = system.ask(deskAt, { count: true });
  await system.schedule.advance(10);
  expect(await after).toBe(1);
  expect(system.kernelOf(deskAt)?.inspect()).toMatchObject({
    runs: 0,
    counters: { stepTimeouts: 1 },
  });
});

test("a local step that names no limit has the usual one", async () => {
  const retry = { times: 0, minMs: 1, maxMs: 1 };
  const system = await begin([
    runOf("plain", (context) => context.step("s", never, { local: true, retry })),
  ]);

  const frames = system.stream(deskAt, { start: "plain" });
  await system.schedule.advance(121_000);

  expect((await frames).at(-1)).toMatchObject({ outcome: { error: { code: "DEADLINE" } } });
});

test("a stuck look at the other side is cut too, after a restart", async () => {
  let calls = 0;
  const asks = runOf("asks", (context) =>
    context.step(
      "s",
      () => {
        calls += 1;
        return never();
      },
      { repeat: "reconcile", reconcile: never, timeoutMs: 1_000 },
    ),
  );
  const system = await begin([asks]);
  system.stream(deskAt, { start: "asks" }).catch(() => undefined);
  await system.schedule.advance(500);
  system.crash("process");
  await system.start();
  await system.schedule.advance(1_500);

  const ended = system.ask(deskAt, { count: true });
  await system.schedule.advance(10);
  expect([await ended, calls]).toEqual([1, 1]);
});

test("a run whose steps do not let go ends at its own deadline and its grace", async () => {
  const patient = runOf("patient", async () => never());
  const system = await begin([patient]);

  const frames = system.stream(deskAt, { start: "patient" });
  await system.schedule.advance(600_000 + 5_100);

  expect((await frames).at(-1)).toMatchObject({ outcome: { status: "expired" } });
});
