// What one sends to another arrives in the order in which it was sent, also when the last of it is the
// end of a run, which goes before what others have sent.

import { expect, test } from "vitest";
import { type Data, defineActor, defineRun, type RunEnded } from "../../runtime/actor.ts";
import { type Address, address } from "../../runtime/address.ts";
import { TestSystem } from "../../runtime/testkit/test-system.ts";

const TENANT = "tn_1";
const SEEDS = 40;
const DESKS = 6;
const TOLD = 3;

type DeskMessage =
  | { readonly type: "start"; readonly by: string }
  | { readonly type: "said" | "busy" }
  | { readonly type: "told"; readonly number: number }
  | RunEnded;

/** Keeps what its run tells it and that it has ended; each message waits for a row to be read. */
const desk = defineActor<readonly Data[], DeskMessage>({
  kind: "desk",
  version: 1,
  initial: () => [],
  reads: () => ({ row: { type: "row", table: "rows", id: "x" } }),
  receive(state, message, turn) {
    switch (message.type) {
      case "start":
        turn.startRun({ kind: message.by, input: turn.self });
        return state;
      case "said":
        turn.reply(state);
        return state;
      case "busy":
        return state;
      case "told":
        return [...state, message.number];
      default:
        return [...state, "ended"];
    }
  },
});

const teller = defineRun<Address, null, unknown>({
  kind: "teller",
  async run(to, context) {
    const sent = Array.from({ length: TOLD }, (_, number) =>
      context.send(`tell-${number}`, to, { type: "told", number }),
    );
    await Promise.all(sent);
    return null;
  },
});

/** Has a child run send for it. */
const parent = defineRun<Address, null, unknown>({
  kind: "parent",
  async run(to, context) {
    await context.child("teller", { kind: "teller", input: to });
    return null;
  },
});

const cases = (["at once", "soon", "later"] as const).flatMap((reads) =>
  (["teller", "parent"] as const).map((by) => ({ reads, by })),
);

test.each(cases)(
  "the end of a run does not overtake what the run or its child has sent before: $by, reads $reads",
  async ({ reads, by }) => {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const definitions = [desk, teller, parent];
      const system = new TestSystem({ seed, definitions, workers: 2, delayMs: 2, reads });
      await system.start();
      const desks = Array.from({ length: DESKS }, (_, n) =>
        address({ kind: "desk", tenant: TENANT, root: `d${n}` }),
      );
      for (const to of desks) {
        system.tell(to, { type: "start", by });
        for (let n = 0; n < 5; n += 1) system.tell(to, { type: "busy" });
      }
      await system.schedule.advance(1_000);

      const expected = [...Array.from({ length: TOLD }, (_, number) => number), "ended"];
      for (const to of desks) {
        const said = system.ask(to, { type: "said" });
        await system.schedule.advance(100);
        expect(await said, `seed ${seed}`).toEqual(expected);
      }
    }
  },
);
