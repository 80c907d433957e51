// A run that begins with what another one has done: what is stored there is not done again, whatever
// dies when; what came after is.

import { expect, test } from "vitest";
import { type Data, type Definition, defineActor, defineRun } from "../../runtime/actor.ts";
import { type Address, address } from "../../runtime/address.ts";
import { readLog } from "../../runtime/runs/run-log.ts";
import { TestSystem, type TestSystemOptions } from "../../runtime/testkit/test-system.ts";

const TENANT = "tn_1";
const CRASHES = 14;

interface World {
  readonly done: string[];
  isBroken: boolean;
  readonly repeat: "safe" | "never";
  /** What each life of a run says is copied, before its third step. */
  readonly copied?: string[];
}

const part = defineRun<string, string, World>({
  kind: "part",
  run: async (name, context) =>
    await context.step(
      "inner",
      () => {
        context.ports.done.push(`inner ${name}`);
        return `<${name}>`;
      },
      { repeat: context.ports.repeat },
    ),
});

const work = defineRun<string, string, World>({
  kind: "work",
  run: async (name, context) => {
    const { ports } = context;
    const doing = (key: string) =>
      context.step(
        key,
        () => {
          ports.done.push(key);
          return `${name}.${key}`;
        },
        { repeat: ports.repeat },
      );
    const first = await doing("first");
    context.emit("told", { type: "told", first });
    const child = await context.child("part", { kind: "part", input: first });
    const second = await doing("second");
    if (ports.isBroken) throw new TypeError("out of order");
    const own = ["first", "part", "second", "third"].filter((key) => context.isCopied(key));
    ports.copied?.push(own.join(" "));
    const third = await doing("third");
    const inner = child.status === "completed" ? child.result : child.status;
    return [first, inner, second, third].join(" ");
  },
});

interface Asked {
  readonly type: "start";
  readonly input: string;
  readonly fork?: { readonly run: string; readonly entries: number };
}

const desk = defineActor<Readonly<Record<string, Data>>, Data>({
  kind: "desk",
  version: 1,
  initial: () => ({}),
  receive(state, message, turn) {
    const asked = message as Asked | { readonly type: "ends" } | { type: "run-ended"; run: string };
    if (asked.type === "start") {
      const { input, fork } = asked;
      const run = turn.startRun({ kind: "work", input, ...(fork === undefined ? {} : { fork }) });
      turn.reply(run, { follow: run });
      return state;
    }
    if (asked.type === "ends") {
      turn.reply(state);
      return state;
    }
    const { run, outcome } = message as { readonly run: string; readonly outcome: Data };
    turn.reply(null);
    return { ...state, [run]: outcome };
  },
});

const at = (root = "d"): Address => address({ kind: "desk", tenant: TENANT, root });

async function begin(world: World, options: Partial<TestSystemOptions> = {}): Promise<TestSystem> {
  const definitions = [desk, work, part] as unknown as Definition[];
  const system = new TestSystem({ seed: 1, definitions, ports: world, ...options });
  await system.start();
  return system;
}

async function told(system: TestSystem, promise: Promise<unknown>): Promise<unknown> {
  const end = promise.catch(({ code, message }) => ({ code, message }));
  await system.schedule.advance(20_000);
  return end;
}

const say = (system: TestSystem, message: Data, root?: string) =>
  told(system, system.ask(at(root), message));

async function entriesOf(system: TestSystem, run: string): Promise<readonly string[]> {
  const reader = system.disk.connect();
  const { entries } = await readLog(reader, `work:${TENANT}/d/${run}`, { from: 0, limit: 50 });
  return entries.map((entry) => ("key" in entry ? `${entry.type} ${entry.key}` : entry.type));
}

/** A run that failed after `second`, and the number of its entries before that step. */
async function failedRun(system: TestSystem, world: World) {
  world.isBroken = true;
  const run = String(await say(system, { type: "start", input: "n" }));
  world.isBroken = false;
  world.done.length = 0;
  const entries = await entriesOf(system, run);
  return { run, entries };
}

test("what is stored of the other run is not done again, what came after is", async () => {
  const world: World = { done: [], isBroken: false, repeat: "safe" };
  const system = await begin(world);
  const { run, entries } = await failedRun(system, world);
  const second = entries.indexOf("step second");

  const whole = String(
    await say(system, { type: "start", input: "n", fork: { run, entries: entries.length } }),
  );
  const doneByWhole = [...world.done];
  const earlier = String(
    await say(system, { type: "start", input: "n", fork: { run, entries: second } }),
  );
  const ends = (await say(system, { type: "ends" })) as Record<string, { result?: unknown }>;

  expect(doneByWhole).toEqual(["third"]);
  expect(world.done).toEqual(["third", "second", "third"]);
  expect(ends[run]).toMatchObject({ status: "failed" });
  expect(ends[whole]?.result).toBe("n.first <n.first> n.second n.third");
  expect(ends[earlier]?.result).toBe("n.first <n.first> n.second n.third");
});

test("a run knows what was done by the one it was forked from, also after a crash", async () => {
  const world: World = { done: [], isBroken: false, repeat: "safe", copied: [] };
  const system = await begin(world);
  const { run, entries } = await failedRun(system, world);
  const fork = { run, entries: entries.indexOf("step second") };

  const first = String(await say(system, { type: "start", input: "n", fork }));
  const ofFirst = (await entriesOf(system, first)).indexOf("step third");
  world.copied?.splice(0);
  system.disk.crashAfter(system.disk.commits + 2);
  const of = { run: first, entries: ofFirst };
  await say(system, { type: "start", input: "n", fork: of });
  system.disk.crashAfter(Number.POSITIVE_INFINITY);
  await system.start();
  await system.schedule.advance(60_000);

  expect(await entriesOf(system, first)).toEqual([
    ...entries.slice(0, fork.entries),
    ...["forked", "resumed", "step second", "step third", "end"],
  ]);
  expect(system.crashes).toBe(1);
  expect(world.copied?.length).toBeGreaterThan(0);
  expect(new Set(world.copied)).toEqual(new Set(["first part second"]));
});

test("a run of another actor is nothing to begin with, nor is a log that is shorter", async () => {
  const world: World = { done: [], isBroken: false, repeat: "safe" };
  const system = await begin(world);
  const { run, entries } = await failedRun(system, world);

  const foreign = String(
    await say(system, { type: "start", input: "n", fork: { run, entries: 1 } }, "e"),
  );
  const longer = String(
    await say(system, { type: "start", input: "n", fork: { run, entries: entries.length + 1 } }),
  );
  const foreignEnds = (await say(system, { type: "ends" }, "e")) as Record<string, unknown>;
  const ends = (await say(system, { type: "ends" })) as Record<string, unknown>;

  expect(foreignEnds[foreign]).toMatchObject({ status: "failed", error: { code: "NOT_FOUND" } });
  expect(ends[longer]).toMatchObject({ status: "failed", error: { code: "EVENTS_TRIMMED" } });
  expect(world.done).toEqual([]);
});

test("a step that was begun there and has no end may have happened", async () => {
  const world: World = { done: [], isBroken: false, repeat: "never" };
  const system = await begin(world);
  const { run, entries } = await failedRun(system, world);
  const fork = { run, entries: entries.indexOf("step second") };

  const begun = String(await say(system, { type: "start", input: "n", fork }));
  const ends = (await say(system, { type: "ends" })) as Record<string, unknown>;

  expect(ends[begun]).toMatchObject({ status: "failed", error: { code: "STEP_UNKNOWN" } });
  expect(world.done).toEqual([]);
});

test("a viewer is shown what the other run showed, then what is new, once", async () => {
  const world: World = { done: [], isBroken: false, repeat: "safe" };
  const system = await begin(world);
  const { run, entries } = await failedRun(system, world);
  const fork = { run, entries: entries.indexOf("step second") };

  const streamed = system.stream(at(), { type: "start", input: "n", fork });
  await system.schedule.advance(20_000);
  const frames = await streamed;

  const told = frames.flatMap((frame) => (frame.type === "event" ? [frame.event] : []));
  expect(told).toEqual([{ type: "told", first: "n.first" }]);
  expect(frames.at(-1)?.type).toBe("end");
});

test("whatever crashes when, the copy is whole and what it holds is not done again", async () => {
  let crashes = 0;
  for (let commit = 1; commit <= CRASHES; commit += 1) {
    const world: World = { done: [], isBroken: false, repeat: "safe" };
    const system = await begin(world, { seed: commit });
    const { run, entries } = await failedRun(system, world);
    const fork = { run, entries: entries.indexOf("step second") };

    system.disk.crashAfter(system.disk.commits + commit);
    const answered = await say(system, { type: "start", input: "n", fork });
    system.disk.crashAfter(Number.POSITIVE_INFINITY);
    if (system.crashes > 0) await system.start();
    crashes += system.crashes;
    await system.schedule.advance(60_000);
    const ends = (await say(system, { type: "ends" })) as Record<string, { result?: unknown }>;

    if (typeof answered === "string") {
      expect(ends[answered]?.result).toBe("n.first <n.first> n.second n.third");
    }
    const begun = Object.values(ends).filter(({ result }) => result !== undefined);
    expect(begun.length).toBeLessThanOrEqual(1);
    expect(world.done).not.toContain("first");
    expect(world.done).not.toContain("inner n.first");
  }
  expect(crashes).toBeGreaterThan(3);
});
