// Frames are shown when they are committed. What was not flushed then goes with the power, and the run
// goes another way: who comes back with an id of what is lost is told so, and nobody else.

import { expect, test } from "vitest";
import { type Data, type Definition, defineActor, defineRun } from "../../runtime/actor.ts";
import { address } from "../../runtime/address.ts";
import { RuntimeError } from "../../runtime/errors.ts";
import type { Frame } from "../../runtime/frame.ts";
import { TestSystem } from "../../runtime/testkit/test-system.ts";

const SEEDS = 25;
const NAP_MS = 500;
const ASLEEP_MS = 400;
const tenant = "tn_1";
const root = "d";

interface World {
  calls: number;
}

/** Shows one event a step, which says how often a step was called before it: never twice the same. */
const work = defineRun<{ readonly naps: boolean }, null, World>({
  kind: "work",
  run: async ({ naps }, context) => {
    for (const key of ["a", "b", "c", "d", "e", "f"]) {
      if (naps && key === "c") await context.sleep("nap", NAP_MS);
      const calls = await context.step(
        key,
        () => {
          context.ports.calls += 1;
          return context.ports.calls;
        },
        { repeat: "safe" },
      );
      context.emit(key, `${key} ${calls}`);
    }
    return null;
  },
});

const desk = defineActor<null, Data>({
  kind: "desk",
  version: 1,
  initial: () => null,
  receive(state, message, turn) {
    const { type, naps, run, entries } = message as {
      readonly type: string;
      readonly naps: boolean;
      readonly run?: string;
      readonly entries?: number;
    };
    if (type !== "start") return state;
    const fork = run === undefined ? {} : { fork: { run, entries: entries ?? 0 } };
    turn.reply(turn.startRun({ kind: "work", input: { naps }, ...fork }));
    return state;
  },
});

const definitions = [desk, work] as unknown as Definition[];
const at = address({ kind: "desk", tenant, root });

/** What a viewer has seen, over all its subscriptions. */
class Seen {
  events: Data[] = [];
  cursor: string | undefined;
  hasEnd = false;
  timesLost = 0;
  isAway = true;

  take(frame: Frame): void {
    if ("id" in frame) this.cursor = frame.id;
    if (frame.type === "event") this.events.push(frame.event);
    this.hasEnd ||= frame.type === "end";
  }

  forget(error: unknown): void {
    this.isAway = true;
    if (!(error instanceof RuntimeError) || error.code !== "EVENTS_LOST") return;
    this.timesLost += 1;
    this.events = [];
    this.cursor = undefined;
  }
}

function follow(system: TestSystem, run: string, seen: Seen, told = (): void => undefined): void {
  seen.isAway = false;
  const after = seen.cursor === undefined ? {} : { after: seen.cursor };
  const take = (frame: Frame): void => {
    seen.take(frame);
    told();
  };
  system
    .follow({ tenant, root, run, ...after }, take)
    .catch((error: unknown) => seen.forget(error));
}

async function drive(system: TestSystem, isDone: () => boolean): Promise<void> {
  await system.schedule.until(isDone, 100_000);
}

async function started(system: TestSystem, message: object): Promise<string> {
  let run = "";
  void system.ask(at, { type: "start", ...message }).then((id) => {
    run = String(id);
  });
  await drive(system, () => run !== "");
  return run;
}

/** The power fails when the viewer has seen so many events; later it goes on with what it has. */
async function wrongOf(seed: number, message: object, events: number, lateMs: number) {
  const system = new TestSystem({
    ...{ seed, definitions, ports: { calls: 0 }, delayMs: 60, limits: { runIdleMs: 20 } },
  });
  await system.start();
  const first = await started(system, { naps: false, ...message });
  const seen = new Seen();
  const run = await forkedOr(system, first, message);
  follow(system, run, seen, () => {
    if (seen.events.length === events && system.crashes === 0) system.crash("power");
  });
  await drive(system, () => system.crashes > 0 || seen.hasEnd);
  await system.start();
  // The later it comes, the further the run has come another way.
  await system.schedule.advance(lateMs);
  for (let tries = 0; !seen.hasEnd && tries < 10; tries += 1) {
    if (seen.isAway || system.crashes > 0) follow(system, run, seen);
    await drive(system, () => seen.hasEnd || seen.isAway);
  }
  const whole = new Seen();
  follow(system, run, whole);
  await drive(system, () => whole.hasEnd);
  const isWrong = JSON.stringify(seen.events) !== JSON.stringify(whole.events);
  return { wrong: isWrong ? [seed, seen.events, whole.events] : null, timesLost: seen.timesLost };
}

async function forkedOr(system: TestSystem, first: string, message: object): Promise<string> {
  if (!("forks" in message)) return first;
  await system.schedule.advance(5_000);
  return await started(system, { naps: false, run: first, entries: 3 });
}

test.each([
  ["a run in its first life", {}, 3],
  ["a run that had hibernated", { naps: true }, 3],
  ["a fork", { forks: true }, 4],
] as const)(
  "of %s, a viewer is told when what it has seen is lost, and sees the rest else",
  async (_, message, events) => {
    let timesLost = 0;
    for (const lateMs of [0, ASLEEP_MS, 20_000]) {
      for (let seed = 1; seed <= SEEDS; seed += 1) {
        const found = await wrongOf(seed, message, events, lateMs);
        expect(found.wrong).toBeNull();
        timesLost += found.timesLost;
      }
    }
    expect(timesLost).toBeGreaterThan(3);
  },
);
