// A chain of models over two providers of different protocols: who is asked, when, and what is said
// when nobody answers.

import { afterAll, beforeEach, expect, test } from "vitest";
import { chainProblem } from "../../../actors/model-chain.ts";
import type { LlmEvent, LlmRequest, LlmResult } from "../../../actors/ports.ts";
import type { LlmConfig, ProviderConfig } from "../../../adapters/llm/config.ts";
import { createLlm } from "../../../adapters/llm/llm.ts";
import { providerMemory } from "../../../adapters/provider-memory.ts";
import { providerStates } from "../../../adapters/provider-state.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { createFakeProvider } from "../../support/fake-provider.ts";

const first = await createFakeProvider();
const second = await createFakeProvider();
beforeEach(() => {
  first.reset();
  second.reset();
});
afterAll(async () => {
  await first.close();
  await second.close();
});

const llmOf = (more: Partial<ProviderConfig> = {}) => {
  const config: LlmConfig = {
    providers: [
      {
        name: "one",
        kind: "openai",
        baseUrl: first.openaiUrl,
        apiKey: "k",
        attemptsMax: 1,
        ...more,
      },
      { name: "two", kind: "anthropic", baseUrl: second.anthropicUrl, apiKey: "k", attemptsMax: 1 },
    ],
    windows: { "one/": 9_000, "two/": 5_000 },
  };
  return createLlm(config, { random: () => 0 });
};

const open = (name: string, baseUrl: string): ProviderConfig => ({
  ...{ name, kind: "openai", baseUrl, apiKey: "k", attemptsMax: 1 },
});

interface Outcome {
  readonly result?: LlmResult;
  readonly error?: { readonly code: string; readonly message: string; readonly details: unknown };
  readonly text: string;
}

async function ask(
  llm = llmOf(),
  request: Partial<LlmRequest> = {},
  signal = new AbortController().signal,
): Promise<Outcome> {
  let text = "";
  const messages = [{ role: "user", content: "hello" }] as const;
  return await llm
    .complete(
      { model: "one/a, two/b", messages, stream: true, ...request },
      {
        caller: { tenant: "tn_1", key: "cv_1" },
        signal,
        onEvent: (event: LlmEvent) => {
          if (event.type === "text") text += event.text;
        },
      },
    )
    .then(
      (result) => ({ result, text }),
      (error) => ({ error, text }),
    );
}

test("the first model answers alone while it can", async () => {
  const { result } = await ask();

  expect(result).toMatchObject({ provider: "one", model: "a", text: "Echo: hello" });
  expect(second.count()).toBe(0);
});

test.each([
  ["fails", { error: { status: 503 } }],
  ["limits", { error: { status: 429, retryAfterS: 30 } }],
  ["refuses the key", { error: { status: 401 } }],
  ["does not know the model", { error: { status: 404 } }],
  ["hangs", { hang: "at-once" }],
  ["cuts before its first word", { cutAfter: 0 }],
] as const)(
  "when the first provider %s the next model answers, streamed or not",
  async (_, how) => {
    first.otherwise(how);
    const llm = llmOf({ timeouts: { firstByteMs: 80 } });

    for (const stream of [true, false]) {
      const { result, text } = await ask(llm, { stream });

      expect(result).toMatchObject({ provider: "two", model: "b", text: "Echo: hello" });
      expect(text).toBe("Echo: hello");
    }
  },
);

test("a slow call is made beside at the next provider, which answers with its own model", async () => {
  first.when(() => true, { hang: "at-once" });

  const { result, text } = await ask(llmOf({ hedgeAfterMs: 60 }));
  await first.until(({ outcome }) => outcome === "closed");

  expect(text).toBe("Echo: hello");
  expect(result).toMatchObject({ provider: "two", model: "b", usage: { estimated: true } });
  expect([first.calls().length, second.calls().length]).toEqual([1, 1]);
});

test("a provider that is left alone, and a name that nobody serves, do not stand in for a slow one", async () => {
  const config: LlmConfig = {
    providers: [
      { ...open("one", first.openaiUrl), hedgeAfterMs: 60, apiKeys: ["k-1", "k-2"] },
      { ...open("two", second.openaiUrl), breakerFailures: 1 },
    ],
  };
  const llm = createLlm(config, { random: () => 0 });
  second.when(() => true, { error: { status: 500 } });
  expect((await ask(llm, { model: "two/b" })).error?.code).toBe("PROVIDER_UNAVAILABLE");
  first.when(() => true, { hang: "at-once", times: 1 });

  const { result } = await ask(llm, { model: "one/a, odd-name, two/b" });

  expect(result).toMatchObject({ provider: "one", text: "Echo: hello" });
  const keys = first.calls().map(({ headers }) => headers["authorization"]);
  expect(new Set(keys)).toEqual(new Set(["Bearer k-1", "Bearer k-2"]));
  expect(second.calls()).toHaveLength(1);
});

test("what fails beside an answer of another provider counts against who failed, not who answered", async () => {
  const providers = [
    { ...open("one", first.openaiUrl), hedgeAfterMs: 40, breakerFailures: 1 },
    open("two", second.openaiUrl),
  ];
  const memory = providerMemory(providers);
  const [one, two] = providerStates(memory, providers);
  const llm = createLlm({ providers }, { random: () => 0, memory });
  first.when(() => true, { error: { status: 500 }, firstByteMs: 120 });
  second.when(() => true, { text: "Mine.", firstTokenMs: 400 });

  const { result } = await ask(llm, { model: "one/a, two/b" });

  expect(result).toMatchObject({ provider: "two", text: "Mine." });
  expect([one?.breaker.look().state, two?.breaker.look().state]).toEqual(["open", "closed"]);
});

test("an answer that has begun is not begun anew by another model", async () => {
  first.otherwise({ pieces: ["Half ", "of it"], cutAfter: 1, tokenMs: 5 });

  const { error, text } = await ask();

  expect([error?.code, text]).toEqual(["PROVIDER_UNAVAILABLE", "Half "]);
  expect(second.count()).toBe(0);
});

test("one that was cut where nobody watches is given whole by the next model", async () => {
  first.otherwise({ pieces: ["Half ", "of it"], cutAfter: 1, tokenMs: 5 });

  const { result, text } = await ask(llmOf(), { stream: false });

  expect([result?.provider, text]).toEqual(["two", "Echo: hello"]);
});

test("when no model answers, the error has what each of them said", async () => {
  first.otherwise({ error: { status: 503 } });
  second.otherwise({ error: { status: 400, message: "too long" } });

  const { error } = await ask();

  expect(error).toMatchObject({
    code: "PROVIDER_UNAVAILABLE",
    message: expect.stringMatching(/None of 2 models.*one\/a: .*503.*two\/b: .*too long/),
    details: {
      models: [
        { model: "one/a", code: "PROVIDER_UNAVAILABLE" },
        { model: "two/b", code: "PROVIDER_FAILED" },
      ],
    },
  });
});

test.each([
  ["leaves", "CANCELLED"],
  ["is out of time", "DEADLINE"],
] as const)("a caller who %s is not answered by anybody else", async (_, code) => {
  first.otherwise({ hang: "at-once" });
  const cancel = new AbortController();

  const asking = ask(llmOf(), {}, cancel.signal);
  // Not `until`: the end of an earlier test's call would be taken for this one.
  await expect.poll(() => first.count()).toBe(1);
  cancel.abort(new RuntimeError(code, "The caller's own end."));

  expect((await asking).error?.code).toBe(code);
  expect(second.count()).toBe(0);
});

test("a provider that is left alone costs a chain no call and no time", async () => {
  first.otherwise({ error: { status: 503 } });
  const llm = llmOf({ breakerFailures: 1 });
  await ask(llm);

  const { result } = await ask(llm);

  expect(result?.provider).toBe("two");
  expect([first.count(), second.count()]).toEqual([1, 2]);
});

test("a name that no provider serves is passed over", async () => {
  const { result } = await ask(llmOf(), { model: "nobody-knows, two/b" });

  expect(result?.provider).toBe("two");
});

test("what is sent must fit the smallest window of a chain", () => {
  expect(llmOf().windowOf("one/a, two/b")).toBe(5_000);
  expect(llmOf().windowOf("one/a")).toBe(9_000);
});

test.each([
  ["a,b,c,d,e,f", /At most 5/],
  ["a,,b", /empty/],
  ["a, a", /twice/],
  ["a, builtin", /built-in/],
])("%s is no chain", (name, problem) => {
  expect(chainProblem(name)).toMatch(problem);
});

test.each(["gpt-5-mini", "builtin", "a, b", "a,b , c/d/e"])("%s is a name of models", (name) => {
  expect(chainProblem(name)).toBeUndefined();
});
