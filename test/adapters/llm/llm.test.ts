// Which provider serves a model, and the built-in answerer behind the port.

import { expect, test } from "vitest";
import type { LlmEvent, LlmRequest } from "../../../actors/ports.ts";
import type { ProviderConfig } from "../../../adapters/llm/config.ts";
import { createLlm } from "../../../adapters/llm/llm.ts";
import { chooseModel, windowOf } from "../../../adapters/llm/models.ts";
import { readReset, readRetryAfter, refusedBy } from "../../../adapters/provider-error.ts";

const provider = (
  name: string,
  kind: ProviderConfig["kind"],
  models?: string[],
): ProviderConfig => ({
  name,
  kind,
  baseUrl: "http://127.0.0.1:1",
  apiKey: "k",
  ...(models && { models }),
});
const caller = { tenant: "tn_1", key: "cv_1" };

const both = [
  provider("openai", "openai"),
  provider("anthropic", "anthropic"),
  provider("lab", "openai", ["llama"]),
];

test.each([
  ["gpt-5-mini-2025-08-07", "openai", "gpt-5-mini-2025-08-07"],
  ["o4-mini", "openai", "o4-mini"],
  ["claude-haiku-4-5", "anthropic", "claude-haiku-4-5"],
  ["lab/gpt-oss:20b", "lab", "gpt-oss:20b"],
  ["lab/org/model", "lab", "org/model"],
  ["llama3", "lab", "llama3"],
  ["builtin", undefined, "builtin"],
])("%s is served by %s as %s", (model, name, own) => {
  const choice = chooseModel({ providers: both }, model);

  expect([choice.provider?.name, choice.model]).toEqual([name, own]);
});

test("a model that no rule names goes to the default provider, or is refused with a hint", () => {
  const config = { providers: both, defaultProvider: "lab" };

  expect(chooseModel(config, "org/mistral").provider?.name).toBe("lab");
  expect(() => chooseModel({ providers: both }, "mistral")).toThrow(
    /"mistral".*provider\/model.*openai, anthropic, lab/,
  );
});

test("without any provider every model is the built-in answerer", () => {
  const llm = createLlm({ providers: [] });

  expect(llm.isBuiltin("gpt-5-mini")).toBe(true);
  expect(createLlm({ providers: both }).isBuiltin("gpt-5-mini")).toBe(false);
  expect(createLlm({ providers: both }).isBuiltin("builtin")).toBe(true);
});

test("windows are configured, known, or the default", () => {
  const config = { providers: both, windows: { "lab/llama": 8_192, "lab/": 4_096 } };

  expect(windowOf(config, "lab/llama3")).toBe(8_192);
  expect(windowOf(config, "lab/other")).toBe(4_096);
  expect(windowOf(config, "openai/gpt-5-mini")).toBe(400_000);
  expect(windowOf(config, "gpt-4")).toBe(8_192);
  expect(windowOf(config, "something")).toBe(128_000);
});

test("a wait is read from milliseconds, seconds or a date", () => {
  const now = Date.parse("2026-11-20T10:00:00Z");

  expect(readRetryAfter("9", "1500.2", now)).toBe(1_501);
  expect(readRetryAfter("1.5", undefined, now)).toBe(1_500);
  expect(readRetryAfter("Fri, 20 Nov 2026 10:00:03 GMT", undefined, now)).toBe(3_000);
  expect(readRetryAfter("soon", "later", now)).toBeUndefined();
  expect(readRetryAfter(undefined, undefined, now)).toBeUndefined();
});

test.each([
  ["openai's limit that is used up", { "x-ratelimit-remaining-tokens": "0" }, 360_000],
  ["the later one of two", { "x-ratelimit-remaining-requests": "0" }, 1_500],
  ["what is asked for goes before", { "retry-after": "2" }, 2_000],
  ["nothing used up", {}, undefined],
] as const)("a wait is read from the headers of limits: %s", (_name, more, waitMs) => {
  const headers = {
    ...{ "x-ratelimit-remaining-requests": "5", "x-ratelimit-reset-requests": "1s500ms" },
    ...{ "x-ratelimit-remaining-tokens": "7", "x-ratelimit-reset-tokens": "6m0s", ...more },
  };

  const error = refusedBy({ status: 429, headers }, "{}", { provider: "lab", secret: "k" });

  expect([error.code, error.details?.["retryAfterMs"]]).toEqual(["PROVIDER_LIMITED", waitMs]);
});

test("the end of a limit is read as a duration or a date", () => {
  const now = Date.parse("2026-11-20T10:00:00Z");

  const ends = ["2026-11-20T10:00:03Z", "1h2m3.5s", "20ms", "soon", "", undefined];

  const all = [3_000, 3_723_500, 20, undefined, undefined, undefined];
  expect(ends.map((end) => readReset(end, now))).toEqual(all);
});

test.each([
  [429, { error: { code: "insufficient_quota", message: "You exceeded your quota" } }],
  [429, { error: { type: "insufficient_quota", message: "You exceeded your quota" } }],
  [400, { error: { type: "invalid_request_error", message: "Your credit balance is too low" } }],
])("a key without money is known by %i %o", (status, body) => {
  const refusal = { status, headers: {} };

  const error = refusedBy(refusal, JSON.stringify(body), { provider: "lab", secret: "k" });

  const { code, details } = error;
  expect([code, details?.["type"]]).toEqual(["PROVIDER_FAILED", "insufficient_quota"]);
});

const request = (more: Partial<LlmRequest>): LlmRequest => ({
  model: "gpt-5-mini",
  messages: [{ role: "user", content: "How do refunds work?" }],
  stream: true,
  grounding: {
    question: "How do refunds work?",
    passages: [],
    usesCollection: false,
    texts: ["Refunds are paid back to the card within five working days."],
    examples: [],
    offers: [],
    agentName: "Billing",
  },
  ...more,
});

test("the built-in answerer streams small pieces of the same text and names itself", async () => {
  const events: LlmEvent[] = [];
  const llm = createLlm({ providers: [] });
  const { signal } = new AbortController();

  const result = await llm.complete(request({}), {
    caller,
    signal,
    onEvent: (event) => events.push(event),
  });

  expect(result).toMatchObject({
    provider: "builtin",
    model: "builtin",
    finishReason: "stop",
    usage: { estimated: true },
  });
  expect(result.text).toBe("Refunds are paid back to the card within five working days.");
  expect(events.length).toBeGreaterThan(2);
  expect(events.map((event) => (event.type === "text" ? event.text : "")).join("")).toBe(
    result.text,
  );
});

test("the built-in answerer fills a schema, and says where it cannot", async () => {
  const llm = createLlm({ providers: [] });
  const { signal } = new AbortController();
  const ask = (schema: Record<string, unknown>) =>
    llm.complete(request({ responseFormat: { type: "schema", name: "s", schema } }), {
      caller,
      signal,
    });
  const answer = { type: "string" };

  const filled = await ask({ type: "object", properties: { answer }, required: ["answer"] });
  const refused = await ask({
    type: "object",
    properties: { n: { type: "integer" } },
    required: ["n"],
  });

  expect(JSON.parse(filled.text).answer).toContain("Refunds are paid back");
  expect(refused.text).toContain("/n");
});

test("a provider is never replaced by the built-in answerer when it fails", async () => {
  const llm = createLlm({ providers: [{ ...provider("openai", "openai"), attemptsMax: 1 }] });

  const asking = llm.complete(request({}), { caller, signal: new AbortController().signal });

  await expect(asking).rejects.toMatchObject({ code: "PROVIDER_UNAVAILABLE" });
});
