// Worker threads that die by what they handle: the rest of their shards is back within a second, what
// killed them is named and counted, and after five deaths it is given up.

import { afterEach, expect, test } from "vitest";
import { type Address, shardOfAddress } from "../../runtime/address.ts";
import type { RunningSystem } from "../../runtime/pool.ts";
import type { SystemFigures } from "../../runtime/system.ts";
import { at, collect, rootOn, startTestSystem, stopAll } from "../support/threads-system.ts";

afterEach(stopAll);

const key = (name: string) => ({ source: "test", key: name, bodyHash: "-", hours: 1 });
const figures = async (system: RunningSystem): Promise<SystemFigures> =>
  (await system.inspect()) as unknown as SystemFigures;

/** Another actor of the same worker, in another shard. */
function neighbourOf(address: Address, workers: number): Address {
  const shard = shardOfAddress(address);
  for (let n = 0; ; n += 1) {
    const found = at("counter", `neighbour-${n}`);
    const other = shardOfAddress(found);
    if (other !== shard && other % workers === shard % workers) return found;
  }
}

const ways = [
  { way: "throws outside a turn", type: "die", reason: "an error nobody catches", isNamed: false },
  {
    way: "has a rejection nobody handles",
    type: "reject",
    reason: "a rejection nobody handles",
    isNamed: false,
  },
  { way: "ends itself", type: "exit", reason: "exit code 3", isNamed: true },
  { way: "is out of memory", type: "eat", reason: "memory limit", isNamed: true },
  { way: "spins for ever", type: "spin", reason: "gave no sign", isNamed: true },
] as const;

test.each(ways)(
  "a worker that $way is replaced, and its other shards answer within a second",
  { timeout: 60_000 },
  async ({ type, reason, isNamed }) => {
    const workers = 2;
    // Collecting garbage to the last, a thread gives no sign for a while either.
    const watchdogMs = type === "spin" ? 400 : 20_000;
    const { system, log } = await startTestSystem({ workers, watchdogMs, workerHeapMib: 64 });
    const guilty = rootOn("counter", 0, workers);
    const neighbour = neighbourOf(guilty, workers);
    await system.ask(neighbour, { type: "add", n: 1 });

    const dying = system.ask(guilty, { type }).catch((error: unknown) => error);
    const hasDied = (): boolean => log.some((line) => line.includes("died"));
    await expect.poll(hasDied, { interval: 5, timeout: 20_000 }).toBe(true);
    expect(await system.ask(neighbour, { type: "all" })).toEqual([1]);
    const backAtMs = Date.now();
    const [lost] = (await figures(system)).lost;
    const backMs = backAtMs - (lost?.at ?? 0);
    await dying;

    console.log(`deaths.test: ${type}: other shards back ${backMs} ms after the end of the thread`);
    expect(backMs).toBeLessThan(1_000);
    expect(lost).toMatchObject({ worker: 0, actor: isNamed ? guilty : "" });
    expect(lost?.reason).toContain(reason);
    if (isNamed) expect(log.some((line) => line.includes(guilty))).toBe(true);
    expect(await system.ask(guilty, { type: "add", n: 2 })).toBe(2);
    if (type !== "reject") return;
    // Given nothing at first, the new thread has its share in the end.
    const shares = async () => (await figures(system)).workers.map(({ shards }) => shards > 400);
    await expect.poll(shares, { timeout: 30_000 }).toEqual([true, true]);
  },
);

test("a keyed request that kills its thread five times is a dead letter for who waits; others go on", {
  timeout: 60_000,
}, async () => {
  const { system } = await startTestSystem({ workers: 2, watchdogMs: 1_000 });
  const counter = at("counter", "a");
  const spinning = system.ask(counter, { type: "spin" }, { key: key("deadly") });
  const adding = system.ask(counter, { type: "add", n: 1 }, { key: key("harmless") });

  await expect(spinning).rejects.toMatchObject({
    code: "DEAD_LETTER",
    message: expect.stringContaining("5 threads"),
  });
  expect(await adding).toBe(1);
  expect(await system.ask(counter, { type: "all" })).toEqual([1]);
  const { deaths, lost } = await figures(system);
  expect(deaths).toBe(5);
  expect(lost.map(({ actor }) => actor)).toEqual(Array(5).fill(counter));
  // All of them one after the other in the thread that had nothing else.
  expect(new Set(lost.map(({ worker }) => worker)).size).toBe(1);
  expect(await system.deadLetters("tn_1", { limit: 10 })).toMatchObject([
    { to: counter, message: { type: "spin" }, failures: expect.any(Number) },
  ]);
});

test("a stored message that kills its thread is counted alone: those before and after it are applied", {
  timeout: 60_000,
}, async () => {
  const { system } = await startTestSystem({ workers: 2, watchdogMs: 1_000 });
  const counter = at("counter", "a");
  const relay = at("relay", "r");
  const relayed = (message: unknown) => ({ type: "relay", to: counter, message });
  for (const message of [{ type: "add", n: 1 }, { type: "spin" }, { type: "add", n: 2 }]) {
    await system.ask(relay, relayed(message), { key: key(JSON.stringify(message)) });
  }

  await expect
    .poll(() => system.ask(counter, { type: "all" }).catch(() => "lost"), { timeout: 30_000 })
    .toEqual([1, 2]);
  const letters = await system.deadLetters("tn_1", { limit: 10 });
  expect(letters).toMatchObject([{ to: counter, message: { type: "spin" } }]);
  expect(letters[0]?.error.message).toMatch(/Each of the 5 threads .* gave no sign for 1000 ms/);
});

test.each([
  ["leaves a rejected promise behind", "reject", "a rejection nobody handles"],
  ["ends its thread", "exit", "exit code 3"],
  ["ends its thread after its turn", "exit-later", "exit code 3"],
])(
  "a message that %s is found after the first death, and given up",
  {
    timeout: 60_000,
  },
  async (_way, type, reason) => {
    const { system, log } = await startTestSystem({ workers: 2 });
    const counter = at("counter", "a");

    const relayed = { type: "relay", to: counter, message: { type } };
    await system.ask(at("relay", "r"), relayed, { key: key("left behind") });
    const letters = () => system.deadLetters("tn_1", { limit: 10 });
    await expect
      .poll(letters, { timeout: 30_000 })
      .toMatchObject([{ to: counter, message: { type } }]);

    expect(await system.ask(counter, { type: "add", n: 1 }, { key: key("after") })).toBe(1);
    const { deaths, lost } = await figures(system);
    // Two that name nobody, one that repeats who sent it, five that count.
    expect(deaths).toBeLessThanOrEqual(8);
    expect(lost[0]).toMatchObject({ actor: counter, reason });
    expect(log.filter((line) => line.includes("died"))).toHaveLength(deaths);
  },
);

test.each(["step", "function", "child"] as const)(
  "a run that spins in its %s ends failed after so many deaths, its parent is told, others resume",
  { timeout: 60_000 },
  async (where) => {
    const config = { workers: 2, watchdogMs: 1_000 };
    const { system } = await startTestSystem(config, undefined, { failuresMax: 2 });
    const desk = at("desk", "a");
    const start = (kind: string, input: unknown) => ({ type: "start", kind, input });
    const other = collect(system.stream(desk, start("patient", null), { key: key("other") }));
    const frames = await collect(
      system.stream(desk, start("spinner", { in: where }), { key: key("spinner") }),
    );

    const end = frames.at(-1);
    expect(end).toMatchObject({ type: "end", reply: { status: "failed" } });
    expect(JSON.stringify(end)).toContain("Each of the 2 threads that performed this run died");
    const { lost } = await figures(system);
    expect(lost.map(({ actor, reason }) => `${actor} ${reason}`)).toEqual(
      Array(2).fill(expect.stringMatching(/^spinner:tn_1\/a\/rn_\S+ .* gave no sign/)),
    );
    const { rows: runs } = await system.runs("tn_1", { limit: 10 });
    expect(runs.find(({ kind }) => kind === "spinner")).toMatchObject({ status: "failed" });
    const patient = runs.find(({ kind }) => kind === "patient");
    await system.cancel("tn_1", patient?.id ?? "", "seen enough");
    expect((await other).at(-1)).toMatchObject({ outcome: { status: "cancelled" } });
  },
);
