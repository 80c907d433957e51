// Which channels are switched off while gateways come, go and have different files.

import { expect, test } from "vitest";
import { Claims, claimLimits } from "../../../adapters/channels/claims.ts";
import { createSerial } from "../../../adapters/serial.ts";

const { everyMs, lifeMs } = claimLimits;
const tenant = "tn_a";

/** A server with channels that are active, and gateways that say which they name. */
function world(names: readonly string[], managedBy = "desk") {
  let nowMs = 1_000_000;
  const claims = new Claims({ serial: createSerial(), nowMs: () => nowMs });
  const active = new Set(names);
  const channels = {
    active: async () => [...active].map((name) => ({ id: name, name, managed_by: managedBy })),
    switchOff: async (id: string) => void active.delete(id),
  };
  const say = (instance: string, named: readonly string[], gateway = "desk") => {
    // As a gateway does that applies its file: what it names is on.
    const of = { tenant, gateway, instance, channels: named, isAlone: false };
    return claims.claim(of, channels);
  };
  nowMs += lifeMs;
  return {
    claims,
    say,
    active: () => [...active].sort(),
    on: (name: string) => void active.add(name),
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
}

test("a changed file that reaches three gateways one after the other switches nothing off too early", async () => {
  const { say, active, on, pass, claims } = world(["kept", "old"]);
  const before = ["kept", "old"];
  const after = ["kept", "new"];
  for (const one of ["g1", "g2", "g3"]) await say(one, before);

  await say("g1", after);
  on("new");
  expect(active()).toEqual(["kept", "new", "old"]);
  // Another starts anew with the file as it was: what is new stays, although it does not name it.
  claims.withdraw({ tenant, gateway: "desk", instance: "g2" });
  await say("g2b", before);
  await say("g2b", after);
  expect(active()).toEqual(["kept", "new", "old"]);
  const { paused } = await say("g3", after);

  expect([paused, active()]).toEqual([["old"], ["kept", "new"]]);
  pass(everyMs);
  expect((await say("g1", after)).paused).toEqual([]);
});

test("a gateway that died keeps its channels for a while, and one that comes back is told to apply its file", async () => {
  const { say, active, pass } = world(["its", "ours"]);
  await say("g1", ["its", "ours"]);
  await say("g2", ["ours"]);
  pass(lifeMs - 1);
  await say("g2", ["ours"]);
  expect(active()).toEqual(["its", "ours"]);

  pass(1);
  expect((await say("g2", ["ours"])).paused).toEqual(["its"]);
  expect((await say("g1", ["its", "ours"])).known).toBe(false);
});

test("what others have made is nobody's to switch off, nor what a gateway of another name still names", async () => {
  const foreign = world(["theirs"], "other");
  await foreign.say("g1", []);
  expect(foreign.active()).toEqual(["theirs"]);

  const shared = world(["both"]);
  await shared.say("x", ["both"], "its-own-name");
  await shared.say("g1", []);
  expect(shared.active()).toEqual(["both"]);
});

test("a server that has just started switches nothing off before all have had time to say that they run", async () => {
  const { claims, active } = world(["one"]);
  const fresh = new Claims({ serial: createSerial(), nowMs: () => 5 });
  const channels = {
    active: async () => [{ id: "one", name: "one", managed_by: "desk" }],
    switchOff: async () => Promise.reject(new Error("too early")),
  };
  const of = { tenant, gateway: "desk", instance: "g1", channels: [], isAlone: false };
  expect(await fresh.claim(of, channels)).toEqual({ known: false, gateways: ["desk"], paused: [] });
  await expect(fresh.claim({ ...of, isAlone: true }, channels)).rejects.toThrow("too early");
  expect([claims, active()]).toEqual([expect.anything(), ["one"]]);
});
