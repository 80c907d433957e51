// Sessions and lanes on virtual time: what is acknowledged is answered once, whatever dies at whatever write,
// and what may have been said already is not said again on a guess.

import { describe, expect, test } from "vitest";
import { deliveryStatesTable } from "../../../actors/channels/delivery-row.ts";
import { ChannelWorld, type Platform, platform, said } from "../../support/channel-world.ts";

const MINUTE_MS = 60_000;

async function world(made: Partial<Platform> = {}, channel = {}): Promise<ChannelWorld> {
  const one = new ChannelWorld(platform(made));
  await one.start(channel);
  return one;
}

/** Delivers as a platform does: again and again until it is acknowledged. */
async function delivered(one: ChannelWorld, id: string, text: string): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    try {
      await one.settled(one.hear(said(id, text)));
      return;
    } catch {
      await one.system.start();
    }
  }
  throw new Error(`${id} was never acknowledged.`);
}

test("a message is answered where it came from", async () => {
  const one = await world();
  await one.settled(one.hear(said("m1", "hello")));
  await one.system.schedule.advance(MINUTE_MS);

  expect(one.platform.shown).toMatchObject([{ text: "You said: hello", to: "room" }]);
  expect(one.deliveries()).toMatchObject([
    { status: "sent", about: { type: "answer" }, outgoing: { answers: "m1" } },
  ]);
});

test("an event that comes again by any of its keys is taken in once", async () => {
  const one = await world();
  const first = said("m1", "hello");
  const [a, b] = first.dedupe as [string, string];
  const answers = await Promise.all(
    [
      first,
      { ...first, dedupe: [a, "x"] },
      { ...first, dedupe: ["y", b] },
      { ...first, dedupe: ["x"] },
    ].map((event) => one.settled(one.hear(event))),
  );
  await one.system.schedule.advance(MINUTE_MS);

  expect(answers.filter((answer) => (answer as { isNew: boolean }).isNew)).toHaveLength(1);
  expect(one.texts()).toEqual(["You said: hello"]);
});

test("500 messages to a busy session are answered in their order", async () => {
  const one = await world({ agentMs: 10 }, { replies_per_hour: 1_000 });
  const texts = Array.from({ length: 500 }, (_, at) => `n${at}`);
  await one.settled(Promise.all(texts.map((text) => one.hear(said(text, text)))));
  await one.system.schedule.until(() => one.platform.shown.length === 500, 60 * MINUTE_MS);

  expect(one.platform.asked.map(({ text }) => text)).toEqual(texts);
  expect(new Set(one.texts()).size).toBe(500);
});

describe.each([
  ["can be asked", true],
  ["cannot be asked", false],
])("with a platform that %s what became of a call", (_, canBeAsked) => {
  test.each(["process", "power"] as const)(
    "after a crash (%s) at any write nothing is said twice, and nothing is lost unseen",
    async (kind) => {
      let writes = Number.POSITIVE_INFINITY;
      let unknown = 0;
      for (let crashAt = 1; crashAt <= writes; crashAt += 1) {
        let [count, isArmed] = [0, false];
        const one = new ChannelWorld(platform({ canBeAsked }), (system) => {
          if (!isArmed) return;
          count += 1;
          if (count === crashAt) system.crash(kind);
        });
        await one.start();
        isArmed = true;
        await delivered(one, "m1", "hello");
        await delivered(one, "m2", "again");
        const isDone = (): boolean =>
          one.deliveries().filter(({ endedAtMs }) => endedAtMs !== null).length === 2;
        await one.system.schedule.until(() => isDone() || one.system.crashes > 0, 5 * MINUTE_MS);
        if (count < crashAt) writes = crashAt - 1;
        isArmed = false;
        if (one.system.crashes > 0) await one.system.start();
        await one.system.schedule.until(isDone, 30 * MINUTE_MS);

        const lost = one.deliveries().filter(({ status }) => status === "unknown");
        unknown += lost.length;
        const texts = one.texts();
        expect(new Set(texts).size).toBe(texts.length);
        expect(texts.length + lost.length).toBeGreaterThanOrEqual(2);
        if (canBeAsked) expect(texts).toEqual(["You said: hello", "You said: again"]);
      }
      expect(writes).toBeGreaterThan(10);
      expect(unknown > 0).toBe(!canBeAsked);
    },
    120_000,
  );
});

test("a call whose answer was lost is asked about, and said again only if it did not arrive", async () => {
  const lost = await world({ answer: (_, call) => (call === 1 ? "lost" : null) });
  await lost.settled(lost.hear(said("m1", "hello")));
  await lost.system.schedule.advance(MINUTE_MS);
  expect([lost.texts(), lost.platform.calls]).toEqual([["You said: hello"], 1]);

  const cut = { ok: false, class: "unknown", reason: "cut" } as const;
  const never = await world({ answer: (_, call) => (call === 1 ? cut : null) });
  await never.settled(never.hear(said("m1", "hello")));
  await never.system.schedule.advance(MINUTE_MS);
  expect([never.texts(), never.platform.calls]).toEqual([["You said: hello"], 2]);
});

test("what the platform refuses for now keeps the order of its parts, and delays no other conversation", async () => {
  const limited = { ok: false, class: "rate", reason: "slow down", retryAfterMs: 30_000 } as const;
  const one = await world({
    cut: (text) => text.split("|"),
    answer: ({ part }, call) => (part.plain === "two" && call < 6 ? limited : null),
  });
  await one.settled(one.hear(said("m1", "|two|three|four")));
  const other = { place: { conversation: "other", isDirect: true }, address: { room: "other" } };
  await one.settled(one.hear(said("m2", "hi", other)));
  await one.system.schedule.advance(10_000);
  expect(one.texts()).toEqual(["You said: ", "You said: hi"]);

  one.system.crash("power");
  await one.system.start();
  await one.system.schedule.advance(5 * MINUTE_MS);
  expect(one.texts()).toEqual(["You said: ", "You said: hi", "two", "three", "four"]);
});

test.each([
  [undefined, 1_000],
  [0, 1_000],
  [-1, 1_000],
  [Number.NaN, 1_000],
  [1e15, 6 * 60 * MINUTE_MS],
])("a Retry-After of %s ms is a wait of %i ms", async (retryAfterMs, waited) => {
  const limited = {
    ok: false,
    class: "rate",
    reason: "slow",
    retryAfterMs: retryAfterMs as number,
  } as const;
  const one = await world({ answer: (_, call) => (call === 1 ? limited : null) });
  await one.settled(one.hear(said("m1", "hello")));
  await one.system.schedule.until(() => one.platform.calls === 1, MINUTE_MS);
  const from = one.system.schedule.nowMs;
  await one.system.schedule.until(() => one.platform.calls === 2, 12 * 60 * MINUTE_MS);
  expect(one.system.schedule.nowMs - from).toBeGreaterThanOrEqual(waited);
  expect(one.system.schedule.nowMs - from).toBeLessThan(waited + 2_000);
});

test("an answer that is too old is not said, after a restart neither", async () => {
  const down = { ok: false, class: "retry", reason: "503" } as const;
  const one = await world({ answer: () => down }, { deliver_within: 3_600 });
  await one.settled(one.hear(said("m1", "hello")));
  await one.system.schedule.advance(10 * MINUTE_MS);
  one.system.crash("process");
  one.platform.answer = () => null;
  await one.system.schedule.advance(2 * 60 * MINUTE_MS);
  await one.system.start();
  await one.system.schedule.advance(60 * MINUTE_MS);

  expect(one.texts()).toEqual([]);
  expect(one.deliveries()).toMatchObject([{ status: "expired" }]);
});

test("marks that the platform refuses are left out, once, and what has arrived is not said again", async () => {
  const refused = { ok: false, class: "format", reason: "can't parse entities" } as const;
  const one = await world({
    cut: (text) => text.split("|"),
    answer: ({ part }) => (part.plain === "*two*" ? refused : null),
  });
  await one.settled(one.hear(said("m1", "|*two*|three")));
  await one.system.schedule.advance(MINUTE_MS);
  expect(one.texts()).toEqual(["You said: ", "plain *two*", "plain three"]);
});

test("an answer outside the platform's window waits for the correspondent, behind a template", async () => {
  const closed = { ok: false, class: "window", reason: "24 hours" } as const;
  const one = await world({
    answer: ({ part }, call) => (call === 1 && part.plain !== "template" ? closed : null),
    template: { body: { text: "We have an answer." }, plain: "template" },
  });
  await one.settled(one.hear(said("m1", "hello")));
  await one.system.schedule.advance(MINUTE_MS);
  expect(one.texts()).toEqual(["We have an answer."]);
  expect(one.deliveries()).toMatchObject([{ status: "needs_template" }]);

  await one.settled(one.hear(said("m2", "yes?")));
  await one.system.schedule.advance(MINUTE_MS);
  expect(one.texts()).toEqual(["We have an answer.", "You said: hello", "You said: yes?"]);
});

test("where the platform refuses afterwards a template is sent, and the answer with the next message", async () => {
  const one = await world({ template: { body: { text: "We have an answer." }, plain: "t" } });
  await one.settled(one.hear(said("m1", "hello")));
  await one.system.schedule.advance(MINUTE_MS);
  one.platform.shown.length = 0;
  const [receipt] = one.deliveries()[0]?.receipts ?? [];
  const { place, address, sender } = said("x", "");
  const event = {
    kind: "status",
    receipt: receipt?.id ?? "",
    state: "failed",
    dedupe: ["f"],
  } as const;
  await one.settled(one.hear({ ...event, failure: "window", place, address, sender, atMs: 0 }));
  await one.system.schedule.advance(MINUTE_MS);
  expect([one.texts(), one.deliveries()[0]?.status]).toEqual([
    ["We have an answer."],
    "needs_template",
  ]);
  await one.settled(one.hear(said("m2", "/help")));
  await one.settled(one.hear(said("m3", "yes?")));
  await one.system.schedule.advance(MINUTE_MS);
  expect(one.texts()).toContain("You said: hello");
});

test("what was delivered counts, in whatever order the platform tells it, and a late failure is seen", async () => {
  const one = await world();
  await one.settled(one.hear(said("m1", "hello")));
  await one.system.schedule.advance(MINUTE_MS);
  const [first] = one.deliveries();
  const [receipt] = first?.receipts ?? [];
  const status = async (state: "delivered" | "read" | "failed", reason?: string): Promise<void> => {
    const { place, address, sender } = said("x", "");
    const dedupe = [`${receipt?.id}.${state}`];
    const event = { kind: "status", receipt: receipt?.id ?? "", state, dedupe } as const;
    const more = { place, address, sender, atMs: 0, ...(reason && { reason }) };
    await one.settled(one.hear({ ...event, ...more }));
    await one.system.schedule.advance(1_000);
  };
  await status("read");
  await status("delivered");
  expect(one.deliveries()).toMatchObject([{ status: "sent", seen: "read" }]);
  await status("failed", "131026");
  expect(one.deliveries()).toMatchObject([{ status: "failed", seen: "failed", reason: "131026" }]);
  expect(one.rows(deliveryStatesTable)).toHaveLength(1);
});

test("edits and deletions that come before their message count, after it was asked they do not", async () => {
  const one = await world();
  const change = (kind: "edit" | "delete", message: string, text = "") => {
    const { place, address, sender } = said("x", "");
    const event = {
      kind,
      message,
      text,
      dedupe: [`${kind}-${message}`],
      place,
      address,
      sender,
      atMs: 0,
    };
    return one.settled(one.hear(event as never));
  };
  await change("edit", "m1", "better");
  await change("delete", "m2");
  await one.settled(one.hear(said("m1", "worse")));
  await one.settled(one.hear(said("m2", "gone")));
  await one.system.schedule.advance(MINUTE_MS);
  await change("edit", "m1", "too late");
  await one.system.schedule.advance(MINUTE_MS);
  expect(one.texts()).toEqual(["You said: better"]);
});

test("what follows at once is one message, where the channel says so", async () => {
  const one = await world({}, { merge_ms: 2_000 });
  for (const text of ["one", "two", "three"]) {
    await one.settled(one.hear(said(text, text)));
    await one.system.schedule.advance(1_500);
  }
  await one.system.schedule.advance(MINUTE_MS);
  await one.settled(one.hear(said("four", "four")));
  await one.system.schedule.advance(MINUTE_MS);
  expect(one.texts()).toEqual(["You said: one\ntwo\nthree", "You said: four"]);
});

test("a session that nobody uses begins anew, and goes on where it was before its time", async () => {
  const one = await world({}, { session_ttl: 3_600 });
  const say = async (id: string): Promise<void> => {
    await one.settled(one.hear(said(id, id)));
    await one.system.schedule.advance(MINUTE_MS);
  };
  await say("m1");
  await one.system.schedule.advance(50 * MINUTE_MS);
  await say("m2");
  await one.system.schedule.advance(70 * MINUTE_MS);
  await say("m3");
  const [a, b, c] = one.platform.asked.map(({ conversation }) => conversation);
  expect([a === b, b === c]).toEqual([true, false]);
  expect(one.rows("channel-sessions")).toMatchObject([{ conversation_key: c, earlier: [a] }]);
});

test("an ask that is refused for now is asked again, and one that is refused is told of", async () => {
  const { RuntimeError } = await import("../../../runtime/errors.ts");
  let times = 0;
  const one = await world({
    refuse: ({ text }) => {
      if (text === "never") return new RuntimeError("INVALID", "It is too odd.");
      times += 1;
      return times === 1 ? new RuntimeError("MAILBOX_FULL", "Busy.") : null;
    },
  });
  await one.settled(one.hear(said("m1", "hello")));
  await one.system.schedule.advance(MINUTE_MS);
  await one.settled(one.hear(said("m2", "never")));
  await one.system.schedule.advance(MINUTE_MS);
  await one.settled(one.hear(said("m3", "last")));
  await one.system.schedule.advance(5 * MINUTE_MS);
  expect(one.texts()).toEqual([
    "You said: hello",
    "This could not be answered. It is too odd.",
    "You said: last",
  ]);
});

test("commands are obeyed in the channel, other slashes go to the agent", async () => {
  const one = await world({}, { agents: { Sales: "ag_2" } });
  const texts = [
    "/help",
    "/agent sales",
    "hello",
    "/status",
    "/agent nobody",
    "/new",
    "/frobnicate",
    "/agent default",
    "hi",
  ];
  for (const [at, text] of texts.entries()) {
    await one.settled(one.hear(said(`m${at}`, text)));
    await one.system.schedule.advance(MINUTE_MS);
  }
  expect(one.platform.asked.map(({ agent, text }) => [agent, text])).toEqual([
    ["ag_2", "hello"],
    ["ag_2", "/frobnicate"],
    ["ag_1", "hi"],
  ]);
  expect(new Set(one.platform.asked.map(({ conversation }) => conversation)).size).toBe(3);
  expect(one.texts()[3]).toContain("Sales answers");
});

test("answers of an hour have a budget, against two programs that talk with each other", async () => {
  const one = await world({}, { replies_per_hour: 5 });
  for (let at = 0; at < 8; at += 1) {
    await one.settled(one.hear(said(`m${at}`, "hi")));
    await one.system.schedule.advance(10_000);
  }
  expect(one.texts()).toHaveLength(5);
  const kept = one.deliveries().filter(({ status }) => status === "failed");
  expect(kept).toHaveLength(3);
  expect(kept[0]?.reason).toContain("5 answers");
  await one.system.schedule.advance(60 * MINUTE_MS);
  await one.settled(one.hear(said("m9", "hi")));
  await one.system.schedule.advance(MINUTE_MS);
  expect(one.texts()).toHaveLength(6);
});

test("a message that is held says so once and is answered at its time", async () => {
  const one = await world();
  const holdUntilMs = one.system.schedule.nowMs + 60 * MINUTE_MS;
  const verdict = { say: "We are closed.", holdUntilMs };
  await one.settled(one.hear(said("m1", "one"), verdict));
  await one.settled(one.hear(said("m2", "two"), verdict));
  await one.system.schedule.advance(MINUTE_MS);
  expect(one.texts()).toEqual(["We are closed."]);
  await one.system.schedule.advance(60 * MINUTE_MS);
  expect(one.texts()).toEqual(["We are closed.", "You said: one", "You said: two"]);
});
