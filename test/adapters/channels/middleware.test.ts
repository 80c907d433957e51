// The chain that each event passes before its session: who is heard, how often, where and when
// (cases 55, 56 and 69 of the gateway).

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ChannelInput } from "../../../actors/channels/channel.ts";
import type { Inbound, MessageEvent, Sender } from "../../../actors/channels/inbound.ts";
import { chainOf } from "../../../adapters/channels/middleware/chain.ts";
import { hoursOf } from "../../../adapters/channels/middleware/hours.ts";
import type { Middleware, Outcome } from "../../../adapters/channels/middleware/middleware.ts";
import { loadOwn } from "../../../adapters/channels/middleware/own.ts";

const person: Sender = {
  ...{ id: "u1", isBot: false, isSelf: false, isAutomatic: false, isVerified: true },
};

function message(more: Partial<MessageEvent> = {}, sender: Partial<Sender> = {}): MessageEvent {
  return {
    ...{ kind: "message", message: "m1", text: "Hello", dedupe: ["m1"], atMs: 0, address: {} },
    place: { conversation: "c1", user: "u1", isDirect: true },
    sender: { ...person, ...sender },
    ...more,
  };
}

const MONDAY_NOON_MS = Date.parse("2026-11-23T12:00:00Z");

function chain(
  settings: Partial<ChannelInput> = {},
  own: ReadonlyMap<string, Middleware> = new Map(),
) {
  const channel = { name: "C", kind: "relay", agent: "ag_1", ...settings };
  const run = chainOf(channel, own);
  return async (event: Inbound, nowMs = MONDAY_NOON_MS): Promise<Outcome> =>
    await run(event, { tenant: "tn_a", channel: "ch_a", kind: "relay", settings: channel, nowMs });
}

const dropOf = (outcome: Outcome): string | null => ("drop" in outcome ? outcome.drop : null);
const verdictOf = (outcome: Outcome) => ("drop" in outcome ? undefined : outcome.verdict);

test("a message of a person passes as it is", async () => {
  const event = message();

  expect(await chain()(event)).toEqual({ event });
});

test("our own echo and what nobody has written are dropped, what the platform tells of us is not", async () => {
  const pass = chain();
  const status: Inbound = {
    ...message({}, { isSelf: true, isAutomatic: true }),
    ...({ kind: "status", receipt: "r1", state: "read" } as const),
  };

  expect(dropOf(await pass(message({}, { isSelf: true })))).toBe("self");
  expect(dropOf(await pass(message({}, { isAutomatic: true })))).toBe("automatic");
  expect(dropOf(await pass(status))).toBeNull();
});

describe("lists of senders", () => {
  test("go by the platform's id, character by character, and never by a name", async () => {
    const pass = chain({ allow: ["ann@example.com"] });
    const others = [
      "Ann@example.com",
      "a.nn@example.com",
      "ann+x@example.com",
      "аnn@example.com",
      "",
    ];

    expect(dropOf(await pass(message({}, { id: "ann@example.com" })))).toBeNull();
    for (const id of others) {
      const event = message({}, { id, name: "ann@example.com" });
      expect([id, dropOf(await pass(event))]).toEqual([id, "not_allowed"]);
    }
  });

  test("do not believe an id that the platform does not vouch for", async () => {
    const pass = chain({ allow: ["ann@example.com"] });
    const forged = message({}, { id: "ann@example.com", isVerified: false });

    expect(dropOf(await pass(forged))).toBe("not_allowed");
  });

  test("deny what they deny, whatever they allow, by any id of the sender", async () => {
    const pass = chain({ allow: ["u1"], deny: ["+4366012345"] });

    expect(dropOf(await pass(message({}, { aliases: ["+4366012345"] })))).toBe("denied");
  });
});

test("in a room what does not name us is not ours, unless the channel answers all", async () => {
  const place = { conversation: "room", user: "u1", isDirect: false };
  const [other, mention] = [message({ place }), message({ place, isMention: true })];

  expect(dropOf(await chain()(other))).toBe("not_mentioned");
  expect(dropOf(await chain()(mention))).toBeNull();
  expect(dropOf(await chain({ rooms: "all" })(other))).toBeNull();
});

test("other programs are not heard; where they are, a pair of them stops at its budget and rests", async () => {
  const bot = (at: number) => message({ dedupe: [`b${at}`] }, { isBot: true, id: "b1" });
  const pass = chain({ bots: true });
  const heard: (string | null)[] = [];
  for (let at = 0; at < 30; at += 1) heard.push(dropOf(await pass(bot(at), MONDAY_NOON_MS + at)));

  expect(dropOf(await chain()(bot(0)))).toBe("bot");
  expect(heard.slice(0, 20).every((drop) => drop === null)).toBe(true);
  expect(heard.slice(20).every((drop) => drop === "bot_budget")).toBe(true);
  expect(dropOf(await pass(bot(31), MONDAY_NOON_MS + 59_000))).toBe("bot_budget");
  expect(dropOf(await pass(bot(32), MONDAY_NOON_MS + 61_000))).toBeNull();
});

test("who writes too fast is told so once, and others are not held up", async () => {
  const pass = chain({ messages_per_minute: 2, language: "de" });
  const outcomes = [];
  for (let at = 0; at < 5; at += 1) outcomes.push(await pass(message()));
  const later = await pass(message(), MONDAY_NOON_MS + 30_000);
  const other = await pass(message({}, { id: "u2" }));

  expect(outcomes.map(dropOf)).toEqual([null, null, null, "rate", "rate"]);
  expect(outcomes.map((one) => verdictOf(one)?.say !== undefined)).toEqual([
    ...[false, false, true, false, false],
  ]);
  expect(verdictOf(outcomes[2] ?? { drop: "" })?.say).toContain("mehr als 2 Nachrichten");
  expect([dropOf(later), verdictOf(later), dropOf(other)]).toEqual([null, undefined, null]);
});

test("what is no text is taken out of one", async () => {
  const outcome = await chain()(message({ text: "a\u0000b\ud800c\n\td" }));

  expect(outcome).toMatchObject({ event: { text: "ab\ufffdc\n\td" } });
});

describe("business hours", () => {
  const vienna = { time_zone: "Europe/Vienna", open: ["mon-fri 09:00-17:30", "sat 10:00-14:00"] };
  const until = (iso: string, hours = vienna): string | null => {
    const ms = hoursOf(hours).closedUntil(Date.parse(iso));
    return ms === null ? null : new Date(ms).toISOString();
  };

  test("hold a message until they begin, and say so", async () => {
    const pass = chain({ business_hours: { ...vienna, closed_text: "We are back soon." } });
    const night = await pass(message(), Date.parse("2026-11-23T20:00:00Z"));
    const day = await pass(message());

    expect(verdictOf(night)).toEqual({
      ...{ holdUntilMs: Date.parse("2026-11-24T08:00:00Z"), say: "We are back soon." },
    });
    expect(verdictOf(day)).toBeUndefined();
  });

  test("are those of the place, with its summer time, over nights and weekends", () => {
    expect(until("2026-11-23T08:00:00Z")).toBeNull();
    expect(until("2026-11-23T07:59:00Z")).toBe("2026-11-23T08:00:00.000Z");
    expect(until("2026-11-23T16:30:00Z")).toBe("2026-11-24T08:00:00.000Z");
    expect(until("2026-11-28T13:00:00Z")).toBe("2026-11-30T08:00:00.000Z");
    // Clocks go forward in the night to Sunday, 29 March 2026.
    expect(until("2026-03-28T20:00:00Z")).toBe("2026-03-30T07:00:00.000Z");
    const nights = { time_zone: "America/New_York", open: ["fri-sun 22:00-02:00"] };
    expect(until("2026-11-28T06:30:00Z", nights)).toBeNull();
    expect(until("2026-11-28T07:30:00Z", nights)).toBe("2026-11-29T03:00:00.000Z");
  });

  test("open again at a time at which they are open", () => {
    const zone = fc.constantFrom(
      "Europe/Vienna",
      "America/St_Johns",
      "Asia/Kolkata",
      "Pacific/Apia",
    );
    const open = fc.constantFrom(
      "mon-fri 09:00-17:30",
      "sun 03:00-03:30",
      "wed-tue 00:00-24:00",
      "sat 23:00-01:00",
    );
    const atMs = fc.integer({ min: 1_700_000_000, max: 1_900_000_000 }).map((s) => s * 1_000);

    fc.assert(
      fc.property(zone, open, atMs, (time_zone, range, nowMs) => {
        const hours = hoursOf({ time_zone, open: [range] });
        const openMs = hours.closedUntil(nowMs);
        if (openMs === null) return;
        expect(openMs).toBeGreaterThan(nowMs);
        expect(hours.closedUntil(openMs)).toBeNull();
      }),
      { numRuns: 200 },
    );
  });
});

describe("an operator's own", () => {
  test("changes, drops and decides in the order that the channel names", async () => {
    const own = new Map<string, Middleware>([
      [
        "shout",
        (event, _context, next) =>
          next({ ...message(), text: "text" in event ? event.text.toUpperCase() : "" }),
      ],
      [
        "quiet",
        (event, _context, next) =>
          "text" in event && event.text === "HELLO" ? { drop: "loud" } : next(event),
      ],
    ]);

    expect(dropOf(await chain({ middleware: ["shout", "quiet"] }, own)(message()))).toBe("loud");
    expect(await chain({ middleware: ["quiet", "shout"] }, own)(message())).toMatchObject({
      event: { text: "HELLO" },
    });
  });

  test("that throws or says nothing refuses the delivery by name, so that it comes again", async () => {
    const own = new Map<string, Middleware>([
      [
        "broken",
        () => {
          throw new Error("no");
        },
      ],
      ["silent", () => undefined as never],
    ]);

    await expect(chain({ middleware: ["broken"] }, own)(message())).rejects.toThrow("no");
    await expect(chain({ middleware: ["silent"] }, own)(message())).rejects.toThrow('"silent"');
  });

  test("is a file whose mistakes are told with its name", async () => {
    const folder = await mkdtemp(join(tmpdir(), "troupe-middleware-"));
    try {
      const [good, bad] = [join(folder, "good.mjs"), join(folder, "bad.mjs")];
      await writeFile(good, "export const one = (event, context, next) => next(event);");
      await writeFile(bad, "export const = ;");

      expect([...(await loadOwn(good)).keys()]).toEqual(["one"]);
      await expect(loadOwn(bad)).rejects.toMatchObject({
        ...{ code: "CONFIG_INVALID", message: expect.stringContaining("bad.mjs") },
      });
      await expect(loadOwn(join(folder, "none.mjs"))).rejects.toThrow("none.mjs");
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
