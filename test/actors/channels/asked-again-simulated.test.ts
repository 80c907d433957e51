// A platform that cannot be asked just now what became of a call, on virtual time: it is asked again, in the order
// of the conversation and without a word said twice, whatever dies meanwhile; and there is an end to it.

import { expect, test } from "vitest";
import { channelLimits } from "../../../actors/channels/limits.ts";
import type { Reconciled } from "../../../actors/channels/outgoing.ts";
import { ChannelWorld, type Platform, platform, said } from "../../support/channel-world.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DOWN = { state: "later", reason: "status 503" } as const;
/** The first call arrives, and its answer does not. */
const lostFirst: Platform["answer"] = (_, call) => (call === 1 ? "lost" : null);

async function world(made: Partial<Platform>): Promise<ChannelWorld> {
  const one = new ChannelWorld(platform(made));
  await one.start();
  return one;
}

const elsewhere = {
  place: { conversation: "other", user: "bob", isDirect: true },
  address: { room: "other" },
};
const gaps = ({ platform: { askedAtMs } }: ChannelWorld): readonly number[] =>
  askedAtMs.slice(1).map((ms, at) => ms - (askedAtMs[at] ?? 0));

test("it is asked again and again, with longer waits, and then known; only its own conversation waits", async () => {
  const instead = (_: unknown, question: number) => (question <= 6 ? DOWN : null);
  const one = await world({ answer: lostFirst, instead });
  await one.settled(one.hear(said("m1", "hello")));
  await one.settled(one.hear(said("m2", "again")));
  await one.system.schedule.advance(2_000);
  await one.settled(one.hear(said("m3", "hi", elsewhere)));
  await one.system.schedule.advance(10_000);
  expect(one.texts()).toEqual(["You said: hello", "You said: hi"]);
  expect(one.deliveries().map(({ status }) => status)).toContain("pending");

  await one.system.schedule.advance(5 * MINUTE_MS);
  expect(one.texts()).toEqual(["You said: hello", "You said: hi", "You said: again"]);
  expect(one.deliveries().map(({ status }) => status)).toEqual(["sent", "sent", "sent"]);
  for (const [at, ms] of gaps(one).entries()) expect(ms).toBeGreaterThanOrEqual(1_000 * 2 ** at);
});

test("what did not arrive is said when that is known, before what comes after it", async () => {
  const cut = { ok: false, class: "unknown", reason: "cut" } as const;
  const one = await world({
    answer: (_, call) => (call === 1 ? cut : null),
    instead: (_, question) => (question <= 3 ? DOWN : null),
  });
  await one.settled(one.hear(said("m1", "hello")));
  await one.settled(one.hear(said("m2", "again")));
  await one.system.schedule.advance(5 * MINUTE_MS);

  expect(one.texts()).toEqual(["You said: hello", "You said: again"]);
});

test("a Retry-After is waited for, over a restart too", async () => {
  const limited = { ...DOWN, retryAfterMs: 30 * MINUTE_MS };
  const one = await world({
    answer: lostFirst,
    instead: (_, question) => (question === 1 ? limited : null),
  });
  await one.settled(one.hear(said("m1", "hello")));
  await one.system.schedule.until(() => one.platform.askedAtMs.length === 1, MINUTE_MS);
  await one.system.schedule.advance(10 * MINUTE_MS);
  one.system.crash("power");
  await one.system.start();
  await one.system.schedule.advance(HOUR_MS);

  expect(one.deliveries()).toMatchObject([{ status: "sent" }]);
  expect(one.platform.askedAtMs).toHaveLength(2);
  expect(gaps(one)[0]).toBeGreaterThanOrEqual(30 * MINUTE_MS);
  expect(gaps(one)[0]).toBeLessThan(31 * MINUTE_MS);
});

test.each([
  ["so often", DOWN, channelLimits.reconcileAttempts],
  ["for so long", { ...DOWN, retryAfterMs: 5 * HOUR_MS }, 5],
] as const)(
  "a platform that could not be asked %s leaves it unknown, and the lane goes on",
  async (_, found, questions) => {
    const one = await world({ answer: lostFirst, instead: ({ key }) => firstOnly(key, found) });
    const first = (key: string): boolean => one.platform.shown[0]?.key === key;
    const firstOnly = (key: string, it: Reconciled): Reconciled | null => (first(key) ? it : null);
    await one.settled(one.hear(said("m1", "hello")));
    await one.settled(one.hear(said("m2", "again")));
    await one.system.schedule.advance(channelLimits.reconcileMs + HOUR_MS);

    const [lost, next] = one.deliveries();
    expect(lost).toMatchObject({ status: "unknown", reason: expect.stringContaining("503") });
    expect(next).toMatchObject({ status: expect.stringMatching(/sent|expired/) });
    expect(one.platform.askedAtMs).toHaveLength(questions);
    expect(one.texts().filter((text) => text.endsWith("hello"))).toHaveLength(1);
  },
);

test("a platform that does not know is not asked again", async () => {
  const one = await world({ answer: lostFirst, canBeAsked: false });
  await one.settled(one.hear(said("m1", "hello")));
  await one.system.schedule.advance(HOUR_MS);

  expect(one.deliveries()).toMatchObject([{ status: "unknown" }]);
  expect(one.platform.askedAtMs).toHaveLength(1);
});

test.each(["process", "power"] as const)(
  "after a crash (%s) at any write, of a platform that cannot be asked for a while, all is said once and in order",
  async (kind) => {
    let writes = Number.POSITIVE_INFINITY;
    for (let crashAt = 1; crashAt <= writes; crashAt += 1) {
      let [count, isArmed] = [0, false];
      const made = platform({
        answer: lostFirst,
        // Down when the server comes back, too: the first questions of a life are those of a crash.
        instead: (_, question) => (question % 4 === 0 ? null : DOWN),
      });
      const one = new ChannelWorld(made, (system) => {
        if (!isArmed) return;
        count += 1;
        if (count === crashAt) system.crash(kind);
      });
      await one.start();
      for (const [id, text] of [
        ["m1", "hello"],
        ["m2", "again"],
      ] as const)
        await one.settled(one.hear(said(id, text)));
      isArmed = true;
      const isDone = (): boolean =>
        one.deliveries().filter(({ endedAtMs }) => endedAtMs !== null).length === 2;
      await one.system.schedule.until(() => isDone() || one.system.crashes > 0, HOUR_MS);
      if (count < crashAt) writes = crashAt - 1;
      isArmed = false;
      if (one.system.crashes > 0) await one.system.start();
      await one.system.schedule.until(isDone, 2 * HOUR_MS);

      expect(one.texts()).toEqual(["You said: hello", "You said: again"]);
      expect(one.deliveries().map(({ status }) => status)).toEqual(["sent", "sent"]);
    }
    expect(writes).toBeGreaterThan(10);
  },
  120_000,
);
