// What a session knows for days: repeats that come late, an answer that is still awaited when its time is over,
// and that nothing of it is kept for ever.

import { expect, test } from "vitest";
import { inboundMessage } from "../../../actors/channels/session-message.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { ChannelWorld, channelId, platform, said, tenant } from "../../support/channel-world.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const of = { tenant, channel: channelId, scope: "thread" } as const;

async function hear(one: ChannelWorld, id: string, dedupeHours: number): Promise<boolean> {
  const { to, message } = inboundMessage(of, said(id, id), { dedupeHours });
  const { isNew } = (await one.settled(one.system.ask(to, message))) as { isNew: boolean };
  await one.system.schedule.advance(MINUTE_MS);
  return isNew;
}

test("what a platform delivers again is a repeat for as long as it may do so, over crashes, and then new (42)", async () => {
  const one = new ChannelWorld(platform());
  await one.start();
  // Hours here stand for the days that platforms take.
  expect(await hear(one, "slack", 2)).toBe(true);
  expect(await hear(one, "whatsapp", 8)).toBe(true);

  await one.system.schedule.advance(HOUR_MS);
  expect(await hear(one, "slack", 2)).toBe(false);
  one.system.crash("power");
  await one.system.start();
  await one.system.schedule.advance(5 * HOUR_MS);
  expect(await hear(one, "whatsapp", 8)).toBe(false);
  await one.system.schedule.advance(24 * HOUR_MS);
  expect(await hear(one, "whatsapp", 8)).toBe(true);
  expect(await hear(one, "slack", 2)).toBe(true);
});

test("keys that are over are removed, so that a session does not grow for ever", async () => {
  const one = new ChannelWorld(platform());
  await one.start({ replies_per_hour: 100_000 });
  const seen = (): number => one.system.disk.rows.filter(({ key }) => key.includes("s.")).length;
  for (let at = 0; at < 10; at += 1) await hear(one, `m${at}`, 1);
  const most = seen();
  await one.system.schedule.advance(27 * HOUR_MS);

  expect(most).toBeGreaterThanOrEqual(20);
  expect(seen()).toBeLessThan(most - 15);
});

test("a session is not over while an answer is awaited, and goes on where it was (71)", async () => {
  const one = new ChannelWorld(platform({ agentMs: 3 * HOUR_MS - MINUTE_MS }));
  await one.start({ session_ttl: 60, deliver_within: 86_400 });
  await hear(one, "m1", 24);
  await one.system.schedule.advance(2 * HOUR_MS);
  expect(await hear(one, "m2", 24)).toBe(true);
  const [a, b] = one.platform.asked.map(({ conversation }) => conversation);
  expect(a).toBe(b);
  await one.system.schedule.advance(7 * HOUR_MS);

  expect(one.texts()).toEqual(["You said: m1", "You said: m2"]);
});

test("what may have arrived counts as arrived when the platform says so later, and the rest follows", async () => {
  const lost = { ok: false, class: "unknown", reason: "cut" } as const;
  const one = new ChannelWorld(
    platform({
      canBeAsked: false,
      cut: (text) => text.split("|"),
      answer: ({ part }) => (part.plain === "two" ? lost : null),
    }),
  );
  await one.start();
  const { to, message } = inboundMessage(of, said("m1", "|two|three"), { dedupeHours: 1 });
  await one.settled(one.system.ask(to, message));
  await one.system.schedule.advance(MINUTE_MS);
  const [row] = one.deliveries();
  expect([row?.status, one.texts()]).toEqual(["unknown", ["You said: "]]);

  const { place, address, sender } = said("x", "");
  const event = { kind: "status", receipt: "wamid", state: "delivered", dedupe: ["s"] } as const;
  const told = { ...event, key: `${row?.id}.1`, place, address, sender, atMs: 0 };
  await one.settled(one.hear(told));
  await one.system.schedule.advance(MINUTE_MS);
  expect(one.texts()).toEqual(["You said: ", "three"]);
  expect(one.deliveries()).toMatchObject([{ status: "sent", seen: "delivered" }]);
});

test("an answer waits for an account that is switched off, within its time", async () => {
  let isOff = true;
  const cut = (text: string): readonly string[] => {
    if (isOff) throw new RuntimeError("PROVIDER_UNAVAILABLE", "The account is not open.");
    return [text];
  };
  const one = new ChannelWorld(platform({ cut }));
  await one.start();
  await hear(one, "m1", 1);
  await one.system.schedule.advance(10 * MINUTE_MS);
  expect(one.deliveries()).toMatchObject([{ status: "sending" }]);

  isOff = false;
  await one.system.schedule.advance(20 * MINUTE_MS);
  expect(one.texts()).toEqual(["You said: m1"]);
});
