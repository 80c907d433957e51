// Calls against a provider that fails, limits and refuses keys, over its real wire: which key goes out,
// what is left alone, and for whom.

import { afterAll, beforeEach, expect, test } from "vitest";
import type { Llm, LlmResult } from "../../../actors/ports.ts";
import type { ProviderConfig } from "../../../adapters/llm/config.ts";
import { createLlm } from "../../../adapters/llm/llm.ts";
import { providerMemory } from "../../../adapters/provider-memory.ts";
import { type ProviderState, providerStates } from "../../../adapters/provider-state.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { createFakeProvider, type LoggedCall } from "../../support/fake-provider.ts";

const fake = await createFakeProvider();
beforeEach(() => fake.reset());
afterAll(() => fake.close());

const lab = (more: Partial<ProviderConfig> = {}): ProviderConfig => ({
  ...{ name: "lab", kind: "openai", baseUrl: fake.openaiUrl, apiKey: "key-a" },
  ...{ models: [""], attemptsMax: 1, ...more },
});

/** Two ports that share what they know, as the workers of a process do. */
function workers(provider: ProviderConfig): {
  readonly one: Llm;
  readonly two: Llm;
  readonly state: ProviderState;
} {
  const memory = providerMemory([provider]);
  const llm = () => createLlm({ providers: [provider] }, { memory, random: () => 0 });
  const [state] = providerStates(memory, [provider]);
  if (state === undefined) throw new Error("There is no state.");
  return { one: llm(), two: llm(), state };
}

const ask = (
  llm: Llm,
  text = "hello",
  signal = new AbortController().signal,
  model = "m-1",
): Promise<LlmResult> =>
  llm.complete(
    { model, messages: [{ role: "user", content: text }], stream: true },
    { caller: { tenant: "tn_1", key: "cv_1" }, signal },
  );
const codeOf = (asking: Promise<unknown>): Promise<string> =>
  asking.then(
    () => "answered",
    (error: { code: string }) => error.code,
  );
const keyOf = ({ headers }: LoggedCall) => headers["authorization"]?.replace("Bearer ", "") ?? "";
const withKey = (key: string) => (call: { headers: Readonly<Record<string, string>> }) =>
  call.headers["authorization"] === `Bearer ${key}`;
const three = ["key-a", "key-b", "key-c"];

test("calls of all workers take the keys of a pool in turn", async () => {
  const { one, two } = workers(lab({ apiKeys: three }));

  for (const llm of [one, two, one, two, one, two]) await ask(llm);

  expect(fake.calls().map(keyOf)).toEqual([...three, ...three]);
});

test("a limited key is left aside by every worker for as long as was asked; no call fails for it", async () => {
  fake.when(withKey("key-a"), { error: { status: 429, retryAfterS: 600 } });
  const { one, two } = workers(lab({ apiKeys: three }));

  const texts: string[] = [];
  for (const llm of [one, two, two, one, two]) texts.push((await ask(llm)).text);

  expect(texts).toEqual(Array.from({ length: 5 }, () => "Echo: hello"));
  expect(fake.calls().filter(withKey("key-a"))).toHaveLength(1);
});

test("a limit of one model leaves the key to the others, on every worker", async () => {
  fake.when(({ body }) => body["model"] === "big", { error: { status: 429, retryAfterS: 600 } });
  const { one, two } = workers(lab());

  const big = await codeOf(ask(one, "hello", undefined, "big"));
  const again = await codeOf(ask(two, "hello", undefined, "big"));
  const small = await codeOf(ask(two, "hello", undefined, "small"));

  expect([big, again, small]).toEqual(["PROVIDER_LIMITED", "PROVIDER_LIMITED", "answered"]);
  expect(fake.calls().map(({ body }) => body["model"])).toEqual(["big", "small"]);
});

test("a key that is not accepted is left aside, and when none is, calls fail without being sent", async () => {
  const { one, two, state } = workers(lab({ apiKeys: ["wrong-1", "wrong-2"] }));

  const first = await codeOf(ask(one));
  const before = state.counts().refused;
  const second = ask(two);

  expect(first).toBe("PROVIDER_FAILED");
  await expect(second).rejects.toMatchObject({
    code: "PROVIDER_FAILED",
    message: expect.stringContaining("did not accept any of its keys"),
  });
  expect(before).toBe(2);
  expect(state.counts().refused).toBe(2);
});

test("another worker's call waits for a limited key instead of asking too early", async () => {
  fake.when("hello", { error: { status: 429, retryAfterMs: 150 }, times: 1 });
  const { one, two } = workers(lab());

  const failed = await codeOf(ask(one));
  const answered = await ask(two, "other");

  const [first, second] = fake.calls();
  expect([failed, answered.text]).toEqual(["PROVIDER_LIMITED", "Echo: other"]);
  expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(145);
});

test("a provider that fails is left alone by all workers, tried by one call, and used again", async () => {
  const provider = lab({ breakerFailures: 2, breakerOpenMs: 60 });
  fake.when("down", { error: { status: 503 }, times: 2 });
  const { one, two, state } = workers(provider);

  const failed = [await codeOf(ask(one, "down")), await codeOf(ask(two, "down"))];
  const turnedAway = ask(one, "up");
  await expect(turnedAway).rejects.toMatchObject({
    code: "PROVIDER_UNAVAILABLE",
    details: { provider: "lab", isOpen: true },
  });
  const sent = fake.count();
  await expect.poll(() => state.breaker.look().state).toBe("half-open");
  fake.when("up", { firstByteMs: 50 });
  const tries = await Promise.all([one, two, one].map((llm) => codeOf(ask(llm, "up"))));
  const after = await codeOf(ask(two, "up"));

  expect(failed).toEqual(["PROVIDER_UNAVAILABLE", "PROVIDER_UNAVAILABLE"]);
  expect(sent).toBe(2);
  expect(tries).toEqual(["answered", "PROVIDER_UNAVAILABLE", "PROVIDER_UNAVAILABLE"]);
  expect(after).toBe("answered");
  expect(fake.count("up")).toBe(2);
});

test("neither a caller's cancel nor a refusal of a bad request counts against a provider", async () => {
  const { one, state } = workers(lab({ breakerFailures: 1 }));
  fake.when("bad", { error: { status: 400 } });
  fake.when("slow", { hang: "at-once" });
  const cancel = new AbortController();

  const bad = await codeOf(ask(one, "bad"));
  const slow = ask(one, "slow", cancel.signal);
  await Promise.all([fake.until(({ lastUser }) => lastUser === "slow"), codeOf(ask(one, "fine"))]);
  cancel.abort();

  expect([bad, await codeOf(slow)]).toEqual(["PROVIDER_FAILED", "CANCELLED"]);
  expect(state.breaker.look().state).toBe("closed");
  expect(state.counts()).toMatchObject({ refused: 1, cancelled: 1, answered: 1 });
});

test("a caller who is out of time says nothing of the provider", async () => {
  const { one, state } = workers(lab({ breakerFailures: 1 }));
  fake.when("slow", { hang: "at-once" });
  const late = new AbortController();

  const slow = codeOf(ask(one, "slow", late.signal));
  await fake.until(({ lastUser }) => lastUser === "slow");
  late.abort(new RuntimeError("DEADLINE", "The run has no time left."));

  expect(await slow).toBe("DEADLINE");
  expect(state.breaker.look()).toMatchObject({ state: "closed", failures: 0 });
});

test("a refusal is an answer: failures before it and after it are not in a row", async () => {
  const { one, two, state } = workers(lab({ breakerFailures: 2 }));
  fake.when("down", { error: { status: 503 } });
  fake.when("bad", { error: { status: 400 } });

  for (const [llm, text] of [
    [one, "down"],
    [two, "bad"],
    [one, "down"],
  ] as const) {
    await codeOf(ask(llm, text));
  }

  expect(state.breaker.look()).toMatchObject({ state: "closed", failures: 1 });
});

test("a provider that hangs is left alone after so many calls ran out of time", async () => {
  fake.otherwise({ hang: "at-once" });
  const { one, two } = workers(lab({ breakerFailures: 2, timeouts: { firstByteMs: 1_000 } }));

  const late = await Promise.all([codeOf(ask(one)), codeOf(ask(two))]);
  const next = await codeOf(ask(two));

  expect(late).toEqual(["DEADLINE", "DEADLINE"]);
  expect(next).toBe("PROVIDER_UNAVAILABLE");
  expect(fake.count()).toBe(2);
});
