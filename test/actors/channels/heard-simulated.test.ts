// Triggers that listen to a channel are told each message once, whatever dies at whatever write, and nothing else.

import { expect, test } from "vitest";
import { type Heard, listenersTable } from "../../../actors/triggers/listeners.ts";
import {
  ChannelWorld,
  channelId,
  heardTable,
  platform,
  said,
} from "../../support/channel-world.ts";

const MINUTE_MS = 60_000;
const listeners = [{ trigger: "tr_1", what: "channel_message" }];

const textsHeard = (one: ChannelWorld): string[] =>
  one.rows<Heard>(heardTable).map(({ data }) => (data as { readonly text: string }).text);

test.each(["process", "power"] as const)(
  "after a crash (%s) at any write a message is told once",
  async (kind) => {
    let writes = Number.POSITIVE_INFINITY;
    for (let crashAt = 1; crashAt <= writes; crashAt += 1) {
      let [count, isArmed] = [0, false];
      const one = new ChannelWorld(platform({}), (system) => {
        if (!isArmed) return;
        count += 1;
        if (count === crashAt) system.crash(kind);
      });
      await one.start();
      await one.settled(one.put(listenersTable, channelId, { listeners }));
      isArmed = true;
      // As a platform does: again until it is acknowledged.
      for (let isTaken = false; !isTaken; ) {
        isTaken = await one.settled(one.hear(said("m1", "hello"))).then(
          () => true,
          () => false,
        );
        if (!isTaken) await one.system.start();
      }
      await one.system.schedule.until(() => one.system.crashes > 0, 5 * MINUTE_MS);
      if (count < crashAt) writes = crashAt - 1;
      isArmed = false;
      if (one.system.crashes > 0) await one.system.start();
      await one.system.schedule.advance(5 * MINUTE_MS);

      expect(textsHeard(one)).toEqual(["hello"]);
    }
    expect(writes).toBeGreaterThan(5);
  },
);

test("commands, repeats and what nobody listens to are not told", async () => {
  const one = new ChannelWorld(platform({}));
  await one.start();
  await one.settled(one.hear(said("m1", "before")));
  await one.settled(one.put(listenersTable, channelId, { listeners }));
  await one.settled(one.hear(said("m2", "/help")));
  await one.settled(one.hear(said("m3", "after")));
  await one.settled(one.hear(said("m3", "after")));
  await one.system.schedule.advance(MINUTE_MS);

  expect(textsHeard(one)).toEqual(["after"]);
});
