// What a run has shown is its record: the next life finds it, whatever its code would show today.

import { expect, test } from "vitest";
import { defineActor, defineRun, type RunEnded } from "../../runtime/actor.ts";
import { address } from "../../runtime/address.ts";
import { TestSystem } from "../../runtime/testkit/test-system.ts";

const desk = defineActor<null, { readonly type: "start" } | RunEnded>({
  kind: "desk",
  version: 1,
  initial: () => null,
  receive(state, message, turn) {
    if (message.type === "start") turn.reply(turn.startRun({ kind: "chooser", input: null }));
    return state;
  },
});

test("a run finds after a crash what it has emitted, and that a step is stored", async () => {
  const seen: unknown[] = [];
  const ends: unknown[] = [];
  const chooser = defineRun<null, unknown, unknown>({
    kind: "chooser",
    async run(_, context) {
      const before = context.emitted("choice");
      seen.push([before, context.isStored("asked")]);
      await context.step("asked", () => "yes", { repeat: "safe" });
      context.emit("choice", { taken: before === undefined ? "first" : "second" });
      await context.sleep("after", 1_000);
      ends.push(before);
      return null;
    },
  });
  const system = new TestSystem({ seed: 4, definitions: [desk, chooser] });
  await system.start();
  const at = address({ kind: "desk", tenant: "tn_1", root: "d" });
  const asked = system.ask(at, { type: "start" });
  await system.schedule.advance(500);
  const run = `${await asked}`;
  system.crash("process");
  await system.start();
  const following = system.follow({ tenant: "tn_1", root: "d", run });
  await system.schedule.advance(5_000);
  const frames = await following;

  expect(seen).toEqual([
    [undefined, false],
    [{ taken: "first" }, true],
  ]);
  expect(ends).toEqual([{ taken: "first" }]);
  expect(frames.filter(({ type }) => type === "event")).toMatchObject([
    { event: { taken: "first" } },
  ]);
});
