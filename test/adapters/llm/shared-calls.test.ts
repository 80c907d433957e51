// Calls of models that are made once for several, between workers and main: who makes them, who is shown
// what, who pays, and what becomes of those who follow when the one they follow goes away.

import { expect, test } from "vitest";
import type { Llm, LlmRequest, LlmResult } from "../../../actors/ports.ts";
import { type AnswerHub, createAnswerHub } from "../../../adapters/llm/answer-hub.ts";
import type { SharingSettings } from "../../../adapters/llm/hub-messages.ts";
import { shareCalls } from "../../../adapters/llm/share-calls.ts";
import { RuntimeError } from "../../../runtime/errors.ts";
import type { HostLine } from "../../../runtime/threads/host.ts";
import { createGate, createScriptedLlm, type ScriptedLlm } from "../../support/scripted-llm.ts";

const coalescing: SharingSettings = {
  ...{ coalesce: "on", cacheMs: 0, cacheMib: 1, cacheTemperature: "zero" },
};
const caching: SharingSettings = { ...coalescing, coalesce: "off", cacheMs: 1_000 };

/** Both ends of a line; messages are copied and arrive later, as between threads. */
function lineOf(): readonly [HostLine, HostLine] {
  const takes: ((message: unknown) => void)[] = [];
  const side = (own: number): HostLine => ({
    send: (message) => {
      const copy = structuredClone(message);
      setImmediate(() => takes[1 - own]?.(copy));
    },
    receive: (take) => {
      takes[own] = take;
    },
  });
  return [side(0), side(1)];
}

interface Worker {
  readonly llm: Llm;
  readonly real: ScriptedLlm;
  /** As when its thread dies. */
  die(): void;
}

function workerOf(hub: AnswerHub, settings: SharingSettings): Worker {
  const [near, far] = lineOf();
  const die = hub.connect(near);
  const real = createScriptedLlm(() => "One answer.");
  return { llm: shareCalls(real, far, settings), real, die };
}

function start(settings: SharingSettings, clock = { ms: 0 }) {
  const hub = createAnswerHub(settings, () => clock.ms);
  return { hub, one: workerOf(hub, settings), two: workerOf(hub, settings), clock };
}

interface Asked {
  readonly outcome: Promise<LlmResult | RuntimeError>;
  readonly cancel: AbortController;
  text: string;
}

function ask({ llm }: Worker, more: Partial<LlmRequest> = {}, tenant = "tn_1"): Asked {
  const cancel = new AbortController();
  const messages = [{ role: "user", content: "hello" }] as const;
  const asked: Asked = {
    cancel,
    text: "",
    outcome: llm
      .complete(
        { model: "m", messages, stream: true, temperature: 0, ...more },
        {
          caller: { tenant, key: "cv" },
          signal: cancel.signal,
          onEvent: (event) => {
            if (event.type === "text") asked.text += event.text;
          },
        },
      )
      .catch((error: RuntimeError) => error),
  };
  return asked;
}

const usageOf = (outcome: LlmResult | RuntimeError) =>
  outcome instanceof RuntimeError ? outcome.code : outcome.usage;
const textOf = (outcome: LlmResult | RuntimeError) =>
  outcome instanceof RuntimeError ? outcome.code : outcome.text;
const unpaid = { promptTokens: 0, completionTokens: 0 };
const paid = { promptTokens: 10, completionTokens: 5 };

/** A script that says "One ", waits at the gate and goes on. */
function halfway(real: ScriptedLlm) {
  const gate = createGate();
  real.script = async ({ signal, write }) => {
    write("One ");
    await gate.wait(signal);
    return "One answer.";
  };
  return gate;
}

test("equal calls of two workers are made once, both stream all of it, and one pays", async () => {
  const { hub, one, two } = start(coalescing);
  const gate = halfway(one.real);
  const leader = ask(one);
  await gate.reached;
  const followers = [ask(two), ask(one), ask(two)];
  for (const follower of followers) {
    await expect.poll(() => follower.text).toBe("One ");
  }
  gate.open();

  const outcomes = await Promise.all([leader, ...followers].map(({ outcome }) => outcome));

  expect(outcomes.map(textOf)).toEqual(Array.from({ length: 4 }, () => "One answer."));
  expect([leader, ...followers].map(({ text }) => text)).toEqual(outcomes.map(textOf));
  expect(outcomes.map(usageOf)).toEqual([paid, unpaid, unpaid, unpaid]);
  expect(one.real.requests.length + two.real.requests.length).toBe(1);
  expect(hub.counts()).toEqual({ cached: 0, followed: 3 });
});

test.each([
  ["another tenant", {}, "tn_2"],
  ["another question", { messages: [{ role: "user", content: "bye" }] }, "tn_1"],
  ["another model", { model: "n" }, "tn_1"],
  ["another temperature", { temperature: 1 }, "tn_1"],
  ["an unstreamed answer", { stream: false }, "tn_1"],
] as const)("a call for %s is a call of its own", async (_, more, tenant) => {
  const { one, two } = start(coalescing);
  const gate = halfway(one.real);
  const first = ask(one);
  await gate.reached;

  const second = await ask(two, more, tenant).outcome;
  gate.open();
  await first.outcome;

  expect(usageOf(second)).toEqual(paid);
  expect(two.real.requests).toHaveLength(1);
});

test("a call that follows nobody any more is a new one", async () => {
  const { one, two } = start(coalescing);

  await ask(one).outcome;
  await ask(two).outcome;

  expect([one.real.requests.length, two.real.requests.length]).toEqual([1, 1]);
});

test("when the first caller leaves, the call goes on for who follows and who counts the rest", async () => {
  const { one, two } = start(coalescing);
  const gate = halfway(one.real);
  const leader = ask(one);
  await gate.reached;
  const followers = [ask(two), ask(two)];
  for (const follower of followers) {
    await expect.poll(() => follower.text).toBe("One ");
  }
  leader.cancel.abort();
  const left = await leader.outcome;
  gate.open();

  const outcomes = await Promise.all(followers.map(({ outcome }) => outcome));

  expect(textOf(left)).toBe("CANCELLED");
  expect(outcomes.map(textOf)).toEqual(["One answer.", "One answer."]);
  // Its prompt and "One " stand in the leader's books.
  expect(outcomes.map(usageOf)).toEqual([
    { promptTokens: 0, completionTokens: 4, estimated: true },
    unpaid,
  ]);
});

test("when all have left, the call is cut", async () => {
  const { one, two } = start(coalescing);
  const gate = halfway(one.real);
  const cut = new Promise<void>((resolve) => {
    const { script } = one.real;
    one.real.script = (scripted) => {
      scripted.signal.addEventListener("abort", () => resolve());
      return script(scripted);
    };
  });
  const leader = ask(one);
  await gate.reached;
  const follower = ask(two);
  await expect.poll(() => follower.text).toBe("One ");

  leader.cancel.abort();
  follower.cancel.abort();

  await cut;
  expect(textOf(await follower.outcome)).toBe("CANCELLED");
});

test("a worker that dies leaves its followers a call of their own, or an error where text was shown", async () => {
  const { one, two, hub } = start(coalescing);
  const silent = createGate();
  one.real.script = async ({ signal }) => {
    await silent.wait(signal);
    return "never";
  };
  ask(one);
  await silent.reached;
  const unshown = ask(two);
  await expect.poll(() => hub.counts().followed).toBe(1);
  one.die();
  const third = workerOf(hub, coalescing);
  const unshownText = textOf(await unshown.outcome);
  const gate = halfway(third.real);
  ask(third);
  await gate.reached;
  const shown = ask(two);
  await expect.poll(() => shown.text).toBe("One ");
  third.die();

  expect(unshownText).toBe("One answer.");
  expect(textOf(await shown.outcome)).toBe("PROVIDER_UNAVAILABLE");
});

test("a provider's failure is told to all who follow; a caller's own end is not", async () => {
  const { one, two, hub } = start(coalescing);
  const gate = createGate();
  one.real.script = async ({ signal }) => {
    await gate.wait(signal);
    throw new RuntimeError("PROVIDER_FAILED", "lab answered 400: no");
  };
  const leader = ask(one);
  await gate.reached;
  const follower = ask(two);
  await expect.poll(() => hub.counts().followed).toBe(1);
  gate.open();

  expect([textOf(await leader.outcome), textOf(await follower.outcome)]).toEqual([
    ...["PROVIDER_FAILED", "PROVIDER_FAILED"],
  ]);
  expect(two.real.requests).toHaveLength(0);
});

test("an answer is given again to its tenant until its time is over, and costs nothing", async () => {
  const { one, two, clock, hub } = start(caching);

  const first = await ask(one).outcome;
  const again = ask(two, { stream: false });
  const second = await again.outcome;
  const other = await ask(two, {}, "tn_2").outcome;
  clock.ms = 1_000;
  const late = await ask(two).outcome;

  expect([first, second, other, late].map(usageOf)).toEqual([paid, unpaid, paid, paid]);
  expect([again.text, textOf(second)]).toEqual(["One answer.", "One answer."]);
  expect(hub.counts()).toEqual({ cached: 1, followed: 0 });
});

test.each([
  ["zero", { temperature: 0.1 }, 2],
  ["zero", { temperature: undefined }, 2],
  ["any", { temperature: 0.7 }, 1],
] as const)(
  "with cache_temperature %s two calls of %o are made %i times",
  async (asked, more, calls) => {
    const { one } = start({ ...caching, cacheTemperature: asked });
    const { temperature } = more;
    const request = temperature === undefined ? {} : { temperature };
    const sent = () => {
      const { outcome } = ask(one, request);
      return outcome;
    };
    if (temperature === undefined) {
      const { llm } = one;
      const bare = () =>
        llm.complete(
          { model: "m", messages: [], stream: false },
          { caller: { tenant: "tn_1", key: "" }, signal: new AbortController().signal },
        );
      await bare();
      await bare();
    } else {
      await sent();
      await sent();
    }

    expect(one.real.requests).toHaveLength(calls);
  },
);

test("one tenant's answers do not push out another's, and the whole stays within its bytes", async () => {
  const { one } = start({ ...caching, cacheTemperature: "any" });
  one.real.script = () => "x".repeat(50_000);
  const sent = (content: string, tenant: string) =>
    ask(one, { messages: [{ role: "user", content }] }, tenant).outcome;
  await sent("kept", "tn_small");

  for (let n = 0; n < 20; n += 1) await sent(`question ${n}`, "tn_large");
  const before = one.real.requests.length;
  await sent("kept", "tn_small");
  const small = one.real.requests.length - before;
  await sent("question 19", "tn_large");
  const newest = one.real.requests.length - before;
  await sent("question 0", "tn_large");
  const oldest = one.real.requests.length - before;

  expect([small, newest, oldest]).toEqual([0, 0, 1]);
});

test("a broken answer is not given again", async () => {
  const { one } = start(caching);
  one.real.script = () => {
    throw new RuntimeError("PROVIDER_FAILED", "no");
  };
  await ask(one).outcome;
  one.real.script = () => "well";

  expect(textOf(await ask(one).outcome)).toBe("well");
});

test("where nothing is shared the port is the one that makes the calls", () => {
  const real = createScriptedLlm(() => "");
  const [line] = lineOf();

  expect(shareCalls(real, line, { ...coalescing, coalesce: "off" })).toBe(real);
  expect(shareCalls(real, undefined, coalescing)).toBe(real);
});
