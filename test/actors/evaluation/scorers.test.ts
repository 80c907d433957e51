// Scorers on answers: what they give, why, and what they never give.

import { assert, asyncProperty, constantFrom, record, string, subarray } from "fast-check";
import { expect, test } from "vitest";
import {
  cosineScore,
  type Scored,
  scoreLocally,
  weighted,
} from "../../../actors/evaluation/scorers.ts";
import type { ExpectedOutcome } from "../../../actors/records/dataset.ts";
import { evaluationLimits } from "../../../actors/records/evaluation.ts";

const said = (
  text: string,
  expected: ExpectedOutcome = {},
  more: Partial<Scored> = {},
): Scored => ({
  ...{ text, routing: null, item: { expected } },
  ...more,
});
const routing = (action_name: string, selected_action = "SUB_AGENT") => ({
  ...{ selected_action, action_name, sub_agent_key: action_name === "Desk" ? null : "sa_1" },
});
const by = { name: "s", weight: 1 } as const;

test("exact compares the whole text, but for spaces around it and the form of its characters", async () => {
  const exact = { ...by, type: "exact" } as const;
  const of = (text: string, wanted: string, more: object = {}) =>
    scoreLocally({ ...exact, ...more }, said(text, { text: wanted }));

  expect((await of(" Caf\u0065\u0301\n", "Café")).score).toBe(1);
  expect((await of("paris", "Paris")).score).toBe(0);
  expect((await of("paris", "Paris", { ignore_case: true })).score).toBe(1);
  expect((await of("Paris!", "Paris.")).reason).toContain("character 6");
});

test("contains gives the share of what is there, or all for any, and names what is missing", async () => {
  const contains = { ...by, type: "contains" } as const;
  const facts = ["Rome", "Tiber", "Lazio"];
  const text = "ROME lies in Lazio.";

  const all = await scoreLocally(contains, said(text, { facts }));
  const any = await scoreLocally({ ...contains, mode: "any" }, said(text, { facts }));
  const cased = await scoreLocally({ ...contains, ignore_case: false }, said(text, { facts }));
  const own = await scoreLocally({ ...contains, values: ["Milan"] }, said(text, { facts }));

  expect(all).toMatchObject({ score: 2 / 3, reason: 'Not there: "Tiber".' });
  expect([any.score, cased.score, own.score]).toEqual([1, 1 / 3, 0]);
});

test("schema takes JSON that fits, in a fence too, and says where it does not", async () => {
  const schema = { type: "object", required: ["n"], properties: { n: { type: "integer" } } };
  const fits = { ...by, type: "schema" } as const;

  const good = await scoreLocally(fits, said('```json\n{"n": 1}\n```', { schema }));
  const bad = await scoreLocally(fits, said('{"n": "x"}', { schema }));
  const none = await scoreLocally(fits, said("n is 1", { schema }));
  const parsed = await scoreLocally(fits, said("n is 1", { schema }, { output: { n: 1 } }));
  const own = await scoreLocally({ ...fits, schema: { type: "array" } }, said("[]", { schema }));

  expect([good.score, bad.score, none.score, parsed.score, own.score]).toEqual([1, 0, 0, 1, 1]);
  expect(bad.reason).toContain('"/n"');
});

test("routing knows who answered by name, key or action, and of several the share", async () => {
  const routed = { ...by, type: "routing" } as const;
  const of = async (route: string | string[], routing_: Scored["routing"]) =>
    (await scoreLocally(routed, said("", { route }, { routing: routing_ }))).score;
  const parts = [
    { action_name: "Docs", sub_agent_key: "sa_1" },
    { action_name: "Billing", sub_agent_key: "sa_2" },
  ];
  const both = { ...routing("Desk", "SUPERVISOR"), parts };

  expect(await of("docs", routing("Docs"))).toBe(1);
  expect(await of("sa_1", routing("Docs"))).toBe(1);
  expect(await of("SUB_AGENT", routing("Docs"))).toBe(0);
  expect(await of("SUPERVISOR", routing("Desk", "SUPERVISOR"))).toBe(1);
  expect(await of(["Billing", "Docs"], both)).toBe(1);
  expect(await of("Docs", both)).toBe(1 / 2);
  expect(await of(["Docs", "Docs", "Tech"], routing("Docs"))).toBe(1 / 2);
  expect(await of("Docs", null)).toBe(0);
});

test("who answered counts for one of those who were expected, by name or by key", async () => {
  const routed = { ...by, type: "routing" } as const;
  const of = async (route: string[], ...parts: readonly (readonly [string, string])[]) => {
    const answered = parts.map(([action_name, sub_agent_key]) => ({ action_name, sub_agent_key }));
    const both = { ...routing("Desk", "SUPERVISOR"), parts: answered };
    return (await scoreLocally(routed, said("", { route }, { routing: both }))).score;
  };

  expect(await of(["Docs", "sa_1"], ["Docs", "sa_1"], ["Billing", "sa_2"])).toBe(1 / 2);
  expect(await of(["sa_1", "Billing"], ["Docs", "sa_1"], ["Billing", "sa_2"])).toBe(1);
});

test("a scorer whose expectation an item has not does not apply, and is no part of the mean", async () => {
  for (const type of ["exact", "schema", "contains", "routing"] as const) {
    expect((await scoreLocally({ ...by, type }, said("x"))).score).toBeNull();
  }
  const scorers = [
    { name: "a", weight: 3 },
    { name: "b", weight: 1 },
    { name: "c", weight: 9 },
  ];
  const score = (scorer: string, value: number | null) => ({ scorer, score: value, reason: "" });
  expect(weighted(scorers, [score("a", 1), score("b", 0), score("c", null)])).toBe(0.75);
  expect(weighted(scorers, [score("c", null)])).toBeNull();
});

test("similarity is the cosine, never below 0, and 0 for a text without words", () => {
  const of = (left: number[], right: number[]) =>
    cosineScore(Float32Array.from(left), Float32Array.from(right));
  expect([of([1, 0], [2, 0]), of([1, 0], [0, 1]), of([1, 0], [-1, 0]), of([0, 0], [1, 0])]).toEqual(
    [1, 0, 0, 0],
  );
});

test("whatever is said and expected, a score is 0 to 1 with a reason that fits", async () => {
  const words = subarray(["Rome", "ROME", "", "é", "{", "Tiber\u0000", "\ud800", " "]);
  const scorer = record({
    type: constantFrom("exact" as const, "contains" as const, "routing" as const),
    mode: constantFrom("all" as const, "any" as const),
    ignore_case: constantFrom(true, false),
  });
  const seen = new Set<string>();
  await assert(
    asyncProperty(string(), string(), words, scorer, async (text, wanted, more, one) => {
      const facts = more.filter((word) => word !== "");
      const expected = { text: wanted, route: wanted, ...(facts.length > 0 && { facts }) };
      const of = said(text, expected, { routing: routing(text) });
      const { score, reason } = await scoreLocally({ ...by, ...one } as never, of);
      seen.add(one.type);
      expect(score === null || (score >= 0 && score <= 1)).toBe(true);
      expect(reason.length).toBeGreaterThan(0);
      expect(reason.length).toBeLessThanOrEqual(evaluationLimits.reasonChars);
      const same = await scoreLocally({ ...by, type: "exact" }, said(wanted, { text: wanted }));
      expect(same.score).toBe(1);
    }),
    { numRuns: 300 },
  );
  expect(seen.size).toBe(3);
});
