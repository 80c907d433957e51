// Streamed text under guardrails: whatever a model's pieces are, what is shown is the same, nothing of it is
// taken back, and it is what checking the whole text gives.

import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { checkText, compileChain } from "../../../actors/guard/chain.ts";
import { createHeldText } from "../../../actors/guard/held-text.ts";
import { loadGuardLibraries } from "../../../actors/guard/libraries.ts";
import { createPlaceholders } from "../../../actors/guard/placeholders.ts";
import type { Guardrail } from "../../../actors/records/guardrail.ts";

beforeAll(() => loadGuardLibraries());

const redact = (check: Guardrail["check"]): Guardrail => ({
  ...{ on: ["output"], check, action: "redact" },
});
const block = (check: Guardrail["check"]): Guardrail => ({ ...redact(check), action: "block" });

/** Pieces of text as models stream them, with what is looked for whole, broken up and near misses. */
const samples = [
  ...["write to ana.lee@example.com", "ana.lee@", "example.com now", "DE89 3704 0044 0532 0130 00"],
  ...["GB29 NWBK 6016 1331 9268 19", "4111 1111 1111 1111", "4111-1111-1111-1112", "+49 30 901820"],
  ...["(415) 555-2671", "536-90-4399", "192.168.17.4", "password: hunter2-Xq9!", "api key = "],
  ...[
    "4111\u00A01111\u202F1111\u20111111",
    "５３６－９０－４３９９",
    "ana＠ｅｘａｍｐｌｅ.com",
    "\u3000",
  ],
  ...["postgres://app:s3cret@db", "\u2013", "٤١١١", "\u00A0"],
  ...["sk-abcdefghijklmnopqrstuvwx12", "AKIAIOSFODNN7EXAMPLE", "the falcon flies", "FALCON"],
  ...[
    "falconry",
    "night heron",
    "night  heron",
    "x",
    " ",
    "\n",
    ". ",
    ", ",
    "😀",
    "你好，",
    "4",
    "the ",
  ],
  ...[
    "in 2024 we saw 12 of 30 ",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nABCD=\n-----END RSA PRIVATE KEY-----",
  ],
] as const;
const text = fc
  .array(fc.oneof(fc.constantFrom(...samples), fc.string({ maxLength: 6 })), { maxLength: 24 })
  .map((parts) => parts.join(""));

const chains: readonly (readonly Guardrail[])[] = [
  [redact({ type: "pii" })],
  [redact({ type: "words", words: ["falcon", "night heron", "你好"] })],
  [redact({ type: "pattern", deny: ["fal[a-z]+n", "\\bthe\\b", "[0-9]{3}-[0-9]{2}"] })],
  [redact({ type: "pii" }), redact({ type: "pattern", deny: ["\\[[A-Z]+_[0-9]+\\]"] })],
  [redact({ type: "pii", entities: ["phone", "ip"] }), block({ type: "words", words: ["falcon"] })],
];

function streamed(chain: readonly Guardrail[], whole: string, cuts: readonly number[]) {
  const held = createHeldText(compileChain(chain, "ag_1"), createPlaceholders());
  let shown = "";
  let at = 0;
  for (const size of cuts) {
    shown += held.push(whole.slice(at, at + size));
    at += size;
  }
  const pushed = shown + held.push(whole.slice(at));
  return { shown, all: pushed + held.end(), blockedBy: held.blockedBy?.name ?? null };
}

test("what is shown does not depend on how the text was cut, and is never taken back", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...chains),
      text,
      fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 60 }),
      (chain, whole, cuts) => {
        const once = streamed(chain, whole, []);
        const pieces = streamed(chain, whole, cuts);
        const units = streamed(chain, whole, new Array(whole.length).fill(1));
        expect(pieces.all).toBe(once.all);
        expect(units.all).toBe(once.all);
        expect(pieces.blockedBy).toBe(once.blockedBy);
        expect(once.all.startsWith(pieces.shown)).toBe(true);
      },
    ),
    { numRuns: 400 },
  );
});

test("redacting while it streams gives what redacting the whole gives", () => {
  fc.assert(
    fc.property(fc.constantFrom(...chains.slice(0, 4)), text, (chain, whole) => {
      const where = { on: "output", placeholders: createPlaceholders() } as const;
      const { text: wanted } = checkText(compileChain(chain, "ag_1"), whole, where);
      expect(streamed(chain, whole, new Array(whole.length).fill(1)).all).toBe(wanted);
    }),
    { numRuns: 400 },
  );
});

test("nothing that is looked for is shown, even for a moment", () => {
  const secret = "sk-abcdefghijklmnopqrstuvwx12";
  const whole = `The key is ${secret} and no more.`;
  const held = createHeldText(
    compileChain([redact({ type: "pii" })], "ag_1"),
    createPlaceholders(),
  );
  const seen: string[] = [];
  for (const unit of whole) seen.push(held.push(unit));
  seen.push(held.end());

  expect(seen.join("")).toBe("The key is [SECRET_1] and no more.");
  expect(seen.some((piece) => /sk-|abcdef/.test(piece))).toBe(false);
});

test("prose is held back by a word or two, not by a window", () => {
  const held = createHeldText(
    compileChain([redact({ type: "pii" })], "ag_1"),
    createPlaceholders(),
  );
  const whole =
    "Plain prose about trees and rivers goes on and on, as prose does, word after word. ";
  let most = 0;
  let shown = 0;
  for (const [at, unit] of [...whole.repeat(20)].entries()) {
    shown += held.push(unit).length;
    most = Math.max(most, at + 1 - shown);
  }

  expect(most).toBeLessThan(24);
});

test("a blocked text ends before the place that blocks it, and says nothing more", () => {
  const chain = compileChain([block({ type: "words", words: ["falcon"] })], "ag_1");
  const held = createHeldText(chain, createPlaceholders());
  const all = ["All is well. The fal", "con flies", " at noon."].map((piece) => held.push(piece));

  expect([...all, held.end()].join("")).toBe("All is well. The ");
  expect(held.blockedBy?.name).toBe("words-1");
  expect(held.findings[0]).toMatchObject({ count: 1, spans: [{ start: 17, end: 23 }] });
});
