// Every check in a time that grows with the text and not faster, on texts made to be slow: a text four times
// as long may take about four times as long, where a quadratic check would take sixteen.

import { beforeAll, expect, test } from "vitest";
import { checkText, compileChain } from "../../../actors/guard/chain.ts";
import { createHeldText } from "../../../actors/guard/held-text.ts";
import { loadGuardLibraries } from "../../../actors/guard/libraries.ts";
import { createPlaceholders } from "../../../actors/guard/placeholders.ts";
import type { Guardrail } from "../../../actors/records/guardrail.ts";

beforeAll(() => loadGuardLibraries());

/** Of the longer text. */
const UNITS = 1 << 16;
/** What takes less than this tells nothing of how it grows. */
const FLOOR_MS = 5;
/** Between four, which is linear, and sixteen, which is quadratic. */
const RATIO_MAX = 11;
const TRIES = 5;
const slow: Readonly<Record<string, string>> = {
  "one letter": "a",
  digits: "4",
  "digits in groups": "4111 ",
  "digits with signs": "(4)-1.",
  "plus signs": "+1 2 ",
  "at signs": "a@",
  "beginnings of addresses": "a@b.",
  "beginnings of IBANs": "DE89 ",
  "beginnings of tokens": "eyJaaaaaaaaaaa.",
  "beginnings of keys": "-----BEGIN PRIVATE KEY-----",
  "names of secrets": "password: ",
  orders: "ignore all ",
  "role marks": "\nuser: ",
  images: "![a](https://b.c/?d=",
  base64: "QUJD",
  "invisible characters": "a\u200b",
  tags: "\u{E0041}",
  colons: "a:",
  words: "falcon ",
};
const chains: Readonly<Record<string, Guardrail["check"]>> = {
  length: { type: "length", max_tokens: 1 },
  pattern: { type: "pattern", deny: ["(a+)+b", "[0-9 ]*x"] },
  allow: { type: "pattern", allow: ["^(a|a)*$"] },
  words: { type: "words", words: ["falcon", "falcon falcon falcon x", "鹰"] },
  pii: { type: "pii", phone_regions: ["DE", "US"] },
  injection: { type: "injection" },
};

/** Processor time of this process, ms: what else the machine does does not count. */
function cpuMs(work: () => void): number {
  const begun = process.cpuUsage();
  work();
  return process.cpuUsage(begun).user / 1000;
}

/** How much longer the longer text takes, the least of a few tries: compiling and collecting make it more. */
function growth(run: (text: string) => void, long: string): number {
  const short = long.slice(0, long.length / 4);
  run(short);
  let least = Number.POSITIVE_INFINITY;
  for (let count = 0; count < TRIES && least >= RATIO_MAX; count += 1) {
    least = Math.min(
      least,
      cpuMs(() => run(long)) /
        Math.max(
          FLOOR_MS,
          cpuMs(() => run(short)),
        ),
    );
  }
  return least;
}

test.each(Object.entries(chains))("%s", (_name, check) => {
  const chain = compileChain([{ on: ["input"], check, action: "flag" }], "ag_1");
  const run = (text: string): void => {
    checkText(chain, text, { on: "input", placeholders: createPlaceholders() });
  };
  for (const [what, unit] of Object.entries(slow)) {
    const long = unit.repeat(Math.floor(UNITS / unit.length));
    expect(growth(run, long), what).toBeLessThan(RATIO_MAX);
  }
});

test("what streams is held to the same, in pieces of a few characters", () => {
  const rule: Guardrail = { on: ["output"], check: { type: "pii" }, action: "redact" };
  const run = (text: string): void => {
    const held = createHeldText(compileChain([rule], "ag_1"), createPlaceholders());
    for (let at = 0; at < text.length; at += 16) held.push(text.slice(at, at + 16));
    held.end();
  };
  for (const unit of ["word ", "4111 ", "a"]) {
    const long = unit.repeat(Math.floor(UNITS / unit.length));
    expect(growth(run, long), unit).toBeLessThan(RATIO_MAX);
  }
});
