// The order of one actor's mail, whatever way it came.

import fc from "fast-check";
import { expect, test } from "vitest";
import { ITEM, Mailbox, type Taken } from "../../../runtime/kernel/mailbox.ts";

interface Item {
  readonly message: number;
}

test("a mailbox keeps the order of its lanes, the system's first, through any sequence of uses", () => {
  const use = fc.constantFrom("tell", "user", "system", "take", "take", "back", "drain");
  fc.assert(
    fc.property(fc.array(use, { maxLength: 200 }), (uses) => {
      const mailbox = new Mailbox<Item>();
      const model: { system: number[]; user: number[] } = { system: [], user: [] };
      const taken: Taken = { from: undefined };
      let last: { message: number; lane: "system" | "user" } | null = null;
      uses.forEach((what, message) => {
        if (what === "tell") {
          mailbox.tell(message, message % 2 === 0 ? null : "a:b/c", 1_000);
          model.user.push(message);
        } else if (what === "user" || what === "system") {
          mailbox.push({ message }, what);
          model[what].push(message);
        } else if (what === "take") {
          const lane = model.system.length > 0 ? "system" : "user";
          const expected = model[lane].shift();
          const next = mailbox.take(taken);
          expect(taken.from === ITEM ? (next as Item).message : next).toBe(expected);
          expect(taken.from === undefined).toBe(expected === undefined);
          if (expected !== undefined) last = { message: expected, lane };
        } else if (what === "back" && last !== null) {
          mailbox.putBack({ message: last.message }, last.lane);
          model[last.lane].unshift(last.message);
          last = null;
        } else if (what === "drain") {
          const all = mailbox.drain().map((item) => item.message);
          expect(all).toEqual([...model.system.splice(0), ...model.user.splice(0)]);
        }
        expect(mailbox.size).toBe(model.system.length + model.user.length);
        expect(mailbox.userSize).toBe(model.user.length);
      });
    }),
    { numRuns: 500 },
  );
});
