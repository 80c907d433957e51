// Guesses of keys: slowed by address, by key and by both, and nobody with a right key is kept out.

import { expect, test } from "vitest";
import { anOwner, createAuthenticator } from "../../adapters/http/auth.ts";
import type { Bearers } from "../../adapters/http/bearer.ts";
import { createAddressOf, networkOf } from "../../adapters/http/client-address.ts";
import { createGuesses, GUESS_ENTRIES_MAX, KEY_GUESSES_FREE } from "../../adapters/http/guesses.ts";
import { KEY_CACHE_MS, USE_NOTED_MS } from "../../adapters/http/key-cache.ts";
import { newSecret } from "../../adapters/http/key-secret.ts";
import { createKeyStore } from "../../adapters/http/keys.ts";
import type { RateLimiter } from "../../adapters/http/rate.ts";
import type { ChatService } from "../../adapters/http/services/chat.ts";
import { createSessions } from "../../adapters/http/sessions.ts";
import { createSocketServices } from "../../adapters/http/socket-services.ts";
import { memoryTables, tablesOnly } from "./memory-tables.ts";

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

/** Who asks, with keys of a store on the same clock. */
async function door(perMinute: number, bearers?: Bearers) {
  const { clock, guesses } = desk(perMinute);
  const tables = memoryTables();
  const keys = createKeyStore({ tables, services: ["agents"], now: () => clock.ms });
  await keys.createTenant({ name: "one", id: "tn_one" });
  const sessions = createSessions(60_000);
  const more = bearers === undefined ? {} : { bearers };
  const asking = { keys, sessions, guesses, adminKey: ADMIN, adminTenant: "tn_one", ...more };
  const authenticator = createAuthenticator(asking);
  const ask = (key: string, peer = "10.0.0.1"): Promise<string> =>
    authenticator
      .authenticate({ peer, header: (name) => (name === "x-api-key" ? key : undefined) })
      .then(
        ({ keyId }) => keyId ?? "admin",
        ({ code }) => code,
      );
  return { clock, keys, tables, authenticator, ask };
}
const ADMIN = "admin-key-of-the-test";
/** As near to a key as can be: another character at one place of it. */
const near = (key: string, at: number): string =>
  `${key.slice(0, at)}${key[at] === "0" ? "1" : "0"}${key.slice(at + 1)}`;

test("a key that memory knows is wrong with another character anywhere, the server's own too", async () => {
  const { keys, ask } = await door(1_000);
  const { key, record } = await keys.createKey("tn_one", { name: "k" });
  const all = [key, ADMIN];
  expect([await ask(key), await ask(ADMIN)]).toEqual([record.id, "admin"]);

  for (const known of all) {
    for (let at = 0; at < known.length; at += 1) {
      expect([at, await ask(near(known, at))]).toEqual([at, "UNAUTHENTICATED"]);
    }
    expect(await ask(known.slice(0, -1))).toBe("UNAUTHENTICATED");
  }
});

test("who has guessed at a key too often is not told that the next guess is right, others are let in", async () => {
  const { keys, ask } = await door(3);
  const { key, record } = await keys.createKey("tn_one", { name: "k" });
  const last = key.length - 1;

  for (const at of [last, last - 1, last - 2]) await ask(near(key, at));

  expect([await ask(key), await ask(key, "10.0.0.2")]).toEqual(["RATE_LIMITED", record.id]);
});

test("who has a key that was right is let in whatever others at the address guess, also when memory has lost it", async () => {
  const { clock, keys, ask } = await door(3);
  const { key, record } = await keys.createKey("tn_one", { name: "k" });
  expect(await ask(key)).toBe(record.id);
  const last = key.length - 1;
  for (const at of [last, last - 1, last - 2]) await ask(near(key, at));

  clock.ms += KEY_CACHE_MS;

  expect([await ask(near(key, last)), await ask(key)]).toEqual(["RATE_LIMITED", record.id]);
});

test("wrong tokens of issuers are guesses of their address, and a right one is let in beside them", async () => {
  const right = { ...anOwner("tn_one"), keyId: "jwt.test.1" };
  const { ask } = await door(3, {
    isToken: (text) => text.startsWith("token-"),
    known: () => null,
    find: async (text) => (text === "token-right" ? right : null),
  });

  const told: string[] = [];
  for (let at = 0; at < 4; at += 1) told.push(await ask(`token-${at}`));

  expect(told).toEqual([...Array(3).fill("UNAUTHENTICATED"), "RATE_LIMITED"]);
  expect([await ask("token-right"), await ask("token-4", "10.0.0.2")]).toEqual([
    ...["jwt.test.1", "UNAUTHENTICATED"],
  ]);
});

test("a revoked key that is still at a socket is found out, though its address is held up for guesses", async () => {
  const { clock, keys, authenticator, ask } = await door(3);
  const { key, record } = await keys.createKey("tn_one", { name: "k" });
  const parts = { system: tablesOnly(memoryTables()), chat: {} as ChatService, authenticator };
  const { proveKey } = createSocketServices({ ...parts, rates: {} as RateLimiter });
  expect(await ask(key)).toBe(record.id);
  for (const at of [0, 1, 2, 3]) await ask(near(key, key.length - 1 - at));
  expect((await proveKey(key)).keyId).toBe(record.id);

  const revoked_at = new Date(clock.ms).toISOString();
  await keys.changeKey("tn_one", record.id, (from) => ({ ...from, revoked_at }));

  await expect(proveKey(key)).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
  expect(await ask(near(key, key.length - 1))).toBe("RATE_LIMITED");
});

test("a key that is revoked while it is looked up is not remembered", async () => {
  const { keys, tables, ask } = await door(3);
  const { key, record } = await keys.createKey("tn_one", { name: "k" });
  const { get } = tables;
  let held: (() => void) | null = null;
  const read = new Promise<void>((resolve) => {
    tables.get = async (...of) => {
      const row = await get(...of);
      if (of[1] !== "api-keys" || held !== null) return row;
      await new Promise<void>((open) => {
        held = open;
        resolve();
      });
      return row;
    };
  });

  const asked = ask(key);
  await read;
  const revoked_at = new Date(0).toISOString();
  await keys.changeKey("tn_one", record.id, (from) => ({ ...from, revoked_at }));
  (held as (() => void) | null)?.();

  expect(await asked).toBe(record.id);
  expect(await ask(key)).toBe("UNAUTHENTICATED");
});

test("the key before a rotation ends with the overlap, to the millisecond, and with the key itself", async () => {
  const { clock, keys, ask } = await door(100);
  const expires_at = new Date(clock.ms + 9_000).toISOString();
  const { key, record } = await keys.createKey("tn_one", { name: "k", expires_at });
  const next = newSecret(record.id);
  const { hash, prefix } = next;
  const until = async (ms: number) => {
    const valid_until = new Date(ms).toISOString();
    await keys.changeKey("tn_one", record.id, (from) => {
      const { hash: was, prefix: shown } = from.previous ?? from;
      return { ...from, hash, prefix, previous: { hash: was, prefix: shown, valid_until } };
    });
  };

  await until(clock.ms + 2_000);
  clock.ms += 1_999;
  expect([await ask(key), await ask(next.key)]).toEqual([record.id, record.id]);
  clock.ms += 1;
  expect([await ask(key), await ask(next.key)]).toEqual(["UNAUTHENTICATED", record.id]);
  await until(clock.ms + 60_000);
  expect(await ask(key)).toBe(record.id);
  clock.ms += 7_000;
  expect([await ask(key), await ask(next.key)]).toEqual(["UNAUTHENTICATED", "UNAUTHENTICATED"]);
});

test("the last use of a key is noted once a minute, by either of its secrets, and by no wrong one", async () => {
  const { clock, keys, ask } = await door(100);
  const { key, record } = await keys.createKey("tn_one", { name: "k" });
  const usedMs = async () => {
    const at = (await keys.listKeys("tn_one", { limit: 1 }))[0]?.last_used_at ?? null;
    return at === null ? null : Date.parse(at);
  };

  await ask(near(key, key.length - 1));
  expect(await usedMs()).toBe(null);
  await ask(key);
  const first = clock.ms;
  expect(await usedMs()).toBe(first);
  clock.ms += USE_NOTED_MS - 1;
  await ask(key);
  expect(await usedMs()).toBe(first);
  clock.ms += KEY_CACHE_MS;
  await ask(key);
  expect([await usedMs(), record.last_used_at]).toEqual([clock.ms, null]);
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
