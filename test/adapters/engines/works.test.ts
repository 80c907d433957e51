// Work that is under way: begun once, told in batches, found again, given up when nobody asks. Its drivers are made up.

import { expect, test } from "vitest";
import type { WorkEnd, WorkEvent, WorkTask } from "../../../actors/engines/works.ts";
import type { Driver, WorkHooks } from "../../../adapters/engines/driver.ts";
import { createWorks, type WorksOptions } from "../../../adapters/engines/works.ts";

const usage = { promptTokens: 1, completionTokens: 1 };
const endWith = (answer: string): WorkEnd => ({ text: "", answer, session: null, usage });
const task = (operation: string): WorkTask => ({
  ...{ tenant: "tn_1", engine: "en_1", operation, place: "cv_1", text: "Do it." },
});

function worksOf(
  drive: Driver,
  more: { atOnce?: number; waiting?: number } & Partial<WorksOptions> = {},
) {
  const { atOnce = 4, waiting = 10, ...options } = more;
  const line = { name: "en_1", atOnce, waiting };
  const plan = async () => ({ type: "plugin", drive, timeoutMs: 60_000, line });
  const terms = () => Promise.reject(new Error("Not asked here."));
  return createWorks({ plan, terms, ...options });
}

/** A driver whose work the test does. */
function byHand() {
  const begun: { task: WorkTask; hooks: WorkHooks; end: (end: WorkEnd) => void }[] = [];
  const drive: Driver = (own, hooks) =>
    new Promise((end, fail) => {
      begun.push({ task: own, hooks, end });
      hooks.signal.addEventListener("abort", () => fail(hooks.signal.reason), { once: true });
    });
  return { begun, drive };
}

test("work that is begun again is the same work, told from its beginning", async () => {
  const { begun, drive } = byHand();
  const works = worksOf(drive);
  const first = await works.begin(task("rn_1/a"));
  await begun[0]?.hooks.emit({ type: "text", text: "Hello " });
  await works.next({ work: first?.work ?? "" });
  await begun[0]?.hooks.emit({ type: "text", text: "there" });

  const again = await works.begin({ ...task("rn_1/a"), find: true });
  const none = await works.begin({ ...task("rn_1/other"), find: true });

  expect(again).toEqual(first);
  expect(none).toBeNull();
  expect(begun).toHaveLength(1);
  const { events } = await works.next({ work: again?.work ?? "" });
  expect(events).toEqual([{ type: "text", text: "Hello there" }]);
  begun[0]?.end(endWith("Hello there"));
  const { end } = await works.next({ work: again?.work ?? "" });
  expect(end).toMatchObject({ text: "Hello there" });
  await expect(works.next({ work: again?.work ?? "" })).rejects.toThrow("not under way");
});

test("a driver waits while nobody takes what it tells", async () => {
  const { begun, drive } = byHand();
  const works = worksOf(drive);
  const { work = "" } = (await works.begin(task("rn_1/a"))) ?? {};
  let told = 0;
  const telling = (async () => {
    for (let at = 0; at < 200; at += 1) {
      await begun[0]?.hooks.emit({ type: "notice", text: `n${at}` });
      told += 1;
    }
  })();
  await new Promise((resolve) => setImmediate(resolve));
  const atFirst = told;

  const events: WorkEvent[] = [];
  while (events.length < 200) events.push(...(await works.next({ work })).events);
  await telling;

  expect(atFirst).toBeLessThan(64);
  expect(events.map((event) => (event as { text: string }).text)).toEqual(
    Array.from({ length: 200 }, (_, at) => `n${at}`),
  );
  await works.end();
});

test("more than is told of one piece of work is left out, and that is told", async () => {
  const { begun, drive } = byHand();
  const works = worksOf(drive);
  const { work = "" } = (await works.begin(task("rn_1/a"))) ?? {};
  const telling = (async () => {
    for (let at = 0; at < 600; at += 1) await begun[0]?.hooks.emit({ type: "notice", text: "n" });
    begun[0]?.end(endWith("done"));
  })();

  const events: WorkEvent[] = [];
  let end: WorkEnd | null = null;
  while (end === null) {
    const batch = await works.next({ work });
    events.push(...batch.events);
    end = batch.end;
  }
  await telling;

  expect(events).toHaveLength(500);
  expect(events.at(-1)).toEqual({
    type: "notice",
    text: "What comes after 500 events is not told.",
  });
});

test("only so many pieces are done at once, the others in the order in which they came", async () => {
  const { begun, drive } = byHand();
  const works = worksOf(drive, { atOnce: 1, waiting: 2 });
  const [, second] = [
    await works.begin(task("rn_1/a")),
    await works.begin(task("rn_1/b")),
    await works.begin(task("rn_1/c")),
  ];
  const begunAtFirst = begun.length;

  await expect(works.begin(task("rn_1/d"))).rejects.toMatchObject({ code: "POOL_FULL" });
  await works.stop({ work: second?.work ?? "", reason: "not any more" });
  begun[0]?.end(endWith("done"));
  await expect.poll(() => begun.length).toBe(2);

  expect(begunAtFirst).toBe(1);
  expect(begun[1]?.task.operation).toBe("rn_1/c");
  await works.end();
});

test("work that nobody asks about is given up", async () => {
  const { begun, drive } = byHand();
  const works = worksOf(drive, { leaseMs: 20 });

  const { work = "" } = (await works.begin(task("rn_1/a"))) ?? {};

  await expect.poll(() => begun[0]?.hooks.signal.aborted).toBe(true);
  await expect.poll(() => works.begin({ ...task("rn_1/a"), find: true })).toBeNull();
  await expect(works.next({ work })).rejects.toMatchObject({ code: "NOT_FOUND" });
});

test("work that is asked about is not given up while it says nothing", async () => {
  const { begun, drive } = byHand();
  const works = worksOf(drive, { leaseMs: 20 });
  const { work = "" } = (await works.begin(task("rn_1/a"))) ?? {};

  const next = works.next({ work });
  // Longer than the lease.
  await new Promise((resolve) => setTimeout(resolve, 60));
  begun[0]?.end(endWith("done"));

  expect((await next).end).toMatchObject({ text: "done" });
});

test("work that takes too long ends so, with what it had said", async () => {
  const { begun, drive } = byHand();
  const line = { name: "en_1", atOnce: 1, waiting: 1 };
  const works = worksOf(drive, {
    plan: async () => ({ type: "plugin", drive, timeoutMs: 20, line }),
  });
  const { work = "" } = (await works.begin(task("rn_1/a"))) ?? {};
  await begun[0]?.hooks.emit({ type: "text", text: "So far" });

  let end: WorkEnd | null = null;
  while (end === null) ({ end } = await works.next({ work }));

  expect(end).toMatchObject({ error: { code: "DEADLINE" }, text: "So far" });
});
