// Runs that wait for their release: what is told to one while it is released, and what a refused turn
// leaves of it. After a restart, when a kernel knows such a run by its row only.

import { expect, test } from "vitest";
import { type Data, defineActor, defineRun, type RunEnded } from "../../runtime/actor.ts";
import { address } from "../../runtime/address.ts";
import type { RuntimeError } from "../../runtime/errors.ts";
import type { RunControl } from "../../runtime/message.ts";
import { TestSystem } from "../../runtime/testkit/test-system.ts";

const SEEDS = 60;
const RUN = "rn_1";

type DeskMessage = { readonly type: "hold" | "release" | "steered" | "note" | "look" } | RunEnded;

const desk = defineActor<readonly string[], DeskMessage>({
  kind: "desk",
  version: 1,
  initial: () => [],
  receive(state, message, turn) {
    switch (message.type) {
      case "hold":
        turn.startRun({ kind: "work", id: RUN, input: null, held: true });
        break;
      case "release":
        turn.releaseRun(RUN);
        break;
      case "note":
        turn.put("note", "written");
        break;
      case "steered":
        turn.steerRun(RUN, "from its desk");
        break;
      case "run-ended": {
        const { outcome } = message;
        return [...state, outcome.status === "completed" ? `${outcome.result}` : outcome.status];
      }
    }
    turn.reply(state);
    return state;
  },
});

const work = defineRun<null, Data, unknown>({
  kind: "work",
  async run(_, context) {
    const decided = await context.decision("go", { timeoutMs: 5_000 }).catch(() => "undecided");
    await context.sleep("a while", 1_000);
    return `${decided} ${(await context.steered("steers")).length}`;
  },
});

const at = address({ kind: "desk", tenant: "tn_1", root: "d" });
const place = { tenant: "tn_1", root: "d", run: RUN };

/** A system that has started again since it holds the run. */
async function holding(seed: number): Promise<TestSystem> {
  const system = await begin(seed);
  const held = system.ask(at, { type: "hold" });
  await system.schedule.advance(200);
  await held;
  system.crash("process");
  await system.start();
  return system;
}

async function begin(seed: number): Promise<TestSystem> {
  const definitions = [desk, work];
  const limits = { runIdleMs: 100 };
  const system = new TestSystem({ seed, definitions, limits, workers: 1, delayMs: seed % 2 });
  await system.start();
  return system;
}

const codeOf = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => "taken",
    (error: RuntimeError) => error.code,
  );

/** How its desk was told that the run ended. */
async function endsOf(system: TestSystem, afterMs = 10_000): Promise<unknown> {
  await system.schedule.advance(afterMs);
  const ends = system.ask(at, { type: "look" });
  await system.schedule.advance(200);
  return ends;
}

/** Calls when the system has gone on by so many tasks of the door. */
async function soon<T>(system: TestSystem, tasks: number, call: () => Promise<T>): Promise<T> {
  for (let done = 0; done < tasks; done += 1) {
    await new Promise<void>((resolve) => system.schedule.defer("door", resolve));
  }
  return call();
}

const CONTROLS: readonly RunControl[] = [
  { type: "cancel", reason: "not wanted" },
  { type: "decide", key: "go", value: "gone" },
];

test.each(CONTROLS)(
  "a $type that meets the release of its run is never told that there is none",
  async (control) => {
    const codes = new Set<string>();
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const system = await holding(seed);
      // Either comes first; its desk is in memory.
      expect(await endsOf(system, 100)).toEqual([]);
      const [first, second] = [seed % 3, 2 - (seed % 3)];
      const said = soon(system, first, () => codeOf(system.control(place, control)));
      const released = soon(system, second, () => system.ask(at, { type: "release" }));
      await system.schedule.advance(200);
      await released;

      const code = await said;
      codes.add(code);

      const expected = control.type === "cancel" ? "cancelled" : "gone 0";
      const ends = await endsOf(system);
      // A decision that came first is refused; a cancel is taken whenever it comes.
      if (code === "taken") expect(ends, `seed ${seed}`).toEqual([expected]);
      else
        expect({ seed, code, type: control.type }).toEqual({
          seed,
          code: "CONFLICT",
          type: "decide",
        });
    }
    expect(codes).toContain("taken");
  },
);

test("a held run takes no decision, and says why", async () => {
  const system = await holding(1);
  const said = system.control(place, { type: "decide", key: "go", value: "gone" });
  said.catch(() => undefined);
  await system.schedule.advance(200);

  await expect(said).rejects.toMatchObject({ code: "CONFLICT", message: /held/ });
});

test("what a turn steers after another has released the run reaches it", async () => {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const system = await holding(seed);
    const asked = [
      system.ask(at, { type: "release" }),
      system.ask(at, { type: "steered" }),
      system.ask(at, { type: "steered" }),
    ];
    await system.schedule.advance(200);
    await Promise.all(asked);

    expect(await endsOf(system), `seed ${seed}`).toEqual(["undecided 2"]);
  }
});

test("a run held by a turn that a full disk refused is not there", async () => {
  const system = await begin(1);
  system.disk.isFull = true;
  const held = codeOf(system.ask(at, { type: "hold" }));
  await system.schedule.advance(200);
  expect(await held).toBe("STORE_FULL");
  system.disk.isFull = false;

  const cancelled = codeOf(system.control(place, { type: "cancel", reason: "not wanted" }));
  await system.schedule.advance(1_000);

  expect(await cancelled).toBe("NOT_FOUND");
  expect(await endsOf(system)).toEqual([]);
});

test("a release that a full disk refused releases nothing, and is done when it is asked for again", async () => {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const system = await holding(seed);
    system.disk.isFull = true;
    const refused = codeOf(system.ask(at, { type: "release" }));
    await system.schedule.advance(200);
    expect(await refused, `seed ${seed}`).toBe("STORE_FULL");
    system.disk.isFull = false;
    expect(await endsOf(system), `seed ${seed}`).toEqual([]);

    const released = system.ask(at, { type: "release" });
    await system.schedule.advance(200);
    await released;

    expect(await endsOf(system), `seed ${seed}`).toEqual(["undecided 0"]);
  }
});

test("a release that comes too late takes nothing from its run, woken while the disk fills", async () => {
  const hasMark = ({ disk }: TestSystem): boolean =>
    disk.rows.some(({ key }) => key.startsWith("o/"));
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const system = await holding(seed);
    const released = system.ask(at, { type: "release" });
    await system.schedule.advance(1_000);
    await released;
    expect(hasMark(system), `seed ${seed}: it hibernates`).toBe(false);

    const late = codeOf(system.ask(at, { type: "release" }));
    const decide: RunControl = { type: "decide", key: "go", value: "gone" };
    const decided = soon(system, seed % 6, () => codeOf(system.control(place, decide)));
    for (let tasks = 0; tasks < 10; tasks += 1) {
      soon(system, tasks, () => system.send(at, { type: "note" })).catch(() => undefined);
    }
    void soon(system, Math.floor(seed / 6), async () => {
      system.disk.isFull = true;
    });
    await system.schedule.until(() => system.disk.isFull, 100);
    await system.schedule.advance(100);
    system.disk.isFull = false;
    const { commits } = system.disk;
    await system.schedule.until(() => system.disk.commits > commits, 1_000);
    system.crash("process");
    await system.start();

    const ends = (await endsOf(system)) as readonly string[];
    expect(ends, `seed ${seed}: ${await late}, ${await decided}`).toHaveLength(1);
  }
});
