// Runs that come to do something late: released late, or taken up when their time is over.

import { expect, test } from "vitest";
import { defineActor, defineRun, type RunEnded } from "../../runtime/actor.ts";
import { type Address, address } from "../../runtime/address.ts";
import type { Frame } from "../../runtime/frame.ts";
import { TestSystem } from "../../runtime/testkit/test-system.ts";

const TIMEOUT_MS = 1_000;

type DeskMessage =
  | { readonly type: "start"; readonly held: boolean }
  | { readonly type: "release"; readonly run: string }
  | { readonly type: "question" }
  | RunEnded;

const desk = defineActor<null, DeskMessage>({
  kind: "desk",
  version: 1,
  initial: () => null,
  receive(state, message, turn) {
    switch (message.type) {
      case "start": {
        const { held } = message;
        const run = turn.startRun({ kind: "late", input: null, held, timeoutMs: TIMEOUT_MS });
        turn.reply({ run }, { follow: run });
        return state;
      }
      case "release":
        turn.releaseRun(message.run);
        turn.reply("released");
        return state;
      case "question":
        turn.reply("answer");
        return state;
      case "run-ended":
        turn.reply(message.outcome.status);
        return state;
    }
  },
});

const at = (root: string): Address => address({ kind: "desk", tenant: "tn_1", root });

/** A system with a run that first waits outside of the runtime and then asks another desk. */
async function begin(seed: number): Promise<{ system: TestSystem; calls: () => number }> {
  let calls = 0;
  const late = defineRun<null, unknown, unknown>({
    kind: "late",
    async run(_, context) {
      calls += 1;
      const isFirst = calls === 1;
      const wait = (): unknown => (isFirst ? new Promise(() => undefined) : "done");
      await context.step("wait", wait, { repeat: "safe", local: true });
      return context.ask("ask", at("other"), { type: "question" });
    },
  });
  const system = new TestSystem({ seed, definitions: [desk, late], reads: "at once" });
  await system.start();
  return { system, calls: () => calls };
}

function runOf(system: TestSystem): string {
  const row = system.disk.rows.find(({ key }) => key.startsWith("n/tn_1/"));
  return row?.key.split("/")[2] ?? "";
}

const letters = (system: TestSystem): number =>
  system.disk.rows.filter(({ key }) => key.startsWith("x/")).length;

const last = (frames: readonly Frame[]): Frame | undefined => frames.at(-1);

test("the time of a held run begins with its release, also when another process releases it", async () => {
  for (const restarts of [false, true]) {
    const { system, calls } = await begin(1);
    const frames = system.stream(at("d"), { type: "start", held: true });
    frames.catch(() => undefined);
    await system.schedule.advance(TIMEOUT_MS * 5);
    const run = runOf(system);
    if (restarts) {
      system.crash("process");
      await system.start();
    }
    const ended = system.follow({ tenant: "tn_1", root: "d", run });

    const released = system.ask(at("d"), { type: "release", run });
    await system.schedule.advance(TIMEOUT_MS * 0.9);
    const isCalled = calls();
    await system.schedule.advance(TIMEOUT_MS * 0.2);

    expect(await released).toBe("released");
    expect(isCalled).toBe(1);
    expect(last(await ended)).toMatchObject({ outcome: { status: "expired" }, reply: "expired" });
  }
});

test("a run that is taken up after its deadline asks nobody: no dead letter is made of it", async () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const { system, calls } = await begin(seed);
    system.stream(at("d"), { type: "start", held: false }).catch(() => undefined);
    await system.schedule.advance(100);
    const run = runOf(system);
    system.crash("process");
    await system.schedule.advance(TIMEOUT_MS * 2);
    await system.start();
    const frames = system.follow({ tenant: "tn_1", root: "d", run });
    await system.schedule.advance(100);

    expect(last(await frames), `seed ${seed}`).toMatchObject({ outcome: { status: "expired" } });
    expect(calls(), `seed ${seed}`).toBe(2);
    expect(letters(system), `seed ${seed}`).toBe(0);
  }
});
