// One contract, four implementations: both wires, read directly and through the official SDK, meet
// the same scripted provider and must show the same events, results and errors.

import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import type { LlmEvent, LlmRequest, LlmResult } from "../../../actors/ports.ts";
import type { ProviderConfig } from "../../../adapters/llm/config.ts";
import { createLlm } from "../../../adapters/llm/llm.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import { createFakeProvider } from "../../support/fake-provider.ts";

const provider = await createFakeProvider();
beforeEach(() => provider.reset());
afterAll(() => provider.close());

const variants = [
  { kind: "openai", transport: "direct", model: "gpt-5-mini" },
  { kind: "openai", transport: "sdk", model: "gpt-5-mini" },
  { kind: "anthropic", transport: "direct", model: "claude-haiku-4-5" },
  { kind: "anthropic", transport: "sdk", model: "claude-haiku-4-5" },
] as const;

function llmOf(
  variant: Pick<ProviderConfig, "kind" | "transport">,
  more: Partial<ProviderConfig> = {},
) {
  const baseUrl = variant.kind === "openai" ? provider.openaiUrl : provider.anthropicUrl;
  const config = { name: variant.kind, ...variant, baseUrl, apiKey: "secret-key", ...more };
  return createLlm({ providers: [config] }, { random: () => 0 });
}

interface Outcome {
  readonly events: LlmEvent[];
  readonly result?: LlmResult;
  readonly error?: RuntimeError;
}

type Ask = Partial<LlmRequest> & { text?: string; signal?: AbortSignal; on?: () => void };

async function ask(llm: ReturnType<typeof createLlm>, model: string, given: Ask = {}) {
  const { text = "Where is my invoice?", signal, on, ...request } = given;
  const events: LlmEvent[] = [];
  try {
    const result = await llm.complete(
      {
        model,
        messages: [
          { role: "system", content: "Be brief." },
          { role: "user", content: text },
        ],
        stream: true,
        ...request,
      },
      {
        caller: { tenant: "tn_1", key: "cv_1" },
        signal: signal ?? new AbortController().signal,
        onEvent(event) {
          events.push(event);
          on?.();
        },
      },
    );
    return { events, result } as Outcome;
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    return { events, error } as Outcome;
  }
}

const textOf = (events: readonly LlmEvent[]) =>
  events.map((event) => (event.type === "text" ? event.text : "")).join("");

const tools = [
  { name: "look_up", description: "Looks up.", parameters: { type: "object", properties: {} } },
];
const schema = {
  type: "object",
  properties: { label: { type: "string" }, count: { type: "integer" } },
  required: ["label", "count"],
};

describe.each(variants)("$kind through $transport", (variant) => {
  const { model, kind } = variant;

  test.each([true, false])("gives the text with its usage (stream: %s)", async (stream) => {
    provider.when("invoice", { pieces: ["Ünder ", "“Bílling” ", "→ 请款 😀"], sliceBytes: 5 });

    const { events, result } = await ask(llmOf(variant), model, { stream });

    expect(result).toMatchObject({
      text: "Ünder “Bílling” → 请款 😀",
      toolCalls: [],
      finishReason: "stop",
      provider: kind,
      model,
    });
    expect(result?.usage.estimated).toBeUndefined();
    expect(result?.usage.completionTokens).toBe(3);
    expect(textOf(events)).toBe(result?.text);
    expect(events).toHaveLength(stream ? 3 : 1);
  });

  test.each([true, false])("assembles tool calls from fragments (stream: %s)", async (stream) => {
    provider.when("invoice", {
      text: "One moment.",
      tools: [
        { id: "t1", name: "look_up", arguments: { id: 7, note: "a “b”" } },
        { id: "t2", name: "look_up", arguments: {} },
      ],
    });

    const { events, result } = await ask(llmOf(variant), model, { stream, tools });

    expect(result?.text).toBe("One moment.");
    expect(result?.finishReason).toBe("tool_calls");
    expect(result?.toolCalls).toEqual([
      { id: "t1", name: "look_up", arguments: '{"id":7,"note":"a “b”"}' },
      { id: "t2", name: "look_up", arguments: "{}" },
    ]);
    const first = events.filter((event) => event.type === "tool-call" && event.index === 0);
    const joined = first.map((event) => (event.type === "tool-call" ? event.argumentsDelta : ""));
    expect(joined.join("")).toBe('{"id":7,"note":"a “b”"}');
    expect(first[0]).toMatchObject({ id: "t1", name: "look_up" });
  });

  test.each([true, false])(
    "calls that are made up can be sent back (stream: %s)",
    async (stream) => {
      const calls = ["one", "two"].map((query) => ({ name: "look.up", arguments: { query } }));
      provider.when("invoice", { tools: calls.map((call) => ({ ...call, id: "same" })) });

      const { result } = await ask(llmOf(variant), model, { stream, tools });

      const made = result?.toolCalls.map(({ id, name }) => `${id} ${name}`);
      expect(made).toEqual(["same look_up", "same_1 look_up"]);
    },
  );

  test("sends tool results and earlier calls back in the provider's form", async () => {
    const { result, error } = await ask(llmOf(variant), model, {
      tools,
      messages: [
        { role: "user", content: "find 7" },
        {
          role: "assistant",
          content: "",
          toolCalls: [{ id: "t1", name: "look_up", arguments: "{}" }],
        },
        { role: "tool", content: "found", toolCallId: "t1" },
      ],
    });

    expect(error).toBeUndefined();
    expect(result?.text).toContain("Echo");
    expect(JSON.stringify(provider.calls()[0]?.body["messages"])).toContain("t1");
  });

  test.each([true, false])("gives JSON that follows a schema (stream: %s)", async (stream) => {
    provider.otherwise({ json: { label: "späte Rechnung", count: 2 } });
    const responseFormat = { type: "schema", name: "intent", schema } as const;

    const { result, events } = await ask(llmOf(variant), model, { stream, responseFormat });

    expect(JSON.parse(result?.text ?? "")).toEqual({ label: "späte Rechnung", count: 2 });
    expect(result).toMatchObject({ toolCalls: [], finishReason: "stop" });
    expect(textOf(events)).toBe(result?.text);
  });

  test("passes every tuning field on that the service knows", async () => {
    const plain = kind === "openai" ? "gpt-4o" : model;
    await ask(llmOf(variant), plain, { temperature: 1.5, maxTokens: 9, stop: ["END"], topP: 0.5 });

    const body = provider.calls()[0]?.body;
    expect(body).toMatchObject(
      kind === "openai"
        ? { max_tokens: 9, temperature: 1.5, top_p: 0.5, stop: ["END"] }
        : { max_tokens: 9, temperature: 1, stop_sequences: ["END"], system: "Be brief." },
    );
  });

  test("a reasoning model is spared what it refuses", async () => {
    const { error } = await ask(llmOf(variant), model, { temperature: 0.7, maxTokens: 9 });

    expect(error).toBeUndefined();
  });

  test.each([
    ...(["none", "odd"] as const),
    { promptTokens: 0, completionTokens: 0 },
    { promptTokens: 1e308, completionTokens: Number.MAX_SAFE_INTEGER },
  ])("estimates and marks usage that is %j", async (usage) => {
    provider.otherwise({ usage });

    const { result } = await ask(llmOf(variant), model);

    expect(result?.usage.estimated).toBe(true);
    const { promptTokens = 0, completionTokens = 0 } = result?.usage ?? {};
    for (const tokens of [promptTokens, completionTokens]) {
      expect(tokens).toBeGreaterThan(3);
      expect(tokens).toBeLessThan(100);
    }
  });

  test("waits as long as a 429 asks, and then succeeds", async () => {
    provider.when("invoice", { error: { status: 429, retryAfterMs: 120 }, times: 1 });

    const { result } = await ask(llmOf(variant), model);

    const [first, second] = provider.calls();
    expect(result?.text).toContain("Echo");
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(118);
  });

  test("a 429 that asks for too long is reported with its wait, at once", async () => {
    provider.when("invoice", { error: { status: 429, retryAfterS: 3_600 } });

    const { error } = await ask(llmOf(variant), model);

    expect(error?.code).toBe("PROVIDER_LIMITED");
    expect(error?.details).toMatchObject({ retryAfterMs: 3_600_000, status: 429 });
    expect(provider.count()).toBe(1);
  });

  test.each([500, 529])("a passing %i is tried again, a lasting one reported", async (status) => {
    provider.when("passing", { error: { status }, times: 2 });
    provider.when("lasting", { error: { status } });

    const passing = await ask(llmOf(variant), model, { text: "passing" });
    const lasting = await ask(llmOf(variant, { attemptsMax: 2 }), model, { text: "lasting" });

    expect(passing.result?.text).toBe("Echo: passing");
    expect(lasting.error?.code).toBe("PROVIDER_UNAVAILABLE");
    expect([provider.count("passing"), provider.count("lasting")]).toEqual([3, 2]);
  });

  test("a wrong key, a missing model and a bad request fail once and keep the key secret", async () => {
    provider.when("bad", { error: { status: 400, message: "no secret-key here" } });
    const wrong = llmOf(variant, { apiKey: "wrong-key" });

    const unknown = await ask(wrong, model);
    const missing = await ask(llmOf(variant), `${kind}/missing-1`);
    const bad = await ask(llmOf(variant), model, { text: "bad" });

    for (const { error } of [unknown, missing, bad]) expect(error?.code).toBe("PROVIDER_FAILED");
    expect(unknown.error?.message).not.toContain("wrong-key");
    expect(bad.error?.message).toContain("no *** here");
    expect(bad.error?.details).toMatchObject({ status: 400 });
    expect(provider.count()).toBe(1);
  });

  test("an error page that is no JSON is reported without its markup", async () => {
    provider.otherwise({ error: { status: 502, rawBody: "<html><b>Bad Gateway</b></html>" } });

    const { error } = await ask(llmOf(variant, { attemptsMax: 1 }), model);

    expect(error?.code).toBe("PROVIDER_UNAVAILABLE");
    expect(error?.message).not.toContain("<b>");
  });

  test.each(["cutAfter", "endAfter", "garbageAfter", "errorAfter"] as const)(
    "a stream spoilt by %s is PROVIDER_UNAVAILABLE, shown text is not asked for again",
    async (way) => {
      provider.otherwise({ pieces: ["one ", "two ", "three"], tokenMs: 5, [way]: 2 });

      const { events, error } = await ask(llmOf(variant), model);

      expect(error?.code).toBe("PROVIDER_UNAVAILABLE");
      expect(textOf(events)).toBe("one two ");
      expect(provider.count()).toBe(1);
    },
  );

  test("a stream cut before its first text is tried again", async () => {
    provider.when("invoice", { cutAfter: 0, times: 1 });

    const { result, events } = await ask(llmOf(variant), model);

    expect(textOf(events)).toBe(result?.text);
    expect(provider.count()).toBe(2);
  });

  test("a whole answer that is cut or broken is PROVIDER_UNAVAILABLE", async () => {
    provider.when("cut", { cutAfter: 0 });
    provider.when("broken", { garbageAfter: 0 });
    const llm = llmOf(variant, { attemptsMax: 1 });

    const cut = await ask(llm, model, { stream: false, text: "cut" });
    const broken = await ask(llm, model, { stream: false, text: "broken" });

    expect(cut.error?.code).toBe("PROVIDER_UNAVAILABLE");
    expect(broken.error?.code).toBe("PROVIDER_UNAVAILABLE");
  });

  test.each([
    ["at-once", "firstByteMs"],
    ["after-head", "idleMs"],
    [2, "idleMs"],
    ["after-head", "totalMs"],
  ] as const)("a provider that hangs %s is DEADLINE by %s", async (hang, limit) => {
    provider.otherwise({ hang });

    // Time enough for the request to arrive where the machine is busy.
    const { error } = await ask(llmOf(variant, { timeouts: { [limit]: 300 } }), model);
    const call = await provider.until(({ outcome }) => outcome === "closed");

    expect(error?.code).toBe("DEADLINE");
    expect(error?.message).toContain("300 ms");
    expect(call.outcome).toBe("closed");
    expect(provider.count()).toBe(1);
  });

  test("an answer that is not streamed may take longer than the first byte of a stream", async () => {
    provider.otherwise({ firstByteMs: 120 });
    const llm = llmOf(variant, { timeouts: { firstByteMs: 60 } });

    const whole = await ask(llm, model, { stream: false });
    const streamed = await ask(llm, model, { stream: true });

    expect(whole.result?.text).toContain("Echo");
    expect(streamed.error?.code).toBe("DEADLINE");
  });

  test("a cancel in the middle closes the provider's socket at once", async () => {
    provider.otherwise({ pieces: ["a ", "b ", "c ", "d "], hang: 2 });
    const cancel = new AbortController();
    let startedAt = 0;

    const { events, error } = await ask(llmOf(variant), model, {
      signal: cancel.signal,
      on() {
        startedAt = performance.now();
        cancel.abort();
      },
    });
    await provider.until(({ outcome }) => outcome === "closed");

    expect(error?.code).toBe("CANCELLED");
    expect(events.length).toBeGreaterThan(0);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });

  test("a cancel during the wait for another attempt ends it at once", async () => {
    provider.otherwise({ error: { status: 429, retryAfterS: 30 } });
    const cancel = new AbortController();

    const asking = ask(llmOf(variant), model, { signal: cancel.signal });
    await provider.until(({ outcome }) => outcome === "answered");
    cancel.abort();
    const { error } = await asking;

    expect(error?.code).toBe("CANCELLED");
  });

  test("connections are used again", async () => {
    // A provider of its own: what other tests cut may still be connecting to theirs.
    const own = await createFakeProvider();
    const baseUrl = variant.kind === "openai" ? own.openaiUrl : own.anthropicUrl;
    const llm = llmOf({ ...variant }, { baseUrl });

    for (let call = 0; call < 5; call += 1) {
      await ask(llm, model);
      await pause(1);
    }

    expect(own.connections()).toBe(1);
    await own.close();
  });

  test("a refused connection is PROVIDER_UNAVAILABLE", async () => {
    const gone = await createFakeProvider();
    await gone.close();
    const baseUrl = kind === "openai" ? gone.openaiUrl : gone.anthropicUrl;

    const { error } = await ask(llmOf(variant, { baseUrl, attemptsMax: 2 }), model);

    expect(error?.code).toBe("PROVIDER_UNAVAILABLE");
    expect(error?.message).toContain("ECONNREFUSED");
  });
});

test("both transports of a wire send the same body", async () => {
  const responseFormat = { type: "schema", name: "intent", schema } as const;
  for (const { kind, model } of variants) {
    await ask(llmOf({ kind, transport: "direct" }), model, { responseFormat, tools });
    await ask(llmOf({ kind, transport: "sdk" }), model, { responseFormat, tools });

    const [direct, sdk] = provider.calls().slice(-2);
    expect(sdk?.body).toEqual(direct?.body);
  }
});
