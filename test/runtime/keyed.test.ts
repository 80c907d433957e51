// A message from outside that carries a key is recognised when it comes again, whatever died before
// its answer was out: stored once, handled once, given up once.

import { expect, test } from "vitest";
import { type ActorDefinition, type Data, defineActor } from "../../runtime/actor.ts";
import { type Address, address } from "../../runtime/address.ts";
import { listLetters } from "../../runtime/door/letter-list.ts";
import { decode, encode } from "../../runtime/store/codec.ts";
import { keys } from "../../runtime/store/keys.ts";
import { TestSystem, type TestSystemOptions } from "../../runtime/testkit/test-system.ts";

const TENANT = "tn_1";
const CRASHES = 12;
/** Whether "bad" fails. */
const world = { isBroken: true };

const note = defineActor<readonly string[], string>({
  kind: "note",
  version: 1,
  initial: () => [],
  receive(state, word, turn) {
    if (word === "all") {
      turn.reply(state.join(" "));
      return state;
    }
    if (word === "bad" && world.isBroken) throw new TypeError("out of order");
    turn.reply(word);
    return [...state, word];
  },
});

const at = (root: string): Address => address({ kind: "note", tenant: TENANT, root });
const key = (name: string, bodyHash = "h") => ({ source: "test", key: name, bodyHash, hours: 1 });
const seenKey = (name: string) => keys.seen(TENANT, "test", name);

async function begin(options: Partial<TestSystemOptions> = {}): Promise<TestSystem> {
  world.isBroken = true;
  const definitions = [note as unknown as ActorDefinition<Data, Data>];
  const system = new TestSystem({ seed: 1, definitions, ...options });
  await system.start();
  return system;
}

async function told(system: TestSystem, promise: Promise<unknown>, ms = 20_000): Promise<unknown> {
  const end = promise.catch(({ code, message }) => ({ code, message }));
  await system.schedule.advance(ms);
  return end;
}

const lettersOf = (system: TestSystem) =>
  listLetters(system.disk.connect(), TENANT, { limit: 100 });
const all = (system: TestSystem) => told(system, system.ask(at("a"), "all"));

/** A system that crashes at its nth commit from here on. */
async function crashed(
  commit: number,
  say: (system: TestSystem) => Promise<unknown>,
): Promise<TestSystem> {
  const system = await begin({ seed: commit });
  system.disk.crashAfter(system.disk.commits + commit);
  await told(system, say(system));
  system.disk.crashAfter(Number.POSITIVE_INFINITY);
  if (system.crashes > 0) await system.start();
  return system;
}

test("a keyed send is stored once, whatever crash its answer is lost in", async () => {
  let crashes = 0;
  for (let commit = 1; commit <= CRASHES; commit += 1) {
    const system = await crashed(commit, (one) => one.send(at("a"), "once", key("k")));
    crashes += system.crashes;

    expect(await told(system, system.send(at("a"), "once", key("k")))).toBeNull();
    expect(await told(system, system.send(at("a"), "once", key("k")))).toBeNull();
    expect(await all(system)).toBe("once");
  }
  expect(crashes).toBeGreaterThan(1);
});

test("keyed sends at the same moment are stored once, another body under their key is refused", async () => {
  for (let seed = 1; seed <= 10; seed += 1) {
    const system = await begin({ seed, workers: 2, delayMs: 5 });

    const both = [at("a"), at("a"), at("b")].map((to) => system.send(to, "once", key("k")));
    const answers = await told(system, Promise.all(both));
    const other = await told(system, system.send(at("a"), "twice", key("k", "other")));

    expect(answers).toEqual([null, null, null]);
    expect(other).toMatchObject({ code: "KEY_REUSED" });
    const words = [await all(system), await told(system, system.ask(at("b"), "all"))];
    expect(words.sort()).toEqual(["", "once"]);
  }
});

test("a keyed send is refused when no more keys are remembered, and stores nothing", async () => {
  const system = await begin({ limits: { seenKeysMax: 1 } });

  const codes: unknown[] = [];
  for (const name of ["one", "two", "one"]) {
    codes.push(await told(system, system.send(at("a"), name, key(name))));
  }

  expect(codes).toEqual([null, expect.objectContaining({ code: "SEEN_FULL" }), null]);
  expect(await all(system)).toBe("one");
});

test("a keyed message that is given up leaves one letter, whatever crash its answer is lost in", async () => {
  let crashes = 0;
  for (let commit = 1; commit <= CRASHES; commit += 1) {
    const system = await crashed(commit, (one) => one.ask(at("a"), "bad", key("k")));
    crashes += system.crashes;

    const given = await told(system, system.ask(at("a"), "bad", key("k")));
    const streamed = await told(system, system.stream(at("a"), "bad", key("k")));
    const sent = await told(system, system.send(at("a"), "bad", key("k")));

    expect(given).toMatchObject({ code: "DEAD_LETTER" });
    expect([streamed, sent]).toEqual([given, given]);
    expect(await lettersOf(system)).toHaveLength(1);
  }
  expect(crashes).toBeGreaterThan(0);
});

test("a keyed message that was replayed by an operator is not applied again when it comes again", async () => {
  const system = await begin();
  await told(system, system.ask(at("a"), "bad", key("k")));
  const [letter] = await lettersOf(system);
  world.isBroken = false;

  await told(system, system.operate(at("a"), { type: "replay", letter: letter?.id ?? "" }));
  const again = await told(system, system.ask(at("a"), "bad", key("k")));
  const withOther = await told(system, system.ask(at("a"), "bad", key("other")));

  expect(again).toMatchObject({ code: "DEAD_LETTER" });
  expect(withOther).toBe("bad");
  expect(await all(system)).toBe("bad bad");
});

test("the key of a letter is forgotten in its time, and its room given back", async () => {
  const system = await begin({ limits: { seenKeysMax: 1 } });
  await told(system, system.ask(at("a"), "bad", key("k")));
  const full = await told(system, system.ask(at("a"), "good", key("other")));
  world.isBroken = false;

  await system.schedule.advance(4 * 3_600_000);

  expect(full).toMatchObject({ code: "SEEN_FULL" });
  expect(await told(system, system.ask(at("a"), "bad", key("k")))).toBe("bad");
});

test("a key that another actor has taken meanwhile stays that one's, and the letter is kept", async () => {
  let refused = 0;
  for (let seed = 1; seed <= 20; seed += 1) {
    const system = await begin({ seed, workers: 1, limits: { failuresMax: 1 } });
    const other = system.disk.connect();
    const value = encode({ bodyHash: "h", reply: "theirs", run: null });

    const given = system.ask(at("a"), "bad", key("k"));
    // Whether this comes between the turn's look at the key and its commit is the seed's.
    system.schedule.defer("other", () => {
      other.commit({ ops: [{ op: "put", key: seenKey("k"), value }] });
    });
    const answer = await told(system, given);

    const row = system.disk.rows.find((one) => one.key === seenKey("k"));
    const letters = await lettersOf(system);
    refused += system.kernelOf(at("a"))?.inspect().counters["refusedBatches"] ?? 0;
    if (answer !== "theirs") expect(letters).toHaveLength(1);
    expect(row && decode(row.value)).toMatchObject({ reply: "theirs" });
  }
  expect(refused).toBeGreaterThan(0);
});
