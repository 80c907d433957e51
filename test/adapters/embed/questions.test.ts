// Vectors of questions from an embedder that hangs, fails or refuses a text: how long who asks waits,
// what the others notice, and what an operator is told.

import { beforeEach, expect, test } from "vitest";
import { createQuestions, questionLimits } from "../../../adapters/embed/questions.ts";
import { createMissedVectors, missedMemory } from "../../../adapters/telemetry/missed-vectors.ts";
import { type ErrorCode, RuntimeError } from "../../../runtime/errors.ts";
import { otherEmbedder } from "../../support/other-embedder.ts";

const waitMs = 60;
const embedder = otherEmbedder("openai:p:m:8");
let nowMs = 0;
let calls: string[] = [];
let lines: unknown[] = [];
let signals: (AbortSignal | undefined)[] = [];
/** Lets go what hangs. */
let release: () => void = () => undefined;
const figures = createMissedVectors(missedMemory());

const make = () =>
  createQuestions({
    find: async () => ({
      ...embedder,
      embed: async (texts, options) => {
        calls.push(...texts);
        signals.push(options.signal);
        return await embedder.embed(texts, options);
      },
    }),
    ...{ waitMs, nowMs: () => nowMs, figures },
    log: { write: (level, message, fields) => void lines.push({ level, message, ...fields }) },
  });
let questions = make();

const hang = (): void => {
  embedder.before = () =>
    new Promise((resolve) => {
      release = resolve;
    });
};
const fail = (code: ErrorCode): void => {
  embedder.before = () => Promise.reject(new RuntimeError(code, "No."));
};
const work = (): void => {
  embedder.before = () => Promise.resolve();
};

beforeEach(() => {
  work();
  questions = make();
  [calls, lines, signals] = [[], [], []];
});

const ask = async (text: string, isNeeded = false, tenant = "tn_1"): Promise<string> => {
  try {
    const { vector } = await questions.of(embedder, text, { tenant, isNeeded });
    return `${vector.length} numbers`;
  } catch (error) {
    return error instanceof RuntimeError ? error.code : String(error);
  }
};

test("one that hangs is waited for once; the next ask nobody, and go by words at once", async () => {
  hang();
  const began = performance.now();
  const first = await ask("one");
  const waited = performance.now() - began;
  const next = await Promise.all(["two", "three", "four"].map((text) => ask(text)));

  expect(first).toBe("PROVIDER_UNAVAILABLE");
  expect(waited).toBeGreaterThanOrEqual(waitMs - 5);
  expect(next).toEqual(next.map(() => "PROVIDER_UNAVAILABLE"));
  expect(calls).toEqual(["one"]);
  release();
});

test("one that is late for a tenant, whose questions wait behind its own, is asked for another one", async () => {
  hang();
  const late = [await ask("one"), await ask("two")];
  work();
  const other = await ask("three", false, "tn_2");

  expect(late).toEqual(["PROVIDER_UNAVAILABLE", "PROVIDER_UNAVAILABLE"]);
  expect(other).toBe("8 numbers");
  expect(calls).toEqual(["one", "three"]);
  release();
});

test("one that fails is down for everybody", async () => {
  fail("PROVIDER_UNAVAILABLE");
  await ask("one");
  work();

  expect(await ask("two", false, "tn_2")).toBe("PROVIDER_UNAVAILABLE");
  expect(calls).toEqual(["one"]);
});

test("after a rest one question at a time is put to it aside, and its vector lets all in again", async () => {
  fail("PROVIDER_UNAVAILABLE");
  await ask("one");
  hang();
  nowMs += questionLimits.restMs;
  const aside = await Promise.all(["two", "three"].map((text) => ask(text)));

  expect(aside).toEqual(["PROVIDER_UNAVAILABLE", "PROVIDER_UNAVAILABLE"]);
  expect(calls).toEqual(["one", "two"]);
  release();
  work();
  await expect.poll(() => ask("four"), { timeout: 5_000 }).toBe("8 numbers");
});

test("what came late is not thrown away: a model that was only loading is there for the next", async () => {
  hang();
  await ask("one");
  release();
  work();

  await expect.poll(() => ask("two"), { timeout: 5_000 }).toBe("8 numbers");
  expect(signals[0]?.aborted).toBe(false);
  expect(calls[0]).toBe("one");
});

test("of many that wait at once, one goes on and the others are stopped", async () => {
  hang();
  await Promise.all(["one", "two", "three"].map((text) => ask(text)));

  expect(signals.map((signal) => signal?.aborted)).toEqual([false, true, true]);
});

test.each(["PROVIDER_FAILED", "POOL_FULL", "EMBEDDER_MISMATCH"] as const)(
  "%s is about one question or one tenant: the next is asked",
  async (code) => {
    fail(code);
    const refused = await ask("one");
    work();

    expect([refused, await ask("two")]).toEqual([code, "8 numbers"]);
  },
);

test("who cannot do without waits longer, and asks also while it is known to fail", async () => {
  hang();
  await ask("one");
  const needed = ask("two", true);
  await expect.poll(() => calls, { timeout: 5_000 }).toEqual(["one", "two"]);
  await new Promise((resolve) => setTimeout(resolve, 2 * waitMs));
  release();

  expect(await needed).toBe("8 numbers");
});

test("who leaves is told CANCELLED, and the embedder is not blamed", async () => {
  hang();
  const left = new AbortController();
  const options = { tenant: "tn_1", signal: left.signal };
  const asked = questions.of(embedder, "one", options).catch((error: RuntimeError) => error.code);
  await expect.poll(() => calls, { timeout: 5_000 }).toEqual(["one"]);
  left.abort();
  work();

  expect(await asked).toBe("CANCELLED");
  expect(signals[0]?.aborted).toBe(true);
  expect(await ask("two")).toBe("8 numbers");
});

test("what went by words alone is counted each time and said once a minute", () => {
  const error = new RuntimeError("PROVIDER_UNAVAILABLE", "It is away.");
  const before = figures.counts();
  for (let at = 0; at < 3; at += 1) questions.missed(embedder, error, "search");
  nowMs += questionLimits.sayMs;
  questions.missed(embedder, error, "memory");

  expect(figures.counts()).toEqual({ search: before.search + 3, memory: before.memory + 1 });
  const message = "An embedder gives no vectors: its searches go by words alone.";
  const line = { level: "warn", message, embedder: embedder.id, code: "PROVIDER_UNAVAILABLE" };
  expect(lines).toEqual([
    { ...line, error: "It is away.", searches: 1 },
    { ...line, error: "It is away.", searches: 3 },
  ]);
});
