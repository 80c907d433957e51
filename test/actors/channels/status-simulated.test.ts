// What people are told by /status, on virtual time.

import { expect, test } from "vitest";
import { targetTables } from "../../../actors/engines/wait-key.ts";
import { ChannelWorld, platform, said } from "../../support/channel-world.ts";

const MINUTE_MS = 60_000;

test("/status names who answers, the session's age, what is under way and what is to be decided", async () => {
  const one = new ChannelWorld(platform({ agentMs: 60 * MINUTE_MS }));
  await one.start({ agents: { sales: "tm_1" } });
  await one.settled(one.put("agents", "ag_1", { agent: { name: "Ada" }, version: 1 }));
  await one.settled(one.put("teams", "tm_1", { record: { name: "Sales team" } }));
  const status = async (id: string): Promise<string | undefined> => {
    await one.settled(one.hear(said(id, "/status")));
    await one.system.schedule.advance(MINUTE_MS);
    return one.texts().at(-1);
  };

  expect(await status("m1")).toBe(
    "Ada answers. This session is 0 s old. Under way: 0. Waiting: 0. To be decided: 0.",
  );
  await one.settled(one.hear(said("m2", "work")));
  await one.system.schedule.advance(2 * MINUTE_MS);
  expect(await status("m3")).toMatch(
    /^Ada answers\. This session is 3 min old\. Under way: 1 \(for 2 min\)\. Waiting: 0\./,
  );
  await one.settled(one.hear(said("m4", "/agent sales")));
  expect(await status("m5")).toMatch(/^Sales team answers\. This session is 0 s old\./);
});

test("/status says that what is under way waits for a target", async () => {
  const world = platform({ agentMs: 60 * MINUTE_MS });
  const one = new ChannelWorld(world);
  await one.start();
  await one.settled(one.hear(said("m1", "work")));
  await one.system.schedule.advance(MINUTE_MS);
  const [run = ""] = world.runs;
  await one.settled(one.put(targetTables.waiting, run, { target: "tg_1" }));

  await one.settled(one.hear(said("m2", "/status")));
  await one.system.schedule.advance(MINUTE_MS);

  expect(one.texts().at(-1)).toContain(
    "Under way: 1 (for 1 min), waits for a target that is away.",
  );
});
