// Guesses of keys: slowed by address, by key and by both, and nobody with a right key is kept out.

import { expect, test } from "vitest";
import { createAddressOf, networkOf } from "../../adapters/http/client-address.ts";
import { createGuesses, GUESS_ENTRIES_MAX, KEY_GUESSES_FREE } from "../../adapters/http/guesses.ts";

/** Guesses on a clock of their own, and the waits that answers were held for. */
function desk(perMinute: number) {
  const clock = { ms: 1_000 };
  const waits: number[] = [];
  const hold = async (ms: number): Promise<void> => {
    waits.push(ms);
  };
  const guesses = createGuesses(perMinute, { now: () => clock.ms, hold });
  return { clock, waits, guesses };
}
const limited = (afterMs: number) =>
  expect.objectContaining({ code: "RATE_LIMITED", details: { retryAfterMs: afterMs } });

test("an address that guesses wrongly waits, each time twice as long, up to an hour", async () => {
  const { clock, guesses } = desk(3);
  const waited: number[] = [];

  for (let round = 0; round < 9; round += 1) {
    for (let at = 0; at < 3; at += 1) await guesses.wrong("10.0.0.1", `ak_${round}_${at}`, false);
    const refused = await guesses.wrong("10.0.0.1", "ak_x", false).catch((error) => error);
    waited.push(refused.details.retryAfterMs);
    clock.ms += refused.details.retryAfterMs;
  }

  const minute = 60_000;
  expect(waited).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60].map((minutes) => minutes * minute));
});

test("an address is forgotten when it has been quiet for two hours", async () => {
  const { clock, guesses } = desk(1);
  await guesses.wrong("10.0.0.1", "ak_1", false);

  clock.ms += 60_000 + 2 * 3_600_000;
  await guesses.wrong("10.0.0.1", "ak_1", false);

  await expect(guesses.wrong("10.0.0.1", "ak_1", false)).rejects.toEqual(limited(60_000));
});

test("few wrong keys a minute are never held up", async () => {
  const { clock, guesses } = desk(3);

  for (let minute = 0; minute < 10; minute += 1) {
    await guesses.wrong("10.0.0.1", "ak_1", false);
    await guesses.wrong("10.0.0.1", "ak_2", false);
    clock.ms += 60_000;
  }
});

test("who guesses at one key is refused before the key is looked at, others are not", async () => {
  const { guesses } = desk(3);

  for (let at = 0; at < 3; at += 1) await guesses.wrong("10.0.0.1", "ak_1", true);

  expect(() => guesses.check("10.0.0.1", "ak_1")).toThrow(/wrong keys/);
  expect(() => guesses.check("10.0.0.1", "ak_2")).not.toThrow();
  expect(() => guesses.check("10.0.0.2", "ak_1")).not.toThrow();
});

test("guesses at one key from many addresses are answered later and later, up to five seconds", async () => {
  const { guesses, waits } = desk(100);

  for (let at = 0; at < KEY_GUESSES_FREE + 9; at += 1) {
    await guesses.wrong(`10.0.0.${at}`, "ak_1", true);
  }

  expect(waits).toEqual([50, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
});

test("guesses at keys that are not there are not held back, and push out nothing known of others", async () => {
  const { guesses, waits } = desk(1_000_000);
  for (let at = 0; at < 20; at += 1) await guesses.wrong(`10.0.0.${at}`, "ak_none", false);
  expect(waits).toEqual([]);

  for (let at = 0; at <= KEY_GUESSES_FREE; at += 1) await guesses.wrong("10.0.1.1", "ak_1", true);
  for (let at = 0; at < GUESS_ENTRIES_MAX; at += 1) {
    await guesses.wrong("10.0.2.1", `ak_none${at}`, false);
  }
  await guesses.wrong("10.0.1.1", "ak_1", true);

  expect(waits).toEqual([50, 100]);
});

test("no more answers are held back at once than there is room for", async () => {
  const clock = { ms: 1_000 };
  let held = 0;
  const guesses = createGuesses(10_000, {
    now: () => clock.ms,
    hold: () => {
      held += 1;
      return new Promise(() => undefined);
    },
  });

  const all = Array.from({ length: 400 }, (_, at) => guesses.wrong(`10.0.1.${at}`, "ak_1", true));
  const answered = await Promise.race([all[399], Promise.resolve("held")]);

  expect(held).toBe(256);
  expect(answered).not.toBe("held");
});

test("a /64 of IPv6 is one address, and IPv4 is the same within IPv6", async () => {
  const { guesses } = desk(2);

  await guesses.wrong("2001:db8:1:2::1", "ak_1", false);
  await guesses.wrong("2001:db8:1:2:ffff:1:2:3", "ak_2", false);

  await expect(guesses.wrong("2001:0db8:0001:0002::77", "ak_3", false)).rejects.toThrow(
    /wrong keys/,
  );
  await guesses.wrong("2001:db8:1:3::1", "ak_3", false);
  expect(networkOf("::ffff:192.0.2.7")).toBe("192.0.2.7");
  expect(networkOf("::ffff:c000:0207")).toBe("192.0.2.7");
  expect(networkOf("fe80::1%eth0")).toBe("fe80:0:0:0::/64");
});

test("an address that nobody uses twice fills no memory", async () => {
  const { guesses } = desk(1);
  await guesses.wrong("first", "ak_1", false);

  for (let at = 0; at < GUESS_ENTRIES_MAX; at += 1) await guesses.wrong(`n${at}`, "ak_1", false);

  await guesses.wrong("first", "ak_1", false);
});

const came = (peer: string, forwarded?: string) => ({
  peer,
  header: (name: string) => (name === "x-forwarded-for" ? forwarded : undefined),
});

test.each([
  ["nothing is trusted unless it is configured", [], "10.0.0.1", "1.2.3.4", "10.0.0.1"],
  [
    "a peer that is no proxy says nothing of others",
    ["10.0.0.1"],
    "10.0.0.2",
    "1.2.3.4",
    "10.0.0.2",
  ],
  [
    "the last that is no proxy",
    ["10.0.0.0/8"],
    "10.0.0.1",
    "6.6.6.6, 1.2.3.4, 10.0.0.9",
    "1.2.3.4",
  ],
  [
    "what a client wrote before it is left aside",
    ["10.0.0.1"],
    "10.0.0.1",
    "6.6.6.6, 1.2.3.4",
    "1.2.3.4",
  ],
  ["words are no addresses", ["10.0.0.1"], "10.0.0.1", "1.2.3.4, unknown", "10.0.0.1"],
  ["no header", ["10.0.0.1"], "10.0.0.1", undefined, "10.0.0.1"],
  ["proxies alone", ["10.0.0.0/8"], "10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"],
  ["with a port", ["::1"], "::1", "[2001:db8::1]:443", "2001:db8::1"],
  ["a peer as IPv6 has it", ["10.0.0.1"], "::ffff:10.0.0.1", "1.2.3.4:99", "1.2.3.4"],
])("X-Forwarded-For: %s", (_, trusted, peer, forwarded, address) => {
  expect(createAddressOf(trusted)(came(peer, forwarded))).toBe(address);
});

test.each(["10.0.0.0/33", "nobody", "10.0.0.1/", "::1/129", "10.0.0.0/8/8"])(
  "%s is no proxy that can be trusted",
  (text) => {
    expect(() => createAddressOf([text])).toThrow(/trusted_proxies/);
  },
);
