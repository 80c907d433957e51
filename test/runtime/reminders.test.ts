// Reminders that come due while their actor is busy: what the turns before them say of the same name
// counts, as if they had not come yet.

import { expect, test } from "vitest";
import { type Data, defineActor } from "../../runtime/actor.ts";
import { address } from "../../runtime/address.ts";
import { TestSystem } from "../../runtime/testkit/test-system.ts";

type Message =
  | { readonly type: "set"; readonly text: string; readonly atMs: number }
  | { readonly type: "forget" }
  | { readonly type: "stumble" }
  | { readonly type: "due"; readonly text: string }
  | { readonly type: "read" };

/** How long an answer takes at most; the reminder comes soon after, while the actor is held up. */
const ANSWER_MS = 200;
const SOON_MS = 5;
const HELD_UP_MS = 5_000;
const READS = ["at once", "later"] as const;
const CLOCK = address({ kind: "clock", tenant: "tn_1", root: "a" });
const EAR = address({ kind: "ear", tenant: "tn_1", root: "a" });
const TELLER = address({ kind: "teller", tenant: "tn_1", root: "a" });

/** A system whose actor holds the texts of what has fired, and stumbles over one message once. */
async function begin(reads: (typeof READS)[number]): Promise<TestSystem> {
  let stumbles = 1;
  const clock = defineActor<readonly string[], Message>({
    kind: "clock",
    version: 1,
    initial: () => [],
    receive(state, message, turn) {
      if (message.type === "set") {
        turn.remind("one", message.atMs, { type: "due", text: message.text });
      }
      if (message.type === "forget") turn.forget("one");
      if (message.type === "stumble" && stumbles > 0) {
        stumbles -= 1;
        throw new Error("on purpose");
      }
      if (message.type === "read") turn.reply(state);
      return message.type === "due" ? [...state, message.text] : state;
    },
  });
  const system = new TestSystem({ seed: 1, definitions: [clock], reads });
  await system.start();
  return system;
}

async function asked(system: TestSystem, message: Message): Promise<unknown> {
  const answer = system.ask(CLOCK, message);
  await system.schedule.advance(ANSWER_MS);
  return answer;
}

const fired = (system: TestSystem): Promise<unknown> => asked(system, { type: "read" });

/** Sets a reminder that comes due while the actor is held up, with `next` waiting before it. */
async function dueBehind(system: TestSystem, next: (atMs: number) => Message): Promise<void> {
  const atMs = system.schedule.nowMs + ANSWER_MS + SOON_MS;
  await asked(system, { type: "set", text: "first", atMs });
  system.tell(CLOCK, { type: "stumble" });
  system.tell(CLOCK, next(atMs));
  await system.schedule.advance(HELD_UP_MS);
}

const left = (system: TestSystem): readonly string[] =>
  system.disk.rows.map(({ key }) => key).filter((key) => /^[dm]\//.test(key));

test.each(READS)(
  "a reminder that is forgotten while it waits for its turn does not fire, reads %s",
  async (reads) => {
    const system = await begin(reads);
    await dueBehind(system, () => ({ type: "forget" }));
    expect(await fired(system)).toEqual([]);
    expect(left(system)).toEqual([]);
  },
);

test.each(READS)(
  "a reminder that is replaced while it waits for its turn fires at its new time only, reads %s",
  async (reads) => {
    const system = await begin(reads);
    const later = { type: "set", text: "second", atMs: system.schedule.nowMs + 60_000 } as const;
    await dueBehind(system, () => later);
    expect(await fired(system)).toEqual([]);
    await system.schedule.advance(60_000);
    expect(await fired(system)).toEqual(["second"]);
    expect(left(system)).toEqual([]);
  },
);

test.each(READS)(
  "a reminder that is set again for the same time while it waits fires once, as it was set last, reads %s",
  async (reads) => {
    const system = await begin(reads);
    await dueBehind(system, (atMs) => ({ type: "set", text: "second", atMs }));
    expect(await fired(system)).toEqual(["second"]);
    expect(left(system)).toEqual([]);
  },
);

test("what a reminder's turn tells is told once, though the disk refuses the turn", async () => {
  let heard = 0;
  const ear = defineActor<null, Data>({
    kind: "ear",
    version: 1,
    initial: () => null,
    receive(state) {
      heard += 1;
      return state;
    },
  });
  const teller = defineActor<number, Data>({
    kind: "teller",
    version: 1,
    initial: () => 0,
    receive(told, message, turn) {
      if (message === "set") turn.remind("one", turn.nowMs + ANSWER_MS, "due");
      if (message !== "due") return told;
      turn.tell(EAR, "told");
      return told + 1;
    },
  });
  const system = new TestSystem({ seed: 1, definitions: [ear, teller] });
  await system.start();
  system.tell(TELLER, "set");
  await system.schedule.advance(ANSWER_MS / 2);
  system.disk.isFull = true;
  await system.schedule.advance(ANSWER_MS);
  system.disk.isFull = false;
  await system.schedule.advance(HELD_UP_MS);
  expect(heard).toBe(1);
  expect(left(system)).toEqual([]);
});
