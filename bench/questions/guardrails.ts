// What each check of guardrails costs on a text of a million characters that is made to be slow, and how that
// grows from half of it: twice as much is linear, four times as much is quadratic.

import { checkText, compileChain } from "../../actors/guard/chain.ts";
import { loadGuardLibraries } from "../../actors/guard/libraries.ts";
import { createPlaceholders } from "../../actors/guard/placeholders.ts";
import { repeated, slowChecks, slowTexts } from "../../test/support/slow-texts.ts";
import { type Question, type Row, row } from "../question.ts";

const CHARS = 1 << 20;
const GROWTH_MAX = 3;
/** Half of it has to take so long, ms, for its growth to say something. */
const FLOOR_MS = 5;

/** Processor time of this process, ms. */
function cpuMs(work: () => void): number {
  const begun = process.cpuUsage();
  work();
  return process.cpuUsage(begun).user / 1_000;
}

function measured(name: string, rounds: number): Row {
  const check = slowChecks[name];
  if (check === undefined) throw new Error(`There is no check ${name}.`);
  const chain = compileChain([{ on: ["input"], check, action: "flag" }], "bench");
  const look = (text: string): number =>
    cpuMs(() => void checkText(chain, text, { on: "input", placeholders: createPlaceholders() }));
  let worst = { whole: 0, half: FLOOR_MS, what: "" };
  for (const [what, unit] of Object.entries(slowTexts)) {
    const [half, whole] = [CHARS / 2, CHARS].map((chars) => {
      const text = repeated(unit, chars);
      look(text);
      return Math.min(...Array.from({ length: rounds }, () => look(text)));
    });
    if (half === undefined || whole === undefined || whole <= worst.whole) continue;
    worst = { whole, half: Math.max(FLOOR_MS, half), what };
  }
  return row(`guardrails, ${name}: CPU for ${CHARS} characters, ms`, [worst.whole], {
    peer: [worst.half],
    goal: `< ${GROWTH_MAX}x that of half of them`,
    holds: (_figure, ratio) => ratio < GROWTH_MAX,
    note: `slowest text: ${worst.what}`,
  });
}

/** The question. */
export const guardrails: Question = {
  name: "guardrails",
  async run({ rounds, say }) {
    await loadGuardLibraries();
    return Object.keys(slowChecks).map((name) => {
      say(name);
      return measured(name, rounds);
    });
  },
};
