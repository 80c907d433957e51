// A second attempt beside one that is slow, over the provider's real wire: who answers, what is cut, and
// what is counted.

import { afterAll, beforeEach, expect, test } from "vitest";
import type { LlmResult } from "../../../actors/ports.ts";
import type { ProviderConfig } from "../../../adapters/llm/config.ts";
import { createLlm } from "../../../adapters/llm/llm.ts";
import { providerMemory } from "../../../adapters/provider-memory.ts";
import { providerStates } from "../../../adapters/provider-state.ts";
import { createFakeProvider } from "../../support/fake-provider.ts";

const fake = await createFakeProvider();
beforeEach(() => fake.reset());
afterAll(() => fake.close());

function make(more: Partial<ProviderConfig> = {}) {
  const provider: ProviderConfig = {
    ...{ name: "lab", kind: "openai", baseUrl: fake.openaiUrl, apiKey: "key-a" },
    ...{ models: [""], attemptsMax: 1, hedgeAfterMs: 60, ...more },
  };
  const memory = providerMemory([provider]);
  const [state] = providerStates(memory, [provider]);
  const llm = createLlm({ providers: [provider] }, { memory, random: () => 0 });
  const counts = () => state?.counts();
  return { llm, counts };
}

interface Outcome {
  readonly result?: LlmResult;
  readonly code?: string;
  readonly text: string;
}

async function ask(
  { llm }: ReturnType<typeof make>,
  { stream = true, signal = new AbortController().signal } = {},
): Promise<Outcome> {
  let text = "";
  return await llm
    .complete(
      { model: "m-1", messages: [{ role: "user", content: "hello there" }], stream },
      {
        caller: { tenant: "tn_1", key: "cv_1" },
        signal,
        onEvent: (event) => {
          if (event.type === "text") text += event.text;
        },
      },
    )
    .then(
      (result) => ({ result, text }),
      (error) => ({ code: error.code, text }),
    );
}

test.each([true, false])(
  "a call that hangs is answered by its second attempt (stream: %s)",
  async (stream) => {
    fake.when(() => true, { hang: "at-once", times: 1 });
    const made = make({ apiKeys: ["key-a", "key-b"] });

    const { result, text } = await ask(made, { stream });
    await fake.until(({ outcome }) => outcome === "closed");

    expect([result?.text, text]).toEqual(["Echo: hello there", "Echo: hello there"]);
    const keys = fake.calls().map(({ headers }) => headers["authorization"]);
    expect(new Set(keys)).toEqual(new Set(["Bearer key-a", "Bearer key-b"]));
    expect(made.counts()).toMatchObject({ hedges: 1, hedges_won: 1, answered: 1 });
    await expect.poll(() => made.counts()?.cancelled).toBe(1);
  },
);

test("the prompt of the attempt that was cut is counted as an estimate", async () => {
  const alone = (await ask(make({ hedgeAfterMs: 30_000 }))).result?.usage;
  fake.when(() => true, { hang: "at-once", times: 1 });
  const usage = (await ask(make())).result?.usage;

  expect(alone?.estimated).toBeUndefined();
  expect(usage?.estimated).toBe(true);
  expect(usage?.completionTokens).toBe(alone?.completionTokens);
  expect(usage?.promptTokens).toBeGreaterThan(1.5 * (alone?.promptTokens ?? 0));
});

test("a call that speaks in time is made once", async () => {
  const made = make({ hedgeAfterMs: 30_000 });

  await ask(made);

  expect(fake.count()).toBe(1);
  expect(made.counts()).toMatchObject({ hedges: 0, hedges_won: 0 });
});

test("who spoke first is not mixed with the other, however slow it goes on", async () => {
  fake.otherwise({ pieces: ["a ", "b ", "c"], firstTokenMs: 500, tokenMs: 100 });
  const made = make();

  const { text } = await ask(made);

  expect(text).toBe("a b c");
  expect(fake.count()).toBe(2);
});

test("a first attempt that is refused while the second runs leaves the answer to that", async () => {
  fake.when(() => true, { firstByteMs: 150, error: { status: 503 }, times: 1 });
  fake.otherwise({ firstByteMs: 500 });
  const made = make();

  const { result } = await ask(made);

  expect(result?.text).toBe("Echo: hello there");
  expect(result?.usage.estimated).toBeUndefined();
});

test("when both fail the call ends with what the first one said, once", async () => {
  fake.when(() => true, { firstByteMs: 150, error: { status: 400 }, times: 1 });
  fake.otherwise({ firstByteMs: 500, error: { status: 503 } });

  expect((await ask(make())).code).toBe("PROVIDER_FAILED");
  expect(fake.count()).toBe(2);
});

test("there is no second attempt without a free slot", async () => {
  fake.otherwise({ firstByteMs: 200 });
  const made = make({ connectionsMax: 1 });

  const { result } = await ask(made);

  expect(result?.text).toBe("Echo: hello there");
  expect(fake.count()).toBe(1);
  expect(made.counts()).toMatchObject({ hedges: 0 });
});

test("a caller who leaves cuts both", async () => {
  fake.otherwise({ hang: "at-once" });
  const cancel = new AbortController();
  const made = make();

  const asking = ask(made, { signal: cancel.signal });
  await expect.poll(() => fake.count()).toBe(2);
  cancel.abort();

  expect((await asking).code).toBe("CANCELLED");
  await expect.poll(() => fake.calls().map(({ outcome }) => outcome)).toEqual(["closed", "closed"]);
});
