// The breaker of a provider and its keys as several threads see them: one memory, a clock of the test's.

import { expect, test } from "vitest";
import { KEY_REST_MS_MAX, type KeyFault, keyFaultOf } from "../../adapters/provider-keys.ts";
import { KEY_MODELS_MAX, providerMemory } from "../../adapters/provider-memory.ts";
import { providerStates } from "../../adapters/provider-state.ts";
import { RuntimeError } from "../../runtime/errors.ts";

const limited: KeyFault = { why: "limited", of: "model" };
const forbidden: KeyFault = { why: "refused", of: "model" };
const refused: KeyFault = { why: "refused", of: "key" };

/** Two threads that share what they know of one provider. */
function threads(more: { apiKeys?: readonly string[]; breakerFailures?: number } = {}) {
  const provider = {
    ...{ name: "lab", breakerFailures: 3, breakerOpenMs: 100, timeouts: { totalMs: 1_000 } },
    ...more,
  };
  const clock = { ms: 1_000 };
  const memory = providerMemory([{}, provider]);
  const state = () => {
    const [, of] = providerStates(memory, [{ name: "other" }, provider], () => clock.ms);
    if (of === undefined) throw new Error("There is no state.");
    return of;
  };
  return {
    one: state(),
    two: state(),
    clock,
    other: () => providerStates(memory, [{ name: "other" }, provider])[0],
  };
}

test("failures in a row on any threads open the breaker for all of them", () => {
  const { one, two, other } = threads();

  one.breaker.failed(false);
  two.breaker.failed(false);
  const before = one.breaker.enter();
  const openMs = two.breaker.failed(false);

  expect(before).toEqual({ isProbe: false });
  expect(openMs).toBe(100);
  expect(one.breaker.enter()).toEqual({ retryAfterMs: 100 });
  expect(one.breaker.look()).toMatchObject({ state: "open", openings: 1, failures: 3 });
  expect(other()?.breaker.look()).toMatchObject({ state: "closed", failures: 0 });
});

test("an answer between two failures starts the count anew", () => {
  const { one, two } = threads();

  for (let round = 0; round < 5; round += 1) {
    one.breaker.failed(false);
    two.breaker.failed(false);
    two.breaker.answered();
  }

  expect(one.breaker.enter()).toEqual({ isProbe: false });
});

test("after its time one call of all threads tries, and its answer closes the breaker", () => {
  const { one, two, clock } = threads();
  for (let call = 0; call < 3; call += 1) one.breaker.failed(false);
  clock.ms += 100;

  const tries = [two.breaker.enter(), one.breaker.enter(), two.breaker.enter()];
  const isClosed = two.breaker.answered();

  expect(tries.map(({ isProbe }) => isProbe)).toEqual([true, undefined, undefined]);
  expect(isClosed).toBe(true);
  expect(one.breaker.enter()).toEqual({ isProbe: false });
});

test("a try that fails leaves it alone twice as long, at most eight times", () => {
  const { one, two, clock } = threads();
  for (let call = 0; call < 3; call += 1) one.breaker.failed(false);
  const pauses: (number | undefined)[] = [];
  for (let round = 0; round < 5; round += 1) {
    clock.ms += one.breaker.look().retryAfterMs;
    expect(two.breaker.enter()).toEqual({ isProbe: true });
    pauses.push(two.breaker.failed(true));
  }

  expect(pauses).toEqual([200, 400, 800, 800, 800]);
});

test("a try whose caller left, or whose thread died, lets another one try", () => {
  const { one, two, clock } = threads();
  for (let call = 0; call < 3; call += 1) one.breaker.failed(false);
  clock.ms += 100;

  const first = one.breaker.enter();
  one.breaker.left();
  const second = two.breaker.enter();
  const third = one.breaker.enter();
  clock.ms += 1_000;
  const afterDeath = one.breaker.enter();

  expect([first, second, third, afterDeath].map(({ isProbe }) => isProbe)).toEqual([
    ...[true, true, undefined, true],
  ]);
});

test("calls that were under way when it opened do not make it stay open for longer", () => {
  const { one, two, clock } = threads();
  for (let call = 0; call < 9; call += 1) one.breaker.failed(false);

  expect(two.breaker.look()).toMatchObject({ openings: 1, retryAfterMs: 100 });
  clock.ms += 100;
  expect(two.breaker.enter()).toEqual({ isProbe: true });
});

test("a breaker of no failures never opens", () => {
  const { one } = threads({ breakerFailures: 0 });

  for (let call = 0; call < 100; call += 1) one.breaker.failed(false);

  expect(one.breaker.enter()).toEqual({ isProbe: false });
});

test("keys are taken in turn by all threads together", () => {
  const { one, two } = threads({ apiKeys: ["a", "b", "c"] });

  const taken = [one, two, one, two, one, two].map(({ keys }) => keys.take("m").key);

  expect(taken).toEqual([0, 1, 2, 0, 1, 2]);
});

test("a limited key rests on every thread for as long as was asked, then it is taken again", () => {
  const { one, two, clock } = threads({ apiKeys: ["a", "b"] });

  one.keys.rest(0, "m", limited, 500);
  const meanwhile = [two, two, one].map(({ keys }) => keys.take("m").key);
  clock.ms += 500;
  const after = new Set([two, one].map(({ keys }) => keys.take("m").key));

  expect(meanwhile).toEqual([1, 1, 1]);
  expect(after).toEqual(new Set([0, 1]));
});

test("when all keys rest it is said how long the first one does, if it may be good again", () => {
  const { one, two } = threads({ apiKeys: ["a", "b"] });

  one.keys.rest(0, "m", refused);
  one.keys.rest(1, "m", limited, 300);
  const one429 = two.keys.take("m");
  two.keys.rest(1, "m", refused);
  const none = one.keys.take("m");

  expect(one429).toEqual({ waitMs: 300 });
  expect(none).toEqual({});
  expect(one.keys.look(0)).toMatchObject({ state: "refused", rests: 1 });
});

test("without a wait that was asked for, a key rests longer each time until it is taken", () => {
  const { one, clock } = threads();
  const rests = () => {
    one.keys.rest(0, "m", limited);
    return one.keys.look(0).restMs;
  };

  const growing = [rests(), rests(), rests()];
  clock.ms += 10_000;
  one.keys.accepted(0, "m");

  expect(growing).toEqual([250, 500, 1_000]);
  expect(rests()).toBe(250);
});

test("a key that is limited for one model serves the others, and one that is refused serves none", () => {
  const { one, two } = threads();

  one.keys.rest(0, "big", limited, 500);
  one.keys.rest(0, "secret", forbidden);
  const choices = ["big", "secret", "small"].map((model) => two.keys.take(model));
  const look = two.keys.look(0);
  one.keys.rest(0, "small", refused);

  expect(choices).toEqual([{ waitMs: 500 }, {}, { key: 0 }]);
  expect(look).toEqual({ state: "refused", restMs: 60_000, rests: 2, models: 2 });
  expect(two.keys.take("other")).toEqual({});
});

test("an accepted call to one model does not shorten the rest of a key for another", () => {
  const { one, two } = threads();

  one.keys.rest(0, "big", limited, 500);
  two.keys.accepted(0, "small");

  expect(one.keys.take("big")).toEqual({ waitMs: 500 });
});

test("of one model more than fits, that whose rest ends first is forgotten", () => {
  const { one, two } = threads();
  const names = Array.from({ length: KEY_MODELS_MAX + 1 }, (_, at) => `model-${at}`);

  for (const [at, name] of names.entries()) one.keys.rest(0, name, limited, 1_000 - at);

  const resting = names.filter((name) => two.keys.take(name).key === undefined);
  expect(resting).toEqual(names.filter((_, at) => at !== KEY_MODELS_MAX - 1));
});

test("whatever wait is asked for, a key rests at most its limit", () => {
  const { one, two } = threads();

  one.keys.rest(0, "m", limited, 86_400_000);

  expect(two.keys.take("m")).toEqual({ waitMs: KEY_REST_MS_MAX });
});

test("where it can be, another key is taken than one", () => {
  const { one } = threads({ apiKeys: ["a", "b"] });

  const others = [1, 2, 3, 4].map(() => one.keys.take("m", 0).key);
  one.keys.rest(1, "m", limited, 500);

  expect(others).toEqual([1, 1, 1, 1]);
  expect(one.keys.take("m", 0)).toEqual({ key: 0 });
});

test.each([
  ["a limit", "PROVIDER_LIMITED", { status: 429 }, limited],
  ["a wrong key", "PROVIDER_FAILED", { status: 401 }, refused],
  ["a bill that is not paid", "PROVIDER_FAILED", { status: 402 }, refused],
  ["a used-up quota", "PROVIDER_FAILED", { status: 429, type: "insufficient_quota" }, refused],
  ["a model that the key may not use", "PROVIDER_FAILED", { status: 403 }, forbidden],
  ["a bad request", "PROVIDER_FAILED", { status: 400 }, undefined],
  ["a server that fails", "PROVIDER_UNAVAILABLE", { status: 500 }, undefined],
] as const)("of the key speaks %s: %s %o", (_, code, details, fault) => {
  expect(keyFaultOf(new RuntimeError(code, "refused", details))).toEqual(fault);
});
