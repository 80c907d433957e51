// A tenant whose work rests: nothing of it goes on, on any thread, across restarts and deaths of workers;
// resumed, it goes on where it was. Others notice nothing.

import { afterEach, expect, test } from "vitest";
import { type Address, address } from "../../runtime/address.ts";
import type { RuntimeError } from "../../runtime/errors.ts";
import type { System } from "../../runtime/system.ts";
import { collect, startTestSystem, stopAll, textOf } from "../support/threads-system.ts";

afterEach(stopAll);

/** Names of which one is the beginning of the other. */
const [OURS, THEIRS] = ["tn_a", "tn_ab"];
const of = (tenant: string, kind: string, root: string): Address => address({ kind, tenant, root });

const codeOf = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => "taken",
    (error: RuntimeError) => error.code,
  );

const all = (system: System, to: Address): Promise<unknown> => system.ask(to, { type: "all" });

async function startRun(system: System, tenant: string, kind: string, input: unknown) {
  const desk = of(tenant, "desk", "d");
  return (await system.ask(desk, { type: "start", kind, input })) as { readonly run: string };
}

test.each([0, 2])(
  "with %i workers: messages of a suspended tenant are refused, and others' are taken",
  async (workers) => {
    const { system } = await startTestSystem({ workers });
    const ours = of(OURS, "counter", "c");
    const theirs = of(THEIRS, "counter", "c");
    await Promise.all([ours, theirs].map((to) => system.ask(to, { type: "add", n: 1 })));

    await system.tenants.suspend(OURS);
    const refused = await Promise.all([
      codeOf(system.ask(ours, { type: "add", n: 2 })),
      codeOf(system.send(ours, { type: "add", n: 3 })),
    ]);
    const [first] = await collect(
      system.stream(of(OURS, "desk", "d"), { type: "start", kind: "patient" }),
    );
    await system.ask(theirs, { type: "add", n: 2 });
    const state = system.tenants.stateOf(OURS);
    await system.tenants.resume(OURS);
    await system.ask(ours, { type: "add", n: 4 });

    expect(refused).toEqual(["TENANT_SUSPENDED", "TENANT_SUSPENDED"]);
    expect(first).toMatchObject({ type: "refused", error: { code: "TENANT_SUSPENDED" } });
    expect(state).toBe("suspended");
    expect(await all(system, ours)).toEqual([1, 4]);
    expect(await all(system, theirs)).toEqual([1, 2]);
  },
);

test.each([0, 2])(
  "with %i workers: a run that waits stops, its viewer is told, and it goes on when resumed",
  async (workers) => {
    const { system } = await startTestSystem({ workers });
    const stream = system.stream(of(OURS, "desk", "d"), { type: "start", kind: "parts" });
    const watched = codeOf(collect(stream));
    const open = async (): Promise<string> =>
      (await system.runs(OURS, { limit: 1 })).rows[0]?.id ?? "";
    await expect.poll(open, { timeout: 5_000 }).not.toBe("");
    const run = await open();

    await system.tenants.suspend(OURS);
    const told = await watched;
    const decided = await codeOf(system.decide(OURS, run, "go", true));
    const { runs } = (await system.inspect()).total;
    const stored = (await system.run(OURS, run))?.status;
    await system.tenants.resume(OURS);
    await system.decide(OURS, run, "go", true);
    const frames = await collect(system.follow(OURS, run));

    expect([told, decided]).toEqual(["TENANT_SUSPENDED", "TENANT_SUSPENDED"]);
    expect([runs, stored]).toEqual([0, "running"]);
    expect(textOf(frames)).toBe("first second");
  },
);

test("a step that does not end is cut, and is done again when its tenant is resumed", async () => {
  const { system } = await startTestSystem({ workers: 2 });
  const { run } = await startRun(system, OURS, "hanging", null);
  await expect.poll(async () => (await system.inspect()).total.runs, { timeout: 5_000 }).toBe(1);

  await system.tenants.suspend(OURS, 10);
  await system.tenants.resume(OURS);

  expect(textOf(await collect(system.follow(OURS, run)))).toBe("abcdef");
});

test("after a restart a suspended tenant still rests, and nothing of it is lost", async () => {
  const first = await startTestSystem({ workers: 2 });
  const { run } = await startRun(first.system, OURS, "parts", null);
  await first.system.tenants.suspend(OURS);
  await first.system.stop(1_000);

  const { system } = await startTestSystem({ workers: 2 }, first.folder);
  const rested = [(await system.inspect()).total.runs, system.tenants.stateOf(OURS)];
  const refused = await codeOf(system.decide(OURS, run, "go", true));
  await system.tenants.resume(OURS);
  await system.decide(OURS, run, "go", true);

  expect([...rested, refused]).toEqual([0, "suspended", "TENANT_SUSPENDED"]);
  expect(textOf(await collect(system.follow(OURS, run)))).toBe("first second");
});

test("a worker that takes the place of a dead one keeps a suspended tenant at rest", async () => {
  const { system } = await startTestSystem({ workers: 2 });
  await startRun(system, OURS, "parts", null);
  await system.tenants.suspend(OURS);

  await Promise.all([system.endWorker(0), system.endWorker(1)]);
  const lives = async (): Promise<string> => codeOf(all(system, of(THEIRS, "counter", "c")));
  await expect.poll(lives, { timeout: 10_000 }).toBe("taken");

  expect((await system.inspect()).total.runs).toBe(0);
  expect(await codeOf(all(system, of(OURS, "counter", "c")))).toBe("TENANT_SUSPENDED");
});

test("what others had sent to a suspended tenant waits in its inbox", async () => {
  const { system } = await startTestSystem({ workers: 2 });
  const ours = of(OURS, "counter", "c");
  await system.tenants.suspend(OURS);

  const relays = Array.from({ length: 8 }, (_, n) => of(THEIRS, "relay", `r${n}`));
  const message = (n: number): unknown => ({ type: "add", n });
  await Promise.all(
    relays.map((to, n) => system.ask(to, { type: "relay", to: ours, message: message(n) })),
  );
  await system.tenants.resume(OURS);

  const sum = async (): Promise<number> => ((await all(system, ours)) as number[]).length;
  await expect.poll(sum, { timeout: 5_000 }).toBe(8);
});
